"""Mails that came back: each is stored once, with what it was taken to mean and what followed."""

from dataclasses import dataclass
from datetime import datetime

from notifier.domain.mail_effect import MailEffect
from notifier.domain.mail_report import MailKind
from notifier.domain.mail_verdict import Verdict
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is kept of one mail: nothing personal."""

    key: str
    kind: MailKind
    effect: MailEffect
    notification_id: int | None = None
    verdict: Verdict | None = None
    code: str = ""
    words: str = ""  # addresses masked


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """To whom a notification went, by whom."""

    contact_point_id: int
    address: str
    provider: str
    provider_id: str


def find(tx: Transaction, key: str) -> Recorded | None:
    """Return what became of a mail that came before."""
    row = tx.row(
        "SELECT key, kind, effect, notification_id, verdict, code, words FROM mail_reports WHERE key = :key", key=key
    )
    if row is None:
        return None
    return Recorded(
        key=row["key"],
        kind=MailKind(row["kind"]),
        effect=MailEffect(row["effect"]),
        notification_id=row["notification_id"],
        verdict=Verdict(row["verdict"]) if row["verdict"] else None,
        code=row["code"],
        words=row["words"],
    )


def store(tx: Transaction, report: Recorded, *, now: datetime) -> bool:
    """Store what a mail was taken to mean; return False when it is there already."""
    return (
        tx.run(
            """INSERT INTO mail_reports (key, kind, notification_id, verdict, effect, code, words, received_at)
               VALUES (:key, :kind, :notification, :verdict, :effect, :code, :words, :now)
               ON CONFLICT (key) DO NOTHING""",
            key=report.key,
            kind=report.kind,
            notification=report.notification_id,
            verdict=report.verdict,
            effect=report.effect,
            code=report.code,
            words=report.words,
            now=to_micros(now),
        )
        > 0
    )


def addressed(tx: Transaction, notification_id: int) -> Addressed | None:
    """Return to whom a mail of ours went, or None when there is no such mail (any more)."""
    row = tx.row(
        """SELECT n.contact_point_id, n.provider, n.provider_id, c.address
           FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
           WHERE n.id = :id AND n.channel = 'email'""",
        id=notification_id,
    )
    if row is None:
        return None
    return Addressed(
        contact_point_id=row["contact_point_id"],
        address=row["address"],
        provider=row["provider"] or "",
        provider_id=row["provider_id"] or "",
    )


def remove(tx: Transaction, *, before: datetime, at_most: int) -> int:
    """Remove some that came before; return how many."""
    return tx.run(
        "DELETE FROM mail_reports WHERE id IN"
        " (SELECT id FROM mail_reports WHERE received_at < :before ORDER BY received_at LIMIT :most)",
        before=to_micros(before),
        most=at_most,
    )
