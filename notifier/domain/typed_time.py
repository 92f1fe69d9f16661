"""Times as people type them at three in the morning: `6:30`, `6:30 pm`, `+2h`, `+45m`, or ISO.

A time of day is meant in the company's zone and is the next one to come, or the last one gone where the past is
asked for. The caller shows the instant in full, so that a slip is seen before it is sent.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.domain.errors import InvalidInput

EXPECTED = "6:30, 6:30 pm, +2h, +45m, or 2026-03-02T06:30-08:00"
_OF_DAY = re.compile(r"(\d{1,2})[:.](\d{2})\s*([ap]m)?|(\d{1,2})\s*([ap]m)", re.IGNORECASE)
_AHEAD = re.compile(r"([+-])(?:(\d{1,3})\s*h)?\s*(?:(\d{1,4})\s*(?:m|min))?", re.IGNORECASE)


def parse_time(text: str, *, now: datetime, zone: ZoneInfo, field: str, past: bool = False) -> datetime:
    """Return the instant in UTC; raise `InvalidInput` for what is no time."""
    text = text.strip()
    if (ahead := _AHEAD.fullmatch(text)) and (ahead[2] or ahead[3]):
        distance = timedelta(hours=int(ahead[2] or 0), minutes=int(ahead[3] or 0))
        return now + distance if ahead[1] == "+" else now - distance
    if of_day := _OF_DAY.fullmatch(text):
        return _of_day(_clock(of_day, text, field), now=now, zone=zone, past=past)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"'{text}' is not a time", field=field, value=text, expected=EXPECTED) from None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=zone)
    return instant.astimezone(UTC)


def _clock(match: re.Match[str], text: str, field: str) -> tuple[int, int]:
    hour, minute = int(match[1] or match[4]), int(match[2] or 0)
    half = (match[3] or match[5] or "").lower()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif half:
        hour = 24
    if hour > 23 or minute > 59:
        raise InvalidInput(f"'{text}' is not a time of day", field=field, value=text, expected=EXPECTED)
    return hour, minute


def _of_day(clock: tuple[int, int], *, now: datetime, zone: ZoneInfo, past: bool) -> datetime:
    """Return the nearest such time after `now`, or before it."""
    today = now.astimezone(zone)
    days = (0, -1, -2) if past else (0, 1, 2)
    candidates = (
        (today + timedelta(days=day)).replace(hour=clock[0], minute=clock[1], second=0, microsecond=0).astimezone(UTC)
        for day in days
    )
    return next(instant for instant in candidates if (instant <= now if past else instant > now))
