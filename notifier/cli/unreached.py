"""Who was not reached, as a list to call from: for people, as CSV, or as the API's lines.

Text from the directory never becomes a formula of a spreadsheet, nor moves the cursor of a terminal.
"""

import csv
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import click
import msgspec

from notifier.cli import printing
from notifier.cli.printing import BAD, plural, safe
from notifier.domain.text import inert
from notifier.storage.views import UnreachedView

COLUMNS = ("priority", "customer", "name", "site", "label", "address", "call", "why")


class _End(msgspec.Struct, kw_only=True):
    """The last line of the answer: without it, the list is not whole."""

    done: bool = False
    sites: int = 0


def show_unreached(lines: Iterator[bytes], *, as_csv: bool, as_json: bool) -> None:
    """Print the lines of GET /v1/broadcasts/ID/unreached; exit with 1 when they broke off."""
    sites, priority, ended = 0, 0, False
    customers: set[str] = set()
    writer = csv.writer(sys.stdout) if as_csv else None
    if writer is not None:
        writer.writerow(COLUMNS)
    for line in lines:
        if msgspec.json.decode(line, type=_End).done:
            ended = True
            continue
        sites += 1
        if as_json:
            click.echo(line.decode())
            continue
        view = msgspec.json.decode(line, type=UnreachedView)
        priority += view.priority
        customers.add(view.customer)
        if writer is not None:
            writer.writerow(_cells(view))
        else:
            _show(view)
    if not ended:
        raise click.ClickException("the answer broke off before its end; repeat it")
    if not as_json and writer is None:
        _end(sites, len(customers), priority)


def save_unreached(lines: Iterator[bytes], path: Path) -> None:
    """Write the lines of GET /v1/broadcasts/ID/unreached to a CSV file that only its owner may read.

    An earlier list of ours is replaced when the new one is whole. Raises for anything else of that name, and when the
    answer broke off.
    """
    if path.is_symlink() or (path.exists() and not _is_ours(path)):
        raise click.ClickException(f"{path} is there already and is no such list")
    descriptor, name = tempfile.mkstemp(prefix=f"{path.stem}.", suffix=".part", dir=path.parent)  # for its owner alone
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            _write(lines, file)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def joined(lists: Iterable[Iterator[bytes]]) -> Iterator[bytes]:
    """Yield several lists as one; one that broke off leaves the whole without its end."""
    sites = 0
    for lines in lists:
        ended = False
        for line in lines:
            if (end := msgspec.json.decode(line, type=_End)).done:
                ended, sites = True, sites + end.sites
            else:
                yield line
        if not ended:
            return
    yield msgspec.json.encode(_End(done=True, sites=sites))


def _is_ours(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\r\n") in ("", ",".join(COLUMNS))


def _write(lines: Iterator[bytes], file: TextIO) -> None:
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for line in lines:
        if msgspec.json.decode(line, type=_End).done:
            return
        writer.writerow(_cells(msgspec.json.decode(line, type=UnreachedView)))
    raise click.ClickException("the answer broke off before its end")


def _cells(view: UnreachedView) -> list[str]:
    cells = (
        *("yes" if view.priority else "", view.customer, view.name, view.site, view.label, view.address),
        *(" ".join(view.call), "; ".join(view.why)),
    )
    return [inert(safe(cell)) for cell in cells]


def _show(view: UnreachedView) -> None:
    place = ", ".join(part for part in (view.label, view.address) if part) or "no address on file"
    mark = "  PRIORITY" if view.priority else ""
    printing.line(f"{view.customer}/{view.site}  {view.name}{mark}", hang=4, style=BAD if view.priority else "bold")
    printing.line(place, indent=4)
    printing.line(f"call {', '.join(view.call)}" if view.call else "no telephone number on file", indent=4, hang=6)
    printing.line("; ".join(view.why), indent=4, hang=6)


def _end(sites: int, customers: int, priority: int) -> None:
    if not sites:
        printing.line("Everyone was reached, or still may be.")
        return
    click.echo()
    few = f", {printing.number(priority)} with priority" if priority else ""
    printing.line(f"{plural(sites, 'site')} of {plural(customers, 'customer')} not reached{few}.")
