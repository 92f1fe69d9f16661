"""A person at a terminal: runs a `notifier` command in a real one and types the count when it asks for it.

In: a command line. Out: its exit code, and every line it printed, in order, as the person would have read it.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import struct
import termios
from collections.abc import Callable, Mapping
from pathlib import Path

from notifier.domain.errors import NotifierError
from notifier.sandbox.processes import notifier

COLUMNS, ROWS = 80, 40
TIMEOUT_SECONDS = 45.0
READING_SECONDS = 0.7  # a person looks at the number before typing it

_QUESTION = re.compile(r"Type ([\d,]+) to \w+[^\n]*: $")
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Typist:
    """Somebody with a key, at a terminal of 80 columns."""

    def __init__(self, environ: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._environ = {**os.environ, **environ, "TERM": "dumb", "NO_COLOR": "1"}
        self._environ.pop("COLUMNS", None)
        self._say = say

    async def run(self, *arguments: str) -> int:
        """Run a command as typed, answer its question, and return its exit code; raise when it does not end."""
        self._say("$ notifier " + " ".join(arguments))
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        try:
            process = await asyncio.create_subprocess_exec(
                *notifier(*arguments),
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                env=self._environ,
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._converse(ours)
                return await process.wait()
        except TimeoutError as error:
            raise NotifierError(f"'notifier {' '.join(arguments)}' did not end in {TIMEOUT_SECONDS:.0f} s") from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            os.close(ours)

    async def _converse(self, terminal: int) -> None:
        pending = ""
        while (piece := await _read(terminal)) is not None:
            pending += _ESCAPE.sub("", piece).replace("\r\n", "\n")
            if question := _QUESTION.search(pending):
                await asyncio.sleep(READING_SECONDS)
                os.write(terminal, f"{question[1]}\n".encode())
            *whole, pending = pending.split("\n")
            for line in whole:
                self._say(line.rsplit("\r", 1)[-1])
        if pending.strip():
            self._say(pending.rsplit("\r", 1)[-1])


async def _read(terminal: int) -> str | None:
    """Return what the terminal shows next, or None when nobody writes to it any more."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(terminal, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(terminal)
    try:
        return os.read(terminal, 65_536).decode(errors="replace") or None
    except OSError:  # EIO: the other end was closed
        return None


async def run_plainly(environ: Mapping[str, str], log: Path, *arguments: str) -> tuple[int, str]:
    """Run a command without a terminal and return its exit code and what it printed; errors go to the log too."""
    process = await asyncio.create_subprocess_exec(
        *notifier(*arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environ},
        start_new_session=True,
    )
    try:
        output, _ = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    text = output.decode(errors="replace")
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ notifier {' '.join(arguments)}\n{text}\n")
    return process.returncode or 0, text
