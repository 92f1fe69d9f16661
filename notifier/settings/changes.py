"""What differs between two configurations, by key, and which keys only a restart takes up.

In: the configuration in force and the one just read. Out: paths such as `caps.every`, never values: some are secret.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import fields, replace

from notifier.config import Config, Settings, marked
from notifier.settings.descriptions import hints, struct_of


def changed(before: Config, after: Config) -> list[str]:
    """Return the paths of keys whose values differ; a list of sections that changed is one path."""
    return list(_changed(before, after, ""))


def restart_only(path: str) -> bool:
    """Tell whether a key is read once, when the daemon starts."""
    return path in _RESTART


def taken_up(before: Config, after: Config) -> Config:
    """Return the configuration to work by: what was just read, with the keys that need a restart as they were."""
    for path in sorted(_RESTART):
        section, _, key = path.partition(".")
        kept = getattr(getattr(before, section), key)
        after = replace(after, **{section: replace(getattr(after, section), **{key: kept})})
    return after


def _changed(before: Struct, after: Struct, path: str) -> Iterator[str]:
    for info in fields(after):
        at = f"{path}.{info.name}" if path else info.name
        old, new = getattr(before, info.name), getattr(after, info.name)
        if isinstance(old, Settings) and isinstance(new, Settings):
            yield from _changed(old, new, at)
        elif old != new:
            yield at


def _restart_keys() -> Iterator[str]:
    for name, annotation in hints(Config).items():
        section = struct_of(annotation)
        if section is not None:
            yield from (f"{name}.{key}" for key in marked(section, "restart"))


_RESTART = frozenset(_restart_keys())
