"""Incidents of one service that share sites: a site hears of one of them until both are over.

Places of confirmed incidents do not overlap when they are confirmed; sites that are imported or moved later may lie in
two. So do those of planned work under way and of an outage beside it: who was told of the work, and not of the outage,
hears of the work alone, as long as that leaves nobody with service. Where there is no other incident, or none that
shares a site, this costs one look at the list of incidents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import ONLY_TO_TOLD, SAYS_BACK, BroadcastKind
from notifier.domain.incident import Impact, IncidentState, PartState
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json
from notifier.storage.repositories import incidents, overlaps, parts
from notifier.storage.repositories.incidents import StoredIncident

TELLS_FOR_ANOTHER = "tells_for_another"  # in the timeline: who heard of that one hears from this one that it is back


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A confirmed incident of the same service that shares a site."""

    incident_id: int
    region_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """What an update must know of them."""

    telling: tuple[int, ...] = ()  # whoever is told by these hears nothing of this one
    works: tuple[int, ...] = ()  # planned work under way: so do these, but for those who heard of this one before
    still_out: tuple[Neighbour, ...] = ()  # of a restoration: whoever lies here as well has no service yet


NONE = Neighbours()


def of(tx: Transaction, incident: StoredIncident, kind: BroadcastKind) -> Neighbours:
    """Return the neighbours that matter to an update of an incident."""
    if kind in ONLY_TO_TOLD or (incident.is_planned and kind is not BroadcastKind.PLANNED_RESTORED):
        return NONE
    others = [
        each
        for each in incidents.with_state(tx, IncidentState.CONFIRMED)
        if each.id != incident.id and each.service == incident.service
        if not each.is_planned or (_interrupts(each) and not incident.is_planned)
    ]
    if others:  # what was split off lies there and is another's, which tells its sites
        family = {*parts.kin(tx, incident.id), *parts.split_off(tx, incident.id)}
        others = [each for each in others if each.id not in family]
    if not others:
        return NONE
    place = incidents.place_regions(tx, incident.id)
    near = [
        (each, Neighbour(each.id, tuple(incidents.place_regions(tx, each.id))))
        for each in others
        if _meet(tx, incident, place, each)
    ]
    if kind in SAYS_BACK:
        return Neighbours(still_out=tuple(there for _, there in near))
    return Neighbours(
        telling=tuple(each.id for each, _ in near if not each.is_planned),
        works=tuple(each.id for each, _ in near if each.is_planned),
    )


def _interrupts(work: StoredIncident) -> bool:
    """Tell whether planned work leaves its sites without service now: weak service is no reason not to be told more."""
    return work.impact is Impact.DOWN and work.part.state is PartState.OUT


def leave_to(tx: Transaction, neighbours: Neighbours, incident_id: int, now: datetime) -> None:
    """Note with the incidents that are still out that they tell also for this one when they are over."""
    for each in neighbours.still_out:
        if incident_id not in told_for(tx, each.incident_id):
            incidents.record(
                tx, each.incident_id, at=now, event=TELLS_FOR_ANOTHER, actor="daemon", detail={"incident": incident_id}
            )


def told_for(tx: Transaction, incident_id: int) -> tuple[int, ...]:
    """Return the incidents that were over earlier, and whose restoration is told with that of this one."""
    rows = tx.tuples(
        "SELECT detail FROM timeline WHERE incident_id = :id AND event = :event ORDER BY id",
        id=incident_id,
        event=TELLS_FOR_ANOTHER,
    )
    return tuple(from_json(row[0], dict[str, int])["incident"] for row in rows)


def _meet(tx: Transaction, incident: StoredIncident, place: Sequence[int], other: StoredIncident) -> bool:
    """Tell whether two incidents share a site, be it by region or by name."""
    if overlaps.overlaps(tx, other.id, incident.service, place):
        return True
    if overlaps.overlaps(tx, incident.id, incident.service, incidents.place_regions(tx, other.id)):
        return True
    both = """SELECT 1 FROM incident_sites AS a JOIN incident_sites AS b ON b.site_id = a.site_id
              WHERE a.incident_id = :one AND b.incident_id = :other LIMIT 1"""
    return tx.scalar(both, one=incident.id, other=other.id) is not None
