"""Cutting a part off: which part some sites belong to, what the new one is named by, and what moves with it.

Functions of an open transaction. `choose` reads, beside the writer; a draft only names its part; `cut` is what sending
it does. Sites that are back already stay where they are, and nobody who was promised something else comes along.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import BroadcastReason, BroadcastState
from notifier.domain.errors import Refused
from notifier.domain.incident import Action, PartState, may_act
from notifier.domain.notification import NotificationReason, NotificationState
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audience, broadcasts, incidents, parts, promises
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import PLACE_NAMES_AT_MOST, StoredIncident
from notifier.storage.repositories.parts import PartScope, StoredPart

AT_ONCE = 1_000  # listed sites in one statement
_WORDS = {PartState.OUT: "out", PartState.BELIEVED_BACK: "believed back", PartState.RESTORED: "restored"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How a person names sites of an incident: by regions, or in a list."""

    region_ids: tuple[int, ...] = ()
    site_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which part a person means: one that there is, or sites to be cut off from it."""

    part: StoredPart
    names: Names | None = None  # None: all of the part
    is_listed: bool = False  # its sites are listed, though regions were named: they would take others' sites
    back: int = 0  # named sites that are in a part that is not concerned any more, and stay there
    outside: int = 0  # listed sites that are no affected sites of the incident


def scope(tx: Transaction, incident: StoredIncident, part_id: int | None = None) -> Scope:
    """Return the sites of an incident, or of one of its parts, for walks that ask for no way to reach anybody."""
    return Scope(
        incident_id=incident.id,
        service=incident.service,
        region_ids=tuple(incidents.place_regions(tx, incident.id)),
        channels=(),
        part=parts.scope_of(tx, incident.id, part_id),
    )


def choose(tx: Transaction, incident: StoredIncident, names: Names, action: Action) -> Choice:
    """Return the part that a person means by some sites; raise `Refused` when it is none, or several that differ."""
    counted = _by_part(tx, incident, names)
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
    if number == _size(tx, incident, part):
        return Choice(part=part, back=back, outside=outside)
    if part.state is PartState.BELIEVED_BACK:
        raise Refused(
            f"{_called(part)} of incident {incident.id} is believed back and nobody was told: reopen all of it"
        )
    is_listed = bool(names.site_ids) or _takes_from_others(tx, incident.id, part, counted)
    return Choice(part=part, names=names, is_listed=is_listed, back=back, outside=outside)


def name(tx: Transaction, incident: StoredIncident, choice: Choice, *, now: datetime) -> int:
    """Store what a draft names, and return its part: it stands for nothing before it is cut off.

    An older draft of sites that are called the same is superseded.
    """
    if choice.names is None:
        return choice.part.id
    cut = [part for part in parts.of_incident(tx, incident.id) if part.names_sites]
    called = _called_by(tx, choice.names)
    _forget_drafts(tx, incident.id, called, now=now)
    part_id = int(
        tx.scalar(
            """INSERT INTO parts (incident_id, name, cut_from, position) VALUES (:incident, :name, :source, :known)
               RETURNING id""",
            incident=incident.id,
            name=called,
            source=choice.part.id,
            known=len(cut),  # whether others were cut off meanwhile
        )
    )
    parts.set_words(tx, part_id, like=choice.part)
    if not choice.is_listed:
        tx.run_many(
            "INSERT INTO part_regions (part_id, region_id) VALUES (:part, :region)",
            [{"part": part_id, "region": region} for region in choice.names.region_ids],
        )
        return part_id
    source = scope(tx, incident, choice.part.id)
    for walked in _walks(choice.names):
        tx.run(
            f"""INSERT INTO part_sites (part_id, site_id)
                SELECT DISTINCT CAST(:part AS BIGINT), s.id FROM {walked} AND s.status = 'active'
                  AND s.services LIKE :pattern AND {audience.in_place(source, "s.id")}
                ON CONFLICT (part_id, site_id) DO NOTHING""",
            part=part_id,
            pattern=source.pattern,
            incident=incident.id,
        )
    number = int(tx.scalar("SELECT count(*) FROM part_sites WHERE part_id = :id", id=part_id))
    if not choice.names.region_ids:
        tx.run("UPDATE parts SET name = :name WHERE id = :id", name=_sites(number), id=part_id)
    return part_id


def require_unchanged(tx: Transaction, incident: StoredIncident, action: Action) -> None:
    """Raise `Refused` when the parts are not what they were when a draft named its own."""
    if not incident.is_draft_part or incident.cut_from is None:
        return
    source, mine = parts.load(tx, incident.cut_from), parts.load(tx, incident.part_id)
    cut = [part for part in parts.of_incident(tx, incident.id) if part.names_sites]
    if len(cut) != mine.position or not source.is_own or not may_act(action, incident.state, source.state):
        raise Refused(f"the parts of incident {incident.id} have changed since this draft was made: ask for it again")


def cut(tx: Transaction, incident: StoredIncident, *, customers: int, now: datetime, by: str) -> StoredIncident:
    """Cut off the part of a draft: it says and carries what the one it comes from does; return the incident with it."""
    if not incident.is_draft_part or incident.cut_from is None:
        return incident
    mine, source = parts.load(tx, incident.part_id), parts.load(tx, incident.cut_from)
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


def has_all_of(tx: Transaction, incident: StoredIncident, part: StoredPart, region_ids: Sequence[int]) -> bool:
    """Tell whether every affected site of some regions belongs to a part, and lies in no other region of the place."""
    counted = _by_part(tx, incident, Names(region_ids=tuple(region_ids)))
    others = [region for region in incidents.place_regions(tx, incident.id) if region not in region_ids]
    if set(counted) != {part.id} or parts.listed_site_ids(tx, part.id):
        return False
    of_part = scope(tx, incident, part.id)
    return not others or (
        tx.scalar(
            f"""SELECT 1 FROM ({audience.affected(of_part)}) AS a JOIN site_regions AS r ON r.site_id = a.site_id
                WHERE r.region_id IN ({audience.numbers(others)}) LIMIT 1""",
            incident=incident.id,
            pattern=of_part.pattern,
        )
        is None
    )


# --- sites that join -------------------------------------------------------------------------------------------------


def name_joining(tx: Transaction, incident: StoredIncident, names: Names, *, now: datetime) -> int:
    """Store which sites a draft adds to an incident, and return their part; raise `Refused` when there are none.

    Those that are affected already are left out: they hear nothing twice.
    """
    there = scope(tx, incident)
    named = f"s.status = 'active' AND s.services LIKE :pattern AND NOT ({audience.in_place(there, 's.id')})"
    values = {"pattern": there.pattern, "incident": incident.id}
    new = [walked for walked in _walks(names) if tx.scalar(f"SELECT 1 FROM {walked} AND {named} LIMIT 1", **values)]
    if not new:
        raise Refused(
            f"nobody would join incident {incident.id}: every active site there is affected already, or none is"
        )
    called = _called_by(tx, names)
    _forget_drafts(tx, incident.id, called, now=now)
    cut = [part for part in parts.of_incident(tx, incident.id) if part.names_sites]
    part_id = int(
        tx.scalar(
            """INSERT INTO parts (incident_id, name, cut_from, position, joins)
               VALUES (:incident, :name, :first, :known, 1) RETURNING id""",
            incident=incident.id,
            name=called,
            first=incident.part_id,
            known=len(cut),
        )
    )
    parts.set_words(tx, part_id, like=parts.load(tx, incident.part_id))
    lies_there = audience.in_place(there, "s.id")
    meets = f"s.status = 'active' AND s.services LIKE :pattern AND {lies_there}"
    if names.region_ids and not any(
        tx.scalar(f"SELECT 1 FROM {walked} AND {meets} LIMIT 1", **values) for walked in _walks(names)
    ):
        tx.run_many(
            "INSERT INTO part_regions (part_id, region_id) VALUES (:part, :region)",
            [{"part": part_id, "region": region} for region in names.region_ids],
        )
        return part_id
    for walked in new:
        tx.run(
            f"""INSERT INTO part_sites (part_id, site_id)
                SELECT DISTINCT CAST(:part AS BIGINT), s.id FROM {walked} AND {named}
                ON CONFLICT (part_id, site_id) DO NOTHING""",
            part=part_id,
            **values,
        )
    return part_id


def join_first(tx: Transaction, incident_id: int, part_id: int, *, now: datetime) -> None:
    """Let sites whose first message begins belong to the first part, with what they are promised.

    They stay a part of their own when the first one is not out any more, or another part names some of them: cut off
    before they joined, it was never meant for them.
    """
    every = parts.of_incident(tx, incident_id)
    others = [part for part in every if part.names_sites and part.id != part_id]
    mine = scope(tx, incidents.load(tx, incident_id), part_id)
    named = " OR ".join(f"({condition})" for condition in parts.conditions(tx, others, "a.site_id"))
    if every[0].state is not PartState.OUT or (
        named
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


def customers_of(tx: Transaction, part_id: int, found: StoredBroadcast) -> int:
    """Return how many customers of a part an update is for that was told to it: walks a part of several."""
    part = parts.load(tx, part_id)
    if len(parts.own(tx, part.incident_id)) < 2:
        return found.expected_customers
    return audience.customers(tx, scope(tx, incidents.load(tx, part.incident_id), part_id))


def is_all_of(tx: Transaction, incident_id: int, region_id: int, part: StoredPart) -> bool:
    """Tell whether complaints from a region speak of a part: it has sites there, and no other part that is out has."""
    own = parts.own(tx, incident_id)
    if len(own) == 1:
        return True
    incident = incidents.load(tx, incident_id)
    counted = _by_part(tx, incident, Names(region_ids=(region_id,)))
    return part.id in counted and not any(
        each.id in counted and each.state is PartState.OUT for each in own if each.id != part.id
    )


# --- older updates that still go out ---------------------------------------------------------------------------------


def leaving(tx: Transaction, found: StoredBroadcast) -> dict[int, list[int]]:
    """Return, by older update of where a part came from, the pending messages that are about sites of the part."""
    mine = _scope_there(tx, found)
    if mine is None:
        return {}
    older = [each for each in broadcasts.told_to(tx, found.part_id, *BroadcastState) if each.part_id != found.part_id]
    leaves = {
        each.id: [
            int(id_)
            for (id_,) in tx.tuples(
                f"""SELECT n.id FROM notifications AS n WHERE n.broadcast_id = :id AND n.state = 'pending'
                    AND EXISTS (SELECT 1 FROM audience_notifications AS an
                                WHERE an.broadcast_id = n.broadcast_id AND an.contact_point_id = n.contact_point_id
                                  AND {mine.condition("an.site_id")})""",
                id=each.id,
            )
        ]
        for each in older
        if each.state in (BroadcastState.SENDING, BroadcastState.PAUSED)
    }
    return {broadcast_id: ids for broadcast_id, ids in leaves.items() if ids}


def leave(
    tx: Transaction, found: StoredBroadcast, older: int, notification_ids: Sequence[int], *, now: datetime
) -> Counter[str]:
    """Supersede some pending messages of an older update, or take the part's sites out of them; count by channel."""
    mine = _scope_there(tx, found)
    if mine is None or not notification_ids:
        return Counter()
    ids = audience.numbers(notification_ids)
    ended = tx.tuples(
        f"""UPDATE notifications SET state = '{NotificationState.SUPERSEDED}',
                   reason = '{NotificationReason.NEWER_UPDATE}', ended_at = :now
            WHERE id IN ({ids}) AND state = 'pending' AND NOT EXISTS (
                SELECT 1 FROM audience_notifications AS an
                WHERE an.broadcast_id = notifications.broadcast_id
                  AND an.contact_point_id = notifications.contact_point_id AND NOT ({mine.condition("an.site_id")}))
            RETURNING channel""",
        now=to_micros(now),
    )
    tx.run(
        f"""DELETE FROM audience_notifications WHERE broadcast_id = :older AND contact_point_id IN
                (SELECT contact_point_id FROM notifications WHERE id IN ({ids}) AND state = 'pending')
              AND {mine.condition("audience_notifications.site_id")}""",
        older=older,
    )
    return Counter(str(channel) for (channel,) in ended)


