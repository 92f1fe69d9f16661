"""The history of a service: since when it is known, what it has a day, and where its feed was broken.

In come its complaints by local day up to the beginning of one. Out comes a `ServiceHistory`: the days that levels
are made from, and what a cell without a history of its own is thought to have.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from notifier.domain.local_time import HOURS_PER_DAY

HISTORY_DAYS_AT_MOST = 400  # older days weigh less than a millionth
_HISTORY_WEEKS = HISTORY_DAYS_AT_MOST // 7 - 1  # whole ones and the one that is not over: none has more days
COLD_PRIOR = 1.0  # complaints per cell and day that a service without one complete day of history is thought to have
STORM_FACTOR, STORM_ALLOWANCE = 3.0, 4.0  # the same of a whole service against its median day
MEAN_DAYS = 28  # days over which the mean of a service is taken
DEAF_HOURS = 3  # of a broken feed, and a day says nothing about the mean of a service
GAP_EXPECTED = 8.0  # a day without any complaint where this many were expected is a broken feed, not a quiet day


class Missed(NamedTuple):
    """A stretch of local hours in which one source of several was silent."""

    source: str
    from_hour: int
    until_hour: int
    share: float  # of the complaints of the service that it usually brings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHistory:
    """What is known of a service up to the beginning of a local day."""

    first_day: int  # its first complaint
    daily_mean: float | None  # complaints per day over all regions; None before one complete day
    gaps: frozenset[int]  # days on which its feed was broken
    silent: tuple[tuple[int, int], ...] = ()  # stretches of local hours (from, until) in which it was, on other days

    missed: tuple[Missed, ...] = ()  # stretches in which a part of it was

    def missed_shares(self, since_hour: int = 0) -> dict[int, float]:
        """Return which part of the complaints of a local hour was not heard, of those in which the rest was."""
        shares: dict[int, float] = {}
        for each in self.missed:
            for hour in range(max(each.from_hour, since_hour), each.until_hour):
                shares[hour] = min(shares.get(hour, 0.0) + each.share, 1.0)
        if shares:
            for hour in self.silent_hours(since_hour):
                shares.pop(hour, None)
        return shares

    def not_learnt_hours(self) -> frozenset[int]:
        """Return every local hour that says nothing about the shape: nobody was heard, or not everybody."""
        return self.silent_hours() | self.missed_shares().keys()

    def silent_hours(self, since_hour: int = 0) -> frozenset[int]:
        """Return every local hour in which the feed was broken on days that are no gaps."""
        return frozenset().union(*(range(max(first, since_hour), until) for first, until in self.silent))


def service_history(
    days: Mapping[int, int], day: int, silent: tuple[tuple[int, int], ...] = (), missed: tuple[Missed, ...] = ()
) -> ServiceHistory:
    """Return the history of a service from its complaints by local day, as of the beginning of `day`.

    Storm days count at most 3 x the median day + 4. A day without any complaint is a gap when at least
    `GAP_EXPECTED` were expected by the days before it: silence of a feed is not zero complaints. Days with three or
    more `silent` hours say nothing about the mean, nor do those on which as much was `missed`.
    """
    deaf: dict[int, float] = {}
    parts = [(first, until, 1.0) for first, until in silent]
    for first, until, share in parts + [(each.from_hour, each.until_hour, each.share) for each in missed]:
        for of_day in range(first // HOURS_PER_DAY, (until - 1) // HOURS_PER_DAY + 1):
            begins = of_day * HOURS_PER_DAY
            deaf[of_day] = deaf.get(of_day, 0.0) + share * (min(until, begins + HOURS_PER_DAY) - max(first, begins))
    first_day = min(days, default=day)
    gaps: set[int] = set()
    learnt: list[int] = []
    for of_day in range(_first_of_weeks(first_day, day), day):
        total = days.get(of_day, 0)
        if total == 0 and learnt and _mean(learnt[-MEAN_DAYS:]) >= GAP_EXPECTED:
            gaps.add(of_day)
        elif deaf.get(of_day, 0) < DEAF_HOURS or not learnt:
            learnt.append(total)
    mean = _mean(learnt[-MEAN_DAYS:]) if learnt else None
    return ServiceHistory(first_day=first_day, daily_mean=mean, gaps=frozenset(gaps), silent=silent, missed=missed)


def _mean(totals: Sequence[int]) -> float:
    cap = STORM_FACTOR * median(totals) + STORM_ALLOWANCE
    return sum(min(total, cap) for total in totals) / len(totals)


def prior(history: ServiceHistory, regions_of_kind: int) -> float:
    """Return the complaints per day that a cell is thought to have before it has a history of its own."""
    if history.daily_mean is None:
        return COLD_PRIOR
    return history.daily_mean / max(regions_of_kind, 1)


def first_learnt_day(history: ServiceHistory, through_day: int) -> int:
    """Return the first day a level is made from: the first of the service, not more than 400 days back."""
    return _first_of_weeks(history.first_day, through_day + 1)


def _first_of_weeks(first_day: int, day: int) -> int:
    """Return the first day of the last weeks before a day; they move on only when another one is complete."""
    return first_day + 7 * max((day - first_day) // 7 - _HISTORY_WEEKS, 0)
