"""Preferences: what a contact point may set for itself, and what changes when it saves its page.

In: the settings as they are, and the choices of a form. Out: the changes, or the mistakes in words that a catalogue
has. A setting that was not changed is not written, so that a yes is never made out of a basis by saving a page.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from notifier.domain.consent import Purpose
from notifier.domain.notification import Channel

MINUTES_A_DAY = 24 * 60
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::00)?", re.ASCII)


class Mistake(StrEnum):
    """What cannot be saved, by its name in the catalogue of words."""

    HOURS_INCOMPLETE = "hours_incomplete"  # only one of the two
    HOURS_WRONG = "hours_wrong"  # no time of the day
    HOURS_EQUAL = "hours_equal"  # it would be the whole day
    LANGUAGE_UNKNOWN = "language_unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site as the page names it."""

    id: int
    name: str  # street line or label; "" when nothing is on file
    heard_of: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident that is going on."""

    id: int
    service: str
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The settings of a contact point as they are."""

    contact_point_id: int
    masked: str  # the address, as much of it as a page may show
    locale: str  # as it is on file; "" = the company's
    language: str  # of messages, in which it is written to
    stopped: bool  # written to about nothing, because it said so
    blocked: bool  # written to about nothing, for another reason
    purposes: frozenset[Purpose]  # it is written to about, were it not stopped
    channels: tuple[Channel, ...]  # that can reach it
    channels_off: frozenset[Channel]
    quiet: tuple[int, int] | None  # minutes after local midnight: from, until
    sites: tuple[Site, ...]
    incidents: tuple[Incident, ...]

    @property
    def fingerprint(self) -> str:
        """Return what is different whenever a setting is."""
        said = (
            self.language,
            self.stopped,
            self.blocked,
            sorted(self.purposes),
            sorted(self.channels_off),
            self.quiet,
            [(site.id, site.heard_of) for site in self.sites],
            [(incident.id, incident.paused) for incident in self.incidents],
        )
        return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a form says: all of the page."""

    locale: str
    purposes: frozenset[Purpose]
    channels: frozenset[Channel]
    quiet_from: str = ""  # as typed: "22:00", or nothing
    quiet_until: str = ""
    sites: frozenset[int] = frozenset()  # heard of
    paused: frozenset[int] = frozenset()  # incidents


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is different between the settings and the choices; None and empty mean nothing."""

    locale: str | None = None
    purposes: Mapping[Purpose, bool] = field(default_factory=dict)
    channels_off: frozenset[Channel] | None = None
    quiet: tuple[int, int] | None = None
    quiet_changed: bool = False
    mute: frozenset[int] = frozenset()
    unmute: frozenset[int] = frozenset()
    pause: frozenset[int] = frozenset()
    unpause: frozenset[int] = frozenset()

    def named(self) -> list[str]:
        """Return the names of what changes, for the audit log: no value and no address."""
        names = {
            "language": self.locale is not None,
            "channels": self.channels_off is not None,
            "quiet hours": self.quiet_changed,
            "sites": bool(self.mute or self.unmute),
            "pauses": bool(self.pause or self.unpause),
        }
        return [f"consent.{purpose}" for purpose in self.purposes] + [name for name, is_new in names.items() if is_new]


def compare(now: Preferences, wanted: Choices, locales: Mapping[str, object]) -> Changes | list[Mistake]:
    """Return what changes, or what is wrong; sites and incidents that are not the contact point's are no choices."""
    mistakes = []
    if wanted.locale and wanted.locale not in locales:
        mistakes.append(Mistake.LANGUAGE_UNKNOWN)
    quiet = parse_hours(wanted.quiet_from, wanted.quiet_until)
    if isinstance(quiet, Mistake):
        mistakes.append(quiet)
        quiet = None
    if mistakes:
        return mistakes
    known = frozenset(now.channels)
    off = known - wanted.channels
    return Changes(
        locale=wanted.locale if wanted.locale and wanted.locale != now.language else None,
        purposes={
            purpose: purpose in wanted.purposes
            for purpose in Purpose
            if (purpose in wanted.purposes) != (purpose in now.purposes)
        },
        channels_off=off if off != now.channels_off & known else None,
        quiet=quiet,
        quiet_changed=quiet != now.quiet,
        mute=frozenset(site.id for site in now.sites if site.heard_of and site.id not in wanted.sites),
        unmute=frozenset(site.id for site in now.sites if not site.heard_of and site.id in wanted.sites),
        pause=frozenset(each.id for each in now.incidents if not each.paused and each.id in wanted.paused),
        unpause=frozenset(each.id for each in now.incidents if each.paused and each.id not in wanted.paused),
    )


def parse_hours(begin: str, end: str) -> tuple[int, int] | Mistake | None:
    """Return quiet hours in minutes after midnight, None when there are none, or what is wrong with them.

    They may go over midnight: from 22:00 until 7:00.
    """
    begin, end = begin.strip(), end.strip()
    if not begin and not end:
        return None
    if not begin or not end:
        return Mistake.HOURS_INCOMPLETE
    first, last = minutes(begin), minutes(end)
    if first is None or last is None:
        return Mistake.HOURS_WRONG
    return Mistake.HOURS_EQUAL if first == last else (first, last)


def minutes(text: str) -> int | None:
    """Return a time of the day in minutes after midnight, or None when it is none."""
    match = _TIME.fullmatch(text)
    return None if match is None else int(match[1]) * 60 + int(match[2])


def clock_time(at: int) -> str:
    """Return minutes after midnight as a form field holds them: 22:00."""
    return f"{at % MINUTES_A_DAY // 60:02d}:{at % 60:02d}"
