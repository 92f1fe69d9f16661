"""A machine at work: its parts begin with what they find in the store, run in tasks of their own, and end in reverse.

A part that fails ends the daemon, in order. What is cut off is a fact in the store, and is found at the next start.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import structlog

from notifier.app.assembly import Machine
from notifier.stages import guest_list

CUT_OFF_SECONDS = 2.0  # after `server.drain`; the worker keeps that time by itself

log = structlog.get_logger(__name__)


class Ending:
    """When the daemon ends, and whether because a part of it failed."""

    def __init__(self, stop: asyncio.Event) -> None:
        """Let it end when `stop` is set."""
        self.stop, self.has_failed = stop, False

    def fail(self) -> None:
        """Let it end, as one that has failed."""
        self.has_failed = True
        self.stop.set()


class Work:
    """What one machine does on the store, until it is ended; a reload begins that of another."""

    def __init__(self, machine: Machine, ending: Ending) -> None:
        """Do nothing yet."""
        self.machine, self._ending = machine, ending
        self._tasks, self._connections = AsyncExitStack(), AsyncExitStack()

    async def begin(self) -> None:
        """Let the machine work, from what it finds in the store."""
        parts = self.machine.parts
        for close in (parts.on_call.close, parts.helpdesk.close, parts.test_sends.close, parts.credits.posting.close):
            self._connections.push_async_callback(close)
        await guest_list.publish(parts.database, parts.config)
        await self.machine.doubts.settle_at_start()
        await parts.detection.rebuild()
        drain = parts.config.server.drain
        begin(self._tasks, "scheduler", self.machine.scheduler.run, ending=self._ending, drain=drain)
        begin(self._tasks, "detection", parts.detection.run, ending=self._ending, drain=drain)
        begin(self._tasks, "worker", self.machine.worker.run, ending=self._ending, drain=drain)

    async def end(self) -> None:
        """Finish what has begun; requests may still be answered."""
        await self._tasks.aclose()

    async def close(self) -> None:
        """Hang up, when nothing is left to answer."""
        await self._connections.aclose()


def begin(
    stack: AsyncExitStack,
    name: str,
    run: Callable[[asyncio.Event], Awaitable[None]],
    *,
    ending: Ending,
    drain: timedelta,
) -> None:
    """Run a part in a task of its own, which the stack ends; when it fails, the daemon ends."""
    own_stop = asyncio.Event()

    async def watched() -> None:
        try:
            await run(own_stop)
        except Exception:  # whatever it is, the daemon ends in order and says so by its exit code
            log.exception("a part failed", part=name)
            ending.fail()
        finally:
            if not own_stop.is_set():
                ending.stop.set()

    task = asyncio.create_task(watched(), name=name)

    async def end() -> None:
        own_stop.set()
        done, _ = await asyncio.wait({task}, timeout=drain.total_seconds() + CUT_OFF_SECONDS)
        if not done:
            log.warning("a part was cut off", part=name)
            task.cancel()
            await asyncio.wait({task})

    stack.push_async_callback(end)
