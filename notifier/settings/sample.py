"""The sample configuration file, made from the structs: every key with its description and its default."""

import re
from collections.abc import Iterator
from datetime import timedelta
from textwrap import wrap
from typing import Any, get_origin

from msgspec import Struct

from notifier.config import Config, secrets
from notifier.settings.descriptions import description, hints, struct_of, unwrap
from notifier.settings.durations import format_duration

WIDTH = 100

_PLAIN = re.compile(r"[A-Za-z0-9/.+][A-Za-z0-9 /.+@_:-]*(?<![ :])", re.ASCII)

_HEAD = """\
# Configuration of Notifier: every key with its default. Copy it and keep what you change; what is not given
# keeps its default. `notifier check` tells every mistake with its line. Reference: docs/CONFIGURATION.md.
#
# Any key can be overridden from the environment: NOTIFIER__SERVER__LISTEN, NOTIFIER__PROVIDERS__0__HOST
# (0 is the first item). Durations have a unit: 30 s, 15 min, 2 h, 400 days. A secret is better kept in a file
# of its own: password_file, link_secret_file.
"""


def sample() -> str:
    """Return config/notifier.yaml: every key with its description and its default."""
    lines = [_HEAD.rstrip()]
    for name, annotation in hints(Config).items():
        lines += ["", *_entry(name, annotation, getattr(Config(), name), "")]
    return "\n".join(lines) + "\n"


def in_one_line(value: Any) -> str:
    """Return a value in one line of YAML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, tuple):
        return f"[{', '.join(in_one_line(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{in_one_line(key)}: {in_one_line(item)}' for key, item in value.items())}}}"
    text = str(value)
    is_plain = _PLAIN.fullmatch(text) and ": " not in text and " #" not in text
    return text if is_plain else "'" + text.replace("'", "''") + "'"


def _entry(name: str, annotation: Any, value: Any, indent: str) -> Iterator[str]:
    """Yield the lines of one key with its comment."""
    yield from _comment(description(annotation), indent)
    struct = struct_of(annotation)
    if struct is None:
        yield f"{indent}{name}: {in_one_line(value)}"
    elif get_origin(unwrap(annotation)[0]) is not tuple:
        yield f"{indent}{name}:"
        yield from _keys(struct, value, indent + "  ")
    elif value:
        yield f"{indent}{name}:"
        yield from _items(struct, value, indent + "  ")
    else:
        yield from _described_items(struct, indent)
        yield f"{indent}{name}: []"


def _keys(struct: type[Struct], value: Struct, indent: str) -> Iterator[str]:
    """Yield every key of a section, and the twin of a secret as a comment."""
    for name, annotation in hints(struct).items():
        yield from _entry(name, annotation, getattr(value, name), indent)
        if name in secrets(struct):
            yield f"{indent}# {name}_file: FILE"


def _items(struct: type[Struct], values: tuple[Struct, ...], indent: str) -> Iterator[str]:
    """Yield the items of a list: the first with every key and its comment, the rest in short."""
    first, *rest = values
    lines = list(_keys(struct, first, indent + "  "))
    begun = next(index for index, line in enumerate(lines) if not line.lstrip().startswith("#"))
    lines[begun] = f"{indent}- {lines[begun].lstrip()}"
    yield from (line.replace(f"{indent}  #", f"{indent}#", 1) for line in lines[:begun])
    yield from lines[begun:]
    for value in rest:
        inner = ", ".join(f"{child}: {in_one_line(getattr(value, child))}" for child in hints(struct))
        yield f"{indent}- {{{inner}}}"


def _described_items(struct: type[Struct], indent: str) -> Iterator[str]:
    """Yield a comment that describes the items a list may have."""
    mark = "- "
    for child, hint in hints(struct).items():
        first, *more = wrap(description(hint), WIDTH - 22)
        yield f"{indent}#   {mark}{child + ':':<12}{first}"
        yield from (f"{indent}#   {'':<14}{line}" for line in more)
        if child in secrets(struct):
            yield f"{indent}#   {'':<2}{child}_file: FILE"
        mark = "  "


def _comment(text: str, indent: str) -> Iterator[str]:
    yield from (f"{indent}# {line}" for line in wrap(text, WIDTH - len(indent)))
