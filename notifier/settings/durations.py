"""Durations as people write them in configuration: `30 s`, `15 min`, `2 h`, `400 days`, also `1 h 30 min`.

A number without a unit is refused, because nobody can tell what it means; so is `m`, which is minutes to some and
months to others.
"""

import re
from datetime import timedelta
from decimal import Decimal

EXPECTED = "a duration such as 30 s, 15 min, 2 h or 400 days"
LONGEST = timedelta(days=36_500)

_MICROSECOND = timedelta(microseconds=1)
_UNITS = {
    "s": timedelta(seconds=1),
    "sec": timedelta(seconds=1),
    "second": timedelta(seconds=1),
    "seconds": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "minute": timedelta(minutes=1),
    "minutes": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "hour": timedelta(hours=1),
    "hours": timedelta(hours=1),
    "d": timedelta(days=1),
    "day": timedelta(days=1),
    "days": timedelta(days=1),
}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?) ?([a-z]+)", re.ASCII)
_WHOLE = re.compile(rf"{_PART.pattern}(?: {_PART.pattern})*", re.ASCII)
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Return the duration that a text means; raise `ValueError` with what is wrong with it."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        raise ValueError(f"has no unit; write '{text} s', '{text} min', '{text} h' or '{text} days'")
    if text.startswith("-"):
        raise ValueError("is negative")
    if not _WHOLE.fullmatch(text):
        raise ValueError("is no duration")
    microseconds = Decimal(0)
    for number, unit in _PART.findall(text):
        if unit not in _UNITS:
            meant = "; write min for minutes" if unit == "m" else ""
            raise ValueError(f"has the unknown unit '{unit}'{meant}")
        microseconds += Decimal(number) * (_UNITS[unit] // _MICROSECOND)
    if microseconds > LONGEST // _MICROSECOND:
        raise ValueError(f"is longer than {LONGEST.days} days")
    return timedelta(microseconds=int(microseconds))


def format_duration(value: timedelta) -> str:
    """Return the shortest text that `parse_duration` reads back as the same value, to the millisecond."""
    for unit, length in (("day", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        if value and value % length == timedelta():
            count = value // length
            return f"{count} {unit}{'s' if unit == 'day' and count != 1 else ''}"
    seconds = Decimal(value // timedelta(milliseconds=1)) / 1000
    return f"{seconds.normalize():f} s"
