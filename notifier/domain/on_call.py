"""On-call: who of the company is woken, when, and what their answers may do.

An alarm is a need that wakes people. A call is one person woken about one or more alarms, by all their routes at once.
Comes in: alarms, the calls made so far, the answers. Goes out: whom to call now, and about what. It never gives up:
while an alarm stands and nobody has answered, there is always a next call, also after the last one of the list.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

GATHER = timedelta(minutes=2)
"""Nobody is called twice within this time: what comes up meanwhile is one call."""
PAUSE_AT_MOST = timedelta(hours=1)  # between two rounds through the list, unless `answer_within` is longer
WAIT_FOR = timedelta(minutes=30)  # after an answer, before the same is asked again
WAIT_AT_LEAST = timedelta(minutes=5)
LAST_WORD = timedelta(minutes=5)  # before a promise falls due it is asked again, whatever was answered
DECIDES_FOR = timedelta(hours=2)  # an older call has nothing to decide any more


class CallReason(StrEnum):
    """What people are woken for, most urgent first."""

    PROMISE_IN_DANGER = "promise_in_danger"  # customers were given a time, and it lapses or has lapsed without a word
    APPROVAL_WAITING = "approval_waiting"  # an update waits for a second person
    EVENT = "event"  # incidents of a storm are suspected: its commander is called, once for all of them
    SUSPECTED = "suspected"  # complaints are evidence of an outage, and nobody has been told
    CONFIRMED_BY_ITSELF = "confirmed_by_itself"  # the daemon has confirmed an incident, and customers are told
    PROVIDER_STOPPED = "provider_stopped"  # nothing goes out on a channel
    ALARM = "alarm"  # a machine reports a fault where no incident is open
    SOURCE_SILENT = "source_silent"  # an intake source says nothing for longer than it ever does
    TEST = "test"  # somebody tries whether people are reached


class Route(StrEnum):
    """How a person is reached."""

    SMS = "sms"
    EMAIL = "email"
    WEBHOOK = "webhook"


class Verb(StrEnum):
    """What a person on call may answer."""

    SEND = "send"  # suspected: confirm it and tell customers
    YES = "yes"  # approval: approve it; SEND means the same there
    WAIT = "wait"  # I know; ask me again later
    NO = "no"  # suspected: it is nothing; approval: reject it


class Says(StrEnum):
    """What a message to a person on call says."""

    CALL = "call"  # you are needed
    ANSWERED = "answered"  # somebody has it: only routes that show who has what
    OVER = "over"  # nothing needs you any more


class RouteState(StrEnum):
    """Where a message on one route stands."""

    WAITING = "waiting"  # to be handed over, the first time or again
    HANDED_OVER = "handed_over"  # the provider has it
    FAILED = "failed"  # never like this, or tried long enough


class CallOutcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"  # the person answered it
    ELSEWHERE = "elsewhere"  # somebody else answered, or acted on the incident
    OVER = "over"  # what it was about vanished by itself
    UNANSWERED = "unanswered"  # the time went by, and the next one was called
    UNREACHABLE = "unreachable"  # every route failed


# --- what wakes ------------------------------------------------------------------------------------------------------


def alarm_key(reason: CallReason, *which: object) -> str:
    """Return what makes an alarm the same as before: its reason, and the incident, broadcast or name it is about."""
    return " ".join((str(reason), *map(str, which)))


def event_of(key: str) -> int | None:
    """Return the event that an alarm is about, or None when it is about no event."""
    words = key.split(" ")
    at = words.index(CallReason.EVENT) if CallReason.EVENT in words[:2] else len(words)
    return int(words[at + 1]) if at + 1 < len(words) and words[at + 1].isdecimal() else None


def most_urgent(reasons: Iterable[CallReason]) -> CallReason:
    """Return the reason under which a call about several alarms is counted."""
    return min(reasons, key=list(CallReason).index)


def answers_of(reasons: Sequence[CallReason], *, may_approve: bool = True, may_send: bool = True) -> tuple[Verb, ...]:
    """Return what may be answered to a call about alarms of these reasons; of several, each is decided by itself.

    `may_send`: the place of what is suspected is settled, so that it may be told by somebody who has not looked.
    """
    match list(reasons):
        case [CallReason.SUSPECTED]:
            return (Verb.SEND, Verb.WAIT, Verb.NO) if may_send else (Verb.WAIT, Verb.NO)
        case [CallReason.APPROVAL_WAITING] if may_approve:
            return (Verb.YES, Verb.NO, Verb.WAIT)
        case _:
            return (Verb.WAIT,)


def asked_again_at(now: datetime, due_at: datetime | None) -> datetime:
    """Return until when an answered alarm rests: half an hour, or until shortly before its promise falls due."""
    at = now + WAIT_FOR
    if due_at is None or due_at <= now:
        return at
    return min(at, max(now + WAIT_AT_LEAST, due_at - LAST_WORD))


# --- whom to call ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """The people, in order, and how long each has to answer."""

    people: tuple[str, ...]
    answer_within: timedelta

    def without(self, names: Iterable[str]) -> "Roster":
        """Return the roster without some people; all of them when nobody would be left."""
        left = tuple(name for name in self.people if name not in set(names))
        return Roster(people=left or self.people, answer_within=self.answer_within)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One person's turn with an alarm that nobody answered."""

    person: str
    called_at: datetime
    is_lost: bool = False  # every route failed: there is nothing to wait for


