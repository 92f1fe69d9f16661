"""What becomes of messages of which nobody knows whether they were handed over: settled by policy.

In: rows in `sending` whose owner is gone or whose lease has lapsed, and hand-overs without an answer. Out: what their
provider says, where it can be asked; else sent again, held for a person, or ended with their broadcast.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from notifier.clock import Clock
from notifier.config import Config, InDoubt
from notifier.domain.delivery import Next, settle, stale_after
from notifier.domain.notification import Channel, NotificationReason, NotificationState
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.delivery.asking import Asking
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
        asking: Asking | None = None,
    ) -> None:
        """Keep the parts; `playbooks` are by service, `owner` is who claims in this process.

        What `asking` can ask about is not left to the policy before nobody can tell.
        """
        self._database, self._config, self._clock = database, config, clock
        self._queue, self._metrics, self._owner = queue, metrics, owner
        self._playbooks, self._asking = playbooks, asking
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
        asked = self._asking.channels if self._asking else frozenset()

        def doubt_and_settle(tx: Transaction) -> tuple[dict[Channel, int], list[tuple[Channel, Next]]]:
            lapsed = doubts.doubt_lapsed(tx, self._owner, monotonic=monotonic, now=now)
            return lapsed, self._settle_all(tx, doubts.in_doubt(tx, limit=SETTLE_AT_MOST, but=asked), now)

        lapsed, settled = await self._database.write(doubt_and_settle)
        self._doubted(lapsed)
        self._settled(settled)
        return len(settled) == SETTLE_AT_MOST

    async def ask(self) -> None:
        """Ask providers about some of what is in doubt; what nobody can tell is settled by policy."""
        if self._asking is None:
            return
        learnt, now = await self._asking.step(), self._clock.now()
        self._settled(learnt.settled)
        if learnt.given_up:
            self._settled(await self._database.write(lambda tx: self._settle_all(tx, learnt.given_up, now)))

    def _settle_all(self, tx: Transaction, found: Sequence[Doubtful], now: datetime) -> list[tuple[Channel, Next]]:
        settled = {one.id: (one.channel, self._settle(one, now)) for one in found}
        ends = {id_: next_ for id_, (_, next_) in settled.items()}
        notifications.end(tx, ends, from_state=NotificationState.IN_DOUBT, now=now)
        return list(settled.values())

    def _settled(self, settled: Sequence[tuple[Channel, Next]]) -> None:
        for channel, next_ in settled:
            count(self._metrics, channel, [next_])
        if settled:
            states = Counter(str(next_.state) for _, next_ in settled)
            log.warning("settled what was in doubt", **states)
            self._queue.wake(Topic.NOTIFICATIONS)
            self._queue.wake(Topic.BROADCASTS)

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
