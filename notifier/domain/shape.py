"""The shape of a service: how complaints spread over the hours of a week, mean 1, pooled over all its regions.

In come counts by local hour. Out comes a `Shape`: 168 weights that are integrated over real time, also where clocks are
changed, and over which nothing is expected while the feed was broken. Formulas: docs/detection.md, "What is expected".
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from operator import add, mul

from notifier.domain.local_time import EPOCH_HOUR_OF_WEEK, HOURS_PER_DAY, HOURS_PER_WEEK, US_PER_HOUR, LocalTime

PSEUDO_HOURS = 2.0  # of the mean, in every hour of the week
WEEKS_FOR_WEEKDAYS = 4  # before, only the hour of the day is told apart
WINSORISED_RANK = 166  # of the 168 sorted hours of a week: the 99.5th percentile


class Shape:
    """The week of a service: 168 weights of mean 1, Monday 00:00 first, integrated over real time."""

    def __init__(self, weights: Sequence[float], local: LocalTime) -> None:
        self.weights = tuple(weights)
        self.local = local
        total, self._until = 0.0, [0.0]
        for weight in self.weights:
            total += weight
            self._until.append(total)
        self._week = total
        self.hours_of_day = tuple(
            sum(self.weights[day * HOURS_PER_DAY + hour] for day in range(7)) / 7 for hour in range(HOURS_PER_DAY)
        )
        self._corrections = [0.0]
        for segment in range(1, len(local.starts)):
            at, before, after = local.starts[segment], local.offsets[segment - 1], local.offsets[segment]
            jump = self._integral_of_wall_clock(at + before) - self._integral_of_wall_clock(at + after)
            self._corrections.append(self._corrections[-1] + jump)
        self._until_hours: dict[int, float] = {}  # as far as they were asked for
        self._silences: tuple[tuple[int, float, int], ...] = ()  # from, the integral there, until
        self._silent_from = 2**62  # the first of them; most services have none

    def without(self, silences: Sequence[tuple[int, int]]) -> "Shape":
        """Return the shape in which nothing is expected while the feed was broken, given as (from, until) in any order.

        What two silences share counts once.
        """
        shape = Shape(self.weights, self.local)
        apart = _united(silences)
        shape._silences = tuple((first, shape.integral(first), until) for first, until in apart)
        shape._silent_from = apart[0][0] if apart else 2**62
        return shape

    def integral(self, at_us: int) -> float:
        """Return the integral of the shape from a fixed origin up to an instant, in hours; only differences count."""
        local = self.local  # this is asked most of all: a call less is felt
        segment = bisect_right(local.starts, at_us) - 1
        hour, rest = divmod(at_us + local.offsets[segment], US_PER_HOUR)
        week, of_week = divmod(hour + EPOCH_HOUR_OF_WEEK, HOURS_PER_WEEK)
        whole = week * self._week + self._until[of_week] + self.weights[of_week] * (rest / US_PER_HOUR)
        whole += self._corrections[segment]
        return whole if at_us <= self._silent_from else whole - self._not_heard(at_us, whole)

    def integral_at(self, at_us: int, clock: tuple[int, int, int, float]) -> float:
        """Return `integral` at an instant of which `LocalTime.of_week` is known, to the last digit the same."""
        segment, week, of_week, passed = clock
        whole = week * self._week + self._until[of_week] + self.weights[of_week] * passed + self._corrections[segment]
        return whole if at_us <= self._silent_from else whole - self._not_heard(at_us, whole)

    def of_hour(self, hour: int) -> float:
        """Return what an hour of the mean day weighs; 1 on average."""
        return self.hours_of_day[hour]

    def until_hour(self, hour: int) -> float:
        """Return the integral up to the beginning of a local hour; every night asks for the same ones again."""
        known = self._until_hours.get(hour)
        if known is None:
            known = self._until_hours[hour] = self.integral(self.local.instant(hour * US_PER_HOUR))
        return known

    def _not_heard(self, at_us: int, whole: float) -> float:
        """Return what of the integral up to an instant lies in silences."""
        silent = 0.0
        for first_us, first, until_us in self._silences:
            if at_us <= first_us:
                break
            silent += (whole if at_us <= until_us else self._whole(until_us)) - first
        return silent

    def _whole(self, at_us: int) -> float:
        segment = bisect_right(self.local.starts, at_us) - 1
        return self._integral_of_wall_clock(at_us + self.local.offsets[segment]) + self._corrections[segment]

    def _integral_of_wall_clock(self, local_us: int) -> float:
        hour, rest = divmod(local_us, US_PER_HOUR)
        week, of_week = divmod(hour + EPOCH_HOUR_OF_WEEK, HOURS_PER_WEEK)
        return week * self._week + self._until[of_week] + self.weights[of_week] * (rest / US_PER_HOUR)

    def day_weight(self, day: int) -> float:
        """Return the weight of a local day: 1 on average; clock changes make it shorter or longer."""
        hour = day * HOURS_PER_DAY
        return (self.until_hour(hour + HOURS_PER_DAY) - self.until_hour(hour)) / HOURS_PER_DAY


def _united(stretches: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return stretches of time oldest first, those that meet as one."""
    apart: list[tuple[int, int]] = []
    for first, until in sorted(stretches):
        if apart and first <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(apart[-1][1], until))
        else:
            apart.append((first, until))
    return apart


