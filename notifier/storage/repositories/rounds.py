"""Rounds as they are stored: which broadcasts of an event are sent by one number, and how its incidents stand.

Functions of an open transaction. How a round stands follows from its broadcasts; nothing is stored twice.
"""

from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import BroadcastState
from notifier.domain.errors import NotFound
from notifier.domain.incident import IncidentState, PartState
from notifier.domain.round import Standing
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_json, to_micros
from notifier.storage.repositories import broadcasts, parts

_ON_ITS_WAY = "b.state IN ('sending', 'paused', 'completed')"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRound:
    """One round."""

    id: int
    event_id: int
    expected_customers: int  # each once, as they were shown
    left_out: dict[int, str]
    more: int
    created_at: datetime
    created_by: str


def create(tx: Transaction, event_id: int, *, more: int, now: datetime, by: str) -> int:
    """Store a round without broadcasts and return its id."""
    return int(
        tx.scalar(
            """INSERT INTO rounds (event_id, more, created_at, created_by) VALUES (:event, :more, :now, :by)
               RETURNING id""",
            event=event_id,
            more=more,
            now=to_micros(now),
            by=by,
        )
    )


def load(tx: Transaction, round_id: int) -> StoredRound:
    """Return a round; raise `NotFound`."""
    row = tx.row("SELECT * FROM rounds WHERE id = :id", id=round_id)
    if row is None:
        raise NotFound("round", round_id)
    return StoredRound(
        id=row["id"],
        event_id=row["event_id"],
        expected_customers=row["expected_customers"],
        left_out={int(which): why for which, why in from_json(row["left_out"], dict[str, str]).items()},
        more=row["more"],
        created_at=to_instant(row["created_at"]),
        created_by=row["created_by"],
    )


def leave_out(tx: Transaction, round_id: int, left_out: dict[int, str]) -> None:
    """Keep which incidents are not in a round, and why."""
    text = to_json({str(which): why for which, why in left_out.items()})
    tx.run("UPDATE rounds SET left_out = :text WHERE id = :id", text=text, id=round_id)


def set_expected(tx: Transaction, round_id: int, customers: int) -> None:
    """Keep how many customers were shown, each once."""
    tx.run("UPDATE rounds SET expected_customers = :n WHERE id = :id", n=customers, id=round_id)


def of_event(tx: Transaction, event_id: int, *states: BroadcastState) -> list[int]:
    """Return the rounds of an event that have a broadcast in one of these states, oldest first."""
    listed = ", ".join(f"'{state}'" for state in states)
    rows = tx.tuples(
        f"""SELECT DISTINCT r.id FROM rounds AS r JOIN broadcasts AS b ON b.round_id = r.id AND b.state IN ({listed})
            WHERE r.event_id = :event ORDER BY r.id""",
        event=event_id,
    )
    return [int(which) for (which,) in rows]


def newest(tx: Transaction, event_id: int) -> int | None:
    """Return the round of an event that was sent or approved last, whatever became of it; never a draft."""
    found: int | None = tx.scalar(
        """SELECT b.round_id FROM broadcasts AS b JOIN rounds AS r ON r.id = b.round_id
           WHERE r.event_id = :id AND b.sent_at IS NOT NULL
           ORDER BY COALESCE(b.not_before_at, b.sent_at) DESC, b.round_id DESC LIMIT 1""",
        id=event_id,
    )
    return found


def standing(tx: Transaction, event_id: int) -> list[Standing]:
    """Return how each incident of an event stands with its customers, oldest first."""
    rows = tx.rows(
        f"""SELECT i.id, i.state, i.assessed_at,
                   CASE WHEN {parts.has_one("i.id", PartState.OUT)} THEN 1 ELSE 0 END AS has_out,
                   CASE WHEN EXISTS (SELECT 1 FROM broadcasts AS b WHERE b.incident_id = i.id AND {_ON_ITS_WAY})
                        THEN 1 ELSE 0 END AS on_its_way,
                   CASE WHEN EXISTS (SELECT 1 FROM broadcasts AS b
                                     WHERE b.incident_id = i.id AND b.state = 'awaiting_approval')
                        THEN 1 ELSE 0 END AS waits,
                   CASE WHEN EXISTS (SELECT 1 FROM promises AS p
                                     WHERE p.incident_id = i.id AND p.kind = 'eta' AND p.state = 'open')
                        THEN 1 ELSE 0 END AS has_time
            FROM incidents AS i WHERE i.event_id = :id ORDER BY i.id""",
        id=event_id,
    )
    is_open = (IncidentState.SUSPECTED, IncidentState.CONFIRMED)
    return [
        Standing(
            incident_id=row["id"],
            state=IncidentState(row["state"]),
            is_out=row["state"] in is_open and bool(row["has_out"]),
            is_assessed=row["assessed_at"] is not None,
            is_told=bool(row["on_its_way"]) or broadcasts.was_told(tx, row["id"]),
            waits=bool(row["waits"]),
            has_time=bool(row["has_time"]),
        )
        for row in rows
    ]
