"""Do ledger and audience agree? Every customer told has a message, every message a reason to exist, every hand-over one
attempt. Rows that break a rule are counted, by rule; a healthy daemon has none.
"""

from datetime import datetime

from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros

_RULES = {
    "told without a message": (
        "SELECT COUNT(*) FROM audience a JOIN broadcasts b ON b.id = a.broadcast_id"
        " WHERE a.outcome = 'told' AND NOT EXISTS (SELECT 1 FROM audience_notifications n"
        " WHERE n.broadcast_id = a.broadcast_id AND n.customer_id = a.customer_id)"
    ),
    "a site without its message": (
        "SELECT COUNT(*) FROM audience_notifications a JOIN broadcasts b ON b.id = a.broadcast_id"
        " WHERE NOT EXISTS (SELECT 1 FROM notifications n"
        " WHERE n.broadcast_id = a.broadcast_id AND n.contact_point_id = a.contact_point_id)"
    ),
    "a message for nobody": (
        "SELECT COUNT(*) FROM notifications n JOIN broadcasts b ON b.id = n.broadcast_id"
        " WHERE NOT EXISTS (SELECT 1 FROM audience_notifications a"
        " WHERE a.broadcast_id = n.broadcast_id AND a.contact_point_id = n.contact_point_id)"
    ),
    "a message to a customer who was not to be told": (
        "SELECT COUNT(*) FROM audience_notifications n JOIN broadcasts b ON b.id = n.broadcast_id"
        " WHERE NOT EXISTS (SELECT 1 FROM audience a"
        " WHERE a.broadcast_id = n.broadcast_id AND a.customer_id = n.customer_id AND a.outcome = 'told')"
    ),
    "sent without an accepted attempt": (
        "SELECT COUNT(*) FROM notifications n JOIN broadcasts b ON b.id = n.broadcast_id"
        " WHERE n.state IN ('sent', 'delivered') AND NOT EXISTS"
        " (SELECT 1 FROM attempts t WHERE t.notification_id = n.id AND t.outcome = 'accepted')"
    ),
    "accepted twice and never in doubt": (
        "SELECT COUNT(*) FROM notifications n JOIN broadcasts b ON b.id = n.broadcast_id"
        " WHERE n.attempts > 1 AND n.in_doubt_at IS NULL AND"
        " (SELECT COUNT(*) FROM attempts t WHERE t.notification_id = n.id AND t.outcome = 'accepted') > 1"
    ),
    "waiting though its broadcast is finished": (
        "SELECT COUNT(*) FROM notifications n JOIN broadcasts b ON b.id = n.broadcast_id"
        " WHERE n.state IN ('pending', 'sending', 'in_doubt') AND b.state = 'completed'"
    ),
}


def disagreements(tx: Transaction, *, since: datetime) -> dict[str, int]:
    """Return how many rows break which rule, of broadcasts made since; empty when ledger and audience agree."""
    recent = " AND b.created_at >= :since"
    found = {rule: int(tx.scalar(sql + recent, since=to_micros(since))) for rule, sql in _RULES.items()}
    return {rule: count for rule, count in found.items() if count}
