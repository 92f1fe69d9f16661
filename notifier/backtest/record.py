"""What a backtest has found: the incidents it would have opened with what the report shows of each, and of the rest.

Made by `notifier.backtest.running`, read by whoever prints, scores or draws. Times are aware and carry the offset of
the file, so that they show the wall clock that people there had. No complaint and no customer is kept here.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from notifier.domain.any_service import ANY

AROUND = timedelta(hours=6)  # shown before and after an opening
BIN = timedelta(minutes=10)  # of what is shown around an opening


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An incident that would have been opened, with its evidence at that moment."""

    number: int  # 1, 2, ... in the order of opening
    region: str  # as the file writes it; of the narrowest cell
    service: str  # of several that its customers name, the one that most do
    detected_at: datetime  # when the complaint that opened it was there (`ComplaintStream.known_by`)
    line: int  # of that complaint in the file
    window_from: datetime
    observed: int  # counted complaints in the window, each of another customer
    expected: float  # by the baseline, in the same window
    score: float
    grade: str  # likely | certain
    highest: float  # the highest score while it was open
    until: datetime  # its newest evidence
    also: tuple[str, ...]  # other regions that were evidence of it
    is_false: bool | None  # by the truth, where one was given; None in the warm-up, or without a truth
    around_from: datetime  # where the bins begin
    observed_around: tuple[int, ...]  # counted complaints of the cell in bins of `BIN`
    expected_around: tuple[float, ...]  # expected ones in the same bins
    of_any: bool = False  # its customers name several services

    @property
    def cell_service(self) -> str:
        """Return the service of its cell in words."""
        return f"{ANY} (most name {self.service})" if self.of_any else self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRecord:
    """A cell of the file: who complained there on which day."""

    region: str
    service: str
    counted: int
    openings: int
    days: dict[date, int]  # counted complaints by local day; days without any are absent


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """What a threshold would have cost."""

    threshold: float
    incidents: int  # it would have opened after the warm-up
    false: int | None  # of them, by the truth
    per_month: float  # incidents (the false ones, with a truth) per 30 days over all cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with the interval that holds the true value in 95 of 100 cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOutage:
    """An outage of the truth, and what became of it."""

    region: str
    service: str
    began_at: datetime
    opening: int | None  # the number of the incident that found it; None: missed
    delay: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The incidents held against a truth."""

    outages: int  # after the warm-up
    found: int
    right: int  # incidents
    false: int
    delays: tuple[timedelta, ...]  # of the outages found, in their order
    cell_months: float
    false_per_cell_month: Interval
    false_per_month: Interval  # over all cells
    not_judged: int = 0  # incidents after the warm-up, in times that are not judged
    rows: int = 0  # of the truth, in which the outages are written down; more than outages where they overlap
    known: tuple[KnownOutage, ...] = ()  # every outage after the warm-up, found or missed, in order

    @property
    def precision(self) -> float | None:
        """Return the share of incidents that were right."""
        incidents = self.right + self.false
        return self.right / incidents if incidents else None

    @property
    def recall(self) -> float | None:
        """Return the share of outages that were found."""
        return self.found / self.outages if self.outages else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A whole backtest."""

    file: str
    grade: str  # likely | certain, or nothing when a threshold was given
    threshold: float
    clock: str  # whose wall clock the days and hours are of
    complaints: int  # rows that could be read
    refused: int  # rows that could not
    counted: int
    not_counted: dict[str, int]  # reason -> rows
    first_at: datetime | None  # None: there was nothing in the file
    last_at: datetime | None
    warm_up_until: datetime | None  # incidents before it are not judged
    openings: tuple[Opening, ...]
    cells: tuple[CellRecord, ...]
    curve: tuple[CurvePoint, ...]  # by rising threshold
    verdict: Verdict | None
