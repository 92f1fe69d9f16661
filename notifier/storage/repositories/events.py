"""Events as they are stored: their rows, where they are, and which incidents they hold.

Functions of an open transaction. An incident that opens while an event of its service, and of its place, is open joins
it by itself; what was taken out stays out.
"""

from collections.abc import Sequence
from datetime import datetime

from notifier.domain.errors import NotFound, Refused
from notifier.domain.event import EventKind, OpenEvent, in_event
from notifier.domain.playbook import Playbook
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros

HELD = ("suspected", "confirmed", "resolved")  # states of incidents that may come into an event


def load(tx: Transaction, event_id: int) -> OpenEvent:
    """Return an open event; raise `NotFound`, or `Refused` when it is closed."""
    row = tx.row("SELECT * FROM events WHERE id = :id", id=event_id)
    if row is None:
        raise NotFound("event", event_id)
    if row["closed_at"] is not None:
        raise Refused(f"{row['kind']} {event_id} ({row['name']}) is closed: nothing more can be done with it")
    return _event(row)


def open_ones(tx: Transaction) -> list[OpenEvent]:
    """Return the open events, oldest first."""
    return [_event(row) for row in tx.rows("SELECT * FROM events WHERE closed_at IS NULL ORDER BY id")]


def of_incident(tx: Transaction, incident_id: int) -> OpenEvent | None:
    """Return the open event that an incident is in."""
    row = tx.row(
        """SELECT e.* FROM incidents AS i JOIN events AS e ON e.id = i.event_id AND e.closed_at IS NULL
           WHERE i.id = :id""",
        id=incident_id,
    )
    return None if row is None else _event(row)


def by_incident(tx: Transaction) -> dict[int, OpenEvent]:
    """Return the open event of each incident that is in one; of all of them."""
    found = {event.id: event for event in open_ones(tx)}
    return {which: event for event in found.values() for which in incident_ids(tx, event.id)}


def is_assessed(tx: Transaction, incident_id: int) -> bool:
    """Tell whether somebody has assessed an incident since it came into its event."""
    return tx.scalar("SELECT assessed_at FROM incidents WHERE id = :id", id=incident_id) is not None


def in_force(tx: Transaction, incident_id: int, started_at: datetime, playbook: Playbook, *, now: datetime) -> Playbook:
    """Return the playbook by which an incident is told now: with the cadence of the open event that it is in."""
    if of_incident(tx, incident_id) is None:
        return playbook
    return in_event(playbook, started_at=started_at, now=now)


def region_ids(tx: Transaction, event_id: int) -> tuple[int, ...]:
    """Return where an event is; nothing = everywhere."""
    sql = "SELECT region_id FROM event_regions WHERE event_id = :id ORDER BY region_id"
    return tuple(int(which) for (which,) in tx.tuples(sql, id=event_id))


def incident_ids(tx: Transaction, event_id: int) -> list[int]:
    """Return the incidents of an event, ascending."""
    sql = "SELECT id FROM incidents WHERE event_id = :id ORDER BY id"
    return [int(which) for (which,) in tx.tuples(sql, id=event_id)]


def create(
    tx: Transaction,
    *,
    kind: EventKind,
    name: str,
    service: str,
    regions: Sequence[int],
    commander: str,
    estimate_by: datetime | None,
    now: datetime,
    by: str,
) -> int:
    """Store a new event and return its id; raise `Refused` where one of this service is open already."""
    for other in open_ones(tx):
        there = set(region_ids(tx, other.id))
        if other.service == service and (not there or not regions or there & set(regions)):
            raise Refused(f"{other.kind} {other.id} ({other.name}, {service}) is open there already")
    event_id = int(
        tx.scalar(
            """INSERT INTO events (kind, name, service, commander, estimate_by_at, opened_at, opened_by)
               VALUES (:kind, :name, :service, :commander, :estimate_by, :now, :by) RETURNING id""",
            kind=kind,
            name=name,
            service=service,
            commander=commander,
            estimate_by=to_micros(estimate_by),
            now=to_micros(now),
            by=by,
        )
    )
    tx.run_many(
        "INSERT INTO event_regions (event_id, region_id) VALUES (:event, :region)",
        ({"event": event_id, "region": region} for region in regions),
    )
    return event_id


