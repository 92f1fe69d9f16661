"""Feeds: complaints that stop coming although some were due are a broken feed, not a quiet service.

In come the counts of a service by local hour, and the times of its complaints as they are decided. Out come silences:
stretches in which nobody could be heard. They are no time at all to the baseline: they are not learnt from, and when
complaints come again nothing is thought to have been quiet. One feed of several that stops is another matter: the
service is still heard. The source itself is missed (`domain/silence.py`), and of the baseline only its share.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

from notifier.domain.local_time import HOURS_PER_DAY, US_PER_HOUR
from notifier.domain.service_history import Missed
from notifier.domain.shape import Shape

WEEKS_AT_LEAST = 4  # of history, before nights and weekends are known well enough to miss anybody
LOOKED_BACK_DAYS = 28
DUE_AT_LEAST = 12.0  # complaints that did not come: by chance once in 160,000 stretches, were they independent
LONGER_THAN_USUAL = 1.5  # times the second longest quiet stretch of four weeks; the longest may be a broken feed
SHORTEST_US = US_PER_HOUR // 2
NOTABLE = 0.1  # of the complaints of a service: with less, a source that is silent is not missed by the baseline
SOURCE_DAYS_AT_LEAST = 14  # of four weeks on which a source was heard, before it is missed
GONE_AFTER_HOURS = 7 * 24  # a source that is silent for longer has gone: what comes without it is usual
KEPT_US = 3 * 24 * US_PER_HOUR  # longer ago a silence is part of no window and of no reference any more


class Quiet(NamedTuple):
    """A stretch of local hours without any complaint of a service."""

    from_hour: int
    until_hour: int
    due: float  # complaints that usually come in it


class Silence(NamedTuple):
    """A stretch of time in which a feed was broken: after one complaint, before the next."""

    from_us: int
    until_us: int


def quiet_stretches(
    hours: Mapping[int, int], *, through_day: int, daily_mean: float, shape: Shape
) -> tuple[Quiet, ...]:
    """Return the stretches between complaints, by local hour, of the last four weeks; `hours` are counts, or more.

    Those in which little was due at the busiest hour of the week decide nothing, and are left out.
    """
    first = (through_day + 1 - LOOKED_BACK_DAYS) * HOURS_PER_DAY
    last = (through_day + 1) * HOURS_PER_DAY - 1
    heard = [hour for hour in sorted(hours.keys() & set(range(first, last + 1))) if hours[hour]]
    busiest = daily_mean / HOURS_PER_DAY * max(shape.weights)
    short = DUE_AT_LEAST / LONGER_THAN_USUAL / busiest - 1 if busiest > 0 else inf  # one hour may come twice
    long = max(short, 0) + 1
    return tuple(
        Quiet(before + 1, after, due_between(before + 1, after, daily_mean=daily_mean, shape=shape))
        for before, after in pairwise([*heard, last + 1] if heard else [])
        if after - before > long
    )


def due_between(from_hour: int, until_hour: int, *, daily_mean: float, shape: Shape) -> float:
    """Return how many complaints usually come in a stretch of local hours."""
    return daily_mean / HOURS_PER_DAY * (shape.until_hour(until_hour) - shape.until_hour(from_hour))


def patience(quiet: Sequence[Quiet]) -> float:
    """Return how many complaints may fail to come before a feed is taken for broken."""
    longest = sorted(stretch.due for stretch in quiet)
    usual = longest[-2] if len(longest) > 1 else 0.0
    return max(DUE_AT_LEAST, LONGER_THAN_USUAL * usual)


def broken(quiet: Sequence[Quiet]) -> tuple[tuple[int, int], ...]:
    """Return the stretches of local hours in which the feed was broken."""
    limit = patience(quiet)
    return tuple((each.from_hour, each.until_hour) for each in quiet if each.due >= limit)


def missed_sources(
    by_source: Mapping[str, Mapping[int, int]],
    hours: Mapping[int, int],
    known: Iterable[Missed],
    *,
    through_day: int,
    daily_mean: float,
    shape: Shape,
) -> tuple[Missed, ...]:
    """Return the stretches of local hours in which one source of several was silent, with the share it usually brings.

    The rule is that of a whole service, for the complaints that usually come from the source. `by_source` and `hours`
    are counts of the last four weeks at least; what was known of earlier ones stays, and a share that was once taken.
    """
    first = (through_day + 1 - LOOKED_BACK_DAYS) * HOURS_PER_DAY
    kept = [each for each in known if each.until_hour <= first]
    shares = {(each.source, each.from_hour): each.share for each in known}
    for source, heard in sorted(by_source.items()):
        since = min(hour for hour in heard if hour >= first)
        share = sum(heard.values()) / sum(number for hour, number in hours.items() if hour >= since)
        if share < NOTABLE or len({hour // HOURS_PER_DAY for hour in heard}) < SOURCE_DAYS_AT_LEAST:
            continue
        quiet = quiet_stretches(heard, through_day=through_day, daily_mean=share * daily_mean, shape=shape)
        kept += [
            Missed(source, begin, until, shares.get((source, begin), share))
            for begin, until in broken(quiet)
            if until - begin <= GONE_AFTER_HOURS and any(hours.get(hour) for hour in range(begin, until))
        ]
    return tuple(sorted(kept))


def without_filled(stretches: Iterable[tuple[int, int]], hours: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    """Return the stretches in which still nothing is counted: what a feed makes up for later is no silence."""
    return tuple(
        (first, until)
        for first, until in stretches
        if not any(hours[hour] for hour in hours.keys() & set(range(first, until)))
    )


def silence_before(at_us: int, last_us: int, *, daily_mean: float, patience: float, shape: Shape) -> Silence | None:
    """Return the silence that ends with a complaint, or None when it is not longer than usual."""
    if at_us - last_us < SHORTEST_US:
        return None
    due = daily_mean / HOURS_PER_DAY * (shape.integral(at_us) - shape.integral(last_us))
    return Silence(last_us, at_us) if due >= patience else None
