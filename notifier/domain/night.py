"""The night: whether a message goes to a reader now, waits until they are awake, or goes as a mail instead.

In: the minute, the zones of the sites that the message is about, the playbook's rule, and what is known of the reader.
Out: a decision with its reason. One truth: claims, previews and the times that messages promise all ask here.

A night is an interval of instants, from the first moment at which local clocks show its beginning to the last at which
they show its end. So an hour that comes twice in autumn belongs to it twice, and a time that spring leaves out never
lets anyone be woken early.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from notifier.domain.broadcast import Facts
from notifier.domain.notification import Channel, NotificationFacts
from notifier.domain.playbook import Night, NightDecision, NightRule

CORRECTED_WITHIN = timedelta(minutes=30)  # of what woke somebody: they are told at once that it was nothing
AFTER_RELEASE = timedelta(minutes=15)  # what is told for the hours of sleep is promised for this long after them
_ROUNDS = 8  # zones that take turns in sleeping: after so many nights one is waited for, not all


class Verdict(StrEnum):
    """What becomes of a message now."""

    GOES = "goes"
    WAITS = "waits"  # for the end of the quiet hours
    MAIL = "mail"  # a mail goes in its place


class Why(StrEnum):
    """Why so; the first that applies."""

    MAIL_NEVER_WAKES = "mail_never_wakes"
    SAFETY = "safety"  # the playbook says that life may depend on it
    WROTE = "wrote"  # somebody who has just written is awake
    TEXTED = "texted"  # they were texted about it in this very night, and this is the next word
    OWN_HOURS = "own_hours"  # the reader's own quiet hours: they win, also over priority
    OWN_HOURS_OVER = "own_hours_over"  # the reader's own hours say that it is no night
    CORRECTS_A_WAKE = "corrects_a_wake"  # of what has woken them just now
    WAKE_ALL = "wake_all"  # a person has decided to wake everyone, and said why
    PRIORITY = "priority"  # somebody at one of the sites depends on the service
    DAY = "day"
    RULE_WAKES = "rule_wakes"  # the playbook's rule for this impact
    NIGHT = "night"


@dataclass(frozen=True, slots=True)
class Hours:
    """Quiet hours of every day, in minutes after local midnight; the same twice means none."""

    begins: int
    ends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the night must know of a message."""

    channel: Channel
    hours: Hours  # of the night, by the playbook
    rule: NightDecision  # for the impact
    wakes_all: bool = False  # a reason for it is stored with the broadcast


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What the night must know of a reader."""

    zones: str  # of the sites, several joined by "|" when they differ or nobody knows: all must be awake
    own: Hours | None = None
    is_priority: bool = False
    wrote_recently: bool = False
    corrects_a_wake: bool = False
    has_mail: bool = False  # an address of the same customer and role is on file
    texted_at: datetime | None = None  # the text that this message follows: at night too where it came in this night


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision; `until` is when it may go, of a message that waits."""

    verdict: Verdict
    why: Why
    until: datetime | None = None


def decide(now: datetime, message: Message, reader: Reader) -> Decision:
    """Decide about one message to one reader at this moment."""
    if message.channel is Channel.EMAIL:
        return Decision(Verdict.GOES, Why.MAIL_NEVER_WAKES)
    if message.rule.safety:
        return Decision(Verdict.GOES, Why.SAFETY)
    if reader.wrote_recently:
        return Decision(Verdict.GOES, Why.WROTE)
    if reader.texted_at is not None and _is_of_this_night(reader.texted_at, now, reader, message):
        return Decision(Verdict.GOES, Why.TEXTED)
    if reader.own is not None:
        until = quiet_until(now, reader.zones, reader.own)
        return Decision(Verdict.GOES, Why.OWN_HOURS_OVER) if until is None else _waits(Why.OWN_HOURS, until)
    if message.rule.rule is NightRule.WAKE:
        return Decision(Verdict.GOES, Why.RULE_WAKES)
    until = quiet_until(now, reader.zones, message.hours)
    if until is None:
        return Decision(Verdict.GOES, Why.DAY)
    exempt = (
        (reader.corrects_a_wake, Why.CORRECTS_A_WAKE),
        (message.wakes_all, Why.WAKE_ALL),
        (reader.is_priority, Why.PRIORITY),
    )
    for applies, why in exempt:
        if applies:
            return Decision(Verdict.GOES, why)
    if message.rule.rule is NightRule.EMAIL_ONLY and reader.has_mail:
        return Decision(Verdict.MAIL, Why.NIGHT)
    return _waits(Why.NIGHT, until)


def told_by(promised: datetime, message: Message, reader: Reader) -> datetime:
    """Return by when a reader is told to hear next: as promised to all, unless they sleep then.

    Who would be held at that time is promised a word just after their night. Who will be let through then (priority,
    a mail in its place) is promised what all are. That a person wakes everyone now says nothing about later.
    """
    later = Message(channel=message.channel, hours=message.hours, rule=message.rule)
    then = decide(
        promised,
        later,
        Reader(zones=reader.zones, own=reader.own, is_priority=reader.is_priority, has_mail=reader.has_mail),
    )
    return promised if then.until is None else then.until + AFTER_RELEASE


