"""One provider at work: claim, render, send.

A lane claims no more than its provider took in the last second, and hands over with bounded concurrency and rate. What
becomes of its messages goes into its `books`. When something is paused or cancelled, or the worker stops, what is in
flight finishes and what was not begun goes back.
"""

import asyncio
from collections.abc import Sequence

import structlog

from notifier.clock import Clock, sleep
from notifier.domain.delivery import Outcome, Result, claim_size
from notifier.messages import RenderFailed
from notifier.metrics import Metrics
from notifier.providers import Provider, Recalled
from notifier.providers.brake import Brake, Bucket
from notifier.queue.embedded import POLL_SECONDS, EmbeddedQueue, Topic
from notifier.stages.delivery import Claimed, Delivery, Handed
from notifier.worker.books import Books

log = structlog.get_logger(__name__)


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
        self._books = Books(self.name, delivery, clock, self._brake)
        self._ready: asyncio.Queue[Claimed | None] = asyncio.Queue()
        self._room = asyncio.Event()  # little is left in `_ready`, or the brake was pulled
        self._low_water = 0
        self._recalled = asyncio.Event()  # set, and replaced, at each recall: of what is waiting at that moment
        self._stop = asyncio.Event()
        self._deadline = 0.0
        queue.on_recall(self.recall)

    def state(self) -> str:
        """Return "up", or why the provider is stopped and when it is tried again."""
        if not self._brake.is_stopped:
            return "up"
        wait = round(self._brake.wait(monotonic=self._clock.monotonic()))
        again = f"in {wait} s" if wait else "with the next message"
        return f"stopped: {self._brake.reason}; tried again by itself {again}"

    def halt(self, reason: str) -> None:
        """Hand nothing more over for a while: what carriers report says that it would be in vain."""
        if not self._brake.halt(reason, monotonic=self._clock.monotonic()):
            return
        log.error("provider stopped", provider=self.name, code="", answer=reason)
        self._is_up.set(0)
        self._take_back_waiting()
        self._room.set()

    def arrived(self) -> None:
        """Take into account that a message got to its reader."""
        was_stopped = self._brake.is_stopped
        self._brake.arrived()
        if was_stopped and not self._brake.is_stopped:
            log.warning("provider works again", provider=self.name)
            self._is_up.set(1)

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
        self._stop = stop
        self._books.open()
        await self._open()
        recorder = asyncio.create_task(self._books.run(), name=f"{self.name} recorder")
        renewer = asyncio.create_task(self._books.renew(), name=f"{self.name} leases")
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
            self._books.close()
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
            self._books.give_back(claimed)
            return bool(claimed)
        self._low_water = len(claimed) // 2
        for one in claimed:
            self._ready.put_nowait(one)
        return bool(claimed)

    def _claim_size(self) -> int:
        if self._brake.is_stopped:
            return 1  # a probe
        size = claim_size(taken_last_second=self._books.taken_last_second(), concurrency=self._capacity)
        return min(size, max(1, int(self._rate * self._lease_seconds / 4))) if self._rate else size

    def _take_back_waiting(self) -> None:
        """Give back what is claimed but not begun."""
        unbegun = []
        while not self._ready.empty():
            waiting = self._ready.get_nowait()
            if waiting is None:  # the senders are told to end: nothing else is put after that
                self._ready.put_nowait(None)
                break
            unbegun.append(waiting)
        self._books.give_back(unbegun)

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
                self._books.give_back([claimed])
            else:
                self._books.record(handed)

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
        self._books.begin(claimed)
        try:
            outcome, version = await self._try(claimed, recalled)
        finally:
            self._books.end(claimed)
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
