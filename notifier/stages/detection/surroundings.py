"""Surroundings: what the explanation of an excess must know of places, from the store, each looked up once an hour.

In come a suspicion (service, time, position in the stream). Out goes `notifier.domain.where.Excess`: who has called
since, how many were expected, how many sites the regions have and how they lie in one another.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from notifier.domain.detection import CellKey
from notifier.domain.region import label
from notifier.domain.surveillance import Surveillance
from notifier.domain.where import Callers, Excess
from notifier.stages.detection.counts import Regions, StoredCounts
from notifier.storage.database import Transaction
from notifier.storage.repositories import surroundings

KNOWN_FOR = timedelta(hours=1)  # how many sites a region has is not counted more often
PARTS_LISTED = 20_000  # sites of a region whose parts are looked up; of a wider one their number is estimated
LISTED_AT_ONCE = 50_000  # sites of all such regions of one decision, those with the most callers first


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A stretch of the stream in which something may be wrong with a service."""

    service: str
    since_us: int
    until_us: int
    position: int


class Surroundings:
    """Places as they are known to the detector."""

    def __init__(self, regions: Regions, kinds: Mapping[str, int]) -> None:
        """`kinds` are those that are watched, with their rank, narrow before wide."""
        self._regions, self._kinds = regions, kinds
        self._sites: dict[CellKey, int] = {}
        self._shares: dict[tuple[str, int, int], float] = {}
        self._parts: dict[CellKey, dict[int, int]] = {}
        self._since: datetime | None = None

    def refresh(self, now: datetime) -> None:
        """Forget what is known for longer than an hour."""
        if self._since is None or not timedelta() <= now - self._since < KNOWN_FOR:
            self._sites, self._shares, self._parts, self._since = {}, {}, {}, now

    def rank(self, tx: Transaction, region_id: int) -> int:
        """Return the rank of a region's kind, narrow before wide; kinds that are not watched come last."""
        return self._kinds.get(self._regions.find(tx, region_id)[0], len(self._kinds) + 1)

    def label(self, tx: Transaction, region_id: int) -> str:
        """Return a region as people read it: `postal code 94110`."""
        kind, code = self._regions.find(tx, region_id)
        return f"{label(kind)} {code}"

    def code(self, tx: Transaction, region_id: int) -> str:
        """Return the code of a region."""
        return self._regions.find(tx, region_id)[1]

    def path(self, tx: Transaction, region_ids: Iterable[int]) -> tuple[int, ...]:
        """Return the regions that are watched, narrow before wide."""
        self._regions.expect(tx, region_ids := tuple(region_ids))
        watched = [each for each in region_ids if self._regions.find(tx, each)[0] in self._kinds]
        return tuple(sorted(watched, key=lambda region_id: (self.rank(tx, region_id), region_id)))

    def share(self, tx: Transaction, service: str, narrow: int, wide: int) -> float:
        """Return which share of a region's sites with a service lies in another one."""
        key = service, narrow, wide
        if key not in self._shares:
            self._shares[key] = 1.0 if narrow == wide else surroundings.share_of(tx, service, narrow, wide)
        return self._shares[key]

    def meeting(self, tx: Transaction, service: str, one: int, other: int) -> float:
        """Return which share of the narrower region's sites lies in the wider one."""
        narrow, wide = sorted((one, other), key=lambda region_id: (self.rank(tx, region_id), region_id))
        if narrow != wide and self.rank(tx, narrow) == self.rank(tx, wide):
            return 0.0  # a site has one region of each kind
        return self.share(tx, service, narrow, wide)

    def meet(self, tx: Transaction, service: str, one: int, other: int) -> bool:
        """Tell whether two regions share a good part of the narrower one's sites."""
        return self.meeting(tx, service, one, other) >= 0.5

    def excess(
        self,
        tx: Transaction,
        suspicion: Suspicion,
        surveillance: Surveillance,
        *,
        is_ours: Callable[[tuple[int, ...]], bool],
    ) -> Excess:
        """Return who has called; `is_ours` tells of a path whether nothing else explains the callers there."""
        callers: dict[tuple[int, ...], int] = {}
        found = surroundings.callers_since(
            tx,
            suspicion.service,
            since_us=suspicion.since_us,
            until_us=suspicion.until_us,
            position=suspicion.position,
        )
        for region_ids, number in sorted(found.items()):
            path = self.path(tx, region_ids)
            if path and is_ours(path):
                callers[path] = callers.get(path, 0) + number
        regions = sorted({region_id for path in callers for region_id in path})
        keys = [CellKey(region_id, suspicion.service) for region_id in regions]
        counts = StoredCounts(tx, self._regions)
        counts.expect([part for key in keys for part in surveillance.parts_of(key)])
        sites = {key.region_id: self._sites_of(tx, key) for key in keys}
        return Excess(
            callers=[Callers(path=path, number=number) for path, number in sorted(callers.items())],
            expected={
                key.region_id: surveillance.expected(counts, key, suspicion.since_us, suspicion.until_us)
                for key in keys
            },
            sites=sites,
            shares=self._straddling(tx, suspicion.service, callers),
            parts=self._listed(tx, suspicion.service, callers, sites),
        )

    def _listed(
        self, tx: Transaction, service: str, callers: Mapping[tuple[int, ...], int], sites: Mapping[int, int]
    ) -> dict[int, dict[int, int]]:
        """Return the parts of the regions that have some, silent ones too, unless it would take too long."""
        number: dict[int, int] = {}
        for path, each in callers.items():
            for region_id in path[1:]:
                number[region_id] = number.get(region_id, 0) + each
        found, left = {}, LISTED_AT_ONCE
        for region_id in sorted(number, key=lambda each: (-number[each], each)):
            if sites[region_id] <= min(PARTS_LISTED, left):
                left -= sites[region_id]
                found[region_id] = self._parts_of(tx, CellKey(region_id, service))
        return {region_id: parts for region_id, parts in found.items() if parts}

    def _parts_of(self, tx: Transaction, key: CellKey) -> dict[int, int]:
        if key not in self._parts:
            own = self.rank(tx, key.region_id)
            narrower = sorted((kind for kind in self._kinds if self._kinds[kind] < own), key=self._kinds.__getitem__)
            found: dict[int, int] = {}
            while narrower and not found:
                found = surroundings.parts_of(tx, key.service, key.region_id, narrower.pop())
            self._parts[key] = found
        return self._parts[key]

    def _sites_of(self, tx: Transaction, key: CellKey) -> int:
        if key not in self._sites:
            self._sites[key] = surroundings.sites_with(tx, key.service, key.region_id)
        return self._sites[key]

    def _straddling(
        self, tx: Transaction, service: str, paths: Iterable[tuple[int, ...]]
    ) -> dict[tuple[int, int], float]:
        """Return the shares of regions whose callers lie in more than one region of the next wider kind."""
        above: dict[tuple[int, int], set[int]] = {}
        for path in paths:
            for narrow, wide in pairwise(path):
                above.setdefault((narrow, self.rank(tx, wide)), set()).add(wide)
        return {
            (narrow, wide): self.share(tx, service, narrow, wide)
            for (narrow, _), several in sorted(above.items())
            if len(several) > 1
            for wide in sorted(several)
        }
