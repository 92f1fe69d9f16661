"""Cells of any service: customers of one place who name several services, each too few to be evidence by itself.

A cable that is cut takes internet and television; who has no power may say that the internet is gone. The cell of a
region and any service counts a customer once in 24 hours, whatever is named. It keeps nothing of its own: its customers
are those of the cells of its services, without those who had named another service before, and what is expected in it
is the sum of what is expected in them. So it costs nothing where nobody names a second service, and is made again with
them.

It speaks only where no service does: of evidence that one service has by itself, or when one service names nearly all
callers of the window, the cell of that service decides. Verified customers only: strangers never count here.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from math import fsum
from typing import NamedTuple

from notifier.domain.cell import BEGINNING_US, KEEP_US, REFERENCE_US, SPAN_US, Cell, Window
from notifier.domain.detection import (
    EVIDENCE_EVERY_US,
    CellKey,
    CountedComplaint,
    Detector,
    Finding,
    Grade,
    Thresholds,
)
from notifier.domain.local_time import HOURS_PER_DAY, LocalTime
from notifier.domain.shape import Shape
from notifier.domain.surge import BONUS_AT_MOST

ANY = "any service"  # in place of the name of a service; names of services hold no spaces
HANDICAP = 1.0  # off its score: one cell more in a region is one chance more to be wrong
NEARLY_ALL = 0.75  # of the callers of a window: when one service is named by more of them, its own cell decides


def shown(region: str, service: str) -> str:
    """Return a cell of an incident as people are shown it: its region, and that several services were named."""
    return f"{region}, {ANY}" if service == ANY else region


class Part(NamedTuple):
    """What is expected of one service in a region."""

    shape: Shape
    per_hour: float
    daily_mean: float


class Together:
    """What is expected of several services together: the sum of their levels, each with its own shape.

    Sums are exact, so that the order of the services in the configuration changes no decision.
    """

    def __init__(self, parts: Sequence[Part], local: LocalTime) -> None:
        self._parts, self.local = parts, local
        self.daily_mean = fsum(part.daily_mean for part in parts)

    def integral(self, at_us: int) -> float:
        """Return how many complaints are expected from a fixed origin up to an instant; only differences count."""
        return fsum(part.per_hour * part.shape.integral(at_us) for part in self._parts)

    @property
    def hours_of_day(self) -> tuple[float, ...]:
        """Return the mean day, hour by hour; 1 on average."""
        if not self.daily_mean:
            return (1.0,) * HOURS_PER_DAY
        return tuple(
            fsum(part.daily_mean * part.shape.hours_of_day[hour] for part in self._parts) / self.daily_mean
            for hour in range(HOURS_PER_DAY)
        )


def together(customers: Iterable[int], parts: Sequence[Part], local: LocalTime, day: int) -> Cell:
    """Return the cell of any service: `customers` are the times at which each of its customers counted."""
    rhythm = Together(parts, local)
    cell = Cell(rhythm)
    cell.set_level(day, 1.0, rhythm.daily_mean)
    for at_us in sorted(customers):
        cell.add(at_us, verified=True)
    return cell


def leading(named: Mapping[str, int], window: Window) -> str | None:
    """Return the service that most callers of a window name, of several the first; None when its own cell decides.

    `named` has how many callers of the window name each service, in the configured order. A customer who names two is a
    caller of both, and one in the window.
    """
    most = max(named, key=lambda service: named[service])
    return None if named[most] > NEARLY_ALL * window.observed else most


class AnyService:
    """The cells of any service, on top of the cells of a detector."""

    def __init__(self, detector: Detector, thresholds: Thresholds, customers_at_least: Mapping[str, int]) -> None:
        """Begin with nothing; `customers_at_least` are the services in the configured order."""
        self._detector, self._thresholds = detector, thresholds
        self._customers_at_least = customers_at_least
        self._services: dict[int, list[str]] = {}  # by region: services that customers named, of most one
        self._again: dict[CellKey, list[int]] = {}  # when customers counted who had named another service before
        self._recorded: dict[int, tuple[int, str]] = {}  # the newest evidence stored of a region: when, and its grade

    def take_in(self, complaint: CountedComplaint) -> None:
        """Take in a complaint that the detector has taken in."""
        if complaint.verified:
            service, named = complaint.service, self._services
            for region_id in complaint.regions:
                known = named.get(region_id)
                if known is None:
                    named[region_id] = [service]
                elif service not in known:
                    known.append(service)
            for region_id in complaint.named_before:
                self._again.setdefault(CellKey(region_id, complaint.service), []).append(complaint.at_us)

    def mark_recorded(self, region_id: int, at_us: int, grade: str) -> None:
        """Note that evidence of a cell is stored."""
        self._recorded[region_id] = at_us, grade

    def forget_idle(self, newest_us: int) -> None:
        """Drop what is older than 28 hours."""
        since_us = newest_us - KEEP_US
        kept = {key: [at_us for at_us in times if at_us >= since_us] for key, times in self._again.items()}
        self._again = {key: times for key, times in kept.items() if times}
        cells = self._detector.cells
        left = {
            region: [service for service in named if CellKey(region, service) in cells]
            for region, named in self._services.items()
        }
        self._services = {region: named for region, named in left.items() if named}
        self._recorded = {region: last for region, last in self._recorded.items() if last[0] >= since_us}

    def named_in(self, region_id: int) -> Sequence[str]:
        """Return the services that customers of a region have named lately."""
        return self._services.get(region_id, ())

    def may_tell(self, region_id: int) -> bool:
        """Tell whether several services were complained about lately, and none of them has evidence by itself."""
        if len(self._services.get(region_id, ())) < 2:
            return False
        cells = self._cells(region_id)
        if len(cells) < 2:
            return False
        since_us = max(cell.times[-1] for _, cell in cells) - SPAN_US
        return (
            sum(cell.times[-1] > since_us for _, cell in cells) > 1
            and all(cell.recorded_us <= since_us for _, cell in cells)
            and sum(len(cell.times) - bisect_left(cell.times, since_us) for _, cell in cells)
            >= min(self._customers_at_least.values())
        )

    def look(self, region_id: int, parts: Sequence[Part], day: int, position: int) -> Finding | None:
        """Return the evidence of a region, if it has something new to tell; `parts` are what is expected there."""
        newest_us = max(cell.times[-1] for _, cell in self._cells(region_id))
        wanted = self._tells_from(region_id, newest_us)
        if wanted is None:
            return None
        cell = together(self.customers(region_id, newest_us), parts, self._detector.local, day)
        if not cell.times or cell.times[-1] <= newest_us - SPAN_US:
            return None
        return self._find(region_id, cell, newest_us, wanted, position)

    def customers(self, region_id: int, at_us: int) -> list[int]:
        """Return when customers counted in the cell of a region, as far back as a window up to `at_us` looks."""
        since_us = at_us - SPAN_US - REFERENCE_US
        counted: list[int] = []
        for service, cell in self._cells(region_id):
            times = cell.customers(since_us)
            for again_us in self._again.get(CellKey(region_id, service), ()):
                if again_us >= since_us and again_us in times:
                    times.remove(again_us)
            counted += times
        return counted

    def _find(self, region_id: int, cell: Cell, at_us: int, wanted: float, position: int) -> Finding | None:
        since_us = max(self._detector.ended_us(CellKey(region_id, service)) for service in self._customers_at_least)
        customers = 0
        while True:  # twice at most: when the service asks for more customers than the window has
            window = cell.evaluate(
                at_us,
                verified_at_least=customers,
                since_us=since_us,
                at_least=max(wanted + HANDICAP - BONUS_AT_MOST, 0.0),
            )
            if not window.observed:
                return None
            service = leading(self._named(region_id, window.from_us, at_us), window)
            if service is None:
                return None
            if window.verified >= self._customers_at_least[service]:
                break
            if customers:
                return None
            customers = self._customers_at_least[service]
        window = window._replace(score=window.score + self._detector.bonus(service, at_us) - HANDICAP)
        grade = self._thresholds.grade(window.score)
        if grade is None or window.score < wanted:
            return None
        self.mark_recorded(region_id, at_us, grade)
        return Finding(
            cell=CellKey(region_id, ANY), at_us=at_us, window=window, grade=grade, position=position, named=service
        )

    def _named(self, region_id: int, from_us: int, until_us: int) -> dict[str, int]:
        return {
            service: sum(at_us <= until_us for at_us in cell.customers(from_us))
            for service, cell in self._cells(region_id)
        }

    def _tells_from(self, region_id: int, at_us: int) -> float | None:
        """Return from which score a cell has something new to tell: of fresh evidence only a higher grade is new."""
        last_us, grade = self._recorded.get(region_id, (BEGINNING_US, ""))
        if at_us - last_us >= EVIDENCE_EVERY_US or not grade:
            return self._thresholds.likely
        return self._thresholds.certain if grade == Grade.LIKELY else None

    def _cells(self, region_id: int) -> list[tuple[str, Cell]]:
        """Return the cells of a region with complaints, by service in the configured order."""
        cells = self._detector.cells
        found = [(service, cells.get(CellKey(region_id, service))) for service in self._customers_at_least]
        return [(service, cell) for service, cell in found if cell is not None and cell.times]
