"""The delivery loop: claim, render, send, record, drain. One lane for each channel that has a provider.

A lane claims no more than its provider took in the last second, hands over with bounded concurrency and rate, and
writes outcomes in groups. When something is paused or cancelled, or the worker stops, what is in flight finishes and
what was not begun goes back. What the deadline of a stop cuts off stays `sending` in the store: the next daemon finds
it in doubt.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from notifier.clock import Clock, sleep
from notifier.config import Config
from notifier.domain.delivery import Outcome, Result, claim_size
from notifier.domain.errors import LeaseLost, NotifierError, Overloaded, StoreUnavailable
from notifier.domain.notification import Channel, NotificationReason
from notifier.messages import RenderFailed
from notifier.metrics import Metrics
from notifier.providers import Provider, Recalled
from notifier.providers.brake import Brake, Bucket
from notifier.queue.embedded import POLL_SECONDS, EmbeddedQueue, Topic
from notifier.stages.delivery import Claimed, Delivery, Doubts, Handed

RECORD_EVERY_SECONDS = 0.03  # outcomes wait this long for company
RECORD_AGAIN_SECONDS = 1.0  # after the store refused them
RECORD_AT_MOST = 1_000  # outcomes in one transaction

log = structlog.get_logger(__name__)


class Worker:
    """Hands over what is due, on every channel that has a provider; the first of a channel is used."""

    def __init__(
        self,
        delivery: Delivery,
        doubts: Doubts,
        providers: Sequence[Provider],
        queue: EmbeddedQueue,
        clock: Clock,
        config: Config,
        metrics: Metrics,
    ) -> None:
        self._doubts, self._queue = doubts, queue
        first: dict[Channel, Provider] = {}
        for provider in providers:
            first.setdefault(provider.settings.channel, provider)
        self._lanes = [Lane(delivery, provider, queue, clock, metrics) for provider in first.values()]
        self._unused = [one.settings.name for one in providers if one not in first.values()]
        self._drain_seconds = config.server.drain.total_seconds()
        self._stop = asyncio.Event()
        self._finished = asyncio.Event()

    def provider_states(self) -> dict[str, str]:
        """Return, by provider, "up", or why it is stopped."""
        states = {lane.name: lane.state() for lane in self._lanes}
        return states | dict.fromkeys(self._unused, "not used: another one has its channel")

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is in flight within `server.drain`."""
        self._finished.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                for lane in self._lanes:
                    tasks.create_task(lane.run(self._stop), name=f"lane {lane.name}")
                tasks.create_task(self._settle_until_stop(), name="settlement")
                await self._until(stop)
                self._stop.set()
                self._queue.wake(Topic.NOTIFICATIONS)
                for lane in self._lanes:
                    lane.finish_within(self._drain_seconds)
        finally:
            self._stop.clear()
            self._finished.set()

    async def drain(self, seconds: float) -> None:
        """Stop claiming, and return when what is in flight has finished, or after `seconds`."""
        self._drain_seconds = seconds
        self._stop.set()
        self._queue.wake(Topic.NOTIFICATIONS)
        await self._finished.wait()

    async def _until(self, stop: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._stop)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _settle_until_stop(self) -> None:
        while not await sleep(POLL_SECONDS, self._stop):
            try:
                while await self._doubts.settle():
                    pass
            except Exception:  # the edge of a loop: tried again after the next wait
                log.exception("could not settle what is in doubt")


