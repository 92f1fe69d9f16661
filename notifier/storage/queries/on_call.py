"""Calls as they are shown: who was called about what, by which routes, and what they answered."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from notifier.domain.errors import NotFound
from notifier.domain.on_call import Says, person_behind
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant
from notifier.storage.queries import assigned
from notifier.storage.queries.needs.subject import clock
from notifier.storage.repositories import call_routes
from notifier.storage.repositories import on_call as stored
from notifier.storage.repositories.on_call import StoredAlarm, StoredCall
from notifier.storage.views import AlarmView, CallRouteView, CallView

CALLS_SHOWN = 20


def call(tx: Transaction, call_id: int) -> CallView:
    """Return one call; raise `NotFound`."""
    found = stored.load(tx, call_id)
    if found is None:
        raise NotFound("call", call_id)
    return _views(tx, [found])[0]


def calls(tx: Transaction) -> list[CallView]:
    """Return the calls of which something is open, and some before, newest first."""
    return _views(tx, stored.newest(tx, CALLS_SHOWN))


def alarms(tx: Transaction) -> list[AlarmView]:
    """Return the alarms that stand."""
    having = assigned.by_incident(tx)
    return [
        AlarmView(
            id=alarm.id,
            reason=alarm.reason,
            about=alarm.key,
            incident_id=alarm.incident_id,
            broadcast_id=alarm.broadcast_id,
            opened_at=alarm.opened_at,
            answered_at=alarm.answered_at,
            answered_by=alarm.answered_by,
            answer=alarm.answer,
            rests_until=alarm.rests_until,
            assigned_to=having.get(alarm.incident_id or 0, ""),
        )
        for alarm in stored.open_alarms(tx)
    ]


def called(tx: Transaction, zone: ZoneInfo, *, now: datetime) -> dict[str, str]:
    """Return, by key of the alarm, who was called about it and what they answered, in one line."""
    found = {}
    for alarm in stored.open_alarms(tx):
        rows = tx.rows(
            """SELECT c.* FROM calls AS c JOIN call_alarms AS l ON l.call_id = c.id
               WHERE l.alarm_id = :id ORDER BY c.id""",
            id=alarm.id,
        )
        if said := _line(alarm, rows, zone, now):
            found[alarm.key] = said
    return found


def _line(alarm: StoredAlarm, rows: Sequence[Row], zone: ZoneInfo, now: datetime) -> str:
    """Return one line: the last call of each person, by time, and who has it, or had it until it was asked again."""
    last: dict[str, Row] = {}
    for row in rows:
        last.pop(row["person"], None)
        last[row["person"]] = row
    parts = [
        f"{person} called {clock(to_instant(row['called_at']), zone)}, {_said(row, zone)}"
        for person, row in last.items()
    ]
    if alarm.answered_at is not None and not any(row["answered_at"] for row in last.values()):
        if alarm.rests_until is None or alarm.rests_until > now:
            parts.append(f"{alarm.answered_by} has it since {clock(alarm.answered_at, zone)}")
        elif alarm.rests_until > alarm.answered_at:  # else nobody ever had it: it was asked again at once
            before = sum(to_instant(row["called_at"]) < alarm.rests_until for row in last.values())
            parts.insert(before, f"{alarm.answered_by} had it until {clock(alarm.rests_until, zone)}")
    return "; ".join(parts)


def _said(row: Row, zone: ZoneInfo) -> str:
    if row["answered_at"] is None:
        return "out of reach" if row["outcome"] == "unreachable" else "no answer"
    by = "" if person_behind(row["answered_by"]) == row["person"] else f" by {row['answered_by']}"
    return f"answered {row['answer'].upper()}{by} {clock(to_instant(row['answered_at']), zone)}"


def _views(tx: Transaction, found: Sequence[StoredCall]) -> list[CallView]:
    routes = call_routes.routes_of(tx, [each.id for each in found])
    return [_view(each, stored.alarms_of(tx, each.id), routes[each.id]) for each in found]


def _view(found: StoredCall, about: Sequence[StoredAlarm], routes: Sequence[Row]) -> CallView:
    return CallView(
        id=found.id,
        person=found.person,
        reason=found.reason,
        text=found.text,
        incidents=sorted({alarm.incident_id for alarm in about if alarm.incident_id is not None}),
        called_at=found.called_at,
        answered_at=found.answered_at,
        answered_by=found.answered_by,
        answer=found.answer,
        outcome=found.outcome or "ringing",
        over=all(alarm.ended_at is not None for alarm in about),
        routes=[_route(row) for row in routes if row["says"] == Says.CALL],
    )


def _route(row: Row) -> CallRouteView:
    at: datetime | None = to_instant(row["handed_over_at"])
    return CallRouteView(
        route=row["route"],
        state=row["state"],
        attempts=row["attempts"],
        handed_over_at=at,
        problem="" if at is not None and not row["receipt"] else row["problem"],
        receipt=row["receipt"],
    )
