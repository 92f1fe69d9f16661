"""A surge of a service: when many of its cells are complained about more than usual, less evidence is needed in each.

In a storm outages are many: that a small burst is one of them is likelier than on a quiet day. In come the counted
complaints of a service, one of each, whatever their cells. Out comes what is added to the score of a cell. A cell in
which more than three were counted in an hour adds no more: neither an outage nor a flood in one place makes a surge,
and a quiet day asks for no more evidence than usual. Times are microseconds since 1970-01-01 UTC.
"""

from bisect import bisect_left, insort
from math import log

from notifier.domain.cell import FORGET_AT_LEAST, KEEP_US
from notifier.domain.local_time import HOURS_PER_DAY, US_PER_HOUR
from notifier.domain.shape import Shape

SURGE_US = 6 * US_PER_HOUR  # before a moment, in which a surge is looked for
PER_CELL_AND_HOUR = 3  # complaints that a cell adds to it at most
PSEUDO_COMPLAINTS = 20.0  # of an ordinary day, so that a few complaints more in a small service are no surge
WEIGHT = 2.0  # of the logarithm of how many times more than usual
TIMES_AT_MOST = 4.0  # more than usual
BONUS_AT_MOST = WEIGHT * log(TIMES_AT_MOST)


class Surge:
    """How many complaints of a service were counted lately, all over its cells."""

    __slots__ = ("_times", "per_hour")

    def __init__(self) -> None:
        self.per_hour: float | None = None  # complaints of the service per hour of average weight; None = not known
        self._times: list[int] = []

    def add(self, at_us: int) -> None:
        """Take in a complaint of a cell that has not had its share of this hour."""
        times = self._times
        if not times or at_us >= times[-1]:
            times.append(at_us)
        else:
            insort(times, at_us)
        if len(times) > FORGET_AT_LEAST and times[FORGET_AT_LEAST - 1] < times[-1] - KEEP_US:
            del times[: bisect_left(times, times[-1] - KEEP_US)]

    def bonus(self, at_us: int, shape: Shape) -> float:
        """Return what is added to the score of a cell at a moment: 0 on usual and on quiet days, 2.8 at most."""
        if self.per_hour is None:
            return 0.0
        expected = self.per_hour * (shape.integral(at_us) - shape.integral(at_us - SURGE_US))
        observed = bisect_left(self._times, at_us) - bisect_left(self._times, at_us - SURGE_US)
        more = (PSEUDO_COMPLAINTS + observed) / (PSEUDO_COMPLAINTS + expected)
        return WEIGHT * log(min(max(more, 1.0), TIMES_AT_MOST))


def mean_per_hour(daily_mean: float | None) -> float | None:
    """Return complaints per hour of average weight from the mean of a service per day."""
    return None if daily_mean is None else daily_mean / HOURS_PER_DAY
