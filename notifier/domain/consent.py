"""Consent: whether one contact point may be written to for one purpose at this moment, and why.

In: what is stored (or nothing), the configured basis, the suppression of the address, and how far an opt-out reaches on
a day. Out: a verdict with its reason, explained for people. Nothing stored means the configured basis, never yes; a
suppression is stronger than any consent, because it is about the address.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from notifier.domain.answer import MessageKind
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.customer import SuppressionReason

WORDING_LENGTH = 500  # characters kept of what somebody said
SOURCE_LENGTH = 100


class Purpose(StrEnum):
    """What somebody is written to for."""

    OUTAGE = "outage"  # unplanned: something is out, when it will be back, that it is
    PLANNED = "planned"  # work that is going to interrupt service
    SURVEY = "survey"  # are you satisfied?
    OFFER = "offer"  # anything we would like to sell


class ConsentState(StrEnum):
    """What somebody said about a purpose."""

    GRANTED = "granted"
    REFUSED = "refused"


class OptOutScope(StrEnum):
    """What an opt-out stops."""

    PURPOSE = "purpose"  # messages of the purpose that it answered
    ALL = "all"  # every message


class VerdictReason(StrEnum):
    """Why one may be written to for a purpose, or not."""

    GRANTED = "granted"  # said yes
    BASIS = "basis"  # said nothing; the configured basis covers the purpose
    REFUSED = "refused"  # said no to this purpose
    NO_BASIS = "no_basis"  # said nothing, and nothing covers the purpose
    OPTED_OUT = "opted_out"  # said no to everything
    SUPPRESSED = "suppressed"  # the address must not be written to


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What holds where nothing is stored: the purposes that a basis such as the contract covers."""

    name: str
    purposes: frozenset[Purpose]

    def default(self, purpose: Purpose) -> ConsentState:
        """Return the state that stands in for one that is not stored."""
        return ConsentState.GRANTED if purpose in self.purposes else ConsentState.REFUSED


CONTRACT = Basis(name="service contract", purposes=frozenset(Purpose) - {Purpose.OFFER})
"""The basis that is configured by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConsent:
    """What is stored of one contact point and purpose."""

    purpose: Purpose
    state: ConsentState
    source: str  # where it came from: link, sms, preference page, directory, or what an agent noted
    basis: str = ""  # what it rests on, where that was said: "web form of 2025"
    wording: str = ""  # what was said or agreed to, in its own words
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether one may be written to for a purpose."""

    purpose: Purpose
    allowed: bool
    reason: VerdictReason

    def explain(self, basis: Basis) -> str:
        """Return the reason for people."""
        match self.reason:
            case VerdictReason.GRANTED:
                return "said yes"
            case VerdictReason.BASIS:
                return f"nothing said; covered by the {basis.name}"
            case VerdictReason.REFUSED:
                return "said no"
            case VerdictReason.NO_BASIS:
                return f"nothing said, and the {basis.name} does not cover it"
            case VerdictReason.OPTED_OUT:
                return "opted out of everything"
            case VerdictReason.SUPPRESSED:
                return "the address must not be written to"


def decide(
    purpose: Purpose, stored: StoredConsent | None, *, basis: Basis, suppressed: SuppressionReason | None
) -> Verdict:
    """Return whether a contact point may be written to for a purpose."""
    if suppressed is not None:
        opted_out = suppressed is SuppressionReason.OPTED_OUT
        reason = VerdictReason.OPTED_OUT if opted_out else VerdictReason.SUPPRESSED
        return Verdict(purpose=purpose, allowed=False, reason=reason)
    if stored is not None:
        granted = stored.state is ConsentState.GRANTED
        reason = VerdictReason.GRANTED if granted else VerdictReason.REFUSED
        return Verdict(purpose=purpose, allowed=granted, reason=reason)
    covered = basis.default(purpose) is ConsentState.GRANTED
    return Verdict(purpose=purpose, allowed=covered, reason=VerdictReason.BASIS if covered else VerdictReason.NO_BASIS)


_PLANNED_KINDS = frozenset(
    {
        BroadcastKind.PLANNED_NOTICE,
        BroadcastKind.PLANNED_REMINDER,
        BroadcastKind.PLANNED_CHANGED,
        BroadcastKind.PLANNED_CANCELLED,
        BroadcastKind.PLANNED_OVERRUN,
        BroadcastKind.PLANNED_RESTORED,
    }
)


def purpose_of(kind: MessageKind) -> Purpose:
    """Return the purpose that a message of a kind serves; answers are about outages."""
    if kind in _PLANNED_KINDS:
        return Purpose.PLANNED
    return Purpose.SURVEY if kind is BroadcastKind.FOLLOW_UP else Purpose.OUTAGE


def scope_on(day: date, *, scope: OptOutScope, all_from: date | None) -> OptOutScope:
    """Return what an opt-out of a local day stops: from `all_from` on everything, whatever was configured before."""
    return OptOutScope.ALL if all_from is not None and day >= all_from else scope


LIFTED_BY_OPTING_IN = frozenset({SuppressionReason.OPTED_OUT, SuppressionReason.COMPLAINT})
"""The suppressions that the customer's own word lifts; a bad address or one that an agent stopped is for an agent."""


def granted(verdicts: Iterable[Verdict]) -> frozenset[Purpose]:
    """Return the purposes that are allowed."""
    return frozenset(verdict.purpose for verdict in verdicts if verdict.allowed)
