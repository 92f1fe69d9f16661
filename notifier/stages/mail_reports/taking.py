"""Mail that comes back: a bounce or a complaint moves its notification and stops its address, a reply is handed on.

In: the bytes of a mail and its envelope. Out: one row in `mail_reports`, and what follows from it in the same
transaction. Nothing is ever answered here. What cannot be stored is refused with an error that is worth another try, so
that whoever delivers it keeps it.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from notifier.domain.errors import InvalidInput, Overloaded
from notifier.domain.mail_effect import MailEffect
from notifier.domain.mail_report import MailKind, MailReport, understand
from notifier.domain.mail_verdict import Verdict
from notifier.messages.links import Purpose, read_token
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.stages.mail_reports.following import Following, must_wait, told
from notifier.storage.database import Transaction
from notifier.storage.repositories import mail_reports
from notifier.storage.repositories.mail_reports import Recorded

MAIL_AT_MOST = 10 * 1024 * 1024  # bytes; customers answer with photographs
NOT_RECORDED_TRIES = 10  # a bounce may be faster than the ledger
NOT_RECORDED_SECONDS = 0.2

log = structlog.get_logger(__name__)


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a mail that was handed in."""

    kind: MailKind
    effect: MailEffect
    notification: int | None
    verdict: Verdict | None
    code: str  # "550 5.1.1"
    words: str  # of the mail system, addresses masked
    duplicate: bool  # it came before; this is what it came to then


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A person's mail: an answer to one of our messages, or a new one."""

    external_id: str  # the same for the same mail
    notification_id: int | None  # that it answers
    contact_point_id: int | None
    sender: str
    subject: str
    text: str  # with whatever it quotes
    received_at: datetime


class Replies(Protocol):
    """Whoever understands what customers write."""

    async def by_mail(self, letter: Letter, /) -> MailEffect:
        """Take a person's mail, once; return what was done with it: noted, forwarded or none."""
        ...


class MailReports:
    """Takes mails that come back."""

    def __init__(self, around: Surroundings, link_secrets: Sequence[str], replies: Replies | None) -> None:
        """Keep the parts; the first secret is the present one, those behind it are still read."""
        self._around, self._secrets, self._replies = around, tuple(link_secrets), replies
        self._clock = around.clock
        self._following = Following(around, self._secrets[0])

    async def take(
        self, raw: bytes, envelope_recipients: Sequence[str] = (), *, envelope_sender: str | None = None
    ) -> Understood:
        """Store a mail, once, and do what follows from it.

        Raises `InvalidInput` for what is no mail, `Overloaded` and `StoreUnavailable` for what should come again.
        """
        if not raw.strip():
            raise InvalidInput("the mail is empty", expected="a mail with its headers")
        if len(raw) > MAIL_AT_MOST:
            raise InvalidInput("the mail is too large", expected=f"at most {MAIL_AT_MOST // 1024 // 1024} MiB")
        report = await asyncio.to_thread(understand, raw, tuple(envelope_recipients), envelope_sender=envelope_sender)
        notification_id = self._notification(report)
        key = _key(report, notification_id, raw)
        before = await self._around.database.read(lambda tx: mail_reports.find(tx, key))
        if before is not None:
            return _answer(before, duplicate=True)
        if report.kind in (MailKind.REPLY, MailKind.OTHER):
            return await self._hand_on(report, notification_id, key)
        return await self._apply(report, notification_id, key)

    def _notification(self, report: MailReport) -> int | None:
        """Return the notification that a mail is about, by the first token that is ours."""
        for token in report.tokens:
            for secret in self._secrets:
                number = read_token(secret, Purpose.BOUNCE, token)
                if number is not None:
                    return number
        return None

    # --- bounces, complaints, notes of absence

    async def _apply(self, report: MailReport, notification_id: int | None, key: str) -> Understood:
        for _ in range(NOT_RECORDED_TRIES):
            recorded = await self._around.database.write(
                lambda tx: self._record(tx, report, notification_id, key, self._clock.now())
            )
            if recorded is not None:
                break
            await asyncio.sleep(NOT_RECORDED_SECONDS)
        else:
            raise Overloaded("the ledger of this message", retry_after_seconds=60)
        self._count(recorded)
        if recorded.effect in (MailEffect.SUPPRESSED, MailEffect.UNDELIVERED):
            self._around.queue.wake(Topic.NOTIFICATIONS)
            self._around.queue.wake(Topic.BROADCASTS)
        return _answer(recorded)

    def _record(
        self, tx: Transaction, report: MailReport, notification_id: int | None, key: str, now: datetime
    ) -> Recorded | None:
        """Store one report and do what follows from it; None while its message is still being handed over."""
        found = None if notification_id is None else mail_reports.addressed(tx, notification_id)
        recorded = Recorded(key=key, kind=report.kind, effect=MailEffect.NONE, notification_id=notification_id)
        failure = report.about(found.address if found else "") if report.failures else None
        if failure is not None:
            recorded = told(recorded, failure)
        if found is None:
            recorded = replace(recorded, notification_id=None, effect=MailEffect.UNIDENTIFIED)
            failure = None
        if failure is not None and must_wait(tx, recorded):
            return None
        if mail_reports.store(tx, recorded, now=now) and found is not None and failure is not None:
            self._following.follow(tx, recorded, failure, found, now)
        return recorded

    # --- what people write

    async def _hand_on(self, report: MailReport, notification_id: int | None, key: str) -> Understood:
        found = None
        if notification_id is not None:
            id_ = notification_id
            found = await self._around.database.read(lambda tx: mail_reports.addressed(tx, id_))
        now = self._clock.now()
        effect = MailEffect.NONE if found else MailEffect.UNIDENTIFIED
        if self._replies is not None:
            letter = Letter(
                external_id=key,
                notification_id=notification_id if found else None,
                contact_point_id=found.contact_point_id if found else None,
                sender=report.sender,
                subject=report.subject,
                text=report.text,
                received_at=now,
            )
            effect = await self._replies.by_mail(letter)
        recorded = Recorded(
            key=key, kind=report.kind, effect=effect, notification_id=notification_id if found else None
        )
        await self._around.database.write(lambda tx: mail_reports.store(tx, recorded, now=now))
        self._count(recorded)
        return _answer(recorded)

    def _count(self, recorded: Recorded) -> None:
        self._around.metrics.mail_reports.labels(recorded.kind, recorded.effect).inc()
        if recorded.verdict is not None and recorded.effect is not MailEffect.UNIDENTIFIED:
            self._around.metrics.mail_verdicts.labels(recorded.verdict).inc()
        log.info(
            "mail came back",
            kind=recorded.kind,
            effect=recorded.effect,
            verdict=recorded.verdict,
            code=recorded.code,
            notification_id=recorded.notification_id,
        )


def _key(report: MailReport, notification_id: int | None, raw: bytes) -> str:
    """Return what is the same for the same mail, whichever way it comes, and for no other.

    A Message-ID alone will not do: some mail systems give the same one to many reports.
    """
    if len(report.message_id) > len("<>"):
        said = "\n".join(f"{each.recipient} {each.action} {each.words}" for each in report.failures)
        raw = f"{report.message_id}\n{report.text}\n{said}".encode("utf-8", "replace")
    return hashlib.sha256(b"%d\n%s" % (notification_id or 0, raw)).hexdigest()


def _answer(recorded: Recorded, *, duplicate: bool = False) -> Understood:
    return Understood(
        kind=recorded.kind,
        effect=recorded.effect,
        notification=recorded.notification_id,
        verdict=recorded.verdict,
        code=recorded.code,
        words=recorded.words,
        duplicate=duplicate,
    )
