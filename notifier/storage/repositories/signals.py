"""Signals in the store: each time an alarm went off is a row, and which incidents it is evidence of.

Functions of an open transaction.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.signal import Change, Known, Report, SignalState
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant, to_json, to_micros
from notifier.storage.repositories import incidents

ALARM, ALARM_OVER = "alarm", "alarm_over"  # in the timeline
KNOWN_AT_MOST = 20  # earlier times of an alarm that are looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an alarm is, as the directory knows it; `why_not` says why it is evidence nowhere."""

    service: str = ""
    regions: tuple[int, ...] = ()
    sites: tuple[int, ...] = ()
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSignal:
    """An open alarm that is evidence somewhere."""

    id: int
    name: str
    service: str
    regions: tuple[int, ...]
    sites: tuple[int, ...]
    started_us: int
    correlation_id: str


def known(tx: Transaction, source: str, alarm: str) -> tuple[Known, ...]:
    """Return the newest times that an alarm went off, the newest first."""
    rows = tx.rows(
        f"""SELECT id, state, started_at, heard_at, calls_from, ended_at FROM signals
            WHERE source = :source AND alarm = :alarm ORDER BY started_at DESC LIMIT {KNOWN_AT_MOST}""",
        source=source,
        alarm=alarm,
    )
    return tuple(
        Known(
            id=row["id"],
            state=SignalState(row["state"]),
            started_at=to_instant(row["started_at"]),
            heard_at=to_instant(row["heard_at"]),
            calls_from=to_instant(row["calls_from"]),
            ended_at=to_instant(row["ended_at"]),
        )
        for row in rows
    )


def open_anew(
    tx: Transaction,
    report: Report,
    place: Place,
    *,
    calls_at: datetime | None,
    now: datetime,
    correlation_id: str,
) -> int:
    """Store that an alarm has gone off, or, of one that is over, that it did; return the id."""
    started_at = min(report.started_at or now, now)
    ended_at = None if report.is_open else max(min(report.ended_at or now, now), started_at)
    found = tx.scalar(
        """INSERT INTO signals (source, alarm, name, service, regions, sites, why_not, state, detail, left_out,
                                started_at, ended_at, received_at, heard_at, calls_from, correlation_id)
           VALUES (:source, :alarm, :name, :service, :regions, :sites, :why_not, :state, :detail, :left_out,
                   :started_at, :ended_at, :now, :now, :calls_from, :correlation_id)
           ON CONFLICT (source, alarm, started_at) DO UPDATE SET heard_at = excluded.heard_at RETURNING id""",
        source=report.source,
        alarm=report.alarm,
        name=report.name,
        service=place.service,
        regions=to_json(place.regions),
        sites=to_json(place.sites),
        why_not=place.why_not,
        state=SignalState.OPEN if report.is_open else SignalState.RESOLVED,
        detail=to_json(report.detail),
        left_out=report.left_out,
        started_at=to_micros(started_at),
        ended_at=to_micros(ended_at),
        now=to_micros(now),
        calls_from=to_micros(calls_at) if report.is_open and not place.why_not else None,
        correlation_id=correlation_id,
    )
    return int(found)


def reopen(tx: Transaction, signal_id: int, place: Place, *, calls_at: datetime, now: datetime) -> None:
    """Store that an alarm that was over goes off again, since the same time."""
    tx.run(
        "UPDATE signals SET state = 'open', ended_at = NULL, calls_from = :calls_from WHERE id = :id",
        calls_from=None if place.why_not else to_micros(calls_at),
        id=signal_id,
    )
    hear(tx, signal_id, now=now)


def hear(tx: Transaction, signal_id: int, *, now: datetime, left_out: int = 0) -> None:
    """Note that an alarm was reported once more."""
    tx.run(
        """UPDATE signals SET heard_at = :now, times = times + 1,
                  left_out = CASE WHEN :left_out > 0 THEN :left_out ELSE left_out END WHERE id = :id""",
        now=to_micros(now),
        left_out=left_out,
        id=signal_id,
    )


