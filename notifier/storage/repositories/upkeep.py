"""What is removed when it is older than it must be kept: a little at a time, so that no transaction holds up the rest.

Complaints and replies go by their time; their counts stay in the baseline. Answers go when they ended long ago. The
ledger of a broadcast (audience, notifications, attempts, receipts) goes whole, once its incident has been over for
long enough. Incidents, promises, timeline and audit stay.
"""

from collections.abc import Sequence
from datetime import datetime

from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros

ROWS_AT_MOST = 5_000  # in one transaction
_OVER = (
    "SELECT b.id FROM broadcasts b JOIN incidents i ON i.id = b.incident_id"
    " WHERE i.state IN ('closed', 'dismissed', 'merged')"
    " AND COALESCE(i.closed_at, i.dismissed_at, i.resolved_at, i.opened_at) < :before"
)


def remove_complaints(tx: Transaction, *, before: datetime) -> int:
    """Remove some complaints that took effect before; return how many."""
    return tx.run(
        "DELETE FROM complaints WHERE id IN"
        " (SELECT id FROM complaints WHERE effective_at < :before ORDER BY effective_at LIMIT :most)",
        before=to_micros(before),
        most=ROWS_AT_MOST,
    )


def remove_replies(tx: Transaction, *, before: datetime) -> int:
    """Remove some of what people wrote back before and has been dealt with; return how many."""
    return tx.run(
        """DELETE FROM replies WHERE id IN
           (SELECT id FROM replies WHERE received_at < :before AND handled_at IS NOT NULL ORDER BY id LIMIT :most)""",
        before=to_micros(before),
        most=ROWS_AT_MOST,
    )


def remove_answers(tx: Transaction, *, before: datetime) -> int:
    """Remove some answers that ended before, with all that hangs on them; return how many."""
    ids = tx.tuples(
        """SELECT id FROM notifications WHERE broadcast_id IS NULL AND ended_at < :before ORDER BY id LIMIT :most""",
        before=to_micros(before),
        most=ROWS_AT_MOST,
    )
    return _remove_notifications(tx, [id_ for (id_,) in ids])


def remove_ledger(tx: Transaction, *, before: datetime) -> int:
    """Remove some notifications of incidents that were over before, with all that hangs on them; return how many."""
    ids = [
        id_
        for (id_,) in tx.tuples(
            f"SELECT id FROM notifications WHERE broadcast_id IN ({_OVER}) ORDER BY id LIMIT :most",
            before=to_micros(before),
            most=ROWS_AT_MOST,
        )
    ]
    removed = _remove_notifications(tx, ids)
    if removed:
        return removed
    for table in ("audience_notifications", "audience"):
        removed += _remove_of_broadcasts(tx, table, before)
    return removed


def _remove_notifications(tx: Transaction, ids: Sequence[int]) -> int:
    for table, column in (("attempts", "notification_id"), ("receipts", "notification_id"), ("notifications", "id")):
        tx.run_many(f"DELETE FROM {table} WHERE {column} = :id", [{"id": id_} for id_ in ids])
    return len(ids)


def _remove_of_broadcasts(tx: Transaction, table: str, before: datetime) -> int:
    """Remove some rows of a table whose key begins with the broadcast and the customer or contact point."""
    second = "customer_id" if table == "audience" else "contact_point_id"
    keys = tx.tuples(
        f"SELECT broadcast_id, {second} FROM {table} WHERE broadcast_id IN ({_OVER}) LIMIT :most",
        before=to_micros(before),
        most=ROWS_AT_MOST,
    )
    tx.run_many(
        f"DELETE FROM {table} WHERE broadcast_id = :broadcast AND {second} = :second",
        [{"broadcast": broadcast, "second": value} for broadcast, value in keys],
    )
    return len(keys)
