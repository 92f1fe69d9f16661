"""Broadcasts as they are shown: one broadcast with its progress."""

from notifier.domain.broadcast import BroadcastReason
from notifier.domain.notification import Channel
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.queries import alone, rejections, sleepers
from notifier.storage.repositories import broadcasts, parts
from notifier.storage.views import BroadcastView, Progress


def view(tx: Transaction, broadcast_id: int) -> BroadcastView:
    """Return one broadcast; raise `NotFound`."""
    broadcasts.load(tx, broadcast_id)
    row = tx.row("SELECT * FROM broadcasts WHERE id = :id", id=broadcast_id)
    assert row is not None  # noqa: S101  # loaded above
    return _view(tx, row)


def of_incident(tx: Transaction, incident_id: int) -> list[BroadcastView]:
    """Return the broadcasts of an incident, oldest first."""
    rows = tx.rows("SELECT * FROM broadcasts WHERE incident_id = :id ORDER BY id", id=incident_id)
    return [_view(tx, row) for row in rows]


def by_channel(tx: Transaction, broadcast_id: int) -> dict[Channel, int]:
    """Return how many notifications a broadcast has per channel."""
    rows = tx.tuples(
        "SELECT channel, count(*) FROM notifications WHERE broadcast_id = :id GROUP BY channel", id=broadcast_id
    )
    return {Channel(name): int(number) for name, number in rows}


def _view(tx: Transaction, row: Row) -> BroadcastView:
    rejected = row["reason"] == BroadcastReason.REJECTED
    by, why = rejections.said(tx, row["incident_id"], row["id"]) if rejected else (None, "")
    return BroadcastView(
        id=row["id"],
        incident_id=row["incident_id"],
        kind=row["kind"],
        state=row["state"],
        reason=row["reason"],
        created_at=to_instant(row["created_at"]),
        created_by=row["created_by"],
        sent_at=to_instant(row["sent_at"]),
        sent_by=row["sent_by"],
        approved_by=row["approved_by"],
        not_before_at=to_instant(row["not_before_at"]),
        started_at=to_instant(row["started_at"]),
        finished_at=to_instant(row["finished_at"]),
        automatic=bool(row["automatic"]),
        expected_customers=row["expected_customers"],
        wake_reason=row["wake_reason"],
        part=parts.told_as(tx, row["incident_id"], row["part_id"], row["kind"]),
        facts=from_json(row["facts"], dict),
        progress=_progress(tx, row),
        rejected_by=by,
        rejected_because=why,
        alone_reason=alone.reason(tx, row["incident_id"], row["id"]) if _may_be_alone(row) else "",
        round_id=row["round_id"],
    )


def _may_be_alone(row: Row) -> bool:
    """Tell whether one person authorised a broadcast: only then it may be one that needed two."""
    return row["not_before_at"] is not None and row["approved_by"] is None and not row["automatic"]


def _progress(tx: Transaction, row: Row) -> Progress:
    audience_rows = tx.tuples(
        "SELECT outcome, count(*) FROM audience WHERE broadcast_id = :id GROUP BY outcome ORDER BY outcome",
        id=row["id"],
    )
    outcomes = {outcome: int(number) for outcome, number in audience_rows}
    counted = tx.tuples(
        f"SELECT {sleepers.COLUMNS} FROM notifications AS n WHERE n.broadcast_id = :id GROUP BY 1, 2, 3", id=row["id"]
    )
    return Progress(
        planned=row["planned_at"] is not None,
        customers_told=outcomes.pop("told", 0),
        customers_not_told=outcomes,
        states=sleepers.states(counted),
        in_doubt_ever=sum(int(doubted) for *_, doubted in counted),
        waiting=sleepers.waiting(counted),
    )
