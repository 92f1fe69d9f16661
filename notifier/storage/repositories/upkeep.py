"""What is removed when it is older than it must be kept: a little at a time, so that no transaction holds up the rest.

Complaints and replies go by their time; their counts stay in the baseline. Answers go when they ended long ago. The
ledger of a broadcast (audience, notifications, attempts, receipts) goes whole, once its incident has been over for
long enough, its promises are settled and its credits are with billing. Incidents, promises, timeline and audit stay.
Whatever is about a customer under a legal hold stays.
"""

from collections.abc import Sequence
from datetime import datetime

from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import persons

ROWS_AT_MOST = 5_000  # in one transaction
_ENDED = "('closed', 'dismissed', 'merged')"
# what a part was told is needed as long as what it became, split off or merged, in one step or several, is not over
_NEEDED_ELSEWHERE = (
    f"WITH RECURSIVE needed (id) AS (SELECT id FROM incidents WHERE state NOT IN {_ENDED}"
    " UNION SELECT p.incident_id FROM needed JOIN parts n ON n.incident_id = needed.id JOIN parts p ON p.became = n.id)"
    " SELECT id FROM needed"
)
_OVER = (
    "SELECT b.id FROM broadcasts b JOIN incidents i ON i.id = b.incident_id"
    f" WHERE i.state IN {_ENDED} AND i.id NOT IN ({_NEEDED_ELSEWHERE})"
    " AND COALESCE(i.closed_at, i.dismissed_at, i.resolved_at, i.opened_at) < :before"
    " AND NOT EXISTS (SELECT 1 FROM promises p WHERE p.incident_id = i.id AND p.state = 'open')"
    " AND NOT EXISTS (SELECT 1 FROM credit_lines l WHERE l.incident_id = i.id"
    " AND l.state IN ('proposed', 'approved', 'posting', 'failed'))"
    " AND NOT EXISTS (SELECT 1 FROM follow_ups f WHERE f.incident_id = i.id AND f.state = 'due')"
    " AND NOT EXISTS (SELECT 1 FROM cases c WHERE c.incident_id = i.id AND c.state <> 'closed')"
)
_HELD = "SELECT 1 FROM customers h WHERE h.legal_hold <> '' AND h.id = "
_NOT_HELD_MESSAGE = (
    "NOT EXISTS (SELECT 1 FROM audience_notifications a JOIN customers h ON h.id = a.customer_id"
    " WHERE a.broadcast_id = n.broadcast_id AND a.contact_point_id = n.contact_point_id AND h.legal_hold <> '')"
)
_FORMER = f"""
SELECT c.id FROM customers c WHERE c.legal_hold = '' AND c.reference NOT LIKE '{persons.FORGOTTEN}%'
    AND c.updated_at < :before
    AND NOT EXISTS (SELECT 1 FROM sites s WHERE s.customer_id = c.id
                    AND (s.status <> 'ended' OR s.updated_at >= :before))
    AND NOT EXISTS (SELECT 1 FROM complaints r WHERE r.customer_id = c.id AND r.received_at >= :before)
    AND NOT EXISTS (SELECT 1 FROM audience a JOIN broadcasts b ON b.id = a.broadcast_id
                    JOIN incidents i ON i.id = b.incident_id
                    WHERE a.customer_id = c.id AND i.state NOT IN {_ENDED})
"""
_UNUSED = """
SELECT p.id FROM contact_points p
WHERE EXISTS (SELECT 1 FROM former_links f WHERE f.contact_point_id = p.id)
    AND NOT EXISTS (SELECT 1 FROM former_links f WHERE f.contact_point_id = p.id AND f.left_at >= :before)
    AND NOT EXISTS (SELECT 1 FROM former_links f JOIN customers h ON h.id = f.customer_id
                    WHERE f.contact_point_id = p.id AND h.legal_hold <> '')
    AND NOT EXISTS (SELECT 1 FROM links l WHERE l.contact_point_id = p.id)
    AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.contact_point_id = p.id)
"""


def oldest_open_at(tx: Transaction) -> int | None:
    """Return when the oldest incident that is not over began: nothing it may rest on goes."""
    found = tx.scalar(f"SELECT MIN(started_at) FROM incidents WHERE state NOT IN {_ENDED}")
    return None if found is None else int(found)


def remove_complaints(tx: Transaction, *, before: datetime, at_most: int = ROWS_AT_MOST) -> int:
    """Remove some complaints that took effect before; return how many."""
    return tx.run(
        "DELETE FROM complaints WHERE id IN"
        " (SELECT id FROM complaints WHERE effective_at < :before"
        f" AND NOT EXISTS ({_HELD} complaints.customer_id) ORDER BY effective_at LIMIT :most)",
        before=to_micros(before),
        most=at_most,
    )


def remove_replies(tx: Transaction, *, before: datetime, at_most: int = ROWS_AT_MOST) -> int:
    """Remove some of what people wrote back before and has been dealt with; return how many."""
    return tx.run(
        f"""DELETE FROM replies WHERE id IN
           (SELECT id FROM replies WHERE received_at < :before AND handled_at IS NOT NULL
                AND NOT EXISTS ({_HELD} replies.customer_id)
                AND NOT EXISTS (SELECT 1 FROM incidents i WHERE i.id = replies.incident_id AND i.state NOT IN {_ENDED})
            ORDER BY id LIMIT :most)""",
        before=to_micros(before),
        most=at_most,
    )


