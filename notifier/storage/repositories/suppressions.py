"""Contact points that are not written to any more, and the log of why."""

from datetime import datetime

from notifier.domain.customer import ContactKind, SuppressionReason
from notifier.domain.errors import NotFound
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros


def suppress(
    tx: Transaction, contact_point_id: int, reason: SuppressionReason, *, source: str, hashed: str, now: datetime
) -> bool:
    """Stop writing to a contact point, and log why; return False when it is stopped for a reason at least as strong.

    An opt-out replaces any other reason: it is the customer's own word.
    """
    weaker = "suppressed IS NULL"
    if reason is SuppressionReason.OPTED_OUT:
        weaker += f" OR suppressed <> '{SuppressionReason.OPTED_OUT}'"
    changed = tx.run(
        f"UPDATE contact_points SET suppressed = :reason WHERE id = :id AND ({weaker})",
        reason=reason,
        id=contact_point_id,
    )
    if changed:
        tx.run(
            """INSERT INTO suppressions (contact_point_id, address_hash, reason, source, created_at)
               VALUES (:id, :hash, :reason, :source, :now)""",
            id=contact_point_id,
            hash=hashed,
            reason=reason,
            source=source,
            now=to_micros(now),
        )
    return changed > 0


def count_soft_bounce(tx: Transaction, contact_point_id: int) -> int:
    """Note that a provider called the mailbox disabled; return how often it has by now."""
    return int(
        tx.scalar(
            "UPDATE contact_points SET soft_bounces = soft_bounces + 1 WHERE id = :id RETURNING soft_bounces",
            id=contact_point_id,
        )
        or 0
    )


def make_landline(tx: Transaction, contact_point_id: int) -> None:
    """Note that a number takes no texts; a voice may still call it."""
    tx.run(
        f"UPDATE contact_points SET kind = '{ContactKind.LANDLINE}' WHERE id = :id AND kind = '{ContactKind.MOBILE}'",
        id=contact_point_id,
    )


def address_of(tx: Transaction, contact_point_id: int) -> str:
    """Return the address of a contact point; raise `NotFound`."""
    address = tx.scalar("SELECT address FROM contact_points WHERE id = :id", id=contact_point_id)
    if address is None:
        raise NotFound("contact point", contact_point_id)
    return str(address)
