"""Broadcasts: one update to the audience of an incident's part, its kinds, states and facts."""

from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec

from notifier.domain.lifecycle import Lifecycle

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
    RECEIVED = "received"  # we have your report and are looking (an answer, never to an audience)
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


SENDABLE_KINDS = (
    BroadcastKind.ACKNOWLEDGED,
    BroadcastKind.ETA,
    BroadcastKind.ETA_CHANGED,
    BroadcastKind.DELAYED,
    BroadcastKind.RESTORED,
    BroadcastKind.REOPENED,
    BroadcastKind.CORRECTION,
)
"""The kinds that have templates today."""

NEEDS_EARLIER_MESSAGE = frozenset(
    {BroadcastKind.RESTORED, BroadcastKind.DELAYED, BroadcastKind.ETA_CHANGED, BroadcastKind.REOPENED}
)
"""Kinds that refer to something told before: whoever was not told gets the first-contact wording."""

ONLY_TO_TOLD = frozenset({BroadcastKind.CORRECTION})
"""Kinds that go to nobody but those whose earlier message was handed over or is in doubt."""


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
    automatic: bool = False  # sent by the promise watcher: no person has learnt anything new
