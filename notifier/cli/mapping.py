"""Which columns of a file are which of ours: known, told by `--map`, or guessed, shown and confirmed.

In: the beginning of a file and what was said on the command line. Out: a `ColumnMap`, or None for a file with our own
columns. A guess that nobody has seen is used only with `--yes`. Addresses in the rows that are shown stand in full at a
terminal, as in `customers show`; anywhere else, where output ends up in a log, they are masked.
"""

import codecs
import csv
import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
from msgspec.structs import replace

from notifier.cli import column_maps, printing
from notifier.cli.csv_file import SEPARATORS, Written, distinct, no_text
from notifier.cli.keyboard import is_terminal
from notifier.cli.printing import GOOD, WARN, Column
from notifier.cli.upload import is_stdin
from notifier.domain.column_guess import Guess, guess
from notifier.domain.column_map import ColumnMap, folded, missing, problems, reader, unused
from notifier.domain.contact import mask
from notifier.domain.directory import REQUIRED_COLUMNS
from notifier.domain.errors import nearest
from notifier.domain.text import clean_line

ROWS_SHOWN = 3
ROWS_LOOKED_AT = 500
PEEKED_BYTES = 64 * 1024
_CONTACTS = ("email", "phone", "phone2")
_CELL_AT_MOST = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What was said about columns on the command line."""

    named: str = ""  # --map
    yes: bool = False
    set: dict[str, str] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The beginning of a file: how it is written, its columns, some rows."""

    encoding: str
    separator: str
    names: list[str]
    rows: list[list[str]]


def choose(
    source: io.BufferedReader, file: Path, said: Said, wrong_header: Callable[[Sequence[str]], str]
) -> ColumnMap | None:
    """Return the map of a CSV file, or None when it has our own columns; raise `UsageError` when it cannot be read."""
    data = source.peek(PEEKED_BYTES)
    if not data:
        raise click.UsageError("the file is empty; expected a line of column names")
    head = beginning(data)
    first = data.split(b"\n", 1)[0].decode("utf-8", "surrogateescape")
    if head.encoding != "utf-16" and (why := no_text(first)):
        raise click.UsageError(why)
    wrong = wrong_header([folded(name) for name in head.names])
    known = column_maps.load(said.named) if said.named else None
    if known is not None:
        return _known(column_maps.changed(known, said.set, said.same), head, said.named)
    if not wrong and head.encoding == "utf-8" and not said.set and not said.same:
        return None
    found = guess(head.names, head.rows)
    encoding = "" if head.encoding == "utf-8" else head.encoding
    mapping = replace(found.mapping, separator=head.separator, encoding=encoding)
    mapping = column_maps.changed(mapping, said.set, said.same)
    if is_terminal() and not is_stdin(file) and not said.yes:
        return _asked(mapping, head, found, file, said)
    return _unseen(mapping, head, found, said, wrong)


def written(mapping: ColumnMap) -> Written:
    """Return how the file of a map is written."""
    return Written(mapping.encoding, mapping.separator, is_foreign=True)


def beginning(data: bytes) -> Head:
    """Return how a file begins; bytes that end in the middle of a row leave that row out."""
    encoding = _encoding(data)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(data).removeprefix("\ufeff")
    if len(data) >= PEEKED_BYTES and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    first = text.split("\n", 1)[0]
    separator = max((*SEPARATORS, "|"), key=first.count)
    rows: list[list[str]] = []
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    while len(rows) <= ROWS_LOOKED_AT:
        try:
            row = next(lines)
        except StopIteration:
            break
        except csv.Error:
            continue  # said with its line when the file is read
        if any(row):
            rows.append(row)
    names = distinct([clean_line(name) for name in rows[0]]) if rows else []
    return Head(encoding=encoding, separator=separator, names=names, rows=rows[1:])


