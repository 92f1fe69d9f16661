"""Cells of any service: customers of one place who name several services, each too few to be evidence by itself.

A cable that is cut takes internet and television; who has no power may say that the internet is gone. The cell of a
region and any service counts a customer once in 24 hours, whatever is named. It keeps nothing of its own: its customers
are those of the cells of its services, without those who had named another service before, and what is expected in it
is the sum of what is expected in them. So it costs nothing where nobody names a second service, and is made again with
them.

It speaks only where no service does: of evidence that one service has by itself, or when one service names nearly all
callers of the window, the cell of that service decides. Verified customers only: strangers never count here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from math import fsum
from typing import NamedTuple

from notifier.domain.cell import (
    BEGINNING_US,
    CALM_AT_MOST,
    COMPLAINTS_AT_LEAST,
    KEEP_US,
    REFERENCE_US,
    SPAN_US,
    Cell,
    Window,
)
from notifier.domain.detection import (
    EVIDENCE_EVERY_US,
    CellKey,
    CountedComplaint,
    Detector,
    Finding,
    Grade,
    Thresholds,
)
from notifier.domain.local_time import LocalTime
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

    __slots__ = ("_parts", "daily_mean", "local")

    def __init__(self, parts: Sequence[Part], local: LocalTime) -> None:
        self._parts, self.local = parts, local
        self.daily_mean = fsum([part.daily_mean for part in parts])

    def integral(self, at_us: int) -> float:
        """Return how many complaints are expected from a fixed origin up to an instant; only differences count."""
        clock = self.local.of_week(at_us)
        return fsum([per_hour * shape.integral_at(at_us, clock) for shape, per_hour, _ in self._parts])

    def of_hour(self, hour: int) -> float:
        """Return what an hour of the mean day weighs; 1 on average."""
        if not self.daily_mean:
            return 1.0
        return fsum([part.daily_mean * part.shape.of_hour(hour) for part in self._parts]) / self.daily_mean


NOTHING_EXPECTED = Together((), LocalTime("UTC"))
"""Stands in a cell until somebody has to know what is expected in it."""


def together(customers: Iterable[int], parts: Sequence[Part], local: LocalTime, day: int) -> Cell:
    """Return the cell of any service: `customers` are the times at which each of its customers counted."""
    cell = Cell(NOTHING_EXPECTED)
    for at_us in sorted(customers):
        cell.add(at_us, verified=True)
    expect(cell, parts, local, day)
    return cell


def expect(cell: Cell, parts: Sequence[Part], local: LocalTime, day: int) -> None:
    """Put into force what is expected in a cell of any service on a day."""
    rhythm = Together(parts, local)
    cell.set_shape(rhythm)
    cell.set_level(day, 1.0, rhythm.daily_mean)


def leading(named: Mapping[str, int], window: Window) -> str | None:
    """Return the service that most callers of a window name, of several the first; None when its own cell decides.

    `named` has how many callers of the window name each service, in the configured order. A customer who names two is a
    caller of both, and one in the window.
    """
    most = max(named, key=lambda service: named[service])
    return None if named[most] > NEARLY_ALL * window.observed else most


class _Several:
    """A region where customers have named several services lately."""

    __slots__ = ("cell", "cells", "named")

    def __init__(self, named: set[str], cells: dict[str, Cell]) -> None:
        self.named = named
        self.cells = cells  # of its services that were complained about, by service in the configured order
        self.cell: Cell | None = None  # its customers together, once they were looked at; made again every day


class AnyService:
    """The cells of any service, on top of the cells of a detector.

    Where one service is named a complaint costs one look into a table. Where several are, what is cheap to know is
    asked first; the customers are put together once a day, and those who come later are added to them.
    """

    def __init__(self, detector: Detector, thresholds: Thresholds, customers_at_least: Mapping[str, int]) -> None:
        """Begin with nothing; `customers_at_least` are the services in the configured order."""
        self._detector, self._thresholds = detector, thresholds
        self._customers_at_least = customers_at_least
        calm_is_nothing = thresholds.likely + HANDICAP - BONUS_AT_MOST > CALM_AT_MOST
        # customers in 90 minutes, without whom nothing is told
        self._fewest = max(min(customers_at_least.values()), COMPLAINTS_AT_LEAST if calm_is_nothing else 1)
        self._named: dict[int, str | _Several] = {}  # by region: the one service that customers named, or several
        self._again: dict[CellKey, list[int]] = {}  # when customers counted who had named another service before
        self._recorded: dict[int, tuple[int, str]] = {}  # the newest evidence stored of a region: when, and its grade

    def take_in(self, complaint: CountedComplaint) -> list[int]:
        """Take in a complaint that the detector has taken in.

        Return its regions where several services are named and its customer is a new one, narrow before wide.
        """
        service, verified, before, regions = complaint.service, complaint.verified, complaint.named_before, self._named
        several: list[int] = []
        for region_id in complaint.regions:
            known = regions.get(region_id)
            if known == service:  # as nearly always
                continue
            if known is None:
                if verified:
                    regions[region_id] = service
                continue
            if isinstance(known, str):
                if not verified:
                    continue
                known = regions[region_id] = self._several(region_id, {known, service})
            elif service not in known.cells:
                self._make_anew(region_id, known)
            if verified:
                known.named.add(service)
                if region_id not in before:
                    several.append(region_id)
                    if known.cell is not None:
                        known.cell.add(complaint.at_us, verified=True)
        for region_id in before if verified else ():
            self._again.setdefault(CellKey(region_id, service), []).append(complaint.at_us)
        return several

    def mark_recorded(self, region_id: int, at_us: int, grade: str) -> None:
        """Note that evidence of a cell is stored."""
        self._recorded[region_id] = at_us, grade

    def forget_idle(self, newest_us: int) -> None:
        """Drop what is older than 28 hours, and what was made for the day that is over."""
        since_us = newest_us - KEEP_US
        kept = {key: [at_us for at_us in times if at_us >= since_us] for key, times in self._again.items()}
        self._again = {key: times for key, times in kept.items() if times}
        cells, left = self._detector.cells, self._named
        self._named = {}
        for region_id, known in left.items():
            named = {known} if isinstance(known, str) else known.named
            named = {service for service in named if CellKey(region_id, service) in cells}
            if len(named) > 1:
                self._named[region_id] = self._several(region_id, named)
            elif named:
                self._named[region_id] = named.pop()
        self._recorded = {region: last for region, last in self._recorded.items() if last[0] >= since_us}

    def expect_anew(self) -> None:
        """Note that something else than before is expected of a service."""
        for known in self._named.values():
            if not isinstance(known, str):
                known.cell = None

    def named_in(self, region_id: int) -> Collection[str]:
        """Return the services that customers of a region have named lately."""
        known = self._named.get(region_id, ())
        return (known,) if isinstance(known, str) else known.named if isinstance(known, _Several) else ()

    def look(self, region_id: int, parts: Callable[[int], Sequence[Part]], day: int, position: int) -> Finding | None:
        """Return the evidence of a region that was taken in, if it has something new to tell.

        `parts` says what is expected there on this day; it is asked only where customers are enough.
        """
        known = self._named[region_id]
        if isinstance(known, str):
            return None
        newest_us = second_us = BEGINNING_US
        for cell in known.cells.values():
            last_us = cell.times[-1]
            if last_us >= newest_us:
                newest_us, second_us = last_us, newest_us
            elif last_us > second_us:
                second_us = last_us
        since_us = newest_us - SPAN_US
        if second_us <= since_us or any(cell.recorded_us > since_us for cell in known.cells.values()):
            return None
        together = known.cell
        if together is None:
            together = known.cell = Cell(NOTHING_EXPECTED)
            for at_us in sorted(self.customers(region_id, newest_us)):
                together.add(at_us, verified=True)
        times = together.times
        if len(times) < self._fewest or times[-self._fewest] < since_us or times[-1] == since_us:
            return None
        wanted = self._tells_from(region_id, newest_us)
        if wanted is None:
            return None
        if together.day is None:
            expect(together, parts(region_id), self._detector.local, day)
        return self._find(region_id, together, newest_us, wanted, position)

    def customers(self, region_id: int, at_us: int) -> list[int]:
        """Return when customers counted in the cell of a region, as far back as a window up to `at_us` looks."""
        since_us = at_us - SPAN_US - REFERENCE_US
        counted: list[int] = []
        for service, cell in self._cells(region_id).items():
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
            service = leading(self._callers(region_id, window.from_us, at_us), window)
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

    def _callers(self, region_id: int, from_us: int, until_us: int) -> dict[str, int]:
        return {
            service: sum(at_us <= until_us for at_us in cell.customers(from_us))
            for service, cell in self._cells(region_id).items()
        }

    def _tells_from(self, region_id: int, at_us: int) -> float | None:
        """Return from which score a cell has something new to tell: of fresh evidence only a higher grade is new."""
        last_us, grade = self._recorded.get(region_id, (BEGINNING_US, ""))
        if at_us - last_us >= EVIDENCE_EVERY_US or not grade:
            return self._thresholds.likely
        return self._thresholds.certain if grade == Grade.LIKELY else None

    def _several(self, region_id: int, named: set[str]) -> _Several:
        return _Several(named, self._cells(region_id))

    def _make_anew(self, region_id: int, known: _Several) -> None:
        """Take in the cell of a service that was not complained about before: it is expected from now on, too."""
        known.cells, known.cell = self._cells(region_id), None

    def _cells(self, region_id: int) -> dict[str, Cell]:
        """Return the cells of a region with complaints, by service in the configured order."""
        cells = self._detector.cells
        found = ((service, cells.get(CellKey(region_id, service))) for service in self._customers_at_least)
        return {service: cell for service, cell in found if cell is not None and cell.times}
