"""Reconciling in the store: the lines that a biller's list may mean, and what is noted of them.

Functions of an open transaction. A line that billing has is posted from then on, under the name that it has there; one
that a restore lost is a posted line again, on the lowest free step of its tariff, so that counting never makes it.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from notifier.domain.credit import BILLED, CREDIT, WHOLE, CreditReason, CreditState, Line
from notifier.domain.reconciling import KnownIncident, OurLine
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories import credit_lines
from notifier.storage.repositories.audience import numbers
from notifier.storage.repositories.credit_lines import NewLine
from notifier.storage.repositories.credit_posting import key_of

_SELECT = """SELECT l.id, l.incident_id, l.customer_id, c.reference AS customer, l.tariff, l.step, l.amount_minor,
                    l.state, l.created_at, l.reference, l.reverses, r.id AS reversed_by
             FROM credit_lines AS l JOIN customers AS c ON c.id = l.customer_id
             LEFT JOIN credit_lines AS r ON r.reverses = l.id"""


# --- looking ----------------------------------------------------------------------------------------------------------


def lines(tx: Transaction, line_ids: Sequence[int], *, currency: str) -> list[OurLine]:
    """Return lines by their ids."""
    return _lines(tx, f"l.id IN ({numbers(line_ids)})", currency)


def lines_of(
    tx: Transaction, incident_ids: Collection[int], customer_ids: Sequence[int], *, currency: str
) -> list[OurLine]:
    """Return the lines that some customers have of some incidents."""
    if not incident_ids or not customer_ids:
        return []
    incidents, customers = numbers(sorted(incident_ids)), numbers(customer_ids)
    return _lines(tx, f"l.customer_id IN ({customers}) AND l.incident_id IN ({incidents})", currency)


def customers(tx: Transaction, references: Sequence[str]) -> dict[str, int]:
    """Return the ids of customers by reference."""
    names = ", ".join(f":r{at}" for at in range(len(references)))
    values = {f"r{at}": reference for at, reference in enumerate(references)}
    return {
        str(reference): int(id_)
        for id_, reference in tx.tuples(f"SELECT id, reference FROM customers WHERE reference IN ({names})", **values)
    }


def incidents(tx: Transaction, incident_ids: Sequence[int]) -> dict[int, KnownIncident]:
    """Return incidents, each as the one that it was merged into."""
    rows = tx.tuples(
        f"""WITH RECURSIVE way (first, id) AS (
                SELECT id, id FROM incidents WHERE id IN ({numbers(incident_ids)})
                UNION SELECT w.first, i.merged_into FROM way AS w JOIN incidents AS i ON i.id = w.id
                      WHERE i.merged_into IS NOT NULL)
            SELECT w.first, w.id, o.opened_at FROM way AS w JOIN incidents AS i ON i.id = w.id
            JOIN incidents AS o ON o.id = w.first WHERE i.merged_into IS NULL"""
    )
    return {int(first): KnownIncident(id=int(id_), opened_at=to_instant(opened)) for first, id_, opened in rows}


def posted(
    tx: Transaction, *, since: datetime | None, currency: str, after: int, at_most: int
) -> list[tuple[int, int]]:
    """Return (id, amount) of the next lines that are posted here."""
    rows = tx.tuples(
        """SELECT id, amount_minor FROM credit_lines WHERE id > :after AND state = 'posted' AND currency = :currency
             AND posted_at >= :since ORDER BY id LIMIT :most""",
        after=after,
        currency=currency,
        since=0 if since is None else to_micros(since),
        most=at_most,
    )
    return [(int(id_), int(amount)) for id_, amount in rows]


def newest_known(tx: Transaction, *, before: datetime) -> datetime | None:
    """Return the newest moment that a restored store knows of from before: its copy was not made earlier than that."""
    found: int | None = tx.scalar(
        """SELECT MAX(at) FROM (SELECT MAX(at) AS at FROM audit WHERE at < :before
                                UNION ALL SELECT MAX(at) FROM timeline WHERE at < :before
                                UNION ALL SELECT MAX(created_at) FROM credit_lines WHERE created_at < :before
                                UNION ALL SELECT MAX(posted_at) FROM credit_lines WHERE posted_at < :before) AS a""",
        before=to_micros(before),
    )
    return to_instant(found)


# --- noting -----------------------------------------------------------------------------------------------------------


def note(tx: Transaction, line_id: int, *, reference: str, bill_month: int, now: datetime, by: str) -> bool:
    """Note that billing has a line; tell whether it was possible: it may have been decided otherwise since."""
    line = credit_lines.load(tx, line_id)
    if not CREDIT.may(line.state, CreditState.POSTED):
        return line.state is CreditState.POSTED
    tx.run(
        f"""UPDATE credit_lines SET state = '{CreditState.POSTED}', reason = '{CreditReason.RECONCILED}',
                   posted_at = :now, due_at = NULL, problem = '',
                   reference = CASE WHEN :reference = '' THEN reference ELSE :reference END,
                   bill_month = COALESCE(bill_month, :month), decided_at = COALESCE(decided_at, :now),
                   decided_by = COALESCE(decided_by, :by) WHERE id = :id""",
        id=line_id,
        reference=reference,
        month=bill_month,
        now=to_micros(now),
        by=by,
    )
    if line.state is CreditState.PROPOSED:
        credit_lines.owe(tx, line.incident_id, line.currency, line.amount)
    return True


def is_recovered(tx: Transaction, customer_id: int, name: str) -> bool:
    """Tell whether a line that billing knows by this name was recovered or matched already."""
    found = tx.scalar(
        "SELECT 1 FROM credit_lines WHERE customer_id = :customer AND reference = :name",
        customer=customer_id,
        name=name,
    )
    return name != "" and found is not None


def recover(
    tx: Transaction,
    incident_id: int,
    customer_id: int,
    *,
    tariff: str,
    amount: int,
    currency: str,
    reference: str,
    made_month: int,
    bill_month: int,
    reverses: int | None,
    now: datetime,
    by: str,
) -> int:
    """Store a line that billing has and that a restore lost, as posted; return its id."""
    site_id = WHOLE
    if reverses is None:
        step = _free_step(tx, incident_id, customer_id, tariff)
    else:
        original = credit_lines.load(tx, reverses)
        incident_id, tariff, step, site_id = original.incident_id, original.tariff, -original.step, original.site_id
    line = Line(
        customer_id=customer_id,
        tariff=tariff,
        tariff_from="",
        step=step,
        amount=amount,
        bill_after_months=1,
        site_id=site_id,
    )
    line_id = credit_lines.add(
        tx,
        incident_id,
        NewLine(line=line, state=CreditState.APPROVED, reason=CreditReason.RECONCILED, bill_month=bill_month),
        currency=currency,
        month=made_month,
        now=now,
        by=by,
        note="from billing's own list",
        reverses=reverses,
    )
    note(tx, line_id, reference=reference, bill_month=bill_month, now=now, by=by)
    return line_id


def become(tx: Transaction, line_id: int, line: Line) -> None:
    """Let a line of which only billing knew what for be the step of a tariff, now that it is counted."""
    tx.run(
        """UPDATE credit_lines SET tariff = :tariff, tariff_from = :valid, step = :step, site_id = :site
           WHERE id = :id AND tariff = :billed""",
        id=line_id,
        tariff=line.tariff,
        valid=line.tariff_from,
        step=line.step,
        site=line.site_id,
        billed=BILLED,
    )


def _free_step(tx: Transaction, incident_id: int, customer_id: int, tariff: str) -> int:
    taken = {
        abs(int(step))
        for (step,) in tx.tuples(
            """SELECT step FROM credit_lines
               WHERE incident_id = :incident AND customer_id = :customer AND tariff = :tariff""",
            incident=incident_id,
            customer=customer_id,
            tariff=tariff,
        )
    }
    return next(_from_one(taken))


def _from_one(taken: Collection[int]) -> Iterator[int]:
    return (step for step in range(1, len(taken) + 2) if step not in taken)


def _lines(tx: Transaction, condition: str, currency: str) -> list[OurLine]:
    return [_line(row) for row in tx.rows(f"{_SELECT} WHERE {condition} AND l.currency = :currency", currency=currency)]


def _line(row: Row) -> OurLine:
    made_at = to_instant(row["created_at"])
    return OurLine(
        id=row["id"],
        key=key_of(row["id"], made_at),
        incident_id=row["incident_id"],
        customer_id=row["customer_id"],
        customer=row["customer"],
        tariff=row["tariff"],
        step=row["step"],
        amount=row["amount_minor"],
        state=CreditState(row["state"]),
        made_at=made_at,
        reference=row["reference"],
        reverses=row["reverses"],
        reversed_by=row["reversed_by"],
    )