def _encoding(data: bytes) -> str:
    """Return utf-8, unless a mark, or more wrong bytes than right letters, say another."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(data)
    wrong = sum("\udc80" <= letter <= "\udcff" for letter in text)
    right = sum(letter > "\x7f" for letter in text) - wrong
    return "windows-1252" if wrong > right else "utf-8"


def _known(mapping: ColumnMap, head: Head, source: str) -> ColumnMap:
    """Check a map that was made before against the file, and say what is left out.

    A column that is gone from one's own export would empty what is known of everybody, and is refused. A shipped map
    names what such exports may have.
    """
    names = [folded(name) for name in head.names]
    gone = missing(mapping, names)
    if gone and column_maps.is_shipped(source):
        kept = {ours: theirs for ours, theirs in mapping.columns.items() if ours not in gone}
        mapping = replace(mapping, columns=kept)
        for ours, theirs in gone.items():
            if ours in REQUIRED_COLUMNS and ours not in mapping.same:
                raise click.UsageError(f"the file has no column '{theirs}' for {ours}{nearest(folded(theirs), names)}")
        printing.note(f"the file has nothing for: {', '.join(gone)}")
    elif gone:
        ours, theirs = next(iter(gone.items()))
        hint = nearest(folded(theirs), names) or f"; without it: --set {ours}="
        raise click.UsageError(f"the file has no column '{theirs}', which {source} names{hint}")
    column_maps.check(mapping, source)
    if left := unused(mapping, head.names):
        printing.note(f"not used: {', '.join(map(printing.safe, left))}")
    return mapping if mapping.encoding else replace(mapping, encoding=head.encoding)


def _unseen(mapping: ColumnMap, head: Head, found: Guess, said: Said, wrong: str) -> ColumnMap:
    """Decide about a guess where nobody can be asked: use it with `--yes`, keep it with `--map`, else refuse."""
    why = problems(mapping)
    if said.named and not why:
        column_maps.write(mapping, Path(said.named))
    if said.yes and not why:
        _show(mapping, head, found, err=True)
        return mapping
    if said.named and not why:
        _show(mapping, head, found, err=True)
        raise click.ClickException(
            f"these columns were guessed and kept in {said.named}; nothing is sent. Look through it and repeat"
        )
    wrong = wrong or (f"the file is in {head.encoding}" if head.encoding != "utf-8" else "columns were named")
    how = "Columns can be guessed: at a terminal, with --yes, or with --map FILE to look first"
    if why:
        lacks = "; ".join(reason for _, reason in why)
        how = f"Guessing does not help: {lacks} (--set OURS=THEIRS, --same OURS=VALUE)"
    raise click.UsageError(f"{wrong}. {how}")


def _asked(mapping: ColumnMap, head: Head, found: Guess, file: Path, said: Said) -> ColumnMap:
    """Show a guess and let it be changed until it is taken; keep it."""
    _show(mapping, head, found)
    while True:
        lacking = [why for _, why in problems(mapping)]
        for why in lacking:
            printing.line(f"Missing: {why}", hang=2, style=WARN)
        answer = _typed("Use it? " + ("" if lacking else "y yes  ") + "q no  or such as phone=Mobile, services:power: ")
        if answer.lower() in ("q", "n", "no"):
            raise click.ClickException("nothing is sent")
        if answer.lower() in ("y", "yes"):
            if not lacking:
                break
            continue
        changed = _change(mapping, answer, head)
        if changed is not None:
            mapping = changed
            _show(mapping, head, found)
    _keep(mapping, Path(said.named or f"{file}.map.yaml"))
    return mapping


def _change(mapping: ColumnMap, answer: str, head: Head) -> ColumnMap | None:
    """Return the map as an answer changes it, or say why it does not."""
    at = min((answer.index(sign) for sign in "=:" if sign in answer), default=-1)
    if at < 0:
        printing.line("expected y, q, OURS=COLUMN, OURS= for none, or OURS:VALUE for all rows", style=WARN)
        return None
    ours, value = folded(answer[:at]), answer[at + 1 :].strip()
    try:
        column_maps.pairs([f"{ours}={value}"], "")
    except click.UsageError:
        printing.line(f"'{ours}' is no column of ours; docs/DIRECTORY.md lists them", style=WARN)
        return None
    if answer[at] == ":":
        return column_maps.changed(mapping, {}, {ours: value})
    theirs = next((name for name in head.names if folded(name) == folded(value)), None)
    if value and theirs is None:
        printing.line(f"the file has no column '{value}'{nearest(value, head.names)}", style=WARN)
        return None
    return column_maps.changed(mapping, {ours: theirs or ""}, {})


def _keep(mapping: ColumnMap, path: Path) -> None:
    if path.exists():
        printing.line(f"{path} is there and stays as it is; use it with --map {path}", hang=2, style=WARN)
        return
    column_maps.write(mapping, path)
    printing.line(f"Kept in {path}; next time: --map {path}", hang=2, style=GOOD)


def _typed(question: str) -> str:
    try:
        return input(question).strip()
    except (EOFError, KeyboardInterrupt):
        click.echo()
        return "q"


def _show(mapping: ColumnMap, head: Head, found: Guess, *, err: bool = False) -> None:
    """Print what the file is taken for, with three of its rows."""
    out, sys.stdout = sys.stdout, sys.stderr if err else sys.stdout
    try:
        _print(mapping, head, found)
    finally:
        sys.stdout = out


def _print(mapping: ColumnMap, head: Head, found: Guess) -> None:
    cut = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}[head.separator]
    printing.line(f"Not our columns. Cells are separated by {cut}, letters are {head.encoding}. It seems to be:")
    read = reader(mapping)
    names = [folded(name) for name in head.names]
    rows = [read({n: c for n, c in zip(names, row, strict=False) if c}) for row in head.rows[:ROWS_SHOWN]]
    table = [
        [ours, " + ".join(theirs), " | ".join(_cell(ours, row.get(ours, "")) for row in rows)]
        for ours, theirs in mapping.columns.items()
    ]
    printing.table(
        [
            Column("OURS"),
            Column("THEIRS"),
            Column(f"FIRST {len(rows)} ROWS" if len(rows) > 1 else "FIRST ROW", gives=True),
        ],
        table,
    )
    for ours, value in mapping.same.items():
        printing.line(f"{ours} is {value} in every row.", hang=2)
    for ours, words in mapping.words.items():
        said = {part.strip() for row in head.rows for cell in row for part in (cell, *cell.split(","))}
        seen = [f"{word} = {means}" for word, means in words.items() if word in said and word != means]
        if seen:
            printing.line(f"{ours}: {', '.join(seen)}", hang=2)
    left = [f"{name} ({found.unused[name]})" if name in found.unused else name for name in unused(mapping, head.names)]
    if left:
        printing.line(f"Not used: {', '.join(left)}", hang=2)


def _cell(ours: str, text: str) -> str:
    shown = mask(text) if text and ours in _CONTACTS and not sys.stdout.isatty() else clean_line(text)
    return shown if len(shown) <= _CELL_AT_MOST else shown[: _CELL_AT_MOST - 3] + "..."
