"""What a backtest knows of the past: its own tallies, kept as intake keeps them in the store.

In come complaints in order. Out comes in which regions each counts, decided by the domain as for the daemon, and what
surveillance asks of the past. Only what has been added is known, so the past never depends on the future.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from notifier.domain.complaint import COUNTS_AGAIN_AFTER, Counting, NotCounted, Region, Whereabouts, count
from notifier.domain.detection import CellKey
from notifier.domain.level import Level
from notifier.domain.local_time import US_PER_DAY, LocalTime
from notifier.domain.surveillance import Changes

_AGAIN_US = COUNTS_AGAIN_AFTER.days * US_PER_DAY


class Tallies:
    """The counts of a file so far: `notifier.domain.surveillance.Counts`."""

    def __init__(self, local: LocalTime, regions: Mapping[int, Region]) -> None:
        self._local, self._regions = local, regions
        self._hours: defaultdict[str, Counter[int]] = defaultdict(Counter)  # by service
        self._service_days: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.days: defaultdict[tuple[int, str], Counter[int]] = defaultdict(Counter)  # by region and service
        self._seen: set[int] = set()  # regions
        self._of_kind: Counter[str] = Counter()
        self._levels: dict[CellKey, Level] = {}

    def add(self, service: str, at_us: int, regions: Sequence[int]) -> None:
        """Count a complaint, after it has been decided about."""
        hour = self._local.hour(at_us)
        self._hours[service][hour] += 1
        day = hour // 24
        self._service_days[service][day] += 1
        for region_id in regions:
            self.days[region_id, service][day] += 1
            if region_id not in self._seen:
                self._seen.add(region_id)
                self._of_kind[self.kind_of(region_id)] += 1

    def keep(self, changes: Changes) -> None:
        """Keep what has come into force, as the store would."""
        imported = {service for new in changes.days for service in new.imported}
        if imported:
            self._levels = {key: level for key, level in self._levels.items() if key.service not in imported}
        self._levels.update(changes.levels)

    # --- what surveillance asks -------------------------------------------------------------------------------------

    def service_days(self, service: str, before_day: int) -> Mapping[int, int]:  # noqa: ARG002  # all are before it
        """Return the complaints of a service by local day: when a day begins, all are of the days before."""
        return self._service_days.get(service, {})

    def service_hours(self, service: str, from_hour: int, before_hour: int) -> Mapping[int, int]:  # noqa: ARG002  # all
        """Return the complaints of a service by local hour, also of other hours than those asked for."""
        return self._hours.get(service, {})

    def source_hours(
        self,
        service: str,  # noqa: ARG002  # a file knows no sources, whatever is asked
        from_hour: int,  # noqa: ARG002  # as above
        before_hour: int,  # noqa: ARG002  # as above
    ) -> Mapping[str, Mapping[int, int]]:
        """Return nothing: a file does not say from where its complaints came."""
        return {}

    def regions_by_kind(self) -> Mapping[str, int]:
        """Return how many regions of each kind have been complained about."""
        return self._of_kind

    def kind_of(self, region_id: int) -> str:
        """Return the kind of a region."""
        return self._regions[region_id].kind

    def new_on(self, region_id: int) -> int:  # noqa: ARG002  # a file does not say
        """Return 0: every region was there from the beginning."""
        return 0

    def cell_days(self, key: CellKey, first_day: int, before_day: int) -> Mapping[int, int]:  # noqa: ARG002
        """Return the complaints of a cell by local day; of days before the first one asked for, too."""
        return self.days.get(key, {})

    def level(self, key: CellKey) -> Level | None:
        """Return the level of a cell that was last put into force."""
        return self._levels.get(key)


class Reporters:
    """Who counted where within the last day: a customer counts once per cell and 24 hours."""

    def __init__(self) -> None:
        self._counted: dict[tuple[int, str], dict[int, int]] = {}  # (customer, service) -> region -> when
        self._named: dict[int, dict[int, int]] = {}  # customer -> region -> when it counted, whatever it named
        self._tidy_us = 0

    def count(self, customer: int, service: str, at_us: int, where: Whereabouts, *, several: bool = False) -> Counting:
        """Decide in which regions the next complaint counts; complaints come in the order of time.

        `several`: there are several services to name.
        """
        if at_us >= self._tidy_us:
            self._forget(at_us)
        counted = self._counted.get((customer, service))
        if counted is None:
            before: set[int] = set()
        else:
            before = {region for region, then in counted.items() if at_us - then < _AGAIN_US}
        named = self._named.setdefault(customer, {}) if several else {}
        counting = count(
            where,
            verified=True,
            feeds_only=None,
            counted_before=before,
            strangers_at_most=0,
            per_address_at_most=0,
            named_before={region for region, then in named.items() if at_us - then < _AGAIN_US},
        )
        if counting.regions:
            if counted is None:
                counted = self._counted[customer, service] = {}
            for region_id in counting.regions:
                counted[region_id] = at_us
                if region_id not in counting.named_before:
                    named[region_id] = at_us
        return counting

    def _forget(self, at_us: int) -> None:
        oldest = at_us - _AGAIN_US
        self._counted = {who: counted for who, counted in self._counted.items() if max(counted.values()) > oldest}
        self._named = {who: named for who, named in self._named.items() if max(named.values(), default=0) > oldest}
        self._tidy_us = at_us + _AGAIN_US


def whereabouts(regions: tuple[Region, ...]) -> Whereabouts:
    """Return the place of a row; whoever complains in a file is on file."""
    unknown = None if regions else NotCounted.NO_REGION
    return Whereabouts(customer=None, on_file=True, regions=regions, unknown=unknown)
