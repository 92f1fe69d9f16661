"""What each intake source has said: complaints per slot of ten minutes, and when it was last heard."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.domain.silence import SLOT
from notifier.storage.database import Transaction
from notifier.storage.instants import MICROSECOND, to_instant, to_micros

_SLOT_MICROS = SLOT // MICROSECOND
_LIVE = timedelta(hours=1) // MICROSECOND
"""What came in within an hour of happening: an import of old complaints says nothing about the rhythm of a source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """When each source was last heard, up to a position in the stream."""

    position: int
    last_at: dict[str, datetime]


def slots(tx: Transaction, *, since: datetime) -> dict[str, dict[int, int]]:
    """Return the complaints of each source per slot; walks every complaint since then, so only once a day."""
    found: dict[str, dict[int, int]] = {}
    for source, slot, complaints in tx.tuples(
        f"""SELECT source, effective_at / {_SLOT_MICROS} AS slot, count(*) FROM complaints
            WHERE effective_at >= :since AND received_at - effective_at < {_LIVE}
            GROUP BY source, effective_at / {_SLOT_MICROS}""",
        since=to_micros(since),
    ):
        found.setdefault(source, {})[int(slot)] = int(complaints)
    return found


def last(tx: Transaction, *, since: datetime) -> Heard:
    """Return when each source was last heard, not before `since`, and the end of the stream."""
    rows = tx.tuples(
        "SELECT source, MAX(received_at) FROM complaints WHERE effective_at >= :since GROUP BY source",
        since=to_micros(since),
    )
    position = tx.scalar("SELECT COALESCE(MAX(id), 0) FROM complaints")
    return Heard(position=int(position), last_at={source: to_instant(at) for source, at in rows})


def since(tx: Transaction, position: int) -> Heard:
    """Return who has spoken behind a position of the stream."""
    rows = tx.tuples(
        "SELECT source, MAX(received_at), MAX(id) FROM complaints WHERE id > :position GROUP BY source",
        position=position,
    )
    return Heard(
        position=max((int(row[2]) for row in rows), default=position),
        last_at={row[0]: to_instant(row[1]) for row in rows},
    )
