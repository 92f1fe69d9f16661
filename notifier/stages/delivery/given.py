"""The times that readers were given, for the messages of one claim: one look-up for all, and only where it decides.

In: an update and whom it goes to. Out: what each was handed of the incident before.
"""

from collections.abc import Iterable, Sequence

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.given import Handed, is_about_given
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
    told = {one.id: one.contact_point_id for one in found if one.told_before} if is_about_given(kind, facts) else {}
    if not told:
        return {}
    before = given.handed_to(tx, sorted(set(told.values())), incident_ids, broadcast_id=broadcast_id)
    return {id_: before.get(point, ()) for id_, point in told.items()}