def to_join(tx: Transaction, incident_id: int, service: str) -> OpenEvent | None:
    """Return the newest open event that a new incident belongs to: of its service, and where it is."""
    there = [event for event in reversed(open_ones(tx)) if event.service == service]
    if not there or is_planned(tx, incident_id):
        return None
    for event in there:
        if _is_there(tx, event.id, incident_id):
            return event
    return None


def is_planned(tx: Transaction, incident_id: int) -> bool:
    """Tell whether an incident is planned work, which no storm has brought."""
    return tx.scalar("SELECT 1 FROM incidents WHERE id = :id AND kind = 'planned'", id=incident_id) is not None


def put_in(tx: Transaction, event: OpenEvent, incident_id: int) -> None:
    """Put an incident into an event: its commander has it, and it waits to be assessed."""
    tx.run(
        "UPDATE incidents SET event_id = :event, assigned_to = :to, assessed_at = NULL WHERE id = :id",
        event=event.id,
        to=event.commander,
        id=incident_id,
    )


def inherit_assessment(tx: Transaction, source: int, *, to: int) -> None:
    """Let what leaves an incident for one of its own in the same event be assessed as that was."""
    tx.run(
        """UPDATE incidents SET assessed_at = (SELECT s.assessed_at FROM incidents AS s WHERE s.id = :source)
           WHERE id = :to AND event_id = (SELECT s.event_id FROM incidents AS s WHERE s.id = :source)""",
        source=source,
        to=to,
    )


def take_out(tx: Transaction, incident_id: int) -> None:
    """Take an incident out of its event; who has it, goes on having it."""
    tx.run("UPDATE incidents SET event_id = NULL, assessed_at = NULL WHERE id = :id", id=incident_id)


def assess(tx: Transaction, incident_id: int, *, now: datetime) -> None:
    """Note that somebody has assessed an incident."""
    tx.run("UPDATE incidents SET assessed_at = :now WHERE id = :id", now=to_micros(now), id=incident_id)


def set_estimate_by(tx: Transaction, event_id: int, by: datetime | None) -> None:
    """Keep by when the first estimate comes."""
    tx.run("UPDATE events SET estimate_by_at = :by WHERE id = :id", by=to_micros(by), id=event_id)


def close(tx: Transaction, event_id: int, *, now: datetime, by: str) -> None:
    """Close an event; its incidents keep what they promised, and who has them."""
    tx.run("UPDATE events SET closed_at = :now, closed_by = :by WHERE id = :id", now=to_micros(now), by=by, id=event_id)


def _is_there(tx: Transaction, event_id: int, incident_id: int) -> bool:
    """Tell whether a site of an incident lies where an event is."""
    regions = region_ids(tx, event_id)
    if not regions:
        return True
    found = tx.scalar(
        """SELECT 1 FROM incident_regions AS i JOIN event_regions AS e
             ON e.region_id = i.region_id AND e.event_id = :event
           WHERE i.incident_id = :incident AND i.role = 'place'
           UNION ALL
           SELECT 1 FROM event_regions AS e JOIN site_regions AS s ON s.region_id = e.region_id
           WHERE e.event_id = :event
             AND (EXISTS (SELECT 1 FROM incident_sites AS l WHERE l.incident_id = :incident AND l.site_id = s.site_id)
                  OR EXISTS (SELECT 1 FROM site_regions AS o JOIN incident_regions AS r
                               ON r.region_id = o.region_id AND r.incident_id = :incident AND r.role = 'place'
                             WHERE o.site_id = s.site_id))
           LIMIT 1""",
        event=event_id,
        incident=incident_id,
    )
    return found is not None


def _event(row: Row) -> OpenEvent:
    return OpenEvent(
        id=row["id"],
        kind=EventKind(row["kind"]),
        name=row["name"],
        service=row["service"],
        commander=row["commander"],
        estimate_by=to_instant(row["estimate_by_at"]),
        opened_at=to_instant(row["opened_at"]),
    )
