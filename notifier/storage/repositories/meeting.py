"""Which alarms meet which incidents: looked at for many of both at a time, as on the night on which both are many.

Made for one open transaction that only reads. What an incident covers is read once, whether two regions share a site is
asked once; a pair that lies in regions of one kind costs no query.
"""

from collections.abc import Iterable, Sequence
from functools import partial

from notifier.storage.database import Transaction
from notifier.storage.repositories import audience, incidents, overlaps
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.repositories.signals import OpenSignal, Place

AT_ONCE = 1_000  # listed sites in one statement


class Meeting:
    """Tells of alarms and incidents whether they share a site."""

    def __init__(self, tx: Transaction, every: Sequence[StoredIncident]) -> None:
        """Read what some incidents cover."""
        self._tx = tx
        self._regions: dict[int, set[int]] = {}
        self._listing: set[int] = set()
        if every:
            ids = audience.numbers([incident.id for incident in every])
            for incident_id, region_id in tx.tuples(
                f"SELECT incident_id, region_id FROM incident_regions WHERE role = 'place' AND incident_id IN ({ids})"
            ):
                self._regions.setdefault(int(incident_id), set()).add(int(region_id))
            listing = tx.tuples(
                f"""SELECT i.id FROM incidents AS i WHERE i.id IN ({ids})
                      AND EXISTS (SELECT 1 FROM incident_sites AS l WHERE l.incident_id = i.id)"""
            )
            self._listing = {int(incident_id) for (incident_id,) in listing}
        self._kinds: dict[int, str] = {}
        self._shared: dict[tuple[int, int, str], bool] = {}
        self._beyond: dict[tuple[int, tuple[int, ...], tuple[int, ...]], bool] = {}
        self._regions_of: dict[tuple[int, ...], set[int]] = {}

    def is_met(self, signal: OpenSignal | Place, incident: StoredIncident) -> bool:
        """Tell whether an alarm belongs to an incident: they share a site, and work explains none that is not in it."""
        return self._shares(signal, incident) and not (incident.is_planned and self._is_beyond(signal, incident))

    def _shares(self, signal: OpenSignal | Place, incident: StoredIncident) -> bool:
        if signal.service != incident.service:
            return False
        there = self._regions.get(incident.id, set())
        if not there.isdisjoint(signal.regions):
            return True
        pattern = incidents.service_pattern(incident.service)
        if any(self._share(one, other, pattern) for one in signal.regions for other in there):
            return True
        lists = incident.id in self._listing
        if lists and any(overlaps.lists_any_of(self._tx, incident.id, region, pattern) for region in signal.regions):
            return True
        if not signal.sites:
            return False
        return not there.isdisjoint(self._regions_of_sites(signal.sites)) or (
            lists and any(self._lists(incident.id, some) for some in _pieces(signal.sites))
        )

    def _is_beyond(self, signal: OpenSignal | Place, incident: StoredIncident) -> bool:
        """Tell whether an alarm is at a site, too, that planned work does not interrupt."""
        there = self._regions.get(incident.id, set())
        key = incident.id, tuple(each for each in signal.regions if each not in there), tuple(signal.sites)
        if key not in self._beyond:
            look = partial(overlaps.is_any_beyond, self._tx, incident.id, there, incident.service)
            self._beyond[key] = any(look(region_id=each) for each in key[1]) or any(
                look(site_ids=some) for some in _pieces(key[2])
            )
        return self._beyond[key]

    def _share(self, one: int, other: int, pattern: str) -> bool:
        if self._kind(one) == self._kind(other):
            return False  # a site has one region of each kind
        key = min(one, other), max(one, other), pattern
        if key not in self._shared:
            self._shared[key] = overlaps.share_a_site(self._tx, one, other, pattern)
        return self._shared[key]

    def _kind(self, region_id: int) -> str:
        if region_id not in self._kinds:
            self._kinds[region_id] = str(self._tx.scalar("SELECT kind FROM regions WHERE id = :id", id=region_id))
        return self._kinds[region_id]

    def _regions_of_sites(self, site_ids: tuple[int, ...]) -> set[int]:
        if site_ids not in self._regions_of:
            found: set[int] = set()
            for some in _pieces(site_ids):
                sql = f"SELECT DISTINCT region_id FROM site_regions WHERE site_id IN ({audience.numbers(some)})"
                found.update(int(region_id) for (region_id,) in self._tx.tuples(sql))
            self._regions_of[site_ids] = found
        return self._regions_of[site_ids]

    def _lists(self, incident_id: int, site_ids: Sequence[int]) -> bool:
        sql = f"SELECT 1 FROM incident_sites WHERE incident_id = :id AND site_id IN ({audience.numbers(site_ids)})"
        return self._tx.scalar(f"{sql} LIMIT 1", id=incident_id) is not None


def _pieces(site_ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (site_ids[start : start + AT_ONCE] for start in range(0, len(site_ids), AT_ONCE))
