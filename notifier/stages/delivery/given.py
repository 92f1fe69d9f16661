"""The times that readers were given, for the messages of one claim: one look-up for all, and only where it decides.

In: an update and whom it goes to. Out: what each was handed of the incident before, and personal facts that say of a
time "we gave you" only to who has it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.given import ABOUT_TIMES, ENDS, Handed, said
from notifier.domain.notification import NotificationFacts
from notifier.storage.database import Transaction
from notifier.storage.repositories import given
from notifier.storage.repositories.claims import Candidate


def handed_before(
    tx: Transaction,
    kind: BroadcastKind,
    facts: Facts,
    found: Iterable[Candidate],
    incident_ids: Sequence[int],
    *,
    broadcast_id: int,
) -> dict[int, Sequence[Handed]]:
    """Return, by notification, what its reader was handed of the incident, the oldest first."""
    is_asked = facts.missed_eta_at is not None if kind in ENDS else kind in ABOUT_TIMES
    told = {one.id: one.contact_point_id for one in found if one.told_before} if is_asked else {}
    if not told:
        return {}
    before = given.handed_to(tx, sorted(set(told.values())), incident_ids, broadcast_id=broadcast_id)
    return {id_: before.get(point, ()) for id_, point in told.items()}


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
