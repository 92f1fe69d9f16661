"""Finding the files that ship with Notifier, and the operator's own files that take their place.

`templates/` and `config/` lie in the root of a checkout and in `notifier/_shipped/` of an installed wheel.
A folder of the operator's overrides them file by file: a file of the same relative name wins, all others stay.
Nothing here reads a file; callers get paths.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """Return a shipped folder, such as `templates` or `config/playbooks`.

    A wheel carries it inside the package; a checkout has it beside the package. Raises `FileNotFoundError` naming
    both places when the installation is damaged.
    """
    places = [_PACKAGE / "_shipped" / folder, _PACKAGE.parent / folder]
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f"the shipped folder {folder} is missing; looked in {places[0].parent} and {places[1].parent}"
    )


def resources(folder: str, pattern: str, own: Path | None = None) -> dict[str, Path]:
    """Return the files of a shipped folder that match a glob, by relative name, with the operator's own on top.

    `own` is the operator's folder; it may hold more files than are shipped. Names use `/` and come sorted.
    """
    found = _files(shipped(folder), pattern)
    if own is not None:
        found |= _files(own, pattern)
    return dict(sorted(found.items()))


def _files(root: Path, pattern: str) -> dict[str, Path]:
    return {path.relative_to(root).as_posix(): path for path in root.glob(pattern) if path.is_file()}
