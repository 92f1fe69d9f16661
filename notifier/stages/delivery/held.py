"""Messages in doubt that are held for a person: sent again or given up, one of them or all of a broadcast.

What is no longer true is not sent again: of a broadcast that was replaced or stopped, or after newer news. All of a
broadcast are settled in chunks: what a stop leaves over is held still, and is settled by its own count.
"""

from collections.abc import Mapping

from notifier.clock import Clock
from notifier.domain.actor import Actor
from notifier.domain.broadcast import BroadcastState
from notifier.domain.delivery import Next, end_of
from notifier.domain.errors import NotFound, Refused
from notifier.domain.notification import NOTIFICATION, Channel, NotificationReason, NotificationState
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.delivery.counting import count
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import audit, broadcasts, doubts, notifications
from notifier.storage.repositories.doubts import Settled

SETTLED_AT_MOST = 2_000  # held messages in one transaction
GIVEN_UP = Next(state=NotificationState.ABANDONED, reason=NotificationReason.ABANDONED_BY_PERSON)


class Held:
    """What a person decides about held messages. Whoever counts wrong is refused: the number has changed."""

    def __init__(self, database: Database, clock: Clock, queue: EmbeddedQueue, metrics: Metrics) -> None:
        self._database, self._clock, self._queue, self._metrics = database, clock, queue, metrics

    async def resend(self, notification_id: int, actor: Actor) -> None:
        """Send a held message again. Raises `NotFound`, `Refused`."""
        again = self._again()

        def decide(tx: Transaction) -> None:
            broadcast_id, _ = _held_one(tx, notification_id, NotificationState.PENDING)
            _send_again(tx, broadcast_id)
            notifications.end(tx, {notification_id: again}, from_state=NotificationState.HELD, now=self._clock.now())
            self._audit(tx, actor, "resend", f"notification {notification_id}")

        await self._database.write(decide)
        self._queue.wake(Topic.NOTIFICATIONS)

    async def abandon(self, notification_id: int, actor: Actor) -> None:
        """Give a held message up. Raises `NotFound`, `Refused`."""

        def decide(tx: Transaction) -> Channel:
            _, channel = _held_one(tx, notification_id, NotificationState.ABANDONED)
            notifications.end(tx, {notification_id: GIVEN_UP}, from_state=NotificationState.HELD, now=self._clock.now())
            self._audit(tx, actor, "abandon", f"notification {notification_id}")
            return channel

        channel = await self._database.write(decide)
        count(self._metrics, channel, [GIVEN_UP])

    async def resend_all(self, broadcast_id: int, counted: int, actor: Actor) -> None:
        """Send all held messages of a broadcast again. Raises `NotFound`, `Refused`."""
        await self._settle_all("resend", broadcast_id, counted, self._again(), actor)

    async def abandon_all(self, broadcast_id: int, counted: int, actor: Actor) -> None:
        """Give all held messages of a broadcast up. Raises `NotFound`, `Refused`."""
        await self._settle_all("abandon", broadcast_id, counted, GIVEN_UP, actor)

    def _again(self) -> Next:
        return Next(
            state=NotificationState.PENDING, reason=NotificationReason.RESENT_BY_PERSON, due_at=self._clock.now()
        )

    async def _settle_all(self, action: str, broadcast_id: int, counted: int, next_: Next, actor: Actor) -> None:
        """Settle so many chunk by chunk, each held one once: what is held again meanwhile was not counted."""
        NOTIFICATION.require(NotificationState.HELD, next_.state)
        sends = next_.state is NotificationState.PENDING
        left, upto = counted, 0

        def settle_chunk(tx: Transaction) -> Settled:
            if upto == 0:
                _require_count(tx, broadcast_id, counted)
                self._audit(tx, actor, action, f"broadcast {broadcast_id}", {"count": counted})
            if sends:
                _send_again(tx, broadcast_id)  # it may have been replaced or stopped since the last chunk
            most = min(left, SETTLED_AT_MOST)
            return doubts.settle_held(tx, broadcast_id, next_, after=upto, at_most=most, now=self._clock.now())

        while left > 0 or upto == 0:  # whoever has typed 0 is refused too
            settled = await self._database.write(settle_chunk)
            for channel, number in settled.by_channel.items():
                count(self._metrics, channel, [next_] * number)
            if sends:
                self._queue.wake(Topic.NOTIFICATIONS)
            if settled.upto is None:
                return
            left, upto = left - settled.by_channel.total(), settled.upto

    def _audit(
        self,
        tx: Transaction,
        actor: Actor,
        action: str,
        target: str,
        detail: Mapping[str, object] = audit.NOTHING,
    ) -> None:
        audit.record(
            tx, at=self._clock.now(), actor=actor, action=f"notifications.{action}", target=target, detail=detail
        )


def _held_one(tx: Transaction, notification_id: int, wanted: NotificationState) -> tuple[int, Channel]:
    """Return broadcast and channel of a notification that may go into the wanted state."""
    state, broadcast_id, channel = doubts.state_of(tx, notification_id)
    if state is not NotificationState.HELD:
        raise Refused(f"notification {notification_id} is {state}; a person decides only on those that are held")
    NOTIFICATION.require(state, wanted, which=notification_id)
    return broadcast_id, channel


def _require_count(tx: Transaction, broadcast_id: int, counted: int) -> None:
    if not notifications.broadcast_states(tx, [broadcast_id]):
        raise NotFound("broadcast", broadcast_id)
    held = doubts.held(tx, broadcast_id)
    if held == 0:
        raise Refused(f"broadcast {broadcast_id} has no held messages")
    if held != counted:
        raise Refused(f"broadcast {broadcast_id} has {held} held messages now, and {counted} was given: look again")


def _send_again(tx: Transaction, broadcast_id: int) -> None:
    """Let a broadcast send what was held of it; refuse what is no longer true. An answer (0) needs nobody's leave."""
    if broadcast_id == 0:
        return
    state = notifications.broadcast_states(tx, [broadcast_id]).get(broadcast_id, BroadcastState.CANCELLED)
    if (ended := end_of(state)) is not None:
        raise Refused(f"broadcast {broadcast_id} is {state}: its message is no longer true ({ended.reason})")
    if (newer := doubts.newer_update(tx, broadcast_id)) is not None:
        raise Refused(f"broadcast {newer} is newer than {broadcast_id}: its message is no longer true")
    if state is BroadcastState.COMPLETED:
        broadcasts.send_again(tx, broadcasts.load(tx, broadcast_id))
