"""Incidents as they are stored: the row with one of its parts, its regions or sites, and its timeline.

Functions of an open transaction. They save what a stage or the detector has decided; every change of state goes through
the transition tables of `domain.incident`. Which incidents meet is told by `overlaps`, why they were opened by
`evidence`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.any_service import ANY
from notifier.domain.broadcast import BroadcastReason, BroadcastState
from notifier.domain.errors import NotFound
from notifier.domain.incident import (
    INCIDENT,
    PART,
    DismissReason,
    Impact,
    IncidentKind,
    IncidentState,
    PartState,
    RegionRole,
)
from notifier.domain.promise import PromiseState
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant, to_json, to_micros
from notifier.storage.repositories import events, parts
from notifier.storage.repositories.parts import StoredPart

PLACE_NAMES_AT_MOST = 4  # regions named in `place`; more are counted
LEFT = "left_to_a_person"  # in the timeline: the daemon never confirms it by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredIncident:
    """One incident with the part that is decided on, the first unless another one is asked for."""

    id: int
    service: str
    impact: Impact
    state: IncidentState
    playbook: str
    place: str
    started_at: datetime
    opened_at: datetime
    opened_by: str
    resolved_at: datetime | None
    closed_at: datetime | None
    correlation_id: str
    part: StoredPart
    kind: IncidentKind = IncidentKind.UNPLANNED
    window_from_at: datetime | None = None  # of planned work
    window_until_at: datetime | None = None

    @property
    def is_planned(self) -> bool:
        """Tell whether it is announced work."""
        return self.kind is IncidentKind.PLANNED


# --- finding --------------------------------------------------------------------------------------------------------


def load(tx: Transaction, incident_id: int, part_id: int | None = None) -> StoredIncident:
    """Return an incident with its first part, or with another one; raise `NotFound` when there is none."""
    if part_id is None:
        row = tx.row(f"{_SELECT} WHERE i.id = :id AND p.cut_from IS NULL", id=incident_id)
    else:
        row = tx.row(f"{_SELECT} WHERE i.id = :id AND p.id = :part", id=incident_id, part=part_id)
    if row is None:
        raise NotFound("incident", incident_id)
    return _incident(row)


def with_state(tx: Transaction, *states: IncidentState) -> list[StoredIncident]:
    """Return the incidents in these states with their first part, oldest first."""
    found = []
    for state in states:
        rows = tx.rows(f"{_SELECT} WHERE i.state = :state AND p.cut_from IS NULL", state=state)
        found += [_incident(row) for row in rows]
    return sorted(found, key=lambda incident: incident.id)


def service_pattern(service: str) -> str:
    """Return the LIKE pattern that finds a service in `sites.services`; any service is found everywhere."""
    return "%" if service == ANY else f"%|{service}|%"


def place_regions(tx: Transaction, incident_id: int) -> list[int]:
    """Return the ids of the regions whose sites are affected, ascending."""
    return [
        int(region_id)
        for (region_id,) in tx.tuples(
            "SELECT region_id FROM incident_regions WHERE incident_id = :id AND role = 'place' ORDER BY region_id",
            id=incident_id,
        )
    ]


def listed_site_ids(tx: Transaction, incident_id: int) -> list[int]:
    """Return the ids of the sites that an incident lists by name, ascending."""
    sql = "SELECT site_id FROM incident_sites WHERE incident_id = :id ORDER BY site_id"
    return [int(site_id) for (site_id,) in tx.tuples(sql, id=incident_id)]


def listed_sites(tx: Transaction, incident_id: int) -> int:
    """Return how many sites an incident lists by name."""
    return int(tx.scalar("SELECT count(*) FROM incident_sites WHERE incident_id = :id", id=incident_id))


# --- saving ---------------------------------------------------------------------------------------------------------


def open_incident(
    tx: Transaction,
    *,
    service: str,
    impact: str,
    playbook: str,
    state: IncidentState,
    region_ids: Sequence[int],
    site_ids: Sequence[int] = (),
    started_at: datetime,
    now: datetime,
    by: str,
    correlation_id: str,
    window: tuple[datetime, datetime] | None = None,
) -> int:
    """Store a new incident with its first part and the timeline entry `opened`; return its id.

    With a window it is planned work.
    """
    confirmed = state is IncidentState.CONFIRMED
    incident_id = int(
        tx.scalar(
            """INSERT INTO incidents (kind, service, impact, state, playbook, started_at, opened_at, opened_by,
                                      confirmed_at, confirmed_by, window_from_at, window_until_at, correlation_id)
               VALUES (:kind, :service, :impact, :state, :playbook, :started, :now, :by, :confirmed_at, :confirmed_by,
                       :from_at, :until_at, :corr)
               RETURNING id""",
            kind=IncidentKind.UNPLANNED if window is None else IncidentKind.PLANNED,
            from_at=None if window is None else to_micros(window[0]),
            until_at=None if window is None else to_micros(window[1]),
            service=service,
            impact=impact,
            state=state,
            playbook=playbook,
            started=to_micros(started_at),
            now=to_micros(now),
            by=by,
            confirmed_at=to_micros(now) if confirmed else None,
            confirmed_by=by if confirmed else None,
            corr=correlation_id,
        )
    )
    tx.run("INSERT INTO parts (incident_id) VALUES (:incident)", incident=incident_id)
    set_place(tx, incident_id, region_ids)
    if site_ids:
        tx.run_many(
            """INSERT INTO incident_sites (incident_id, site_id) VALUES (:incident, :site)
               ON CONFLICT (incident_id, site_id) DO NOTHING""",
            ({"incident": incident_id, "site": site} for site in site_ids),
        )
        _name_place(tx, incident_id)
    place = tx.scalar("SELECT place FROM incidents WHERE id = :id", id=incident_id)
    record(tx, incident_id, at=now, event="opened", actor=by, detail={"state": str(state), "place": place})
    if (event := events.to_join(tx, incident_id, service)) is not None:
        events.put_in(tx, event, incident_id)
        detail = {"number": event.id, "name": event.name, "to": event.commander}
        record(tx, incident_id, at=now, event="joined_event", actor="daemon", detail=detail)
    return incident_id


def set_place(tx: Transaction, incident_id: int, region_ids: Sequence[int]) -> None:
    """Make exactly these regions the place of an incident; others that it had become attached."""
    tx.run("UPDATE incident_regions SET role = 'attached' WHERE incident_id = :id", id=incident_id)
    tx.run_many(
        """INSERT INTO incident_regions (incident_id, region_id, role) VALUES (:incident, :region, :role)
           ON CONFLICT (incident_id, region_id) DO UPDATE SET role = excluded.role""",
        ({"incident": incident_id, "region": region, "role": RegionRole.PLACE} for region in region_ids),
    )
    _name_place(tx, incident_id)


def extend_place(tx: Transaction, incident_id: int, region_ids: Sequence[int], *, listed_by: int | None = None) -> None:
    """Let regions, and the sites that a part lists, belong to the place of an incident, too."""
    tx.run_many(
        """INSERT INTO incident_regions (incident_id, region_id, role) VALUES (:incident, :region, :role)
           ON CONFLICT (incident_id, region_id) DO UPDATE SET role = excluded.role""",
        ({"incident": incident_id, "region": region, "role": RegionRole.PLACE} for region in region_ids),
    )
    if listed_by is not None:
        tx.run(
            """INSERT INTO incident_sites (incident_id, site_id)
               SELECT CAST(:incident AS BIGINT), site_id FROM part_sites WHERE part_id = :part
               ON CONFLICT (incident_id, site_id) DO NOTHING""",
            incident=incident_id,
            part=listed_by,
        )
    _name_place(tx, incident_id)


def take_from_place(tx: Transaction, incident_id: int, region_ids: Sequence[int], *, listed_by: int) -> None:
    """Let regions, and the sites that a part lists, belong to the place of an incident no more."""
    tx.run_many(
        "UPDATE incident_regions SET role = :role WHERE incident_id = :incident AND region_id = :region",
        ({"incident": incident_id, "region": region, "role": RegionRole.ATTACHED} for region in region_ids),
    )
    if not region_ids:
        tx.run(
            """DELETE FROM incident_sites WHERE incident_id = :incident
                 AND site_id IN (SELECT site_id FROM part_sites WHERE part_id = :part)""",
            incident=incident_id,
            part=listed_by,
        )
    _name_place(tx, incident_id)


def record(
    tx: Transaction,
    incident_id: int,
    *,
    at: datetime,
    event: str,
    actor: str,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Append to the timeline of an incident."""
    tx.run(
        "INSERT INTO timeline (incident_id, at, event, actor, detail) VALUES (:id, :at, :event, :actor, :detail)",
        id=incident_id,
        at=to_micros(at),
        event=event,
        actor=actor,
        detail=to_json(detail or {}),
    )


