"""What each intake source has said: complaints per slot of ten minutes, and when it was last heard."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.domain.silence import SLOT
from notifier.storage.database import Transaction
from notifier.storage.instants import MICROSECOND, to_instant, to_micros

_SLOT_MICROS = SLOT // MICROSECOND
_LIVE = timedelta(hours=1) // MICROSECOND
"""What came in within an hour of happening: an import of old complaints says nothing about the rhythm of a source."""
DELAYS_AT_ONCE = 1_000
AT_ONCE = 100_000  # complaints that are read in one statement

# The LIMIT keeps the range in the inner query: SQLite would group by walking an index of all complaints.
_SAID = f"""SELECT source, slot, SUM(live), MAX(received_at), MAX(id)
            FROM (SELECT source, effective_at / {_SLOT_MICROS} AS slot, received_at, id,
                         CASE WHEN received_at - effective_at < {_LIVE} THEN 1 ELSE 0 END AS live
                  FROM complaints WHERE {{which}} LIMIT {{most}}) AS c
            GROUP BY source, slot"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one source said in one slot."""

    source: str
    slot: int
    complaints: int
    last_at: datetime  # received
    position: int  # of the last one


def position(tx: Transaction) -> int:
    """Return the end of the stream."""
    return int(tx.scalar("SELECT COALESCE(MAX(id), 0) FROM complaints"))


def between(tx: Transaction, since: datetime, until: datetime, *, up_to: int) -> list[Said]:
    """Return what was said in a range of time, up to a position; walks it, so in small ranges and only at a start."""
    sql = _SAID.format(which="effective_at >= :since AND effective_at < :until AND id <= :up_to", most=2**62)
    rows = tx.tuples(sql, since=to_micros(since), until=to_micros(until), up_to=up_to)
    return [_said(*row) for row in rows]


def behind(tx: Transaction, position: int) -> list[Said]:
    """Return what was said behind a position, of at most the next `AT_ONCE` complaints."""
    sql = _SAID.format(which="id > :position ORDER BY id", most=AT_ONCE)
    return [_said(*row) for row in tx.tuples(sql, position=position)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """How long after it happened, by the clock of its source, a complaint came."""

    source: str
    received_at: datetime
    delay: timedelta


def delays(tx: Transaction, after: int) -> list[Delay]:
    """Return the delays of complaints behind a position that named a time, oldest first; history names the past."""
    rows = tx.tuples(
        """SELECT source, received_at, received_at - occurred_at FROM complaints
           WHERE id > :after AND received_at <> occurred_at AND (not_counted IS NULL OR not_counted <> 'history')
           ORDER BY id LIMIT :most""",
        after=after,
        most=DELAYS_AT_ONCE,
    )
    return [
        Delay(source=source, received_at=to_instant(at), delay=int(delay) * MICROSECOND) for source, at, delay in rows
    ]


def _said(source: str, slot: int, complaints: int, last_at: int, position: int) -> Said:
    return Said(
        source=source, slot=int(slot), complaints=int(complaints), last_at=to_instant(last_at), position=int(position)
    )
