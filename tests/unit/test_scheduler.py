"""What happens because time passed happens, at the right local time, and an error never ends it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifier.clock import Clock, RehearsalClock, SystemClock
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.scheduler import CalendarJob, Memory, Poller, Scheduler, latest

ZONE = ZoneInfo("America/Los_Angeles")
LONG = timedelta(hours=10)


class Remembered:
    """When jobs last ran, in memory."""

    def __init__(self) -> None:
        self.runs: dict[str, datetime] = {}

    async def last_run(self, job: str) -> datetime | None:
        return self.runs.get(job)

    async def ran(self, job: str, at: datetime) -> None:
        self.runs[job] = at


class Running:
    """A scheduler that runs within a test."""

    def __init__(self, *, pollers: list[Poller] | None = None, jobs: list[CalendarJob] | None = None) -> None:
        self.queue, self.metrics, self.memory = EmbeddedQueue(), Metrics(), Remembered()
        self.pollers, self.jobs = pollers or [], jobs or []
        self.clock: Clock = SystemClock()

    async def until(self, happened: Callable[[], bool]) -> None:
        scheduler = Scheduler(
            clock=self.clock,
            queue=self.queue,
            metrics=self.metrics,
            time_zone=ZONE,
            pollers=self.pollers,
            jobs=self.jobs,
            memory=Memory(last_run=self.memory.last_run, ran=self.memory.ran),
        )
        stop = asyncio.Event()
        task = asyncio.create_task(scheduler.run(stop))
        async with asyncio.timeout(10):
            while not happened():  # noqa: ASYNC110 - what happens is counted, not announced
                await asyncio.sleep(0.01)
        stop.set()
        async with asyncio.timeout(5):
            await task

    def count(self, job: str, outcome: str) -> float:
        return self.metrics.registry.get_sample_value("notifier_job_runs_total", {"job": job, "outcome": outcome}) or 0


class Calls:
    """Something to run, which counts its runs; the first `failing` of them fail."""

    def __init__(self, *, failing: int = 0, more: int = 0) -> None:
        self.count, self._failing, self._more = 0, failing, more

    async def __call__(self) -> bool:
        self.count += 1
        if self.count <= self._failing:
            raise RuntimeError("no")
        return self.count <= self._more


def poller(run: Callable[[], Awaitable[object]], every: timedelta = LONG, topic: Topic | None = None) -> Poller:
    return Poller(name="p", every=every, run=run, topic=topic)


async def test_a_poller_runs_at_once_and_again_after_its_interval() -> None:
    calls = Calls()
    await Running(pollers=[poller(calls, timedelta(milliseconds=100))]).until(lambda: calls.count == 3)


async def test_a_poller_with_more_to_do_does_not_wait() -> None:
    calls = Calls(more=50)
    await Running(pollers=[poller(calls)]).until(lambda: calls.count == 51)


async def test_a_topic_wakes_its_poller() -> None:
    calls = Calls()
    running = Running(pollers=[poller(calls, topic=Topic.BROADCASTS)])

    def happened() -> bool:
        running.queue.wake(Topic.BROADCASTS)
        return calls.count >= 3

    await running.until(happened)


async def test_an_error_is_counted_and_the_poller_goes_on() -> None:
    calls = Calls(failing=2)
    running = Running(pollers=[poller(calls, timedelta(milliseconds=100))])
    await running.until(lambda: calls.count == 4)
    assert running.count("p", "failed") == 2
    assert running.count("p", "ok") >= 1


async def test_every_job_is_counted_from_zero() -> None:
    calls = Calls()
    running = Running(pollers=[poller(calls)], jobs=[CalendarJob(name="night", at=time(3), run=calls)])
    await running.until(lambda: calls.count == 1)
    assert (
        running.metrics.registry.get_sample_value("notifier_job_runs_total", {"job": "night", "outcome": "failed"}) == 0
    )


async def test_a_rehearsal_polls_faster() -> None:
    calls = Calls()
    running = Running(pollers=[poller(calls, timedelta(minutes=1))])
    running.clock = RehearsalClock(start=datetime(2026, 3, 1, tzinfo=UTC), rate=600)
    await running.until(lambda: calls.count == 4)


async def test_a_night_that_the_daemon_slept_through_is_made_up_for() -> None:
    calls = Calls()
    running = Running(jobs=[CalendarJob(name="night", at=time(3), run=calls)])
    running.memory.runs["night"] = datetime.now(UTC) - timedelta(days=2)
    await running.until(lambda: calls.count == 1)
    assert datetime.now(UTC) - running.memory.runs["night"] < timedelta(minutes=1)


async def test_a_new_daemon_waits_for_the_first_night() -> None:
    calls = Calls()
    running = Running(jobs=[CalendarJob(name="night", at=time(3), run=calls)])
    await running.until(lambda: "night" in running.memory.runs)
    assert calls.count == 0


async def test_a_rehearsed_night_comes_when_the_rehearsed_clock_says_so() -> None:
    calls = Calls()
    running = Running(jobs=[CalendarJob(name="night", at=time(3), run=calls)])
    running.clock = RehearsalClock(start=datetime(2026, 3, 1, 10, 59, tzinfo=UTC), rate=3_600)  # 02:59 in California
    running.memory.runs["night"] = datetime(2026, 2, 28, 12, tzinfo=UTC)
    await running.until(lambda: calls.count == 1)


async def test_a_job_that_fails_is_not_tried_again_before_the_next_night() -> None:
    calls = Calls(failing=10)
    running = Running(jobs=[CalendarJob(name="night", at=time(3), run=calls)])
    running.memory.runs["night"] = datetime.now(UTC) - timedelta(days=2)
    await running.until(lambda: running.count("night", "failed") == 1)
    assert running.memory.runs["night"] > datetime.now(UTC) - timedelta(minutes=1)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-01T10:59:00Z", "2026-02-28T11:00:00Z"),
        ("2026-03-01T11:00:00Z", "2026-03-01T11:00:00Z"),
        ("2026-03-08T10:00:00Z", "2026-03-08T10:00:00Z"),  # 03:00 on the short day is an hour earlier in UTC
        ("2026-11-01T11:00:00Z", "2026-11-01T11:00:00Z"),
    ],
)
def test_the_latest_three_in_the_morning(now: str, expected: str) -> None:
    found = latest(time(3), datetime.fromisoformat(now), ZONE)
    assert found.astimezone(UTC) == datetime.fromisoformat(expected)
