"""The report of a backtest: one HTML file for people, with words, pictures and the evidence of every incident.

In comes what was found; out goes a document that needs nothing from elsewhere, runs no script, and may be mailed. Text
of the file of complaints is data: it is escaped, and cleaned of characters that hide what follows. Hundreds of
incidents are capped, and it says how many are left out.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notifier import __version__
from notifier.backtest import pictures, report_words
from notifier.backtest.pictures import CardPicture, RowPicture
from notifier.backtest.record import AROUND, CellRecord, KnownOutage, Opening, Record
from notifier.backtest.report_words import WANTED, judged_openings
from notifier.domain.text import figure
from notifier.resources import shipped

TEMPLATE = "reports/backtest.html"
CARDS_AT_MOST = 120  # openings with a picture
ROWS_AT_MOST = 500  # of the list of incidents
MISSED_AT_MOST = 200
CELLS_AT_MOST = 30  # in the matrix
PERIODS_AT_MOST = 60  # of the matrix
PERIOD_DAYS = (1, 2, 7, 14, 28, 56, 91, 182, 365)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An opening with its picture."""

    opening: Opening
    verdict: tuple[str, str]
    evidence: str
    picture: CardPicture
    said: str
    delay: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """A cell over time."""

    region: str
    service: str
    counted: int
    openings: int
    picture: RowPicture
    opened_on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveRow:
    """A threshold and what it would have cost, as it is printed."""

    threshold: float
    incidents: int
    per_month: float
    per_cell_month: float
    is_chosen: bool


def html(found: Record) -> str:
    """Return the report."""
    environment = ImmutableSandboxedEnvironment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["figure"] = figure
    environment.filters["shown"] = report_words.shown
    environment.filters["moment"] = _moment
    environment.filters["rate"] = report_words.short
    environment.filters["few"] = report_words.few
    environment.filters["minutes"] = report_words.minutes
    source = (shipped("templates") / TEMPLATE).read_text(encoding="utf-8")
    judged = judged_openings(found)
    delays = _delays(found)
    drawn = _drawn(judged)
    rows = _rows(found)
    return environment.from_string(source).render(
        version=__version__,
        found=found,
        summary=report_words.summary(found),
        judged=len(judged),
        cards=[_card(opening, delays) for opening in drawn],
        listed=judged[-ROWS_AT_MOST:],
        delays=delays,
        verdict_of=report_words.verdict_of,
        cells=rows,
        period=_period(found),
        curve=_curve_rows(found),
        curve_picture=_curve_picture(found),
        wanted=WANTED,
        missed=_missed(found)[:MISSED_AT_MOST],
        missed_in_all=len(_missed(found)),
    )


# --- incidents ------------------------------------------------------------------------------------------------------


def _drawn(judged: Sequence[Opening]) -> list[Opening]:
    """Return the openings that get a picture, in their order: false ones first of all, of the others evenly many."""
    if len(judged) <= CARDS_AT_MOST:
        return list(judged)
    others = [one for one in judged if not one.is_false]
    false = [one for one in judged if one.is_false][-max(CARDS_AT_MOST // 2, CARDS_AT_MOST - len(others)) :]
    room = CARDS_AT_MOST - len(false)
    spread = [others[n * len(others) // room] for n in range(room)] if len(others) > room else others
    return sorted([*false, *spread], key=lambda one: one.number)


def _card(opening: Opening, delays: Mapping[int, timedelta]) -> Card:
    opened = (opening.detected_at - opening.around_from) / (2 * AROUND)
    picture = pictures.card(opening.observed_around, opening.expected_around, opened)
    delay = delays.get(opening.number)
    return Card(
        opening=opening,
        verdict=report_words.verdict_of(opening),
        evidence=report_words.evidence(opening),
        picture=picture,
        said=report_words.picture(opening, picture.most),
        delay="" if delay is None else report_words.minutes(delay),
    )


def _delays(found: Record) -> dict[int, timedelta]:
    """Return how long after its outage each incident was opened that found one, by its number."""
    known = found.verdict.known if found.verdict is not None else ()
    delays: dict[int, timedelta] = {}
    for outage in known:
        if outage.opening is not None and outage.delay is not None:
            delays[outage.opening] = min(outage.delay, delays.get(outage.opening, outage.delay))
    return delays


def _missed(found: Record) -> list[KnownOutage]:
    known = found.verdict.known if found.verdict is not None else ()
    return [outage for outage in known if outage.opening is None]


# --- cells over time ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    first: date
    until: date  # the last day of the file
    days: int
    number: int

    @property
    def last(self) -> date:
        """Return the last day of all."""
        return min(self.until, self.first + timedelta(days=self.days * self.number - 1))

    def of(self, day: date) -> int:
        """Return the number of the period of a day."""
        return min(max(0, (day - self.first).days // self.days), self.number - 1)


def _period(found: Record) -> _Period:
    if found.first_at is None or found.last_at is None:
        return _Period(first=date(1970, 1, 1), until=date(1970, 1, 1), days=1, number=1)
    first, days = found.first_at.date(), (found.last_at.date() - found.first_at.date()).days + 1
    length = next((each for each in PERIOD_DAYS if days <= each * PERIODS_AT_MOST), -(-days // PERIODS_AT_MOST))
    return _Period(first=first, until=found.last_at.date(), days=length, number=-(-days // length))


def _rows(found: Record) -> list[CellRow]:
    """Return the cells with the most incidents, then those with the most complaints."""
    period = _period(found)
    opened: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for opening in found.openings:
        opened[opening.region, opening.service].append(opening.detected_at)
    chosen = sorted(found.cells, key=lambda cell: (-cell.openings, -cell.counted, cell.region, cell.service))
    return [_row(cell, opened[cell.region, cell.service], period) for cell in chosen[:CELLS_AT_MOST]]


def _row(cell: CellRecord, opened: Sequence[datetime], period: _Period) -> CellRow:
    counts, openings = [0] * period.number, [0] * period.number
    for day, complaints in cell.days.items():
        counts[period.of(day)] += complaints
    for at in opened:
        openings[period.of(at.date())] += 1
    return CellRow(
        region=cell.region,
        service=cell.service,
        counted=cell.counted,
        openings=cell.openings,
        picture=pictures.row(counts, openings),
        opened_on=tuple(f"{at:%Y-%m-%d}" for at in opened),
    )


# --- thresholds -----------------------------------------------------------------------------------------------------


def _curve_rows(found: Record) -> list[CurveRow]:
    cells = max(1, len(found.cells))
    return [
        CurveRow(
            threshold=point.threshold,
            incidents=point.incidents if point.false is None else point.false,
            per_month=point.per_month,
            per_cell_month=point.per_month / cells,
            is_chosen=point.threshold == found.threshold,
        )
        for point in found.curve
    ]


def _curve_picture(found: Record) -> pictures.CurvePicture | None:
    points = [(row.threshold, row.per_cell_month) for row in _curve_rows(found)]
    return pictures.curve(points, tuple(WANTED.values()), found.threshold)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