def last_event(tx: Transaction, incident_id: int, event: str) -> Mapping[str, object] | None:
    """Return the detail of the newest event of this name in the timeline of an incident, or None."""
    found = tx.scalar(
        "SELECT detail FROM timeline WHERE incident_id = :id AND event = :event ORDER BY id DESC LIMIT 1",
        id=incident_id,
        event=event,
    )
    return None if found is None else from_json(found, dict)


def dismiss(tx: Transaction, incident_id: int, *, now: datetime, reason: DismissReason, actor: str) -> None:
    """Dismiss an incident: its open promises become void and its drafts are cancelled."""
    set_state(tx, incident_id, IncidentState.DISMISSED)
    tx.run(
        "UPDATE incidents SET dismissed_at = :now, dismiss_reason = :reason WHERE id = :id",
        now=to_micros(now),
        reason=reason,
        id=incident_id,
    )
    void_promises(tx, incident_id, now=now)
    cancel_drafts(tx, incident_id, now=now, reason=BroadcastReason.INCIDENT_DISMISSED)
    record(tx, incident_id, at=now, event="dismissed", actor=actor, detail={"reason": str(reason)})


def close(tx: Transaction, incident_id: int, *, now: datetime, actor: str) -> None:
    """Close a resolved incident: nothing more is owed to anyone."""
    set_state(tx, incident_id, IncidentState.CLOSED)
    tx.run("UPDATE incidents SET closed_at = :now WHERE id = :id", now=to_micros(now), id=incident_id)
    record(tx, incident_id, at=now, event="closed", actor=actor)


