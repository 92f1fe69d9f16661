"""What the store knows of the past, as decisions ask for it, within one transaction.

Whoever decides about many complaints says beforehand which regions and cells they touch: those are looked up together,
because a statement costs more than the row it finds. What was not announced is looked up when it is asked for.
Regions are never renamed or removed under their id, so those seen are kept in memory over transactions.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from notifier.domain.detection import CellKey
from notifier.domain.level import Level
from notifier.storage.database import Transaction
from notifier.storage.repositories import baselines, detector

NOWHERE = ("", "", None)  # a region that there is not
DAYS_OF_CELLS = 100  # whose days are looked up together: up to 400 rows each
NEW_DAYS_OF_CELLS = 1_000  # the same, where a level goes on from settled sums: a few rows each


class Regions:
    """The regions of active cells: what kind they are, and what people call them."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[str, str, int | None]] = {}  # id -> kind, code, the day it is new on

    def expect(self, tx: Transaction, region_ids: Iterable[int]) -> None:
        """Look up those that are not known yet."""
        if missing := set(region_ids).difference(self._known):
            self._known.update(dict.fromkeys(missing, NOWHERE))
            self._known.update(detector.regions(tx, missing))

    def find(self, tx: Transaction, region_id: int) -> tuple[str, str]:
        """Return (kind, code) of a region; empty when there is none."""
        return self._at(tx, region_id)[:2]

    def new_on(self, tx: Transaction, region_id: int) -> int:
        """Return the local day on which a region became known, or 0 when it was there from the beginning."""
        return self._at(tx, region_id)[2] or 0

    def label(self, region_id: int) -> str:
        """Return a region that was found before as people are shown it."""
        kind, code, _ = self._known[region_id]
        return f"{kind} {code}"

    def forget_all_but(self, region_ids: Collection[int]) -> None:
        """Keep only these: there may be a million, and few of them are complained about."""
        self._known = {known: region for known, region in self._known.items() if known in region_ids}

    def _at(self, tx: Transaction, region_id: int) -> tuple[str, str, int | None]:
        if region_id not in self._known:
            self.expect(tx, [region_id])
        return self._known[region_id]


class StoredCounts:
    """The counts in the store: `notifier.domain.surveillance.Counts`."""

    def __init__(self, tx: Transaction, regions: Regions) -> None:
        self._tx, self._regions = tx, regions
        self._levels: dict[CellKey, Level | None] = {}
        self._announced: defaultdict[tuple[str, bool], list[CellKey]] = defaultdict(list)  # the next one last
        self._days: dict[tuple[CellKey, int, int], Mapping[int, int]] = {}  # until they are asked for

    def expect(self, cells: Sequence[CellKey]) -> None:
        """Look up the levels of cells together, and their days, when it comes to that, many at a time."""
        self._levels.update(dict.fromkeys(cells))
        self._levels.update(baselines.levels(self._tx, cells))
        for cell in reversed(cells):
            level = self._levels[cell]
            self._announced[cell.service, level is not None and level.settled is not None].append(cell)

    def service_days(self, service: str, before_day: int) -> Mapping[int, int]:
        """Return the complaints of a service by local day, before a day."""
        return baselines.service_days(self._tx, service, before_day)

    def service_hours(self, service: str, from_hour: int, before_hour: int) -> Mapping[int, int]:
        """Return the complaints of a service by local hour, from one hour and before another."""
        return baselines.service_hours(self._tx, service, from_hour, before_hour)

    def source_hours(self, service: str, from_hour: int, before_hour: int) -> Mapping[str, Mapping[int, int]]:
        """Return the complaints of a service by source and local hour, without imported history."""
        return baselines.source_hours(self._tx, service, from_hour, before_hour)

    def regions_by_kind(self) -> Mapping[str, int]:
        """Return how many regions there are of each kind."""
        return baselines.regions_by_kind(self._tx)

    def kind_of(self, region_id: int) -> str:
        """Return the kind of a region, or nothing when there is no such region."""
        return self._regions.find(self._tx, region_id)[0]

    def new_on(self, region_id: int) -> int:
        """Return the local day on which a region became known, or 0 when it was there from the beginning."""
        return self._regions.new_on(self._tx, region_id)

    def cell_days(self, key: CellKey, first_day: int, before_day: int) -> Mapping[int, int]:
        """Return the complaints of a cell by local day."""
        wanted = key, first_day, before_day
        if wanted not in self._days:
            since = {key: first_day, **self._since_of_others(key, first_day, before_day - 1)}
            found = baselines.days_of_cells(self._tx, since, before_day)
            self._days.update({(cell, since[cell], before_day): days for cell, days in found.items()})
        return self._days.pop(wanted)

    def _since_of_others(self, key: CellKey, first_day: int, through_day: int) -> dict[CellKey, int]:
        """Return the next announced cells of the same service that are asked for in the same way, and since when.

        Where this one goes on from its settled sums, so do the others that have some, each from its own; where it does
        not, all its days were weighed anew, and they do not either. A guess that is wrong costs a statement.
        """
        level = self._levels.get(key)
        settled = None if level is None else level.settled
        goes_on = settled is not None and first_day == settled.through_day + 1
        announced = self._announced[key.service, settled is not None]
        since: dict[CellKey, int] = {}
        while announced and len(since) < (NEW_DAYS_OF_CELLS if goes_on else DAYS_OF_CELLS):
            other = announced.pop()
            level = self._levels[other]
            if other == key or (level is not None and level.through_day == through_day):
                continue
            its_own = level.settled if goes_on and level is not None else None
            since[other] = first_day if its_own is None else its_own.through_day + 1
        return since

    def level(self, key: CellKey) -> Level | None:
        """Return the level of a cell that was last put into force and stored."""
        if key not in self._levels:
            return baselines.level(self._tx, key)
        return self._levels[key]
