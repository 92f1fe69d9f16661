"""Broadcasts: one update to the audience of an incident's part, its kinds, states and facts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

import msgspec

from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.lifecycle import Lifecycle
from notifier.domain.notification import Channel

BroadcastId = NewType("BroadcastId", int)


class BroadcastKind(StrEnum):
    """What an update says."""

    ACKNOWLEDGED = "acknowledged"  # we know, we are sorry, this is when you hear next
    ETA = "eta"  # the first estimate
    ETA_CHANGED = "eta_changed"  # an earlier time or a new cause
    DELAYED = "delayed"  # a later time, or no time any more
    RESTORED = "restored"  # service is believed back
    REOPENED = "reopened"  # it is out again after we said it was back
    CORRECTION = "correction"  # what we told was wrong
    REPEAT = "repeat"  # acknowledged, for the third incident in 90 days
    OVERNIGHT = "overnight"  # what happened while we let you sleep
    ASSESSING = "assessing"  # storm: first estimate by ...
    FOLLOW_UP = "follow_up"  # are you satisfied?
    PLANNED_NOTICE = "planned_notice"
    PLANNED_REMINDER = "planned_reminder"
    PLANNED_CHANGED = "planned_changed"
    PLANNED_CANCELLED = "planned_cancelled"
    PLANNED_OVERRUN = "planned_overrun"
    PLANNED_RESTORED = "planned_restored"


SENDABLE_KINDS = tuple(kind for kind in BroadcastKind if kind is not BroadcastKind.FOLLOW_UP)
"""The kinds that have templates today."""

NEEDS_EARLIER_MESSAGE = frozenset(
    {BroadcastKind.RESTORED, BroadcastKind.DELAYED, BroadcastKind.ETA_CHANGED, BroadcastKind.REOPENED}
)
"""Kinds that refer to something told before: whoever was not told gets the first-contact wording."""

ONLY_TO_TOLD = frozenset(
    {
        BroadcastKind.CORRECTION,
        BroadcastKind.PLANNED_REMINDER,
        BroadcastKind.PLANNED_CANCELLED,
        BroadcastKind.PLANNED_OVERRUN,
    }
)
"""Kinds that go to nobody but those whose earlier message was handed over or is in doubt."""

SAYS_BACK = frozenset({BroadcastKind.RESTORED, BroadcastKind.PLANNED_RESTORED})
"""Kinds that say that service is believed back: held before they leave, and only while it is."""

ANNOUNCES = frozenset({BroadcastKind.PLANNED_NOTICE, BroadcastKind.PLANNED_REMINDER, BroadcastKind.PLANNED_CHANGED})
"""Kinds that announce planned work: true until it begins."""


class BroadcastState(StrEnum):
    """Where a broadcast stands; planning is progress of `sending`, not a state."""

    DRAFT = "draft"  # previewed, not sent; has no effect on anything
    AWAITING_APPROVAL = "awaiting_approval"  # above one commander's audience limit
    SENDING = "sending"  # authorised; nothing is claimed before its not-before time
    PAUSED = "paused"  # a person stopped it for now
    COMPLETED = "completed"  # no notification pending, sending or in doubt
    CANCELLED = "cancelled"  # taken back, rejected, or stopped for good
    SUPERSEDED = "superseded"  # a newer update exists


BROADCAST = Lifecycle(
    name="broadcast",
    arrows={
        BroadcastState.DRAFT: frozenset(
            {
                BroadcastState.SENDING,
                BroadcastState.AWAITING_APPROVAL,
                BroadcastState.CANCELLED,
                BroadcastState.SUPERSEDED,
            }
        ),
        BroadcastState.AWAITING_APPROVAL: frozenset(
            {BroadcastState.SENDING, BroadcastState.CANCELLED, BroadcastState.SUPERSEDED}
        ),
        BroadcastState.SENDING: frozenset(
            {
                BroadcastState.PAUSED,
                BroadcastState.COMPLETED,
                BroadcastState.CANCELLED,
                BroadcastState.SUPERSEDED,
            }
        ),
        BroadcastState.PAUSED: frozenset({BroadcastState.SENDING, BroadcastState.CANCELLED, BroadcastState.SUPERSEDED}),
        BroadcastState.COMPLETED: frozenset({BroadcastState.SENDING}),
        BroadcastState.CANCELLED: frozenset(),
        BroadcastState.SUPERSEDED: frozenset(),
    },
)


_POSSIBLE: Mapping[BroadcastState, tuple[str, ...]] = {
    BroadcastState.DRAFT: ("send", "cancel"),
    BroadcastState.AWAITING_APPROVAL: ("approve", "reject", "cancel"),
    BroadcastState.SENDING: ("pause", "cancel"),
    BroadcastState.PAUSED: ("resume", "cancel"),
}


def not_possible(which: int, state: BroadcastState, done: str) -> str:
    """Return why a person cannot do something (`done` as in "cannot be sent") with a broadcast, and what they can."""
    possible = _POSSIBLE.get(state, ())
    instead = f"possible is: {', '.join(possible)}" if possible else "nothing more can be done with it"
    is_now = {BroadcastState.DRAFT: "a draft", BroadcastState.AWAITING_APPROVAL: "waiting for approval"}
    return f"broadcast {which} is {is_now.get(state, state)} and cannot be {done}; {instead}"


class BroadcastReason(StrEnum):
    """Why a broadcast came to its present state."""

    BY_PERSON = "by_person"  # a commander sent, paused, resumed or cancelled it
    BY_PROMISE = "by_promise"  # the promise watcher sent the `delayed` that was authorised
    TAKEN_BACK = "taken_back"  # within the take-back time; nobody was told
    REJECTED = "rejected"  # the second person said no
    ABOVE_AUDIENCE_LIMIT = "above_audience_limit"  # waits for another key
    NEWER_UPDATE = "newer_update"  # superseded
    INCIDENT_MERGED = "incident_merged"
    INCIDENT_DISMISSED = "incident_dismissed"
    NO_LONGER_TRUE = "no_longer_true"  # a time it gives passed, or its incident moved on, before it could start
    BACK_AGAIN_OUT = "back_again_out"  # `restored` was held and service failed again
    FINISHED = "finished"  # every notification has its outcome
    EXTENDED = "extended"  # late joiners were added to a completed broadcast


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a broadcast says: the facts of its minute, frozen with it so that it can be rendered again.

    Everything personal (sites, locale, time zone, first contact) is in `NotificationFacts`.
    """

    service: str
    impact: str = "down"
    started_at: datetime | None = None  # about when service failed
    cause: str = ""  # phrase code, "" = not known yet
    crew: str = ""  # phrase code, "" = nothing to say
    eta_at: datetime | None = None
    next_update_by: datetime | None = None
    previous_eta_at: datetime | None = None  # the ETA that this update replaces
    previous_update_by: datetime | None = None  # the "next update by" that this update keeps
    told_at: datetime | None = None  # correction, reopened: when customers were told
    restored_at: datetime | None = None
    reopened_at: datetime | None = None
    customers: int = 0  # affected, as counted when the broadcast was authorised
    missed_eta_at: datetime | None = None  # restored: the ETA that was missed
    blink: bool = False  # restored: it was so short that only those hear who reported it, or were told before
    automatic: bool = False  # sent by the promise watcher: no person has learnt anything new
    late: bool = False  # automatic: what it answers had lapsed before it could be sent
    assessment_by: datetime | None = None  # assessing: when the first estimate is promised
    outages: int = 0  # repeat: which one in 90 days this is
    window_from_at: datetime | None = None  # planned work
    window_until_at: datetime | None = None
    previous_window_from_at: datetime | None = None  # planned_changed: as it was announced
    previous_window_until_at: datetime | None = None
    upcoming: bool = False  # it announces planned work that has not begun
    rest_of: tuple[int, ...] = ()  # updates stopped on their way: this says the same to those whom none of them reached


