"""Whose wall clock the days and hours of a backtest are of: the one the file itself shows, or a zone that is named.

The daemon has one clock, that of the company. A file says which by the offsets of its rows, and where they change with
the seasons, so does the clock. A file from several zones at once shows several clocks; then one has to be named.
"""

from array import array
from zoneinfo import ZoneInfoNotFoundError

from notifier.domain.errors import InvalidInput
from notifier.domain.local_time import US_PER_DAY, US_PER_SECOND, LocalTime

BACK_AFTER_US = 7 * US_PER_DAY  # no season is shorter: an offset that is back sooner was another region's all the time


def clock_of(zone: str, at_us: "array[int]", offset_s: "array[int]") -> LocalTime:
    """Return the clock of a zone, or without one that of a file; UTC where the file shows several at once.

    `at_us` ascends. Raises `InvalidInput` when there is no such zone.
    """
    if zone:
        try:
            return LocalTime(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            expected = "an IANA name, such as America/Los_Angeles"
            raise InvalidInput(f"there is no time zone '{zone}'", field="zone", value=zone, expected=expected) from None
    offsets: list[tuple[int, int]] = []
    left: dict[int, int] = {}  # offset -> when it was shown last
    for at, seconds in zip(at_us, offset_s, strict=True):
        offset = seconds * US_PER_SECOND
        if offsets and offset == offsets[-1][1]:
            continue
        if offset in left and at - left[offset] < BACK_AFTER_US:
            return LocalTime("UTC")
        if offsets:
            left[offsets[-1][1]] = at
        offsets.append((at, offset))
    return LocalTime.of_offsets("of the file", offsets or [(0, 0)])
