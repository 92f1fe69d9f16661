"""Files of complaints made up for backtests: a quiet background, outages, and customers who repeat themselves."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from notifier.backtest.clock import clock_of
from notifier.backtest.complaint_stream import ComplaintStream, Reader
from notifier.backtest.running import Backtest
from notifier.domain.detection import Thresholds

COLUMNS = ("ts", "region", "category", "customer")
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
Past = tuple[str, str, str, str]


def past(at: datetime, region: str, customer: str, category: str = "power") -> Past:
    """Return a row."""
    return (at.isoformat(), region, category, customer)


def background(*, days: int, regions: Sequence[str], per_day: float = 1.5, seed: int = 1) -> list[Past]:
    """Return complaints that come by chance alone, in order."""
    random = Random(seed)  # noqa: S311  # the same file every time
    rows: list[Past] = []
    for region in regions:
        at = MONDAY
        while (at := at + timedelta(days=random.expovariate(per_day))) < MONDAY + timedelta(days=days):
            rows.append(past(at.replace(microsecond=0), region, f"c{random.randrange(10**9)}"))
    return sorted(rows, key=lambda row: datetime.fromisoformat(row[0]))


def outage(at: datetime, region: str, *, callers: int = 12, minutes: float = 1.0) -> list[Past]:
    """Return callers of an outage, one after the other."""
    return [past(at + n * timedelta(minutes=minutes), region, f"{region}-{at:%d%H}-{n}") for n in range(callers)]


def in_order(*parts: Iterable[Past]) -> list[Past]:
    """Return rows of several parts by time."""
    return sorted((row for part in parts for row in part), key=lambda row: datetime.fromisoformat(row[0]))


def written(rows: Iterable[Sequence[str]], columns: Sequence[str] = COLUMNS) -> str:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue()


def stream_of(rows: Iterable[Sequence[str]], columns: Sequence[str] = COLUMNS) -> ComplaintStream:
    """Return rows as a stream in order; none of them may be refused."""
    reader = Reader(datetime(2030, 1, 1, tzinfo=UTC))
    numbered = [(line, dict(zip(columns, row, strict=True))) for line, row in enumerate(rows, 2)]
    assert not list(reader.take(numbered))
    return reader.stream.in_order()


def played(stream: ComplaintStream, *, threshold: float = 17.5, scores_from: float = 4.0) -> Backtest:
    """Return a backtest that has been played."""
    clock = clock_of("", stream.at_us, stream.offset_s)
    backtest = Backtest(stream, clock, Thresholds(likely=threshold, certain=threshold), scores_from=scores_from)
    backtest.play()
    return backtest


def opened(backtest: Backtest, stream: ComplaintStream) -> list[tuple[str, str, str]]:
    """Return the rows that a backtest writes."""
    return [
        (
            stream.regions[one.finding.cell.region_id].code,
            one.finding.cell.service,
            stream.moment(one.index).isoformat(),
        )
        for one in backtest.run.incidents
    ]
