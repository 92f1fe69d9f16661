"""Builders for delivery tests: an incident, broadcasts and notifications, written as planning leaves them."""

from datetime import UTC, datetime, timedelta

from notifier.domain.broadcast import BroadcastKind, BroadcastState, Facts
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_json, to_micros

NOW = datetime(2026, 11, 21, 11, 6, 30, tzinfo=UTC)
FACTS = Facts(
    service="power",
    started_at=NOW - timedelta(minutes=56),
    cause="tree",
    customers=1214,
    next_update_by=NOW + timedelta(hours=1),
)


def incident(database: Database, *, service: str = "power") -> int:
    """Write a confirmed incident with one part and return its id."""

    def write(tx: Transaction) -> int:
        id_ = int(
            tx.scalar(
                """INSERT INTO incidents (service, state, playbook, started_at, opened_at, opened_by, correlation_id)
                   VALUES (:service, 'confirmed', 'power', :at, :at, 'test', 'correlation') RETURNING id""",
                service=service,
                at=to_micros(NOW),
            )
        )
        tx.run("INSERT INTO parts (id, incident_id) VALUES (:id, :id)", id=id_)
        return id_

    return database.write_now(write)


def broadcast(
    database: Database,
    incident_id: int,
    *,
    kind: BroadcastKind = BroadcastKind.ACKNOWLEDGED,
    state: BroadcastState = BroadcastState.SENDING,
    started: bool = True,
    facts: Facts = FACTS,
) -> int:
    """Write a broadcast and return its id."""
    at = to_micros(NOW)
    return database.write_now(
        lambda tx: int(
            tx.scalar(
                """INSERT INTO broadcasts (incident_id, part_id, kind, state, facts, created_at, created_by,
                                           started_at, planned_at, correlation_id)
                   VALUES (:incident, :incident, :kind, :state, :facts, :at, 'test', :started, :at, 'correlation')
                   RETURNING id""",
                incident=incident_id,
                kind=kind,
                state=state,
                facts=to_json(facts),
                at=at,
                started=at if started else None,
            )
        )
    )


def contact_point(
    database: Database, number: int, *, sites: int = 1, street: str = "", time_zone: str = "America/Los_Angeles"
) -> int:
    """Write a customer with sites and one mail address that hears about all of them; return the contact point."""

    def write(tx: Transaction) -> int:
        at = to_micros(NOW)
        customer = tx.scalar(
            """INSERT INTO customers (reference, name, created_at, updated_at) VALUES (:ref, 'Jo', :at, :at)
               RETURNING id""",
            ref=f"C-{number}",
            at=at,
        )
        point = int(
            tx.scalar(
                "INSERT INTO contact_points (kind, address, created_at) VALUES ('email', :address, :at) RETURNING id",
                address=f"customer{number}@example.net",
                at=at,
            )
        )
        for place in range(sites):
            site = tx.scalar(
                """INSERT INTO sites (customer_id, reference, address, services, status, time_zone, updated_at)
                   VALUES (:customer, :ref, :address, '|power|', 'active', :zone, :at) RETURNING id""",
                customer=customer,
                ref=str(place),
                address=f"{street or f'{number}{place} Oak St'}, Springfield",
                zone=time_zone,
                at=at,
            )
            tx.run(
                "INSERT INTO links (contact_point_id, site_id, role, customer_id) VALUES (:point, :site, 'owner', :c)",
                point=point,
                site=site,
                c=customer,
            )
        return point

    return database.write_now(write)


def notification(
    database: Database, broadcast_id: int, contact_point_id: int, *, due_at: datetime = NOW, sites: int | None = None
) -> int:
    """Write a pending notification about the sites of a contact point; return its id."""

    def write(tx: Transaction) -> int:
        linked = tx.tuples(
            "SELECT site_id, customer_id FROM links WHERE contact_point_id = :point ORDER BY site_id",
            point=contact_point_id,
        )
        for site, customer in linked[:sites]:
            tx.run(
                """INSERT INTO audience_notifications (broadcast_id, contact_point_id, site_id, customer_id)
                   VALUES (:b, :point, :site, :customer)""",
                b=broadcast_id,
                point=contact_point_id,
                site=site,
                customer=customer,
            )
        return int(
            tx.scalar(
                """INSERT INTO notifications (broadcast_id, contact_point_id, channel, due_at, planned_at)
                   VALUES (:b, :point, 'email', :due, :at) RETURNING id""",
                b=broadcast_id,
                point=contact_point_id,
                due=to_micros(due_at),
                at=to_micros(NOW),
            )
        )

    return database.write_now(write)


def states(database: Database) -> list[tuple[str, str]]:
    """Return state and reason of every notification, by id."""
    return database.read_now(lambda tx: tx.tuples("SELECT state, reason FROM notifications ORDER BY id"))