def _forget_drafts(tx: Transaction, incident_id: int, called: str, *, now: datetime) -> None:
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


def leave_late(tx: Transaction, broadcast_id: int, notification_ids: Sequence[int]) -> set[int]:
    """Return which messages of an older update say nothing but what parts cut off since were told anew.

    They came back after the first update of the part began: a worker had them. From the others its sites are taken out.
    """
    found = broadcasts.load(tx, broadcast_id)
    told_anew = [
        f"({mine.condition('an.site_id')})"
        for part in parts.of_incident(tx, found.incident_id)
        if part.cut_at is not None and part.id != found.part_id and _comes_from(tx, part, found)
        if (mine := parts.scope_of(tx, found.incident_id, part.id)) is not None
    ]
    if not told_anew or not notification_ids:
        return set()
    ids, told = audience.numbers(notification_ids), " OR ".join(told_anew)
    carries = """FROM audience_notifications AS an WHERE an.broadcast_id = :broadcast
                 AND an.contact_point_id = n.contact_point_id"""
    whole = {
        int(id_)
        for (id_,) in tx.tuples(
            f"""SELECT n.id FROM notifications AS n WHERE n.id IN ({ids})
                AND EXISTS (SELECT 1 {carries}) AND NOT EXISTS (SELECT 1 {carries} AND NOT ({told}))""",
            broadcast=broadcast_id,
        )
    }
    others = [id_ for id_ in notification_ids if id_ not in whole]
    if others:
        tx.run(
            f"""DELETE FROM audience_notifications AS an WHERE an.broadcast_id = :broadcast AND ({told})
                  AND an.contact_point_id IN
                      (SELECT contact_point_id FROM notifications WHERE id IN ({audience.numbers(others)}))""",
            broadcast=broadcast_id,
        )
    return whole


