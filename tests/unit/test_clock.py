"""The wall clock can be rehearsed; the monotonic one cannot."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from notifier.clock import RehearsalClock, SystemClock, sleep

START = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)


def test_a_rehearsal_begins_at_its_start_and_runs_at_its_rate():
    clock = RehearsalClock(start=START, rate=60, anchor=time.time() - 10)
    assert clock.now() - START == pytest.approx(timedelta(minutes=10), abs=timedelta(seconds=30))


def test_two_processes_with_the_same_three_values_agree():
    anchor = time.time()
    one, other = (RehearsalClock(start=START, rate=600, anchor=anchor) for _ in range(2))
    assert abs(one.now() - other.now()) < timedelta(seconds=10)


def test_leases_run_in_real_time_during_a_rehearsal():
    clock = RehearsalClock(start=START, rate=10_000)
    before = clock.monotonic()
    assert clock.monotonic() - before < 1


def test_a_rehearsed_hour_takes_a_real_minute_at_sixty_times():
    assert RehearsalClock(start=START, rate=60).real_seconds(timedelta(hours=1)) == 60
    assert SystemClock().real_seconds(timedelta(hours=1)) == 3600


def test_the_system_clock_is_aware_and_utc():
    assert SystemClock().now().tzinfo is UTC


async def test_sleep_ends_at_once_when_told_to_stop():
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, stop.set)
    assert await sleep(30, stop) is True


async def test_sleep_returns_false_when_nobody_stopped_it():
    assert await sleep(0.01, asyncio.Event()) is False
