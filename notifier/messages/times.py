"""Instants, numbers and money in words: in the zone and form of the reader, "today" by the minute it was made."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Self
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

from notifier.domain.money import to_decimal
from notifier.messages.phrases import Words

SPACES = {"\u202f": " ", "\u00a0": " "}  # Babel's narrow spaces force encodings and show as boxes on old phones
ABOUT = timedelta(minutes=5)  # "since about 2:10": nobody knows it to the minute

_ONE_O_CLOCK = re.compile(r"0?1\b")


class Moment(str):
    """An instant in words, as it stands after "by" or "since"; `at` is how it stands alone: "at 3:20 am"."""

    __slots__ = ("at",)
    at: str

    def __new__(cls, text: str, at: str = "") -> Self:
        """Return the words in both forms."""
        moment = super().__new__(cls, text)
        moment.at = at
        return moment


NEVER = Moment("")


class ReaderTimes:
    """Words instants for one reader; `zones` may be several joined by "|", which is then said with each time.

    `country` completes a locale that names none; with `sms`, signs and dates have their short form.
    """

    def __init__(
        self, words: Words, locale: str, zones: str, at: datetime, *, country: str = "", sms: bool = False
    ) -> None:
        self.locale = babel_locale(locale, country)
        self._words, self.is_for_text = words, sms
        self._signs = (words.clock_sms or words.clock) if sms else words.clock
        names = zones.split("|")
        self._zone = _zone(names[0])
        self._say_zone = len(names) > 1
        self._today = at.astimezone(self._zone).date()

    def moment(self, instant: datetime | None) -> Moment:
        """Return "6:30 am today", with the day always named; "" for None."""
        return NEVER if instant is None else self._with_day(instant, name_today=True)

    def brief(self, instant: datetime | None) -> Moment:
        """Return "6:30 am", with the day only when it is not today; "" for None."""
        return NEVER if instant is None else self._with_day(instant, name_today=False)

    def about(self, instant: datetime | None, *, after: datetime | None = None) -> Moment:
        """Return the instant as `brief` does, rounded down to five minutes unless that takes it back behind `after`."""
        if instant is None:
            return NEVER
        rounded = instant - timedelta(minutes=instant.minute % 5, seconds=instant.second)
        return self.brief(instant if after is not None and rounded < after <= instant else rounded)

    def window(self, start: datetime | None, end: datetime | None) -> str:
        """Return "tomorrow from 1:00 am to 5:00 am", or from one day to another; "" without a start or an end."""
        if start is None or end is None:
            return ""
        begins, ends = start.astimezone(self._zone), end.astimezone(self._zone)
        if begins.date() != ends.date():
            return self._words.window_of_days.format_map({"from": self.moment(start), "until": self.moment(end)})
        values = {"day": self._day(begins.date()), "from": self._clock(begins), "until": self._clock(ends)}
        return self._words.window.format_map(values)

    def duration(self, length: timedelta) -> str:
        """Return "7 hours 10 minutes", or "3 days 4 hours" from two days on; "" when under a minute."""
        minutes = int(length.total_seconds()) // 60
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24) if hours >= 48 else (0, hours)
        parts = [(days, "day"), (hours, "hour"), (0 if days else minutes, "minute")]
        return " ".join(self._unit(count, unit) for count, unit in parts if count)

    def number(self, value: int) -> str:
        """Return a number as the locale writes it."""
        return _plain(format_decimal(value, locale=self.locale))

    def money(self, minor: int, currency: str) -> str:
        """Return an amount as the locale writes it; "" for none."""
        if minor <= 0:
            return ""
        return _plain(format_currency(to_decimal(minor, currency), currency, locale=self.locale))

    def month(self, month: int) -> str:
        """Return the name of a month such as 202612; "" for 0."""
        return str(self.locale.months["stand-alone"]["wide"][month % 100]) if month else ""

    def listed(self, names: Sequence[str]) -> str:
        """Return "A", "A and B" or "A, B, and C" as the locale does."""
        return names[0] if len(names) == 1 else format_list(list(names), locale=self.locale)

    def _unit(self, count: int, unit: str) -> str:
        if self.is_for_text and unit != "day":
            return f"{count} {'h' if unit == 'hour' else 'min'}"
        return _plain(format_unit(count, unit, locale=self.locale))

    def _with_day(self, instant: datetime, *, name_today: bool) -> Moment:
        local = instant.astimezone(self._zone)
        clock = self._clock(local)
        words = self._words
        match (local.date() - self._today).days:
            case 0:
                text = words.today.format(time=clock) if name_today else clock
                return Moment(text, words.at.format(moment=text))
            case 1:
                text = words.tomorrow.format(time=clock)
            case -1:
                text = words.yesterday.format(time=clock)
            case _:
                text = words.other_day.format(time=clock, date=self._date(local.date()))
        return Moment(text, (words.at_other_day or words.at).format(moment=text))

    def _day(self, day: date) -> str:
        match (day - self._today).days:
            case 0:
                return self._words.day_today
            case 1:
                return self._words.day_tomorrow
            case _:
                return self._words.day_other.format(date=self._date(day))

    def _clock(self, local: datetime) -> str:
        text = _plain(format_time(local.time(), "short", locale=self.locale))
        for sign, replacement in self._signs.items():
            text = text.replace(sign, replacement)
        is_one = self._words.hour_one and _ONE_O_CLOCK.match(text)
        text = (self._words.hour_one if is_one else self._words.hour).format(time=text)
        return f"{text} {local.tzname()}" if self._say_zone else text

    def _date(self, day: date) -> str:
        pattern = self._words.date_sms if self.is_for_text else self._words.date
        if pattern:
            return _plain(format_date(day, pattern, locale=self.locale))
        return _plain(format_skeleton("MMMEd", day, locale=self.locale))


@lru_cache(maxsize=64)
def babel_locale(name: str, country: str = "") -> Locale:
    """Return Babel's locale for a tag such as `en`, `en-GB` or `es_US`; a region it does not know is left out.

    A tag without a region is read as of `country`, where that is known: Spanish in the US has am and pm.
    """
    tag = name.replace("-", "_")
    for each in (f"{tag}_{country}" if country and "_" not in tag else tag, tag):
        try:
            return Locale.parse(each)
        except (ValueError, UnknownLocaleError):
            continue
    return Locale.parse(tag.split("_")[0])


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _plain(text: str) -> str:
    for narrow, space in SPACES.items():
        text = text.replace(narrow, space)
    return text
