"""What a provider says later about a message it took: stored, and the notification moved on by it.

In: receipts by webhook, or what a provider answered when it was asked. Out: rows in `receipts`, a notification in its
new state, an address that is not written to any more, a sender that is stopped. While a hand-over is under way its
receipts only wait: the outcome is recorded with them (`with_early_receipts`).
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import structlog

from notifier.clock import Clock
from notifier.domain.broadcast import BroadcastState
from notifier.domain.consent import CONTRACT, Basis
from notifier.domain.delivery import Next, stale_after
from notifier.domain.notification import FAILED_STATES, Channel, NotificationReason, NotificationState
from notifier.domain.playbook import Playbook
from notifier.domain.receipt import Fate, Receipt, Reported, Standing, after_receipt, standing
from notifier.metrics import Metrics
from notifier.providers.twilio_codes import fate_of
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.delivery.claimed import Handed
from notifier.stages.delivery.counting import count
from notifier.stages.delivery.suppressions import Suppressions
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import broadcasts, doubts, fallbacks, receipts
from notifier.storage.repositories.receipts import Subject

CONTENT_SEEN = 100  # end states of a provider among which the filtered ones are counted
CONTENT_AT_LEAST = 10  # filtered ones that stop it
CONTENT_SHARE = 0.2

log = structlog.get_logger(__name__)


class Senders(Protocol):
    """Those who hand over, and can stop doing so."""

    def halt(self, provider: str, reason: str) -> None:
        """Hand nothing more over by a provider for a while."""
        ...

    def arrived(self, provider: str) -> None:
        """Take into account that a message of a provider got to its reader."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What one receipt came to."""

    is_new: bool
    channel: Channel | None = None
    next: Next | None = None


