"""What was sent without a second person: why, as its sender said it."""

from notifier.storage.database import Transaction
from notifier.storage.instants import from_json


def reason(tx: Transaction, incident_id: int, broadcast_id: int) -> str:
    """Return why a broadcast was sent alone; nothing when it was not."""
    rows = tx.rows(
        "SELECT detail FROM timeline WHERE incident_id = :id AND event = 'sent_alone' ORDER BY id", id=incident_id
    )
    for row in rows:
        detail = from_json(row["detail"], dict)
        if detail.get("broadcast") == broadcast_id:
            return str(detail.get("reason", ""))
    return ""