def remove_answers(tx: Transaction, *, before: datetime, at_most: int = ROWS_AT_MOST) -> int:
    """Remove some answers that ended before, with all that hangs on them; return how many."""
    ids = tx.tuples(
        """SELECT id FROM notifications n WHERE broadcast_id IS NULL AND ended_at < :before
               AND NOT EXISTS (SELECT 1 FROM links l JOIN customers h ON h.id = l.customer_id
                               WHERE l.contact_point_id = n.contact_point_id AND h.legal_hold <> '')
           ORDER BY id LIMIT :most""",
        before=to_micros(before),
        most=at_most,
    )
    return _remove_notifications(tx, [id_ for (id_,) in ids])


def remove_ledger(tx: Transaction, *, before: datetime, at_most: int = ROWS_AT_MOST) -> int:
    """Remove some notifications of incidents that were over before, with all that hangs on them; return how many."""
    ids = [
        id_
        for (id_,) in tx.tuples(
            f"SELECT id FROM notifications n WHERE broadcast_id IN ({_OVER}) AND {_NOT_HELD_MESSAGE}"
            " LIMIT :most",  # in any order: by id it would walk through messages of years
            before=to_micros(before),
            most=at_most,
        )
    ]
    removed = _remove_notifications(tx, ids)
    if removed:
        return removed
    for table in ("audience_notifications", "audience"):
        removed += _remove_of_broadcasts(tx, table, before, at_most)
    return removed


def remove_calls(tx: Transaction, *, before: datetime, at_most: int = ROWS_AT_MOST) -> int:
    """Remove some calls of people on call that ended before, with their alarms; return how many rows went."""
    ids = [
        {"id": id_}
        for (id_,) in tx.tuples(
            "SELECT id FROM calls WHERE ended_at < :before ORDER BY id LIMIT :most",
            before=to_micros(before),
            most=at_most,
        )
    ]
    for table, column in (("call_routes", "call_id"), ("call_alarms", "call_id"), ("calls", "id")):
        tx.run_many(f"DELETE FROM {table} WHERE {column} = :id", ids)
    alarms = tx.run(
        """DELETE FROM alarms WHERE id IN (SELECT id FROM alarms WHERE ended_at < :before
           AND NOT EXISTS (SELECT 1 FROM call_alarms c WHERE c.alarm_id = alarms.id) ORDER BY id LIMIT :most)""",
        before=to_micros(before),
        most=at_most,
    )
    return len(ids) + alarms


def former_customers(tx: Transaction, *, after: int, before: datetime) -> tuple[list[int], int | None]:
    """Return which of the next customers have not been served since then, and after whom to go on; None = the end.

    Not one with an open incident or something else in the way of forgetting, nor one under a legal hold.
    """
    last = tx.scalar(
        "SELECT MAX(id) FROM (SELECT id FROM customers WHERE id > :after ORDER BY id LIMIT :most) AS next_ones",
        after=after,
        most=ROWS_AT_MOST,
    )
    if last is None:
        return [], None
    former = tx.tuples(
        f"{_FORMER} AND c.id > :after AND c.id <= :last", before=to_micros(before), after=after, last=last
    )
    return [int(id_) for (id_,) in former], int(last)


def forget_former_customer(tx: Transaction, customer_id: int, *, before: datetime, now: datetime) -> bool:
    """Forget a customer if all that still holds; return whether it did."""
    former = tx.scalar(f"{_FORMER} AND c.id = :id", before=to_micros(before), id=customer_id)
    if former is None or persons.in_the_way(tx, customer_id) is not None:
        return False
    persons.forget(tx, customer_id, now=now)
    return True


def unused_points(tx: Transaction, *, after: int, before: datetime) -> tuple[list[int], int | None]:
    """Return which of the next contact points nobody has had since then, and after whom to go on; None = the end.

    Not one that a message rests on: it goes after that. Nor one that was a customer's who is under a legal hold.
    """
    last = tx.scalar(
        """SELECT MAX(contact_point_id) FROM (SELECT contact_point_id FROM former_links WHERE contact_point_id > :after
           ORDER BY contact_point_id LIMIT :most) AS next_ones""",
        after=after,
        most=ROWS_AT_MOST,
    )
    if last is None:
        return [], None
    found = tx.tuples(
        f"{_UNUSED} AND p.id > :after AND p.id <= :last", before=to_micros(before), after=after, last=last
    )
    return [int(id_) for (id_,) in found], int(last)


def remove_unused_point(tx: Transaction, point_id: int, *, before: datetime) -> bool:
    """Remove a contact point if all that still holds; what was said about consent stays under the keyed hash."""
    if tx.scalar(f"{_UNUSED} AND p.id = :id", before=to_micros(before), id=point_id) is None:
        return False
    persons.forget_words(tx, point_id)
    tx.run("DELETE FROM contact_points WHERE id = :id", id=point_id)
    return True


def _remove_notifications(tx: Transaction, ids: Sequence[int]) -> int:
    for table, column in (("attempts", "notification_id"), ("receipts", "notification_id"), ("notifications", "id")):
        tx.run_many(f"DELETE FROM {table} WHERE {column} = :id", [{"id": id_} for id_ in ids])
    return len(ids)


def _remove_of_broadcasts(tx: Transaction, table: str, before: datetime, at_most: int) -> int:
    """Remove some rows of a table whose key begins with the broadcast and the customer or contact point."""
    second = "customer_id" if table == "audience" else "contact_point_id"
    keys = tx.tuples(
        f"SELECT broadcast_id, {second} FROM {table} WHERE broadcast_id IN ({_OVER})"
        f" AND NOT EXISTS ({_HELD} {table}.customer_id) LIMIT :most",
        before=to_micros(before),
        most=at_most,
    )
    tx.run_many(
        f"DELETE FROM {table} WHERE broadcast_id = :broadcast AND {second} = :second",
        [{"broadcast": broadcast, "second": value} for broadcast, value in keys],
    )
    return len(keys)
