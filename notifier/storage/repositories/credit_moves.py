"""Credits of incidents that are no more: those of merged ones go over, with their outages; which ones are left.

Functions of an open transaction. A line keeps its customer, tariff, amount and state; only its incident changes, and
its step where that is taken.
"""

from notifier.domain.credit import OWED_STATES
from notifier.storage.database import Transaction
from notifier.storage.repositories import credit_lines
from notifier.storage.repositories.credit_lines import StoredLine


def to_tidy(tx: Transaction) -> list[tuple[int, int | None]]:
    """Return incidents with lines that must not stay: merged ones with the one they belong to, dismissed ones."""
    rows = tx.tuples(
        """SELECT i.id, i.merged_into FROM incidents AS i
           WHERE i.state = 'merged' AND i.merged_into IS NOT NULL
             AND (EXISTS (SELECT 1 FROM credit_lines AS l WHERE l.incident_id = i.id AND l.state <> 'rejected')
                  OR EXISTS (SELECT 1 FROM credit_runs AS r WHERE r.incident_id = i.id))
           UNION ALL
           SELECT i.id, NULL FROM incidents AS i
           WHERE i.state = 'dismissed'
             AND EXISTS (SELECT 1 FROM credit_lines AS l WHERE l.state = 'proposed' AND l.incident_id = i.id)"""
    )
    return [(int(incident), None if into is None else int(into)) for incident, into in rows]


def to_move(tx: Transaction, incident_id: int, *, at_most: int) -> list[StoredLine]:
    """Return the next lines of a merged incident, originals before what reverses them; rejected ones stay there."""
    return credit_lines.where(
        tx,
        """l.incident_id = :id AND l.state <> 'rejected'
           ORDER BY l.customer_id, l.tariff, l.step DESC LIMIT :most""",
        id=incident_id,
        most=at_most,
    )


def is_taken(tx: Transaction, line: StoredLine, incident_id: int) -> bool:
    """Tell whether another incident has the step of a line."""
    found = tx.scalar(
        """SELECT 1 FROM credit_lines WHERE incident_id = :incident AND customer_id = :customer AND tariff = :tariff
           AND step = :step AND site_id = :site""",
        incident=incident_id,
        customer=line.customer_id,
        tariff=line.tariff,
        step=line.step,
        site=line.site_id,
    )
    return found is not None


def move(tx: Transaction, line: StoredLine, into: int) -> None:
    """Move a line to another incident; where its step is taken, behind that customer's last one there."""
    step = line.step
    if line.reverses is not None:
        step = -credit_lines.load(tx, line.reverses).step
    elif is_taken(tx, line, into):
        _, step = credit_lines.goodwill_of(tx, into, line.customer_id, line.tariff)
    tx.run("UPDATE credit_lines SET incident_id = :into, step = :step WHERE id = :id", into=into, step=step, id=line.id)
    if line.state in OWED_STATES:
        credit_lines.owe(tx, line.incident_id, line.currency, -line.amount)
        credit_lines.owe(tx, into, line.currency, line.amount)


def taken_in(tx: Transaction, incident_id: int) -> list[int]:
    """Return the incidents that were merged into one, also by way of others: their rejected lines are its own."""
    rows = tx.tuples(
        """WITH RECURSIVE source (id) AS (
               SELECT id FROM incidents WHERE merged_into = :id
               UNION SELECT i.id FROM incidents AS i JOIN source AS s ON i.merged_into = s.id)
           SELECT id FROM source""",
        id=incident_id,
    )
    return [int(row[0]) for row in rows]


def move_runs(tx: Transaction, incident_id: int, into: int) -> None:
    """Let the outages of an incident be those of another, and all be counted once more: together they owe more."""
    tx.run("UPDATE credit_runs SET incident_id = :into WHERE incident_id = :id", into=into, id=incident_id)
    tx.run("UPDATE credit_runs SET finished_at = NULL, counted_to = 0 WHERE incident_id = :into", into=into)
