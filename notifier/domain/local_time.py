"""Local time: the wall clock of the company, of instants given as microseconds since 1970-01-01 UTC.

Days and hours of complaints are those of the company (`regions.time_zone`), counted from 1970-01-01 00:00 as its clocks
show it. Elapsed time is real, also where clocks are changed. Everything here is a value: nothing asks what time it is.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

US_PER_SECOND = 1_000_000
US_PER_HOUR = 3600 * US_PER_SECOND
US_PER_DAY = 24 * US_PER_HOUR
HOURS_PER_DAY = 24
HOURS_PER_WEEK = 168
EPOCH_HOUR_OF_WEEK = 3 * 24  # 1970-01-01 was a Thursday; Monday 00:00 is hour 0
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

    def of_week(self, at_us: int) -> tuple[int, int, int, float]:
        """Return (which of `offsets`, week, hour of the week, part of that hour) as the wall clock shows an instant."""
        segment = self.segment(at_us)
        hour, rest = divmod(at_us + self.offsets[segment], US_PER_HOUR)
        week, of_week = divmod(hour + EPOCH_HOUR_OF_WEEK, HOURS_PER_WEEK)
        return segment, week, of_week, rest / US_PER_HOUR

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
