"""What one reader was given: the times that messages handed to them have named, as the ledger knows.

In: an update with the facts that hold for most, and what was handed to a reader before. Out: what the update is to this
reader (a time that they never had is no change of one), which time of theirs it replaces or was missed, and whether it
is about a time that they have by text, so that they hear of it also in the night in which they were given that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from notifier.domain.broadcast import ANNOUNCES, BroadcastKind, Facts
from notifier.domain.notification import NotificationFacts

GIVES_TIMES = frozenset({BroadcastKind.ETA, BroadcastKind.ETA_CHANGED, BroadcastKind.DELAYED})
"""Updates that say another thing to a reader who was given another time, or none."""
ABOUT_TIMES = GIVES_TIMES | {BroadcastKind.PLANNED_OVERRUN}
"""Updates that change the time that a reader has, or say that it is missed."""
ENDS = frozenset({BroadcastKind.RESTORED, BroadcastKind.PLANNED_RESTORED})
"""Updates that apologise for a time that was missed."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One message that a reader was handed before, or may have been."""

    at: datetime
    eta_at: datetime | None  # the time that it named
    is_text: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What an update says to one reader instead of what it says to most."""

    kind: BroadcastKind
    previous_eta_at: datetime | None = None
    missed_eta_at: datetime | None = None


def named(kind: BroadcastKind, facts: Facts) -> datetime | None:
    """Return by when an update says that service will be back; None when it names no time."""
    if kind in ENDS:
        return None
    return facts.eta_at or (facts.window_until_at if kind in ANNOUNCES else None)


def is_about_given(kind: BroadcastKind, facts: Facts) -> bool:
    """Tell whether an update says something of a time that its readers were given."""
    return facts.missed_eta_at is not None if kind in ENDS else kind in ABOUT_TIMES


def said(kind: BroadcastKind, facts: Facts, handed: Sequence[Handed], now: datetime) -> Said | None:
    """Return what an update says to a reader who was handed these, the oldest first; None where it is the same."""
    if kind in ENDS:
        if facts.missed_eta_at is None:
            return None
        until = facts.restored_at or now
        given = (each.eta_at for each in handed if each.eta_at is not None)
        missed = min((eta for eta in given if facts.missed_eta_at <= eta < until), default=None)
        return None if missed == facts.missed_eta_at else Said(kind, missed_eta_at=missed)
    if kind not in GIVES_TIMES:
        return None
    eta, before = facts.eta_at, last_given(handed)
    stands = facts.automatic and eta is not None  # "we still expect it by": true of who has that time
    if before == (eta if stands else facts.previous_eta_at):
        return None
    if eta is None:
        return Said(kind if before is None else BroadcastKind.DELAYED, previous_eta_at=before)
    if before is None:
        return Said(BroadcastKind.ETA)
    return Said(BroadcastKind.DELAYED if eta > before else BroadcastKind.ETA_CHANGED, previous_eta_at=before)


def as_given(
    personal: NotificationFacts, kind: BroadcastKind, facts: Facts, handed: Sequence[Handed], now: datetime
) -> NotificationFacts:
    """Let a reader who was given other times than most be told of those."""
    if personal.first_contact and kind is not BroadcastKind.PLANNED_RESTORED:
        return personal  # nothing is said of any time before
    other = said(kind, facts, handed, now)
    if other is None:
        return personal
    return replace(
        personal,
        kind="" if other.kind is kind else str(other.kind),
        own_times=True,
        previous_eta_at=other.previous_eta_at,
        missed_eta_at=other.missed_eta_at,
    )


def last_given(handed: Sequence[Handed]) -> datetime | None:
    """Return the time that the last message named; None when it named none, or there was none."""
    return handed[-1].eta_at if handed else None


def follows_since(kind: BroadcastKind, facts: Facts, handed: Sequence[Handed]) -> datetime | None:
    """Return when a reader was handed the text that gave them the time which this update changes, or says is missed.

    Who got it in this night hears this update in the same night: they were told that they hear of a change before then.
    None where it is not about a time of theirs: for anything else they are promised the morning.
    """
    if not handed or kind not in ABOUT_TIMES:
        return None
    last = handed[-1]
    return last.at if last.is_text and last.eta_at not in (None, facts.eta_at) else None
