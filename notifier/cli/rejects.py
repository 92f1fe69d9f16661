"""Where refused lines of an import go: FILE.rejected.csv (line, column, value, reason), in the order of the file.

Two threads find them: the one that reads the answers, and the one that sends and meets what cannot be sent. Each finds
them in the order of the file, so that both lists are merged at the end, in constant memory. Lines of standard input
have no file: they are said on standard error as they come.
"""

import csv
import threading
from collections.abc import Iterable, Iterator
from heapq import merge
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import IO, Any, Self

import click

from notifier.cli import printing
from notifier.cli.csv_file import Unreadable
from notifier.domain.text import inert

COLUMNS = ("line", "column", "value", "reason")
Numbered = tuple[int, bytes]
"""A line to send, and its number in the file."""

_IN_MEMORY_AT_MOST = 1 << 20  # bytes of what cannot be sent; more goes to a temporary file


class Rejects:
    """The refused lines of one import; the file is made with the first of them."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.count = 0
        self.unsent = 0  # of these, lines that could not be sent
        self._refused: IO[str] | None = None  # by the daemon
        self._unsent: IO[str] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._unsent is not None and self.path is not None and self._refused is None:
            self._refused = self._made(self.path)
        if self._unsent is not None:
            self._merge(self._unsent)
        elif self.path is not None and self._refused is None and error is None:
            self.path.unlink(missing_ok=True)  # that of an earlier attempt: nothing is refused any more
        for file in (self._refused, self._unsent):
            if file is not None:
                file.close()

    def add(self, line: int, column: str, value: object, reason: str) -> None:
        """Write down a line that the daemon refused; lines ascend."""
        if self.path is not None and self._refused is None:
            self._refused = self._made(self.path)
        self._write(self._refused, line, column, value, reason)

    def sift(self, lines: Iterable[Numbered | Unreadable]) -> Iterator[Numbered]:
        """Yield the lines that can be sent and write down the others; lines ascend."""
        for each in lines:
            if not isinstance(each, Unreadable):
                yield each
                continue
            if self.path is not None and self._unsent is None:
                self._unsent = SpooledTemporaryFile(  # noqa: SIM115  # closed at the end of the list
                    _IN_MEMORY_AT_MOST, "w+", encoding="utf-8", errors="replace", newline=""
                )
            self.unsent += 1
            self._write(self._unsent, *each)

    def _made(self, path: Path) -> IO[str] | None:
        """Make the file; where none can be, refused lines are said on standard error from here on."""
        try:
            file = path.open("w+", encoding="utf-8", errors="replace", newline="")
        except OSError as error:
            self.path = None
            click.echo(f"warning: cannot write {path}: {error.strerror}; refused lines are said here", err=True)
            return None
        csv.writer(file).writerow(COLUMNS)
        return file

    def _write(self, file: IO[str] | None, line: int, column: str, value: object, reason: str) -> None:
        text = "" if value is None else str(value)
        with self._lock:
            self.count += 1
            if file is None:
                _say(line, column, text, reason)
            else:
                csv.writer(file).writerow((line, column, inert(text), inert(reason)))

    def _merge(self, unsent: IO[str]) -> None:
        """Put both lists into one; until that is done, the file has what the daemon refused."""
        unsent.seek(0)
        if self.path is None or self._refused is None:
            for line, column, value, reason in csv.reader(unsent):
                _say(line, column, value, reason)
            return
        self._refused.seek(0)
        refused = csv.reader(self._refused)
        next(refused)  # the names of the columns
        whole = self.path.with_name(f"{self.path.name}.part")
        with whole.open("w", encoding="utf-8", errors="replace", newline="") as file:
            writer: Any = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(merge(refused, csv.reader(unsent), key=lambda row: int(row[0])))
        whole.replace(self.path)


def rejected_path(path: Path) -> Path:
    """Return where the refused lines of a file go."""
    return path.with_name(path.name.removesuffix(".csv") + ".rejected.csv")


def _say(line: int | str, column: str, value: str, reason: str) -> None:
    what = f" {column} '{value}':" if column and not reason.startswith(f"{column} '{value}'") else ""
    click.echo(printing.safe(f"line {line}:{what} {reason}"), err=True)