class Lane:
    """One provider at work."""

    def __init__(
        self, delivery: Delivery, provider: Provider, queue: EmbeddedQueue, clock: Clock, metrics: Metrics
    ) -> None:
        settings = provider.settings
        self.name, self._channel = settings.name, settings.channel
        self._delivery, self._provider, self._queue, self._clock = delivery, provider, queue, clock
        self._attempts = {result: metrics.attempts.labels(self.name, result) for result in Result}
        self._attempt_seconds = metrics.attempt_seconds.labels(self.name)
        self._handover_delay = metrics.handover_delay.labels(self._channel)
        self._is_up = metrics.provider_up.labels(self.name)
        self._capacity = provider.capacity
        self._lease_seconds = delivery.config.delivery.lease.total_seconds()
        self._rate = settings.rate
        self._bucket = Bucket(settings.rate)
        self._brake = Brake()
        self._ready: asyncio.Queue[Claimed | None] = asyncio.Queue()
        self._room = asyncio.Event()  # little is left in `_ready`, or the brake was pulled
        self._low_water = 0
        self._recalled = asyncio.Event()  # set, and replaced, at each recall: of what is waiting at that moment
        self._in_hand: set[int] = set()  # notifications that a sender is busy with
        self._unbegun: list[Claimed] = []
        self._outcomes: list[Handed] = []
        self._something = asyncio.Event()  # to record or to give back
        self._taken: deque[tuple[float, int]] = deque()  # when, how many the provider took
        self._stop = asyncio.Event()
        self._ending = False
        self._deadline = 0.0
        queue.on_recall(self.recall)

    def state(self) -> str:
        """Return "up", or why the provider is stopped."""
        return f"stopped: {self._brake.reason}" if self._brake.is_stopped else "up"

    def finish_within(self, seconds: float) -> None:
        """Stop claiming, and give what is in flight this long from now on."""
        self.recall()
        self._deadline = asyncio.get_running_loop().time() + seconds

    def recall(self) -> None:
        """Give back what is claimed and not begun, also what waits inside the provider."""
        self._recalled.set()
        self._recalled = asyncio.Event()
        self._take_back_waiting()
        self._room.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain."""
        self._stop, self._ending = stop, False
        await self._open()
        recorder = asyncio.create_task(self._record_until_end(), name=f"{self.name} recorder")
        renewer = asyncio.create_task(self._renew_until_end(), name=f"{self.name} leases")
        senders = [
            asyncio.create_task(self._send_until_end(), name=f"{self.name} sender {number}")
            for number in range(self._capacity)
        ]
        try:
            await self._claim_until_stop()
            self._take_back_waiting()
            for _ in senders:
                self._ready.put_nowait(None)
            await self._finish(senders)
            self._ending = True
            self._something.set()
            await recorder
        finally:
            for task in (*senders, recorder, renewer):
                task.cancel()
            await asyncio.gather(*senders, recorder, renewer, return_exceptions=True)
            await self._provider.close()

    async def _open(self) -> None:
        try:
            await self._provider.open()
        except OSError as error:
            self._observe(Outcome(result=Result.OURS, answer=error.strerror or "cannot be opened"), began=0.0)

    async def _finish(self, senders: Sequence[asyncio.Task[None]]) -> None:
        """Wait for what is in flight, at most until the deadline; what is cut off stays in doubt."""
        seconds = max(0.0, self._deadline - asyncio.get_running_loop().time())
        _, late = await asyncio.wait(senders, timeout=seconds)
        if late:
            log.warning("hand-overs were cut off by the end of the drain", provider=self.name, hand_overs=len(late))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # --- claim

    async def _claim_until_stop(self) -> None:
        while not self._stop.is_set():
            wait = self._brake.wait(monotonic=self._clock.monotonic())
            if wait > 0:
                self._take_back_waiting()
                await sleep(min(wait, POLL_SECONDS), self._stop)
                continue
            if self._ready.qsize() > self._low_water:
                self._room.clear()
                await self._room.wait()
                continue
            if not await self._claim():
                await self._queue.wait(Topic.NOTIFICATIONS, POLL_SECONDS)

    async def _claim(self) -> bool:
        """Claim what is due; return whether there was anything."""
        limit, recalled = self._claim_size(), self._recalled
        try:
            claimed = await self._delivery.claim(self._channel, limit)
        except Exception:  # the edge of the loop: nothing is lost, the rows stay pending
            log.exception("could not claim", provider=self.name)
            return False
        if recalled.is_set():  # something was stopped meanwhile, perhaps a broadcast of these
            self._unbegun += claimed
            self._something.set()
            return bool(claimed)
        self._low_water = len(claimed) // 2
        for one in claimed:
            self._ready.put_nowait(one)
        return bool(claimed)

    def _claim_size(self) -> int:
        if self._brake.is_stopped:
            return 1  # a probe
        now = self._clock.monotonic()
        while self._taken and self._taken[0][0] < now - 1.0:
            self._taken.popleft()
        size = claim_size(taken_last_second=sum(count for _, count in self._taken), concurrency=self._capacity)
        return min(size, max(1, int(self._rate * self._lease_seconds / 4))) if self._rate else size

    def _take_back_waiting(self) -> None:
        """Give back what is claimed but not begun."""
        while not self._ready.empty():
            waiting = self._ready.get_nowait()
            if waiting is None:  # the senders are told to end: nothing else is put after that
                self._ready.put_nowait(None)
                break
            self._unbegun.append(waiting)
        if self._unbegun:
            self._something.set()

    # --- send

    async def _send_until_end(self) -> None:
        while (claimed := await self._ready.get()) is not None:
            recalled = self._recalled
            if self._ready.qsize() <= self._low_water:
                self._room.set()
            try:
                handed = await self._hand_over(claimed, recalled) if await self._may_begin(claimed, recalled) else None
            except Recalled:
                handed = None
            if handed is None:
                self._unbegun.append(claimed)
            else:
                self._outcomes.append(handed)
            self._something.set()

    async def _may_begin(self, claimed: Claimed, recalled: asyncio.Event) -> bool:
        """Wait for a place under the rate; return False when it must go back instead.

        In the second half of its lease nothing is begun: what the claim has checked is too old by then.
        """
        wait = self._bucket.reserve(monotonic=self._clock.monotonic())
        if wait > 0 and await sleep(wait, recalled):
            return False
        monotonic = self._clock.monotonic()
        if self._stop.is_set() or self._brake.wait(monotonic=monotonic) > 0:
            return False
        return claimed.lease.is_held(monotonic=monotonic + self._lease_seconds / 2)

    async def _hand_over(self, claimed: Claimed, recalled: asyncio.Event) -> Handed:
        began_at, began = self._clock.now(), self._clock.monotonic()
        self._in_hand.add(claimed.id)
        try:
            outcome, version = await self._try(claimed, recalled)
        finally:
            self._in_hand.discard(claimed.id)
        ended = self._clock.monotonic()
        self._observe(outcome, began=began)
        self._attempts[outcome.result].inc()
        self._attempt_seconds.observe(ended - began)
        ended_at = self._clock.now()
        if outcome.result is Result.ACCEPTED:
            self._handover_delay.observe(max(0.0, (ended_at - claimed.due_at).total_seconds()))
        return Handed(
            claimed=claimed,
            outcome=outcome,
            provider=self.name,
            began_at=began_at,
            ended_at=ended_at,
            template_version=version,
        )

    async def _try(self, claimed: Claimed, recalled: asyncio.Event) -> tuple[Outcome, str]:
        """Make and send one message; whatever goes wrong with it is its outcome, and the loop goes on."""
        fields = {"provider": self.name, "notification": claimed.id, "correlation_id": claimed.correlation_id}
        try:
            mail, version = self._delivery.make(claimed)
        except RenderFailed as error:
            log.error("a message could not be made", reason=str(error), **fields)  # noqa: TRY400  # the reason says it
            return Outcome(result=Result.RENDER_FAILED, answer=str(error)), ""
        except Exception:  # a bad message must not stop the loop
            log.exception("a message could not be made", **fields)
            return Outcome(result=Result.RENDER_FAILED, answer="unexpected error; see the log"), ""
        try:
            outcome = await self._provider.send(mail, recalled)
        except Recalled:
            raise
        except Exception:  # nobody knows how far it got
            log.exception("a hand-over failed", **fields)
            outcome = Outcome(result=Result.UNKNOWN, answer="unexpected error; see the log")
        if outcome.result is not Result.ACCEPTED:
            log.info("not accepted", result=outcome.result, code=outcome.code, **fields)
        return outcome, version

    def _observe(self, outcome: Outcome, *, began: float) -> None:
        was_stopped = self._brake.is_stopped
        if self._brake.observe(outcome, began=began, monotonic=self._clock.monotonic()):
            log.error("provider stopped", provider=self.name, code=outcome.code, answer=outcome.answer)
        elif was_stopped and not self._brake.is_stopped:
            log.warning("provider works again", provider=self.name)
        if self._brake.is_stopped != was_stopped:
            self._is_up.set(0 if self._brake.is_stopped else 1)
        if self._brake.is_stopped:
            self._room.set()

    # --- record

    async def _record_until_end(self) -> None:
        while not (self._ending and not self._outcomes and not self._unbegun):
            await self._something.wait()
            if not self._ending:
                await asyncio.sleep(RECORD_EVERY_SECONDS)
            self._something.clear()
            await self._record()
            await self._give_back()

    async def _record(self) -> None:
        while self._outcomes:
            group, self._outcomes = self._outcomes[:RECORD_AT_MOST], self._outcomes[RECORD_AT_MOST:]
            try:
                await self._delivery.record(group)
            except LeaseLost as error:
                log.error("outcomes not recorded", provider=self.name, reason=str(error))  # noqa: TRY400
            except (NotifierError, OSError) as error:
                log.warning("outcomes not recorded yet", provider=self.name, reason=type(error).__name__)
                await self._keep(group, error)
                return
            except Exception as error:  # the store may be full: the outcomes are kept
                log.exception("outcomes not recorded yet", provider=self.name)
                await self._keep(group, error)
                return
            accepted = sum(1 for one in group if one.outcome.result is Result.ACCEPTED)
            self._taken.append((self._clock.monotonic(), accepted))

    async def _keep(self, group: list[Handed], error: Exception) -> None:
        """Try again soon; when its lease lapses before, its message is in doubt and the outcome refused."""
        if self._ending and not isinstance(error, Overloaded):
            return
        self._outcomes = group + self._outcomes
        self._something.set()
        await asyncio.sleep(RECORD_AGAIN_SECONDS)

    async def _give_back(self) -> None:
        unbegun, self._unbegun = self._unbegun, []
        if not unbegun:
            return
        reason = NotificationReason.PROVIDER_STOPPED if self._brake.is_stopped else NotificationReason.PLANNED
        try:
            await self._delivery.release(unbegun, reason=reason)
        except (Overloaded, StoreUnavailable):  # not stored: given back twice, one could be claimed and sent meanwhile
            self._unbegun = unbegun + self._unbegun
            self._something.set()
            await asyncio.sleep(RECORD_AGAIN_SECONDS)
        except Exception:  # they stay `sending` until their lease lapses, and are settled then
            log.exception("claimed messages could not be given back", provider=self.name)

    async def _renew_until_end(self) -> None:
        """Prolong the leases of what is in hand, however slow the provider is: well before half of one is over."""
        while True:
            await asyncio.sleep(self._lease_seconds / 4)
            try:
                await self._delivery.renew([*self._in_hand, *(one.claimed.id for one in self._outcomes)])
            except Exception:  # tried again, and once more, before the first lease lapses
                log.exception("leases could not be renewed", provider=self.name)
