"""What mode `automatic` is judged by, in the database: the backtest, what people made of proposals, what it did."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from notifier.domain.actor import DAEMON
from notifier.domain.automatic import JUDGED_AT_LEAST, Backtested, Candidate, Record
from notifier.domain.incident import DismissReason, IncidentState
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_json, to_micros
from notifier.storage.repositories import control

BACKTEST = "backtest"  # a row of `control`
GATE = "automatic"  # another: why nothing is confirmed by itself, by playbook
CONFIRMED = "confirmed_by_itself"  # in the timeline
LEFT = "left_to_a_person"
TOLD_FOR = timedelta(hours=2)  # people on call, unless one of them does something
_HOUR = timedelta(hours=1)


def backtest(tx: Transaction) -> Backtested | None:
    """Return the newest backtest over the company's own complaints."""
    stored = control.get(tx, BACKTEST)
    return None if stored is None else from_json(stored, Backtested)


def save_backtest(tx: Transaction, done: Backtested) -> None:
    """Keep a backtest in place of an older one."""
    control.put(tx, BACKTEST, to_json(done), now=done.ran_at, actor=DAEMON)


def record(tx: Transaction, services: Sequence[str]) -> Record:
    """Return what people made of the proposals for some services, since the daemon was last wrong by itself."""
    listed = {f"s{number}": service for number, service in enumerate(services)}
    among = ", ".join(f":{name}" for name in listed) or "NULL"
    wrong = tx.row(
        f"""SELECT id, dismissed_at FROM incidents
            WHERE confirmed_by = :daemon AND dismissed_at IS NOT NULL AND service IN ({among})
            ORDER BY dismissed_at DESC, id DESC LIMIT 1""",
        daemon=DAEMON.name,
        **listed,
    )
    judged = tx.tuples(
        f"""SELECT CASE WHEN dismissed_at IS NULL THEN 1 ELSE 0 END,
                   COALESCE(dismissed_at, confirmed_at) AS judged_at, id
            FROM incidents
            WHERE opened_by = :daemon AND service IN ({among}) AND state NOT IN (:suspected, :merged)
              AND (confirmed_by <> :daemon OR (confirmed_by IS NULL AND dismiss_reason = :by_person))
              AND COALESCE(dismissed_at, confirmed_at) > :since
            ORDER BY judged_at DESC, id DESC LIMIT {JUDGED_AT_LEAST}""",
        daemon=DAEMON.name,
        suspected=IncidentState.SUSPECTED,
        merged=IncidentState.MERGED,
        by_person=DismissReason.BY_PERSON,
        since=0 if wrong is None else wrong["dismissed_at"],
        **listed,
    )
    return Record(
        confirmed=[bool(confirmed) for confirmed, _, _ in judged], taken_back=None if wrong is None else wrong["id"]
    )


def proposals(tx: Transaction, services: Sequence[str]) -> list[int]:
    """Return the suspected incidents of some services that the daemon opened and has not left to a person."""
    rows = tx.tuples(
        f"""SELECT i.id, i.service FROM incidents AS i
            WHERE i.state = 'suspected' AND i.opened_by = :daemon
              AND EXISTS (SELECT 1 FROM evidence AS e WHERE e.incident_id = i.id AND e.grade = 'certain')
              AND NOT EXISTS (SELECT 1 FROM timeline AS t WHERE t.incident_id = i.id AND t.event = '{LEFT}')
            ORDER BY i.id""",
        daemon=DAEMON.name,
    )
    return [int(incident_id) for incident_id, service in rows if service in services]


def candidate(tx: Transaction, incident_id: int, customers: int) -> Candidate:
    """Return a suspected incident as it is judged; `customers` is its audience of now."""
    best = tx.row(
        """SELECT grade, verified FROM evidence WHERE incident_id = :id AND grade = 'certain'
           ORDER BY verified DESC LIMIT 1""",
        id=incident_id,
    )
    last_at = tx.scalar("SELECT last_evidence_at FROM incidents WHERE id = :id", id=incident_id)
    draft = tx.scalar(
        "SELECT 1 FROM broadcasts WHERE incident_id = :id AND state IN ('draft', 'awaiting_approval') LIMIT 1",
        id=incident_id,
    )
    return Candidate(
        grade="" if best is None else best["grade"],
        verified=0 if best is None else best["verified"],
        last_evidence_at=to_instant(last_at),
        customers=customers,
        has_draft=draft is not None,
    )


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
