"""Sites that join an incident: a part of their own for their first message, then of the first part.

Functions of an open transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.errors import Refused
from notifier.domain.incident import PartState
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audience, cutting, incidents, named_sites, parts
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.repositories.named_sites import Names


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """Which sites a draft adds: all of some regions, or those of a list."""

    called: str
    region_ids: tuple[int, ...] = ()
    site_ids: tuple[int, ...] = ()


def look_for(tx: Transaction, incident: StoredIncident, names: Names) -> Joining:
    """Return which of the named sites are not affected yet; raise `Refused` when there are none. It only reads.

    Those that are affected already are left out: they hear nothing twice.
    """
    there = named_sites.scope(tx, incident)
    served = "s.status = 'active' AND s.services LIKE :pattern"
    lies_there = audience.in_place(there, "s.id")
    values = {"pattern": there.pattern, "incident": incident.id}
    called = named_sites.called_by(tx, names)
    walks = named_sites.walks(names)
    is_all_new = bool(names.region_ids) and not any(
        tx.scalar(f"SELECT 1 FROM {walked} AND {served} AND {lies_there} LIMIT 1", **values) for walked in walks
    )
    if is_all_new and any(tx.scalar(f"SELECT 1 FROM {walked} AND {served} LIMIT 1", **values) for walked in walks):
        return Joining(called=called, region_ids=names.region_ids)
    new: dict[int, None] = {}
    for walked in walks:
        rows = tx.tuples(f"SELECT s.id FROM {walked} AND {served} AND NOT ({lies_there}) ORDER BY s.id", **values)
        new.update((int(site_id), None) for (site_id,) in rows)
    if not new:
        raise Refused(
            f"nobody would join incident {incident.id}: every active site there is affected already, or none is"
        )
    if not names.region_ids:
        called = named_sites.sites_called(len(new))  # the others of the list heard of it before
    return Joining(called=called, site_ids=tuple(new))


def begin(tx: Transaction, incident: StoredIncident, found: Joining) -> int:
    """Store a part for sites that are to join, and return it; listed ones are put into it by `parts.list_sites`.

    It stands for nothing before a draft of it is sent.
    """
    part_id = int(
        tx.scalar(
            """INSERT INTO parts (incident_id, name, cut_from, position, joins)
               VALUES (:incident, :name, :first, :known, 1) RETURNING id""",
            incident=incident.id,
            name=found.called,
            first=incident.part.id,
            known=cutting.known_to_joining(tx, incident.id),
        )
    )
    parts.set_words(tx, part_id, like=parts.load(tx, incident.part.id))
    parts.name_by(tx, part_id, found.region_ids)
    return part_id


def join_first(tx: Transaction, incident_id: int, part_id: int, *, now: datetime) -> None:
    """Let sites whose first message begins belong to the first part, with what they are promised.

    They stay a part of their own when the first one is not out any more, or another part names some of them: cut off
    before they joined, it was never meant for them.
    """
    every = parts.of_incident(tx, incident_id)
    others = [part for part in every if part.names_sites and part.id != part_id]
    mine = named_sites.scope(tx, incidents.load(tx, incident_id), part_id)
    named = parts.any_names(tx, others, "a.site_id")
    if every[0].state is not PartState.OUT or (
        others
        and tx.scalar(
            f"SELECT 1 FROM ({audience.affected(mine)}) AS a WHERE {named} LIMIT 1",
            incident=incident_id,
            pattern=mine.pattern,
        )
        is not None
    ):
        return
    first = every[0]
    tx.run("UPDATE parts SET joined_at = :now WHERE id = :id", now=to_micros(now), id=part_id)
    tx.run("UPDATE promises SET part_id = :first WHERE part_id = :id", first=first.id, id=part_id)


def leave_again(tx: Transaction, incident_id: int, part_id: int, region_ids: Sequence[int]) -> None:
    """Take sites out of the place that were to join it, of which nobody was told."""
    incidents.take_from_place(tx, incident_id, region_ids, listed_by=part_id)
    tx.run("UPDATE parts SET cut_at = NULL WHERE id = :id", id=part_id)
