"""Times as operators type and read them: `6:30`, `+2h`, ISO; always echoed with date, zone and distance.

A `Moment` is the daemon's clock and a `Zone`; nothing here reads the time itself, so a rehearsed clock works as well.
Typed times that could mean two days or two instants are refused with what to type instead, never guessed: at 03:00 a
wrong guess is told to thousands.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

from notifier.domain.errors import InvalidInput

_AHEAD = re.compile(
    r"^(?P<sign>[+-])\s*(?:(?P<days>\d{1,3})\s*d(?:ays?)?)?\s*(?:(?P<hours>\d{1,4})\s*h(?:ours?)?)?"
    r"\s*(?:(?P<minutes>\d{1,5})\s*(?:m|min|minutes?)?)?$",
    re.ASCII,
)
_OF_DAY = re.compile(r"^(?:(?P<day>\w+) )?(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))? ?(?P<half>am|pm)?$", re.ASCII)
_ISO = re.compile(r"^\d{4}-\d{2}-\d{2}[t ]\d{2}:\d{2}", re.ASCII)
_UTC = re.compile(r"\b(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2})(?!:?\d)(?: UTC\b)?", re.ASCII)
_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1}
_EXAMPLES = "6:30, tomorrow 6:30, +2h, +90m or 2026-06-27T06:30"


@dataclass(frozen=True, slots=True)
class Zone:
    """The zone in which times are typed and shown; without `info` it is the zone of this machine."""

    info: tzinfo | None = None

    def show(self, instant: datetime) -> datetime:
        """Return the instant as a local, aware time."""
        return instant.astimezone(self.info)

    def instant(self, local: datetime) -> datetime:
        """Return the instant of a naive local time; raise `InvalidInput` when a clock change makes it none or two."""
        earlier, later = (self._attach(local.replace(fold=fold)) for fold in (0, 1))
        if self.show(earlier.astimezone(UTC)).replace(tzinfo=None, fold=0) != local:
            raise InvalidInput(f"there is no {local:%H:%M} on {local:%-d %B}: the clocks go forward")
        if earlier.utcoffset() != later.utcoffset():
            choices = " or ".join(each.isoformat(timespec="minutes") for each in (earlier, later))
            raise InvalidInput(f"{local:%H:%M} on {local:%-d %B} comes twice: the clocks go back", expected=choices)
        return earlier.astimezone(UTC)

    def _attach(self, local: datetime) -> datetime:
        return local.astimezone() if self.info is None else local.replace(tzinfo=self.info)


@dataclass(frozen=True, slots=True)
class Moment:
    """The daemon's clock now, and the zone in which it is shown."""

    now: datetime
    zone: Zone = field(default_factory=Zone)

    def short(self, instant: datetime) -> str:
        """Say when: `04:10 PDT (in 12 min)`, with the date when it is not today."""
        return f"{self.clock(instant)} {zone_name(self.zone.show(instant))} ({self.distance(instant)})"

    def clock(self, instant: datetime) -> str:
        """Say when, for tables and lists: `04:10`, or `27 Jun 04:10` on another day."""
        local, today = self.zone.show(instant), self.zone.show(self.now)
        if local.date() == today.date():
            return f"{local:%H:%M}"
        return f"{local:%-d %b %H:%M}" if local.year == today.year else f"{local:%-d %b %Y %H:%M}"

    def in_full(self, instant: datetime) -> str:
        """Echo a time that was typed: `06:30 PDT today, Sat 27 June 2026 (in 2 h 51)`."""
        local, today = self.zone.show(instant), self.zone.show(self.now).date()
        name = {0: " today", 1: " tomorrow", -1: " yesterday"}.get((local.date() - today).days, "")
        return f"{local:%H:%M} {zone_name(local)}{name}, {local:%a %-d %B %Y} ({self.distance(instant)})"

    def distance(self, instant: datetime) -> str:
        """Say how far away: `in 12 min`, `5 min ago`, `in 2 h 51`, `now`."""
        seconds = round((instant - self.now).total_seconds())
        words = duration(timedelta(seconds=abs(seconds)))
        return "now" if seconds == 0 else f"in {words}" if seconds > 0 else f"{words} ago"

    def localised(self, text: str) -> str:
        """Return a text of the daemon with its UTC times (2026-06-27 13:30 UTC) in the zone of the reader."""

        def local(match: re.Match[str]) -> str:
            try:
                instant = self.zone.show(datetime.fromisoformat(f"{match[1]}T{match[2]}Z"))
            except ValueError:
                return match[0]
            year = "" if instant.year == self.zone.show(self.now).year else f" {instant:%Y}"
            return f"{instant:%a %-d %b}{year} {instant:%H:%M} {zone_name(instant)}"

        return _UTC.sub(local, text)


