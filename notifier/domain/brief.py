"""Briefs: the facts of an incident for others than its customers, in the words of whoever passes them on.

A brief says what customers are told, or will be told by the update that is about to leave. It holds phrases and times
only, never what colleagues note.
"""

from enum import StrEnum

import msgspec

from notifier.domain.broadcast import ANNOUNCES, SAYS_BACK, BroadcastKind, Facts


class BriefFor(StrEnum):
    """Whom a brief is for."""

    AGENT = "agent"  # who answers the telephone
    IVR = "ivr"  # what callers hear before somebody answers
    SOCIAL = "social"  # one short post
    WEB = "web"  # a notice on the company's own pages
    STAKEHOLDERS = "stakeholders"  # the company's own people, authorities, partners


PUBLIC = (BriefFor.IVR, BriefFor.SOCIAL, BriefFor.WEB)
"""Those that customers hear or read: they name no figures and nobody."""


class Standing(StrEnum):
    """How it stands, as customers are told."""

    OUT = "out"
    BACK = "back"  # it is told that service is back
    NOTHING = "nothing"  # what was told was a mistake
    PLANNED = "planned"  # work that is announced, or under way
    CALLED_OFF = "called_off"  # work that will not take place


class PartFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one part of an incident; an incident that is not in parts has one."""

    where: str  # for everybody; "" = said by no name
    standing: Standing
    facts: Facts
    is_pending: bool = False  # the update that says so has not begun


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What colleagues are told beside the facts."""

    incident: int
    affected: int  # customers
    told: int
    priority: int  # sites
    assigned_to: str = ""


_OF_WORK = (None, *ANNOUNCES, BroadcastKind.PLANNED_OVERRUN)
"""Newest updates after which work is still told as work: not where service went out again after it."""


def standing_of(
    kind: BroadcastKind | None, *, is_restored: bool, is_dismissed: bool, is_planned: bool = False
) -> Standing:
    """Return how a part stands, by the newest update for it (None: there is none) and by what became of it."""
    if is_dismissed or kind in (BroadcastKind.CORRECTION, BroadcastKind.PLANNED_CANCELLED):
        return Standing.CALLED_OFF if is_planned else Standing.NOTHING
    if kind in SAYS_BACK or is_restored:
        return Standing.BACK
    return Standing.PLANNED if is_planned and kind in _OF_WORK else Standing.OUT
