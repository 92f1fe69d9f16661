"""Everything that happens because time passed.

Pollers look for rows that are due, each in a task of its own with its own interval of the daemon's clock (a rehearsal
polls faster) and, where there is one, a topic that wakes it early. Calendar jobs run once a night in the company's
time zone: by APScheduler on the real clock, by a poller that watches the rehearsed time in a rehearsal. The store
remembers when each last ran, so that a night the daemon slept through is made up for at the next start.
An error ends one run, never a task: it is logged, counted, and tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from notifier.clock import Clock, SystemClock, sleep
from notifier.logs import new_correlation_id, set_correlation_id
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic

SHORTEST_SECONDS = 0.1  # of real time between two runs of a poller, however fast a rehearsal is
REHEARSAL_LOOKS_EVERY = 1.0  # real seconds between two looks at the rehearsed date
OUTCOMES = ("ok", "failed")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """Something that looks for due rows again and again."""

    name: str
    every: timedelta  # of the daemon's clock
    run: Callable[[], Awaitable[object]]  # returns True when there is more to do at once
    topic: Topic | None = None  # wakes it early


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarJob:
    """Something that happens once a day."""

    name: str
    at: time  # local, in the company's time zone
    run: Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Where it is remembered when a calendar job last ran."""

    last_run: Callable[[str], Awaitable[datetime | None]]
    ran: Callable[[str, datetime], Awaitable[None]]


class Scheduler:
    """Runs pollers and calendar jobs until it is told to stop."""

    def __init__(
        self,
        *,
        clock: Clock,
        queue: EmbeddedQueue,
        metrics: Metrics,
        time_zone: ZoneInfo,
        pollers: Sequence[Poller],
        jobs: Sequence[CalendarJob],
        memory: Memory,
    ) -> None:
        self._clock, self._queue, self._metrics, self._time_zone = clock, queue, metrics, time_zone
        self._pollers, self._jobs, self._memory = tuple(pollers), tuple(jobs), memory
        for name in (*(poller.name for poller in pollers), *(job.name for job in jobs)):
            for outcome in OUTCOMES:
                metrics.job_runs.labels(name, outcome)

    async def run(self, stop: asyncio.Event) -> None:
        """Run everything until `stop` is set and what is under way has ended."""
        async with asyncio.TaskGroup() as tasks:
            for poller in self._pollers:
                tasks.create_task(self._poll(poller, stop), name=f"poller {poller.name}")
            tasks.create_task(self._keep_calendar(stop), name="calendar")

    async def _poll(self, poller: Poller, stop: asyncio.Event) -> None:
        seconds = max(SHORTEST_SECONDS, self._clock.real_seconds(poller.every))
        while not stop.is_set():
            more = await self._once(poller.name, poller.run)
            if more is True:
                await asyncio.sleep(0)
            elif poller.topic is None:
                await sleep(seconds, stop)
            else:
                await self._wait(poller.topic, seconds, stop)

    async def _wait(self, topic: Topic, seconds: float, stop: asyncio.Event) -> None:
        """Wait for the topic, the interval or the end, whichever comes first."""
        woken = asyncio.create_task(self._queue.wait(topic, seconds), name=f"waiting for {topic}")
        stopped = asyncio.create_task(stop.wait(), name="waiting for the end")
        try:
            await asyncio.wait({woken, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (woken, stopped):
                task.cancel()

    async def _once(self, name: str, run: Callable[[], Awaitable[object]]) -> object:
        """Run once, at the edge of the loop: whatever happens, the loop goes on."""
        set_correlation_id(new_correlation_id())
        try:
            result = await run()
        except Exception:  # the edge of the loop: the next run finds the same work in the store
            log.exception("job failed", job=name)
            self._metrics.job_runs.labels(name, "failed").inc()
            return None
        self._metrics.job_runs.labels(name, "ok").inc()
        return result

    async def _keep_calendar(self, stop: asyncio.Event) -> None:
        if not isinstance(self._clock, SystemClock):
            while not await sleep(REHEARSAL_LOOKS_EVERY, stop):
                await self._make_up(self._jobs)
            return
        await self._make_up(self._jobs)
        planned = self._plan()
        try:
            await stop.wait()
        finally:
            planned.shutdown(wait=False)

    def _plan(self) -> Any:
        """Start APScheduler, which has no types and is imported only here, with every job."""
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        planned = AsyncIOScheduler(timezone=self._time_zone)
        for job in self._jobs:
            planned.add_job(
                self._run_job,
                "cron",
                args=[job],
                id=job.name,
                hour=job.at.hour,
                minute=job.at.minute,
                misfire_grace_time=None,  # its default of one second drops a job when the loop was busy
                coalesce=True,
                max_instances=1,
            )
        planned.start()
        return planned

    async def _make_up(self, jobs: Iterable[CalendarJob]) -> None:
        """Run the jobs whose last time went by without them; a job never seen before waits for its next time."""
        for job in jobs:
            try:
                now, last = self._clock.now(), await self._memory.last_run(job.name)
                if last is None:
                    await self._memory.ran(job.name, now)
                elif last < latest(job.at, now, self._time_zone):
                    await self._run_job(job)
            except Exception:  # the edge of the loop: it is due again at the next look
                log.exception("job failed", job=job.name)
                self._metrics.job_runs.labels(job.name, "failed").inc()

    async def _run_job(self, job: CalendarJob) -> None:
        now = self._clock.now()
        log.info("calendar job", job=job.name)
        await self._once(job.name, job.run)
        await self._memory.ran(job.name, now)


def latest(at: time, now: datetime, time_zone: ZoneInfo) -> datetime:
    """Return the last instant, not after `now`, at which a local clock showed `at`."""
    local = now.astimezone(time_zone)
    today = local.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0, fold=0)
    return today if today <= local else today - timedelta(days=1)
