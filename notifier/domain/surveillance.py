"""Surveillance: everything that is decided about the stream of counted complaints, whoever keeps the counts.

In come counted complaints in the order they are decided, and `Counts`: what is known of the past. Out come findings,
and `Changes`: the baselines that have come into force and must be stored with the position. The daemon feeds it from
the store, a backtest from a file; both decide the same because there is nothing else to decide with. No I/O, no clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from notifier.domain.any_service import ANY, AnyService, Part
from notifier.domain.baseline import Baseline, WeighedDays
from notifier.domain.baseline_day import NO_DAY, BaselineState, NewDay, PastCounts, StoredShape, begin_day
from notifier.domain.cell import KEEP_US, Window
from notifier.domain.detection import CellKey, CountedComplaint, Detector, Finding, Thresholds
from notifier.domain.feed import SHORTEST_US, Silence, silence_before, without_filled
from notifier.domain.level import Level
from notifier.domain.local_time import US_PER_DAY, LocalTime
from notifier.domain.shape import FLAT, Shape


class Counts(PastCounts, Protocol):
    """What surveillance knows of the past: the tallies that intake keeps, and the levels put into force before."""

    def kind_of(self, region_id: int) -> str:
        """Return the kind of a region, or nothing when there is no such region."""
        ...

    def new_on(self, region_id: int) -> int:
        """Return the local day on which a region became known, or 0 when it was there from the beginning."""
        ...

    def cell_days(self, key: CellKey, first_day: int, before_day: int) -> Mapping[int, int]:
        """Return the complaints of a cell by local day."""
        ...

    def level(self, key: CellKey) -> Level | None:
        """Return the level of a cell that was last put into force and stored."""
        ...


@dataclass(slots=True)
class Changes:
    """What has come into force and is not stored yet."""

    levels: dict[CellKey, Level] = field(default_factory=dict)
    days: list[NewDay] = field(default_factory=list)
    state: BaselineState | None = None  # newer than that of the days
    silences: list[tuple[str, Silence]] = field(default_factory=list)  # by service: noticed, and worth a word

    def voids(self, key: CellKey) -> bool:
        """Tell whether the stored level of a cell is void, because history was imported."""
        return key not in self.levels and any(key.service in new.imported for new in self.days)


NOWHERE = (-1, -1)  # before every region, narrow before wide


class Surveillance:
    """Watches the cells of some services and kinds of region."""

    def __init__(
        self,
        local: LocalTime,
        thresholds: Thresholds,
        customers_at_least: Mapping[str, int],
        kinds: Mapping[str, int],
        *,
        of_any_service: bool = True,
    ) -> None:
        """Begin with nothing known.

        `customers_at_least` are the distinct verified customers without whom there is no evidence, by service; `kinds`
        are the kinds of region that are watched, with their rank, narrow before wide. `of_any_service`: also cells of
        any service, where there are several.
        """
        self.local = local
        self.services = tuple(customers_at_least)
        self.detector = Detector(local, thresholds, customers_at_least)
        several = of_any_service and len(self.services) > 1  # with one there is nothing else that could be named
        self._any = AnyService(self.detector, thresholds, customers_at_least) if several else None
        self.changes = Changes()
        self._rank = kinds
        self._places: dict[int, tuple[int, int]] = {}  # of regions that are watched: rank and number
        self._state = BaselineState()
        self._heard: dict[str, int] = {}  # when the newest complaint of a service took effect
        self.baseline = self._baseline_of(NO_DAY, self._state, {})
        for service in self.services:
            self.detector.set_shape(service, Shape(FLAT, local))

    def observe(self, counts: Counts, complaint: CountedComplaint) -> list[Finding]:
        """Decide about the next complaint: return its cells that have reached a grade, narrow before wide.

        After those of its service come those of any service.
        """
        watched = self._watched(counts, complaint)
        if watched is None:
            return []
        if watched.at_us >= self.baseline.until_us:
            self.begin_day(counts, self.local.day(watched.at_us))
        heard_us = self._heard.get(watched.service)
        if heard_us is None or watched.at_us - heard_us >= SHORTEST_US:
            self._end_silence(counts, watched, heard_us)
        elif watched.at_us > heard_us:
            self._heard[watched.service] = watched.at_us
        self._give_levels(counts, watched)
        findings = self.detector.feed(watched)
        if self._any is not None:
            several = self._any.take_in(watched)
            if several:
                findings += self._of_any_service(counts, self._any, several, watched.position)
        return findings

    def without_level(self, counts: Counts, complaints: Iterable[CountedComplaint]) -> list[CellKey]:
        """Return the cells that the next complaints will need a level for: who has many may look them up together."""
        cells: dict[CellKey, None] = {}
        coming: dict[CellKey, int] = {}
        named: dict[int, set[str]] = {}
        day = self.baseline.day
        for complaint in complaints:
            watched = self._watched(counts, complaint)
            if watched is not None:
                day = max(day, self.local.day(watched.at_us))
                cells.update(dict.fromkeys(self.detector.will_need_level(watched, day, coming)))
                self._add_beside(cells, named, watched, day)
        return list(cells)

    def _add_beside(
        self, cells: dict[CellKey, None], named: dict[int, set[str]], complaint: CountedComplaint, day: int
    ) -> None:
        """Add the cells of the other services of a region where several are named; `named` are those of the batch."""
        if self._any is None:
            return
        for region_id in complaint.regions:
            services = named.get(region_id)
            if services is None:
                services = named[region_id] = set(self._any.named_in(region_id))
            services.add(complaint.service)
            if len(services) > 1:
                for service in self.services:
                    key = CellKey(region_id, service)
                    cell = self.detector.cells.get(key)
                    if cell is None or cell.day != day:
                        cells[key] = None

    def level(self, counts: Counts, key: CellKey) -> Level:
        """Return the level of a cell on this day, put into force or not."""
        return self._level_of(counts, key)[0]

    def highest(self, counts: Counts, at_us: int, limit: int) -> list[tuple[CellKey, Window]]:
        """Return the cells with the highest scores at an instant; who looks changes nothing."""
        return self.detector.highest(at_us, limit, day=self.baseline.day, level_of=partial(self.level, counts))

    def has_no_level(self, key: CellKey) -> bool:
        """Tell whether a cell has needed no level on this day so far."""
        return self.detector.cells[key].day != self.baseline.day

    def expected(self, counts: Counts, key: CellKey, since_us: int, until_us: int) -> float:
        """Return how many complaints the baseline of this day expects in a cell between two times."""
        expected = 0.0
        for part in self.parts_of(key):
            shape = self.baseline.shape(part.service)
            expected += self.level(counts, part).per_hour * (shape.integral(until_us) - shape.integral(since_us))
        return expected

    def parts_of(self, key: CellKey) -> list[CellKey]:
        """Return the cells a cell consists of: that of any service of those that have a history, another one of itself.

        What has come since the day began plays no part: it must not matter how many complaints are looked at together.
        """
        if key.service != ANY:
            return [key]
        known = [service for service in self.services if self.baseline.history(service).daily_mean is not None]
        return [CellKey(key.region_id, service) for service in known or self.services]

    def _is_heard(self, key: CellKey) -> bool:
        """Tell whether anything is known to expect in a cell: a service that was never heard adds nothing to others."""
        cell = self.detector.cells.get(key)
        return bool(cell is not None and cell.times) or self.baseline.history(key.service).daily_mean is not None

    def begin_day(self, counts: PastCounts, day: int) -> NewDay:
        """Make the baseline of a local day and put it into force; cells that have been idle are forgotten."""
        self._places.clear()  # a region may have gone
        in_force = {service: self.baseline.shape(service) for service in self.services}
        new = begin_day(counts, day, self.services, self.local, self._state, in_force)
        self.detector.forget_idle(self.local.instant(day * US_PER_DAY))
        if self._any is not None:
            self._any.forget_idle(self.local.instant(day * US_PER_DAY))
        self.changes.days.append(new)
        levels = self.changes.levels
        self.changes.levels = {key: level for key, level in levels.items() if key.service not in new.imported}
        shapes = {service: self.baseline.shape(service) for service in self._state.services}
        for service, stored in new.shapes.items():
            shapes[service] = Shape(stored.weights, self.local)
        before, after = self._state.silences, new.state.silences  # as a rebuilt detector has them, to the last digit
        for service in {*new.shapes, *(each for each in before if before[each] != after.get(each))}:
            self.detector.set_shape(service, shapes[service].without(new.state.silences.get(service, ())))
        self.baseline = self._baseline_of(new.day, new.state, shapes, self.baseline.weighed())
        self._state = new.state
        self._give_means()
        self.changes.state = None
        for key, cell in self.detector.cells.items():
            if key.service in new.imported:
                cell.forget_level()
        return new

    def take_changes(self) -> Changes:
        """Return what has come into force since it was asked for last; the caller stores it."""
        taken, self.changes = self.changes, Changes()
        return taken

    # --- beginning again --------------------------------------------------------------------------------------------

    def restore_baseline(self, day: int, state: BaselineState, shapes: Mapping[str, StoredShape]) -> None:
        """Put a stored baseline into force, before anything is remembered."""
        self._state = state
        in_force = {service: Shape(stored.weights, self.local) for service, stored in shapes.items()}
        self.baseline = self._baseline_of(day, state, in_force)
        for service in self.services:
            self.detector.set_shape(service, self.baseline.shape(service).without(state.silences.get(service, ())))
        self._give_means()

    def remember(self, counts: Counts, complaint: CountedComplaint) -> None:
        """Take in a complaint that was decided earlier."""
        watched = self._watched(counts, complaint)
        if watched is not None:
            self._heard[watched.service] = max(watched.at_us, self._heard.get(watched.service, watched.at_us))
            self.detector.remember(watched)
            if self._any is not None:
                self._any.take_in(watched)

    def mark_recorded(self, key: CellKey, at_us: int, grade: str) -> None:
        """Note that evidence of a cell is stored; of services that are not watched any more nothing is kept."""
        if key.service in self.services:
            self.detector.mark_recorded(key, at_us, grade)
        elif self._any is not None and key.service == ANY:
            self._any.mark_recorded(key.region_id, at_us, grade)

    def recall_levels(self, counts: Counts) -> None:
        """Put the stored levels of the remembered cells into force."""
        for key, cell in self.detector.cells.items():
            level = counts.level(key)
            if level is not None:
                cell.set_level(level.through_day + 1, level.per_hour, level.daily_mean)

    # --- one complaint ----------------------------------------------------------------------------------------------

    def _watched(self, counts: Counts, complaint: CountedComplaint) -> CountedComplaint | None:
        """Return the complaint with the regions that are watched, narrow before wide; None when there are none."""
        if complaint.service not in self.services:  # taken out of the configuration since
            return None
        places, last = self._places, NOWHERE
        for region_id in complaint.regions:
            place = places.get(region_id, NOWHERE)
            if place <= last:
                break
            last = place
        else:  # as nearly always: all are known to be watched, and intake stores them in this order
            return complaint if complaint.regions else None
        for region_id in complaint.regions:
            rank = self._rank.get(counts.kind_of(region_id))
            if rank is not None:
                places[region_id] = (rank, region_id)
        watched = sorted(places[region_id] for region_id in complaint.regions if region_id in places)
        if not watched:
            return None
        regions = [region_id for _, region_id in watched]
        if regions == complaint.regions:
            return complaint
        return CountedComplaint(
            position=complaint.position,
            service=complaint.service,
            at_us=complaint.at_us,
            verified=complaint.verified,
            regions=regions,
            named_before=[region_id for region_id in complaint.named_before if region_id in regions],
        )

    def _end_silence(self, counts: Counts, complaint: CountedComplaint, heard_us: int | None) -> None:
        """Notice when a complaint ends a silence, after one heard long before: in it nothing was to be expected.

        Before a service is first heard live nothing could be heard either; that is no broken feed, and nothing is said.
        """
        service, at_us = complaint.service, complaint.at_us
        last_us = at_us - KEEP_US if heard_us is None else max(heard_us, at_us - KEEP_US)
        self._heard[service] = max(at_us, last_us)
        was_listened = service in self._state.listened
        if not was_listened:
            self._state = replace(self._state, listened={**self._state.listened, service: at_us})
            self.changes.state = self._state
        known = self._state.services.get(service)
        if at_us - last_us < SHORTEST_US or known is None or known.patience is None or known.daily_mean is None:
            return
        shape = self.baseline.shape(service)
        silence = silence_before(at_us, last_us, daily_mean=known.daily_mean, patience=known.patience, shape=shape)
        if silence is None:
            return
        silences = (*self._state.silences.get(service, ()), silence)
        self._state = replace(self._state, silences={**self._state.silences, service: silences})
        self.changes.state = self._state
        if was_listened and self._is_empty(counts, service, silence):
            self.changes.silences.append((service, silence))
        self.detector.set_shape(service, shape.without(silences))
        if self._any is not None:
            self._any.expect_anew()

    def _is_empty(self, counts: Counts, service: str, silence: Silence) -> bool:
        """Tell whether no complaint of a silence is known by now: one that came as history was heard, too."""
        inside = self.local.hour(silence.from_us) + 1, self.local.hour(silence.until_us)
        return bool(without_filled([inside], counts.service_hours(service, *inside)))

    def _give_levels(self, counts: Counts, complaint: CountedComplaint) -> None:
        """Give the cells of a complaint the level of this day: the stored one, or a new one that is to be stored."""
        day = self.baseline.day
        for key in self.detector.needs_level(complaint, day):
            level, is_new = self._level_of(counts, key)
            if is_new:
                self.changes.levels[key] = level
            self.detector.set_level(key, day, level)

    def _of_any_service(
        self, counts: Counts, any_service: AnyService, regions: Iterable[int], position: int
    ) -> list[Finding]:
        """Return the cells of any service that have something to tell, of regions given narrow before wide."""
        parts, day = partial(self.parts, counts), self.baseline.day
        found = (any_service.look(region_id, parts, day, position) for region_id in regions)
        return [finding for finding in found if finding is not None]

    def parts(self, counts: Counts, region_id: int) -> list[Part]:
        """Return what is expected in a region on this day, service by service; what was never heard is not expected."""
        parts, day = [], self.baseline.day
        for key in (CellKey(region_id, service) for service in self.services):
            if not self._is_heard(key):
                continue
            cell = self.detector.cells.get(key)
            if cell is None or cell.day != day:
                level, is_new = self._level_of(counts, key)
                if is_new:
                    self.changes.levels[key] = level
                self.detector.set_level(key, day, level)
                cell = self.detector.cells[key]
            parts.append(Part(self.detector.shape(key.service), cell.per_hour, cell.daily_mean))
        return parts

    def _level_of(self, counts: Counts, key: CellKey) -> tuple[Level, bool]:
        day = self.baseline.day
        level = self.changes.levels.get(key) or counts.level(key)
        if level is not None and self.changes.voids(key):
            level = None
        if level is not None and level.through_day == day - 1:
            return level, False
        settled = None if level is None else level.settled
        days = counts.cell_days(key, self.baseline.first_learnt_day(key.service, settled), day)
        kind, new_on = counts.kind_of(key.region_id), counts.new_on(key.region_id)
        return self.baseline.level(key.service, kind, days, new_on=new_on, settled=settled), True

    def _give_means(self) -> None:
        for service in self.services:
            self.detector.set_mean(service, self.baseline.history(service).daily_mean)

    def _baseline_of(
        self,
        day: int,
        state: BaselineState,
        shapes: Mapping[str, Shape],
        weighed: Mapping[str, WeighedDays] | None = None,
    ) -> Baseline:
        histories = {service: stored.history() for service, stored in state.services.items()}
        return Baseline(day, self.local, histories=histories, regions=state.regions, shapes=shapes, weighed=weighed)


def ranks(kinds: Sequence[str], watched: Sequence[str]) -> dict[str, int]:
    """Return the kinds that are watched with their rank; `kinds` are all of them, narrow before wide."""
    return {kind: rank for rank, kind in enumerate(kinds) if kind in watched}
