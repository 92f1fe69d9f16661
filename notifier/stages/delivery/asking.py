"""A message in doubt is asked for at its provider before anything else happens to it.

In: texts in doubt. Out: a receipt where the provider has the message; "sent again" where it has been asked more than
once over half a minute and has none; and the rest, which cannot be told for too long, left to the policy. A provider is
asked outside of every transaction, a few questions at a time, by number, time and words: the same number may have been
sent something else in that minute, also by on-call or by a test send.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from notifier.clock import Clock
from notifier.domain.delivery import Next, settle, stale_after
from notifier.domain.notification import Channel, NotificationReason, NotificationState
from notifier.domain.playbook import Playbook
from notifier.domain.receipt import Receipt
from notifier.providers import Asked, CannotTell, Found, Provider
from notifier.stages.delivery.letters import Letters
from notifier.stages.delivery.receipts import Receipts
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import doubts, notifications, receipts
from notifier.storage.repositories.doubts import Doubtful, Question

ASKED_AT_ONCE = 8
ASKED_AT_MOST = 64  # in one round
LISTED_AT_MOST = 2_000
ASK_SECONDS = 15.0
ASK_FIRST_SECONDS, ASK_AGAIN_AT_MOST_SECONDS = 2.0, 30.0
NOT_TAKEN_AFTER_SECONDS = 30.0  # between the first and the last time that the provider had no such message
CANNOT_TELL_AFTER_SECONDS = 600.0  # then the policy decides

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Inquiry:
    """How far the asking about one message has come, in monotonic seconds."""

    began: float
    next: float
    wait: float = ASK_FIRST_SECONDS
    not_there_since: float | None = None
    told: float | None = None  # when the provider could tell last


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What one round of asking has come to, beside what receipts say."""

    settled: Sequence[tuple[Channel, Next]] = ()  # not taken: sent again, or ended
    given_up: Sequence[Doubtful] = ()  # nobody can tell