def merge(tx: Transaction, incident_id: int, *, into: int, now: datetime, actor: str) -> None:
    """Merge an incident into another one that covers it: its evidence moves, its promises become void."""
    inherit_left(tx, incident_id, to=into, now=now)
    set_state(tx, incident_id, IncidentState.MERGED)
    tx.run("UPDATE incidents SET merged_into = :into WHERE id = :id", into=into, id=incident_id)
    tx.run("UPDATE evidence SET incident_id = :into WHERE incident_id = :id", into=into, id=incident_id)
    tx.run(
        """INSERT INTO incident_regions (incident_id, region_id, role)
           SELECT :into, region_id, 'attached' FROM incident_regions WHERE incident_id = :id
           ON CONFLICT (incident_id, region_id) DO NOTHING""",
        into=into,
        id=incident_id,
    )
    void_promises(tx, incident_id, now=now)
    cancel_drafts(tx, incident_id, now=now, reason=BroadcastReason.INCIDENT_MERGED)
    record(tx, incident_id, at=now, event="merged", actor=actor, detail={"into": into})
    record(tx, into, at=now, event="merged_in", actor=actor, detail={"incident": incident_id})


def inherit_left(tx: Transaction, source: int, *, to: int, now: datetime) -> None:
    """Leave a suspected incident to a person when the suspected one that it comes from, or lies beside, is a person's.

    That one was left to a person, or a person has begun on it. Neither a split nor a merge gives it to the daemon.
    """
    persons = tx.scalar(
        """SELECT 1 FROM incidents AS i WHERE i.id = :source AND i.state = 'suspected'
             AND (EXISTS (SELECT 1 FROM timeline AS t WHERE t.incident_id = i.id AND t.event = :left)
                  OR EXISTS (SELECT 1 FROM broadcasts AS b WHERE b.incident_id = i.id AND b.created_by <> 'daemon'))""",
        source=source,
        left=LEFT,
    )
    suspected = tx.scalar("SELECT 1 FROM incidents WHERE id = :id AND state = 'suspected'", id=to)
    if persons is None or suspected is None or last_event(tx, to, LEFT) is not None:
        return
    record(tx, to, at=now, event=LEFT, actor="daemon", detail={"because": f"#{source} is a person's"})


