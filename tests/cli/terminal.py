"""A person at a terminal: a command runs behind a pseudo-terminal; what it prints is waited for, keys are typed."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 20.0
REACTION_SECONDS = 0.2  # a prompt is printed just before its read begins; a signal in between would be lost to it
_OWNS_THE_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # else Ctrl-C would be a key without a signal
from notifier.cli import main
main(prog_name="notifier")
"""


class Terminal:
    """One run of `notifier` at a pseudo-terminal; `text` is everything it printed."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str]) -> None:
        self.text = ""
        self.master, self._slave = pty.openpty()
        self.before = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWNS_THE_TERMINAL, *arguments],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self._slave)

    def type(self, keys: str) -> None:
        """Press keys, a moment after what was seen; nothing presses Enter by itself."""
        time.sleep(REACTION_SECONDS)
        os.write(self.master, keys.encode())

    def sees(self, words: str) -> str:
        """Wait until these words were printed; return all text so far."""
        end = time.monotonic() + PATIENCE_SECONDS
        while words not in self.text:
            assert time.monotonic() < end, f"{words!r} did not come; there is:\n{self.text}"
            self._read(0.1)
        return self.text

    def signal(self, number: signal.Signals) -> None:
        """Send the command a signal from outside."""
        self.process.send_signal(number)

    def ends(self) -> int:
        """Wait for the end; return the exit code."""
        end = time.monotonic() + PATIENCE_SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it does not end; there is:\n{self.text}"
            self._read(0.05)
        self._read(0.05)
        return self.process.returncode

    def is_as_before(self) -> bool:
        """Tell whether the terminal has the mode again that it had at the start."""
        return termios.tcgetattr(self._slave) == self.before

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            self.text += os.read(self.master, 65536).decode().replace("\r\n", "\n")
