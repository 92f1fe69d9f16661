"""Detection: which cells are evidence of an incident.

In come counted complaints in the order of the store, each with the cells it touches, narrow before wide. Out come
findings: groups of cells whose score has reached a grade. Nothing else goes in, so that a detector rebuilt from the
stored baselines and the complaints of the last 28 hours finds the same. Times are microseconds since 1970-01-01 UTC.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from heapq import nsmallest
from math import inf
from typing import NamedTuple, cast

from notifier.domain.cell import (
    BEGINNING_US,
    CALM_AT_MOST,
    COMPLAINTS_AT_LEAST,
    KEEP_US,
    LAST_HOUR_US,
    SPAN_US,
    Cell,
    Window,
)
from notifier.domain.level import Level
from notifier.domain.local_time import LocalTime
from notifier.domain.shape import Shape
from notifier.domain.surge import BONUS_AT_MOST, PER_CELL_AND_HOUR, Surge, mean_per_hour

EVIDENCE_EVERY_US = 60_000_000  # a cell that stays anomalous is recorded once a minute, and when its grade rises


class Grade(StrEnum):
    """How strong the evidence of a cell is."""

    LIKELY = "likely"  # opens a suspected incident; about 0.1 false ones per cell and month
    CERTAIN = "certain"  # shown to the commander; about 0.01


_RANK = {"": 0, Grade.LIKELY: 1, Grade.CERTAIN: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From which score evidence has which grade."""

    likely: float
    certain: float

    def grade(self, score: float) -> Grade | None:
        """Return the grade of a score, or None below `likely`."""
        if score >= self.certain:
            return Grade.CERTAIN
        return Grade.LIKELY if score >= self.likely else None


