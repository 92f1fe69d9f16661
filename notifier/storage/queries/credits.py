"""Credits as people see them: lines, the sums of an incident, and what a message may name."""

from collections.abc import Sequence

from notifier.domain.credit import month_name
from notifier.domain.credit_waiting import sorted_out
from notifier.domain.errors import NotFound
from notifier.domain.money import decimals_of, to_decimal
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant
from notifier.storage.repositories import credit_lines
from notifier.storage.repositories.audience import numbers
from notifier.storage.views import CreditBatchView, CreditLineView, CreditSum, CreditsView

LISTED_AT_MOST = 200


def amount(minor: int, currency: str) -> str:
    """Return an amount with the decimals of its currency, such as `25.00`."""
    return f"{to_decimal(minor, currency):.{decimals_of(currency)}f}"


def line(tx: Transaction, line_id: int) -> CreditLineView:
    """Return one line; raise `NotFound`."""
    row = tx.row(f"{_SELECT} WHERE l.id = :id", id=line_id)
    if row is None:
        raise NotFound("credit", line_id)
    return _view(row)


def listed(
    tx: Transaction,
    *,
    incident_id: int | None = None,
    customer: str | None = None,
    states: Sequence[str] = (),
    before: int | None = None,
    batch_id: int | None = None,
    after: int | None = None,
    at_most: int = LISTED_AT_MOST,
) -> list[CreditLineView]:
    """Return lines, newest first; with `after` oldest first. `states` were checked by the caller."""
    conditions = ["1 = 1"]
    values: dict[str, object] = {"most": at_most}
    for condition, name, value in (
        ("l.incident_id = :incident", "incident", incident_id),
        ("c.reference = :customer", "customer", customer),
        ("l.id < :before", "before", before),
        ("l.id > :after", "after", after),
        ("l.batch_id = :batch", "batch", batch_id),
    ):
        if value is not None:
            conditions.append(condition)
            values[name] = value
    if states:
        conditions.append(f"({' OR '.join(f'l.state = {chr(39)}{state}{chr(39)}' for state in states)})")
    order = "l.id" if after is not None else "l.id DESC"
    rows = tx.rows(f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT :most", **values)
    return [_view(row) for row in rows]


def of_incident(
    tx: Transaction, incident_id: int, *, currency: str, budget: int, enabled: bool, reader: str = ""
) -> CreditsView:
    """Return the credits of an incident, with what `reader` may approve of them; raise `NotFound`."""
    if tx.scalar("SELECT 1 FROM incidents WHERE id = :id", id=incident_id) is None:
        raise NotFound("incident", incident_id)
    waiting, owed = credit_lines.waiting(tx, incident_id), credit_lines.owed_by(tx, incident_id, currency)
    within = sorted_out(waiting, owed=owed, budget=budget, by=reader)
    over = sorted_out(waiting, owed=owed, budget=None, by=reader)
    open_runs = tx.scalar(
        "SELECT count(*) FROM credit_runs WHERE incident_id = :id AND finished_at IS NULL", id=incident_id
    )
    sums = [
        CreditSum(
            tariff=row["tariff"],
            state=row["state"],
            lines=row["lines"],
            customers=row["customers"],
            amount=amount(int(row["amount"]), row["currency"]),
        )
        for row in tx.rows(
            """SELECT tariff, state, currency, count(*) AS lines, count(DISTINCT customer_id) AS customers,
                      SUM(amount_minor) AS amount
               FROM credit_lines WHERE incident_id = :id GROUP BY tariff, state, currency
               ORDER BY tariff, state, currency""",
            id=incident_id,
        )
    ]
    return CreditsView(
        incident_id=incident_id,
        enabled=enabled,
        currency=currency,
        owed=amount(owed, currency),
        waiting=amount(sum(line.amount for line in waiting), currency),
        waiting_lines=len(waiting),
        within=amount(within.amount, currency),
        within_lines=len(within.approved),
        over=amount(over.amount, currency),
        over_lines=len(over.approved),
        own_lines=within.own,
        budget=amount(budget, currency),
        counted=not open_runs,
        sums=sums,
    )


def batches(tx: Transaction, batch_id: int | None = None) -> list[CreditBatchView]:
    """Return the files for billing, newest first, or one."""
    one = "" if batch_id is None else "WHERE b.id = :id"
    rows = tx.rows(
        f"""SELECT b.id, b.created_at, b.created_by, b.loaded_at, b.loaded_by, l.currency, count(l.id) AS lines,
                   COALESCE(SUM(l.amount_minor), 0) AS total
            FROM credit_batches AS b LEFT JOIN credit_lines AS l ON l.batch_id = b.id {one}
            GROUP BY b.id, b.created_at, b.created_by, b.loaded_at, b.loaded_by, l.currency
            ORDER BY b.id DESC LIMIT {LISTED_AT_MOST}""",
        **({} if batch_id is None else {"id": batch_id}),
    )
    return [
        CreditBatchView(
            id=row["id"],
            created_at=to_instant(row["created_at"]),
            created_by=row["created_by"],
            lines=row["lines"],
            total=amount(int(row["total"]), row["currency"]) if row["currency"] else "0",
            currency=row["currency"] or "",
            loaded_at=to_instant(row["loaded_at"]),
            loaded_by=row["loaded_by"],
        )
        for row in rows
    ]


def require_batch(tx: Transaction, batch_id: int) -> None:
    """Raise `NotFound` unless there is such a file for billing."""
    if tx.scalar("SELECT count(*) FROM credit_batches WHERE id = :id", id=batch_id) == 0:
        raise NotFound("batch", batch_id)


def named(
    tx: Transaction, broadcast_id: int, incident_id: int, contact_point_ids: Sequence[int]
) -> dict[int, tuple[int, str, int]]:
    """Return what a message may name to each of some contact points: amount, currency, and month of the bill.

    Only approved money of one customer, to whom the contact point is owner, and only that of the last bill it is on;
    what was reversed is not named.
    """
    if not contact_point_ids:
        return {}
    rows = tx.tuples(
        f"""SELECT o.contact_point_id, o.customer_id, l.currency, l.bill_month, SUM(l.amount_minor)
            FROM (SELECT DISTINCT an.contact_point_id, an.customer_id FROM audience_notifications AS an
                  JOIN links AS k ON k.contact_point_id = an.contact_point_id AND k.site_id = an.site_id
                                 AND k.role = 'owner'
                  WHERE an.broadcast_id = :broadcast AND an.contact_point_id IN ({numbers(contact_point_ids)})) AS o
            JOIN credit_lines AS l ON l.incident_id = :incident AND l.customer_id = o.customer_id
            WHERE l.state IN ({credit_lines.OWED}) AND l.reverses IS NULL AND l.bill_month IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM credit_lines AS r WHERE r.reverses = l.id)
            GROUP BY o.contact_point_id, o.customer_id, l.currency, l.bill_month
            ORDER BY o.contact_point_id, l.bill_month""",
        broadcast=broadcast_id,
        incident=incident_id,
    )
    found: dict[int, tuple[int, str, int]] = {}
    customers: dict[int, set[int]] = {}
    for point, customer, currency, month, owed in rows:
        customers.setdefault(point, set()).add(customer)
        found[point] = (int(owed), currency, int(month))
    return {point: each for point, each in found.items() if len(customers[point]) == 1 and each[0] > 0}


_SELECT = """SELECT l.id, l.incident_id, c.reference AS customer, l.tariff, l.step, l.amount_minor, l.currency, l.state,
                    COALESCE(s.reference, '') AS site,
                    l.reason, l.note, l.bill_month, l.created_at, l.created_by, l.decided_at, l.decided_by, l.posted_at,
                    l.reference, l.problem, l.attempts, l.batch_id, l.reverses,
                    (SELECT r.id FROM credit_lines AS r WHERE r.reverses = l.id) AS reversed_by
             FROM credit_lines AS l JOIN customers AS c ON c.id = l.customer_id
             LEFT JOIN sites AS s ON s.id = l.site_id"""


def _view(row: Row) -> CreditLineView:
    return CreditLineView(
        id=row["id"],
        incident_id=row["incident_id"],
        customer=row["customer"],
        tariff=row["tariff"],
        site=row["site"],
        step=row["step"],
        amount=amount(row["amount_minor"], row["currency"]),
        currency=row["currency"],
        state=row["state"],
        reason=row["reason"],
        note=row["note"],
        bill_month=month_name(row["bill_month"]) if row["bill_month"] else "",
        created_at=to_instant(row["created_at"]),
        created_by=row["created_by"],
        decided_at=to_instant(row["decided_at"]),
        decided_by=row["decided_by"],
        posted_at=to_instant(row["posted_at"]),
        reference=row["reference"],
        problem=row["problem"],
        attempts=row["attempts"],
        batch_id=row["batch_id"],
        reverses=row["reverses"],
        reversed_by=row["reversed_by"],
    )
