"""Messages by their state, and of those that must not go yet: why, how many, and until when. One walk for both.

A night ends at whole minutes, in each time zone at its own; what waits under a cap has a time each, of which the
earliest is told.
"""

from collections.abc import Iterable

from notifier.domain.notification import NotificationReason, NotificationState
from notifier.storage.instants import to_instant
from notifier.storage.views import Waiting

_MINUTE = 60_000_000  # microseconds
_PENDING = f"n.state = '{NotificationState.PENDING}'"

COLUMNS = f"""n.state,
              CASE WHEN {_PENDING} AND n.reason IN ('{NotificationReason.QUIET_HOURS}',
                                                    '{NotificationReason.FREQUENCY_CAP}') THEN n.reason END,
              CASE WHEN {_PENDING} AND n.reason = '{NotificationReason.QUIET_HOURS}' THEN n.due_at / {_MINUTE} END,
              count(*), min(n.due_at), count(n.in_doubt_at)"""
"""What to select of the notifications `n`, grouped by the first three."""

Row = tuple[str, str | None, int | None, int, int, int]


def states(rows: Iterable[Row]) -> dict[str, int]:
    """Return how many there are in each state."""
    counted: dict[str, int] = {}
    for state, _, _, number, _, _ in rows:
        counted[state] = counted.get(state, 0) + int(number)
    return dict(sorted(counted.items()))


def waiting(rows: Iterable[Row]) -> list[Waiting]:
    """Return what must not go yet, the earliest first."""
    held = [
        Waiting(reason=why, messages=int(number), until=to_instant(int(due_at) // 1_000 * 1_000))
        for _, why, _, number, due_at, _ in rows
        if why is not None
    ]
    return sorted(held, key=lambda each: (each.until, each.reason))
