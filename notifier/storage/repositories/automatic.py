"""What mode `automatic` is judged by, in the database: the backtest, what people made of proposals, what it did."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from notifier.domain.actor import DAEMON
from notifier.domain.any_service import ANY
from notifier.domain.automatic import (
    DISMISSED_HOLDS,
    FRESH_FOR,
    JUDGED_AT_LEAST,
    JUDGED_WITHIN,
    Backtested,
    Candidate,
    Record,
)
from notifier.domain.incident import DismissReason, IncidentState
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_json, to_micros
from notifier.storage.repositories import control, incidents, overlaps

BACKTEST = "backtest"  # a row of `control`
GATE = "automatic"  # another: why nothing is confirmed by itself, by playbook
CONFIRMED = "confirmed_by_itself"  # in the timeline
LEFT = incidents.LEFT
TOLD_FOR = timedelta(hours=2)  # people on call, unless one of them does something
_HOUR = timedelta(hours=1)
_AHEAD = timedelta(minutes=5)  # evidence later than this is of another clock


def backtest(tx: Transaction) -> Backtested | None:
    """Return the newest backtest over the company's own complaints."""
    stored = control.get(tx, BACKTEST)
    return None if stored is None else from_json(stored, Backtested)


def save_backtest(tx: Transaction, done: Backtested) -> None:
    """Keep a backtest in place of an older one."""
    control.put(tx, BACKTEST, to_json(done), now=done.ran_at, actor=DAEMON)


def record(tx: Transaction, services: Sequence[str], *, now: datetime) -> Record:
    """Return what people made of proposals with certain evidence lately, since the daemon was last wrong by itself.

    It was wrong where a person dismissed what it confirmed, or took its message back or stopped it.
    """
    earliest = to_micros(now - JUDGED_WITHIN)
    listed = {f"s{number}": service for number, service in enumerate(services)}
    among = ", ".join(f":{name}" for name in listed) or "NULL"
    wrong = tx.row(
        f"""SELECT id, wrong_at FROM (
              SELECT id, dismissed_at AS wrong_at FROM incidents
              WHERE confirmed_by = :daemon AND dismissed_at IS NOT NULL AND service IN ({among})
              UNION ALL
              SELECT i.id, (SELECT COALESCE(MAX(t.at), b.sent_at) FROM timeline AS t
                            WHERE t.incident_id = i.id AND t.event IN ('taken_back', 'cancelled'))
              FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id
              WHERE b.state = 'cancelled' AND b.sent_by = :daemon AND b.kind = 'acknowledged'
                AND b.reason IN ('taken_back', 'by_person') AND i.service IN ({among})
            ) AS wrong WHERE wrong_at > :earliest ORDER BY wrong_at DESC, id DESC LIMIT 1""",
        daemon=DAEMON.name,
        earliest=earliest,
        **listed,
    )
    judged = tx.tuples(
        f"""SELECT CASE WHEN dismissed_at IS NULL THEN 1 ELSE 0 END,
                   COALESCE(dismissed_at, confirmed_at) AS judged_at, id
            FROM incidents
            WHERE opened_by = :daemon AND service IN ({among}) AND state NOT IN (:suspected, :merged)
              AND (confirmed_by <> :daemon OR (confirmed_by IS NULL AND dismiss_reason = :by_person))
              AND COALESCE(dismissed_at, confirmed_at) > :since
              AND EXISTS (SELECT 1 FROM evidence AS e WHERE e.incident_id = incidents.id AND e.grade = 'certain')
            ORDER BY judged_at DESC, id DESC LIMIT {JUDGED_AT_LEAST}""",
        daemon=DAEMON.name,
        suspected=IncidentState.SUSPECTED,
        merged=IncidentState.MERGED,
        by_person=DismissReason.BY_PERSON,
        since=earliest if wrong is None else wrong["wrong_at"],
        **listed,
    )
    return Record(
        confirmed=[bool(confirmed) for confirmed, _, _ in judged], taken_back=None if wrong is None else wrong["id"]
    )


def proposals(tx: Transaction, services: Sequence[str], *, now: datetime, certain: float) -> list[int]:
    """Return the suspected incidents of some services that the daemon opened and has not left to a person.

    Only those whose whole place is certain now; the others stay proposals, and are looked at again.
    """
    rows = tx.tuples(
        f"""SELECT i.id, i.service FROM incidents AS i
            WHERE i.state = 'suspected' AND i.opened_by = :daemon
              AND EXISTS (SELECT 1 FROM evidence AS e WHERE e.incident_id = i.id AND e.grade = 'certain')
              AND NOT EXISTS (SELECT 1 FROM timeline AS t WHERE t.incident_id = i.id AND t.event = '{LEFT}')
            ORDER BY i.id""",
        daemon=DAEMON.name,
    )
    return [
        int(incident_id)
        for incident_id, service in rows
        if service in services and _certain_now(tx, incident_id, now=now, certain=certain) is not None
    ]


