"""Files of NDJSON, one object a line, as numbered lines: constant memory, whatever a file holds.

In: bytes. Out: lines as they were written, or why one cannot be sent. What an object says is the daemon's to judge.
"""

import io
from collections.abc import Iterator

import click

from notifier.cli.csv_file import Unreadable
from notifier.cli.rejects import Numbered
from notifier.cli.upload import LINE_AT_MOST

_MARK = b"\xef\xbb\xbf"  # what some editors write before UTF-8


def is_ndjson(source: io.BufferedReader) -> bool:
    """Tell from its first character whether a file is NDJSON; a JSON array, which is neither it nor CSV, is refused."""
    begin = source.peek(64).removeprefix(_MARK).lstrip()
    if begin.startswith(b"["):
        raise click.UsageError(
            "the file is a JSON array, not NDJSON; expected one object per line, without brackets and commas around"
            " them, as `jq -c '.[]' FILE` writes it"
        )
    return begin.startswith(b"{")


def read_objects(source: io.BufferedReader) -> Iterator[Numbered | Unreadable]:
    """Yield the lines that are not empty, without the space around them."""
    number = 0
    while piece := source.readline(LINE_AT_MOST + 1):
        number += 1
        if len(piece) > LINE_AT_MOST and not piece.endswith(b"\n"):
            yield Unreadable(number, "", piece[:60].decode("utf-8", "replace"), "the line is over 64 KiB")
            while piece and not piece.endswith(b"\n"):
                piece = source.readline(LINE_AT_MOST)
        elif body := piece.removeprefix(_MARK).strip():
            yield number, body
