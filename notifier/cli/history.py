"""Files of complaints for `notifier detection`: read whole, in order, without a daemon; the bar and the refusals.

In: CSV as `notifier.backtest.complaint_stream` takes it. Out: the stream, and the lines that were refused. A refused
line stops nothing; the command ends with exit code 1 when everything else is done.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from notifier.cli import printing
from notifier.cli.csv_file import Unreadable, read_rows
from notifier.cli.printing import number, plural
from notifier.cli.rejects import Rejects
from notifier.cli.upload import opened, progress

if TYPE_CHECKING:
    from notifier.backtest.complaint_stream import ComplaintStream
    from notifier.backtest.running import Run
    from notifier.backtest.truth import Windows
    from notifier.config import Config
    from notifier.domain.local_time import LocalTime


class _Positive(click.ParamType[float]):
    """A number above 0; `nan` and `inf` are none."""

    name = "number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it."""
        try:
            taken = float(str(value))
        except ValueError:
            taken = 0.0
        if not 0 < taken < inf:
            self.fail(f"'{printing.safe(str(value))}' is no number above 0", param, ctx)
        return taken


POSITIVE = _Positive()
SHOWN_AT_MOST = 5  # refused lines on the terminal; all of them are in the file

config_option = click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Configuration file; else NOTIFIER_CONFIG, else config/notifier.yaml.",
)
zone_option = click.option(
    "--zone",
    default="",
    metavar="NAME",
    help="Whose clock days, hours, shown times and times without an offset are of.",
)
truth_option = click.option(
    "--truth",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The outages there were: region,onset[,end,size,category]; region * is a time not to judge.",
)
history_argument = click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))


def configuration(file: Path | None) -> "Config":
    """Return the configuration in force here; end with every problem when there is one."""
    from notifier.domain.errors import ConfigError
    from notifier.settings import load

    try:
        return load(file, os.environ)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        raise SystemExit(1) from error


def read_complaints(file: Path, rejects: Rejects, zone: str) -> "ComplaintStream":
    """Return the complaints of a file in the order of time; wrong usage when there are none."""
    from notifier.backtest.complaint_stream import Reader

    reader = Reader(datetime.now(UTC), _zone(zone))
    refusals = _Refusals(rejects)
    with opened(file) as (source, counted, size), progress(size, "reading", "read") as show:
        rows = _watched(refusals.readable(source, reader.header), lambda n: show(counted.count, n, rejects.count))
        for refused in reader.take(rows):
            refusals.add(refused.line, refused.column, refused.value, refused.reason)
    refusals.end()
    if not len(reader.stream):
        raise click.UsageError(f"{file} holds no complaint that can be read")
    return reader.stream.in_order()


def read_truth(file: Path | None, stream: "ComplaintStream", zone: str) -> "Windows | None":
    """Return the outages of a truth; wrong usage when a line of it is wrong, because every figure would be."""
    from notifier.backtest.complaint_stream import Refused
    from notifier.backtest.fit import outside
    from notifier.backtest.truth import EVERYWHERE, Windows, read_outages, wrong_header

    if file is None:
        return None
    outages, wrong = [], []
    with opened(file) as (source, _, _):
        rows: list[tuple[int, dict[str, str]]] = []
        for each in read_rows(source, wrong_header):
            if isinstance(each, Unreadable):
                wrong.append(f"{file} line {each.line}: {each.reason}")
            else:
                rows.append((each.line, each.cells))
        for one in read_outages(rows, _zone(zone)):
            if isinstance(one, Refused):
                wrong.append(f"{file} line {one.line}: {one.reason}")
            else:
                outages.append(one)
    if wrong:
        raise click.UsageError("\n".join(printing.safe(each) for each in wrong[:SHOWN_AT_MOST]))
    if not outages:
        raise click.UsageError(f"{file} holds no outage")
    regions = {region.code for region in stream.regions.values()}
    _known(file, "region", [one.region for one in outages], regions | {EVERYWHERE}, min(regions, default=""))
    categories = set(stream.services)
    _known(file, "category", [one.category for one in outages], categories | {""}, min(categories))
    windows = Windows(outages)
    if problem := outside(windows, stream):
        raise click.ClickException(f"{file}: {problem}")
    return windows