def future(text: str, moment: Moment) -> datetime:
    """Read a typed time that must lie ahead; raise `InvalidInput` saying what to type when it does not."""
    instant, is_day_said = _read(text, moment)
    if instant > moment.now:
        return instant
    if is_day_said:
        raise InvalidInput(f"{moment.in_full(instant)} has passed", value=text, expected="a time ahead of us")
    local = moment.zone.show(instant)
    choices = [f"'tomorrow {local:%-H:%M}'", "+2h"]
    if local.hour < 12 and instant + timedelta(hours=12) > moment.now:
        choices.insert(0, f"{local.hour + 12}:{local:%M}")
    reason = f"{local:%H:%M} {zone_name(local)} today has passed ({moment.distance(instant)})"
    raise InvalidInput(reason, value=text, expected=" or ".join(choices))


def past(text: str, moment: Moment) -> datetime:
    """Read a typed time that must not lie ahead, such as when an outage began; raise `InvalidInput` when it does."""
    instant, is_day_said = _read(text, moment)
    if instant <= moment.now:
        return instant
    expected = "a time that has passed"
    if not is_day_said:
        expected = f"'yesterday {moment.zone.show(instant):%-H:%M}' or -40m"
    raise InvalidInput(f"{moment.in_full(instant)} is still ahead", value=text, expected=expected)


def duration(length: timedelta) -> str:
    """Say how long: `45 s`, `12 min`, `2 h 51`, `3 days 4 h`."""
    seconds = round(length.total_seconds())
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02}" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} days {hours} h" if hours else f"{days} days"


def zone_name(local: datetime) -> str:
    """Name the zone of an aware time: `PDT`, or `UTC-03:00` where the zone has no letters."""
    name = local.tzname() or ""
    if name.isalpha() or name.startswith("UTC"):
        return name
    offset = local.strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:5]}"


def _read(text: str, moment: Moment) -> tuple[datetime, bool]:
    """Return the instant, and whether the day was said."""
    words = " ".join(text.lower().split())
    for form in _FORMS:
        found = form(words, moment)
        if found is not None:
            return found
    raise InvalidInput(f"'{text}' is not a time", value=text, expected=_EXAMPLES)


def _ahead(words: str, moment: Moment) -> tuple[datetime, bool] | None:
    match = _AHEAD.match(words)
    if match is None or not any(match[name] for name in ("days", "hours", "minutes")):
        return None
    if words[-1].isdigit() and not match["hours"]:
        raise InvalidInput(f"'{words}' has no unit", value=words, expected=f"{words}m or {words}h")
    length = timedelta(**{name: int(match[name] or 0) for name in ("days", "hours", "minutes")})
    return moment.now + (length if match["sign"] == "+" else -length), True


def _of_day(words: str, moment: Moment) -> tuple[datetime, bool] | None:
    match = _OF_DAY.match(words)
    if match is None or (match["minute"] is None and match["half"] is None):
        return None
    if match["day"] and match["day"] not in _DAYS:
        return None
    hour, minute, half = int(match["hour"]), int(match["minute"] or 0), match["half"]
    if minute > 59 or not (1 <= hour <= 12 if half else hour <= 23):
        raise InvalidInput(f"'{words}' is not a time of day", value=words, expected="0:00 to 23:59")
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    on = moment.zone.show(moment.now).date() + timedelta(days=_DAYS.get(match["day"] or "today", 0))
    local = datetime(on.year, on.month, on.day, hour, minute)  # noqa: DTZ001 - a wall clock; Zone.instant attaches the zone
    return moment.zone.instant(local), bool(match["day"])


def _iso(words: str, moment: Moment) -> tuple[datetime, bool] | None:
    if not _ISO.match(words):
        return None
    try:
        instant = datetime.fromisoformat(words.upper())
    except ValueError:
        return None
    return (moment.zone.instant(instant) if instant.tzinfo is None else instant.astimezone(UTC)), True


_FORMS: tuple[Callable[[str, Moment], tuple[datetime, bool] | None], ...] = (_ahead, _of_day, _iso)


def instant(value: object) -> datetime | None:
    """Read an instant from among the facts of an answer, which are JSON of any kind."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
