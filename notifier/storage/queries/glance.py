"""What `status` shows beside incidents and needs: a few counts."""

from datetime import datetime, timedelta

from msgspec import Struct

from notifier.domain.complaint import NotCounted
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries import sleepers
from notifier.storage.queries.gauges import detector_lag
from notifier.storage.repositories import control
from notifier.storage.views import Waiting

HOUR = timedelta(hours=1)


class Glance(Struct, frozen=True, kw_only=True):
    """One look at the store."""

    paused: bool
    complaints_last_hour: int  # by when they took effect: imports of history do not count
    detector_lag: int
    notifications: dict[str, int]  # state -> count, of broadcasts that are not finished
    waiting: list[Waiting]  # of those pending: what the night or the cap holds back


def glance(tx: Transaction, now: datetime) -> Glance:
    """Count what is new, what waits and what is on its way."""
    recent = tx.scalar(
        "SELECT COUNT(*) FROM complaints WHERE effective_at > :since AND effective_at <= :now"
        f" AND (not_counted IS NULL OR not_counted <> '{NotCounted.HISTORY}')",
        since=to_micros(now - HOUR),
        now=to_micros(now),
    )
    counted = tx.tuples(
        f"SELECT {sleepers.COLUMNS} FROM broadcasts AS b JOIN notifications AS n ON n.broadcast_id = b.id"
        " WHERE b.state IN ('sending', 'paused') GROUP BY 1, 2, 3"
    )
    return Glance(
        paused=control.is_paused(tx),
        complaints_last_hour=int(recent),
        detector_lag=detector_lag(tx),
        notifications=sleepers.states(counted),
        waiting=sleepers.waiting(counted),
    )