def place_again(tx: Transaction, signal_id: int, place: Place, *, calls_at: datetime) -> None:
    """Place an open alarm that was evidence nowhere until now: the directory knows its place by now."""
    tx.run(
        """UPDATE signals SET service = :service, regions = :regions, sites = :sites, why_not = :why_not,
                  calls_from = :calls_from WHERE id = :id""",
        service=place.service,
        regions=to_json(place.regions),
        sites=to_json(place.sites),
        why_not=place.why_not,
        calls_from=None if place.why_not else to_micros(calls_at),
        id=signal_id,
    )


def is_unplaced(tx: Transaction, signal_id: int) -> bool:
    """Tell whether an alarm is evidence nowhere."""
    return bool(tx.scalar("SELECT why_not FROM signals WHERE id = :id", id=signal_id))


def end(tx: Transaction, signal_id: int, state: SignalState, *, at: datetime, now: datetime) -> None:
    """Store that an alarm is over, and tell the incidents it is evidence of."""
    row = tx.rows("SELECT name, started_at FROM signals WHERE id = :id", id=signal_id)[0]
    ended_us = max(to_micros(min(at, now)), row["started_at"])
    tx.run(
        "UPDATE signals SET state = :state, ended_at = :ended, heard_at = :now WHERE id = :id",
        state=state,
        ended=ended_us,
        now=to_micros(now) if state is SignalState.RESOLVED else _heard(tx, signal_id),
        id=signal_id,
    )
    for incident_id in _linked(tx, signal_id):
        detail = {ALARM_OVER: row["name"], "since": to_instant(ended_us).isoformat(), "state": str(state)}
        incidents.record(tx, incident_id, at=now, event=ALARM_OVER, actor="daemon", detail=detail)


def lapsed(tx: Transaction, *, before: datetime) -> list[int]:
    """Return the open alarms that nobody has reported since."""
    rows = tx.tuples("SELECT id FROM signals WHERE state = 'open' AND heard_at < :before", before=to_micros(before))
    return [int(signal_id) for (signal_id,) in rows]


def open_ids(tx: Transaction) -> list[int]:
    """Return the open alarms that are evidence somewhere, the oldest first; where one is never changes while it is."""
    rows = tx.tuples("SELECT id FROM signals WHERE state = 'open' AND why_not = '' ORDER BY id")
    return [int(signal_id) for (signal_id,) in rows]


def open_signals(tx: Transaction, among: Collection[int] | None = None) -> list[OpenSignal]:
    """Return the open alarms that are evidence somewhere, or those of them that are asked for, the oldest first."""
    only = "" if among is None else f"AND id IN ({', '.join(str(int(each)) for each in sorted(among)) or '0'})"
    rows = tx.tuples(
        f"""SELECT id, name, service, regions, sites, started_at, correlation_id FROM signals
            WHERE state = 'open' AND why_not = '' {only} ORDER BY id"""
    )
    return [
        OpenSignal(
            id=signal_id,
            name=name,
            service=service,
            regions=from_json(regions, tuple[int, ...]),
            sites=from_json(sites, tuple[int, ...]),
            started_us=started_us,
            correlation_id=correlation_id,
        )
        for signal_id, name, service, regions, sites, started_us, correlation_id in rows
    ]


# --- incidents ------------------------------------------------------------------------------------------------------


def link(tx: Transaction, incident_id: int, signal_id: int, *, now: datetime) -> bool:
    """Make an alarm evidence of an incident, with an entry in its timeline; return False when it was already."""
    added = tx.run(
        """INSERT INTO incident_signals (incident_id, signal_id) VALUES (:incident, :signal)
           ON CONFLICT (incident_id, signal_id) DO NOTHING""",
        incident=incident_id,
        signal=signal_id,
    )
    if not added:
        return False
    row = tx.rows("SELECT name, started_at FROM signals WHERE id = :id", id=signal_id)[0]
    people = tx.scalar("SELECT MAX(distinct_customers) FROM evidence WHERE incident_id = :id", id=incident_id)
    detail: Mapping[str, object] = {
        ALARM: row["name"],
        "since": to_instant(row["started_at"]).isoformat(),
        "people": int(people or 0),
    }
    incidents.record(tx, incident_id, at=now, event=ALARM, actor="daemon", detail=detail)
    return True


