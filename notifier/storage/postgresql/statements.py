"""Shared SQL text in, what PostgreSQL takes out: `:name` becomes `$1`, with a type that Python's value has.

The server must know the type of every parameter before it sees a value, and does not guess as SQLite does. A value
therefore brings its own: an integer is a BIGINT wherever it stands, a string TEXT. None has no type: the place where it
stands decides, so a statement that may be given None has to say `CAST(:name AS ...)` where the place does not.
Lists of numbers in the text become one array, so that the text stays the same and its plan is kept.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from notifier.storage.database import Parameters

_TOKEN = re.compile(r"'(?:[^']|'')*'|--[^\n]*|::\w+|:([A-Za-z_]\w*)")
_NUMBERS = re.compile(r"\b(NOT )?IN \((\d+(?:, \d+)*)\)")
_READS = re.compile(r"\s*(?:SELECT|VALUES)\b", re.IGNORECASE)
_TEMPORARY = re.compile(r"\s*CREATE TEMPORARY TABLE\b", re.IGNORECASE)
_CASTS: dict[type, str] = {
    int: "::bigint",
    bool: "::bigint",  # as SQLite has it; no column is a boolean
    str: "::text",
    float: "::double precision",
    bytes: "::bytea",
    list: "::bigint[]",  # only of numbers that stood in the text
    type(None): "",
}


class Statement(NamedTuple):
    """A statement for the server: its text, the names of `$1`, `$2`, ..., and whether it only reads."""

    text: str
    names: tuple[str, ...]
    reads: bool


def bound(sql: str, values: Parameters) -> tuple[Statement, Sequence[object]]:
    """Return the statement for these values, and the values in its order."""
    if " IN (" in sql:
        sql, numbers = _numbers_taken_out(sql)
        if numbers:
            values = {**values, **numbers}
    names = _names(sql)
    arguments = [values[name] for name in names]
    return _typed(sql, names, tuple([cast_of(value) for value in arguments])), arguments


def bound_many(sql: str, rows: Iterable[Parameters]) -> tuple[Statement, list[Sequence[object]]]:
    """Return one statement for all these rows, and the values of each; a type comes from the first row that has one."""
    names = _names(sql)
    arguments: list[Sequence[object]] = [[row[name] for name in names] for row in rows]
    casts = tuple([_first_cast(column) for column in zip(*arguments, strict=True)])
    return _typed(sql, names, casts if arguments else ("",) * len(names)), arguments


def cast_of(value: object) -> str:
    """Return the cast that gives a parameter the type of a value; empty for None. Raise `TypeError` for others."""
    kind = type(value)
    try:
        return _CASTS[kind]
    except KeyError:
        pass
    for known in (str, int):
        if isinstance(value, known) and isinstance(value, Enum):  # a member of StrEnum or IntEnum
            _CASTS[kind] = _CASTS[known]
            return _CASTS[kind]
    raise TypeError(f"{kind.__name__} is no type of the store; expected int, float, str, bytes or None")


def _first_cast(column: Sequence[object]) -> str:
    return next((cast for value in column if (cast := cast_of(value))), "")


def _numbers_taken_out(sql: str) -> tuple[str, Mapping[str, list[int]]]:
    """Return the text with `:numbers_0`, ... in place of lists of numbers, and the lists."""
    lists: dict[str, list[int]] = {}

    def take(match: re.Match[str]) -> str:
        name = f"numbers_{len(lists)}"
        lists[name] = [int(number) for number in match[2].split(",")]
        return f"{'<> ALL' if match[1] else '= ANY'} (:{name})"

    return _NUMBERS.sub(take, sql), lists


@lru_cache(maxsize=2048)
def _names(sql: str) -> tuple[str, ...]:
    """Return the names of the parameters, each once, in the order in which they come first."""
    return tuple(dict.fromkeys(match[1] for match in _TOKEN.finditer(sql) if match[1]))


@lru_cache(maxsize=4096)
def _typed(sql: str, names: tuple[str, ...], casts: tuple[str, ...]) -> Statement:
    places = {name: f"${place}{cast}" for place, (name, cast) in enumerate(zip(names, casts, strict=True), 1)}
    text = _TOKEN.sub(lambda match: places[match[1]] if match[1] else match[0], sql)
    if _TEMPORARY.match(sql):  # nobody else removes its dead rows: with DELETE alone each batch would be slower
        text += " ON COMMIT DELETE ROWS"
    return Statement(text, names, _READS.match(sql) is not None)
