"""What the gauges show: counts of what is open, waiting or in doubt. Read by a small job, never by a request."""

from datetime import datetime

from msgspec import Struct

from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.repositories import control


class Measured(Struct, frozen=True, kw_only=True):
    """One look at the store."""

    paused: bool
    detector_lag: int
    incidents: dict[tuple[str, str], int]  # (state, service); closed, dismissed and merged ones left out
    broadcasts: dict[str, int]  # state; finished ones left out
    pending: dict[str, int]  # channel
    in_doubt: dict[str, int]  # channel; in doubt or held
    promises_open: int
    next_promise_at: datetime | None


def measure(tx: Transaction) -> Measured:
    """Count everything that a gauge shows."""
    promises, due_at = tx.tuples("SELECT COUNT(*), MIN(due_at) FROM promises WHERE state = 'open'")[0]
    return Measured(
        paused=control.is_paused(tx),
        detector_lag=detector_lag(tx),
        incidents={
            (state, service): count
            for state, service, count in tx.tuples(
                "SELECT state, service, COUNT(*) FROM incidents"
                " WHERE state IN ('scheduled', 'suspected', 'confirmed', 'resolved') GROUP BY state, service"
            )
        },
        broadcasts=_counts(
            tx,
            "SELECT state, COUNT(*) FROM broadcasts"
            " WHERE state IN ('draft', 'awaiting_approval', 'sending', 'paused') GROUP BY state",
        ),
        pending=_counts(tx, "SELECT channel, COUNT(*) FROM notifications WHERE state = 'pending' GROUP BY channel"),
        in_doubt=_counts(  # with OR, not IN: only so SQLite uses the index of what is not settled
            tx,
            "SELECT channel, COUNT(*) FROM notifications WHERE state = 'in_doubt' OR state = 'held' GROUP BY channel",
        ),
        promises_open=promises,
        next_promise_at=to_instant(due_at),
    )


def detector_lag(tx: Transaction) -> int:
    """Return how many complaints are stored but not yet seen by the detector."""
    position = tx.scalar("SELECT position FROM detector WHERE id = 1") or 0
    return int(tx.scalar("SELECT COUNT(*) FROM complaints WHERE id > :position", position=position))


def _counts(tx: Transaction, sql: str) -> dict[str, int]:
    return dict(tx.tuples(sql))
