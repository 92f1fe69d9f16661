"""Sites that go over from one incident to another, with what they were promised: split off, or merged.

Functions of an open transaction. A part and what became of it in the other incident are linked, so what its customers
were told stays theirs: their first message is not their first again, and their promises are kept or missed there.
"""

from datetime import datetime

from notifier.domain.broadcast import BroadcastKind, BroadcastReason, BroadcastState
from notifier.domain.errors import Refused
from notifier.domain.incident import Action, IncidentState, require_action
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audience, broadcasts, course, events, incidents, named_sites, parts
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.repositories.parts import StoredPart
from notifier.storage.repositories.promises import STANDS_OR_MISSED

_FINAL = (BroadcastState.COMPLETED, BroadcastState.CANCELLED, BroadcastState.SUPERSEDED)


def split(tx: Transaction, incident: StoredIncident, *, now: datetime, by: str, correlation_id: str) -> int:
    """Let the part that an incident was loaded with go on as a confirmed incident of its own; return that.

    Nobody is told. The place of the new one is what the part is named by, or the list of its sites of now.
    """
    part = parts.load(tx, incident.part.id)
    if part.cut_from is None:
        raise Refused(f"incident {incident.id} would be left without sites: what leaves is all of it")
    place = set(incidents.place_regions(tx, incident.id))
    regions = _regions(tx, part)
    is_whole = bool(regions) and set(regions) <= place and named_sites.has_all_of(tx, incident, part, regions)
    new_id = incidents.open_incident(
        tx,
        service=incident.service,
        impact=incident.impact,
        playbook=incident.playbook,
        state=IncidentState.CONFIRMED,
        region_ids=regions if is_whole else (),
        started_at=incident.started_at,
        now=now,
        by=by,
        correlation_id=correlation_id,
    )
    events.inherit_assessment(tx, incident.id, to=new_id)
    if is_whole:
        incidents.take_from_place(tx, incident.id, regions, listed_by=part.id)
    else:
        _list_sites(tx, incident, part.id, new_id)
    first = incidents.load(tx, new_id).part.id
    parts.set_words(tx, first, like=part)
    _move_promises(tx, part.id, to_incident=new_id, to_part=first)
    tx.run("UPDATE parts SET became = :first WHERE id = :id", first=first, id=part.id)
    _copy_pauses(tx, incident.id, new_id)
    detail = {"part": part.name, "incident": new_id}
    incidents.record(tx, incident.id, at=now, event="split_off", actor=by, detail=detail)
    incidents.record(tx, new_id, at=now, event="split_from", actor=by, detail={"incident": incident.id})
    course.resolve_when_over(tx, incident.id, now=now)  # what left may have been the last that was out
    return new_id


def merge(tx: Transaction, source_id: int, *, into: int, now: datetime, by: str) -> course.Ended:
    """Merge an incident into another one; what it was told and promised goes along as parts of that.

    Of one that nobody was told about only the evidence goes along. Return which promises ended.
    """
    source, target = incidents.load(tx, source_id), incidents.load(tx, into)
    require_action(Action.MERGE, source.state, source.part.state, which=source.id)
    _require_alike(source, target)
    if source.state is IncidentState.SUSPECTED:
        incidents.merge(tx, source.id, into=target.id, now=now, actor=by)
        return ()
    ended = list(_end_broadcasts(tx, source, now=now))
    own = parts.own(tx, source.id)
    some_left = any(part.became is not None for part in parts.of_incident(tx, source.id))
    if some_left:  # its regions hold sites that are not its own any more
        _list_sites(tx, source, None, target.id)
    # what comes in is nobody else's: it is looked at first, in its own order, and its rest names what the others do not
    tx.run(  # in drafts it says how many there were
        "UPDATE parts SET position = position + :more WHERE incident_id = :id AND cut_at IS NOT NULL",
        more=len(own),
        id=target.id,
    )
    for position, part in enumerate([*own[1:], own[0]]):
        _take_over(tx, source, part, target, position, is_listed=some_left, now=now)
    place = [] if some_left else incidents.place_regions(tx, source.id)
    incidents.merge(tx, source.id, into=target.id, now=now, actor=by)
    if not some_left:
        _add_place(tx, source.id, target.id, place)
    for part in parts.of_incident(tx, target.id):
        if part.names_sites and part.became is not None and _is_back(tx, part):
            tx.run("UPDATE parts SET joined_at = :now WHERE id = :id", now=to_micros(now), id=part.id)
    _copy_pauses(tx, source.id, target.id)
    return tuple(ended)


def _is_back(tx: Transaction, part: StoredPart) -> bool:
    """Tell whether a part that had left is here again, as another one: then it names its sites no more."""
    last = part
    while last.became is not None:
        last = parts.load(tx, last.became)
    return last.incident_id == part.incident_id


def _require_alike(source: StoredIncident, target: StoredIncident) -> None:
    if source.id == target.id:
        raise Refused(f"incident {source.id} cannot be merged into itself")
    if source.service != target.service:
        raise Refused(
            f"incident {source.id} is about {source.service} and incident {target.id} about {target.service}: "
            "only incidents of one service are merged"
        )
    if target.state is IncidentState.CONFIRMED:
        return
    if target.state is IncidentState.SUSPECTED and source.state is IncidentState.SUSPECTED:
        return
    raise Refused(
        f"incident {target.id} is {target.state}: nothing {source.state} is merged into it"
        + (f"; merge {target.id} into {source.id}" if target.state is IncidentState.SUSPECTED else "")
    )


