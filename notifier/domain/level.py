"""The level of a cell: complaints per day when nothing is wrong, a slow average of its daily counts.

In come the complaints of a cell by local day, and the days of its service with what each of them weighs. Out comes the
`Level` through a day. A day teaches only so much: one outage, or a week of floods, does not become what is usual.
Formulas and parameters: docs/detection.md, "What is expected".

A level goes on from the sums of days that are settled, exactly as if all days had been gone through again: it does so
only where the days of the service weigh what they weighed then, which a fingerprint tells.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from notifier.domain.local_time import HOURS_PER_DAY
from notifier.domain.service_history import HISTORY_DAYS_AT_MOST, ServiceHistory, first_learnt_day

DECAY_PER_DAY = 0.5 ** (1 / 3)  # a count weighs half as much after three days: places change their pace in days
LONG_DECAY_PER_DAY = 0.5 ** (1 / 21)  # in the long mean of the cell, to which the level leans
LONG_DAYS = 0.5  # how many pseudo-days that mean weighs in the level
PRIOR_DAYS = 3.0  # how many pseudo-days the mean of the service weighs in a new cell
WEIGHT_AT_LEAST = 0.05  # of a day, however quiet its hour-of-week shape
SURPRISE_FACTOR, SURPRISE_ALLOWANCE = 2.0, 2.0  # a day counts at most 2 x expected + 2: one outage teaches little
USUAL_AT_MOST = 2.0  # times the long mean: floods day after day do not teach ever more
HEARD_AT_LEAST = 0.25  # of a day: with less it is as a day on which nobody was heard
OPEN_DAYS = 2  # the last ones, to which a complaint that comes a day late may still be added
SETTLED_AFTER_DAYS = 28  # of a cell: before, what new cells are thought to have still tells, and changes every day


class Settled(NamedTuple):  # ten thousand are made just after midnight
    """The sums of a cell through the last of its complaints on days that are settled: later levels go on from there."""

    through_day: int  # the day of that complaint
    first_day: int  # from which on the cell was learnt
    total: float  # decayed complaints, up to then
    long_total: float  # the same in the long mean
    complaints: int
    fingerprint: int  # of what the days of the service weighed


class Level(NamedTuple):  # as many
    """The level of a cell through the end of a local day: an average whose days lose half their weight in three days.

    It leans to the mean of the last weeks, so that a few quiet days are not taken for silence.
    """

    through_day: int
    total: float  # decayed complaints
    weight: float  # decayed days
    daily_mean: float  # complaints per day over all history
    settled: Settled | None = None  # None while the cell is new, or has had no complaint on a settled day

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
        earlier: "LearntDays | None" = None,
    ) -> None:
        """Weigh the days; arguments as in `level`.

        Those of `earlier`, which must still weigh the same, are taken from there: of them nothing is asked.
        """
        self.first_day, self.through_day = first_learnt_day(history, through_day), through_day
        if earlier is None:
            begin = self.first_day
            self.place: dict[int, int] = {}  # of a day, among those that are learnt
            self.days: list[int] = []
            self.shares: list[float] = []
            self.fingerprints = [_FORMULA]  # of all days before a place
            self.parts, self.weights, self.long_weights = [0.0], [0.0], [0.0]  # of all days before a place
        else:
            begin = earlier.through_day + 1
            self.place, self.days, self.shares = earlier.place.copy(), earlier.days.copy(), earlier.shares.copy()
            self.fingerprints, self.parts = earlier.fingerprints.copy(), earlier.parts.copy()
            self.weights, self.long_weights = earlier.weights.copy(), earlier.long_weights.copy()
        self._gaps = history.gaps
        fingerprint, parts = self.fingerprints[-1], self.parts[-1]
        weight, long_weight = self.weights[-1], self.long_weights[-1]
        for day in range(begin, through_day + 1):
            part = 1.0 if heard is None else heard.get(day, 1.0)
            if day in history.gaps or part < HEARD_AT_LEAST:
                continue
            share = weight_of[day] * part
            self.place[day] = len(self.shares)
            self.days.append(day)
            self.shares.append(share)
            fingerprint = crc32(_WEIGHED.pack(day, share), fingerprint)
            self.fingerprints.append(fingerprint)
            share = max(share, WEIGHT_AT_LEAST)
            parts += part
            weight = weight * DECAY_PER_DAY + share
            long_weight = long_weight * LONG_DECAY_PER_DAY + share
            self.parts.append(parts)
            self.weights.append(weight)
            self.long_weights.append(long_weight)

    def has_gaps(self, gaps: frozenset[int]) -> bool:
        """Tell whether these are the gaps among its days; later ones make no difference."""
        return gaps == self._gaps or {gap for gap in gaps if gap <= self.through_day} == self._gaps

    def first_place(self, day: int) -> int:
        """Return the place of the first learnt day from a day on."""
        while day <= self.through_day and day not in self.place:
            day += 1
        return self.place.get(day, len(self.shares))

    def continues(self, settled: Settled | None) -> bool:
        """Tell whether every day of these sums still weighs what it weighed then."""
        if settled is None:
            return False
        place = self.place.get(settled.through_day)
        return place is not None and self.fingerprints[place + 1] == settled.fingerprint


_WEIGHED = Struct("<qd")  # a day and its share
_FORMULA = crc32(
    repr(
        (
            DECAY_PER_DAY,
            LONG_DECAY_PER_DAY,
            LONG_DAYS,
            PRIOR_DAYS,
            WEIGHT_AT_LEAST,
            SURPRISE_FACTOR,
            SURPRISE_ALLOWANCE,
            USUAL_AT_MOST,
        )
    ).encode()
)
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


def level_of(
    days: Mapping[int, int],
    learnt: LearntDays,
    *,
    prior: float,
    new_on: int = 0,
    settled: Settled | None = None,
) -> Level:
    """Return `level` of a cell where the days are weighed already: only days with complaints are looked at one by one.

    Each day weighs `DECAY_PER_DAY` of the next one; the prior weighs as `PRIOR_DAYS` before the first. With `settled`
    sums, which `learnt` must continue, only later days are looked at: of those before, `days` may hold any.
    """
    if settled is None:
        first = learnt.first_day
        if new_on > first:
            first = max(first, min(new_on, min(days, default=new_on)))
        begin = learnt.first_place(first)
        sums = _Sums(begin, prior * PRIOR_DAYS, prior * PRIOR_DAYS, 0)
        later = sorted(days)
    else:
        begin = learnt.place[settled.first_day]
        through = settled.through_day
        sums = _Sums(learnt.place[through] + 1, settled.total, settled.long_total, settled.complaints)
        later = sorted([day for day in days if day > through])
    still_open = bisect_left(later, learnt.through_day - OPEN_DAYS + 1)
    if still_open:
        sums = _add(sums, days, later[:still_open], learnt, begin)
        if sums.place - begin >= SETTLED_AFTER_DAYS and sums.complaints:
            settled = Settled(
                through_day=learnt.days[sums.place - 1],
                first_day=learnt.days[begin],
                total=sums.total,
                long_total=sums.long_total,
                complaints=sums.complaints,
                fingerprint=learnt.fingerprints[sums.place],
            )
    if still_open < len(later):
        sums = _add(sums, days, later[still_open:], learnt, begin)
    end = len(learnt.shares)
    total, long_total = sums.total * _DECAY[end - sums.place], sums.long_total * _LONG_DECAY[end - sums.place]
    weight = learnt.weights[end] + (PRIOR_DAYS - learnt.weights[begin]) * _DECAY[end - begin]
    long_weight = learnt.long_weights[end] + (PRIOR_DAYS - learnt.long_weights[begin]) * _LONG_DECAY[end - begin]
    number = learnt.parts[end] - learnt.parts[begin]
    return Level(
        through_day=learnt.through_day,
        total=total + LONG_DAYS * long_total / long_weight,
        weight=weight + LONG_DAYS,
        daily_mean=sums.complaints / number if number else prior,
        settled=settled,
    )


class _Sums(NamedTuple):
    """What the days up to a place have taught."""

    place: int  # after the last day with complaints, or where the cell begins
    total: float
    long_total: float
    complaints: int


def _add(sums: _Sums, days: Mapping[int, int], later: Sequence[int], learnt: LearntDays, begin: int) -> _Sums:
    """Return the sums with later days in them, given in order; those that are not learnt are passed over."""
    last, total, long_total, sum_of_days = sums
    weights, long_weights, shares, places = learnt.weights, learnt.long_weights, learnt.shares, learnt.place
    before, long_before = PRIOR_DAYS - weights[begin], PRIOR_DAYS - long_weights[begin]
    for day in later:
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
    return _Sums(last, total, long_total, sum_of_days)