class CellKey(NamedTuple):
    """A cell: a region and a service."""

    region_id: int
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedComplaint:
    """One complaint as the detector sees it: facts that intake has decided and stored."""

    position: int
    service: str
    at_us: int  # its effective time
    verified: bool
    regions: Sequence[int]  # in which it counts and which are watched, narrow before wide
    named_before: Sequence[int] = ()  # those of them in which its customer had counted with another service


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cell that has reached a grade, with the window that shows it."""

    cell: CellKey
    at_us: int  # end of the window
    window: Window
    grade: Grade
    position: int  # of the complaint that brought it
    named: str = ""  # of a cell of any service: the one that most of its callers name


class Detector:
    """All cells with complaints in the last 28 hours. Whoever feeds it gives those that need one their level first."""

    def __init__(self, local: LocalTime, thresholds: Thresholds, customers_at_least: Mapping[str, int]) -> None:
        self.local = local
        self.cells: dict[CellKey, Cell] = {}
        self._known = cast("Mapping[tuple[int, str], Cell]", self.cells)  # a plain tuple finds as well, and costs less
        self._thresholds = thresholds
        self._calm_is_nothing = thresholds.likely - BONUS_AT_MOST > CALM_AT_MOST
        self._customers_at_least = customers_at_least  # by service: distinct verified customers
        self.scores_from: float | None = None  # for who wants every score from there on; None = what decides
        self._shapes: dict[str, Shape] = {}
        self._surges = {service: Surge() for service in customers_at_least}
        self._since: Mapping[CellKey, int] = {}

    def set_shape(self, service: str, shape: Shape) -> None:
        """Put the shape of a service into force in all its cells."""
        self._shapes[service] = shape
        for key, cell in self.cells.items():
            if key.service == service:
                cell.set_shape(shape)

    def shape(self, service: str) -> Shape:
        """Return the shape in force."""
        return self._shapes[service]

    def set_mean(self, service: str, daily_mean: float | None) -> None:
        """Say how many complaints of a service there are a day, over all its regions; None when nobody knows."""
        self._surges[service].per_hour = mean_per_hour(daily_mean)

    def bonus(self, service: str, at_us: int) -> float:
        """Return what a surge of the service adds to the scores of its cells at a moment."""
        return self._surges[service].bonus(at_us, self._shapes[service])

    def ignore_before(self, since: Mapping[CellKey, int]) -> None:
        """Say where an incident was dismissed or resolved, and when: what came before is no evidence any more."""
        self._since = since

    def ended_us(self, key: CellKey) -> int:
        """Return since when complaints of a cell may be evidence."""
        return self._since.get(key, BEGINNING_US)

    def needs_level(self, complaint: CountedComplaint, day: int) -> list[CellKey]:
        """Return the cells a complaint touches that are to be looked at and have no level for this local day yet."""
        service, at_us, known, all_of_them = (
            complaint.service,
            complaint.at_us,
            self._known,
            not self._passes_over_calm(),
        )
        needing = []
        for region_id in complaint.regions:
            cell = known.get((region_id, service))
            if cell is None:
                if all_of_them:
                    needing.append(CellKey(region_id, service))
            elif cell.day != day and (all_of_them or cell.stirs_with(at_us)):
                needing.append(CellKey(region_id, service))
        return needing

    def will_need_level(self, complaint: CountedComplaint, day: int, coming: dict[CellKey, int]) -> list[CellKey]:
        """Return `needs_level` of a complaint that comes with others; `coming` counts them by cell."""
        needing = []
        for region_id in complaint.regions:
            key = CellKey(region_id, complaint.service)
            cell, others = self.cells.get(key), coming.get(key, 0)
            coming[key] = others + 1
            if cell is not None and cell.day == day:
                continue
            if cell is None:
                stirs = others >= COMPLAINTS_AT_LEAST - 1
            else:
                stirs = cell.stirs_with(complaint.at_us, others=others)
            if stirs or not self._passes_over_calm():
                needing.append(key)
        return needing

    def set_level(self, key: CellKey, day: int, level: Level) -> None:
        """Put the level of a cell into force for a local day."""
        self._cell(key).set_level(day, level.per_hour, level.daily_mean)

    def remember(self, complaint: CountedComplaint) -> None:
        """Take in a complaint that was decided earlier."""
        self._take_in(complaint)

    def feed(self, complaint: CountedComplaint) -> list[Finding]:
        """Take in a complaint and return its cells that have reached a grade, narrow before wide.

        Cells that stay anomalous are returned once a minute, or when one of them rises to a higher grade.
        """
        touched, position, likely = self._take_in(complaint), complaint.position, self._thresholds.likely
        service = complaint.service
        found: dict[int, Finding] = {}
        if self._passes_over_calm():
            for _, cell in touched:
                if cell.is_calm():
                    cell.score = 0.0
            touched = [(region_id, cell) for region_id, cell in touched if not cell.is_calm()]
        for region_id, cell in touched:
            score = self._tells_from(cell)
            if score is not None or self.scores_from is not None:
                wanted_score = inf if score is None else score
                finding = self._look(CellKey(region_id, service), cell, position, wanted_score)
                if finding is not None:
                    found[region_id] = finding
        if not found:
            return []
        findings = []
        for region_id, cell in touched:
            finding = found.get(region_id) or self._look(CellKey(region_id, service), cell, position, likely)
            if finding is not None:
                findings.append(finding)
                self.mark_recorded(finding.cell, finding.at_us, finding.grade)
        return findings

    def _passes_over_calm(self) -> bool:
        """Tell whether cells in which no window counts are not looked at; nobody needs their levels then."""
        return self._calm_is_nothing and self.scores_from is None

    def _tells_from(self, cell: Cell) -> float | None:
        """Return from which score a cell has something new to tell: of fresh evidence only a higher grade is new."""
        if cell.times[-1] - cell.recorded_us >= EVIDENCE_EVERY_US or not cell.recorded_grade:
            return self._thresholds.likely
        return self._thresholds.certain if cell.recorded_grade == Grade.LIKELY else None

    def _take_in(self, complaint: CountedComplaint) -> list[tuple[int, Cell]]:
        """Return the touched cells, narrow before wide; the narrowest says whether the complaint adds to a surge."""
        service, at_us, verified = complaint.service, complaint.at_us, complaint.verified
        touched = []
        for region_id in complaint.regions:
            cell = self._known.get((region_id, service)) or self._cell(CellKey(region_id, service))
            cell.add(at_us, verified=verified)
            touched.append((region_id, cell))
        if touched and _has_its_share(touched[0][1].times, at_us):
            self._surges[service].add(at_us)
        return touched

    def mark_recorded(self, key: CellKey, at_us: int, grade: str) -> None:
        """Note that evidence of a cell is stored."""
        cell = self._cell(key)
        cell.recorded_us, cell.recorded_grade = at_us, grade

    def forget_idle(self, newest_us: int) -> None:
        """Drop cells without a complaint in the last 28 hours."""
        for key in [key for key, cell in self.cells.items() if not cell.times or cell.times[-1] < newest_us - KEEP_US]:
            del self.cells[key]

    def recent(self, at_us: int) -> list[CellKey]:
        """Return the cells that were complained about lately, before an instant."""
        return [key for key, cell in self.cells.items() if cell.times and cell.times[-1] > at_us - SPAN_US]

    def highest(
        self, at_us: int, limit: int, *, day: int, level_of: Callable[[CellKey], Level]
    ) -> list[tuple[CellKey, Window]]:
        """Return the cells with the highest scores at an instant, for display; quiet ones are left out.

        `level_of` gives the level of those that have needed none on this local day; they keep none.
        """
        scored = []
        for key in self.recent(at_us):
            cell = self.cells[key]
            then_us, has_level = max(at_us, cell.times[-1]), cell.day == day
            if not has_level:
                level = level_of(key)
                cell.set_level(day, level.per_hour, level.daily_mean)
            window = cell.evaluate(then_us)
            if not has_level:
                cell.forget_level()
            if window.score > 0:
                scored.append((key, window._replace(score=window.score + self.bonus(key.service, then_us))))
        return nsmallest(limit, scored, key=lambda pair: (-pair[1].score, pair[0]))

    def _cell(self, key: CellKey) -> Cell:
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell(self._shapes[key.service])
        return cell

    def _look(self, key: CellKey, cell: Cell, position: int, wanted_score: float) -> Finding | None:
        at_us = cell.times[-1]
        looked_from = wanted_score if self.scores_from is None else min(wanted_score, self.scores_from)
        window = cell.evaluate(at_us, at_least=max(looked_from - BONUS_AT_MOST, 0.0))
        if window.score == 0:
            cell.score = 0.0
            return None
        bonus = self.bonus(key.service, at_us)
        cell.score = window.score + bonus
        if cell.score < wanted_score:
            return None
        wanted = self._customers_at_least[key.service]
        since_us = self._since.get(key, BEGINNING_US)
        if window.verified < wanted or window.from_us < since_us:
            window = cell.evaluate(at_us, verified_at_least=wanted, since_us=since_us)
            if not window.observed:
                return None
        window = window._replace(score=window.score + bonus)
        grade = self._thresholds.grade(window.score)
        if grade is None or window.score < wanted_score:
            return None
        return Finding(cell=key, at_us=at_us, window=window, grade=grade, position=position)


def _has_its_share(times: Sequence[int], at_us: int) -> bool:
    """Tell whether a complaint that was just counted is among the few of its hour with which a cell adds to a surge."""
    if at_us >= times[-1]:
        return len(times) <= PER_CELL_AND_HOUR or times[-1 - PER_CELL_AND_HOUR] <= at_us - LAST_HOUR_US
    return bisect_right(times, at_us) - bisect_right(times, at_us - LAST_HOUR_US) <= PER_CELL_AND_HOUR
