"""Posting in the store: what billing is asked about, under which number of tries, and files for billing.

`posting` is committed before a line is handed over, with the time at which it is tried again if nobody says what became
of it; the outcome is written only for the try it belongs to. A reversal follows when billing has what it reverses.
"""

from dataclasses import dataclass
from datetime import datetime

from notifier.domain.credit import CreditReason, CreditState
from notifier.domain.errors import NotFound, Refused
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories.audience import numbers

_MAY_FOLLOW = """(l.reverses IS NULL OR EXISTS (
    SELECT 1 FROM credit_lines AS o WHERE o.id = l.reverses AND o.state = 'posted'))"""
_MAY_BE_IN_A_FILE = """(l.reverses IS NULL OR EXISTS (
    SELECT 1 FROM credit_lines AS o WHERE o.id = l.reverses AND (o.state = 'posted' OR o.batch_id IS NOT NULL)))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToPost:
    """A line as billing is told of it."""

    id: int
    attempt: int
    incident_id: int
    customer: str
    tariff: str
    site: str  # reference; "" = the customer as a whole
    amount: int
    currency: str
    bill_month: int
    reverses: int | None
    asked_at: datetime
    made_at: datetime

    @property
    def key(self) -> str:
        """Return what billing books once."""
        return key_of(self.id, self.made_at)


def key_of(line_id: int, made_at: datetime) -> str:
    """Return the key of a line: its id and when it was made.

    A store that was restored from a backup gives out ids again; the moment tells the new line from the lost one.
    """
    return f"credit-{line_id}-{to_micros(made_at)}"


def ask(
    tx: Transaction, *, incident_id: int | None, failed: bool, after: int, at_most: int, now: datetime
) -> tuple[int, int | None]:
    """Let approved lines be posted, and failed ones where wanted; return how many, and where to go on.

    Reversals whose line billing does not have yet are left: they follow when it has.
    """
    states = "l.state = 'approved'" + (" OR l.state = 'failed'" if failed else "")
    of_incident = "" if incident_id is None else "AND l.incident_id = :incident"
    ids = [
        int(row[0])
        for row in tx.tuples(
            f"""SELECT l.id FROM credit_lines AS l WHERE ({states}) {of_incident} AND l.id > :after AND {_MAY_FOLLOW}
                ORDER BY l.id LIMIT :most""",
            after=after,
            most=at_most,
            **({} if incident_id is None else {"incident": incident_id}),
        )
    ]
    if ids:
        tx.run(
            f"""UPDATE credit_lines SET state = '{CreditState.POSTING}', reason = '{CreditReason.ASKED}',
                       asked_at = :now, due_at = :now, problem = '', batch_id = NULL
                WHERE id IN ({numbers(ids)})""",
            now=to_micros(now),
        )
    return len(ids), ids[-1] if len(ids) == at_most else None


def claim(tx: Transaction, *, now: datetime, again_at: datetime, at_most: int) -> list[ToPost]:
    """Take lines that are due, count the try, and let them be due again in case nobody says what became of it."""
    rows = tx.rows(
        """SELECT l.id, l.attempts + 1 AS attempt, l.incident_id, c.reference AS customer, l.tariff, l.amount_minor,
                  l.currency, l.bill_month, l.reverses, l.asked_at, l.created_at, COALESCE(s.reference, '') AS site
           FROM credit_lines AS l JOIN customers AS c ON c.id = l.customer_id LEFT JOIN sites AS s ON s.id = l.site_id
           WHERE l.state = 'posting' AND l.batch_id IS NULL AND l.due_at <= :now ORDER BY l.due_at, l.id LIMIT :most""",
        now=to_micros(now),
        most=at_most,
    )
    found = [
        ToPost(
            id=row["id"],
            attempt=row["attempt"],
            incident_id=row["incident_id"],
            customer=row["customer"],
            tariff=row["tariff"],
            site=row["site"],
            amount=row["amount_minor"],
            currency=row["currency"],
            bill_month=row["bill_month"],
            reverses=row["reverses"],
            asked_at=to_instant(row["asked_at"]),
            made_at=to_instant(row["created_at"]),
        )
        for row in rows
    ]
    tx.run_many(
        "UPDATE credit_lines SET attempts = :attempt, due_at = :again WHERE id = :id AND state = 'posting'",
        [{"id": each.id, "attempt": each.attempt, "again": to_micros(again_at)} for each in found],
    )
    return found


def posted(tx: Transaction, line_id: int, attempt: int, *, reference: str, now: datetime) -> bool:
    """Note that billing has a line; tell whether this try was the one that counts."""
    return (
        tx.run(
            f"""UPDATE credit_lines SET state = '{CreditState.POSTED}', reason = '{CreditReason.TAKEN}',
                       posted_at = :now, due_at = NULL, reference = :reference, problem = ''
                WHERE id = :id AND state = 'posting' AND attempts = :attempt""",
            id=line_id,
            attempt=attempt,
            reference=reference,
            now=to_micros(now),
        )
        > 0
    )


def failed(tx: Transaction, line_id: int, attempt: int, reason: CreditReason, problem: str) -> bool:
    """Note that billing will not take a line; a person decides."""
    return (
        tx.run(
            f"""UPDATE credit_lines SET state = '{CreditState.FAILED}', reason = :reason, due_at = NULL,
                       problem = :problem
                WHERE id = :id AND state = 'posting' AND attempts = :attempt""",
            id=line_id,
            attempt=attempt,
            reason=reason,
            problem=problem,
        )
        > 0
    )


def put_off(tx: Transaction, line_id: int, attempt: int, problem: str, *, due_at: datetime) -> bool:
    """Let a line be tried again later."""
    return (
        tx.run(
            f"""UPDATE credit_lines SET reason = '{CreditReason.TRIED_AGAIN}', due_at = :due, problem = :problem
                WHERE id = :id AND state = 'posting' AND attempts = :attempt""",
            id=line_id,
            attempt=attempt,
            due=to_micros(due_at),
            problem=problem,
        )
        > 0
    )


# --- files ------------------------------------------------------------------------------------------------------------


def open_batch(tx: Transaction, *, now: datetime, by: str) -> int:
    """Return the file that a crash left half filled, or a new one."""
    found = tx.scalar("SELECT id FROM credit_batches WHERE filled_at IS NULL ORDER BY id LIMIT 1")
    if found is None:
        found = tx.scalar(
            "INSERT INTO credit_batches (created_at, created_by) VALUES (:now, :by) RETURNING id",
            now=to_micros(now),
            by=by,
        )
    return int(found)


def fill(tx: Transaction, batch_id: int, *, incident_id: int | None, failed: bool, at_most: int, now: datetime) -> int:
    """Put the next approved lines into a file; return how many. Originals come before what reverses them."""
    states = "l.state = 'approved'" + (" OR l.state = 'failed'" if failed else "")
    of_incident = "" if incident_id is None else "AND l.incident_id = :incident"
    ids = [
        int(row[0])
        for row in tx.tuples(
            f"""SELECT l.id FROM credit_lines AS l WHERE ({states}) {of_incident} AND {_MAY_BE_IN_A_FILE}
                ORDER BY l.id LIMIT :most""",
            most=at_most,
            **({} if incident_id is None else {"incident": incident_id}),
        )
    ]
    if ids:
        tx.run(
            f"""UPDATE credit_lines SET state = '{CreditState.POSTING}', reason = '{CreditReason.ASKED}',
                       batch_id = :batch, asked_at = :now, due_at = NULL, problem = '', attempts = attempts + 1
                WHERE id IN ({numbers(ids)})""",
            batch=batch_id,
            now=to_micros(now),
        )
    return len(ids)


def drop_empty(tx: Transaction, batch_id: int) -> bool:
    """Remove a file that is open and holds no line; return whether it was."""
    return (
        tx.run(
            """DELETE FROM credit_batches WHERE id = :id AND filled_at IS NULL
               AND NOT EXISTS (SELECT 1 FROM credit_lines AS l WHERE l.batch_id = credit_batches.id)""",
            id=batch_id,
        )
        > 0
    )


def close_batch(tx: Transaction, batch_id: int, *, now: datetime) -> None:
    """Note that a file holds every line it is to hold."""
    tx.run("UPDATE credit_batches SET filled_at = :now WHERE id = :id", now=to_micros(now), id=batch_id)


def require_open(tx: Transaction, batch_id: int) -> None:
    """Raise `NotFound`, or `Refused` when a file was confirmed already or is not filled."""
    row = tx.row("SELECT filled_at, loaded_at FROM credit_batches WHERE id = :id", id=batch_id)
    if row is None:
        raise NotFound("batch", batch_id)
    if row["loaded_at"] is not None:
        raise Refused(f"batch {batch_id} was confirmed already")
    if row["filled_at"] is None:
        raise Refused(f"batch {batch_id} is not filled; post again to go on with it")


def total_of(tx: Transaction, batch_id: int) -> tuple[int, int]:
    """Return how many lines a file has, and what they come to."""
    row = tx.tuples(
        "SELECT count(*), COALESCE(SUM(amount_minor), 0) FROM credit_lines WHERE batch_id = :id", id=batch_id
    )[0]
    return int(row[0]), int(row[1])


def confirm(tx: Transaction, batch_id: int, *, at_most: int, now: datetime) -> int:
    """Let the next lines of a file be posted; return how many."""
    ids = [
        int(row[0])
        for row in tx.tuples(
            "SELECT id FROM credit_lines WHERE batch_id = :id AND state = 'posting' ORDER BY id LIMIT :most",
            id=batch_id,
            most=at_most,
        )
    ]
    if ids:
        tx.run(
            f"""UPDATE credit_lines SET state = '{CreditState.POSTED}', reason = '{CreditReason.TAKEN}',
                       posted_at = :now, reference = :reference WHERE id IN ({numbers(ids)})""",
            now=to_micros(now),
            reference=f"batch {batch_id}",
        )
    return len(ids)


def close_loaded(tx: Transaction, batch_id: int, *, now: datetime, by: str) -> None:
    """Note who says that billing has all of a file."""
    tx.run(
        "UPDATE credit_batches SET loaded_at = :now, loaded_by = :by WHERE id = :id",
        now=to_micros(now),
        by=by,
        id=batch_id,
    )