def _comes_from(tx: Transaction, part: StoredPart, found: StoredBroadcast) -> bool:
    """Tell whether a part was cut off from that of an update since, and was told something newer, here or elsewhere."""
    now_is = part.id if part.became is None else part.became
    return any(source == found.part_id for _, source, _ in parts.lineage(tx, part.id)) and any(
        each.started_at is not None and found.started_at is not None and each.started_at > found.started_at
        for each in broadcasts.told_to(tx, now_is, *BroadcastState)
        if each.part_id in (part.id, now_is)
    )


def _scope_there(tx: Transaction, found: StoredBroadcast) -> PartScope | None:
    """Return which sites a part had where it comes from; None of one that was never cut off."""
    of_old = tx.row("SELECT id, incident_id FROM parts WHERE became = :id", id=found.part_id)
    incident_id, part_id = (
        (found.incident_id, found.part_id) if of_old is None else (of_old["incident_id"], of_old["id"])
    )
    mine = parts.scope_of(tx, incident_id, part_id)
    return None if mine is None or mine.named is None or mine.joins else mine


# --- counting --------------------------------------------------------------------------------------------------------


def _by_part(tx: Transaction, incident: StoredIncident, names: Names) -> dict[int, int]:
    """Return how many of the affected sites that are named belong to each part that stands by itself."""
    every = parts.of_incident(tx, incident.id)
    cut = [part for part in every if part.names_sites]
    conditions = parts.conditions(tx, cut, "s.id")
    owner = " ".join(f"WHEN {condition} THEN {part.id}" for part, condition in zip(cut, conditions, strict=True))
    owner = f"CASE {owner} ELSE {every[0].id} END" if cut else str(every[0].id)
    there = scope(tx, incident)
    counted: Counter[int] = Counter()
    for walked in _walks(names):
        for part_id, number in tx.tuples(
            f"""SELECT each_one.part_id, count(*) FROM (
                    SELECT DISTINCT s.id, {owner} AS part_id FROM {walked} AND s.status = 'active'
                      AND s.services LIKE :pattern AND {audience.in_place(there, "s.id")}) AS each_one
                GROUP BY each_one.part_id""",
            pattern=there.pattern,
            incident=incident.id,
        ):
            counted[int(part_id)] += int(number)
    own = {part.id for part in every if part.is_own}
    return {part_id: number for part_id, number in counted.items() if part_id in own}


