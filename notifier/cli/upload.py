"""Files to the daemon as NDJSON, in constant memory: lines keep their numbers, and progress is shown.

A request has one line for every line of the file (empty where there is nothing to send), so the daemon's line numbers
are those of the file.
"""

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from notifier.cli import printing
from notifier.cli.printing import number
from notifier.cli.rejects import Numbered

LINE_AT_MOST = 64 * 1024  # what the daemon takes as one line

_UPDATE_EVERY = 200  # results between two movements of the bar


def numbered(rows: Iterable[Numbered]) -> Iterator[bytes]:
    """Yield lines so that each one has, in the request, the number it has in the file; numbers ascend."""
    at = 1
    for line, body in rows:
        yield b"\n" * (line - at) + body + b"\n"
        at = line + 1


@contextmanager
def progress(size: int, what: str, done: str = "loaded") -> Iterator[Callable[[int, int, int], None]]:
    """Show a bar on a terminal while a file is sent; the function takes bytes read, rows `done`, rows refused."""
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
                said = f"{number(loaded)} {done}" + (f", {number(refused)} refused" if refused else "")
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
