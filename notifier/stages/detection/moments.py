"""Moments: a cell as it was at an instant, made again from what is stored, by the code that decides.

In come a cell, an instant and the position up to which the stream had been decided. Out comes the cell with the
baseline of that day and its counted complaints, and how surprising it was. The levels of days that are over are made
again from the counts as they are now: what was imported since then is in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from notifier.config import Config
from notifier.domain import explanation
from notifier.domain.any_service import ANY, HANDICAP, Part, together
from notifier.domain.cell import BEGINNING_US, KEEP_US, SPAN_US, Cell
from notifier.domain.detection import CellKey, CountedComplaint, Thresholds
from notifier.domain.explanation import WINDOWS_MINUTES, Needed, Surprise
from notifier.domain.feed import Silence
from notifier.domain.local_time import US_PER_HOUR, LocalTime
from notifier.domain.playbook import Playbook
from notifier.domain.surge import SURGE_US
from notifier.domain.surveillance import Surveillance, ranks
from notifier.stages.detection.counts import Regions, StoredCounts
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.queries import explain
from notifier.storage.queries.explain import Stretch
from notifier.storage.repositories import baselines, detector

SHOWN_US = max(WINDOWS_MINUTES) * US_PER_HOUR // 60  # the longest window that is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A cell at an instant, when the stream had been decided up to a position."""

    key: CellKey
    label: str  # of its region
    at_us: int
    position: int
    cell: Cell
    per_hour: float  # expected complaints per hour of average weight
    needed: Needed
    found: Surprise
    unheard: tuple[Silence, ...] = ()  # stretches of the windows in which nothing was to be expected, oldest first
    first_heard_us: int | None = None  # when the service was first heard live; None: not yet, or of several services


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surge:
    """What a surge of a service added to scores at an instant, and who complained."""

    bonus: float
    complained: set[tuple[int, ...]]  # the narrowest region of a complaint, then all it counted in

    def places_beside(self, region_id: int) -> int:
        """Return how many places complained that are not in a region."""
        return len({regions[0] for regions in self.complained if region_id not in regions})


