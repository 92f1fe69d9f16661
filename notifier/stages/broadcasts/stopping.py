"""Stopping: a broadcast is taken back before it has started, or what has not left yet is stopped.

Comes in: a broadcast, in whatever state. Goes out: its end, and the promises that end with it. Functions of an open
transaction.
"""

from datetime import datetime

from notifier.domain.broadcast import BROADCAST, BroadcastReason, BroadcastState, not_possible
from notifier.domain.errors import Refused
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.storage.database import Transaction
from notifier.storage.repositories import broadcasts, course, updates
from notifier.storage.repositories.broadcasts import StoredBroadcast


def may_stop(found: StoredBroadcast) -> bool:
    """Tell whether a broadcast can be cancelled; one that was rejected can be let rest."""
    return found.reason is BroadcastReason.REJECTED or BROADCAST.may(found.state, BroadcastState.CANCELLED)


def stop(tx: Transaction, found: StoredBroadcast, *, now: datetime, by: str) -> list[tuple[PromiseKind, PromiseState]]:
    """Cancel a broadcast and return how promises ended by it; raise `Refused` when it is over."""
    if not may_stop(found):
        raise Refused(not_possible(found.id, found.state, "cancelled"))
    authorised = found.state in (BroadcastState.SENDING, BroadcastState.PAUSED)
    taken_back = authorised and found.started_at is None
    reason = BroadcastReason.TAKEN_BACK if taken_back else BroadcastReason.BY_PERSON
    if found.reason is not BroadcastReason.REJECTED:  # that one is cancelled; nobody needs to be told again
        broadcasts.end(tx, found, BroadcastState.CANCELLED, reason, now=now)
    if taken_back:
        updates.take_back(tx, found, now=now, by=by)
        return []
    return list(course.stop(tx, found, now=now, by=by))