def set_state(tx: Transaction, incident_id: int, wanted: IncidentState) -> None:
    """Move an incident along an arrow of its table; raise `TransitionRefused` or `NotFound`."""
    current = tx.scalar("SELECT state FROM incidents WHERE id = :id", id=incident_id)
    if current is None:
        raise NotFound("incident", incident_id)
    INCIDENT.require(IncidentState(current), wanted, which=incident_id)
    tx.run("UPDATE incidents SET state = :state WHERE id = :id", state=wanted, id=incident_id)


def move_part(
    tx: Transaction, incident: StoredIncident, wanted: PartState, *, believed_back_at: datetime | None
) -> None:
    """Move the part that an incident was loaded with along an arrow of its table; raise `TransitionRefused`."""
    PART.require(incident.part.state, wanted, which=incident.part.id)
    tx.run(
        "UPDATE parts SET state = :state, believed_back_at = :back WHERE id = :id",
        state=wanted,
        back=to_micros(believed_back_at),
        id=incident.part.id,
    )


def set_times(tx: Transaction, part_id: int, *, eta_at: datetime | None, next_update_by: datetime | None) -> None:
    """Keep the times that customers are given for a part."""
    tx.run(
        "UPDATE parts SET eta_at = :eta, next_update_by = :next WHERE id = :id",
        eta=to_micros(eta_at),
        next=to_micros(next_update_by),
        id=part_id,
    )


def void_promises(tx: Transaction, incident_id: int, *, now: datetime) -> None:
    """End every open promise of an incident as void."""
    tx.run(
        "UPDATE promises SET state = :void, ended_at = :now WHERE incident_id = :id AND state = 'open'",
        void=PromiseState.VOID,
        now=to_micros(now),
        id=incident_id,
    )


def cancel_drafts(tx: Transaction, incident_id: int, *, now: datetime, reason: BroadcastReason) -> None:
    """Cancel the broadcasts of an incident that nobody has authorised yet."""
    tx.run(
        """UPDATE broadcasts SET state = :cancelled, reason = :reason, finished_at = :now
           WHERE incident_id = :id AND state IN ('draft', 'awaiting_approval')""",
        cancelled=BroadcastState.CANCELLED,
        reason=reason,
        now=to_micros(now),
        id=incident_id,
    )


_SELECT = f"""SELECT i.id, i.service, i.impact, i.state, i.playbook, i.place, i.started_at, i.opened_at, i.opened_by,
                     i.resolved_at, i.closed_at, i.correlation_id, i.kind, i.window_from_at, i.window_until_at,
                     {parts.columns("p", "part_")}
              FROM incidents AS i JOIN parts AS p ON p.incident_id = i.id"""


def _incident(row: Row) -> StoredIncident:
    return StoredIncident(
        id=row["id"],
        service=row["service"],
        impact=Impact(row["impact"]),
        state=IncidentState(row["state"]),
        playbook=row["playbook"],
        place=row["place"],
        started_at=to_instant(row["started_at"]),
        opened_at=to_instant(row["opened_at"]),
        opened_by=row["opened_by"],
        resolved_at=to_instant(row["resolved_at"]),
        closed_at=to_instant(row["closed_at"]),
        correlation_id=row["correlation_id"],
        part=parts.read(row, "part_"),
        kind=IncidentKind(row["kind"]),
        window_from_at=to_instant(row["window_from_at"]),
        window_until_at=to_instant(row["window_until_at"]),
    )


def _name_place(tx: Transaction, incident_id: int) -> None:
    """Write `place` for people: the names or codes of the regions, or how many sites are listed."""
    names = [
        row["name"] or row["code"]
        for row in tx.rows(
            """SELECT r.name, r.code FROM incident_regions AS ir JOIN regions AS r ON r.id = ir.region_id
               WHERE ir.incident_id = :id AND ir.role = 'place' ORDER BY r.code""",
            id=incident_id,
        )
    ]
    sites = listed_sites(tx, incident_id)
    place = ", ".join(names[:PLACE_NAMES_AT_MOST])
    if len(names) > PLACE_NAMES_AT_MOST:
        place += f" and {len(names) - PLACE_NAMES_AT_MOST} more"
    if sites:
        place = f"{place} and {_counted(sites)}" if place else _counted(sites)
    tx.run("UPDATE incidents SET place = :place WHERE id = :id", place=place, id=incident_id)


def _counted(sites: int) -> str:
    return "1 site" if sites == 1 else f"{sites:,} sites"
