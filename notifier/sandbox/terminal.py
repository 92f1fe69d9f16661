"""What the demo prints: plain lines everywhere, and one line that moves where there is a terminal.

Colour only repeats what a word says; it is left out without a terminal and when NO_COLOR is set.
"""

import os
import sys
import time
from datetime import datetime
from textwrap import wrap
from zoneinfo import ZoneInfo

WIDTH = 80
PLAIN_EVERY_SECONDS = 2.5  # without a terminal, a moving line is printed at most this often
STAMP_WIDTH = len("06:14:00  ")
_STYLES = {"strong": "1", "good": "1;32", "warn": "1;33", "bad": "1;31", "dim": "2"}


class Screen:
    """Standard output, as lines with the time of the town in front."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._is_terminal = sys.stdout.isatty()
        self._has_colour = self._is_terminal and not os.environ.get("NO_COLOR")
        self._is_moving = False
        self._moved_at = 0.0
        self._moved = ""

    def heading(self, text: str) -> None:
        """Print the title of a scene."""
        self._settle()
        print(f"\n{self._painted(text, 'strong')}", flush=True)

    def line(self, text: str = "", *, at: datetime | None = None, style: str = "") -> None:
        """Print one line, with the town's time where it is given."""
        self._settle()
        margin = 0 if at is None else STAMP_WIDTH
        whole = wrap(text, WIDTH - margin, subsequent_indent="  ") if len(text) > WIDTH - margin else [text]
        for number, each in enumerate(whole):
            print((" " * margin if number else self._stamp(at)) + self._painted(each, style), flush=True)

    def quote(self, text: str) -> None:
        """Print lines that somebody else said, behind a bar."""
        self._settle()
        for each in text.splitlines():
            print(f"  {self._painted('|', 'dim')} {each}".rstrip(), flush=True)

    def moving(self, text: str, *, at: datetime) -> None:
        """Print what will be replaced soon; without a terminal only now and then, and only what is new."""
        now = time.monotonic()
        if self._is_terminal:
            print(f"\r\x1b[2K{self._stamp(at)}{text[: WIDTH - STAMP_WIDTH - 1]}", end="", flush=True)
            self._is_moving = True
        elif now - self._moved_at >= PLAIN_EVERY_SECONDS and text != self._moved:
            self._moved_at, self._moved = now, text
            self.line(text, at=at)

    def _settle(self) -> None:
        if self._is_moving:
            print(flush=True)
            self._is_moving = False

    def _stamp(self, at: datetime | None) -> str:
        return "" if at is None else self._painted(f"{at.astimezone(self._zone):%H:%M:%S}  ", "dim")

    def _painted(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if style and self._has_colour else text


def bar(done: int, whole: int, width: int = 16) -> str:
    """Return `[#####.....]   512 of 1,024`."""
    full = width * done // whole if whole else width
    return f"[{'#' * full}{'.' * (width - full)}] {done:>6,} of {whole:,}"
