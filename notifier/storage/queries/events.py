"""Events as they are shown: cards for lists, and one event with its incidents."""

from collections.abc import Sequence
from dataclasses import replace

from notifier.domain.broadcast import BroadcastState
from notifier.domain.errors import NotFound
from notifier.domain.incident import PartState
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant
from notifier.storage.queries import incidents as shown
from notifier.storage.repositories import audience, incidents, named_sites, parts, rounds
from notifier.storage.repositories.incidents import service_pattern
from notifier.storage.views import EventCard, EventView

CARDS_AT_MOST = 100
INCIDENTS_AT_ONCE = 50  # in one statement
OUT = f"i.state IN ('suspected', 'confirmed') AND {parts.has_one('i.id', PartState.OUT)}"
"""The SQL condition that an incident has customers who are out."""


def cards(tx: Transaction, *, closed: bool = False) -> list[EventCard]:
    """Return the open events, or also at most 100 closed ones, newest first."""
    where = "" if closed else "WHERE closed_at IS NULL"
    rows = tx.rows(f"SELECT * FROM events {where} ORDER BY id DESC LIMIT {CARDS_AT_MOST}")
    return [_card(tx, row) for row in rows]


def card(tx: Transaction, event_id: int) -> EventCard:
    """Return one event; raise `NotFound`."""
    return _card(tx, _row(tx, event_id))


def view(tx: Transaction, event_id: int) -> EventView:
    """Return one event, whole; raise `NotFound`."""
    row = _row(tx, event_id)
    held = tx.tuples("SELECT id, assessed_at FROM incidents WHERE event_id = :id ORDER BY id", id=event_id)
    return EventView(
        card=_card(tx, row),
        incidents=[shown.card(tx, int(which)) for which, _ in held],
        assessed=[int(which) for which, at in held if at is not None],
        waiting=rounds.of_event(tx, event_id, BroadcastState.AWAITING_APPROVAL),
        newest_round=rounds.newest(tx, event_id),
    )


def out(tx: Transaction, event_id: int) -> list[int]:
    """Return the incidents of an event that have customers who are out, oldest first."""
    rows = tx.tuples(f"SELECT i.id FROM incidents AS i WHERE i.event_id = :id AND {OUT} ORDER BY i.id", id=event_id)
    return [int(which) for (which,) in rows]


def customers(tx: Transaction, incident_ids: Sequence[int]) -> int:
    """Return how many customers are affected by these incidents, each counted once."""
    return _distinct(tx, incident_ids, told=False)


def _row(tx: Transaction, event_id: int) -> Row:
    row = tx.row("SELECT * FROM events WHERE id = :id", id=event_id)
    if row is None:
        raise NotFound("event", event_id)
    return row


def _card(tx: Transaction, row: Row) -> EventCard:
    affected = out(tx, row["id"])
    states = tx.tuples(
        "SELECT state, count(*) FROM incidents WHERE event_id = :id GROUP BY state ORDER BY state", id=row["id"]
    )
    regions = tx.tuples(
        """SELECT r.kind, r.code FROM event_regions AS e JOIN regions AS r ON r.id = e.region_id
           WHERE e.event_id = :id ORDER BY r.kind, r.code""",
        id=row["id"],
    )
    waiting = tx.scalar(
        f"SELECT count(*) FROM incidents AS i WHERE i.event_id = :id AND i.assessed_at IS NULL AND {OUT}", id=row["id"]
    )
    promise = tx.row(
        """SELECT p.due_at, p.incident_id FROM promises AS p JOIN incidents AS i ON i.id = p.incident_id
           WHERE i.event_id = :id AND p.state = 'open' ORDER BY p.due_at, p.id LIMIT 1""",
        id=row["id"],
    )
    return EventCard(
        id=row["id"],
        kind=row["kind"],
        name=row["name"],
        service=row["service"],
        regions=[f"{kind} {code}" for kind, code in regions],
        commander=row["commander"],
        opened_at=to_instant(row["opened_at"]),
        opened_by=row["opened_by"],
        closed_at=to_instant(row["closed_at"]),
        closed_by=row["closed_by"],
        estimate_by=to_instant(row["estimate_by_at"]),
        incidents={str(state): int(number) for state, number in states},
        not_assessed=int(waiting),
        customers=_distinct(tx, affected, told=False),
        told=_distinct(tx, affected, told=True),
        next_promise_at=None if promise is None else to_instant(promise["due_at"]),
        next_promise_of=None if promise is None else promise["incident_id"],
    )


def _distinct(tx: Transaction, incident_ids: Sequence[int], *, told: bool) -> int:
    """Count customers that are out, or of them those told, each once; several statements where there are many."""
    chunks = [
        incident_ids[start : start + INCIDENTS_AT_ONCE] for start in range(0, len(incident_ids), INCIDENTS_AT_ONCE)
    ]
    if len(chunks) == 1:
        sql, values = _union(tx, chunks[0], told=told)
        return int(tx.scalar(f"SELECT count(DISTINCT customer_id) FROM ({sql}) AS counted", **values))
    found: set[int] = set()
    for some in chunks:
        sql, values = _union(tx, some, told=told)
        found.update(row[0] for row in tx.tuples(f"SELECT DISTINCT customer_id FROM ({sql}) AS counted", **values))
    return len(found)


def _union(tx: Transaction, incident_ids: Sequence[int], *, told: bool) -> tuple[str, dict[str, object]]:
    """Return the SQL of (site_id, customer_id) of several incidents, and its values: a pattern of the service each."""
    values: dict[str, object] = {}
    selects = []
    for which in incident_ids:
        incident = incidents.load(tx, which)
        own = [part for part in parts.own(tx, which) if part.state is PartState.OUT]
        for part in own:
            scope = replace(named_sites.scope(tx, incident, part.id), kin=parts.kin(tx, which))
            rows = audience.told_before(scope) if told else audience.affected(scope)
            sql = f"SELECT site_id, customer_id FROM ({rows}) AS f"
            selects.append(sql.replace(":incident", str(int(which))).replace(":pattern", f":pattern_{int(which)}"))
        if own and not told:
            values[f"pattern_{int(which)}"] = service_pattern(incident.service)
    return " UNION ALL ".join(selects) or "SELECT 0 AS site_id, 0 AS customer_id WHERE 1 = 0", values
