"""Events: incidents under one commander. A storm is one, and so far the only kind.

While an incident is in an open event, nothing about it is confirmed by itself and no time is given before somebody has
assessed it; its customers hear at least as often as the cadence says. In: how an incident stands, the event, the
playbook. Out: what may be told, and by when customers hear next.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from msgspec.structs import replace

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.playbook import Playbook

EventId = NewType("EventId", int)

_WITHOUT_A_TIME = (BroadcastKind.ACKNOWLEDGED, BroadcastKind.DELAYED)
FIRST_DAY = timedelta(hours=24)
NAME_LENGTH = 100


class EventKind(StrEnum):
    """What brings incidents under one commander."""

    STORM = "storm"  # more is broken than can be looked at one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEvent:
    """The open event that an incident is in."""

    id: int
    kind: EventKind
    name: str
    service: str
    commander: str
    estimate_by: datetime | None
    opened_at: datetime


def cadence(playbook: Playbook, *, started_at: datetime, now: datetime) -> timedelta:
    """Return the longest silence in an event: every 6 h in the first day of the outage, then every 24 h.

    As the Telecommunications (Customer Communications for Outages) Industry Standard 2024 of Australia asks.
    """
    is_first_day = now < started_at + FIRST_DAY
    return playbook.event_update_within if is_first_day else playbook.event_update_later_within


def in_event(playbook: Playbook, *, started_at: datetime, now: datetime) -> Playbook:
    """Return the playbook with the cadence of an event in the place of its own next update."""
    return replace(playbook, next_update_within=cadence(playbook, started_at=started_at, now=now))


def check_estimate_by(by: datetime, playbook: Playbook, *, now: datetime, take_back: timedelta) -> datetime:
    """Return by when the first estimate is promised, or raise `InvalidInput` when it cannot be stood behind.

    It is the next word that customers hear, so it lies within the cadence.
    """
    latest = now + playbook.event_update_within
    if by.tzinfo is None:
        raise InvalidInput(
            "the time has no zone", field="estimate_by", value=by.isoformat(), expected="2026-03-02T06:30:00-08:00"
        )
    if now + take_back < by <= latest:
        return by
    raise InvalidInput(
        f"the first estimate by {_full(by)} is not within the playbook's event_update_within",
        field="estimate_by",
        value=_full(by),
        expected=f"a time after {_full(now + take_back)} and up to {_full(latest)}; it can be moved before it passes",
    )


def estimate_ahead(event: OpenEvent, *, now: datetime, within: timedelta, take_back: timedelta) -> datetime | None:
    """Return by when customers are promised the first estimate, unless that has passed or is no next word any more."""
    by = event.estimate_by
    return by if by is not None and now + take_back < by <= now + within else None


def kind_in_event(kind: BroadcastKind, facts: Facts, *, is_assessed: bool) -> BroadcastKind:
    """Return what an update is in an event: while nobody has assessed it, one without a time says that we assess.

    Unless customers have a time from before that holds no more: that is `delayed`.
    """
    says_no_time = facts.eta_at is None and facts.previous_eta_at is None
    if kind in _WITHOUT_A_TIME and says_no_time and not is_assessed:
        return BroadcastKind.ASSESSING
    return kind


def require_assessed(event: OpenEvent, incident_id: int, *, is_assessed: bool) -> None:
    """Raise `Refused` when a time would be given for what nobody has assessed."""
    if is_assessed:
        return
    raise Refused(
        f"incident {incident_id} is in {event.kind} {event.id} ({event.name}) and nobody has assessed it: no time is"
        f" given yet. Say so by `event assessed {event.id} {incident_id}`, then give times per part; until then"
        f" `event tell {event.id}`, or `event estimate-by {event.id} TIME`"
    )


def require_no_time(event: OpenEvent, eta_at: datetime | None) -> None:
    """Raise `Refused` when an incident would be opened in an event with a time: nobody can have assessed it."""
    if eta_at is not None:
        raise Refused(
            f"it would be in {event.kind} {event.id} ({event.name}), where nobody has assessed it: no time is given"
            " yet, and nothing was opened. Open it without --eta; customers hear that we assess it"
        )


def _full(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
