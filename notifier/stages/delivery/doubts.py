"""What becomes of messages of which nobody knows whether they were handed over: settled by policy.

In: rows in `sending` whose owner is gone or whose lease has lapsed, and hand-overs without an answer. Out: sent again,
held for a person, or ended with their broadcast.
"""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import structlog

from notifier.clock import Clock
from notifier.config import Config, InDoubt
from notifier.domain.delivery import Next, settle, stale_after
from notifier.domain.notification import Channel, NotificationReason, NotificationState
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.delivery.counting import count
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import doubts, notifications
from notifier.storage.repositories.doubts import Doubtful

SETTLE_AT_MOST = 500  # notifications in doubt settled in one transaction
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
