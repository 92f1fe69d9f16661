"""What a key expects, in words, from its type and its `Meta`: for messages and for the reference."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo

from notifier.settings import durations

_IN_WORDS = {
    r"^([01][0-9]|2[0-3]):[0-5][0-9]$": "a time of day from 00:00 to 23:59, such as 08:00",
    r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$": "a day such as 2026-06-27, or nothing",
    r"^([0-9]{1,4}(\.[0-9]{1,6})?)?$": "an amount such as 0.0083, or nothing",
}  # what a pattern asks for, for whom a regular expression says little
_CHOICE = re.compile(r"\^\(([a-z|]+)\)\$")


@cache
def hints(struct: type[Struct]) -> Mapping[str, Any]:
    """Return the annotations of a struct with their `Meta`."""
    return get_type_hints(struct, include_extras=True)


def unwrap(annotation: Any) -> tuple[Any, Meta | None]:
    """Return the bare type of an annotation, and its `Meta`."""
    if get_origin(annotation) is Annotated:
        kind, *rest = get_args(annotation)
        return kind, next((meta for meta in rest if isinstance(meta, Meta)), None)
    return annotation, None


def describe(annotation: Any) -> str:
    """Return in words what a key expects: `a whole number from 1 to 64`."""
    kind, meta = unwrap(annotation)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return alternatives(members(kind, meta))
    if isinstance(kind, type) and issubclass(kind, Struct):
        return f"keys such as {', '.join(f'{name}:' for name in kind.__struct_fields__[:3])}"
    if get_origin(kind) is tuple:
        inner, _ = unwrap(get_args(kind)[0])
        nested = isinstance(inner, type) and issubclass(inner, Struct)
        least = " with at least one item" if meta is not None and meta.min_length else ""
        return f"a list{least}, each with {describe(inner)}" if nested else f"a list{least}, such as [a, b]"
    if get_origin(kind) is dict:
        return "a map such as {en: internet}"
    if kind is timedelta:
        return durations.EXPECTED
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return ("a whole number" if kind is int else "a number") + _bounds(meta)
    return _text(meta)


def default_of(info: FieldInfo) -> Any:
    """Return the default of a key that has one."""
    return info.default if info.default is not msgspec.NODEFAULT else info.default_factory()


def description(annotation: Any) -> str:
    """Return what the `Meta` of a key says it is."""
    meta = unwrap(annotation)[1]
    return meta.description or "" if meta is not None else ""


def struct_of(annotation: Any) -> type[Struct] | None:
    """Return the struct that a section is, or that the items of a list are."""
    kind, _ = unwrap(annotation)
    if get_origin(kind) is tuple:
        kind, _ = unwrap(get_args(kind)[0])
    return kind if isinstance(kind, type) and issubclass(kind, Struct) else None


def choices(meta: Meta | None) -> list[str]:
    """Return the words of a pattern that is nothing but a choice, such as `^(json|text)$`."""
    match = _CHOICE.fullmatch(meta.pattern) if meta is not None and meta.pattern else None
    return match[1].split("|") if match else []


def members(kind: type[StrEnum], meta: Meta | None) -> list[str]:
    """Return the words of an enum that a key takes: all but those its `Meta` calls `refused`."""
    refused = (meta.extra or {}).get("refused", ()) if meta is not None else ()
    return [str(member) for member in kind if member not in refused]


def alternatives(words: Sequence[str]) -> str:
    """Return `a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _bounds(meta: Meta | None) -> str:
    if meta is None:
        return ""
    if meta.ge is not None and meta.le is not None:
        return f" from {meta.ge} to {meta.le}"
    if meta.gt is not None:
        return f" above {meta.gt}"
    return f" of at least {meta.ge}" if meta.ge is not None else ""


def _text(meta: Meta | None) -> str:
    if words := choices(meta):
        return alternatives(words)
    if meta is not None and meta.pattern:
        return _IN_WORDS.get(meta.pattern, f"a text that matches {meta.pattern}")
    if meta is not None and meta.min_length and meta.min_length == meta.max_length:
        return f"a text of {meta.min_length} characters"
    return "a text that is not empty" if meta is not None and meta.min_length else "a text"
