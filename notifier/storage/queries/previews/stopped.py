"""What a new update stops that somebody has sent and nobody was told of yet: said before its number is typed.

What waited for a second person is over as soon as something newer is drafted; what is still in the time in which it
can be taken back, or is paused before it began, is over when the newer one begins.
"""

from collections.abc import Iterator

from notifier.domain.broadcast import BroadcastKind, BroadcastState
from notifier.storage.database import Transaction
from notifier.storage.repositories.broadcasts import StoredBroadcast

_NOT_SENT = (BroadcastState.DRAFT, BroadcastState.AWAITING_APPROVAL)


def stopped_by(tx: Transaction, found: StoredBroadcast) -> Iterator[str]:
    """Yield what a draft, or one that waits for a second person, stops or has stopped by being drafted."""
    if found.state not in _NOT_SENT:
        return
    of_part = "" if found.kind is BroadcastKind.CORRECTION else "AND b.part_id = :part"
    rows = tx.rows(
        f"""SELECT b.id, b.kind, b.state FROM broadcasts AS b
            WHERE b.incident_id = :incident {of_part} AND b.id < :id AND b.sent_at IS NOT NULL AND b.started_at IS NULL
              AND (b.state IN ('sending', 'paused') OR b.state = 'superseded' AND NOT EXISTS (
                   SELECT 1 FROM broadcasts AS c WHERE c.part_id = b.part_id AND c.id > b.id AND c.id < :id
                   AND c.sent_at IS NOT NULL))
            ORDER BY b.id""",
        incident=found.incident_id,
        id=found.id,
        **({"part": found.part_id} if of_part else {}),
    )
    for row in rows:
        which = f"update {row['id']} ({str(row['kind']).replace('_', ' ')})"
        if row["state"] == BroadcastState.SUPERSEDED:
            yield f"stopped {which} by being drafted: it was not sent yet, and nobody hears it"
        else:
            yield f"stops {which}, which is not sent yet"