def _known(file: Path, what: str, names: Sequence[str], known: set[str], such: str) -> None:
    """Refuse a truth of which no line has a region, or a category, of the complaints; say how many have not."""
    elsewhere = sum(name not in known for name in names)
    if elsewhere == len(names):
        raise click.UsageError(printing.safe(f"no {what} of {file} is one of the complaints, such as '{such}'"))
    if elsewhere:
        where = "lies in a region" if what == "region" else "is of a category"
        many = "lie in regions" if what == "region" else "are of categories"
        which = plural(elsewhere, "outage")
        click.echo(f"{which} of {file} {where if elsewhere == 1 else many} without a complaint: missed", err=True)


def check_fit(run: "Run", windows: "Windows | None", stream: "ComplaintStream") -> None:
    """End where nothing matches a truth that would fit if its times were shifted: every figure would be wrong."""
    from notifier.backtest.fit import shift_of, words

    shift = None if windows is None else shift_of(run, windows, stream)
    if shift is not None:
        raise click.ClickException(f"{words(shift)}; nothing was written")


def _zone(name: str) -> ZoneInfo | None:
    """Return a zone that was named; wrong usage when there is none of that name."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.UsageError(
            f"--zone: there is no time zone '{printing.safe(name)}'; expected an IANA name, such as America/Los_Angeles"
        ) from None


def clock(zone: str, stream: "ComplaintStream") -> "LocalTime":
    """Return whose days and hours the baseline has; say so where the file does not say it clearly."""
    from notifier.backtest.clock import clock_of
    from notifier.domain.errors import InvalidInput

    try:
        found = clock_of(zone, stream.at_us, stream.offset_s)
    except InvalidInput as error:
        raise click.UsageError(f"--zone: {error}") from error
    if not zone and found.time_zone == "UTC":
        click.echo(
            "the file shows several offsets at once: days and hours are those of UTC; --zone says whose", err=True
        )
    return found


def played(stream: "ComplaintStream", play: Callable[[Callable[[int], None]], object]) -> None:
    """Show a bar while the detector plays a stream."""
    with progress(len(stream), "deciding", "decided") as show:
        play(lambda done: show(done, done, 0))


def end(rejects: Rejects) -> None:
    """End with exit code 1 when lines were refused."""
    if rejects.count:
        where = f"; see {rejects.path}" if rejects.path else ""
        raise click.ClickException(f"{plural(rejects.count, 'line was', 'lines were')} refused{where}")


class _Refusals:
    """Writes refused lines down, and shows the first of them."""

    def __init__(self, rejects: Rejects) -> None:
        self._rejects = rejects

    def readable(
        self, source: BinaryIO, check_header: Callable[[Sequence[str]], str]
    ) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the rows that can be read."""
        for each in read_rows(source, check_header):
            if isinstance(each, Unreadable):
                self.add(*each)
            else:
                yield each.line, each.cells

    def add(self, line: int, column: str, value: str, reason: str) -> None:
        """Write a line down."""
        self._rejects.add(line, column, value, reason)
        if self._rejects.path is not None and self._rejects.count <= SHOWN_AT_MOST:
            click.echo(printing.safe(f"line {line}: {reason}"), err=True)

    def end(self) -> None:
        """Say how many more there are."""
        more = self._rejects.count - SHOWN_AT_MOST
        if self._rejects.path is not None and more > 0:
            click.echo(f"... and {number(more)} more", err=True)


def _watched(
    rows: Iterator[tuple[int, dict[str, str]]], show: Callable[[int], None]
) -> Iterator[tuple[int, dict[str, str]]]:
    for done, row in enumerate(rows):
        if done % 1_000 == 0:
            show(done)
        yield row