def _size(tx: Transaction, incident: StoredIncident, part: StoredPart) -> int:
    of_part = scope(tx, incident, part.id)
    return int(
        tx.scalar(
            f"SELECT count(DISTINCT site_id) FROM ({audience.affected(of_part)}) AS a",
            incident=incident.id,
            pattern=of_part.pattern,
        )
    )


def _takes_from_others(tx: Transaction, incident_id: int, source: StoredPart, counted: dict[int, int]) -> bool:
    """Tell whether regions named before a part would take sites of those that are looked at after it."""
    cut = [part for part in parts.of_incident(tx, incident_id) if part.names_sites]
    if source.cut_from is None:
        return False  # the new one is looked at last
    place = [part.id for part in cut].index(source.id)
    before = {part.id for part in cut[:place]}
    return any(part_id not in before and part_id != source.id for part_id in counted)


def _walks(names: Names) -> list[str]:
    """Return the SQL of the walks over named sites `s`, up to their first condition; lists piece by piece."""
    if names.region_ids:
        regions = audience.numbers(names.region_ids)
        return [f"site_regions AS sr CROSS JOIN sites AS s WHERE sr.region_id IN ({regions}) AND s.id = sr.site_id"]
    pieces = (names.site_ids[start : start + AT_ONCE] for start in range(0, len(names.site_ids), AT_ONCE))
    return [f"sites AS s WHERE s.id IN ({audience.numbers(piece)})" for piece in pieces]


def _called_by(tx: Transaction, names: Names) -> str:
    if not names.region_ids:
        return _sites(len(names.site_ids))
    rows = tx.rows(f"SELECT code, name FROM regions WHERE id IN ({audience.numbers(names.region_ids)}) ORDER BY code")
    called = [row["name"] or row["code"] for row in rows]
    more = len(called) - PLACE_NAMES_AT_MOST
    return ", ".join(called[:PLACE_NAMES_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _called(part: StoredPart) -> str:
    return part.name or parts.REST


def _sites(number: int) -> str:
    return "1 site" if number == 1 else f"{number:,} sites"
