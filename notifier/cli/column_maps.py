"""Maps of columns as files: shipped ones by name, one's own by path; read with every mistake said, written once.

A map that a person has seen is kept, so that the next import of the same export asks nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from msgspec.structs import replace

from notifier.domain.column_map import ColumnMap, folded, is_ours, problems
from notifier.domain.errors import nearest

FOLDER = "config/imports"
BYTES_AT_MOST = 262_144
_LINES_AT_MOST = 20  # problems shown

ABOUT = """\
# Which column of an export is which of ours; made by `notifier customers import`, for `--map`. Change it as you like:
# docs/IMPORT.md says what may stand here.
"""


def presets() -> dict[str, Path]:
    """Return the shipped maps by name."""
    from notifier.resources import resources

    return {path.stem: path for path in resources(FOLDER, "*.yaml").values()}


def load(named: str) -> ColumnMap | None:
    """Return the map of a file or a shipped one; None for a file that is not there yet. Raises `UsageError`."""
    path = Path(named)
    if not path.exists():
        shipped = presets()
        if named in shipped:
            return read(shipped[named])
        if not path.suffix:
            hint = nearest(named, list(shipped)) or f"; expected {', '.join(shipped)}, or a file such as {named}.yaml"
            raise click.UsageError(f"'{named}' is no shipped map{hint}")
        return None
    return read(path)


def is_shipped(named: str) -> bool:
    """Tell whether a shipped map is meant."""
    return not Path(named).exists() and named in presets()


def read(path: Path) -> ColumnMap:
    """Return the map of a file; raise `UsageError` with every mistake in it."""
    from notifier.settings.conversion import Reader
    from notifier.settings.load import read_table
    from notifier.settings.tree import lines_of

    table, found = read_table(path, BYTES_AT_MOST)
    reader = Reader(folder=path.parent, problems=found)
    mapping = reader.read(table, ColumnMap) if table is not None else None
    if mapping is None or reader.problems:
        raise click.UsageError("\n".join(lines_of(reader.problems)[:_LINES_AT_MOST]))
    return mapping


def changed(mapping: ColumnMap, set_: Mapping[str, str], same: Mapping[str, str]) -> ColumnMap:
    """Return a map with what was said besides: columns (an empty one = not used), and values of all rows."""
    columns = {ours: theirs for ours, theirs in mapping.columns.items() if ours not in set_ and ours not in same}
    columns |= {ours: (theirs,) for ours, theirs in set_.items() if theirs}
    fixed = {ours: value for ours, value in mapping.same.items() if ours not in set_} | dict(same)
    return replace(mapping, columns=columns, same=fixed)


def pairs(said: Sequence[str], option: str) -> dict[str, str]:
    """Return `OURS=VALUE` options as a map; raise `UsageError`."""
    found: dict[str, str] = {}
    for each in said:
        ours, equals, value = each.partition("=")
        ours = folded(ours)
        if not equals or not is_ours(ours):
            raise click.UsageError(f"{option} '{each}' is not such as phone=Mobile, with a column of ours first")
        found[ours] = value.strip()
    return found


def check(mapping: ColumnMap, source: str) -> None:
    """Raise `UsageError` when a map cannot be used."""
    if found := problems(mapping):
        raise click.UsageError("\n".join(f"{source}: {key}: {why}" for key, why in found[:_LINES_AT_MOST]))


def write(mapping: ColumnMap, path: Path) -> None:
    """Write a map into a new file; raise `UsageError` when that cannot be."""
    import yaml

    said: dict[str, object] = {}
    if mapping.separator:
        said["separator"] = mapping.separator
    if mapping.encoding:
        said["encoding"] = mapping.encoding
    said["columns"] = {ours: list(theirs) for ours, theirs in mapping.columns.items()}
    for key in ("words", "same", "take"):
        if value := getattr(mapping, key):
            said[key] = {ours: dict(each) if isinstance(each, dict) else str(each) for ours, each in value.items()}
    text = ABOUT + yaml.safe_dump(said, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.UsageError(f"cannot write {path}: {error.strerror}") from error
