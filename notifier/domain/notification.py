"""Notifications: one message of one broadcast to one contact point, and every state it can be in."""

from datetime import datetime
from enum import StrEnum
from typing import NewType

import msgspec

from notifier.domain.lifecycle import Lifecycle

NotificationId = NewType("NotificationId", int)


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"
    VOICE = "voice"


class NotificationState(StrEnum):
    """Where one message stands."""

    PENDING = "pending"  # waits for its due time and a worker
    SENDING = "sending"  # claimed by an owner with a lease; committed before the hand-over
    SENT = "sent"  # the provider has taken it
    DELIVERED = "delivered"  # the provider says it arrived
    UNDELIVERED = "undelivered"  # the provider says it did not arrive
    FAILED = "failed"  # refused for good, or tried in vain until stale
    IN_DOUBT = "in_doubt"  # handed over or not: nobody knows; never sent again without settling it
    HELD = "held"  # in doubt under policy `hold`: a person decides
    ABANDONED = "abandoned"  # a person decided not to send it
    SUPERSEDED = "superseded"  # a newer update replaced it before it went out
    CANCELLED = "cancelled"  # its broadcast was cancelled
    EXPIRED = "expired"  # no longer true or useful
    SUPPRESSED = "suppressed"  # opted out or suppressed meanwhile


_N = NotificationState

NOTIFICATION = Lifecycle(
    name="notification",
    arrows={
        _N.PENDING: frozenset(
            {
                _N.SENDING,
                _N.SUPERSEDED,
                _N.CANCELLED,
                _N.EXPIRED,
                _N.SUPPRESSED,
                # a receipt for an earlier try came before the next one was begun
                _N.SENT,
                _N.DELIVERED,
            }
        ),
        _N.SENDING: frozenset(
            {
                _N.SENT,
                _N.DELIVERED,
                _N.UNDELIVERED,
                _N.PENDING,
                _N.FAILED,
                _N.IN_DOUBT,
                # a retry of a broadcast that no longer sends goes straight to its end state
                _N.SUPERSEDED,
                _N.CANCELLED,
                _N.EXPIRED,
                # the provider knows of an opt-out that we did not
                _N.SUPPRESSED,
            }
        ),
        _N.SENT: frozenset(
            {
                _N.DELIVERED,
                _N.UNDELIVERED,
                _N.PENDING,  # the phone was out of reach; tried again while it is news
            }
        ),
        _N.IN_DOUBT: frozenset(
            {_N.SENT, _N.DELIVERED, _N.UNDELIVERED, _N.PENDING, _N.HELD, _N.SUPERSEDED, _N.CANCELLED, _N.EXPIRED}
        ),
        _N.HELD: frozenset({_N.PENDING, _N.ABANDONED, _N.SENT, _N.DELIVERED, _N.UNDELIVERED}),
        _N.DELIVERED: frozenset(),
        _N.UNDELIVERED: frozenset(),
        _N.FAILED: frozenset(),
        _N.ABANDONED: frozenset(),
        _N.SUPERSEDED: frozenset(),
        _N.CANCELLED: frozenset(),
        _N.EXPIRED: frozenset(),
        _N.SUPPRESSED: frozenset(),
    },
)


TOLD_STATES = (_N.SENDING, _N.SENT, _N.DELIVERED, _N.UNDELIVERED, _N.IN_DOUBT, _N.HELD, _N.ABANDONED)
"""The message was handed over, or may have been: a correction goes to these, and they are no first contact."""

FAILED_STATES = (_N.FAILED, _N.UNDELIVERED)
"""It did not get there by this channel: the next one may."""


class NotificationReason(StrEnum):
    """Why a notification came to its present state; stored, shown, and the metric label."""

    PLANNED = "planned"  # by planning
    LATE_JOINER = "late_joiner"  # added to a broadcast after its planning
    CLAIMED = "claimed"
    ACCEPTED = "accepted"  # the provider took it
    TEMPORARY_FAILURE = "temporary_failure"  # will be tried again
    PROVIDER_STOPPED = "provider_stopped"  # our fault, not the recipient's: waits for the provider
    PERMANENT_FAILURE = "permanent_failure"  # the recipient cannot be reached like this
    STALE = "stale"  # temporary failures until the news was no news
    RENDER_FAILED = "render_failed"  # the message could not be made; ours
    UNKNOWN_OUTCOME = "unknown_outcome"  # connection lost after the hand-over
    OWNER_GONE = "owner_gone"  # the worker died or its lease lapsed while sending
    RESENT_BY_POLICY = "resent_by_policy"  # in doubt, policy `resend`
    HELD_BY_POLICY = "held_by_policy"  # in doubt, policy `hold`
    NOT_TAKEN = "not_taken"  # in doubt, and its provider has no such message: sent again
    RESENT_BY_PERSON = "resent_by_person"
    ABANDONED_BY_PERSON = "abandoned_by_person"
    NEWER_UPDATE = "newer_update"
    BROADCAST_CANCELLED = "broadcast_cancelled"
    OPTED_OUT = "opted_out"
    SUPPRESSED = "suppressed"
    SITE_ENDED = "site_ended"  # none of its sites is served, or linked to it, any more
    NO_LONGER_TRUE = "no_longer_true"  # a time it gives passed before it could be handed over
    NOT_TOLD_BEFORE = "not_told_before"  # a correction: what it corrects was never handed over
    ANSWER = "answer"  # to something this contact point did
    WROTE = "wrote"  # it wrote to us: not held by the night any more
    QUIET_HOURS = "quiet_hours"  # pending until the night, or its own quiet hours, are over
    OVER_BEFORE_RELEASE = "over_before_release"  # it was over before the night was
    FREQUENCY_CAP = "frequency_cap"  # pending until it may hear from us again
    FALLBACK = "fallback"  # on the next channel, because the one before failed
    PROVIDER_REPORTED = "provider_reported"  # a receipt: what the provider said later
    NOT_ON_GUEST_LIST = "not_on_guest_list"
    PAUSED_BY_CUSTOMER = "paused_by_customer"  # wants nothing more about this incident
    CHANNEL_OFF = "channel_off"  # does not want this channel


class SiteName(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A site as a message may call it: by its street line, or by its label where there is none."""

    street: str = ""
    label: str = ""


class NotificationFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The personal part of a message, frozen at each claim so that it can be rendered again.

    Holds no name, no account number and no address of the contact point.
    """

    sites: tuple[SiteName, ...]  # affected ones, in the order they are listed; at most as many as a mail lists
    sites_affected: int = 0  # all affected ones; 0 = those in `sites`
    site_count: int = 1  # all sites this contact point hears about, affected or not
    locale: str = "en"
    time_zone: str = "UTC"  # of the sites; several joined by "|" when they differ or nobody knows
    at: datetime | None = None  # the minute it was made: "today" and "tomorrow" are by this one
    first_contact: bool = False  # nothing of this incident was handed over to it before
    kind: str = ""  # what it says instead of its broadcast: `overnight`; "" = the same
    next_update_by: datetime | None = None  # told instead of the broadcast's: the reader sleeps then
    credit_minor: int = 0  # of the reader's: approved money that a mail names; 0 = none
    credit_currency: str = ""
    credit_month: int = 0  # 202612: on which bill it is
    held: bool = False  # it waited for the end of the night: what was promised to others for then was not to this one
    own_times: bool = False  # the reader was given other times than most: the next two hold, not the broadcast's
    previous_eta_at: datetime | None = None  # the time that this update replaces, as this reader was given it
    missed_eta_at: datetime | None = None  # the first time given to this reader that was missed
