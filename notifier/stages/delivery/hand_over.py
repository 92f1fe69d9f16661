"""Delivery: claims what is due, and records what became of it.

In: what is due, from its sources (`Updates` of broadcasts, answers). Out: claimed messages for the worker, and their
outcomes in the ledger. Nothing here talks to a provider: a hand-over lies between two transactions of this stage.
"""

import os
import random
import secrets
import socket
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.broadcast import BroadcastState
from notifier.domain.consent import purpose_of
from notifier.domain.delivery import Next, after
from notifier.domain.errors import LeaseLost
from notifier.domain.lease import Lease
from notifier.domain.notification import FAILED_STATES, Channel, NotificationReason, NotificationState
from notifier.domain.playbook import Playbook
from notifier.domain.segments import segments
from notifier.messages import Messages
from notifier.messages.mime import MailComposer
from notifier.messages.sms import TextComposer, valid_for
from notifier.metrics import Metrics
from notifier.providers import Message
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.delivery.answers import Answers
from notifier.stages.delivery.claimed import Claimed, Handed, Source, Taken
from notifier.stages.delivery.counting import count
from notifier.stages.delivery.personal import PersonalFacts
from notifier.stages.delivery.receipts import with_early_receipts
from notifier.stages.delivery.suppressions import Suppressions
from notifier.stages.delivery.updates import Updates
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import claims, control, editions, fallbacks, notifications
from notifier.storage.repositories.notifications import Tried


