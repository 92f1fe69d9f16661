"""The baseline of a cell: how many complaints are expected there at any moment, when nothing is wrong.

lambda(t) = level / 24 x shape(t) complaints per hour. The shape (`shape.py`) is the hour of the week of a service; the
level (`level.py`) is a slow average of a cell's daily counts. Both are made from stored counts of complete local days
and hours, and both are stored when they come into force, so that a restarted detector decides the same.
Formulas: docs/detection.md, "What is expected".
"""

from collections.abc import Mapping
from typing import NamedTuple

from notifier.domain.level import LearntDays, Level, Settled, level_of
from notifier.domain.local_time import HOURS_PER_DAY, US_PER_DAY, LocalTime
from notifier.domain.service_history import Missed, ServiceHistory, first_learnt_day, prior
from notifier.domain.shape import FLAT, Shape


class Basis(NamedTuple):
    """What the days that levels of a service are made from weigh; of gaps each makes a difference to its day only."""

    first_day: int
    weights: tuple[float, ...]
    silent: tuple[tuple[int, int], ...]
    missed: tuple[Missed, ...]


class WeighedDays(NamedTuple):
    """The days that levels of a service are made from, and what they were weighed by."""

    basis: Basis
    days: LearntDays


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
        weighed: "Mapping[str, WeighedDays] | None" = None,
    ) -> None:
        """Begin a day; days that weigh what they do in `weighed`, from the day before, are not weighed again."""
        self.day, self.local = day, local
        self.until_us = local.instant((day + 1) * US_PER_DAY)  # when the next day begins
        self._histories, self._regions = histories, regions  # by service; number of regions by kind
        self._shapes = shapes
        self._flat = Shape(FLAT, local)
        self._earlier = weighed or {}
        self._learnt: dict[str, WeighedDays] = {}
        self._priors: dict[tuple[str, str], float] = {}  # by service and kind of region

    def weighed(self) -> Mapping[str, WeighedDays]:
        """Return the days that were weighed so far, by service: the baseline of the next day goes on from them."""
        return {**self._earlier, **self._learnt}

    def shape(self, service: str) -> Shape:
        """Return the shape of a service in force; flat before its first complete week."""
        return self._shapes.get(service, self._flat)

    def history(self, service: str) -> ServiceHistory:
        """Return what is known of a service; it begins today when nothing is."""
        known = self._histories.get(service)
        return known or ServiceHistory(first_day=self.day, daily_mean=None, gaps=frozenset())

    def first_learnt_day(self, service: str, settled: Settled | None = None) -> int:
        """Return the first day from which `level` wants the counts of a cell, whose last sums are given."""
        learnt = self._learnt_days(service)
        return settled.through_day + 1 if settled is not None and learnt.continues(settled) else learnt.first_day

    def level(
        self, service: str, kind: str, days: Mapping[int, int], *, new_on: int = 0, settled: Settled | None = None
    ) -> Level:
        """Return the level of a cell whose region is of this kind, from its counts by local day.

        `new_on` is the day on which its region became known, 0 when it always was. It goes on from `settled` sums where
        that is the same as going through all days again.
        """
        learnt, new_cell = self._learnt_days(service), self._priors.get((service, kind))
        if new_cell is None:
            new_cell = self._priors[service, kind] = prior(self.history(service), self._regions.get(kind, 1))
        goes_on = learnt.continues(settled)
        return level_of(days, learnt, prior=new_cell, new_on=new_on, settled=settled if goes_on else None)

    def _learnt_days(self, service: str) -> LearntDays:
        known = self._learnt.get(service)
        if known is not None:
            return known.days
        history, shape = self.history(service), self.shape(service)
        first_day = first_learnt_day(history, self.day - 1)
        basis = Basis(first_day, shape.weights, history.silent, history.missed)
        before = self._earlier.get(service)
        goes_on = before is not None and before.basis == basis and before.days.has_gaps(history.gaps)
        earlier = before.days if before is not None and goes_on else None
        new_days = range(first_day if earlier is None else earlier.through_day + 1, self.day)
        weights = {each: shape.day_weight(each) for each in new_days}
        learnt = LearntDays(history, self.day - 1, weights, _heard(history, shape, weights), earlier)
        self._learnt[service] = WeighedDays(basis, learnt)
        return learnt


def _heard(history: ServiceHistory, shape: Shape, weight_of: Mapping[int, float]) -> dict[int, float] | None:
    """Return which part of a day was heard, of these days on which the feed was broken for some hours."""
    if not history.silent and not history.missed:
        return None
    missed: dict[int, float] = {}
    since_hour = min(weight_of, default=0) * HOURS_PER_DAY
    silent, shares = history.silent_hours(since_hour), history.missed_shares(since_hour)
    for hour, share in sorted((dict.fromkeys(silent, 1.0) | shares).items()):
        day, weight = hour // HOURS_PER_DAY, shape.until_hour(hour + 1) - shape.until_hour(hour)
        missed[day] = missed.get(day, 0.0) + share * weight / HOURS_PER_DAY
    return {day: 1 - part / weight_of[day] for day, part in missed.items() if weight_of.get(day, 0.0) > 0}
