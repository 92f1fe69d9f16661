"""Answers: one message to one contact point, because of something it did; no broadcast, no audience.

An answer is unique by its cause (a reply, a complaint, a click) and the contact point, so whatever is replayed is
answered once.
"""

from enum import StrEnum

import msgspec

from notifier.domain.broadcast import BroadcastKind, Facts


class AnswerKind(StrEnum):
    """What an answer says."""

    RECEIVED = "received"  # we have your report and are looking
    CHECKING = (
        "checking"  # we are looking into it there, and know nothing for certain: to who asks before anyone is told
    )
    STATUS = "status"  # the newest facts of the incident at your site
    NO_OUTAGE = "no_outage"  # we know of none at your site
    OPTED_OUT = "opted_out"  # no more messages; how to change that
    OPTED_IN = "opted_in"  # messages again
    PAUSED = "paused"  # nothing more about this incident
    NOTED_OUT = "noted_out"  # we have noted that it is out at your site
    NOTED_ON = "noted_on"  # we have noted that it is back
    WHICH_SITE = "which_site"  # 1 for 12 Oak St, 2 for Barn
    HELP = "help"  # who we are, what the words do, whom to call
    LANGUAGE = "language"  # from now on in this language
    PREFERENCES = "preferences"  # what was changed on the page


MessageKind = BroadcastKind | AnswerKind
"""What a message says, whether it goes to an audience or answers one contact point."""


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an answer is made of, stored with its notification. Personal facts are frozen at the claim as for all."""

    kind: AnswerKind
    incident_id: int | None = None
    update: BroadcastKind | None = None  # status: the kind of the newest update, whose facts are repeated
    facts: Facts | None = None
    service: str = ""  # where there are no facts
    site_ids: tuple[int, ...] = ()  # which of the contact point's sites it is about, in the order they are listed
