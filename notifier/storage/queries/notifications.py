"""One notification with everything that explains it, as stored; the stage renders its words again."""

from dataclasses import dataclass

from notifier.domain.answer import Answer
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.contact import mask
from notifier.domain.errors import NotFound
from notifier.domain.notification import Channel, NotificationFacts
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.views import AttemptView, NotificationView, ReceiptView


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNotification:
    """The view without its words, and what they are rendered from."""

    view: NotificationView
    kind: BroadcastKind | None
    channel: Channel
    contact_point_id: int
    facts: Facts | None
    personal: NotificationFacts | None  # None until it was claimed
    answer: Answer | None = None  # of a message without a broadcast


def find(tx: Transaction, notification_id: int) -> StoredNotification:
    """Return one notification; raise `NotFound`."""
    row = tx.row(
        """SELECT n.*, b.kind AS kind, b.incident_id AS incident_id, b.facts AS told, c.address AS address,
                  (SELECT COUNT(DISTINCT an.customer_id) FROM audience_notifications AS an
                   WHERE an.broadcast_id = n.broadcast_id AND an.contact_point_id = n.contact_point_id) AS customers
           FROM notifications AS n
           LEFT JOIN broadcasts AS b ON b.id = n.broadcast_id
           JOIN contact_points AS c ON c.id = n.contact_point_id
           WHERE n.id = :id""",
        id=notification_id,
    )
    if row is None:
        raise NotFound("notification", notification_id)
    answer = from_json(row["answer"], Answer) if row["answer"] else None
    return StoredNotification(
        view=_view(row, _attempts(tx, notification_id), _receipts(tx, notification_id), answer),
        kind=BroadcastKind(row["kind"]) if row["kind"] else None,
        channel=Channel(row["channel"]),
        contact_point_id=row["contact_point_id"],
        facts=from_json(row["told"], Facts) if row["told"] else None,
        personal=from_json(row["facts"], NotificationFacts) if row["facts"] else None,
        answer=answer,
    )


def _view(
    row: Row, attempts: list[AttemptView], receipts: list[ReceiptView], answer: Answer | None
) -> NotificationView:
    return NotificationView(
        id=row["id"],
        broadcast_id=row["broadcast_id"],
        incident_id=row["incident_id"] or (answer.incident_id if answer else None),
        kind=row["kind"] or (answer.kind if answer else row["cause_kind"] or ""),
        channel=row["channel"],
        contact_point=mask(row["address"]),
        state=row["state"],
        reason=row["reason"],
        due_at=to_instant(row["due_at"]),
        attempts=attempts,
        receipts=receipts,
        provider=row["provider"],
        provider_id=row["provider_id"],
        template_version=row["template_version"],
        planned_at=to_instant(row["planned_at"]),
        ended_at=to_instant(row["ended_at"]),
        in_doubt_at=to_instant(row["in_doubt_at"]),
        customers=row["customers"],
        subject="",
        text="",
        html="",
    )


def _attempts(tx: Transaction, notification_id: int) -> list[AttemptView]:
    return [
        AttemptView(
            number=row["number"],
            provider=row["provider"],
            began_at=to_instant(row["began_at"]),
            ended_at=to_instant(row["ended_at"]),
            outcome=row["outcome"],
            code=row["code"],
            answer=row["answer"],
        )
        for row in tx.rows(
            "SELECT number, provider, began_at, ended_at, outcome, code, answer FROM attempts"
            " WHERE notification_id = :id ORDER BY number, id",
            id=notification_id,
        )
    ]


def _receipts(tx: Transaction, notification_id: int) -> list[ReceiptView]:
    return [
        ReceiptView(
            attempt=row["attempt"],
            provider=row["provider"],
            received_at=to_instant(row["received_at"]),
            status=row["status"],
            code=row["code"],
        )
        for row in tx.rows(
            "SELECT attempt, provider, received_at, status, code FROM receipts WHERE notification_id = :id ORDER BY id",
            id=notification_id,
        )
    ]
