"""One key at a time, without Enter: the terminal is put into a mode of its own and put back on every way out.

While a `Keyboard` is open nothing is echoed and no key makes a signal, so that Ctrl-C and Ctrl-Z are keys like
every other. A signal from outside (SIGTERM, SIGHUP) ends the command, after the terminal was put back.
"""

import os
import select
import signal
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any, Self

_LOCAL, _CONTROL = 3, 6  # places in the list of termios
_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Keyboard:
    """The terminal behind standard input, read key by key."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._before: list[Any] = []
        self._handlers: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._is_open = True

    def __enter__(self) -> Self:
        self._before = termios.tcgetattr(self._input)
        for each in _ENDING:
            self._handlers[each] = signal.signal(each, _end)
        now = termios.tcgetattr(self._input)
        now[_LOCAL] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
        now[_CONTROL][termios.VMIN], now[_CONTROL][termios.VTIME] = 1, 0
        termios.tcsetattr(self._input, termios.TCSAFLUSH, now)  # what was typed ahead is no decision
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(termios.error):  # the terminal is gone: nothing to put back
            termios.tcsetattr(self._input, termios.TCSAFLUSH, self._before)
        for each, handler in self._handlers.items():
            signal.signal(each, handler)

    def pressed(self, seconds: float) -> bool:
        """Wait that long for a key; return whether one was pressed. A terminal that went away is no key."""
        if not self._is_open:
            time.sleep(max(0.0, seconds))
            return False
        ready, _, _ = select.select([self._input], [], [], max(0.0, seconds))
        if not ready:
            return False
        try:
            self._is_open = bool(os.read(self._input, 64))
        except OSError:
            self._is_open = False
        return self._is_open


def is_terminal() -> bool:
    """Tell whether a person sits at both ends: keys come from a terminal and text goes to one."""
    try:
        return sys.stdin.isatty() and sys.stdout.isatty()
    except ValueError:  # closed
        return False


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