class Receipts:
    """Takes receipts."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        queue: EmbeddedQueue,
        metrics: Metrics,
        playbooks: Mapping[str, Playbook],
        suppressions: Suppressions,
        senders: Senders,
        basis: Basis = CONTRACT,
    ) -> None:
        """Keep the parts; `senders` are told what the reports say about them."""
        self._basis = basis
        self._database, self._clock, self._queue, self._metrics = database, clock, queue, metrics
        self._playbooks, self._suppressions, self._senders = playbooks, suppressions, senders
        self._filtered: dict[str, deque[bool]] = {}  # by provider: its last end states

    async def take(self, receipt: Receipt) -> bool:
        """Store a receipt and do what it says; return False when it is known, or about nothing of ours."""
        now = self._clock.now()
        taken = await self._database.write(lambda tx: self._take(tx, receipt, now))
        if not taken.is_new:
            return False
        self._metrics.receipts.labels(receipt.provider, receipt.status).inc()
        self._tell(taken)
        self._watch_sender(receipt)
        return True

    async def apply(self, receipt: Receipt) -> None:
        """Do what a receipt that is stored already says, with all others of its try."""
        now = self._clock.now()
        self._tell(
            await self._database.write(
                lambda tx: self._apply(tx, receipts.subject(tx, receipt.notification_id), receipt, now)
            )
        )

    def _tell(self, taken: _Taken) -> None:
        if taken.next is not None and taken.channel is not None:
            count(self._metrics, taken.channel, [taken.next])
            self._queue.wake(Topic.NOTIFICATIONS)
            self._queue.wake(Topic.BROADCASTS)

    def _take(self, tx: Transaction, receipt: Receipt, now: datetime) -> _Taken:
        found = receipts.subject(tx, receipt.notification_id)
        if found is None or not receipts.append(tx, receipt, now=now):
            return _Taken(is_new=False)
        if standing([receipt.status]) is Standing.NOT_ARRIVED and not _has_arrived(tx, receipt):
            fate, source = fate_of(receipt.code), f"{receipt.provider} {receipt.code}"
            self._suppressions.apply(
                tx, found.contact_point_id, fate.suppress, source=source, sent_at=found.sent_at, now=now
            )
        return self._apply(tx, found, receipt, now)

    def _apply(self, tx: Transaction, found: Subject | None, receipt: Receipt, now: datetime) -> _Taken:
        next_ = settled_by(tx, found, receipt, self._playbooks, now) if found else None
        if found is None or next_ is None:
            return _Taken(is_new=found is not None)
        receipts.move(tx, found, next_, receipt, now=now)
        if next_.state is NotificationState.PENDING:
            _send_again(tx, found)
        elif next_.state in FAILED_STATES:
            fallbacks.fall_back(tx, [found.id], self._playbooks, now=now, basis=self._basis)
        return _Taken(is_new=True, channel=found.channel, next=next_)

    def _watch_sender(self, receipt: Receipt) -> None:
        """Stop the provider when what it reports will be the same for whatever follows."""
        what, fate = standing([receipt.status]), fate_of(receipt.code)
        if what is Standing.TAKEN:
            return
        if what is Standing.ARRIVED:
            self._senders.arrived(receipt.provider)
        seen = self._filtered.setdefault(receipt.provider, deque(maxlen=CONTENT_SEEN))
        is_filtered = what is Standing.NOT_ARRIVED and fate.is_content
        seen.append(is_filtered)
        if what is Standing.NOT_ARRIVED and fate.is_alarming:
            log.error(
                "the provider could not deliver, for a reason of ours", provider=receipt.provider, code=receipt.code
            )
        if what is Standing.NOT_ARRIVED and fate.stops_sender:
            self._senders.halt(receipt.provider, f"{receipt.code} reported by the carrier")
        filtered = sum(seen)
        if is_filtered and filtered >= CONTENT_AT_LEAST and filtered >= CONTENT_SHARE * len(seen):
            seen.clear()
            self._senders.halt(receipt.provider, f"{receipt.code} {filtered} messages were filtered as spam")


def settled_by(
    tx: Transaction, found: Subject, receipt: Receipt, playbooks: Mapping[str, Playbook], now: datetime
) -> Next | None:
    """Return what all receipts of this try, among them this one, make of a notification."""
    of_try = receipts.of_tries(tx, {found.id: receipt.attempt}, to_write=True).get(found.id, [])
    return _next(tx, found, of_try, playbooks, now)


def with_early_receipts(
    tx: Transaction, written: Sequence[tuple[Handed, Next]], playbooks: Mapping[str, Playbook], now: datetime
) -> list[tuple[Handed, Next]]:
    """Return the outcomes as they are with the receipts that were faster: only texts have such receipts."""
    tries = {
        handed.claimed.id: handed.claimed.number
        for handed, next_ in written
        if handed.claimed.channel is Channel.SMS and next_.state in (NotificationState.SENT, NotificationState.IN_DOUBT)
    }
    early = receipts.of_tries(tx, tries, to_write=True)
    arrived = _arrived_before(tx, [handed for handed, _ in written if handed.claimed.channel is Channel.SMS])
    return [
        (handed, _ARRIVED)
        if handed.claimed.id in arrived
        else (handed, _with_early(tx, handed, next_, early, playbooks, now))
        for handed, next_ in written
    ]


def _has_arrived(tx: Transaction, receipt: Receipt) -> bool:
    """Tell whether the try of a receipt was reported as arrived first: then its number is none to be stopped."""
    of_try = receipts.of_tries(tx, {receipt.notification_id: receipt.attempt}, to_write=False)
    return standing(one.status for one in of_try.get(receipt.notification_id, ())) is Standing.ARRIVED


def _arrived_before(tx: Transaction, handed: Sequence[Handed]) -> set[int]:
    """Return the texts of which an earlier try was reported as arrived while this one was under way."""
    found: set[int] = set()
    again = {one.claimed.id: one.claimed.number for one in handed if one.claimed.number > 1}
    for earlier in range(1, max(again.values(), default=1)):
        tries = {id_: earlier for id_, number in again.items() if earlier < number}
        for id_, of_try in receipts.of_tries(tx, tries, to_write=True).items():
            if standing(one.status for one in of_try) is Standing.ARRIVED:
                found.add(id_)
    return found


_ARRIVED = Next(state=NotificationState.DELIVERED, reason=NotificationReason.PROVIDER_REPORTED)


def _with_early(
    tx: Transaction,
    handed: Handed,
    next_: Next,
    early: Mapping[int, list[Receipt]],
    playbooks: Mapping[str, Playbook],
    now: datetime,
) -> Next:
    of_try = early.get(handed.claimed.id)
    found = receipts.subject(tx, handed.claimed.id) if of_try else None
    if of_try is None or found is None:
        return next_
    as_recorded = replace(found, state=next_.state, reason=next_.reason)
    return _next(tx, as_recorded, of_try, playbooks, now) or next_


def _next(
    tx: Transaction, found: Subject, of_try: Sequence[Receipt], playbooks: Mapping[str, Playbook], now: datetime
) -> Next | None:
    """Return what the receipts of one try make of a notification; the code of the first end state counts."""
    what = standing(receipt.status for receipt in of_try)
    fate = Fate()
    failures = 0
    if what is Standing.NOT_ARRIVED:
        first = next(one for one in of_try if standing([one.status]) is Standing.NOT_ARRIVED)
        fate, failures = fate_of(first.code), receipts.failures(tx, found.id)
    reported = Reported(
        state=found.state,
        reason=found.reason,
        attempts=found.attempts,
        failures=failures,
        may_try_again=fate.tries > 0 and _stands(tx, found),
        news_until=found.since + stale_after(playbooks.get(found.service)),
    )
    return after_receipt(what, fate, attempt=of_try[0].attempt, reported=reported, now=now)


def _stands(tx: Transaction, found: Subject) -> bool:
    """Tell whether the broadcast of a notification would still send it: nothing newer has been said."""
    if found.broadcast_id is None:
        return False  # an answer that comes half an hour later is none
    goes_on = (BroadcastState.SENDING, BroadcastState.PAUSED, BroadcastState.COMPLETED)
    return found.broadcast in goes_on and doubts.newer_update(tx, found.broadcast_id) is None


def _send_again(tx: Transaction, found: Subject) -> None:
    if found.broadcast_id is not None and found.broadcast is BroadcastState.COMPLETED:
        broadcasts.send_again(tx, broadcasts.load(tx, found.broadcast_id))
