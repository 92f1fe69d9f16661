"""Promises as people are shown them."""

from notifier.storage.database import Row
from notifier.storage.instants import to_instant
from notifier.storage.views import PromiseView


def view(row: Row) -> PromiseView:
    """Return the promise of a whole row."""
    return PromiseView(
        id=row["id"],
        kind=row["kind"],
        due_at=to_instant(row["due_at"]),
        state=row["state"],
        made_at=to_instant(row["made_at"]),
        ended_at=to_instant(row["ended_at"]),
        automatic_in_row=row["automatic_in_row"],
        warned_at=to_instant(row["warned_at"]),
    )
