"""What commands print: lines, fields, tables and cards of at most 72 columns, readable on a phone.

Text from outside (names, complaints, answers of providers) is stripped of control characters first, so that it can
neither move the cursor nor hide what follows. Colour only repeats what a word already says; it is left out when the
output is not a terminal or NO_COLOR is set. Nothing here reads the clock or the network.
"""

import json
import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import click

from notifier.domain.text import figure

WIDEST = 72
_NARROWEST = 40
_NARROWEST_COLUMN = 8
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # control, bidi overrides, lone surrogates, line separators

GOOD, WARN, BAD, DIM, STRONG = "green", "yellow", "red", "dim", "bold"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; the one that `gives` is wrapped when the table is too wide."""

    title: str
    right: bool = False
    gives: bool = False


def columns() -> int:
    """Return the width to print in: that of the terminal, between 40 and 72."""
    return max(_NARROWEST, min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns))


def safe(text: str) -> str:
    """Return text from outside as one line without anything a terminal would obey."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if unicodedata.category(c) in _UNSAFE else c for c in text)


def number(value: float) -> str:
    """Write a number with thousands separators, whole, with one decimal, or below 1 with two significant digits."""
    return figure(value)


def plural(count: int, one: str, many: str = "") -> str:
    """Write `1 customer`, `1,214 customers`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def words(code: str) -> str:
    """Write a code of the API for people: `no_contact_point` -> `no contact point`."""
    return safe(code).replace("_", " ")


def phrase(code: str) -> str:
    """Write the code of a phrase for people: `cable-cut` -> `cable cut`."""
    return words(code).replace("-", " ")


def region(label: str) -> str:
    """Write a region for people, its code untouched: `postal_code 94110` -> `postal code 94110`."""
    kind, _, code = label.partition(" ")
    return f"{words(kind)} {safe(code)}".strip()


def counts(values: Mapping[str, int], *, name: Callable[[str], str] = words, colon: str = "") -> str:
    """Write `email 1,172, sms 42`, largest first; a name and its number are not torn apart."""
    ordered = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    said = (f"{name(code)}{colon} {number(count)}" for code, count in ordered if count)
    return ", ".join(each.replace(" ", "\u00a0") for each in said)


def by_region(values: Mapping[str, int]) -> str:
    """Write `postal code 94110: 1,031, 94112: 183`: codes are digits too, and a kind is said once."""
    kinds: dict[str, dict[str, int]] = {}
    for label, count in values.items():
        kind, _, code = label.partition(" ")
        kinds.setdefault(kind, {})[code] = count
    return "; ".join(f"{words(kind)} {counts(codes, name=safe, colon=':')}" for kind, codes in kinds.items())


def paint(text: str, style: str | None) -> str:
    """Colour text that already says the same in words."""
    if not style or not text or os.environ.get("NO_COLOR"):
        return text
    if style in (DIM, STRONG):
        return click.style(text, dim=style == DIM or None, bold=style == STRONG or None)
    return click.style(text, fg=style, bold=True)


def line(text: str = "", *, indent: int = 0, hang: int | None = None, style: str | None = None) -> None:
    """Print text wrapped to the width; later lines are indented by `hang` (as the first, by default)."""
    for each in wrap(text, indent=indent, hang=indent if hang is None else hang):
        click.echo(paint(each, style))


def wrap(text: str, *, indent: int = 0, hang: int = 0, width: int | None = None) -> list[str]:
    """Break one paragraph into lines; a word longer than the width is broken too."""
    if not text.strip():
        return [""]
    lines = textwrap.wrap(
        safe(text),
        width or columns(),
        initial_indent=" " * indent,
        subsequent_indent=" " * hang,
        break_on_hyphens=False,
    )
    return [each.replace("\u00a0", " ") for each in lines]


def heading(text: str, right: str = "", *, style: str | None = None) -> None:
    """Print a title, with a state in capitals at the right edge where one is given."""
    mark = right.upper()
    room = columns() - len(mark) - 2 if mark else columns()
    first, *rest = wrap(text, width=room, hang=4) or [""]
    gap = " " * (columns() - cells(first) - len(mark)) if mark else ""
    click.echo(paint(first, STRONG) + gap + paint(mark, style))
    for each in rest:
        click.echo(paint(each, STRONG))


def fields(pairs: Sequence[tuple[str, str]], *, indent: int = 2) -> None:
    """Print labels and wrapped values in two columns, leaving out pairs without a value."""
    shown = [(label, value) for label, value in pairs if value]
    if not shown:
        return
    at = indent + max(len(label) for label, _ in shown) + 2
    for label, value in shown:
        first, *rest = wrap(value, width=columns() - at)
        click.echo(f"{' ' * indent}{paint(label.ljust(at - indent), DIM)}{first}")
        for each in rest:
            click.echo(" " * at + each)


def table(titles: Sequence[Column], rows: Sequence[Sequence[str]], *, indent: int = 0) -> None:
    """Print rows under titles; the column that gives is wrapped, every other one keeps its width."""
    clean = [[safe(cell) for cell in row] for row in rows]
    widths = [max([len(column.title), *(cells(row[n]) for row in clean)]) for n, column in enumerate(titles)]
    room = columns() - indent - 2 * (len(titles) - 1)
    for is_last_resort in (False, True):  # words, and names with their numbers, are torn apart when nothing else gives
        for n, column in reversed(list(enumerate(titles))):
            if column.gives and sum(widths) > room:
                longest = 0 if is_last_resort else max(map(cells, (w for row in clean for w in row[n].split(" "))))
                widths[n] = min(widths[n], max(_NARROWEST_COLUMN, longest, widths[n] - (sum(widths) - room)))
    click.echo(paint(_row([column.title for column in titles], titles, widths, indent), DIM))
    for row in clean:
        broken = [
            wrap(cell, width=widths[n]) if cells(cell) > widths[n] else [cell.replace("\u00a0", " ")]
            for n, cell in enumerate(row)
        ]
        for part in range(max(len(each) for each in broken)):
            cut = [each[part] if part < len(each) else "" for each in broken]
            click.echo(_row(cut, titles, widths, indent))


def cells(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def message(subject: str, text: str, *, most_lines: int | None = None) -> None:
    """Print a message as its reader sees it, behind a bar; `most_lines` cuts it short and says so."""
    body = [each for raw in text.splitlines() for each in _wrapped(raw, columns() - 4)]
    cut = body if most_lines is None else body[:most_lines]
    if subject:
        for each in wrap(subject, width=columns() - 4):
            click.echo(f"  {paint('|', DIM)} {paint(each, STRONG)}")
        click.echo(f"  {paint('|', DIM)}")
    for each in cut:
        click.echo(f"  {paint('|', DIM)} {each}".rstrip())
    if len(cut) < len(body):
        click.echo(f"  {paint('|', DIM)} ... {plural(len(body) - len(cut), 'more line')}")


def answer(document: bytes) -> None:
    """Print the API's JSON as it came, one document on one line."""
    text = document.decode("utf-8")
    if not text.isascii() and sys.stdout.isatty():
        text = json.dumps(json.loads(text))  # a terminal obeys some characters beyond ASCII too
    click.echo(text.rstrip("\n"))


def note(text: str) -> None:
    """Print a line for people to standard error, so that it is never part of data."""
    for each in wrap(text, hang=2):
        click.echo(each, err=True)


def _wrapped(raw: str, width: int) -> list[str]:
    """Break a line of a message; what belongs to a point of a list stays indented."""
    return wrap(raw, width=width, hang=2 if raw.startswith("- ") else 0)


def _row(parts: Sequence[str], titles: Sequence[Column], widths: Sequence[int], indent: int) -> str:
    padded = [
        " " * (widths[n] - cells(part)) + part if titles[n].right else part + " " * (widths[n] - cells(part))
        for n, part in enumerate(parts)
    ]
    return (" " * indent + "  ".join(padded)).rstrip()
