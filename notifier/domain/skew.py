"""Skew: the clock of an intake source that is ahead or behind, seen from the times its complaints claim.

In come delays: how long after it happened, by the source's clock, each complaint arrived. People report late, never
early, and some of them at once: when half of them come from the future the clock is ahead, and when not even the
quickest tenth comes soon it is behind, or the source delivers late, which is as bad: what is older than
`detection.late_after` on arrival is no evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

COMPLAINTS_AT_LEAST = 20  # that named a time, before a clock is judged
COMPLAINTS_KEPT = 200  # the newest of a source
WITHIN = timedelta(hours=24)  # older ones say nothing about the clock of today
A_CLOCK_AT_MOST = timedelta(hours=25)  # a wrong zone is less; what is older was sent in later by hand
AHEAD_FROM = timedelta(minutes=1)
BEHIND_FROM = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """A clock that is wrong: by how much, positive when it is ahead."""

    ahead: timedelta

    @property
    def is_ahead(self) -> bool:
        """Tell whether it is ahead rather than behind."""
        return self.ahead > timedelta()


def skew(delays: Sequence[timedelta]) -> Skew | None:
    """Return how wrong the clock of a source is, or None while nothing points to it."""
    known = sorted(delay for delay in delays if abs(delay) < A_CLOCK_AT_MOST)
    if len(known) < COMPLAINTS_AT_LEAST:
        return None
    usual, quickest = known[len(known) // 2], known[len(known) // 10]
    if usual <= -AHEAD_FROM:
        return Skew(ahead=-usual)
    return Skew(ahead=-quickest) if quickest >= BEHIND_FROM else None
