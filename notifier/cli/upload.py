"""Files to the daemon as NDJSON, in constant memory: lines keep their numbers, progress is shown, rejects are written.

A request has one line for every line of the file (empty where there is nothing to send), so the daemon's line numbers
are those of the file. What is refused goes to FILE.rejected.csv (line, column, value, reason) as it comes.
"""

import csv
import io
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import click

from notifier.cli import printing
from notifier.cli.csv_file import Unreadable
from notifier.cli.printing import number

LINE_AT_MOST = 64 * 1024  # what the daemon takes as one line
COLUMNS = ("line", "column", "value", "reason")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Numbered = tuple[int, bytes]
"""A line to send, and its number in the file."""

_UPDATE_EVERY = 200  # results between two movements of the bar


class Rejects:
    """Where refused lines go: FILE.rejected.csv, made with the first of them; standard error when there is no file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.count = 0
        self._file: IO[str] | None = None
        self._lock = threading.Lock()  # what cannot be sent is found by the thread that sends

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        elif self.path is not None and error is None:
            self.path.unlink(missing_ok=True)  # that of an earlier attempt: nothing is refused any more

    def add(self, line: int, column: str, value: object, reason: str) -> None:
        """Write one refused line."""
        text = "" if value is None else str(value)
        with self._lock:
            self.count += 1
            if self.path is None:
                what = f" {column} '{text}':" if column else ""
                click.echo(printing.safe(f"line {line}:{what} {reason}"), err=True)
            else:
                self._writer(self.path).writerow((line, column, _inert(text), _inert(reason)))

    def sift(self, lines: Iterable[Numbered | Unreadable]) -> Iterator[Numbered]:
        """Yield the lines that can be sent and write down the others."""
        for each in lines:
            if isinstance(each, Unreadable):
                self.add(*each)
            else:
                yield each

    def _writer(self, path: Path) -> Any:
        if self._file is None:
            self._file = path.open("w", encoding="utf-8", errors="replace", newline="")
            self._csv = csv.writer(self._file)
            self._csv.writerow(COLUMNS)
        return self._csv


def numbered(rows: Iterable[Numbered]) -> Iterator[bytes]:
    """Yield lines so that each one has, in the request, the number it has in the file; numbers ascend."""
    at = 1
    for line, body in rows:
        yield b"\n" * (line - at) + body + b"\n"
        at = line + 1


def rejected_path(path: Path) -> Path | None:
    """Return where the refused lines of a file go; those of standard input have no file."""
    return None if is_stdin(path) else path.with_name(path.name.removesuffix(".csv") + ".rejected.csv")


@contextmanager
def progress(size: int, what: str) -> Iterator[Callable[[int, int, int], None]]:
    """Show a bar on a terminal while a file is sent; the function takes bytes read, rows loaded, rows refused."""
    if not sys.stderr.isatty():
        yield lambda _read, _loaded, _refused: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TaskProgressColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(compact=True),
        console=Console(file=sys.stderr, width=printing.columns()),
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=max(1, size), said="")
        shown = 0

        def update(read: int, loaded: int, refused: int) -> None:
            nonlocal shown
            if loaded + refused - shown >= _UPDATE_EVERY or read >= size:
                shown = loaded + refused
                said = f"{number(loaded)} loaded" + (f", {number(refused)} refused" if refused else "")
                bar.update(task, completed=min(read, size), said=said)

        yield update


class Counted(io.RawIOBase):
    """A source that counts the bytes read from it, for the bar."""

    def __init__(self, source: IO[bytes]) -> None:
        self._read = getattr(source, "read1", source.read)  # of a pipe: what there is, not what there may be
        self.count = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes."""
        piece = self._read(len(buffer))
        buffer[: len(piece)] = piece
        self.count += len(piece)
        return len(piece)


@contextmanager
def opened(file: Path) -> Iterator[tuple[io.BufferedReader, Counted, int]]:
    """Open a file, or standard input as `-`; with the count of its bytes and its size (0 where it is not known)."""
    try:
        raw: IO[bytes] = sys.stdin.buffer if is_stdin(file) else file.open("rb", buffering=0)
    except OSError as error:
        raise click.UsageError(f"cannot read {file}: {error.strerror}") from error
    with raw:
        counted = Counted(raw)
        yield io.BufferedReader(counted, LINE_AT_MOST), counted, 0 if is_stdin(file) else file.stat().st_size


def is_stdin(file: Path) -> bool:
    """Tell whether standard input is meant."""
    return str(file) == "-"


def _inert(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    clean = text.replace("\x00", "")
    return f"'{clean}" if clean.startswith(_FORMULA) else clean
