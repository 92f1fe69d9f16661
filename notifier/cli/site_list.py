"""The file of `open --sites`: lines `customer_id` or `customer_id,site_id`, as a list for the API.

Which of them are unknown is the daemon's to say; only what cannot be read at all is refused here.
"""

import csv
import sys
from contextlib import nullcontext
from pathlib import Path

import click

_HEADER = "customer_id"
_WANTED = "lines customer_id or customer_id,site_id"
_SHOWN = 40  # characters of a line that cannot be read
_CHARACTERS_AT_MOST = 1_000  # of a line: references are far shorter
_BYTES_AT_MOST = 8_000  # read at once: a file of anything may have no end of line at all


def read_sites(path: Path) -> list[str]:
    """Return the lines of a file (`-` is standard input), without a header, comments and empty lines."""
    named = "standard input" if str(path) == "-" else str(path)
    sites: list[str] = []
    try:
        source = nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb")
        with source as lines:
            for number, line in enumerate(iter(lambda: lines.readline(_BYTES_AT_MOST), b""), start=1):
                site = _site(line, number, named)
                sites += [site] if site else []
    except OSError as error:
        raise click.UsageError(f"cannot read {named}: {error.strerror}") from error
    if not sites:
        raise click.UsageError(f"{named} names no customer; expected {_WANTED}")
    return sites


def _site(line: bytes, number: int, named: str) -> str:
    """Return what one line names, or nothing for a header, a comment and an empty line."""
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise _wrong(named, number, line.decode("latin-1"), "it is not UTF-8") from None
    if len(text) > _CHARACTERS_AT_MOST:
        raise _wrong(named, number, text, f"it has {len(text):,} characters")
    if any(ord(character) < ord(" ") and character != "\t" for character in text):
        raise _wrong(named, number, text, "it holds control characters")
    try:
        cells = [cell.strip() for cell in next(csv.reader([text], strict=True), [])]
    except csv.Error as error:
        raise _wrong(named, number, text, str(error)) from error
    if not any(cells) or cells[0].startswith("#") or (number == 1 and cells[0] == _HEADER):
        return ""
    if len(cells) > len(("customer_id", "site_id")) or not all(cells):
        raise _wrong(named, number, text, "")
    return ",".join(cells)


def _wrong(named: str, number: int, text: str, why: str) -> click.UsageError:
    """Say which line it is, how it begins and what is wanted; never what a file of anything may hold at length."""
    begins = "".join(character for character in text if character.isprintable())
    shown = f"'{begins[:_SHOWN]}{'...' if len(begins) > _SHOWN else ''}'"
    because = f" ({why})" if why else ""
    return click.UsageError(f"{named}, line {number}: {shown} is no site{because}; expected {_WANTED}")
