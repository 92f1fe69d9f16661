"""Mornings: what was held until now and whose times have passed meanwhile is said with the facts of this minute.

Whether that may be done without a person is decided here, for the claim that lets such messages wait a moment longer
and for the watcher of promises that says them afresh.
"""

from datetime import datetime

from notifier.domain.broadcast import ANNOUNCES, ONLY_TO_TOLD, SAYS_BACK, BroadcastState, is_overtaken
from notifier.domain.incident import IncidentState, PartState
from notifier.domain.notification import Channel, NotificationReason
from notifier.storage.database import Transaction
from notifier.storage.repositories import broadcasts, doubts, incidents
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.claims import within_millisecond

_SLEEPS = f"reason = '{NotificationReason.QUIET_HOURS}'"


def may_say_afresh(tx: Transaction, broadcast_id: int) -> bool:
    """Tell whether the daemon may say an overtaken update once more with a new time to hear next.

    It may while the incident goes on, nothing newer has been said or is about to be, and a `delayed` was authorised.
    """
    found = broadcasts.load(tx, broadcast_id)
    incident = incidents.load(tx, found.incident_id, found.part_id)
    is_out = incident.state is IncidentState.CONFIRMED and incident.part.state is PartState.OUT
    says_so = found.kind not in ONLY_TO_TOLD | SAYS_BACK | ANNOUNCES
    if not (is_out and says_so and found.may_delay and found.state is BroadcastState.SENDING):
        return False
    to_come = broadcasts.of_part(tx, found.part_id, found.incident_id, BroadcastState.SENDING, BroadcastState.PAUSED)
    is_last = all(each.id == found.id or each.started_at is not None for each in to_come)
    return is_last and doubts.newer_update(tx, broadcast_id) is None


def to_say_afresh(tx: Transaction, *, released_by: datetime) -> list[StoredBroadcast]:
    """Return the updates with messages that are released by then, and whose times will have passed."""
    return [
        each
        for each in broadcasts.unfinished(tx)
        if each.state is BroadcastState.SENDING
        and each.started_at is not None
        and is_overtaken(each.facts, released_by)
        and _is_released(tx, each.id, released_by)
        and may_say_afresh(tx, each.id)
    ]


def _is_released(tx: Transaction, broadcast_id: int, at: datetime) -> bool:
    """Tell whether messages that were held may go by then."""
    return any(
        tx.scalar(
            f"""SELECT 1 FROM notifications WHERE broadcast_id = :id AND channel = :channel AND state = 'pending'
                AND due_at <= :at AND {_SLEEPS} LIMIT 1""",
            id=broadcast_id,
            channel=channel,
            at=within_millisecond(at),
        )
        is not None
        for channel in (Channel.SMS, Channel.VOICE)
    )
