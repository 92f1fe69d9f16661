"""Silence: when an intake source has said nothing for longer than it ever does.

A source is measured in its own time: an hour of the day, of working days and of weekends, counts as many units as
complaints usually come in it, so that four silent hours of the night are nothing and twenty silent minutes of the
evening are much. A silence is too long when it is both half as long again as the second longest of the last four weeks
(the longest may have been an outage of the intake itself) and so long that arrivals at random would be that quiet less
than once in ten years.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

SLOT = timedelta(minutes=10)  # the unit in which complaints are counted
LEARNT_FROM = timedelta(days=28)
DAYS_AT_LEAST = 14  # on which something came, before a source is judged at all
SHORTEST = timedelta(minutes=10)  # no silence below this is news, however busy a source is
LONGER_THAN_EVER = 1.5  # times the second longest silence
YEARS_WITHOUT_FALSE_ALARM = 10
LEFT_OUT = 2  # days with the most complaints of an hour: outages, which must not pass for the usual
LOOK_AHEAD_AT_MOST = timedelta(days=30)
_DAY_HOURS = 24
_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How a source usually speaks."""

    hourly: tuple[float, ...]  # complaints to expect in each local hour: 24 of working days, then 24 of weekends
    zone: ZoneInfo
    longest: float  # expected complaints that may fail to come before it is news

    def expected(self, since: datetime, until: datetime) -> float:
        """Return how many complaints usually come between two instants."""
        total, at = 0.0, since
        while at < until:
            end = min(until, _next_hour(at))
            total += self.hourly[_hour_of(at.astimezone(self.zone))] * ((end - at) / timedelta(hours=1))
            at = end
        return total

    def news_at(self, last_at: datetime) -> datetime:
        """Return when the silence since `last_at` becomes news."""
        left, at = self.longest, last_at
        while at < last_at + LOOK_AHEAD_AT_MOST:
            end = _next_hour(at)
            rate = self.hourly[_hour_of(at.astimezone(self.zone))]
            usual = rate * ((end - at) / timedelta(hours=1))
            if usual >= left and rate > 0:
                return max(last_at + SHORTEST, at + timedelta(hours=left / rate))
            left, at = left - usual, end
        return last_at + LOOK_AHEAD_AT_MOST


def slot_of(instant: datetime) -> int:
    """Return the number of the slot an instant lies in, counted from 1970."""
    return int(instant.timestamp() // SLOT.total_seconds())


def learn(slots: Mapping[int, int], zone: ZoneInfo, *, now: datetime) -> Rhythm | None:
    """Return the rhythm of a source from its complaints per slot; None while there is too little to go by."""
    first = slot_of(now - LEARNT_FROM)
    heard = sorted(slot for slot, complaints in slots.items() if complaints and first <= slot <= slot_of(now))
    if not heard:
        return None
    by_hour, days = _by_hour(slots, heard, zone)
    if len(days) < DAYS_AT_LEAST:
        return None
    first_day, today = min(days), now.astimezone(zone).toordinal()
    weekends = sum(1 for day in range(first_day, today + 1) if _is_weekend(day))
    spans = (today + 1 - first_day - weekends, weekends)
    hourly = tuple(_usual(by_hour.get(hour, ()), spans[hour // _DAY_HOURS]) for hour in range(2 * _DAY_HOURS))
    daily = sum(rate * span for rate, span in zip(hourly, _each_hour(spans), strict=True)) / sum(spans)
    if daily <= 0:
        return None
    plain = Rhythm(hourly=hourly, zone=zone, longest=math.inf)
    silences = sorted(
        plain.expected(_begins(before), _begins(after) + SLOT)
        for before, after in pairwise(heard)
        if after > before + 1
    )
    ever = silences[-2] if len(silences) > 1 else 0.0
    by_chance = math.log(max(math.e, daily * 365 * YEARS_WITHOUT_FALSE_ALARM))
    return Rhythm(hourly=hourly, zone=zone, longest=max(LONGER_THAN_EVER * ever, by_chance))


def _by_hour(
    slots: Mapping[int, int], heard: Sequence[int], zone: ZoneInfo
) -> tuple[dict[int, tuple[int, ...]], set[int]]:
    """Return, by hour as in `Rhythm.hourly`, the complaints of each day that had some; and the days."""
    counts: dict[tuple[int, int], int] = {}
    for slot in heard:
        local = _begins(slot).astimezone(zone)
        at = (_hour_of(local), local.toordinal())
        counts[at] = counts.get(at, 0) + slots[slot]
    by_hour: dict[int, tuple[int, ...]] = {}
    for (hour, _), complaints in counts.items():
        by_hour[hour] = (*by_hour.get(hour, ()), complaints)
    return by_hour, {day for _, day in counts}


def _usual(complaints: Sequence[int], days: int) -> float:
    """Return how many complaints come in an hour of the day, without its fullest days."""
    kept = sorted(complaints)[: max(0, len(complaints) - LEFT_OUT)]
    return sum(kept) / max(1, days - LEFT_OUT)


def _each_hour(spans: tuple[int, int]) -> tuple[int, ...]:
    return (spans[0],) * _DAY_HOURS + (spans[1],) * _DAY_HOURS


def _hour_of(local: datetime) -> int:
    """Return the place of a local hour in `Rhythm.hourly`."""
    return local.hour + (_DAY_HOURS if local.weekday() >= _SATURDAY else 0)


def _is_weekend(day: int) -> bool:
    return date.fromordinal(day).weekday() >= _SATURDAY


def _begins(slot: int) -> datetime:
    return datetime.fromtimestamp(slot * SLOT.total_seconds(), UTC)


def _next_hour(at: datetime) -> datetime:
    """Return the next full hour of UTC; of zones with half an hour, half an hour is counted with its neighbour."""
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
