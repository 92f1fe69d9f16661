"""Instants in words: in the zone and the form of the reader, with "today" by the minute the message was made."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_skeleton, format_time
from babel.lists import format_list
from babel.numbers import format_decimal
from babel.units import format_unit

from notifier.messages.phrases import Words

SPACES = {"\u202f": " ", "\u00a0": " "}  # Babel's narrow spaces force encodings and show as boxes on old phones
ABOUT = timedelta(minutes=5)  # "since about 2:10": nobody knows it to the minute


class ReaderTimes:
    """Words instants for one reader; `zones` may be several joined by "|", which is then said with each time."""

    def __init__(self, words: Words, locale: str, zones: str, at: datetime) -> None:
        self.locale = babel_locale(locale)
        self._words = words
        names = zones.split("|")
        self._zone = _zone(names[0])
        self._say_zone = len(names) > 1
        self._today = at.astimezone(self._zone).date()

    def moment(self, instant: datetime | None) -> str:
        """Return "6:30 am today", with the day always named; "" for None."""
        return "" if instant is None else self._with_day(instant, name_today=True)

    def brief(self, instant: datetime | None) -> str:
        """Return "6:30 am", with the day only when it is not today; "" for None."""
        return "" if instant is None else self._with_day(instant, name_today=False)

    def about(self, instant: datetime | None, *, after: datetime | None = None) -> str:
        """Return the instant as `brief` does, rounded down to five minutes unless that takes it back behind `after`."""
        if instant is None:
            return ""
        rounded = instant - timedelta(minutes=instant.minute % 5, seconds=instant.second)
        return self.brief(instant if after is not None and rounded < after <= instant else rounded)

    def duration(self, length: timedelta) -> str:
        """Return "7 hours 10 minutes", or "3 days 4 hours" from two days on; "" when under a minute."""
        minutes = int(length.total_seconds()) // 60
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24) if hours >= 48 else (0, hours)
        parts = [(days, "day"), (hours, "hour"), (0 if days else minutes, "minute")]
        return " ".join(_plain(format_unit(count, unit, locale=self.locale)) for count, unit in parts if count)

    def number(self, value: int) -> str:
        """Return a number as the locale writes it."""
        return _plain(format_decimal(value, locale=self.locale))

    def listed(self, names: Sequence[str]) -> str:
        """Return "A", "A and B" or "A, B, and C" as the locale does."""
        return names[0] if len(names) == 1 else format_list(list(names), locale=self.locale)

    def _with_day(self, instant: datetime, *, name_today: bool) -> str:
        local = instant.astimezone(self._zone)
        clock = self._clock(local)
        match (local.date() - self._today).days:
            case 0:
                return self._words.today.format(time=clock) if name_today else clock
            case 1:
                return self._words.tomorrow.format(time=clock)
            case -1:
                return self._words.yesterday.format(time=clock)
            case _:
                return self._words.other_day.format(time=clock, date=_date(local.date(), self.locale))

    def _clock(self, local: datetime) -> str:
        text = _plain(format_time(local.time(), "short", locale=self.locale))
        for sign, replacement in self._words.clock.items():
            text = text.replace(sign, replacement)
        return f"{text} {local.tzname()}" if self._say_zone else text


@lru_cache(maxsize=64)
def babel_locale(name: str) -> Locale:
    """Return Babel's locale for a tag such as `en`, `en-GB` or `es_US`; a region it does not know is left out."""
    tag = name.replace("-", "_")
    try:
        return Locale.parse(tag)
    except (ValueError, UnknownLocaleError):
        return Locale.parse(tag.split("_")[0])


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _date(day: date, locale: Locale) -> str:
    return _plain(format_skeleton("MMMEd", day, locale=locale))


def _plain(text: str) -> str:
    for narrow, space in SPACES.items():
        text = text.replace(narrow, space)
    return text
