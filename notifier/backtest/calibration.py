"""Calibration: from which score on incidents are as rare as wanted, on the background of a file.

In come the scores of a run after the warm-up, and the wanted false incidents per month over all cells. Out comes a
threshold with the interval in which 95 of 100 repetitions with other weeks of the same kind put it.

How often a threshold is passed falls about exponentially with it, so ln(incidents) is fitted by a line through the
thresholds passed nearly as often as wanted; the fewer, the wider: a quarter to four times as often where four are
wanted in the file, nine tenths where it is thousands. That smooths small numbers. Where fewer than five are wanted, a
line would have to be prolonged, and on public data the highest incidents fall less steeply than those before: there
the eight highest are prolonged as a power of the threshold (Hill 1975 for its steepness, Weissman 1978 for what lies
beyond), which in made-up data with tails of either kind is right in the median.
With a truth, what it explains is left out. Without one, nobody knows which incidents were outages; two limits are given
then: every incident was false (the threshold is too high, if at all); and chance goes on as the line through what is
passed eight to 64 times as often as wanted, when the incidents beyond the reach of chance are taken off as outages (too
low, if at all, because the tail is heavier and small outages look like chance). Their geometric mean is taken.
Intervals are a bootstrap over weeks (Efron 1979; weeks, because storms and
holidays make incidents come together); where the highest are prolonged, at least as wide as their small number asks.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, hypot, log, sqrt
from random import Random
from typing import Protocol

from notifier.backtest.rates import MONTH_US, bounds
from notifier.backtest.record import Interval
from notifier.domain.errors import InvalidInput
from notifier.domain.local_time import US_PER_DAY

WEEK_US = 7 * US_PER_DAY
WEEKS_AT_LEAST = 4  # after the warm-up
REPETITIONS = 400  # of the bootstrap
EVENTS_AT_LEAST = 5  # incidents at a threshold that is fitted
POINTS_AT_LEAST = 4  # thresholds that are fitted
NEAR_AT_MOST = 4.0  # times as often as wanted, or as seldom
NEAR_WIDTH = 6.0  # the same beyond one, of a single incident; it shrinks with the root of their number
HIGHEST = 8  # incidents that tell how steeply what is rare falls
FAR = (8.0, 64.0)  # times as often as wanted, where chance prevails
BEYOND = 2.0  # times the highest score of the file: no line is prolonged further
STEPS = 96  # thresholds looked at
ROUNDS = 8  # of telling outages from chance; it settles after two or three


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A threshold for a wanted rate."""

    wanted: float  # false incidents per month over all cells
    threshold: Interval
    all_false: float  # the threshold when every incident that no truth explains was false
    chance_only: float | None  # the one when chance goes on as at low scores; None with a truth
    extrapolated: bool  # the file is too short to hold `EVENTS_AT_LEAST` of what is wanted


class Scores(Protocol):
    """What is counted: the scores of a file, or of a part of it."""

    def openings(self, threshold: float) -> list[tuple[int, bool]]:
        """Return when incidents would have been opened and whether the truth explains them, by time."""
        ...

    def peaks(self) -> list[float]:
        """Return every score that the truth does not explain, highest first."""
        ...


class Passed:
    """How often each of some thresholds was passed, week by week."""

    def __init__(
        self, scored: Scores, *, from_us: int, until_us: int, judged: Callable[[int, int], float] | None = None
    ) -> None:
        """Count; raises `InvalidInput` when there is too little to count.

        `judged` gives the months between two times that are judged; nothing said, all of them are.
        """
        weeks = (until_us - from_us) // WEEK_US
        if weeks < WEEKS_AT_LEAST:
            raise InvalidInput(
                f"whole weeks after the warm-up of 28 days: {max(weeks, 0)}", expected=f"at least {WEEKS_AT_LEAST}"
            )
        self.weeks = int(weeks)
        last_us = from_us + self.weeks * WEEK_US
        self.months = (last_us - from_us) / MONTH_US if judged is None else judged(from_us, last_us)
        if self.months <= 0:
            raise InvalidInput("the truth leaves no time to judge", expected="less time under region *")
        self.thresholds = _steps(scored.peaks())
        self.counts = [[0] * self.weeks for _ in self.thresholds]
        for row, threshold in zip(self.counts, self.thresholds, strict=True):
            for at_us, is_right in scored.openings(threshold):
                week = (at_us - from_us) // WEEK_US
                if not is_right and 0 <= week < self.weeks:
                    row[week] += 1

    @property
    def most(self) -> float:
        """Return how many incidents a month the lowest threshold looked at would have opened."""
        return max(self.totals(), default=0) / self.months

    def totals(self, weeks: Sequence[int] | None = None) -> list[int]:
        """Return how often each threshold was passed in these weeks, or in all."""
        if weeks is None:
            return [sum(row) for row in self.counts]
        return [sum(map(row.__getitem__, weeks)) for row in self.counts]


