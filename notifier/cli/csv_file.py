"""CSV files as numbered rows: constant memory, every mistake with its line, no row that stops the others.

In: bytes and what the columns may be called. Out: `Row`s of the cells that say something, or `Unreadable`. A header
that is not understood is wrong usage, because then every row would be. Cells may be separated by commas, by semicolons
(spreadsheets where the comma is decimal) or by tabs: whichever the line of column names has most of.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import BinaryIO, NamedTuple

import click

from notifier.domain.text import clean_line

SEPARATORS = (",", ";", "\t")  # the first wins a tie
PIECE_AT_MOST = 1 << 20  # characters of one line; a file without line ends is cut, so that memory stays bounded


class Row(NamedTuple):
    """The cells of a row that are not empty, by column; `line` is where it begins, from 1."""

    line: int
    cells: dict[str, str]


class Unreadable(NamedTuple):
    """A row, or a line, that cannot be understood, let alone sent."""

    line: int
    column: str
    value: str
    reason: str


class Written(NamedTuple):
    """How a file is written, where that is known; a file that was made for something else may name columns twice."""

    encoding: str = ""
    separator: str = ""
    is_foreign: bool = False


AS_OURS = Written()
_MARKS = ("\udcff\udcfe", "\udcfe\udcff")  # of UTF-16, read as UTF-8


def read_rows(
    source: BinaryIO, check_header: Callable[[Sequence[str]], str], written: Written = AS_OURS
) -> Iterator[Row | Unreadable]:
    """Yield the rows of a file; `check_header` returns what is wrong with the names, or an empty string."""
    errors = "replace" if written.encoding.startswith("utf-16") else "surrogateescape"
    encoding = {"": "utf-8-sig", "utf-8": "utf-8-sig"}.get(written.encoding, written.encoding)
    text = io.TextIOWrapper(source, encoding=encoding, errors=errors, newline="")
    pieces = iter(partial(text.readline, PIECE_AT_MOST), "")
    header = next(pieces, "")
    if no_text(header):
        raise click.UsageError(no_text(header))
    separator = written.separator or max(SEPARATORS, key=header.count)
    reader = csv.reader(chain([header] if header else [], pieces), strict=True, delimiter=separator)
    names = _names(reader, check_header, is_foreign=written.is_foreign)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Unreadable(line, "", "", f"is not CSV: {error}")
            continue
        if any(cells):
            yield _row(line, cells, names)


def no_text(header: str) -> str:
    """Return what a file is whose first line is no text, or nothing."""
    nulls = header.count("\x00")
    if nulls and (header[:2] in _MARKS or nulls * 3 >= len(header)):
        return 'the file is UTF-16, not UTF-8; save it as "CSV UTF-8"'
    if any(character < " " and character not in "\t\r\n\f" for character in header):
        return "the file is no text but a binary file; expected CSV in UTF-8"
    return ""


def readable(cell: str) -> str:
    """Return the beginning of a cell that may hold bytes that are no text."""
    return cell[:200].encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def distinct(names: Sequence[str]) -> list[str]:
    """Return names of columns with a number behind those that are empty or there a second time."""
    seen: dict[str, int] = {}
    found: list[str] = []
    for at, name in enumerate(names, start=1):
        seen[name.lower()] = again = seen.get(name.lower(), 0) + 1
        found.append(f"column {at}" if not name else name if again == 1 else f"{name} ({again})")
    return found


def _names(reader: Iterator[list[str]], check_header: Callable[[Sequence[str]], str], *, is_foreign: bool) -> list[str]:
    try:
        names = [readable(name).strip().lower() for name in next(reader)]
        names = distinct([clean_line(name) for name in names]) if is_foreign else names
    except StopIteration:
        raise click.UsageError("the file is empty; expected a line of column names") from None
    except csv.Error as error:
        raise click.UsageError(f"the line of column names is not CSV: {error}") from error
    twice = {name for name in names if names.count(name) > 1}
    problem = f"column '{min(twice)}' is there twice" if twice else check_header(names)
    if problem:
        raise click.UsageError(problem)
    return names


def _row(line: int, cells: Sequence[str], names: Sequence[str]) -> Row | Unreadable:
    if len(cells) > len(names):
        reason = f"there are {len(cells)} cells under {len(names)} columns; is a cell with a comma not quoted?"
        return Unreadable(line, "", readable(cells[len(names)]), reason)
    said = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
    for name, cell in said.items():
        if not cell.isascii() and not _is_text(cell):
            return Unreadable(
                line, name, readable(cell), "is not UTF-8 (Windows-1252, perhaps); save the file as UTF-8"
            )
    return Row(line, said)


def _is_text(cell: str) -> bool:
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True