def is_overtaken(facts: Facts, now: datetime) -> bool:
    """Tell whether a time that an update gives has passed, so that it is not true any more."""
    if facts.upcoming and facts.window_from_at is not None and facts.window_from_at <= now:
        return True
    return any(at is not None and at <= now for at in (facts.eta_at, facts.next_update_by, facts.assessment_by))


WAKE_REASON_LENGTH = 500  # characters of why everyone is woken
LATE_SHARE_AT_MOST = 0.05  # of the customers that a person has answered for


def may_be_joined_by(new: int, *, told: int, answered_for: int, limit: int) -> bool:
    """Tell whether so many late joiners may hear an update without another word of a person.

    `answered_for` is the number that was typed for it, `told` how many it has by now, `limit` what one commander may
    tell alone.
    """
    return told + new <= max(limit, answered_for * (1 + LATE_SHARE_AT_MOST))


ASSUMED_RATE = 200.0  # messages a second of a provider without a configured rate, when the time to finish is estimated


def update_kind(
    told_eta: datetime | None,
    new_eta: datetime | None,
    *,
    is_first: bool = False,
    new_cause: bool = False,
    new_crew: bool = False,
) -> BroadcastKind:
    """Return what an update of the estimate is, compared with the ETA that customers have now.

    The first time is `eta`; an earlier one, or the same with a new cause, `eta_changed`; a later one, or none any
    more, `delayed`; none when `is_first`, because nobody was told anything yet, `acknowledged`. Raises `Refused` when
    it would say nothing new.
    """
    if new_eta is None:
        return BroadcastKind.ACKNOWLEDGED if is_first else BroadcastKind.DELAYED
    if told_eta is None:
        return BroadcastKind.ETA
    if new_eta > told_eta:
        return BroadcastKind.DELAYED
    if new_eta < told_eta or new_cause or new_crew:
        return BroadcastKind.ETA_CHANGED
    raise Refused(f"customers have been told {new_eta:%Y-%m-%d %H:%M} UTC already, and nothing else is new")


