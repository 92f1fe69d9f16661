"""JSON on the wire: strict parsing with an answer that says what was wrong, where, and what would be right.

msgspec does the work. What it lets through and we do not (a field given twice, NUL) is looked for in a way that costs
next to nothing on a well-formed body.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, Generic, TypeVar, get_origin

import msgspec

from notifier.domain.errors import nearest
from notifier.web.problem import Rejected

T = TypeVar("T")

BODY_AT_MOST = 64 * 1024  # bytes of a body, and of a line of a list
NESTED_AT_MOST = 32
DIGITS_AT_MOST = 300

JSON = "application/json"
NDJSON = "application/x-ndjson"

encode = msgspec.json.Encoder().encode


class _Schema(Generic[T]):
    """How one type is parsed, and which texts in a body call for a closer look."""

    def __init__(self, type_: type[T]) -> None:
        self.decode = msgspec.json.Decoder(type_).decode
        fields = msgspec.structs.fields(type_)  # type: ignore[arg-type]
        self.names = tuple(field.encode_name for field in fields)
        self._quoted = tuple(f'"{name}"'.encode() for name in self.names)
        maps = [field.name for field in fields if get_origin(field.type) is dict]
        self._map = maps[0] if len(maps) == 1 else ""  # the one field that is an object itself

    def needs_a_closer_look(self, body: bytes, value: T) -> bool:
        """Tell whether a field may be there twice, or NUL may be in a text: exact for "no", a guess for "yes"."""
        count = body.count
        objects = count(b"{")
        if objects > (2 if self._map else 1) or b"\\u" in body:
            return True
        for name in self._quoted:  # any() would cost as much again
            if count(name) > 1:
                return True
        return objects == 2 and _has_more_names(body, len(getattr(value, self._map)))


def _has_more_names(body: bytes, found: int) -> bool:
    """Tell whether the object within a body may have more names than were found in it, one being there twice.

    What is counted reaches from the second brace to the last but one that closes, which is that object or more.
    """
    if any(space in body for space in (b'" ', b'"\t', b'"\n', b'"\r')):  # a colon may stand away from its name
        return True
    begin = body.index(b"{", body.index(b"{") + 1)
    end = body.rfind(b"}", begin, body.rindex(b"}"))
    return body.count(b'":', begin, end) != found


_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # not the text "\\u0000", whose backslash is escaped

_schemas: dict[type[Any], _Schema[Any]] = {}  # as many as there are types of body


def decode(type_: type[T], body: bytes) -> T:
    """Parse a body into a struct, or raise `Rejected` (400 malformed, 422 a field is wrong)."""
    schema: _Schema[T] | None = _schemas.get(type_)
    if schema is None:
        schema = _schemas[type_] = _Schema(type_)
    try:
        value = schema.decode(body)
    except msgspec.ValidationError as error:
        raise _explain(str(error), body, schema.names) from None
    except UnicodeDecodeError as error:
        raise Rejected(400, f"not UTF-8: {error.reason}", expected="UTF-8") from None
    except RecursionError:
        raise Rejected(400, f"nested deeper than {NESTED_AT_MOST} levels") from None
    except msgspec.DecodeError as error:
        what = str(error).removeprefix("JSON is malformed: ")
        raise Rejected(400, f"not JSON: {what}", expected="one JSON object") from None
    if schema.needs_a_closer_look(body, value):
        _look_closer(body)
    return value


def _look_closer(body: bytes) -> None:
    """Refuse a field that is given twice, and NUL, which a PostgreSQL text cannot hold."""
    if _NUL.search(body):
        raise Rejected(400, "a text contains the character NUL", expected="text without \\u0000")
    json.loads(body, object_pairs_hook=_no_twins)


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise Rejected(400, f"the field '{twin}' is given more than once", field=twin, expected="each field once")
    return found


# --- what was wrong, where, and what would be right -------------------------------------------------------------------

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>(?:key in )?`?\$[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]*)`$")
_EXPECTED = re.compile(r"Expected (?P<expected>.*?)(?:, got (?P<got>.*))?$", re.DOTALL)
_TEXTS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_WORDS = {
    "`str`": "a text",
    "`int`": "a whole number",
    "`float`": "a number",
    "`bool`": "true or false",
    "`object`": "an object",
    "`array`": "a list",
    "`null`": "null",
    "`datetime`": "an instant such as 2026-03-01T18:30:00Z",
}
_WORD = re.compile(r"`\w+`")


def _explain(message: str, body: bytes, names: Sequence[str]) -> Rejected:
    """Turn a message of msgspec into an answer; bombs are malformed, whatever field they stand in."""
    bomb = _bomb(body)
    if bomb:
        return Rejected(400, bomb)
    match = _PLACE.match(message)
    what, path = (match["what"], match["path"] or "$") if match else (message, "$")
    place = path.lstrip("$").lstrip(".")
    if unknown := _UNKNOWN.match(what):
        name = unknown["name"]
        field = f"{place}.{name}" if place else name
        return Rejected(
            422,
            f"there is no field '{field}'{nearest(name, names)}",
            field=field,
            value=_at(body, f"{path}.{name}"),
            expected="one of " + ", ".join(names) if not place else "",
        )
    if missing := _MISSING.match(what):
        field = f"{place}.{missing['name']}" if place else missing["name"]
        return Rejected(422, f"the field '{field}' is missing", field=field, expected="a value")
    if "RFC3339" in what:
        expected = _WORDS["`datetime`"]
    elif found := _EXPECTED.match(what):
        expected = _WORD.sub(lambda word: _WORDS.get(word[0], word[0]), found["expected"])
    else:
        expected = ""
    detail = f"{place or 'the body'} is wrong: {_WORD.sub(lambda word: _WORDS.get(word[0], word[0]), what)}"
    return Rejected(422, detail, field=place, value=_at(body, path), expected=expected)


def _bomb(body: bytes) -> str:
    """Return what is monstrous about a body: its depth, or a number; empty when nothing is."""
    bare = _TEXTS.sub(b'""', body)
    if re.search(rb"\d{%d}" % (DIGITS_AT_MOST + 1), bare):
        return f"a number has more than {DIGITS_AT_MOST} digits"
    depth = deepest = 0
    for byte in bare:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return f"nested deeper than {NESTED_AT_MOST} levels" if deepest > NESTED_AT_MOST else ""


def _at(body: bytes, path: str) -> object:
    """Return the value at a path such as `$.regions[0]`, or None."""
    try:
        value = json.loads(body)
        for name, index in _STEP.findall(path):
            value = value[name] if name else value[int(index)]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return value
