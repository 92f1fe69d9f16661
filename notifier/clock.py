"""The one place that reads the time.

Two clocks with two purposes: `now()` is the wall clock in UTC, for everything people see and for due times;
`monotonic()` is for leases, time-outs and rates. A rehearsal replaces the wall clock by one that runs faster;
the monotonic one is never replaced.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the program needs to know about time."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back; only differences mean anything."""
        ...

    def real_seconds(self, duration: timedelta) -> float:
        """Return how many real seconds pass while the wall clock advances by `duration`."""
        ...


class SystemClock:
    """The time of the machine."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    def real_seconds(self, duration: timedelta) -> float:
        """Return the duration in seconds: this clock runs at real speed."""
        return duration.total_seconds()


@dataclass(frozen=True, slots=True)
class RehearsalClock:
    """A wall clock that began at `start` and runs `rate` times as fast as the real one.

    `anchor` is the real Unix time at which it showed `start`; two processes given the same three values agree.
    """

    start: datetime
    rate: float
    anchor: float = field(default_factory=time.time)

    def now(self) -> datetime:
        """Return the rehearsed wall-clock time, aware, in UTC."""
        return self.start + timedelta(seconds=(time.time() - self.anchor) * self.rate)

    def monotonic(self) -> float:
        """Return real seconds: leases and time-outs are never accelerated."""
        return time.monotonic()

    def real_seconds(self, duration: timedelta) -> float:
        """Return the duration divided by the rate, in seconds."""
        return duration.total_seconds() / self.rate


async def sleep(seconds: float, stop: asyncio.Event) -> bool:
    """Wait for real `seconds` or until `stop` is set; return True when it was set."""
    if seconds <= 0:
        return stop.is_set()
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