def calibrate(passed: Passed, wanted: float, *, has_truth: bool) -> Calibrated:
    """Return the threshold for a wanted number of false incidents per month over all cells.

    Raises `InvalidInput` when even the lowest score is passed less often.
    """
    events = wanted * passed.months
    totals = passed.totals()
    if passed.most * passed.months < max(events, EVENTS_AT_LEAST):
        raise InvalidInput(
            f"even at the lowest score looked at the file makes {passed.most:.3g} incidents a month",
            field="--false-incidents-per-month",
            value=wanted,
            expected="less, or a longer file",
        )
    factor = min(1 + NEAR_WIDTH / sqrt(events), NEAR_AT_MOST)
    far = None
    if events < EVENTS_AT_LEAST:
        tail = _tail(passed.thresholds, totals, events)
        low, high = _interval(passed, lambda resampled: _tail(passed.thresholds, resampled, events).value)
        near, low, high = tail.value, min(low, tail.low), max(high, tail.high)
    else:
        range_ = (1 / factor, factor)
        near = _solve(passed.thresholds, totals, events, range_)
        low, high = _interval(passed, lambda resampled: _solve(passed.thresholds, resampled, events, range_))
    value = near
    if not has_truth:
        outages = _outages(passed, events)
        far = min(_solve(passed.thresholds, _without(totals, outages), events, FAR), near)
        low = min(
            low,
            _interval(passed, lambda resampled: _solve(passed.thresholds, _without(resampled, outages), events, FAR))[
                0
            ],
        )
        value = sqrt(near * far)
    return Calibrated(
        wanted=wanted,
        threshold=Interval(value=value, low=min(low, value), high=max(high, value)),
        all_false=near,
        chance_only=far,
        extrapolated=events < EVENTS_AT_LEAST,
    )


def _steps(peaks: Sequence[float]) -> list[float]:
    """Return thresholds that are passed ever less often, by about the same factor each time; `peaks` fall."""
    ranks = {round(len(peaks) ** (step / STEPS)) for step in range(STEPS + 1)}
    return sorted({peaks[rank - 1] for rank in ranks if 0 < rank <= len(peaks)})


def _outages(passed: Passed, events: float) -> int:
    """Return how many incidents are outages, by a threshold that chance reaches a tenth as often as wanted."""
    totals, outages = passed.totals(), 0
    for _ in range(ROUNDS):
        beyond = _solve(passed.thresholds, _without(totals, outages), events / 10, (10 * FAR[0], 10 * FAR[1]))
        found = totals[min(bisect_left(passed.thresholds, beyond), len(totals) - 1)]
        if found == outages:
            break
        outages = found
    return outages


def _without(totals: Sequence[int], outages: int) -> list[int]:
    return [max(total - outages, 0) for total in totals]


def _interval(passed: Passed, solve: Callable[[Sequence[int]], float]) -> tuple[float, float]:
    random = Random(1)  # noqa: S311  # the same file gives the same interval
    weeks = range(passed.weeks)
    found = sorted(solve(passed.totals(random.choices(weeks, k=passed.weeks))) for _ in range(REPETITIONS))
    return found[round(0.025 * (REPETITIONS - 1))], found[round(0.975 * (REPETITIONS - 1))]


def _tail(thresholds: Sequence[float], totals: Sequence[int], events: float) -> Interval:
    """Return the threshold that is passed `events` times, fewer than were seen, by how steeply the highest fall.

    That is Weissman's quantile with Hill's steepness: the highest incidents fall like a power of the threshold. The
    bounds are those of their number and of a gamma distributed steepness.
    """
    highest = BEYOND * thresholds[-1]
    first = next((n for n, total in enumerate(totals) if total <= HIGHEST + 1), 0)
    while first and totals[first] < 3:
        first -= 1
    number, over = totals[first], totals[first] - 1
    if over < 2:
        return Interval(value=thresholds[-1], low=thresholds[0], high=highest)
    reached = zip(totals[first + 1 :], thresholds[first:-1], thresholds[first + 1 :], strict=True)
    steepness = sum(total * log(high / low) for total, low, high in reached) / over
    value, beyond = log(thresholds[first]) + steepness * log(number / events), log(number / events)
    fewest, most = bounds(over)
    up = steepness * hypot(beyond * (over / fewest - 1), log(most / over))
    down = steepness * hypot(beyond * (1 - over / most), log(over / fewest))
    return Interval(
        value=min(exp(value), highest), low=max(exp(value - down), thresholds[0]), high=min(exp(value + up), highest)
    )


def _solve(thresholds: Sequence[float], totals: Sequence[int], events: float, range_: tuple[float, float]) -> float:
    """Return the threshold that is passed `events` times, by the line through those in a range."""
    points = [(h, n) for h, n in zip(thresholds, totals, strict=True) if n >= EVENTS_AT_LEAST]
    chosen = [(h, n) for h, n in points if range_[0] * events <= n <= range_[1] * events]
    if len(chosen) < POINTS_AT_LEAST:  # those that are passed nearly so often
        falling = sorted(points, key=lambda point: abs(log(point[1] / (events * (range_[0] * range_[1]) ** 0.5))))
        chosen = falling[: 2 * POINTS_AT_LEAST]
    if not chosen:
        return thresholds[-1]
    weight = sum(n for _, n in chosen)
    mean_h = sum(n * h for h, n in chosen) / weight
    mean_y = sum(n * log(n) for _, n in chosen) / weight
    spread = sum(n * (h - mean_h) ** 2 for h, n in chosen)
    slope = sum(n * (h - mean_h) * (log(n) - mean_y) for h, n in chosen) / spread if spread else 0.0
    if slope >= 0:
        return thresholds[bisect_left([-n for n in totals], -events) if totals[-1] <= events else -1]
    return min(max(mean_h + (log(events) - mean_y) / slope, thresholds[0]), BEYOND * thresholds[-1])
