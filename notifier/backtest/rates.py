"""Rates of rare things: how often something happens per month, and between which bounds that is certain.

The bounds are Byar's approximation of the exact ones of a Poisson count (Breslow and Day, Statistical Methods in Cancer
Research, volume II, 1987, equation 2.13). They hold when one event has nothing to do with the next; storms break that.
"""

from math import sqrt

from notifier.backtest.record import Interval
from notifier.domain.local_time import US_PER_DAY

MONTH_US = 30 * US_PER_DAY
WARM_UP_US = 28 * US_PER_DAY  # before, the baseline is being learnt and nothing is judged

_Z = 1.959964  # of 95 in 100


def bounds(count: int) -> tuple[float, float]:
    """Return between which means a count lies in 95 of 100 cases."""
    low = count * (1 - 1 / (9 * count) - _Z / (3 * sqrt(count))) ** 3 if count else 0.0
    more = count + 1
    return max(low, 0.0), more * (1 - 1 / (9 * more) + _Z / (3 * sqrt(more))) ** 3


def rate(count: int, exposure: float) -> Interval:
    """Return events per unit of exposure."""
    low, high = bounds(count)
    return Interval(value=count / exposure, low=low / exposure, high=high / exposure)
