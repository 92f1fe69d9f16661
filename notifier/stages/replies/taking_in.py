"""Taking in what somebody wrote: stored once, by its source's id; STOP and START hold before it is answered.

In: texts by webhook, mails by LMTP. Out: rows in `replies`, for `Handling` to deal with. Twilio has an opt-out layer of
its own: where it says that it has replied (`OptOutType`), we note the same and say nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from notifier.domain.answer import Answer, AnswerKind
from notifier.domain.answering import ANSWERS_AN_HOUR
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.consent import Purpose, purpose_of
from notifier.domain.contact import normalise_email, normalise_phone
from notifier.domain.customer import SuppressionReason
from notifier.domain.errors import InvalidInput
from notifier.domain.mail_effect import MailEffect
from notifier.domain.notification import Channel
from notifier.domain.numbering import NumberingPlan
from notifier.domain.reply import Meaning, Reader
from notifier.domain.text import clean_line
from notifier.messages.links import address_hash
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.queries import writers
from notifier.storage.repositories import answers, contact_points, replies, suppressions
from notifier.storage.repositories.answers import CauseKind
from notifier.storage.repositories.replies import Understood

CHANNELS = {"sms": Channel.SMS, "email": Channel.EMAIL}  # by source
SENDER_AT_MOST = 320
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """What arrived."""

    source: str  # "sms" or "email"
    external_id: str  # of the source: the same one twice is taken once
    sender: str
    text: str
    sent_at: datetime | None = None  # where the source says so; None = just now
    contact_point_id: int | None = None  # where the source knows better than the sender's address
    replied: Meaning | None = None  # the source has dealt with this opt-out, opt-in or call for help itself


class Words(Protocol):
    """Who notes consent, in the transaction of the caller."""

    def opt_out_in(
        self, tx: Transaction, contact_point_id: int, purpose: Purpose, *, source: str, wording: str, now: datetime
    ) -> int:
        """Note an opt-out; return 0 if it is not new."""
        ...

    def opt_in_in(
        self,
        tx: Transaction,
        contact_point_id: int,
        purposes: tuple[Purpose, ...],
        *,
        source: str,
        wording: str,
        proves_address: bool,
        channel: Channel,
        now: datetime,
    ) -> int:
        """Note an opt-in, and switch the channel on again; return 0 if it changes nothing."""
        ...

    def count_opt_out(self) -> None:
        """Count an opt-out that was committed."""
        ...


class Letter(Protocol):
    """A person's mail."""

    @property
    def external_id(self) -> str: ...

    @property
    def contact_point_id(self) -> int | None:
        """The contact point that was written to, by the signed address of its answer."""

    @property
    def sender(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def received_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    is_new: bool
    opted_out: bool = False


class Replies:
    """Takes in what people write back."""

    def __init__(self, around: Surroundings, reader: Reader, consents: Words, link_secret: str) -> None:
        """Keep the parts; addresses that are not on file are remembered by a hash made with the secret."""
        self._around, self._reader, self._consents = around, reader, consents
        self._secret = link_secret
        regions = around.config.regions
        self._country = regions.country
        self._plan = NumberingPlan((overlay.name, overlay.codes) for overlay in regions.overlays)
        self._counter = around.metrics.replies

    async def take(self, inbound: Inbound) -> bool:
        """Store what somebody wrote, with what it does to their consent; return False when it is known.

        From the moment this returns, a STOP holds for the very next message.
        """
        now = self._around.clock.now()
        meaning = inbound.replied or self._reader.read(inbound.text).meaning
        stored = await self._around.database.write(lambda tx: self._take(tx, inbound, meaning, now))
        if not stored.is_new:
            return False
        if stored.opted_out:
            self._consents.count_opt_out()
            self._around.queue.recall()  # what is claimed and not begun is looked at again
        self._counter.labels(inbound.source, meaning).inc()
        self._around.queue.wake(Topic.NOTIFICATIONS)
        self._around.queue.wake(Topic.REPLIES)
        return True

    async def by_mail(self, letter: Letter, /) -> MailEffect:
        """Take a person's mail, once; return what is done with it."""
        text = letter.text if letter.text.strip() else letter.subject
        inbound = Inbound(
            source="email",
            external_id=letter.external_id,
            sender=letter.sender,
            text=text,
            sent_at=letter.received_at,
            contact_point_id=letter.contact_point_id,
        )
        if not await self.take(inbound):
            return MailEffect.NONE
        goes_on = self._reader.read(text).meaning in (Meaning.COMPLAINT, Meaning.NOTE)
        return MailEffect.FORWARDED if goes_on and self._around.config.inbound.helpdesk_address else MailEffect.NOTED

    async def note(self, inbound: Inbound) -> bool:
        """Store what needs nothing more, without its words; return False when it is known."""
        now = self._around.clock.now()

        def store(tx: Transaction) -> bool:
            reply_id = replies.store(
                tx,
                source=inbound.source,
                external_id=inbound.external_id,
                sender=inbound.sender,
                contact_point_id=None,
                meaning=Meaning.ON_CALL,
                text="",  # a code is nobody else's
                now=now,
            )
            if reply_id is not None:
                replies.finish(tx, reply_id, Understood(meaning=Meaning.ON_CALL), now=now)
            return reply_id is not None

        is_new = await self._around.database.write(store)
        if is_new:
            self._counter.labels(inbound.source, Meaning.ON_CALL).inc()
        return is_new

    def _take(self, tx: Transaction, inbound: Inbound, meaning: Meaning, now: datetime) -> _Stored:
        sender = self._normalise(inbound.sender)
        point = inbound.contact_point_id
        if point is None and sender:
            point = replies.contact_point_of(tx, sender)
        reply_id = replies.store(
            tx,
            source=inbound.source,
            external_id=inbound.external_id,
            sender=sender or clean_line(inbound.sender)[:SENDER_AT_MOST],
            contact_point_id=point,
            meaning=meaning,
            text=inbound.text,
            now=now,
        )
        if reply_id is None:
            return _Stored(is_new=False)
        if meaning is Meaning.YES and point is not None and writers.is_opted_out(tx, point):
            meaning = Meaning.START  # for Twilio it is
        opted_out = False
        if meaning is Meaning.STOP:
            opted_out = self._stop(tx, inbound, reply_id, point, sender, now)
        elif meaning is Meaning.START:
            self._start(tx, inbound, reply_id, point, now)
        if meaning in (Meaning.STOP, Meaning.START) or inbound.replied is not None:
            replies.finish(tx, reply_id, Understood(meaning=meaning), now=now)
        return _Stored(is_new=True, opted_out=opted_out)

    def _stop(
        self, tx: Transaction, inbound: Inbound, reply_id: int, point: int | None, sender: str, now: datetime
    ) -> bool:
        """Note an opt-out and confirm it once; one that was sent before a START changes nothing."""
        if point is None:
            if sender:
                hashed = address_hash(self._secret, sender)
                suppressions.remember(
                    tx,
                    SuppressionReason.OPTED_OUT,
                    source=inbound.source,
                    wording=inbound.text,
                    hashed=hashed,
                    now=now,
                )
            return False
        if inbound.sent_at is not None and replies.is_newer(tx, point, Meaning.START, inbound.sent_at):
            return False
        purpose = _purpose_answered(tx, point)
        if not self._consents.opt_out_in(tx, point, purpose, source=inbound.source, wording=inbound.text, now=now):
            return False
        if inbound.replied is None:
            self._answer(tx, inbound, reply_id, point, AnswerKind.OPTED_OUT, now)
        return True

    def _start(self, tx: Transaction, inbound: Inbound, reply_id: int, point: int | None, now: datetime) -> None:
        if point is None:
            sender = self._normalise(inbound.sender)
            suppressions.forget(tx, address_hash(self._secret, sender), source=inbound.source, now=now)
            return
        changed = self._consents.opt_in_in(
            tx,
            point,
            (Purpose.OUTAGE,),
            source=inbound.source,
            wording=inbound.text,
            proves_address=inbound.source == "sms",  # a mail's sender proves nothing
            channel=CHANNELS[inbound.source],
            now=now,
        )
        resumed = contact_points.unpause_all(tx, point)  # whoever said PAUSE goes on with START
        if (changed or resumed) and inbound.replied is None:
            self._answer(tx, inbound, reply_id, point, AnswerKind.OPTED_IN, now)

    def _answer(
        self, tx: Transaction, inbound: Inbound, reply_id: int, point: int, kind: AnswerKind, now: datetime
    ) -> None:
        """Confirm it; an opt-in not to what may be a machine: it has had so many answers. An opt-out always."""
        lately = () if kind is AnswerKind.OPTED_OUT else answers.given(tx, point, since=now - timedelta(hours=1))
        if len(lately) >= ANSWERS_AN_HOUR:
            log.warning("a contact point gets no more answers for now", contact_point=point)
            return
        answers.give(
            tx,
            cause=CauseKind.REPLY,
            cause_id=reply_id,
            contact_point_id=point,
            channel=CHANNELS[inbound.source],
            answer=Answer(kind=kind),
            now=now,
        )

    def _normalise(self, sender: str) -> str:
        """Return the sender as it would be on file, or "" for what nobody can have, such as a short code."""
        try:
            return normalise_email(sender) if "@" in sender else normalise_phone(sender, self._country, plan=self._plan)
        except InvalidInput:
            return ""


def _purpose_answered(tx: Transaction, contact_point_id: int) -> Purpose:
    """Return the purpose of the message that a contact point was sent last: that is what a STOP answers."""
    kind = writers.last_told_kind(tx, contact_point_id)
    return purpose_of(BroadcastKind(kind)) if kind else Purpose.OUTAGE