def as_told(facts: Facts, personal: NotificationFacts) -> Facts:
    """Return the facts of a broadcast as one reader is told them.

    Who was held had been promised nothing for the night, so nothing is said of that promise; but a time that they were
    given, and that has passed meanwhile, was missed. Who was given other times than most is told of those.
    """
    if personal.next_update_by is None and not personal.held and not personal.own_times:
        return facts
    told = replace(
        facts,
        next_update_by=personal.next_update_by or facts.next_update_by,
        previous_update_by=None if personal.held else facts.previous_update_by,
    )
    previous = facts.previous_eta_at
    if personal.own_times:
        previous = personal.previous_eta_at
        automatic = facts.automatic and facts.eta_at is None  # a time that is another one to this reader is news
        told = replace(told, previous_eta_at=previous, missed_eta_at=personal.missed_eta_at, automatic=automatic)
    return replace(told, late=_is_late(told, facts, personal))


def _is_late(told: Facts, facts: Facts, personal: NotificationFacts) -> bool:
    """Tell whether what the watcher says to a reader comes after the time that they were given, or the word."""
    if not told.automatic:
        return False
    if told.previous_eta_at is None:
        return facts.late and facts.previous_eta_at is None and not personal.held
    has_passed = personal.at is not None and told.previous_eta_at <= personal.at
    return has_passed if personal.own_times else facts.late or (personal.held and has_passed)


def quiet_until(now: datetime, zones: str, hours: Hours) -> datetime | None:
    """Return when it is awake in every zone, or None when it is now."""
    names = zones.split("|")
    at = now
    for _ in range(_ROUNDS):
        ends = [end for name in names if (end := _night_around(at, name, hours)) is not None]
        if not ends:
            break
        at = max(ends)
    else:  # nobody is ever awake together: wait for the first night only
        at = max(end for name in names if (end := _night_around(now, name, hours)) is not None)
    return None if at == now else at


def hours_of(night: Night) -> Hours:
    """Return the hours of a playbook's night."""
    return Hours(_minutes(night.begins), _minutes(night.ends))


def rule_of(night: Night, impact: str) -> NightDecision:
    """Return the rule for an impact; one that nobody knows has the rule of the worst."""
    match impact:
        case "degraded":
            return night.degraded
        case "intermittent":
            return night.intermittent
        case _:
            return night.down


def rule_for(night: Night, facts: Facts) -> NightDecision:
    """Return what is done at night with an update: planned work wakes nobody, whatever is done in an outage."""
    decision = rule_of(night, facts.impact)
    if facts.window_from_at is None:
        return decision
    return NightDecision(rule=NightRule.HOLD if decision.rule is NightRule.WAKE else decision.rule)


def _waits(why: Why, until: datetime) -> Decision:
    return Decision(Verdict.WAITS, why, until)


def _is_of_this_night(texted_at: datetime, now: datetime, reader: Reader, message: Message) -> bool:
    """Tell whether a text came in the night that it is now, by the reader's own hours where they have some."""
    hours = reader.own or message.hours
    nights = [night for name in reader.zones.split("|") for night in _nights_around(now, name, hours)]
    return any(begins <= texted_at <= now for begins, _ in nights)


def _night_around(now: datetime, zone: str, hours: Hours) -> datetime | None:
    """Return the end of the night in which an instant lies, or None."""
    return max((end for _, end in _nights_around(now, zone, hours)), default=None)


def _nights_around(now: datetime, zone: str, hours: Hours) -> list[tuple[datetime, datetime]]:
    """Return the nights in which an instant lies, each from its beginning to its end: seldom more than one."""
    if hours.begins == hours.ends:
        return []
    today = now.astimezone(_zone(zone)).date()
    is_past_midnight = hours.ends <= hours.begins
    nights = []
    for day in (today - timedelta(days=1), today, today + timedelta(days=1)):
        begins = _first(day, hours.begins, zone)
        end = _last(day + timedelta(days=1) if is_past_midnight else day, hours.ends, zone)
        if begins <= now < end:
            nights.append((begins, end))
    return nights


@lru_cache(maxsize=4096)
def _first(day: date, minutes: int, zone: str) -> datetime:
    return min(_instants(day, minutes, zone))


@lru_cache(maxsize=4096)
def _last(day: date, minutes: int, zone: str) -> datetime:
    return max(_instants(day, minutes, zone))


def _instants(day: date, minutes: int, zone: str) -> Sequence[datetime]:
    """Return both readings of a local time: they differ only where clocks are changed (PEP 495)."""
    local = datetime.combine(day, time(minutes // 60, minutes % 60), _zone(zone))
    utc = ZoneInfo("UTC")
    return [local.replace(fold=fold).astimezone(utc) for fold in (0, 1)]


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