class Delivery:
    """Stands between the worker and the store."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        queue: EmbeddedQueue,
        metrics: Metrics,
        playbooks: Mapping[str, Playbook],
        messages: Messages,
        link_secret: str,
    ) -> None:
        """Keep the parts; `playbooks` are by service."""
        self.database, self.config, self.clock, self.queue, self.metrics = database, config, clock, queue, metrics
        self.messages = messages
        self.composer = MailComposer(config.sender, link_secret)
        self._texts = TextComposer(config.sender)
        self._suppressions = Suppressions(database, clock, metrics, link_secret)
        self._playbooks, self._basis = playbooks, config.consent.covers()
        personal = PersonalFacts(config, messages)
        self._sources: tuple[Source, ...] = (  # in the order in which they are asked: who wrote waits for an answer
            Answers(config, personal),
            Updates(config, playbooks, personal),
        )
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._kept_locales: set[str] = set()
        self._random = random.Random()  # noqa: S311  # spreads retries, guards nothing

    # --- claims

    async def claim(self, channel: Channel, limit: int) -> list[Claimed]:
        """Claim up to `limit` messages that are due; they are `sending` when this returns."""
        now, monotonic = self.clock.now(), self.clock.monotonic()
        lease = Lease(owner=self.owner, until=monotonic + self.config.delivery.lease.total_seconds())
        taken = await self.database.write(lambda tx: self._claim(tx, channel, limit, lease, now))
        claimed = [one for each in taken for one in each.claimed]
        self._kept_locales.update(one.personal.locale for one in claimed)  # now that they are committed
        count(self.metrics, channel, [end for each in taken for end in each.ended.values()])
        if not claimed and any(each.ended or each.put_off for each in taken):
            self.queue.wake(Topic.NOTIFICATIONS)  # there may be more behind them
        return claimed

    def _claim(self, tx: Transaction, channel: Channel, limit: int, lease: Lease, now: datetime) -> list[Taken]:
        if control.is_paused(tx):
            return []
        taken: list[Taken] = []
        left = limit
        for source in self._sources:
            taken.append(source.take(tx, channel, left, lease, now))
            left -= len(taken[-1].claimed)
        self._keep_editions(tx, {one.personal.locale for each in taken for one in each.claimed}, now)
        return taken

    def _keep_editions(self, tx: Transaction, locales: AbstractSet[str], now: datetime) -> None:
        """Keep the sources of what is claimed: if we die while it is sent, its words can still be told."""
        for locale in locales - self._kept_locales:
            edition = self.messages.wording(locale).edition
            editions.keep_edition(tx, edition.version, edition.to_json(), now=now)

    async def release(self, unbegun: Sequence[Claimed], *, reason: NotificationReason) -> None:
        """Give back claimed messages that were never begun; they are due again, or end with their broadcast."""
        if not unbegun:
            return
        monotonic = self.clock.monotonic()

        def give_back(tx: Transaction) -> None:
            claims.release(tx, self._still_held(tx, unbegun, monotonic), reason=reason)

        await self.database.write(give_back)
        self.queue.wake(Topic.NOTIFICATIONS)
        self.queue.wake(Topic.BROADCASTS)

    async def renew(self, notification_ids: Sequence[int]) -> None:
        """Prolong the leases of messages that are still being handed over."""
        if not notification_ids:
            return
        until = self.clock.monotonic() + self.config.delivery.lease.total_seconds()
        lease = Lease(owner=self.owner, until=until)
        await self.database.write(lambda tx: claims.renew(tx, notification_ids, lease))

    def _still_held(self, tx: Transaction, claimed: Sequence[Claimed], monotonic: float) -> set[int]:
        tries = {one.id: one.number for one in claimed}
        return claims.still_held(tx, tries, self.owner, monotonic=monotonic)

    # --- outcomes

    async def record(self, handed: Sequence[Handed]) -> None:
        """Append the attempts and move their notifications on, in one transaction.

        Raises `LeaseLost` naming how many could not be written because their lease lapsed; the others are written.
        """
        monotonic, now = self.clock.monotonic(), self.clock.now()
        written = await self.database.write(lambda tx: self._record(tx, handed, monotonic, now))
        for channel in {one.claimed.channel for one, _ in written}:
            count(self.metrics, channel, [next_ for one, next_ in written if one.claimed.channel is channel])
        if any(next_.state in (NotificationState.IN_DOUBT, *FAILED_STATES) for _, next_ in written):
            self.queue.wake(Topic.NOTIFICATIONS)  # to settle it; to tell them by the next channel
        if len(written) < len(handed):
            raise LeaseLost(f"the lease of {len(handed) - len(written)} messages lapsed while they were being sent")

    def _record(
        self, tx: Transaction, handed: Sequence[Handed], monotonic: float, now: datetime
    ) -> list[tuple[Handed, Next]]:
        states = notifications.broadcast_states(tx, {id_ for one in handed if (id_ := one.claimed.broadcast_id)})
        ours = self._still_held(tx, [one.claimed for one in handed], monotonic)
        written = [
            (one, self._next(one, states.get(one.claimed.broadcast_id or 0, BroadcastState.SENDING), now))
            for one in handed
            if one.claimed.id in ours
        ]
        written = with_early_receipts(tx, written, self._playbooks, now)
        notifications.record(tx, [_tried(one, next_) for one, next_ in written])
        for one, _ in written:
            self._suppressions.after(tx, one, now)
        failed = [one.claimed.id for one, next_ in written if next_.state in FAILED_STATES]
        fallbacks.fall_back(tx, failed, self._playbooks, now=now, basis=self._basis)
        return written

    def _next(self, one: Handed, broadcast: BroadcastState, now: datetime) -> Next:
        return after(
            one.outcome,
            attempts=one.claimed.number,
            now=now,
            since=one.claimed.since,
            stale_after=one.claimed.stale_after,
            broadcast=broadcast,
            jitter=self._random.random(),
        )

    # --- words

    def make(self, claimed: Claimed) -> tuple[Message, str]:
        """Return a claimed message ready for the wire, and its template version; raise `RenderFailed`."""
        return self._make_text(claimed) if claimed.channel is Channel.SMS else self._make_mail(claimed)

    def _make_mail(self, claimed: Claimed) -> tuple[Message, str]:
        purpose = purpose_of(claimed.kind)
        link = self.composer.unsubscribe_url(claimed.contact_point_id, purpose)
        message = self.messages.encode(
            claimed.channel,
            claimed.kind,
            claimed.facts,
            claimed.personal,
            unsubscribe_url=link,
            preferences_url=self.composer.preferences_url(claimed.contact_point_id),
        )
        mail = self.composer.compose(
            notification_id=claimed.id,
            broadcast_id=claimed.broadcast_id,
            kind=claimed.kind,
            recipient=claimed.address,
            message=message,
            at=self.clock.now(),
            unsubscribe_url=link,
            purpose=purpose,
        )
        return mail, message.template_version

    def _make_text(self, claimed: Claimed) -> tuple[Message, str]:
        message = self.messages.render(claimed.channel, claimed.kind, claimed.facts, claimed.personal)
        text = self._texts.compose(
            notification_id=claimed.id,
            attempt=claimed.number,
            recipient=claimed.address,
            body=message.text,
            segments=segments(message.text).count,
            valid_for=valid_for(claimed.facts, now=self.clock.now(), stale_at=claimed.since + claimed.stale_after),
        )
        return text, message.template_version


def _tried(one: Handed, next_: Next) -> Tried:
    return Tried(
        notification_id=one.claimed.id,
        contact_point_id=one.claimed.contact_point_id,
        number=one.claimed.number,
        provider=one.provider,
        began_at=one.began_at,
        ended_at=one.ended_at,
        outcome=one.outcome,
        next=next_,
        template_version=one.template_version,
    )
