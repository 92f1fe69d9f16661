"""What every section of the configuration has in common: it is immutable, refuses unknown keys and hides its secrets."""

# ruff: noqa: E501  # one description per key, beside it

from functools import cache
from typing import Any, get_type_hints

from msgspec import Struct


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common options of every section: immutable, keyword-only, no unknown keys, secrets never shown."""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Name each key with its value; a secret that is set is shown as `***`."""
        hidden = secrets(type(self))
        shown = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(name, "***" if value and name in hidden else value) for name, value in shown]

    def __repr__(self) -> str:
        """Return the section for people, without its secrets."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


@cache
def marked(section: type[Struct], mark: str) -> frozenset[str]:
    """Return the keys of a section whose `Meta` carries a mark, such as `secret` or `folder`."""
    return frozenset(
        name
        for name, annotation in get_type_hints(section, include_extras=True).items()
        for meta in getattr(annotation, "__metadata__", ())
        if (meta.extra or {}).get(mark)
    )


def secrets(section: type[Struct]) -> frozenset[str]:
    """Return the keys of a section that hold a secret."""
    return marked(section, "secret")
