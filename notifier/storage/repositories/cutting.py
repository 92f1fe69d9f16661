"""Cutting a part off: which part a person means, what a new one is named by, and what goes along with it.

Functions of an open transaction. `choose` reads, beside the writer; a draft only names its part; `cut` is what sending
it does. Sites that are back already stay where they are, and nobody who was promised something else comes along.
"""

from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import BroadcastReason, BroadcastState
from notifier.domain.errors import Refused
from notifier.domain.incident import Action, PartState, may_act
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audience, broadcasts, incidents, named_sites, parts, promises
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.repositories.named_sites import Names
from notifier.storage.repositories.parts import StoredPart

_WORDS = {PartState.OUT: "out", PartState.BELIEVED_BACK: "believed back", PartState.RESTORED: "restored"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which part a person means: one that there is, or sites to be cut off from it."""

    part: StoredPart
    names: Names | None = None  # None: all of the part
    site_ids: tuple[int, ...] = ()  # they are listed, also where regions were named that would take others' sites
    listed_by: int | None = None  # the part that has been made of the list
    back: int = 0  # named sites that are in a part that is not concerned any more, and stay there
    outside: int = 0  # listed sites that are no affected sites of the incident


def choose(tx: Transaction, incident: StoredIncident, names: Names, action: Action) -> Choice:
    """Return the part that a person means by some sites; raise `Refused` when it is none, or several that differ."""
    counted = named_sites.by_part(tx, incident, names)
    if not counted:
        raise Refused(f"no active site of incident {incident.id} lies there")
    own = {part.id: part for part in parts.own(tx, incident.id)}
    fitting = [part for part in own.values() if part.id in counted and may_act(action, incident.state, part.state)]
    if not fitting and len(counted) == 1:
        return Choice(part=own[next(iter(counted))])  # what is possible with it is said to whoever asks
    if len(fitting) != 1:
        concerned = fitting or [part for part in own.values() if part.id in counted]
        listed = ", ".join(f"{_called(part)} ({_WORDS[part.state]}, {counted[part.id]:,})" for part in concerned)
        raise Refused(
            f"these sites belong to several parts of incident {incident.id}, which were told different things: "
            f"{listed}; name them part by part"
        )
    part = fitting[0]
    number = counted[part.id]
    back = sum(counted.values()) - number
    outside = max(0, len(names.site_ids) - sum(counted.values()))
    if number == named_sites.size(tx, incident, part):
        return Choice(part=part, back=back, outside=outside)
    if part.state is PartState.BELIEVED_BACK:
        raise Refused(
            f"{_called(part)} of incident {incident.id} is believed back and nobody was told: reopen all of it"
        )
    is_listed = bool(names.site_ids) or _takes_from_others(tx, incident.id, part, counted)
    site_ids = _listed(tx, incident, part, names) if is_listed else ()
    return Choice(part=part, names=names, site_ids=site_ids, back=back, outside=outside)


def begin(tx: Transaction, incident: StoredIncident, choice: Choice, names: Names) -> int:
    """Store a part for what is named, and return it; a list is put into it by `parts.list_sites`.

    It stands for nothing before a draft of it is sent.
    """
    called = named_sites.sites_called(len(choice.site_ids)) if names.site_ids else named_sites.called_by(tx, names)
    part_id = int(
        tx.scalar(
            """INSERT INTO parts (incident_id, name, cut_from, position) VALUES (:incident, :name, :source, :known)
               RETURNING id""",
            incident=incident.id,
            name=called,
            source=choice.part.id,
            known=sum(part.names_sites for part in parts.of_incident(tx, incident.id)),  # whether others were cut off
        )
    )
    parts.set_words(tx, part_id, like=choice.part)
    if not choice.site_ids:
        parts.name_by(tx, part_id, names.region_ids)
    return part_id


def name(tx: Transaction, incident: StoredIncident, choice: Choice, *, now: datetime) -> int:
    """Store what a draft names, unless its list is stored already, and return its part.

    An older draft of sites that are called the same is superseded.
    """
    if choice.names is None:
        return choice.part.id
    part_id = choice.listed_by or begin(tx, incident, choice, choice.names)
    forget_drafts(tx, incident.id, parts.load(tx, part_id).name, now=now)
    return part_id


def require_unchanged(tx: Transaction, incident: StoredIncident, action: Action) -> None:
    """Raise `Refused` when the parts are not what they were when a draft named its own."""
    if not incident.part.is_draft or incident.part.cut_from is None:
        return
    source, mine = parts.load(tx, incident.part.cut_from), parts.load(tx, incident.part.id)
    known = sum(part.names_sites for part in parts.of_incident(tx, incident.id))
    if mine.joins:
        known = known_to_joining(tx, incident.id)
    if known != mine.position or not source.is_own or not may_act(action, incident.state, source.state):
        raise Refused(f"the parts of incident {incident.id} have changed since this draft was made: ask for it again")


def cut(tx: Transaction, incident: StoredIncident, *, customers: int, now: datetime, by: str) -> StoredIncident:
    """Cut off the part of a draft: it says and carries what the one it comes from does; return the incident with it."""
    if not incident.part.is_draft or incident.part.cut_from is None:
        return incident
    mine, source = parts.load(tx, incident.part.id), parts.load(tx, incident.part.cut_from)
    known = [part for part in parts.of_incident(tx, incident.id) if part.names_sites]
    known.insert(0 if mine.joins else parts.place_of(mine, known), mine)  # who joins is nobody else's
    tx.run_many(
        "UPDATE parts SET position = :position WHERE id = :id",
        [{"position": position, "id": part.id} for position, part in enumerate(known)],
    )
    tx.run("UPDATE parts SET cut_at = :now WHERE id = :id", now=to_micros(now), id=mine.id)
    parts.set_words(tx, mine.id, like=source)
    if mine.joins:
        return incidents.load(tx, incident.id, mine.id)
    promises.carry_over(tx, incident.id, source.id, to_incident=incident.id, to_part=mine.id)
    detail = {"part": mine.name, "of": source.name or parts.REST, "customers": customers}
    incidents.record(tx, incident.id, at=now, event="part_cut", actor=by, detail=detail)
    return incidents.load(tx, incident.id, mine.id)


def known_to_joining(tx: Transaction, incident_id: int) -> int:
    """Return how many parts were ever cut off, joined or came in: when one more has, its sites may be those that join.

    They would have their first message twice.
    """
    return sum(part.cut_at is not None for part in parts.of_incident(tx, incident_id))


def forget_drafts(tx: Transaction, incident_id: int, called: str, *, now: datetime) -> None:
    """Supersede the drafts for sites that are called the same and were not cut off."""
    rows = tx.tuples(
        """SELECT b.id FROM parts AS p JOIN broadcasts AS b ON b.incident_id = p.incident_id AND b.part_id = p.id
           WHERE p.incident_id = :incident AND p.cut_from IS NOT NULL AND p.cut_at IS NULL AND p.name = :called
             AND b.state IN ('draft', 'awaiting_approval')""",
        incident=incident_id,
        called=called,
    )
    for (broadcast_id,) in rows:
        older = broadcasts.load(tx, broadcast_id)
        broadcasts.end(tx, older, BroadcastState.SUPERSEDED, BroadcastReason.NEWER_UPDATE, now=now)


def _listed(tx: Transaction, incident: StoredIncident, part: StoredPart, names: Names) -> tuple[int, ...]:
    """Return the named sites that belong to a part."""
    source, found = named_sites.scope(tx, incident, part.id), dict[int, None]()
    for walked in named_sites.walks(names):
        rows = tx.tuples(
            f"""SELECT s.id FROM {walked} AND s.status = 'active' AND s.services LIKE :pattern
                  AND {audience.in_place(source, "s.id")} ORDER BY s.id""",
            pattern=source.pattern,
            incident=incident.id,
        )
        found.update((int(site_id), None) for (site_id,) in rows)
    return tuple(found)


def _takes_from_others(tx: Transaction, incident_id: int, source: StoredPart, counted: dict[int, int]) -> bool:
    """Tell whether regions named before a part would take sites of those that are looked at after it."""
    cut = [part for part in parts.of_incident(tx, incident_id) if part.names_sites]
    if source.cut_from is None:
        return False  # the new one is looked at last
    place = [part.id for part in cut].index(source.id)
    before = {part.id for part in cut[:place]}
    return any(part_id not in before and part_id != source.id for part_id in counted)


def _called(part: StoredPart) -> str:
    return part.name or parts.REST
