"""The configuration file and the environment in, a `Config` out, or every mistake at once."""

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from notifier.config import Config
from notifier.domain.contact import canonical
from notifier.domain.errors import ConfigError
from notifier.settings.conversion import Reader
from notifier.settings.environment import DEFAULTS, overlay
from notifier.settings.files import Unreadable, read_text
from notifier.settings.rules import broken
from notifier.settings.tree import BYTES_AT_MOST, Place, Problem, Table, Text, lines_of, parse

DEFAULT_FILE = Path("config/notifier.yaml")
VARIABLE = "NOTIFIER_CONFIG"


def find_file(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Return the configuration file: the given one, else `NOTIFIER_CONFIG`, else ./config/notifier.yaml if it is there.

    None means that the defaults hold.
    """
    if path is not None:
        return path
    if named := environ.get(VARIABLE):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Return the settings; raise `ConfigError` with one line per mistake.

    A mistake in one key does not hide those in others. Relative folders and secret files are looked for beside the
    configuration file, or in the working directory where there is none.
    """
    file = find_file(path, environ)
    root, problems = read_table(file, BYTES_AT_MOST) if file is not None else (Table(place=DEFAULTS), [])
    if root is None:
        raise ConfigError(lines_of(problems))
    tree, misfits = overlay(root, Config, environ)
    reader = Reader(folder=file.parent if file is not None else Path(), problems=[*problems, *misfits])
    config = reader.read(tree, Config)
    if config is not None:
        reader.problems += broken(config, reader)
    if config is None or reader.problems:
        raise ConfigError(lines_of(reader.problems))
    return _with_guests_as_stored(config)


def _with_guests_as_stored(config: Config) -> Config:
    """Return the settings with the guest list written as the directory writes addresses: it is compared with those."""
    guests = tuple(canonical(entry, config.regions.country) for entry in config.delivery.only_to)
    return replace(config, delivery=replace(config.delivery, only_to=guests)) if guests else config


def read_table(path: Path, bytes_at_most: int) -> tuple[Table | None, list[Problem]]:
    """Return the tree of a YAML file whose top is a map, and what is wrong with it; None when it cannot be used."""
    place = Place(str(path))
    try:
        text = read_text(path, bytes_at_most)
    except Unreadable as error:
        return None, [Problem(place=place, reason=str(error))]
    if not text.strip():
        return None, [Problem(place=place, reason="is empty; expected keys, or at least a comment that says why not")]
    root, problems = parse(text, str(path))
    if not problems and (root is None or (isinstance(root, Text) and root.is_nothing)):  # comments alone
        return Table(place=place), []
    if root is not None and not isinstance(root, Table):
        return None, [
            *problems,
            Problem(place=root.place, reason="is no map; expected sections with keys, as in 'server:'"),
        ]
    return root, problems