@dataclass(frozen=True, slots=True, kw_only=True)
class NextCall:
    """Who is called next about an alarm, and when."""

    person: str
    due_at: datetime


def next_call(turns: Sequence[Turn], roster: Roster, *, since: datetime, first: str = "") -> NextCall | None:
    """Return who is called next about an alarm, and when; None only when there is nobody at all.

    `turns` are those since the alarm began, or began again at `since` after an answer of `first`, oldest first. After
    the last one of the list the first is called again, each round after a longer pause.
    """
    order = _beginning_with(first, roster.people)
    if not order:
        return None
    if not turns:
        return NextCall(person=order[0], due_at=since)
    last = turns[-1]
    place = order.index(last.person) if last.person in order else (len(turns) - 1) % len(order)
    following = (place + 1) % len(order)
    if following == 0:
        wait = pause_after(-(-len(turns) // len(order)), roster.answer_within)
    else:
        wait = timedelta() if last.is_lost else roster.answer_within
    return NextCall(person=order[following], due_at=last.called_at + wait)


def pause_after(rounds: int, answer_within: timedelta) -> timedelta:
    """Return how long after the last call of so many rounds the next round begins: doubling, up to an hour."""
    doublings = max(0, min(rounds - 1, 12))
    return min(answer_within * (1 << doublings), max(PAUSE_AT_MOST, answer_within))


def _beginning_with(first: str, people: tuple[str, ...]) -> tuple[str, ...]:
    at = people.index(first) if first in people else 0
    return people[at:] + people[:at]


def gathered(
    waiting: Mapping[str, NextCall], last_called: Mapping[str, datetime], *, now: datetime
) -> dict[str, tuple[str, ...]]:
    """Return, by person, the alarms that one call now is about.

    `waiting` is the next call of each alarm, by its key; `last_called` is when a person was last called about anything.
    Nobody is called twice within `GATHER`, and a call takes along what would be due within it: a storm of alarms is one
    call every two minutes at most, and no alarm waits longer than that.
    """
    calls: dict[str, tuple[str, ...]] = {}
    for person in dict.fromkeys(each.person for each in waiting.values() if each.due_at <= now):
        if person in last_called and now < last_called[person] + GATHER:
            continue
        calls[person] = tuple(
            key for key, each in waiting.items() if each.person == person and each.due_at <= now + GATHER
        )
    return calls


# --- who answers -----------------------------------------------------------------------------------------------------

_BY_SMS = re.compile(r"on-call:(.*) via sms", re.DOTALL)


def actor_name(person: str) -> str:
    """Return under which name the answers of a person by SMS are kept."""
    return f"on-call:{person} via sms"


def person_behind(actor: str) -> str | None:
    """Return which person on call acted, or None when it was a key or the daemon."""
    match = _BY_SMS.fullmatch(actor)
    return match[1] if match else None


def identity(actor: str, keys: Mapping[str, str]) -> str:
    """Return who is behind an actor, whichever way they act; `keys` names the API key of each person on call."""
    person = person_behind(actor)
    return (actor if person is None else keys.get(person) or person).casefold()


# --- how a route is tried again --------------------------------------------------------------------------------------

TRY_FIRST = timedelta(seconds=15)
TRY_AT_MOST = timedelta(minutes=2)


def try_again_after(attempts: int) -> timedelta:
    """Return how long after so many failures a route is tried again: 15 s, 30 s, one minute, then every two."""
    return min(TRY_FIRST * (1 << max(0, min(attempts - 1, 8))), TRY_AT_MOST)


def tried_until(called_at: datetime, answer_within: timedelta) -> datetime:
    """Return until when a failing route is tried again: by then the next one has been called."""
    return called_at + 2 * answer_within
