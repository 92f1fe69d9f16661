"""Notifications in the store: attempts in the ledger, and the states they bring about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import BroadcastState
from notifier.domain.delivery import Next, Outcome
from notifier.domain.notification import NOTIFICATION, NotificationState
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories.audience import numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One hand-over and what becomes of its notification."""

    notification_id: int
    contact_point_id: int
    number: int
    provider: str
    began_at: datetime
    ended_at: datetime
    outcome: Outcome
    next: Next
    template_version: str


def record(tx: Transaction, tried: Sequence[Tried]) -> None:
    """Append the attempts and bring their notifications, which the caller holds, into the next state."""
    tx.run_many(
        """INSERT INTO attempts (notification_id, number, provider, began_at, ended_at, outcome, code, answer,
                                 provider_id, bytes)
           VALUES (:id, :number, :provider, :began, :ended, :outcome, :code, :answer, :provider_id, :bytes)""",
        [
            {
                "id": one.notification_id,
                "number": one.number,
                "provider": one.provider,
                "began": to_micros(one.began_at),
                "ended": to_micros(one.ended_at),
                "outcome": one.outcome.result,
                "code": one.outcome.code,
                "answer": one.outcome.answer,
                "provider_id": one.outcome.provider_id,
                "bytes": one.outcome.size,
            }
            for one in tried
        ],
    )
    tx.run_many(
        """UPDATE notifications SET state = :state, reason = :reason, due_at = COALESCE(:due, due_at),
                  ended_at = :ended, provider = :provider, provider_id = :provider_id,
                  template_version = COALESCE(:version, template_version),
                  in_doubt_at = COALESCE(in_doubt_at, :doubt), owner = NULL, lease_until = NULL
           WHERE id = :id""",
        [
            {
                "id": one.notification_id,
                "state": one.next.state,
                "reason": one.next.reason,
                "due": to_micros(one.next.due_at),
                "ended": ended(one.next, one.ended_at),
                "provider": one.provider,
                "provider_id": one.outcome.provider_id or None,
                "version": one.template_version or None,
                "doubt": to_micros(one.ended_at) if one.next.state is NotificationState.IN_DOUBT else None,
            }
            for one in tried
        ],
    )


def end(tx: Transaction, ends: Mapping[int, Next], *, from_state: NotificationState, now: datetime) -> None:
    """Bring notifications from one state into another; those that are in it no more stay as they are."""
    for next_ in ends.values():
        NOTIFICATION.require(from_state, next_.state)
    tx.run_many(
        """UPDATE notifications SET state = :state, reason = :reason, due_at = COALESCE(:due, due_at),
                  ended_at = :ended, owner = NULL, lease_until = NULL
           WHERE id = :id AND state = :from_state""",
        [
            {
                "id": id_,
                "state": next_.state,
                "reason": next_.reason,
                "due": to_micros(next_.due_at),
                "ended": ended(next_, now),
                "from_state": from_state,
            }
            for id_, next_ in ends.items()
        ],
    )


def broadcast_states(tx: Transaction, broadcast_ids: Iterable[int]) -> dict[int, BroadcastState]:
    """Return the state of each broadcast."""
    ids = list(broadcast_ids)
    if not ids:
        return {}
    return {
        id_: BroadcastState(state)
        for id_, state in tx.tuples(f"SELECT id, state FROM broadcasts WHERE id IN ({numbers(ids)})")
    }


def ended(next_: Next, at: datetime) -> int | None:
    """Return when it ended: handed over, or at its end state; None while it goes on."""
    is_over = next_.state is NotificationState.SENT or NOTIFICATION.is_final(next_.state)
    return to_micros(at) if is_over else None
