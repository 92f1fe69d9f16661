"""Every channel that has a provider at work, and what is in doubt settled, from start to drain."""

import asyncio
from collections.abc import Sequence

import structlog

from notifier.clock import Clock, sleep
from notifier.config import Config
from notifier.domain.notification import Channel
from notifier.metrics import Metrics
from notifier.providers import Provider
from notifier.queue.embedded import POLL_SECONDS, EmbeddedQueue, Topic
from notifier.stages.delivery import Delivery, Doubts
from notifier.worker.lane import Lane

log = structlog.get_logger(__name__)


class Lanes(dict[str, Lane]):
    """The lanes by provider: what is reported about their messages reaches them here."""

    def halt(self, provider: str, reason: str) -> None:
        """Stop a provider because of what carriers report about its messages."""
        if (lane := self.get(provider)) is not None:
            lane.halt(reason)

    def arrived(self, provider: str) -> None:
        """Take into account that a message of a provider got to its reader."""
        if (lane := self.get(provider)) is not None:
            lane.arrived()


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
        lanes: Lanes | None = None,
    ) -> None:
        """Make a lane for the first provider of each channel, and add it to `lanes`."""
        self._doubts, self._queue = doubts, queue
        first: dict[Channel, Provider] = {}
        for provider in providers:
            first.setdefault(provider.settings.channel, provider)
        self._lanes = [Lane(delivery, provider, queue, clock, metrics) for provider in first.values()]
        if lanes is not None:
            lanes.update({lane.name: lane for lane in self._lanes})
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
                tasks.create_task(self._ask_until_stop(), name="asking")
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

    async def _ask_until_stop(self) -> None:
        """Ask providers what became of messages; beside the settlement, which waits for no network."""
        while not await sleep(POLL_SECONDS, self._stop):
            asking = asyncio.create_task(self._doubts.ask(), name="asking round")
            stopped = asyncio.create_task(self._stop.wait(), name="asking stop")
            await asyncio.wait((asking, stopped), return_when=asyncio.FIRST_COMPLETED)
            asking.cancel()  # a stop waits for no answer: it is asked again after the next start
            stopped.cancel()
            (error, _) = await asyncio.gather(asking, stopped, return_exceptions=True)
            if isinstance(error, Exception):
                log.error("could not ask what became of messages", exc_info=error)