FLAT = (1.0,) * HOURS_PER_WEEK
"""The shape of a service that has no complete week of history."""


def shape_weights(
    hours: Mapping[int, int], first_day: int, weeks: int, local: LocalTime, silent: frozenset[int] = frozenset()
) -> tuple[float, ...]:
    """Return the shape learnt from the first `weeks` complete weeks since `first_day`.

    `hours` holds complaints by local hour; `silent` ones, in which the feed was broken, are left out. Every week is
    winsorised at its 99.5th percentile, two pseudo-hours of the mean are added to each hour of the week, and the result
    is smoothed [1 2 1] / 4 round the week.
    """
    counts, exposure = [0.0] * HOURS_PER_WEEK, [0.0] * HOURS_PER_WEEK  # by hour since the first one of a week
    begins = first_day * HOURS_PER_DAY
    for first_hour in range(begins, begins + weeks * HOURS_PER_WEEK, HOURS_PER_WEEK):
        week_hours = range(first_hour, first_hour + HOURS_PER_WEEK)
        values = [hours.get(hour, 0) for hour in week_hours]
        lasting = [local.hours_lasting(hour) for hour in week_hours]
        cap = max(sorted(values)[WINSORISED_RANK], 1)
        if not silent.isdisjoint(week_hours):
            heard = [hour not in silent for hour in week_hours]
            values, lasting = list(map(mul, values, heard)), list(map(mul, lasting, heard))
        counts = [before + min(cap, value) for before, value in zip(counts, values, strict=True)]
        exposure = list(map(add, exposure, lasting))
    monday = -(begins + EPOCH_HOUR_OF_WEEK) % HOURS_PER_WEEK
    counts, exposure = counts[monday:] + counts[:monday], exposure[monday:] + exposure[:monday]
    mean = sum(counts) / max(sum(exposure), 1.0)
    if mean == 0:
        return FLAT
    rates = [(c + PSEUDO_HOURS * mean) / (e + PSEUDO_HOURS) for c, e in zip(counts, exposure, strict=True)]
    rates = [(rates[i - 1] + 2 * rates[i] + rates[(i + 1) % HOURS_PER_WEEK]) / 4 for i in range(HOURS_PER_WEEK)]
    if weeks < WEEKS_FOR_WEEKDAYS:
        daily = [sum(rates[day * HOURS_PER_DAY + hour] for day in range(7)) / 7 for hour in range(HOURS_PER_DAY)]
        rates = [daily[i % HOURS_PER_DAY] for i in range(HOURS_PER_WEEK)]
    mean = sum(rates) / HOURS_PER_WEEK
    return tuple(rate / mean for rate in rates)
