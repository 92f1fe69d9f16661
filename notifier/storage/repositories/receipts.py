"""Receipts in the store: append-only, each status of a message once, whatever order they come in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import BroadcastState
from notifier.domain.delivery import Next
from notifier.domain.notification import NOTIFICATION, Channel, NotificationReason, NotificationState
from notifier.domain.receipt import Receipt, ReceiptStatus
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories.audience import numbers
from notifier.storage.repositories.doubts import NEWS_SINCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A notification that a receipt is about, locked for this transaction, with what decides about another try."""

    id: int
    state: NotificationState
    reason: NotificationReason
    attempts: int
    channel: Channel
    contact_point_id: int
    broadcast_id: int | None  # None: an answer
    broadcast: BroadcastState | None
    service: str
    since: datetime  # when it could first have gone out
    sent_at: datetime | None  # when it was claimed last; None: never


def subject(tx: Transaction, notification_id: int) -> Subject | None:
    """Return the notification of a receipt, or None when there is no such one (any more)."""
    lock = "FOR UPDATE OF n" if tx.dialect == "postgresql" else ""
    row = tx.row(
        f"""SELECT n.id, n.state, n.reason, n.attempts, n.channel, n.contact_point_id, n.broadcast_id,
                  n.sending_at, b.state AS broadcast, {NEWS_SINCE} AS since, i.service
           FROM notifications AS n LEFT JOIN broadcasts AS b ON b.id = n.broadcast_id
           LEFT JOIN incidents AS i ON i.id = b.incident_id WHERE n.id = :id {lock}""",
        id=notification_id,
    )
    if row is None:
        return None
    return Subject(
        id=row["id"],
        state=NotificationState(row["state"]),
        reason=NotificationReason(row["reason"]),
        attempts=row["attempts"],
        channel=Channel(row["channel"]),
        contact_point_id=row["contact_point_id"],
        broadcast_id=row["broadcast_id"],
        broadcast=BroadcastState(row["broadcast"]) if row["broadcast"] else None,
        service=row["service"] or "",
        since=to_instant(row["since"]),
        sent_at=to_instant(row["sending_at"]),
    )


def append(tx: Transaction, receipt: Receipt, *, now: datetime) -> bool:
    """Store a receipt; return False when this status of this message is there already."""
    return (
        tx.run(
            """INSERT INTO receipts (notification_id, attempt, provider, provider_id, status, code, received_at)
               VALUES (:notification, :attempt, :provider, :provider_id, :status, :code, :now)
               ON CONFLICT (provider, provider_id, status) DO NOTHING""",
            notification=receipt.notification_id,
            attempt=receipt.attempt,
            provider=receipt.provider,
            provider_id=receipt.provider_id,
            status=receipt.status,
            code=str(receipt.code or ""),
            now=to_micros(now),
        )
        > 0
    )


def of_tries(tx: Transaction, tries: Mapping[int, int], *, to_write: bool) -> dict[int, list[Receipt]]:
    """Return, by notification, the receipts of one try of each, in order of arrival.

    On PostgreSQL the notifications that are going to be written are locked first, so that a receipt that is just being
    stored is either seen here or sees what is written after this.
    """
    if not tries:
        return {}
    if to_write and tx.dialect == "postgresql":
        tx.run(f"SELECT 1 FROM notifications WHERE id IN ({numbers(list(tries))}) ORDER BY id FOR UPDATE")
    found: dict[int, list[Receipt]] = {}
    for id_, attempt, provider, provider_id, status, code in tx.tuples(
        f"""SELECT notification_id, attempt, provider, provider_id, status, code FROM receipts
            WHERE notification_id IN ({numbers(list(tries))}) ORDER BY id"""
    ):
        if attempt == tries[id_]:
            receipt = Receipt(
                notification_id=id_,
                attempt=attempt,
                provider=provider,
                provider_id=provider_id,
                status=ReceiptStatus(status),
                code=int(code or 0),
            )
            found.setdefault(id_, []).append(receipt)
    return found


def failures(tx: Transaction, notification_id: int) -> int:
    """Return how many tries of a notification were reported as not delivered."""
    return int(
        tx.scalar(
            f"""SELECT COUNT(DISTINCT attempt) FROM receipts WHERE notification_id = :id
                AND status IN ('{ReceiptStatus.UNDELIVERED}', '{ReceiptStatus.FAILED}')""",
            id=notification_id,
        )
    )


def move(tx: Transaction, found: Subject, next_: Next, receipt: Receipt, *, now: datetime) -> None:
    """Bring a notification into the state that a receipt makes of it.

    The time of its hand-over stays: an older promise is judged by it.
    """
    NOTIFICATION.require(found.state, next_.state, which=found.id)
    tx.run(
        """UPDATE notifications SET state = :state, reason = :reason, due_at = COALESCE(:due, due_at),
                  ended_at = CASE WHEN :ends = 1 THEN COALESCE(ended_at, :now) END,
                  provider = :provider, provider_id = :provider_id, owner = NULL, lease_until = NULL
           WHERE id = :id""",
        id=found.id,
        state=next_.state,
        reason=next_.reason,
        due=to_micros(next_.due_at),
        ends=int(next_.state is not NotificationState.PENDING),
        now=to_micros(now),
        provider=receipt.provider,
        provider_id=receipt.provider_id,
    )