class Moments:
    """Makes cells again, within one transaction: what several of them have in common is read once."""

    def __init__(self, tx: Transaction, config: Config, playbooks: Mapping[str, Playbook]) -> None:
        self._tx, self._playbooks = tx, playbooks
        self._services = tuple(service.name for service in config.services)
        self._watched = ranks(config.regions.kinds, config.regions.watched)
        self._thresholds = Thresholds(likely=config.detection.likely, certain=config.detection.certain)
        self._local = LocalTime(config.regions.time_zone)
        self._regions = Regions()
        self._counts = StoredCounts(tx, self._regions)
        self._stored = detector.load(tx)
        self._baselines: dict[tuple[str, int], Surveillance] = {}  # service, day
        self._surges: dict[tuple[str, int, int], _Surge] = {}  # service, instant, position

    def at(self, key: CellKey, label: str, at_us: int, position: int) -> Moment:
        """Return a cell as it was; `label` is its region as people are shown it."""
        if key.service == ANY:
            return self._of_any_service(key, label, at_us, position)
        day = self._local.day(at_us)
        surveillance = self._surveillance(key.service, day)
        level = surveillance.level(self._counts, key)
        cell = Cell(surveillance.detector.shape(key.service))
        cell.set_level(day, level.per_hour, level.daily_mean)
        stretch = Stretch(since_us=at_us - KEEP_US, until_us=at_us, position=position)
        for effective_us, verified in explain.counted(self._tx, key, stretch):
            cell.add(effective_us, verified=verified)
        ended_us = detector.ended_since(self._tx, to_instant(at_us - SPAN_US)).get(key, BEGINNING_US)
        surge = self._surge(key.service, at_us, position)
        needed = Needed(
            thresholds=self._thresholds,
            customers_at_least=self._wanted(key.service),
            since_us=ended_us if ended_us <= at_us else BEGINNING_US,
            bonus=surge.bonus,
            places=surge.places_beside(key.region_id),
        )
        return Moment(
            key=key,
            label=label,
            at_us=at_us,
            position=position,
            cell=cell,
            per_hour=level.per_hour,
            needed=needed,
            found=explanation.surprise(cell, at_us, needed),
            unheard=self._unheard(key.service, day, at_us),
            first_heard_us=self._stored.state.listened.get(key.service),
        )

    def _unheard(self, service: str, day: int, at_us: int) -> tuple[Silence, ...]:
        """Return the silences in the windows that end at an instant of the day whose baseline is in force."""
        if self._stored.baseline_day != day:
            return ()
        known = self._stored.state.silences.get(service, ())
        return tuple(sorted(each for each in known if each.from_us < at_us and each.until_us > at_us - SHOWN_US))

    def _of_any_service(self, key: CellKey, label: str, at_us: int, position: int) -> Moment:
        """Return the cell of a region and any service; what is needed is that of the service most named lately."""
        stretch = Stretch(since_us=at_us - KEEP_US, until_us=at_us, position=position)
        ended = detector.ended_since(self._tx, to_instant(at_us - SPAN_US))
        day, parts, named, since_us = self._local.day(at_us), [], {}, BEGINNING_US
        for service in self._services:
            cell = CellKey(key.region_id, service)
            times = [each for each, verified in explain.counted(self._tx, cell, stretch) if verified]
            surveillance = self._surveillance(service, day)
            if times or surveillance.baseline.history(service).daily_mean is not None:
                level = surveillance.level(self._counts, cell)
                parts.append(Part(surveillance.detector.shape(service), level.per_hour, level.daily_mean))
            named[service] = sum(each > at_us - SPAN_US for each in times)
            if ended.get(cell, BEGINNING_US) <= at_us:
                since_us = max(since_us, ended.get(cell, BEGINNING_US))
        most = max(named, key=lambda service: named[service])
        made = together((each for each, _ in explain.counted(self._tx, key, stretch)), parts, self._local, day)
        surge = self._surge(most, at_us, position)
        needed = Needed(
            thresholds=self._thresholds,
            customers_at_least=self._wanted(most),
            since_us=since_us,
            bonus=surge.bonus - HANDICAP,
            places=surge.places_beside(key.region_id),
        )
        return Moment(
            key=key,
            label=label,
            at_us=at_us,
            position=position,
            cell=made,
            per_hour=sum(part.per_hour for part in parts),
            needed=needed,
            found=explanation.surprise(made, at_us, needed),
        )

    def _wanted(self, service: str) -> int:
        """Return how many verified customers a service needs; one that is not configured any more needs one."""
        return self._playbooks[service].minimum_customers if service in self._playbooks else 1

    def _surveillance(self, service: str, day: int) -> Surveillance:
        """Return a surveillance with the baseline of a day, that knows no complaints."""
        known = self._baselines.get((service, day))
        if known is None:
            known = self._baselines[service, day] = self._with_baseline(service, day)
        return known

    def _with_baseline(self, service: str, day: int) -> Surveillance:
        made = Surveillance(self._local, self._thresholds, {service: self._wanted(service)}, self._watched)
        if self._stored.baseline_day == day:
            made.restore_baseline(day, self._stored.state, baselines.shapes(self._tx))
        else:  # a day that is over, or one that has seen no complaint yet
            made.begin_day(self._counts, day)
        return made

    def _surge(self, service: str, at_us: int, position: int) -> "_Surge":
        """Return what a surge of the service added to scores then."""
        known = self._surges.get((service, at_us, position))
        if known is None:
            surveillance = self._with_baseline(service, self._local.day(at_us))
            complained: set[tuple[int, ...]] = set()
            stretch = Stretch(since_us=at_us - SURGE_US - US_PER_HOUR, until_us=at_us, position=position)
            for complaints in explain.of_service(self._tx, service, stretch):
                self._regions.expect(self._tx, {region_id for one in complaints for region_id in one.regions})
                for complaint in complaints:
                    narrowest = self._narrowest(complaint)
                    surveillance.remember(self._counts, narrowest)
                    if narrowest.regions and complaint.at_us >= at_us - SURGE_US:
                        complained.add((narrowest.regions[0], *complaint.regions))
            known = _Surge(bonus=surveillance.detector.bonus(service, at_us), complained=complained)
            self._surges[service, at_us, position] = known
        return known

    def _narrowest(self, complaint: CountedComplaint) -> CountedComplaint:
        """Return a complaint in the narrowest of its cells alone: no other says whether it adds to a surge."""
        ranks_ = [(self._watched.get(self._counts.kind_of(each)), each) for each in complaint.regions]
        watched = min(((rank, each) for rank, each in ranks_ if rank is not None), default=None)
        return replace(complaint, regions=[] if watched is None else [watched[1]])
