"""What the detector keeps in the database: its position in the stream, its evidence, and which incidents stand.

Functions of an open transaction. The position moves only together with what was decided up to it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from notifier.domain.baseline_day import NO_DAY, BaselineState
from notifier.domain.detection import CellKey, CountedComplaint
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_micros
from notifier.storage.repositories.evidence import FOLLOWED
from notifier.storage.sets import look_up


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRow:
    """How far the stream has been decided."""

    position: int
    newest_us: int  # effective time of the newest complaint decided, in microseconds; 0: none was
    baseline_day: int  # -1: no day has begun
    state: BaselineState


# --- position ------------------------------------------------------------------------------------------


def ensure(tx: Transaction) -> None:
    """Create the one row, at the beginning of the stream."""
    tx.run(
        "INSERT INTO detector (id, position, baseline_day) VALUES (1, 0, :day) ON CONFLICT (id) DO NOTHING", day=NO_DAY
    )


def load(tx: Transaction) -> DetectorRow:
    """Return how far the stream has been decided; the beginning when nothing has."""
    row = tx.row("SELECT position, newest_at, baseline_day, state FROM detector WHERE id = 1")
    if row is None:
        return DetectorRow(position=0, newest_us=0, baseline_day=NO_DAY, state=BaselineState())
    return DetectorRow(
        position=row["position"],
        newest_us=row["newest_at"],
        baseline_day=row["baseline_day"],
        state=from_json(row["state"], BaselineState),
    )


def advance(tx: Transaction, *, after: int, to: int, newest_us: int = 0) -> bool:
    """Move the position; return False when it was not where it was thought to be.

    `newest_us` is the newest effective time of the complaints between, 0 when none of them is evidence.
    """
    moved = tx.run(
        """UPDATE detector SET position = :to, newest_at = CASE WHEN newest_at < :newest THEN :newest ELSE newest_at END
           WHERE id = 1 AND position = :after""",
        to=to,
        newest=newest_us,
        after=after,
    )
    return moved == 1


# --- the stream -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedComplaint:
    """A counted complaint with what an incident keeps of it."""

    counted: CountedComplaint
    correlation_id: str


_COUNTED = """SELECT id, service, effective_at, verified, counted_regions, named_before, correlation_id
              FROM complaints WHERE not_counted IS NULL"""


def newest_position(tx: Transaction) -> int:
    """Return the id of the newest complaint, 0 when there is none."""
    return int(tx.scalar("SELECT COALESCE(MAX(id), 0) FROM complaints"))


def waiting_since(tx: Transaction) -> datetime | None:
    """Return when the oldest complaint that has not been decided was received, or None when all have."""
    received_at: int | None = tx.scalar(
        """SELECT received_at FROM complaints
           WHERE id > (SELECT COALESCE(MAX(position), 0) FROM detector) ORDER BY id LIMIT 1"""
    )
    return to_instant(received_at)


def counted_after(tx: Transaction, position: int, at_most: int) -> list[StreamedComplaint]:
    """Return the next complaints that are evidence, in the order of the stream."""
    rows = tx.tuples(f"{_COUNTED} AND id > :position ORDER BY id LIMIT :most", position=position, most=at_most)
    return [_streamed(row) for row in rows]


def decided_since(tx: Transaction, since_us: int, until_position: int) -> list[int]:
    """Return the positions of decided complaints that took effect since a time, evidence or not, ascending."""
    rows = tx.tuples(
        # With a bare `id` SQLite would rather read the whole table, in the order that is wanted, than the index.
        "SELECT id FROM complaints WHERE effective_at > :since AND +id <= :position ORDER BY +id",
        since=since_us,
        position=until_position,
    )
    return [position for (position,) in rows]


def counted_at(tx: Transaction, positions: Sequence[int]) -> list[CountedComplaint]:
    """Return the complaints at some positions, ascending, that are evidence; in the order of the stream."""
    columns = "id, service, effective_at, verified, counted_regions, named_before"
    rows = sorted(look_up(tx, columns, _COUNTED_AT, [(position,) for position in positions]), key=itemgetter(0))
    places = {text: from_json(text, list[int]) for text in {row[4] for row in rows}}  # many rows, few places
    return [
        CountedComplaint(
            position=position,
            service=service,
            at_us=at_us,
            verified=bool(verified),
            regions=places[regions],
            named_before=() if before is None else from_json(before, list[int]),
        )
        for position, service, at_us, verified, regions, before in rows
    ]


_COUNTED_AT = """SELECT c.id, c.service, c.effective_at, c.verified, c.counted_regions, c.named_before
                 FROM {each} CROSS JOIN complaints AS c
                 WHERE c.id = CAST(k.value ->> 0 AS BIGINT) AND c.not_counted IS NULL"""


def _streamed(row: tuple[int, str, int, int, str, str | None, str]) -> StreamedComplaint:
    position, service, at_us, verified, regions, before, correlation_id = row
    return StreamedComplaint(
        counted=CountedComplaint(
            position=position,
            service=service,
            at_us=at_us,
            verified=bool(verified),
            regions=from_json(regions, list[int]),
            named_before=() if before is None else from_json(before, list[int]),
        ),
        correlation_id=correlation_id,
    )


def regions(tx: Transaction, region_ids: Collection[int]) -> dict[int, tuple[str, str, int | None]]:
    """Return (kind, code, the local day it became known on) of regions by id; those that are not there are left out."""
    found = look_up(tx, "id, kind, code, new_on", _REGIONS, [(region_id,) for region_id in sorted(region_ids)])
    return {region_id: (kind, code, new_on) for region_id, kind, code, new_on in found}


_REGIONS = """SELECT r.id, r.kind, r.code, r.new_on FROM {each} CROSS JOIN regions AS r
              WHERE r.id = CAST(k.value ->> 0 AS BIGINT)"""


# --- evidence and incidents -----------------------------------------------------------------------------------------


def newest_evidence(tx: Transaction, since_us: int) -> list[tuple[CellKey, int, str]]:
    """Return (cell, time in microseconds, grade) of the evidence since a time, oldest first."""
    rows = tx.tuples(  # +id: by the index of times, not through the whole table in the order of ids
        "SELECT region_id, service, at, grade FROM evidence WHERE at > :since ORDER BY +id", since=since_us
    )
    return [(CellKey(region_id, service), at_us, grade) for region_id, service, at_us, grade in rows]


def ended_since(tx: Transaction, since: datetime) -> dict[CellKey, int]:
    """Return the cells of incidents dismissed or resolved since a time, with when that was, in microseconds.

    A region that joined an incident only after its end had no end there: what a batch has decided must not change
    what the complaints behind it are, or it would matter how many were looked at together. For the same reason an
    incident that gave way to what began in its place had no end: what follows it is counted from its own beginning.
    """
    rows = tx.tuples(
        """SELECT ir.region_id, e.service, MAX(e.ended_at)
           FROM (SELECT id, service, dismissed_at AS ended_at FROM incidents AS i
                 WHERE dismissed_at > :since
                   AND NOT EXISTS (SELECT 1 FROM timeline AS t WHERE t.incident_id = i.id AND t.event = :followed)
                 UNION ALL
                 SELECT id, service, resolved_at FROM incidents
                 WHERE resolved_at > :since AND COALESCE(state, '') IN ('resolved', 'closed')) AS e
           JOIN incident_regions AS ir ON ir.incident_id = e.id
           WHERE ir.role = 'place'
              OR EXISTS (SELECT 1 FROM evidence AS v JOIN complaints AS c ON c.id = v.position
                         WHERE v.incident_id = e.id AND v.region_id = ir.region_id AND c.received_at <= e.ended_at)
           GROUP BY ir.region_id, e.service""",
        since=to_micros(since),
        followed=FOLLOWED,
    )
    return {CellKey(region_id, service): at_us for region_id, service, at_us in rows}


def quiet_since(tx: Transaction, services: Sequence[str], since: datetime) -> list[int]:
    """Return the suspected incidents of these services without evidence since a time, oldest first."""
    rows: Iterable[tuple[int, str]] = tx.tuples(
        """SELECT id, service FROM incidents
           WHERE state = 'suspected' AND COALESCE(last_evidence_at, opened_at) < :since
             AND NOT EXISTS (SELECT 1 FROM incident_signals AS l JOIN signals AS s ON s.id = l.signal_id
                             WHERE l.incident_id = incidents.id AND s.state = 'open')
           ORDER BY id""",
        since=to_micros(since),
    )
    return [incident_id for incident_id, service in rows if service in services]