def candidate(tx: Transaction, incident_id: int, customers: int, *, now: datetime, certain: float) -> Candidate:
    """Return a suspected incident as it is judged; `customers` is its audience of now, `certain` the threshold."""
    found = _certain_now(tx, incident_id, now=now, certain=certain)
    meeting = {other for other, _, _ in overlaps.outside_of(tx, incident_id)}
    return Candidate(
        grade="" if found is None else "certain",
        verified=0 if found is None else found[0],
        last_evidence_at=None if found is None else found[1],
        customers=customers,
        has_draft=any(is_a_persons(tx, each) for each in (incident_id, *meeting)),
        dismissed=_dismissed_there(tx, incident_id, now),
    )


def is_place_settled(
    tx: Transaction, incident_id: int, *, now: datetime, certain: float, within: timedelta = FRESH_FOR
) -> bool:
    """Tell whether the place of a suspected incident may be told by somebody who has not looked.

    Every region of it has certain evidence of its own, within the time, and none is doubted. In its first minutes an
    incident is often placed too wide.
    """
    incident = incidents.load(tx, incident_id)
    if incident.opened_by != DAEMON.name:
        return True  # who opened it said where
    if _certain_now(tx, incident_id, now=now, certain=certain, within=within) is None:
        return False
    doubted = tx.scalar(
        """SELECT 1 FROM place_doubts AS d JOIN incident_regions AS r
                  ON r.incident_id = d.incident_id AND r.region_id = d.region_id AND r.role = 'place'
           WHERE d.incident_id = :id AND d.named = 1 LIMIT 1""",
        id=incident_id,
    )
    return doubted is None


def is_a_persons(tx: Transaction, incident_id: int) -> bool:
    """Tell whether a person has begun on an incident, or the daemon has tried it already: it has a broadcast."""
    return tx.scalar("SELECT 1 FROM broadcasts WHERE incident_id = :id LIMIT 1", id=incident_id) is not None


def _certain_now(
    tx: Transaction, incident_id: int, *, now: datetime, certain: float, within: timedelta = FRESH_FOR
) -> tuple[int, datetime] | None:
    """Return the verified customers of the best fresh certain evidence, and its time; None unless all is certain.

    Every region of the place must have such evidence of its own: what is certain elsewhere says nothing about those who
    would be told here. Of several regions, the time is that of the one that is longest ago. Where customers name
    several services, which one is out is a guess, and a guess is never certain.
    """
    rows = tx.tuples(
        """SELECT r.region_id, MAX(e.verified), MAX(e.at) FROM incident_regions AS r
           LEFT JOIN evidence AS e ON e.incident_id = r.incident_id AND e.region_id = r.region_id
                AND e.grade = 'certain' AND e.score >= :certain AND e.at >= :since AND e.at <= :until
                AND e.service <> :any
           WHERE r.incident_id = :id AND r.role = 'place' GROUP BY r.region_id""",
        id=incident_id,
        any=ANY,
        certain=certain,
        since=to_micros(now - within),
        until=to_micros(now + _AHEAD),
    )
    if not rows or any(at is None for _, _, at in rows):
        return None
    return max(int(verified) for _, verified, _ in rows), to_instant(min(at for _, _, at in rows))


def _dismissed_there(tx: Transaction, incident_id: int, now: datetime) -> int | None:
    """Return the newest incident that a person dismissed lately where this one is; work called off says nothing."""
    service = str(tx.scalar("SELECT service FROM incidents WHERE id = :id", id=incident_id))
    rows = tx.tuples(
        """SELECT id FROM incidents WHERE dismissed_at > :since AND dismiss_reason = :by_person AND service = :service
             AND kind = 'unplanned'
           ORDER BY dismissed_at DESC, id DESC""",
        since=to_micros(now - DISMISSED_HOLDS),
        by_person=DismissReason.BY_PERSON,
        service=service,
    )
    place = incidents.place_regions(tx, incident_id)
    return next((int(other) for (other,) in rows if overlaps.overlaps(tx, other, service, place)), None)


def lately(tx: Transaction, now: datetime) -> int:
    """Return how many incidents the daemon has confirmed within the last hour."""
    return int(
        tx.scalar(
            "SELECT COUNT(*) FROM incidents WHERE confirmed_by = :daemon AND confirmed_at > :since",
            daemon=DAEMON.name,
            since=to_micros(now - _HOUR),
        )
    )


def closed(tx: Transaction) -> dict[str, list[str]]:
    """Return, by playbook that asks for mode `automatic`, why nothing is confirmed by itself."""
    stored = control.get(tx, GATE)
    return {} if stored is None else from_json(stored, dict[str, list[str]])


def unattended(tx: Transaction, now: datetime) -> list[int]:
    """Return the incidents that the daemon has confirmed lately and with which no person has done anything since."""
    rows = tx.tuples(
        """SELECT i.id FROM incidents AS i
           WHERE i.state = 'confirmed' AND i.confirmed_by = :daemon AND i.confirmed_at > :since
             AND NOT EXISTS (SELECT 1 FROM timeline AS t WHERE t.incident_id = i.id AND t.at >= i.confirmed_at
                             AND t.actor <> :daemon)
           ORDER BY i.id""",
        daemon=DAEMON.name,
        since=to_micros(now - TOLD_FOR),
    )
    return [int(incident_id) for (incident_id,) in rows]
