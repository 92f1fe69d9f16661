"""What a local day begins with: the history, gaps and shape of each service, made from stored counts.

In come the counts of the days before it and what was known the day before. Out comes a `NewDay`, which is stored and
put into force as one: whoever restarts from it decides as the first one did. Nothing here reads a store.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from notifier.domain.feed import (
    KEPT_US,
    LOOKED_BACK_DAYS,
    WEEKS_AT_LEAST,
    Silence,
    broken,
    missed_sources,
    patience,
    quiet_stretches,
    without_filled,
)
from notifier.domain.local_time import HOURS_PER_DAY, US_PER_DAY, LocalTime
from notifier.domain.service_history import HISTORY_DAYS_AT_MOST, Missed, ServiceHistory, service_history
from notifier.domain.shape import Shape, shape_weights

NO_DAY = -1  # no local day has begun
IMPORTED_SHARE = 0.01  # the counts of past days grew by more than this: history was imported


class StoredHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What was known of a service when the baseline day began."""

    first_day: int
    daily_mean: float | None
    gaps: tuple[int, ...]
    weeks: int  # complete weeks the shape in force is made from
    through_day: int  # the last day that is known
    complaints: int  # counted up to then
    silent: tuple[tuple[int, int], ...] = ()  # stretches of local hours in which the feed was broken
    missed: tuple[Missed, ...] = ()  # stretches in which one source of several was silent
    patience: float | None = None  # complaints that may fail to come before it is taken for broken; None = not known

    def history(self) -> ServiceHistory:
        """Return it as decisions take it."""
        return ServiceHistory(
            first_day=self.first_day,
            daily_mean=self.daily_mean,
            gaps=frozenset(self.gaps),
            silent=self.silent,
            missed=self.missed,
        )


class BaselineState(msgspec.Struct, frozen=True, kw_only=True):
    """The baseline of one day, apart from levels and shapes."""

    services: dict[str, StoredHistory] = {}
    regions: dict[str, int] = {}  # kind -> how many
    silences: dict[str, tuple[Silence, ...]] = {}  # by service: those of the last days, as they were noticed
    listened: dict[str, int] = {}  # by service: when it was first heard live; nothing was missed before


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredShape:
    """The shape of a service."""

    through_day: int
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDay:
    """The baseline that a day begins with."""

    day: int
    state: BaselineState
    shapes: dict[str, StoredShape]  # those that changed
    imported: tuple[str, ...]  # services whose past changed: their levels are to be made anew
    new_gaps: dict[str, tuple[int, ...]]  # days on which the feed of a service was found to be broken
    new_silent: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)  # and stretches of local hours


class PastCounts(Protocol):
    """What was counted up to a day."""

    def service_days(self, service: str, before_day: int) -> Mapping[int, int]:
        """Return the complaints of a service by local day, before a day."""
        ...

    def service_hours(self, service: str, from_hour: int, before_hour: int) -> Mapping[int, int]:
        """Return the complaints of a service by local hour, from one hour and before another; it may hold others."""
        ...

    def source_hours(self, service: str, from_hour: int, before_hour: int) -> Mapping[str, Mapping[int, int]]:
        """Return the complaints of a service by source and local hour, without imported history."""
        ...

    def regions_by_kind(self) -> Mapping[str, int]:
        """Return how many regions there are of each kind."""
        ...


def begin_day(
    counts: PastCounts,
    day: int,
    services: Iterable[str],
    local: LocalTime,
    before: BaselineState,
    shapes: Mapping[str, Shape] | None = None,
) -> NewDay:
    """Make the baseline of a day from the counts of the days before it; `shapes` are those in force by service.

    The shape of a service is made anew when another week is complete, or when its past has changed by an import.
    """
    histories: dict[str, StoredHistory] = {}
    changed: dict[str, StoredShape] = {}
    imported: list[str] = []
    gaps: dict[str, tuple[int, ...]] = {}
    silences: dict[str, tuple[tuple[int, int], ...]] = {}
    for service in services:
        days = counts.service_days(service, day)
        if not days:
            continue
        known = before.services.get(service)
        silent = known.silent if known is not None else ()
        oldest = min([day - LOOKED_BACK_DAYS, *(first // HOURS_PER_DAY for first, _ in silent)])
        hours = counts.service_hours(service, oldest * HOURS_PER_DAY, day * HOURS_PER_DAY)
        silent = without_filled(silent, hours)
        missed = known.missed if known is not None else ()
        history = service_history(days, day, silent, missed)
        weeks = (day - history.first_day) // 7
        if known is None or _past_changed(days, history, known):
            imported.append(service)
        if weeks > 0 and (service in imported or known is None or weeks != known.weeks):
            all_hours = counts.service_hours(service, history.first_day * HOURS_PER_DAY, day * HOURS_PER_DAY)
            weights = shape_weights(all_hours, history.first_day, weeks, local, history.not_learnt_hours())
            changed[service] = StoredShape(through_day=history.first_day + 7 * weeks - 1, weights=weights)
        allowed = None
        if weeks >= WEEKS_AT_LEAST and history.daily_mean is not None:
            in_force = changed.get(service)
            shape = (shapes or {}).get(service) if in_force is None else Shape(in_force.weights, local)
            if shape is not None:
                quiet = quiet_stretches(hours, through_day=day - 1, daily_mean=history.daily_mean, shape=shape)
                allowed, silent = patience(quiet), tuple(sorted({*silent, *broken(quiet)}))
                heard = counts.source_hours(service, (day - LOOKED_BACK_DAYS) * HOURS_PER_DAY, day * HOURS_PER_DAY)
                missed = missed_sources(
                    heard, hours, missed, through_day=day - 1, daily_mean=history.daily_mean, shape=shape
                )
        histories[service] = StoredHistory(
            first_day=history.first_day,
            daily_mean=history.daily_mean,
            gaps=tuple(sorted(history.gaps)),
            weeks=weeks,
            through_day=day - 1,
            complaints=sum(days.values()),
            silent=tuple(each for each in silent if each[0] >= (day - HISTORY_DAYS_AT_MOST) * HOURS_PER_DAY),
            missed=tuple(each for each in missed if each.until_hour >= (day - HISTORY_DAYS_AT_MOST) * HOURS_PER_DAY),
            patience=allowed,
        )
        if new := history.gaps - set(known.gaps if known is not None else ()):
            gaps[service] = tuple(sorted(new))
        if stretches := set(histories[service].silent) - set(known.silent if known is not None else ()):
            silences[service] = tuple(sorted(stretches))
    return NewDay(
        day=day,
        state=BaselineState(
            services=histories,
            regions=dict(counts.regions_by_kind()),
            silences=_recent(before.silences, local.instant(day * US_PER_DAY) - KEPT_US),
            listened=before.listened,
        ),
        shapes=changed,
        imported=tuple(imported),
        new_gaps=gaps,
        new_silent=silences,
    )


def _recent(silences: Mapping[str, tuple[Silence, ...]], since_us: int) -> dict[str, tuple[Silence, ...]]:
    kept = {service: tuple(one for one in ones if one.until_us > since_us) for service, ones in silences.items()}
    return {service: ones for service, ones in kept.items() if ones}


def _past_changed(days: Mapping[int, int], history: ServiceHistory, known: StoredHistory) -> bool:
    past = sum(complaints for day, complaints in days.items() if day <= known.through_day)
    return history.first_day != known.first_day or past - known.complaints > IMPORTED_SHARE * past
