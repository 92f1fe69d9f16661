"""Delivery: claims what is due, and records what became of it.

In: pending notifications of broadcasts that send. Out: claimed messages for the worker, and their outcomes in the
ledger. Nothing here talks to a provider: a hand-over lies between two transactions of this stage.
"""

import os
import random
import secrets
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.broadcast import ONLY_TO_TOLD, BroadcastKind, BroadcastState, Facts, is_overtaken
from notifier.domain.consent import Basis, ConsentState, purpose_of
from notifier.domain.customer import SuppressionReason
from notifier.domain.delivery import Next, after, stale_after
from notifier.domain.errors import LeaseLost
from notifier.domain.lease import Lease
from notifier.domain.notification import Channel, NotificationFacts, NotificationReason, NotificationState
from notifier.domain.playbook import Playbook
from notifier.messages import Messages
from notifier.messages.mime import Mail, MailComposer
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.delivery.claimed import Claimed, Handed
from notifier.stages.delivery.counting import count
from notifier.stages.delivery.personal import PersonalFacts
from notifier.stages.delivery.suppressions import Suppressions
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.repositories import claims, control, editions, notifications
from notifier.storage.repositories.claims import Candidate, SendingBroadcast
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
        self._personal = PersonalFacts(config, messages)
        self._suppressions = Suppressions(database, clock, metrics, link_secret)
        self._playbooks = playbooks
        self._basis = config.consent.covers()
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._facts: dict[int, Facts] = {}  # of broadcasts that send: frozen with them
        self._kept_versions: set[str] = set()
        self._random = random.Random()  # noqa: S311  # spreads retries, guards nothing

    # --- claims

    async def claim(self, channel: Channel, limit: int) -> list[Claimed]:
        """Claim up to `limit` messages that are due; they are `sending` when this returns."""
        now, monotonic = self.clock.now(), self.clock.monotonic()
        lease = Lease(owner=self.owner, until=monotonic + self.config.delivery.lease.total_seconds())
        claimed, suppressed = await self.database.write(lambda tx: self._claim(tx, channel, limit, lease, now))
        count(self.metrics, channel, suppressed)
        if suppressed and not claimed:
            self.queue.wake(Topic.NOTIFICATIONS)  # there may be more behind them
        return claimed

    def _claim(
        self, tx: Transaction, channel: Channel, limit: int, lease: Lease, now: datetime
    ) -> tuple[list[Claimed], list[Next]]:
        if control.is_paused(tx):
            return [], []
        claimed: list[Claimed] = []
        suppressed: dict[int, Next] = {}
        broadcasts = claims.sending_broadcasts(tx)
        self._forget_facts({broadcast.id for broadcast in broadcasts})
        for place, broadcast in enumerate(broadcasts):
            # what one broadcast leaves of its share, the next ones may take
            share = -(-(limit - len(claimed)) // (len(broadcasts) - place))
            found = claims.candidates(tx, broadcast, channel, now=now, limit=share)
            overtaken = is_overtaken(self._facts_of(broadcast), now)
            suppressed |= {
                one.id: stop
                for one in found
                if (stop := _stopped(one, broadcast.kind, channel, self._basis, overtaken=overtaken)) is not None
            }
            may_be_told = [one for one in found if one.id not in suppressed]
            if may_be_told:
                personal = self._personal.freeze(tx, broadcast.id, may_be_told, now)
                claims.claim(tx, personal, lease, now=now)
                claimed += [self._claimed(broadcast, one, personal[one.id], channel, lease) for one in may_be_told]
        notifications.end(tx, suppressed, from_state=NotificationState.PENDING, now=now)
        return claimed, list(suppressed.values())

    def _claimed(
        self, broadcast: SendingBroadcast, one: Candidate, personal: NotificationFacts, channel: Channel, lease: Lease
    ) -> Claimed:
        return Claimed(
            id=one.id,
            broadcast_id=broadcast.id,
            kind=BroadcastKind(broadcast.kind),
            channel=channel,
            contact_point_id=one.contact_point_id,
            address=one.address,
            number=one.attempts + 1,
            facts=self._facts_of(broadcast),
            personal=personal,
            due_at=to_instant(one.due_at),
            since=max(broadcast.started_at, to_instant(one.planned_at)),
            stale_after=stale_after(self._playbooks.get(broadcast.service)),
            lease=lease,
            correlation_id=broadcast.correlation_id,
        )

    def _facts_of(self, broadcast: SendingBroadcast) -> Facts:
        facts = self._facts.get(broadcast.id)
        if facts is None:
            facts = self._facts[broadcast.id] = from_json(broadcast.facts, Facts)
        return facts

    def _forget_facts(self, sending: set[int]) -> None:
        for broadcast_id in [known for known in self._facts if known not in sending]:
            del self._facts[broadcast_id]

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
        self._kept_versions.update(one.template_version for one, _ in written)  # now that they are committed
        for channel in {one.claimed.channel for one, _ in written}:
            count(self.metrics, channel, [next_ for one, next_ in written if one.claimed.channel is channel])
        if any(next_.state is NotificationState.IN_DOUBT for _, next_ in written):
            self.queue.wake(Topic.NOTIFICATIONS)
        if len(written) < len(handed):
            raise LeaseLost(f"the lease of {len(handed) - len(written)} messages lapsed while they were being sent")

    def _record(
        self, tx: Transaction, handed: Sequence[Handed], monotonic: float, now: datetime
    ) -> list[tuple[Handed, Next]]:
        states = notifications.broadcast_states(tx, {one.claimed.broadcast_id for one in handed})
        ours = self._still_held(tx, [one.claimed for one in handed], monotonic)
        written = [
            (one, self._next(one, states[one.claimed.broadcast_id], now)) for one in handed if one.claimed.id in ours
        ]
        notifications.record(tx, [_tried(one, next_) for one, next_ in written])
        for one, _ in written:
            self._suppressions.after(tx, one, now)
            self._keep_edition(tx, one, now)
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

    def _keep_edition(self, tx: Transaction, one: Handed, now: datetime) -> None:
        version = one.template_version
        if version and version not in self._kept_versions:
            edition = self.messages.wording(one.claimed.personal.locale).edition
            editions.keep_edition(tx, version, edition.to_json(), now=now)

    # --- words

    def make(self, claimed: Claimed) -> tuple[Mail, str]:
        """Return the mail of a claimed message, ready for the wire, and its template version; raise `RenderFailed`."""
        link = self.composer.unsubscribe_url(claimed.contact_point_id)
        message = self.messages.encode(
            claimed.channel, claimed.kind, claimed.facts, claimed.personal, unsubscribe_url=link
        )
        mail = self.composer.compose(
            notification_id=claimed.id,
            broadcast_id=claimed.broadcast_id,
            kind=claimed.kind,
            recipient=claimed.address,
            message=message,
            at=self.clock.now(),
            unsubscribe_url=link,
        )
        return mail, message.template_version


def _stopped(one: Candidate, kind: str, channel: Channel, basis: Basis, *, overtaken: bool) -> Next | None:
    """Return why a message may not be handed over at this very moment; None when it may."""
    consent = one.consent or basis.default(purpose_of(BroadcastKind(kind)))
    if consent == ConsentState.REFUSED or one.suppressed == SuppressionReason.OPTED_OUT:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.OPTED_OUT)
    if one.suppressed:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.SUPPRESSED)
    if one.paused:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.PAUSED_BY_CUSTOMER)
    if f"|{channel}|" in one.channels_off:
        return Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.CHANNEL_OFF)
    if overtaken:
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.NO_LONGER_TRUE)
    if kind in ONLY_TO_TOLD and not one.told_before:
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.NOT_TOLD_BEFORE)
    if not one.is_served and not one.told_before:  # who was told before also hears how it ends
        return Next(state=NotificationState.EXPIRED, reason=NotificationReason.SITE_ENDED)
    return None


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
