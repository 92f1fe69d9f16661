"""Nodes to typed structs: the type of a key decides how its text is read, and every mistake is reported.

In: a `Table` and a struct whose fields are annotated with `Meta`. Out: the struct, or None with problems that name
place, key, what is wrong and what would be right. A key whose value is wrong keeps its default meanwhile, so that the
rest can still be judged. Secrets may come from the file that a key `KEY_file` names; their values are never shown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo, fields

from notifier.config import marked, secrets
from notifier.domain.errors import nearest
from notifier.settings import durations
from notifier.settings.descriptions import choices, default_of, describe, hints, members, unwrap
from notifier.settings.files import Unreadable, read_text
from notifier.settings.tree import Items, Node, Place, Problem, Table, Text, below, is_line

S = TypeVar("S", bound=Struct)

SECRET_BYTES_AT_MOST = 65_536
SHOWN_AT_MOST = 60  # characters of a wrong value in a message

_WRONG = object()
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_OLD_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


@dataclass(slots=True, kw_only=True)
class Reader:
    """Converts nodes, and collects the problems and places it meets.

    `folder` is where relative folders and secret files of the text are looked for.
    """

    folder: Path
    problems: list[Problem] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)

    def read(self, table: Table, struct: type[S], path: str = "") -> S | None:
        """Return the struct that a table describes, or None when a required key is missing or wrong."""
        known = {info.name: info for info in fields(struct)}
        twins = {f"{name}_file": name for name in secrets(struct)}
        self._unknown_keys(table, struct, [*known, *twins], path)
        values: dict[str, Any] = {}
        complete = True
        for name, info in known.items():
            value = self._key(table, struct, info, path)
            if value is not _WRONG:
                values[name] = value
            elif info.required:
                complete = False
        return struct(**values) if complete else None

    def fail(self, place: Place, path: str, reason: str) -> None:
        """Report a mistake."""
        self.problems.append(Problem(place=place, path=path, reason=reason))

    def place_of(self, path: str, otherwise: Place) -> Place:
        """Return where a key, or else the nearest one above it, was written."""
        while path:
            if path in self.places:
                return self.places[path]
            path = re.sub(r"(\.[^.\[]*|\[[0-9]+\]|^[^.\[]*)$", "", path)
        return otherwise

    def _unknown_keys(self, table: Table, struct: type[Struct], known: Sequence[str], path: str) -> None:
        for key, node in table.nodes.items():
            if key not in known:
                hint = nearest(key, known) or _section_of(key, struct) or f"; known here: {', '.join(known)}"
                self.fail(node.place, below(path, _shorten(key)), f"unknown key{hint}")

    def _key(self, table: Table, struct: type[Struct], info: FieldInfo, path: str) -> Any:
        """Return the value of one key: given, from its secret file, or its default."""
        at = below(path, info.name)
        node = table.nodes.get(info.name)
        secret = info.name in secrets(struct)
        if secret and (twin := table.nodes.get(f"{info.name}_file")) is not None:
            if node is not None and not (isinstance(node, Text) and not node.value):
                self.fail(twin.place, f"{at}_file", f"is given together with {info.name}; expected one of the two")
                return _WRONG
            return self._secret(twin, f"{at}_file")
        if node is None:
            if not info.required:
                return default_of(info)
            self.fail(
                table.place, path, f"the key '{info.name}' is missing; expected {describe(hints(struct)[info.name])}"
            )
            return _WRONG
        self.places[at] = node.place
        value = self._value(node, hints(struct)[info.name], at, secret=secret)
        if value and value is not _WRONG and info.name in marked(struct, "folder"):
            return self._folder(node, value, at)
        return value

    def _value(self, node: Node, annotation: Any, path: str, *, secret: bool = False) -> Any:
        kind, _ = unwrap(annotation)
        if isinstance(kind, type) and issubclass(kind, Struct):
            return self._struct(node, kind, path)
        origin = get_origin(kind)
        if origin is tuple:
            return self._list(node, annotation, get_args(kind)[0], path)
        if origin is dict:
            return self._map(node, annotation, path)
        if not isinstance(node, Text):
            self.fail(node.place, path, f"{_what(node)}; expected {describe(annotation)}")
            return _WRONG
        if node.is_nothing:
            empty = "; write '' for an empty text" if kind is str else ""
            self.fail(node.place, path, f"has no value; expected {describe(annotation)}{empty}")
            return _WRONG
        try:
            return _checked(_scalar(node.value, kind), annotation)
        except ValueError as error:
            shown = "" if secret else f"{_shorten(node.value)!r} "
            self.fail(
                node.place, path, f"{shown}{error}; expected {describe(annotation)}{_hint(node.value, annotation)}"
            )
            return _WRONG

    def _struct(self, node: Node, kind: type[Struct], path: str) -> Any:
        if isinstance(node, Text) and node.is_nothing:  # a section whose keys are all commented out
            node = Table(place=node.place)
        if not isinstance(node, Table):
            self.fail(node.place, path, f"{_what(node)}; expected {describe(kind)}")
            return _WRONG
        value = self.read(node, kind, path)
        return _WRONG if value is None else value

    def _list(self, node: Node, annotation: Any, item: Any, path: str) -> Any:
        if not isinstance(node, Items):
            self.fail(node.place, path, f"{_what(node)}; expected {describe(annotation)}")
            return _WRONG
        values: list[Any] = []
        for index, child in enumerate(node.nodes):
            at = below(path, index)
            self.places[at] = child.place
            values.append(self._value(child, item, at))
        if any(value is _WRONG for value in values):
            return _WRONG
        return self._whole(tuple(values), node, annotation, path)

    def _map(self, node: Node, annotation: Any, path: str) -> Any:
        if not isinstance(node, Table):
            self.fail(node.place, path, f"{_what(node)}; expected {describe(annotation)}")
            return _WRONG
        kind, _ = unwrap(annotation)
        values: dict[str, Any] = {}
        for key, child in node.nodes.items():
            self.places[below(path, key)] = child.place
            values[key] = self._value(child, get_args(kind)[1], below(path, key))
        if any(value is _WRONG for value in values.values()):
            return _WRONG
        return self._whole(values, node, annotation, path)

    def _whole(self, value: Any, node: Node, annotation: Any, path: str) -> Any:
        try:
            return _checked(value, annotation)
        except ValueError as error:
            self.fail(node.place, path, f"{error}; expected {describe(annotation)}")
            return _WRONG

    def _folder(self, node: Node, value: str, path: str) -> Any:
        """Return the absolute path of a folder that is relative to the text that names it."""
        folder = (self.folder / value).absolute()
        if folder.is_dir():
            return str(folder)
        self.fail(node.place, path, f"{folder} is no folder; expected one, or '' for what is shipped")
        return _WRONG

    def _secret(self, node: Node, path: str) -> Any:
        """Return what stands in the file that a `KEY_file` names."""
        if not isinstance(node, Text) or node.is_nothing or not node.value:
            self.fail(node.place, path, "names no file; expected the path of a file that holds the secret")
            return _WRONG
        file = self.folder / node.value
        try:
            text = read_text(file, SECRET_BYTES_AT_MOST).rstrip("\r\n")
        except Unreadable as error:
            self.fail(node.place, path, f"{file}: {error}")
            return _WRONG
        if not text or not is_line(text):
            wrong = "holds more than one line" if text else "is empty"
            self.fail(node.place, path, f"{file}: {wrong}; expected the secret and nothing else")
            return _WRONG
        return text


def _section_of(key: str, struct: type[Struct]) -> str:
    """Return a hint when a section of the struct has this key: the line is probably not indented."""
    for name, annotation in hints(struct).items():
        kind, _ = unwrap(annotation)
        if isinstance(kind, type) and issubclass(kind, Struct) and key in kind.__struct_fields__:
            return f"; it belongs under '{name}:'"
    return ""


def _scalar(text: str, kind: Any) -> Any:
    """Return the value that a text means for a type; raise `ValueError` with what is wrong."""
    if kind is str:
        text = text.removesuffix("\n")  # the end of a folded text
        if not is_line(text):
            raise ValueError("has a line break or a character that cannot be shown")
        return text
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise ValueError("is neither true nor false")
        return _BOOLEANS[text.lower()]
    if kind is int:
        if not _WHOLE_NUMBER.fullmatch(text):
            raise ValueError("is no whole number")
        return int(text)
    if kind is float:
        if not _NUMBER.fullmatch(text):
            raise ValueError("is no number")
        return float(text)
    if kind is timedelta:
        return durations.parse_duration(text)
    try:
        return kind(text)
    except ValueError:
        raise ValueError("is not known") from None


def _checked(value: Any, annotation: Any) -> Any:
    """Return the value when it holds the bounds of its `Meta`; raise `ValueError` otherwise."""
    try:
        return msgspec.convert(value, annotation, str_keys=False)
    except msgspec.ValidationError:
        wrong = "is not allowed" if isinstance(value, str) else "is out of bounds"
        raise ValueError("is empty" if value in ("", ()) else wrong) from None


def _hint(text: str, annotation: Any) -> str:
    kind, meta = unwrap(annotation)
    if kind is bool and text.lower() in _OLD_BOOLEANS:
        return f"; did you mean '{_OLD_BOOLEANS[text.lower()]}'?"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return nearest(text, members(kind, meta))
    return nearest(text, choices(meta))


def _what(node: Node) -> str:
    if isinstance(node, Text):
        return "has no value" if node.is_nothing else "is a text"
    return "is a list" if isinstance(node, Items) else "is a map"


def _shorten(text: str) -> str:
    return text if len(text) <= SHOWN_AT_MOST else text[:SHOWN_AT_MOST] + "..."
