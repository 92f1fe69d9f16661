"""Contact points that are not written to any more, and the log of why."""

from collections.abc import Collection
from datetime import datetime

from notifier.domain.actor import CUSTOMER, DAEMON
from notifier.domain.consent import SOURCE_LENGTH, WORDING_LENGTH
from notifier.domain.customer import ContactKind, SuppressionReason
from notifier.domain.errors import NotFound
from notifier.domain.text import clean_line
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_micros


def suppress(
    tx: Transaction,
    contact_point_id: int,
    reason: SuppressionReason,
    *,
    source: str,
    hashed: str,
    now: datetime,
    wording: str = "",
    actor: str = DAEMON.name,
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
            """INSERT INTO suppressions (contact_point_id, address_hash, reason, source, wording, actor, created_at)
               VALUES (:id, :hash, :reason, :source, :wording, :actor, :now)""",
            id=contact_point_id,
            hash=hashed,
            reason=reason,
            source=clean_line(source)[:SOURCE_LENGTH],
            wording=clean_line(wording)[:WORDING_LENGTH],
            actor=actor,
            now=to_micros(now),
        )
    return changed > 0


def remember(
    tx: Transaction, reason: SuppressionReason, *, source: str, wording: str, hashed: str, now: datetime
) -> None:
    """Log why an address that is not on file must not be written to, once: it holds as soon as the address comes."""
    tx.run(
        """INSERT INTO suppressions (address_hash, reason, source, wording, actor, created_at)
           SELECT CAST(:hash AS TEXT), CAST(:reason AS TEXT), CAST(:source AS TEXT), CAST(:wording AS TEXT),
                  CAST(:actor AS TEXT), CAST(:now AS BIGINT)
           WHERE NOT EXISTS (SELECT 1 FROM suppressions WHERE address_hash = :hash AND contact_point_id IS NULL
                             AND reason = :reason AND lifted_at IS NULL)""",
        hash=hashed,
        reason=reason,
        source=clean_line(source)[:SOURCE_LENGTH],
        wording=clean_line(wording)[:WORDING_LENGTH],
        actor=CUSTOMER.name,
        now=to_micros(now),
    )


def lift(
    tx: Transaction, contact_point_id: int, reasons: Collection[SuppressionReason], *, source: str, now: datetime
) -> bool:
    """Write to a contact point again, as far as it was stopped for these reasons; return whether that changed anything.

    A suppression for another reason that stands behind a lifted one comes into force again.
    """
    wanted = ", ".join(f"'{reason}'" for reason in sorted(reasons))
    lifted = tx.run(
        f"""UPDATE suppressions SET lifted_at = :now, lifted_source = :source
            WHERE contact_point_id = :id AND lifted_at IS NULL AND reason IN ({wanted})""",
        now=to_micros(now),
        source=clean_line(source)[:SOURCE_LENGTH],
        id=contact_point_id,
    )
    changed = tx.run(
        f"""UPDATE contact_points SET soft_bounces = 0, suppressed =
                (SELECT s.reason FROM suppressions AS s
                 WHERE s.contact_point_id = :id AND s.lifted_at IS NULL ORDER BY s.id DESC LIMIT 1)
            WHERE id = :id AND suppressed IN ({wanted})""",
        id=contact_point_id,
    )
    return lifted + changed > 0


def forget(tx: Transaction, hashed: str, *, source: str, now: datetime) -> None:
    """Lift the opt-out of an address that is not on file."""
    tx.run(
        f"""UPDATE suppressions SET lifted_at = :now, lifted_source = :source
            WHERE address_hash = :hash AND contact_point_id IS NULL AND lifted_at IS NULL
              AND reason = '{SuppressionReason.OPTED_OUT}'""",
        now=to_micros(now),
        source=clean_line(source)[:SOURCE_LENGTH],
        hash=hashed,
    )


def in_force(tx: Transaction, contact_point_id: int) -> Row | None:
    """Return reason, source, wording, actor and created_at of the suppression in force, or None."""
    return tx.row(
        """SELECT s.reason, s.source, s.wording, s.actor, s.created_at
           FROM contact_points AS c JOIN suppressions AS s ON s.contact_point_id = c.id AND s.reason = c.suppressed
           WHERE c.id = :id AND s.lifted_at IS NULL ORDER BY s.id DESC LIMIT 1""",
        id=contact_point_id,
    )


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


def make_mobile(tx: Transaction, contact_point_id: int) -> bool:
    """Note that a number takes texts after all, because it sent one; return whether that is new."""
    changed = tx.run(
        f"UPDATE contact_points SET kind = '{ContactKind.MOBILE}' WHERE id = :id AND kind = '{ContactKind.LANDLINE}'",
        id=contact_point_id,
    )
    return changed > 0


def address_of(tx: Transaction, contact_point_id: int) -> str:
    """Return the address of a contact point; raise `NotFound`."""
    address = tx.scalar("SELECT address FROM contact_points WHERE id = :id", id=contact_point_id)
    if address is None:
        raise NotFound("contact point", contact_point_id)
    return str(address)
