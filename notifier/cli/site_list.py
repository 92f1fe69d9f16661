"""The file of `open --sites`: lines `customer_id` or `customer_id,site_id`, as a list for the API.

Which of them are unknown is the daemon's to say; only what cannot be read at all is refused here.
"""

import csv
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

import click

_HEADER = "customer_id"


def read_sites(path: Path) -> list[str]:
    """Return the lines of a file (`-` is standard input), without a header, comments and empty lines."""
    try:
        source = nullcontext(sys.stdin) if str(path) == "-" else path.open(encoding="utf-8-sig", newline="")
        with source as lines:
            sites = list(_sites(lines))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise click.UsageError(f"cannot read {path}: {reason}") from error
    if not sites:
        raise click.UsageError(f"{path} names no customer; expected lines customer_id or customer_id,site_id")
    return sites


def _sites(lines: Iterable[str]) -> Iterable[str]:
    for number, row in enumerate(csv.reader(lines), start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#") or (number == 1 and cells[0] == _HEADER):
            continue
        if len(cells) > 2 or not all(cells):
            raise click.UsageError(f"line {number}: '{','.join(row)}'; expected customer_id or customer_id,site_id")
        yield ",".join(cells)