class Asking:
    """Asks providers what became of messages."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        playbooks: Mapping[str, Playbook],
        receipts: Receipts,
        providers: Sequence[Provider],
        letters: Letters,
    ) -> None:
        """Keep the parts; of `providers` the first of each channel is asked, if it can tell."""
        self._letters = letters
        self._database, self._clock, self._playbooks, self._receipts = database, clock, playbooks, receipts
        first: dict[Channel, Provider] = {}
        for provider in providers:
            first.setdefault(provider.settings.channel, provider)
        self._asked: dict[Channel, tuple[str, Asked]] = {
            channel: (provider.settings.name, provider)
            for channel, provider in first.items()
            if isinstance(provider, Asked)
        }
        self._inquiries: dict[int, _Inquiry] = {}

    @property
    def channels(self) -> frozenset[Channel]:
        """Return the channels whose provider can tell what became of a message."""
        return frozenset(self._asked)

    async def step(self) -> Learnt:
        """Ask about some of what is in doubt."""
        if not self._asked:
            return Learnt()
        listed = await self._database.read(lambda tx: doubts.to_ask(tx, self.channels, limit=LISTED_AT_MOST))
        monotonic = self._clock.monotonic()
        self._forget({one.doubtful.id for one in listed})
        due = [one for one in listed if self._inquiry(one, monotonic).next <= monotonic]
        round_ = _one_per_contact_point(due)[:ASKED_AT_MOST]
        if not round_:
            return Learnt(given_up=self._given_up(listed, monotonic))
        known = await self._database.read(
            lambda tx: doubts.known_messages(
                tx, [one.contact_point_id for one in round_], since=min(one.began_at for one in round_)
            )
        )
        gate = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(one: Question) -> tuple[Channel, Next | None]:
            async with gate:
                return one.doubtful.channel, await self._ask(one, known.get(one.contact_point_id, frozenset()))

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(one), name=f"ask about {one.doubtful.id}") for one in round_]
        answers = (task.result() for task in tasks)
        settled = [(channel, next_) for channel, next_ in answers if next_ is not None]
        return Learnt(settled=settled, given_up=self._given_up(listed, monotonic))

    async def _ask(self, one: Question, known: frozenset[str]) -> Next | None:
        """Ask about one message; return what becomes of it when its provider does not have it."""
        inquiry = self._inquiries[one.doubtful.id]
        name, provider = self._asked[one.doubtful.channel]
        early = await self._database.read(
            lambda tx: receipts.of_tries(tx, {one.doubtful.id: one.attempt}, to_write=False)
        )
        if early:  # it was reported while it was being sent, and its outcome was never recorded
            await self._receipts.apply(early[one.doubtful.id][-1])
            return None
        body, began_at = await self._letters.body(one.doubtful.id), self._in_real_time(one.began_at)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                found = await provider.ask(one.address, body=body, began_at=began_at, known=known)
        except (CannotTell, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            log.warning("cannot ask what became of a message", provider=name, reason=reason)
            self._again(inquiry)
            return None
        monotonic = inquiry.told = self._clock.monotonic()
        if found is not None:
            if await self._database.read(lambda tx: doubts.may_be_of_another(tx, one, found.provider_id)):
                self._again(inquiry)  # another message to the number is just being sent: soon it is known whose it is
            else:
                await self._take(one, name, found)
            return None
        if inquiry.not_there_since is None:
            inquiry.not_there_since = monotonic
        if monotonic - inquiry.not_there_since < NOT_TAKEN_AFTER_SECONDS:
            self._again(inquiry)
            return None
        return await self._send_again(one)

    async def _take(self, one: Question, name: str, found: Found) -> None:
        receipt = Receipt(
            notification_id=one.doubtful.id,
            attempt=one.attempt,
            provider=name,
            provider_id=found.provider_id,
            status=found.status,
            code=found.code,
        )
        if not await self._receipts.take(receipt):  # the same was reported before it was in doubt
            await self._receipts.apply(receipt)

    async def _send_again(self, one: Question) -> Next | None:
        now = self._clock.now()
        next_ = settle(
            may_resend=True,
            doubts=one.doubtful.doubts,
            now=now,
            since=one.doubtful.since,
            stale_after=stale_after(self._playbooks.get(one.doubtful.service)),
            broadcast=one.doubtful.broadcast,
            jitter=0.5,
        )
        if next_.state is NotificationState.PENDING:
            next_ = replace(next_, reason=NotificationReason.NOT_TAKEN)
        ends = {one.doubtful.id: next_}

        def end(tx: Transaction) -> bool:
            if receipts.of_tries(tx, {one.doubtful.id: one.attempt}, to_write=True):
                return False  # reported at this very moment
            notifications.end(tx, ends, from_state=NotificationState.IN_DOUBT, now=now)
            return True

        return next_ if await self._database.write(end) else None

    def _inquiry(self, one: Question, monotonic: float) -> _Inquiry:
        return self._inquiries.setdefault(one.doubtful.id, _Inquiry(began=monotonic, next=monotonic))

    def _again(self, inquiry: _Inquiry) -> None:
        inquiry.next = self._clock.monotonic() + inquiry.wait
        inquiry.wait = min(2 * inquiry.wait, ASK_AGAIN_AT_MOST_SECONDS)

    def _given_up(self, listed: Sequence[Question], monotonic: float) -> list[Doubtful]:
        """Return what is in doubt for so long that nobody will tell."""
        return [
            one.doubtful
            for one in listed
            if (inquiry := self._inquiries.get(one.doubtful.id)) is not None
            and monotonic - max(inquiry.began, inquiry.told or 0.0) >= CANNOT_TELL_AFTER_SECONDS
        ]

    def _forget(self, in_doubt: set[int]) -> None:
        for id_ in [known for known in self._inquiries if known not in in_doubt]:
            del self._inquiries[id_]

    def _in_real_time(self, at: datetime) -> datetime:
        """Return an instant of the (perhaps rehearsed) clock as the provider's clock showed it."""
        ago = self._clock.real_seconds(self._clock.now() - at)
        return datetime.now(UTC) - timedelta(seconds=ago)


def _one_per_contact_point(due: Sequence[Question]) -> list[Question]:
    """Return the first question about each number: what one of them finds is none of the next one's."""
    first: dict[int, Question] = {}
    for one in due:
        first.setdefault(one.contact_point_id, one)
    return list(first.values())