def incident_of_evidence(tx: Transaction, region_id: int, service: str, at_us: int) -> int | None:
    """Return the incident to which the newest evidence of a cell at a moment was given."""
    found: int | None = tx.scalar(
        """SELECT incident_id FROM evidence
           WHERE at = :at AND region_id = :region AND service = :service AND incident_id IS NOT NULL
           ORDER BY id DESC LIMIT 1""",
        at=at_us,
        region=region_id,
        service=service,
    )
    return found


def links(tx: Transaction) -> set[tuple[int, int]]:
    """Return (incident, alarm) of the open alarms that are evidence of incidents."""
    rows = tx.tuples(
        "SELECT l.incident_id, l.signal_id FROM incident_signals AS l JOIN signals AS s ON s.id = l.signal_id"
        " AND s.state = 'open'"
    )
    return {(int(incident_id), int(signal_id)) for incident_id, signal_id in rows}


def remove(tx: Transaction, *, before: datetime, at_most: int) -> int:
    """Remove some alarms that were over before, but none of an incident that is not; return how many."""
    rows = tx.tuples(
        """SELECT id FROM signals AS s WHERE received_at < :before AND ended_at < :before
             AND NOT EXISTS (SELECT 1 FROM incident_signals AS l JOIN incidents AS i ON i.id = l.incident_id
                             WHERE l.signal_id = s.id AND i.state NOT IN ('closed', 'dismissed', 'merged'))
           ORDER BY id LIMIT :most""",
        before=to_micros(before),
        most=at_most,
    )
    gone = [{"id": signal_id} for (signal_id,) in rows]
    tx.run_many("DELETE FROM incident_signals WHERE signal_id = :id", gone)
    tx.run_many("DELETE FROM signals WHERE id = :id", gone)
    return len(gone)


def apply(
    tx: Transaction,
    report: Report,
    found: Change,
    place: Place,
    *,
    now: datetime,
    calls_at: datetime,
    correlation_id: str,
) -> int:
    """Store what a report changes; return the id of the alarm's row."""
    if found.ends is not None:
        end(tx, found.ends.id, SignalState.LAPSED, at=report.started_at or now, now=now)
    if found.known is None:
        return open_anew(tx, report, place, calls_at=calls_at, now=now, correlation_id=correlation_id)
    which = found.known
    if report.is_open and found.is_open and which.state is not SignalState.OPEN:
        reopen(tx, which.id, place, calls_at=calls_at, now=now)
    elif not report.is_open and which.state is not SignalState.RESOLVED:
        end(tx, which.id, SignalState.RESOLVED, at=report.ended_at or now, now=now)
    elif which.state is SignalState.OPEN:
        hear(tx, which.id, now=now, left_out=report.left_out)
        if is_unplaced(tx, which.id) and not place.why_not:
            place_again(tx, which.id, place, calls_at=calls_at)
    return which.id


def _heard(tx: Transaction, signal_id: int) -> int:
    return int(tx.scalar("SELECT heard_at FROM signals WHERE id = :id", id=signal_id))


def _linked(tx: Transaction, signal_id: int) -> list[int]:
    rows: list[Row] = tx.rows(
        """SELECT l.incident_id FROM incident_signals AS l JOIN incidents AS i ON i.id = l.incident_id
           WHERE l.signal_id = :id AND i.state IN ('scheduled', 'suspected', 'confirmed', 'resolved')""",
        id=signal_id,
    )
    return [int(row["incident_id"]) for row in rows]
