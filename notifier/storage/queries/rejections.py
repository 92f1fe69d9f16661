"""Broadcasts to which a second person said no: by whom and why, and those about which nobody has done anything yet."""

from dataclasses import dataclass

from notifier.domain.broadcast import BroadcastKind, BroadcastReason
from notifier.domain.incident import OPEN_STATES, IncidentState
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json

_UNSETTLED = (*OPEN_STATES, IncidentState.RESOLVED)  # what ended otherwise needs no other update


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A rejected broadcast, and the incident it was for."""

    broadcast_id: int
    kind: BroadcastKind
    customers: int
    sent_by: str
    by: str
    why: str  # may be empty
    incident: Row  # its id, service, place and state
    round_id: int | None  # of several that one number has sent


def said(tx: Transaction, incident_id: int, broadcast_id: int) -> tuple[str, str]:
    """Return who rejected a broadcast, and why."""
    for row in _entries(tx, incident_id, "rejected"):
        detail = from_json(row["detail"], dict)
        if detail.get("broadcast") == broadcast_id:
            return row["actor"], " ".join(str(detail.get("reason", "")).split())
    return "", ""


def unanswered(tx: Transaction, incident_id: int | None = None) -> list[Rejection]:
    """Return the rejected broadcasts, of one incident or of all, that still need their sender, oldest first.

    They do until a person sends another update of the incident, cancels the rejected one, or the incident ends. Who
    said no to an update of their own knows it.
    """
    states = ", ".join(f"'{state}'" for state in _UNSETTLED)
    rows = tx.rows(
        f"""SELECT b.id AS broadcast_id, b.kind, b.expected_customers, b.sent_by, b.round_id, i.id,
                   i.service, i.place, i.state
            FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id AND i.state IN ({states})
            WHERE b.state = 'cancelled' AND b.reason = '{BroadcastReason.REJECTED}'
              AND (CAST(:incident AS BIGINT) IS NULL OR i.id = :incident)
              AND NOT EXISTS (SELECT 1 FROM broadcasts AS c WHERE c.incident_id = b.incident_id AND c.id > b.id
                              AND c.sent_at IS NOT NULL AND c.automatic = 0)
            ORDER BY b.id""",
        incident=incident_id,
    )
    found = []
    for row in rows:
        by, why = said(tx, row["id"], row["broadcast_id"])
        if by != row["sent_by"] and not _was_cancelled(tx, row["id"], row["broadcast_id"]):
            found.append(
                Rejection(
                    broadcast_id=row["broadcast_id"],
                    kind=BroadcastKind(row["kind"]),
                    customers=row["expected_customers"],
                    sent_by=row["sent_by"],
                    by=by,
                    why=why,
                    incident=row,
                    round_id=row["round_id"],
                )
            )
    return found


def _was_cancelled(tx: Transaction, incident_id: int, broadcast_id: int) -> bool:
    details = (from_json(row["detail"], dict) for row in _entries(tx, incident_id, "cancelled"))
    return any(detail.get("broadcast") == broadcast_id for detail in details)


def _entries(tx: Transaction, incident_id: int, event: str) -> list[Row]:
    return tx.rows(
        "SELECT actor, detail FROM timeline WHERE incident_id = :id AND event = :event ORDER BY id",
        id=incident_id,
        event=event,
    )
