"""Detection: which cells are evidence of an incident.

In come counted complaints in the order of the store, each with the cells it touches, narrow before wide. Out come
findings: groups of cells whose score has reached a grade. Nothing else goes in, so that a detector rebuilt from the
stored baselines and the complaints of the last 28 hours finds the same. Times are microseconds since 1970-01-01 UTC.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from heapq import nlargest
from typing import NamedTuple

from notifier.domain.baseline import Level, LocalTime, Shape
from notifier.domain.cell import BEGINNING_US, KEEP_US, SPAN_US, Cell, Window

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A cell that has reached a grade, with the window that shows it."""

    cell: CellKey
    at_us: int  # end of the window
    window: Window
    grade: Grade
    position: int  # of the complaint that brought it


class Detector:
    """All cells with complaints in the last 28 hours. Whoever feeds it gives every touched cell its level first."""

    def __init__(self, local: LocalTime, thresholds: Thresholds, customers_at_least: Mapping[str, int]) -> None:
        self.local = local
        self.cells: dict[CellKey, Cell] = {}
        self._thresholds = thresholds
        self._customers_at_least = customers_at_least  # by service: distinct verified customers
        self._shapes: dict[str, Shape] = {}
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

    def ignore_before(self, since: Mapping[CellKey, int]) -> None:
        """Say where an incident was dismissed or resolved, and when: what came before is no evidence any more."""
        self._since = since

    def needs_level(self, complaint: CountedComplaint, day: int) -> Iterator[CellKey]:
        """Yield the cells a complaint touches that have no level for this local day yet."""
        for region_id in complaint.regions:
            key = CellKey(region_id, complaint.service)
            cell = self.cells.get(key)
            if cell is None or cell.day != day:
                yield key

    def set_level(self, key: CellKey, day: int, level: Level) -> None:
        """Put the level of a cell into force for a local day."""
        self._cell(key).set_level(day, level.per_hour, level.daily_mean)

    def remember(self, complaint: CountedComplaint) -> None:
        """Take in a complaint that was decided earlier."""
        for region_id in complaint.regions:
            self._cell(CellKey(region_id, complaint.service)).add(complaint.at_us, verified=complaint.verified)

    def feed(self, complaint: CountedComplaint) -> list[Finding]:
        """Take in a complaint and return its cells that have reached a grade, narrow before wide.

        Cells that stay anomalous are returned once a minute, or when one of them rises to a higher grade.
        """
        findings = []
        due = False
        for region_id in complaint.regions:
            key = CellKey(region_id, complaint.service)
            cell = self._cell(key)
            cell.add(complaint.at_us, verified=complaint.verified)
            finding = self._look(key, cell, complaint.position)
            if finding is not None:
                findings.append(finding)
                due = due or _is_due(cell, finding)
        if not due:
            return []
        for finding in findings:
            self.mark_recorded(finding.cell, finding.at_us, finding.grade)
        return findings

    def mark_recorded(self, key: CellKey, at_us: int, grade: str) -> None:
        """Note that evidence of a cell is stored."""
        cell = self._cell(key)
        cell.recorded_us, cell.recorded_grade = at_us, grade

    def forget_idle(self, newest_us: int) -> None:
        """Drop cells without a complaint in the last 28 hours."""
        for key in [key for key, cell in self.cells.items() if not cell.times or cell.times[-1] < newest_us - KEEP_US]:
            del self.cells[key]

    def score_all(self) -> None:
        """Score every cell with a level at its newest complaint, for display."""
        for cell in self.cells.values():
            if cell.day is not None and cell.times:
                cell.score = cell.evaluate(cell.times[-1]).score

    def highest(self, at_us: int, limit: int) -> list[tuple[CellKey, Window]]:
        """Return the cells with the highest scores at an instant, for display; quiet ones are left out."""
        recent = [
            (cell.score, key)
            for key, cell in self.cells.items()
            if cell.day is not None and cell.score > 0 and cell.times[-1] > at_us - SPAN_US
        ]
        scored = []
        for _, key in nlargest(2 * limit, recent):
            cell = self.cells[key]
            scored.append((key, cell.evaluate(max(at_us, cell.times[-1]))))
        shown = [(key, window) for key, window in scored if window.score > 0]
        return sorted(shown, key=lambda pair: (-pair[1].score, pair[0]))[:limit]

    def _cell(self, key: CellKey) -> Cell:
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell(self._shapes[key.service])
        return cell

    def _look(self, key: CellKey, cell: Cell, position: int) -> Finding | None:
        at_us = cell.times[-1]
        window = cell.evaluate(at_us)
        cell.score = window.score
        if window.score < self._thresholds.likely:
            return None
        wanted = self._customers_at_least[key.service]
        since_us = self._since.get(key, BEGINNING_US)
        if window.verified < wanted or window.from_us < since_us:
            window = cell.evaluate(at_us, verified_at_least=wanted, since_us=since_us)
        grade = self._thresholds.grade(window.score)
        if grade is None:
            return None
        return Finding(cell=key, at_us=at_us, window=window, grade=grade, position=position)


def _is_due(cell: Cell, finding: Finding) -> bool:
    rises = _RANK[finding.grade] > _RANK[cell.recorded_grade]
    return finding.at_us - cell.recorded_us >= EVIDENCE_EVERY_US or rises