def overrun_kind(kind: BroadcastKind) -> BroadcastKind:
    """Return what an update of the estimate is for planned work under way; raise `Refused` for an earlier time."""
    if kind is BroadcastKind.ETA_CHANGED:
        raise Refused("planned work that ends earlier needs no other time: say `restored` when it is done")
    return BroadcastKind.PLANNED_OVERRUN


def check_eta(
    eta_at: datetime, *, now: datetime, started_at: datetime, at_most: timedelta, take_back: timedelta
) -> datetime:
    """Return the ETA, or raise `InvalidInput` when nobody can stand behind it."""

    def refuse(why: str, expected: str) -> InvalidInput:
        return InvalidInput(f"the ETA {_full(eta_at)} {why}", field="eta_at", value=_full(eta_at), expected=expected)

    latest = f"a time up to {_full(now + at_most)}"
    if eta_at <= started_at:
        raise refuse(f"is before the outage began ({_full(started_at)})", latest)
    if eta_at <= now:
        raise refuse(f"is in the past (it is {_full(now)})", latest)
    if eta_at <= now + take_back:
        raise refuse("has passed before anyone is told", latest)
    if eta_at > now + at_most:
        raise refuse("is further away than the playbook's eta_at_most", latest)
    return eta_at


def check_next_update(by: datetime, *, now: datetime, within: timedelta, take_back: timedelta) -> datetime:
    """Return the time of the next update, or raise `InvalidInput` when it is past or a longer silence than promised."""
    if now + take_back < by <= now + within:
        return by
    raise InvalidInput(
        f"the next update by {_full(by)} is not within the playbook's next_update_within",
        field="next_update_by",
        value=_full(by),
        expected=f"a time after {_full(now + take_back)} and up to {_full(now + within)}",
    )


def check_started(started_at: datetime, *, now: datetime) -> datetime:
    """Return the start of an outage, or raise `InvalidInput` when it lies in the future."""
    if started_at > now:
        raise InvalidInput(
            f"the outage cannot have begun at {_full(started_at)}: it is {_full(now)}",
            field="started_at",
            value=_full(started_at),
            expected="a time in the past",
        )
    return started_at


def is_blink(started_at: datetime, back_at: datetime, *, tell_after: timedelta) -> bool:
    """Tell whether an outage was so short that only those hear of it who noticed: the playbook's `tell_after`."""
    return back_at - started_at < tell_after


def time_to_finish(messages: Mapping[Channel, int], rates: Mapping[Channel, float]) -> timedelta:
    """Return how long so many messages take; channels work side by side, 0 = no configured rate."""
    seconds = (count / (rates.get(channel) or ASSUMED_RATE) for channel, count in messages.items())
    return timedelta(seconds=max(seconds, default=0.0))


def not_before(
    kind: BroadcastKind,
    *,
    now: datetime,
    take_back: timedelta,
    hold_before_restored: timedelta,
    back_at: datetime | None = None,
) -> datetime:
    """Return when an authorised broadcast may start: after the take-back time; `restored` only when it has held."""
    start = now + take_back
    if kind in SAYS_BACK:
        return max(start, (back_at or now) + hold_before_restored)
    return start


def _full(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
