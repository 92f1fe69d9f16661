"""Alarms as they are shown: in the list, on the card of an incident, and as evidence that it looks over."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from notifier.domain.on_call import CallReason, alarm_key
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant, to_micros
from notifier.storage.views import SignalView

AT_MOST = 200
REGIONS_SHOWN = 12


def signals(tx: Transaction, *, ended: bool = False, before: int | None = None) -> list[SignalView]:
    """Return the open alarms, or all of them, the newest first; `before` is an id: older ones."""
    state = "" if ended else "AND s.state = 'open'"
    rows = tx.rows(
        f"SELECT s.* FROM signals AS s WHERE s.id < :before {state} ORDER BY s.id DESC LIMIT {AT_MOST}",
        before=2**63 - 1 if before is None else before,
    )
    return _views(tx, rows)


def of_incident(tx: Transaction, incident_id: int) -> list[SignalView]:
    """Return the alarms that are evidence of an incident, the oldest first."""
    rows = tx.rows(
        f"""SELECT s.* FROM incident_signals AS l JOIN signals AS s ON s.id = l.signal_id
            WHERE l.incident_id = :id ORDER BY s.started_at, s.id LIMIT {AT_MOST}""",
        id=incident_id,
    )
    return _views(tx, rows)


def open_count(tx: Transaction) -> int:
    """Return how many alarms are open, wherever they are."""
    return int(tx.scalar("SELECT COUNT(*) FROM signals WHERE state = 'open'"))


def one(tx: Transaction, signal_id: int) -> SignalView | None:
    """Return an alarm, open or not, or None where there is none."""
    found = _views(tx, tx.rows("SELECT s.* FROM signals AS s WHERE s.id = :id", id=signal_id))
    return found[0] if found else None


def unattended(tx: Transaction, now: datetime, *, at_most: int = AT_MOST) -> Iterator[tuple[str, SignalView]]:
    """Yield the open alarms that call people, each with the key of its call: those that belong to no incident.

    Nor does planned work keep one quiet that is done: what is open then is something else, or the work is not done.
    """
    rows = tx.rows(
        f"""SELECT s.* FROM signals AS s WHERE s.state = 'open' AND s.why_not = '' AND s.calls_from <= :now
              AND NOT EXISTS (SELECT 1 FROM incident_signals AS l JOIN incidents AS i ON i.id = l.incident_id
                              WHERE l.signal_id = s.id AND (i.kind = 'unplanned' OR i.state = 'confirmed'))
            ORDER BY s.started_at, s.id LIMIT {int(at_most)}""",
        now=to_micros(now),
    )
    for view in _views(tx, rows):
        yield alarm_key(CallReason.ALARM, view.id), view


def without_place(tx: Transaction) -> list[SignalView]:
    """Return the open alarms that are evidence nowhere."""
    rows = tx.rows(
        f"SELECT s.* FROM signals AS s WHERE s.state = 'open' AND s.why_not <> '' ORDER BY s.id LIMIT {AT_MOST}"
    )
    return _views(tx, rows)


def _views(tx: Transaction, rows: Sequence[Row]) -> list[SignalView]:
    """Return alarms as they are shown, however many, by two queries."""
    if not rows:
        return []
    of_alarm = {row["id"]: from_json(row["regions"], list[int])[:REGIONS_SHOWN] for row in rows}
    incidents: dict[int, list[int]] = {}
    for signal_id, incident_id in tx.tuples(
        f"""SELECT signal_id, incident_id FROM incident_signals WHERE signal_id IN ({_listed(of_alarm)})
            ORDER BY signal_id, incident_id"""
    ):
        incidents.setdefault(int(signal_id), []).append(int(incident_id))
    named = {region_id for region_ids in of_alarm.values() for region_id in region_ids}
    found = tx.tuples(f"SELECT id, kind, code FROM regions WHERE id IN ({_listed(named)})") if named else ()
    regions = {int(region_id): f"{kind} {code}" for region_id, kind, code in found}
    return [
        _view(
            row,
            regions=[regions[each] for each in sorted(of_alarm[row["id"]]) if each in regions],
            incidents=incidents.get(row["id"], []),
        )
        for row in rows
    ]


def _view(row: Row, *, regions: list[str], incidents: list[int]) -> SignalView:
    detail = from_json(row["detail"], dict[str, Any])
    return SignalView(
        id=row["id"],
        source=row["source"],
        alarm=row["alarm"],
        name=row["name"],
        service=row["service"],
        regions=regions,
        sites=len(from_json(row["sites"], list[int])),
        why_not=row["why_not"],
        state=row["state"],
        started_at=to_instant(row["started_at"]),
        ended_at=to_instant(row["ended_at"]),
        received_at=to_instant(row["received_at"]),
        heard_at=to_instant(row["heard_at"]),
        times=row["times"],
        left_out=row["left_out"],
        summary=str(detail.get("summary", "")),
        labels={str(name): str(value) for name, value in detail.get("labels", {}).items()},
        incidents=incidents,
    )


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(str(int(each)) for each in ids)
