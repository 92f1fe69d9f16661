"""A clock for benchmarks that play hours or weeks in a minute: it shows what it is told, and nothing waits for it."""

import time
from datetime import datetime, timedelta


class SetClock:
    """A wall clock that stands where it was set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """Return the time set last."""
        return self.at

    def monotonic(self) -> float:
        """Return real seconds."""
        return time.monotonic()

    def real_seconds(self, duration: timedelta) -> float:
        """Return no time at all: nothing waits."""
        return 0.0 * duration.total_seconds()
