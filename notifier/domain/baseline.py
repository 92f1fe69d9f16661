"""The baseline of a cell: how many complaints are expected there at any moment, when nothing is wrong.

lambda(t) = level / 24 x shape(t) complaints per hour. The shape is the hour of the week of a service, pooled over all
regions; the level is a slow average of a cell's daily counts. Both are made from stored counts of complete local days
and hours, and both are stored when they come into force, so that a restarted detector decides the same.
Local time is that of the company (`regions.time_zone`); elapsed time is real, also where clocks are changed.
Formulas: the issue on detection, section "Algorithm", step 1.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from statistics import median
from zoneinfo import ZoneInfo

US_PER_SECOND = 1_000_000
US_PER_HOUR = 3600 * US_PER_SECOND
US_PER_DAY = 24 * US_PER_HOUR
HOURS_PER_DAY = 24
HOURS_PER_WEEK = 168
EPOCH_HOUR_OF_WEEK = 3 * 24  # 1970-01-01 was a Thursday; Monday 00:00 is hour 0

DECAY_PER_DAY = 0.5 ** (1 / 3)  # a count weighs half as much after three days: places change their pace in days
LONG_DECAY_PER_DAY = 0.5 ** (1 / 21)  # in the long mean of the cell, to which the level leans
LONG_DAYS = 0.5  # how many pseudo-days that mean weighs in the level
HISTORY_DAYS_AT_MOST = 400  # older days weigh less than a millionth
PRIOR_DAYS = 3.0  # how many pseudo-days the mean of the service weighs in a new cell
COLD_PRIOR = 1.0  # complaints per cell and day that a service without one complete day of history is thought to have
WEIGHT_AT_LEAST = 0.05  # of a day, however quiet its hour-of-week shape
SURPRISE_FACTOR, SURPRISE_ALLOWANCE = 2.0, 2.0  # a day counts at most 2 x expected + 2: one outage teaches little
USUAL_AT_MOST = 2.0  # times the long mean: floods day after day do not teach ever more
STORM_FACTOR, STORM_ALLOWANCE = 3.0, 4.0  # the same of a whole service against its median day
PSEUDO_HOURS = 2.0  # of the mean, in every hour of the week
WEEKS_FOR_WEEKDAYS = 4  # before, only the hour of the day is told apart
WINSORISED_RANK = 166  # of the 168 sorted hours of a week: the 99.5th percentile
MEAN_DAYS = 28  # days over which the mean of a service is taken
DEAF_HOURS = 3  # of a broken feed, and a day says nothing about the mean of a service
HEARD_AT_LEAST = 0.25  # of a day: with less it is as a day on which nobody was heard
GAP_EXPECTED = 8.0  # a day without any complaint where this many were expected is a broken feed, not a quiet day

_ZONES_FROM, _ZONES_UNTIL = datetime(1999, 12, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LocalTime:
    """The company's wall clock: local days and hours of instants, given as microseconds since 1970-01-01 UTC."""

    def __init__(self, time_zone: str) -> None:
        self.time_zone = time_zone
        starts, offsets = _changes(time_zone)
        self.starts: list[int] = [-(2**62), *starts]  # from when on an offset is in force
        self.offsets: list[int] = list(offsets)  # local minus UTC
        self._from, self._until, self._segment = 0, 0, 0  # the last segment asked for
        self._uneven: dict[int, float] | None = None  # local hours that may not last one

    @classmethod
    def of_offsets(cls, name: str, offsets: Sequence[tuple[int, int]]) -> "LocalTime":
        """Return the clock that has shown these offsets: (from when on, local minus UTC); the first one since ever."""
        clock = cls("UTC")
        clock.time_zone = name
        clock.starts = [-(2**62), *(start for start, _ in offsets[1:])]
        clock.offsets = [offset for _, offset in offsets]
        return clock

    def segment(self, at_us: int) -> int:
        """Return which of `offsets` is in force at an instant."""
        if not self._from <= at_us < self._until:
            found = bisect_right(self.starts, at_us) - 1
            until = self.starts[found + 1] if found + 1 < len(self.starts) else 2**62
            self._from, self._until, self._segment = self.starts[found], until, found
        return self._segment

    def local_us(self, at_us: int) -> int:
        """Return microseconds since 1970-01-01 00:00 as the wall clock shows them."""
        return at_us + self.offsets[self.segment(at_us)]

    def day(self, at_us: int) -> int:
        """Return the local day, counted from 1970-01-01."""
        return self.local_us(at_us) // US_PER_DAY

    def hour(self, at_us: int) -> int:
        """Return the local hour, counted from 1970-01-01 00:00; the hour that clocks repeat is one hour."""
        return self.local_us(at_us) // US_PER_HOUR

    def instant(self, local_us: int) -> int:
        """Return the first instant at which the wall clock shows a local time, or skips it."""
        guess = bisect_right(self.starts, local_us - self.offsets[self.segment(local_us)])
        for segment in range(max(guess - 2, 0), min(guess + 1, len(self.offsets))):
            at_us = max(local_us - self.offsets[segment], self.starts[segment])
            if segment + 1 == len(self.starts) or at_us < self.starts[segment + 1]:
                return at_us
        raise AssertionError("every local time has an instant")

    def hours_lasting(self, hour: int) -> float:
        """Return how many real hours a local hour lasts: 1, 0 when clocks skip it, 2 when they repeat it."""
        if self._uneven is None:
            self._uneven = {near: self._lasting(near) for near in self._hours_near_changes()}
        return self._uneven.get(hour, 1.0)

    def _hours_near_changes(self) -> Iterator[int]:
        for segment in range(1, len(self.starts)):
            shown = [self.starts[segment] + self.offsets[of] for of in (segment - 1, segment)]
            yield from range(min(shown) // US_PER_HOUR - 1, max(shown) // US_PER_HOUR + 2)

    def _lasting(self, hour: int) -> float:
        return (self.instant((hour + 1) * US_PER_HOUR) - self.instant(hour * US_PER_HOUR)) / US_PER_HOUR


@lru_cache(maxsize=8)
def _changes(time_zone: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return when the clocks of a zone are changed, and the offsets before, between and after; it takes 50 ms."""
    zone = ZoneInfo(time_zone)
    starts, offsets = [], [_offset_us(zone, _ZONES_FROM)]
    step, at = timedelta(days=7), _ZONES_FROM
    while at < _ZONES_UNTIL:
        if _offset_us(zone, at + step) != offsets[-1]:
            start = _first_change(zone, at, at + step)
            starts.append((start - _EPOCH) // timedelta(microseconds=1))
            offsets.append(_offset_us(zone, start))
        at += step
    return tuple(starts), tuple(offsets)


def _offset_us(zone: ZoneInfo, at: datetime) -> int:
    return (at.astimezone(zone).utcoffset() or timedelta()) // timedelta(microseconds=1)


def _first_change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = _offset_us(zone, low)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle in (low, high):
            break
        if _offset_us(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


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
        self._day_weights: dict[int, float] = {}  # as far as they were asked for
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
        segment = self.local.segment(at_us)
        whole = self._integral_of_wall_clock(at_us + self.local.offsets[segment]) + self._corrections[segment]
        return whole if at_us <= self._silent_from else whole - self._not_heard(at_us, whole)

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
        known = self._day_weights.get(day)
        if known is None:
            start, end = self.local.instant(day * US_PER_DAY), self.local.instant((day + 1) * US_PER_DAY)
            known = self._day_weights[day] = (self.integral(end) - self.integral(start)) / HOURS_PER_DAY
        return known


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
    hours: Mapping[int, int], first_day: int, weeks: int, local: LocalTime, silent: Container[int] = ()
) -> tuple[float, ...]:
    """Return the shape learnt from the first `weeks` complete weeks since `first_day`.

    `hours` holds complaints by local hour; `silent` ones, in which the feed was broken, are left out. Every week is
    winsorised at its 99.5th percentile, two pseudo-hours of the mean are added to each hour of the week, and the result
    is smoothed [1 2 1] / 4 round the week.
    """
    counts, exposure = [0.0] * HOURS_PER_WEEK, [0.0] * HOURS_PER_WEEK
    for week in range(weeks):
        first_hour = (first_day + 7 * week) * HOURS_PER_DAY
        values = [hours.get(first_hour + i, 0) for i in range(HOURS_PER_WEEK)]
        cap = max(sorted(values)[WINSORISED_RANK], 1)
        for i, value in enumerate(values):
            of_week = (first_hour + i + EPOCH_HOUR_OF_WEEK) % HOURS_PER_WEEK
            if first_hour + i in silent:
                continue
            counts[of_week] += min(value, cap)
            exposure[of_week] += local.hours_lasting(first_hour + i)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHistory:
    """What is known of a service up to the beginning of a local day."""

    first_day: int  # its first complaint
    daily_mean: float | None  # complaints per day over all regions; None before one complete day
    gaps: frozenset[int]  # days on which its feed was broken
    silent: tuple[tuple[int, int], ...] = ()  # stretches of local hours (from, until) in which it was, on other days

    def silent_hours(self) -> frozenset[int]:
        """Return every local hour in which the feed was broken on days that are no gaps."""
        return frozenset(hour for first, until in self.silent for hour in range(first, until))


def service_history(hours: Mapping[int, int], day: int, silent: tuple[tuple[int, int], ...] = ()) -> ServiceHistory:
    """Return the history of a service from its complaints by local hour, as of the beginning of `day`.

    Storm days count at most 3 x the median day + 4. A day without any complaint is a gap when at least
    `GAP_EXPECTED` were expected by the days before it: silence of a feed is not zero complaints. Days with three or
    more `silent` hours say nothing about the mean.
    """
    deaf = Counter(hour // HOURS_PER_DAY for first, until in silent for hour in range(first, until))
    first_day = min(hours) // HOURS_PER_DAY if hours else day
    first = max(first_day, day - HISTORY_DAYS_AT_MOST)
    totals = dict.fromkeys(range(first, day), 0)
    for hour, complaints in hours.items():
        if hour // HOURS_PER_DAY in totals:
            totals[hour // HOURS_PER_DAY] += complaints
    gaps: set[int] = set()
    learnt: list[int] = []
    for of_day, total in totals.items():
        if total == 0 and learnt and _mean(learnt[-MEAN_DAYS:]) >= GAP_EXPECTED:
            gaps.add(of_day)
        elif deaf[of_day] < DEAF_HOURS or not learnt:
            learnt.append(total)
    mean = _mean(learnt[-MEAN_DAYS:]) if learnt else None
    return ServiceHistory(first_day=first_day, daily_mean=mean, gaps=frozenset(gaps), silent=silent)


def _mean(totals: Sequence[int]) -> float:
    cap = STORM_FACTOR * median(totals) + STORM_ALLOWANCE
    return sum(min(total, cap) for total in totals) / len(totals)


def prior(history: ServiceHistory, regions_of_kind: int) -> float:
    """Return the complaints per day that a cell is thought to have before it has a history of its own."""
    if history.daily_mean is None:
        return COLD_PRIOR
    return history.daily_mean / max(regions_of_kind, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The level of a cell through the end of a local day: an average whose days lose half their weight in three days.

    It leans to the mean of the last weeks, so that a few quiet days are not taken for silence.
    """

    through_day: int
    total: float  # decayed complaints
    weight: float  # decayed days
    daily_mean: float  # complaints per day over all history

    @property
    def per_hour(self) -> float:
        """Return complaints per hour of average weight."""
        return self.total / self.weight / HOURS_PER_DAY


class LearntDays:
    """The days levels of a service are made from, and what all its cells have in common: how much each day weighs."""

    def __init__(
        self,
        history: ServiceHistory,
        through_day: int,
        weight_of: Mapping[int, float],
        heard: Mapping[int, float] | None = None,
    ) -> None:
        """Weigh the days; arguments as in `level`."""
        self.first_day, self.through_day = first_learnt_day(history, through_day), through_day
        self.place: dict[int, int] = {}  # of a day, among those that are learnt
        self.shares: list[float] = []
        self.parts, self.weights, self.long_weights = [0.0], [0.0], [0.0]  # of all days before a place
        for day in range(self.first_day, through_day + 1):
            part = 1.0 if heard is None else heard.get(day, 1.0)
            if day in history.gaps or part < HEARD_AT_LEAST:
                continue
            self.place[day] = len(self.shares)
            self.shares.append(weight_of[day] * part)
            share = max(self.shares[-1], WEIGHT_AT_LEAST)
            self.parts.append(self.parts[-1] + part)
            self.weights.append(self.weights[-1] * DECAY_PER_DAY + share)
            self.long_weights.append(self.long_weights[-1] * LONG_DECAY_PER_DAY + share)

    def first_place(self, day: int) -> int:
        """Return the place of the first learnt day from a day on."""
        while day <= self.through_day and day not in self.place:
            day += 1
        return self.place.get(day, len(self.shares))


_DECAY = tuple(DECAY_PER_DAY**days for days in range(HISTORY_DAYS_AT_MOST + 1))
_LONG_DECAY = tuple(LONG_DECAY_PER_DAY**days for days in range(HISTORY_DAYS_AT_MOST + 1))


def level(
    days: Mapping[int, int],
    through_day: int,
    *,
    history: ServiceHistory,
    prior: float,
    weight_of: Mapping[int, float],
    heard: Mapping[int, float] | None = None,
    new_on: int = 0,
) -> Level:
    """Return the level of a cell from its complaints by local day, every day without one included.

    `weight_of` gives `Shape.day_weight` of every day since `first_learnt_day(history, through_day)`; `heard` which part
    of a day was heard, where the feed was broken for the rest. Of a region that was not there before `new_on` nothing
    is learnt from earlier days, unless something was counted on them.
    """
    return level_of(days, LearntDays(history, through_day, weight_of, heard), prior=prior, new_on=new_on)


def level_of(days: Mapping[int, int], learnt: LearntDays, *, prior: float, new_on: int = 0) -> Level:
    """Return `level` of a cell where the days are weighed already: only days with complaints are looked at one by one.

    Each day weighs `DECAY_PER_DAY` of the next one; the prior weighs as `PRIOR_DAYS` before the first.
    """
    first = learnt.first_day
    if new_on > first:
        first = max(first, min(new_on, min(days, default=new_on)))
    begin = last = learnt.first_place(first)
    end = len(learnt.shares)
    total = long_total = prior * PRIOR_DAYS
    before, long_before = PRIOR_DAYS - learnt.weights[begin], PRIOR_DAYS - learnt.long_weights[begin]
    weights, long_weights, shares, places = learnt.weights, learnt.long_weights, learnt.shares, learnt.place
    sum_of_days = 0
    for day in sorted(days):
        place = places.get(day, -1)
        if place < begin:
            continue
        complaints = days[day]
        sum_of_days += complaints
        if place != last:
            total, long_total = total * _DECAY[place - last], long_total * _LONG_DECAY[place - last]
        after = place - begin
        long = long_total / (long_weights[place] + long_before * _LONG_DECAY[after])
        usual = (total + LONG_DAYS * long) / (weights[place] + before * _DECAY[after] + LONG_DAYS)
        if usual > USUAL_AT_MOST * long:
            usual = USUAL_AT_MOST * long
        counted = SURPRISE_FACTOR * usual * shares[place] + SURPRISE_ALLOWANCE
        if counted > complaints:
            counted = complaints
        total, long_total = total * DECAY_PER_DAY + counted, long_total * LONG_DECAY_PER_DAY + counted
        last = place + 1
    total, long_total = total * _DECAY[end - last], long_total * _LONG_DECAY[end - last]
    weight = weights[end] + before * _DECAY[end - begin]
    long_weight = long_weights[end] + long_before * _LONG_DECAY[end - begin]
    number = learnt.parts[end] - learnt.parts[begin]
    return Level(
        through_day=learnt.through_day,
        total=total + LONG_DAYS * long_total / long_weight,
        weight=weight + LONG_DAYS,
        daily_mean=sum_of_days / number if number else prior,
    )


def first_learnt_day(history: ServiceHistory, through_day: int) -> int:
    """Return the first day a level is made from: the first of the service, not more than 400 days back."""
    return max(history.first_day, through_day + 1 - HISTORY_DAYS_AT_MOST)


class Baseline:
    """Everything that is expected on one local day: shapes by service, and levels made when a cell is first touched."""

    def __init__(
        self,
        day: int,
        local: LocalTime,
        *,
        histories: Mapping[str, ServiceHistory],
        regions: Mapping[str, int],
        shapes: Mapping[str, Shape],
    ) -> None:
        self.day, self.local = day, local
        self._histories, self._regions = histories, regions  # by service; number of regions by kind
        self._shapes = shapes
        self._flat = Shape(FLAT, local)
        self._learnt: dict[str, LearntDays] = {}

    def shape(self, service: str) -> Shape:
        """Return the shape of a service in force; flat before its first complete week."""
        return self._shapes.get(service, self._flat)

    def history(self, service: str) -> ServiceHistory:
        """Return what is known of a service; it begins today when nothing is."""
        known = self._histories.get(service)
        return known or ServiceHistory(first_day=self.day, daily_mean=None, gaps=frozenset())

    def first_learnt_day(self, service: str) -> int:
        """Return the first day from which `level` wants the counts of a cell."""
        return first_learnt_day(self.history(service), self.day - 1)

    def level(self, service: str, kind: str, days: Mapping[int, int], *, new_on: int = 0) -> Level:
        """Return the level of a cell whose region is of this kind, from its counts by local day.

        `new_on` is the day on which its region became known, 0 when it always was.
        """
        history = self.history(service)
        learnt = self._learnt.get(service)
        if learnt is None:
            shape = self.shape(service)
            weights = {each: shape.day_weight(each) for each in range(self.first_learnt_day(service), self.day)}
            heard = _heard(history, shape, weights)
            learnt = self._learnt[service] = LearntDays(history, self.day - 1, weights, heard)
        return level_of(days, learnt, prior=prior(history, self._regions.get(kind, 1)), new_on=new_on)


def _heard(history: ServiceHistory, shape: Shape, weight_of: Mapping[int, float]) -> dict[int, float] | None:
    """Return which part of a day was heard, of the days on which the feed was broken for some hours."""
    if not history.silent:
        return None
    missed: dict[int, float] = {}
    for hour in history.silent_hours():
        start, end = (shape.local.instant(each * US_PER_HOUR) for each in (hour, hour + 1))
        day = hour // HOURS_PER_DAY
        missed[day] = missed.get(day, 0.0) + (shape.integral(end) - shape.integral(start)) / HOURS_PER_DAY
    return {day: 1 - part / weight_of[day] for day, part in missed.items() if weight_of.get(day, 0.0) > 0}