def _end_broadcasts(tx: Transaction, source: StoredIncident, *, now: datetime) -> course.Ended:
    """Cancel what an incident has not said yet; what nobody has read it promised to nobody."""
    ended: list[tuple[PromiseKind, PromiseState]] = []
    for part in parts.of_incident(tx, source.id):
        for each in broadcasts.of_part(tx, part.id, source.id, *BroadcastState):
            if each.state not in _FINAL:
                if each.kind is BroadcastKind.RESTORED and each.sent_at is not None:  # back, and nobody would say so
                    raise Refused(
                        f"incident {source.id} is believed back and its customers are not all told yet: merge it when "
                        f"they are, or take that back first: notifier broadcasts cancel {each.id}"
                    )
                broadcasts.end(tx, each, BroadcastState.CANCELLED, BroadcastReason.INCIDENT_MERGED, now=now)
                ended += course.void_unread(tx, each, now=now)
    return tuple(ended)


def _take_over(
    tx: Transaction,
    source: StoredIncident,
    part: StoredPart,
    target: StoredIncident,
    position: int,
    *,
    is_listed: bool,
    now: datetime,
) -> None:
    """Make a part of one incident a part of another, named as it is, or by the place where it is the rest."""
    new = int(
        tx.scalar(
            """INSERT INTO parts (incident_id, name, cut_from, cut_at, position)
               VALUES (:incident, :name, :first, :now, :position) RETURNING id""",
            incident=target.id,
            name=part.name or source.place,
            first=target.part.id,
            now=to_micros(now),
            position=position,
        )
    )
    parts.set_words(tx, new, like=part)
    regions = "SELECT region_id FROM part_regions WHERE part_id = :part"
    sites = "SELECT site_id FROM part_sites WHERE part_id = :part"
    values: dict[str, object] = {"part": part.id}
    if part.cut_from is None:
        regions = "SELECT region_id FROM incident_regions WHERE incident_id = :source AND role = 'place'"
        sites = "SELECT site_id FROM incident_sites WHERE incident_id = :source"
        values = {"source": source.id}
    if is_listed:
        of_part = named_sites.scope(tx, source, part.id)
        sites = f"SELECT DISTINCT a.site_id FROM ({audience.affected(of_part)}) AS a"
        values = {"incident": source.id, "pattern": of_part.pattern}
    else:
        tx.run(
            f"INSERT INTO part_regions (part_id, region_id) SELECT {new}, r.region_id FROM ({regions}) AS r", **values
        )
    tx.run(f"INSERT INTO part_sites (part_id, site_id) SELECT {new}, s.site_id FROM ({sites}) AS s", **values)
    _move_promises(tx, part.id, to_incident=target.id, to_part=new)
    tx.run("UPDATE parts SET became = :new WHERE id = :id", new=new, id=part.id)


def _add_place(tx: Transaction, source_id: int, target_id: int, region_ids: list[int]) -> None:
    tx.run(
        """INSERT INTO incident_sites (incident_id, site_id)
           SELECT CAST(:target AS BIGINT), site_id FROM incident_sites WHERE incident_id = :source
           ON CONFLICT (incident_id, site_id) DO NOTHING""",
        source=source_id,
        target=target_id,
    )
    incidents.extend_place(tx, target_id, region_ids)


def _list_sites(tx: Transaction, incident: StoredIncident, part_id: int | None, new_id: int) -> None:
    """Let the sites of an incident, or of one of its parts, belong to the place of another one by name."""
    of_part = named_sites.scope(tx, incident, part_id)
    tx.run(
        f"""INSERT INTO incident_sites (incident_id, site_id)
            SELECT DISTINCT CAST(:new AS BIGINT), a.site_id FROM ({audience.affected(of_part)}) AS a
            WHERE true ON CONFLICT (incident_id, site_id) DO NOTHING""",
        new=new_id,
        incident=incident.id,
        pattern=of_part.pattern,
    )
    incidents.extend_place(tx, new_id, ())


def _regions(tx: Transaction, part: StoredPart) -> tuple[int, ...]:
    rows = tx.tuples("SELECT region_id FROM part_regions WHERE part_id = :id ORDER BY region_id", id=part.id)
    return tuple(int(region) for (region,) in rows)


def _move_promises(tx: Transaction, part_id: int, *, to_incident: int, to_part: int) -> None:
    """Let what a part promised be kept elsewhere; what has ended stays where it did, but for what was missed last."""
    tx.run(
        f"UPDATE promises SET incident_id = :incident, part_id = :to WHERE part_id = :part AND {STANDS_OR_MISSED}",
        incident=to_incident,
        to=to_part,
        part=part_id,
    )


def _copy_pauses(tx: Transaction, source_id: int, target_id: int) -> None:
    """Let those who wanted to hear nothing more of one incident hear nothing of the other either."""
    tx.run(
        """INSERT INTO pauses (contact_point_id, incident_id, created_at)
           SELECT contact_point_id, CAST(:target AS BIGINT), created_at FROM pauses WHERE incident_id = :source
           ON CONFLICT (contact_point_id, incident_id) DO NOTHING""",
        source=source_id,
        target=target_id,
    )
