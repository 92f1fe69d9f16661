"""How far time has come in a store: a clock that is set by hand must not begin before it."""

from datetime import datetime

from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant

# Of tables that only grow, the last row is the newest; the others are small. Due times lie ahead and are none of these.
_LAST_ROWS = (
    ("complaints", "received_at"),
    ("sites", "updated_at"),
    ("timeline", "at"),
    ("audit", "at"),
    ("attempts", "ended_at"),
)
_SMALL = (("control", "changed_at"), ("api_keys", "created_at"))


def newest(tx: Transaction) -> datetime | None:
    """Return the latest instant at which something happened, or None when nothing has."""
    found = [
        *(tx.scalar(f"SELECT {column} FROM {table} ORDER BY id DESC LIMIT 1") for table, column in _LAST_ROWS),
        *(tx.scalar(f"SELECT MAX({column}) FROM {table}") for table, column in _SMALL),
    ]
    return to_instant(max((micros for micros in found if micros is not None), default=None))
