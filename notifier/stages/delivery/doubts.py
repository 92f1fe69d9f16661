"""What becomes of messages of which nobody knows whether they were handed over: settled by policy, or by a person.

In: rows in `sending` whose owner is gone or whose lease has lapsed, and hand-overs without an answer. Out: sent again,
held for a person, given up, or ended with their broadcast.
"""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import structlog

from notifier.clock import Clock
from notifier.config import Config, InDoubt
from notifier.domain.actor import Actor
from notifier.domain.broadcast import BroadcastReason, BroadcastState
from notifier.domain.delivery import Next, end_of, settle, stale_after
from notifier.domain.errors import Refused
from notifier.domain.notification import NOTIFICATION, Channel, NotificationReason, NotificationState
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.delivery.counting import count
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import audit, doubts, notifications
from notifier.storage.repositories.doubts import Doubtful

SETTLE_AT_MOST = 500  # notifications in doubt settled in one transaction
GIVEN_UP = Next(state=NotificationState.ABANDONED, reason=NotificationReason.ABANDONED_BY_PERSON)
log = structlog.get_logger(__name__)


class Doubts:
    """Settles what is in doubt."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        queue: EmbeddedQueue,
        metrics: Metrics,
        playbooks: Mapping[str, Playbook],
        owner: str,
    ) -> None:
        """Keep the parts; `playbooks` are by service, `owner` is who claims in this process."""
        self._database, self._config, self._clock = database, config, clock
        self._queue, self._metrics, self._owner = queue, metrics, owner
        self._playbooks = playbooks
        self._random = random.Random()  # noqa: S311  # spreads retries, guards nothing

    async def settle_at_start(self) -> None:
        """Put in doubt what earlier daemons left in `sending`, then settle it by policy."""
        now = self._clock.now()
        self._doubted(await self._database.write(lambda tx: doubts.doubt_others(tx, self._owner, now=now)))
        while await self.settle():
            pass

    async def settle(self) -> bool:
        """Put in doubt what this owner's lapsed leases hold, and settle some of what is in doubt; True = maybe more."""
        now, monotonic = self._clock.now(), self._clock.monotonic()

        def doubt_and_settle(tx: Transaction) -> tuple[dict[Channel, int], list[tuple[Channel, Next]]]:
            lapsed = doubts.doubt_lapsed(tx, self._owner, monotonic=monotonic, now=now)
            found = {one.id: one for one in doubts.in_doubt(tx, limit=SETTLE_AT_MOST)}
            settled = {id_: self._settle(one, now) for id_, one in found.items()}
            notifications.end(tx, settled, from_state=NotificationState.IN_DOUBT, now=now)
            return lapsed, [(found[id_].channel, next_) for id_, next_ in settled.items()]

        lapsed, settled = await self._database.write(doubt_and_settle)
        self._doubted(lapsed)
        for channel, next_ in settled:
            count(self._metrics, channel, [next_])
        if settled:
            states = Counter(str(next_.state) for _, next_ in settled)
            log.warning("settled what was in doubt", **states)
            self._queue.wake(Topic.NOTIFICATIONS)
            self._queue.wake(Topic.BROADCASTS)
        return len(settled) == SETTLE_AT_MOST

    def _settle(self, one: Doubtful, now: datetime) -> Next:
        policy = self._config.delivery.in_doubt
        chosen = policy.email if one.channel is Channel.EMAIL else policy.sms
        return settle(
            may_resend=chosen is InDoubt.RESEND,
            doubts=one.doubts,
            now=now,
            since=one.since,
            stale_after=stale_after(self._playbooks.get(one.service)),
            broadcast=one.broadcast,
            jitter=self._random.random(),
        )

    def _doubted(self, counts: Mapping[Channel, int]) -> None:
        for channel, number in counts.items():
            log.warning("messages in doubt: their sender is gone", channel=channel, notifications=number)
            self._metrics.notifications.labels(channel, NotificationState.IN_DOUBT, NotificationReason.OWNER_GONE).inc(
                number
            )

    async def resend(self, notification_id: int, actor: Actor) -> None:
        """Send a held message again, by a person's decision. Raises `NotFound`, `Refused`."""
        now = self._clock.now()

        def decide(tx: Transaction) -> None:
            broadcast_id, _ = self._require(tx, notification_id, NotificationState.PENDING)
            state = notifications.broadcast_states(tx, [broadcast_id]).get(broadcast_id, BroadcastState.CANCELLED)
            if (ended := end_of(state)) is not None:
                raise Refused(f"broadcast {broadcast_id} is {state}: its message is no longer true ({ended.reason})")
            if (newer := doubts.newer_update(tx, broadcast_id)) is not None:
                raise Refused(f"broadcast {newer} is newer than {broadcast_id}: its message is no longer true")
            again = Next(state=NotificationState.PENDING, reason=NotificationReason.RESENT_BY_PERSON, due_at=now)
            notifications.end(tx, {notification_id: again}, from_state=NotificationState.HELD, now=now)
            if state is BroadcastState.COMPLETED:
                doubts.extend_broadcast(tx, broadcast_id, reason=BroadcastReason.EXTENDED)
            audit.record(
                tx, at=now, actor=actor, action="notifications.resend", target=f"notification {notification_id}"
            )

        await self._database.write(decide)
        self._queue.wake(Topic.NOTIFICATIONS)

    async def abandon(self, notification_id: int, actor: Actor) -> None:
        """Give a held message up, by a person's decision. Raises `NotFound`, `Refused`."""
        now = self._clock.now()

        def decide(tx: Transaction) -> Channel:
            _, channel = self._require(tx, notification_id, NotificationState.ABANDONED)
            notifications.end(tx, {notification_id: GIVEN_UP}, from_state=NotificationState.HELD, now=now)
            audit.record(
                tx, at=now, actor=actor, action="notifications.abandon", target=f"notification {notification_id}"
            )
            return channel

        channel = await self._database.write(decide)
        count(self._metrics, channel, [GIVEN_UP])

    def _require(self, tx: Transaction, notification_id: int, wanted: NotificationState) -> tuple[int, Channel]:
        state, broadcast_id, channel = doubts.state_of(tx, notification_id)
        if state is not NotificationState.HELD:
            raise Refused(f"notification {notification_id} is {state}; a person decides only on those that are held")
        NOTIFICATION.require(state, wanted, which=notification_id)
        return broadcast_id, channel
