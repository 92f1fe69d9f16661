"""How a file of customers that was made for something else becomes rows of the directory.

In: the columns of such a file, and a `ColumnMap` that says which of them is which of ours. Out: rows with our columns.
A map is read from a file, guessed (`column_guess`) or shipped. What it makes of a cell is checked like any other row.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from notifier.domain.directory import COLUMNS, REGION_COLUMN, REQUIRED_COLUMNS
from notifier.domain.errors import nearest
from notifier.domain.text import clean_line

Cells = Mapping[str, str]
Row = dict[str, str]

SEPARATORS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "windows-1252", "utf-16")
_JOINED = {"name": " ", "label": " ", "address": ", "}
_ADDRESSES = ("email", "phone", "phone2")
_SERVICES_APART = re.compile(r"\s*[,;/+&|]\s*")
_ADDRESSES_APART = re.compile(r"\s*[,;|/]\s*")
_POSTAL_CODE_LAST = re.compile(r"\b(\d{5})(?:-\d{4})?\W*(?:U\.?S\.?A?\.?|United States(?: of America)?)?\W*$", re.ASCII)
_OTHERS = "*"


class Take(StrEnum):
    """What is taken out of a cell."""

    POSTAL_CODE = "postal_code"  # the five digits that end an address of the USA


class ColumnMap(msgspec.Struct, frozen=True, kw_only=True):
    """Which column of a file is which of ours."""

    columns: Annotated[
        dict[str, tuple[str, ...]],
        Meta(
            description="Column of ours: theirs. Of several, those of a name, label or address are joined; else the "
            "first one with a value counts."
        ),
    ] = {}
    words: Annotated[
        dict[str, dict[str, str]],
        Meta(description="Column of ours: their words and what each means, in any case; * is every other word."),
    ] = {}
    same: Annotated[dict[str, str], Meta(description="Column of ours: what holds where the file says nothing.")] = {}
    take: Annotated[dict[str, Take], Meta(description="Column of ours: what is taken out of the cell.")] = {}
    separator: Annotated[str, Meta(description="Between cells; empty = as the first line has it.")] = ""
    encoding: Annotated[str, Meta(description="utf-8, windows-1252 or utf-16; empty = utf-8.")] = ""


def problems(mapping: ColumnMap) -> list[tuple[str, str]]:
    """Return what is wrong with a map by itself: the key, and why."""
    found: list[tuple[str, str]] = []
    for key in ("columns", "words", "same", "take"):
        for ours in getattr(mapping, key):
            if not is_ours(ours):
                hint = nearest(ours, [*COLUMNS, f"{REGION_COLUMN}postal_code", f"{REGION_COLUMN}city"])
                found.append((f"{key}.{ours}", f"is no column of the directory{hint}"))
    found += [
        ("columns", f"nothing says what {ours} is; name a column, or one value under 'same'")
        for ours in REQUIRED_COLUMNS
        if not mapping.columns.get(ours) and not mapping.same.get(ours)
    ]
    if "customer_id" in mapping.same:
        found.append(("same.customer_id", "every row would be the same customer; name a column"))
    if mapping.separator and mapping.separator not in SEPARATORS:
        found.append(("separator", "is none of , ; | and a tab"))
    if mapping.encoding and mapping.encoding not in ENCODINGS:
        found.append(("encoding", f"is none of {', '.join(ENCODINGS)}"))
    return found


def is_ours(column: str) -> bool:
    """Tell whether the directory has this column."""
    return column in COLUMNS or (column.startswith(REGION_COLUMN) and column != REGION_COLUMN)


def folded(name: str) -> str:
    """Return the name of a column as names are compared: in any case, however spaced."""
    return clean_line(name).lower()


def missing(mapping: ColumnMap, names: Sequence[str]) -> dict[str, str]:
    """Return by ours the columns that a map names and a file with these (folded) names lacks.

    Of several columns for one of ours, one is enough.
    """
    there = set(names)
    return {
        ours: " or ".join(theirs)
        for ours, theirs in mapping.columns.items()
        if theirs and not there & {folded(name) for name in theirs}
    }


def unused(mapping: ColumnMap, names: Sequence[str]) -> list[str]:
    """Return the columns of a file that a map makes nothing of."""
    used = {folded(name) for theirs in mapping.columns.values() for name in theirs}
    return [name for name in names if folded(name) not in used]


def reader(mapping: ColumnMap) -> Callable[[Cells], Row]:
    """Return a function from cells that say something, by the folded names of their columns, to a row of ours."""
    sources = {ours: tuple(map(folded, theirs)) for ours, theirs in mapping.columns.items()}
    words = {ours: {folded(word): means for word, means in said.items()} for ours, said in mapping.words.items()}
    has_second = "phone2" in sources

    def read(cells: Cells) -> Row:
        row: Row = {}
        for ours, theirs in sources.items():
            values = [cells[name] for name in theirs if name in cells]
            if not values:
                continue
            value = _JOINED[ours].join(value.strip() for value in values) if ours in _JOINED else values[0]
            if ours in words:
                value = _translated(value, words[ours], several=ours == "services")
            if ours in mapping.take:
                value = _taken(value)
            if ours in _ADDRESSES and not has_second:
                value = _first_address(row, ours, value)
            if value:
                row[ours] = value
        for ours, value in mapping.same.items():
            row.setdefault(ours, value)
        return row

    return read


def _translated(value: str, words: Mapping[str, str], *, several: bool) -> str:
    parts = _SERVICES_APART.split(value.strip()) if several else [value]
    means = dict.fromkeys(words.get(folded(part), words.get(_OTHERS, part)) for part in parts if part)
    return "|".join(word for word in means if word)


def _taken(value: str) -> str:
    match = _POSTAL_CODE_LAST.search(value)
    return match[1] if match else ""


def _first_address(row: Row, ours: str, value: str) -> str:
    """Return the first of several addresses in a cell; the second of several numbers is the second telephone."""
    first, *others = [part for part in _ADDRESSES_APART.split(value.strip()) if part] or [""]
    if ours == "phone" and others:
        row["phone2"] = others[0]
    return first
