"""Credit lines as they are stored, and what each incident owes by now.

Functions of an open transaction. Every change of state goes through the table of `domain.credit`; whatever makes or
unmakes money that is owed changes the incident's total in the same transaction. Nothing removes a line.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.credit import BILLED, CREDIT, OWED_STATES, CreditReason, CreditState, Granted, Line
from notifier.domain.credit_waiting import WaitingLine
from notifier.domain.errors import NotFound
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories.audience import numbers

OWED = ", ".join(f"'{state}'" for state in OWED_STATES)
_COLUMNS = (
    "incident_id",
    "customer_id",
    "tariff",
    "step",
    "site_id",
    "tariff_from",
    "run_id",
    "amount_minor",
    "currency",
    "month",
    "bill_after_months",
    "bill_month",
    "state",
    "reason",
    "created_at",
    "created_by",
    "decided_at",
    "decided_by",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLine:
    """One credit line, as decisions need it."""

    id: int
    incident_id: int
    customer_id: int
    tariff: str
    step: int
    site_id: int
    amount: int
    currency: str
    month: int
    bill_after_months: int
    bill_month: int | None
    state: CreditState
    reason: CreditReason
    created_by: str
    reverses: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLine:
    """A line that was decided and is to be stored."""

    line: Line
    state: CreditState
    reason: CreditReason
    bill_month: int | None  # of an approved one


# --- looking ----------------------------------------------------------------------------------------------------------


def load(tx: Transaction, line_id: int) -> StoredLine:
    """Return a credit line; raise `NotFound`."""
    row = tx.row(f"{_SELECT} WHERE l.id = :id", id=line_id)
    if row is None:
        raise NotFound("credit", line_id)
    return _line(row)


def where(tx: Transaction, condition: str, **values: object) -> list[StoredLine]:
    """Return lines by a condition of SQL on `l`, with its order, written by us."""
    return [_line(row) for row in tx.rows(f"{_SELECT} WHERE {condition}", **values)]


def in_state(
    tx: Transaction, state: CreditState, *, incident_id: int | None = None, after: int = 0, at_most: int
) -> list[StoredLine]:
    """Return the next lines in a state, of one incident or of all."""
    of_incident = "" if incident_id is None else "AND l.incident_id = :incident"
    return where(
        tx,
        f"l.state = '{state}' {of_incident} AND l.id > :after ORDER BY l.id LIMIT :most",
        after=after,
        most=at_most,
        **({} if incident_id is None else {"incident": incident_id}),
    )


def owed_by(tx: Transaction, incident_id: int, currency: str) -> int:
    """Return what an incident owes by now: approved and further, reversals taken off."""
    found = tx.scalar(
        "SELECT owed_minor FROM credit_totals WHERE incident_id = :id AND currency = :currency",
        id=incident_id,
        currency=currency,
    )
    return int(found or 0)


def granted(tx: Transaction, incident_ids: Sequence[int], own: int, first: int, last: int) -> dict[int, Granted]:
    """Return what customers of a range have of some incidents; owed is what they have of their `own` one."""
    steps: defaultdict[int, dict[tuple[str, int], int]] = defaultdict(dict)
    owed: defaultdict[int, int] = defaultdict(int)
    number: defaultdict[int, dict[str, int]] = defaultdict(dict)
    of_sites: defaultdict[int, dict[int, dict[tuple[str, int], list[int]]]] = defaultdict(dict)
    billed: defaultdict[int, dict[int, int]] = defaultdict(dict)
    rows = tx.tuples(
        f"""SELECT id, incident_id, customer_id, tariff, step, site_id, amount_minor, state FROM credit_lines
            WHERE incident_id IN ({numbers(incident_ids)}) AND customer_id >= :first AND customer_id <= :last""",
        first=first,
        last=last,
    )
    for line_id, incident, customer, tariff, step, site, amount, state in rows:
        if tariff == BILLED and step > 0:
            billed[customer][line_id] = amount
        elif step > 0:
            steps[customer][tariff, step] = steps[customer].get((tariff, step), 0) + amount
            number[customer][tariff] = number[customer].get(tariff, 0) + 1
            of_sites[customer].setdefault(site, {}).setdefault((tariff, step), []).append(amount)
        if incident == own and state in OWED_STATES:
            owed[customer] += amount
    return {
        customer: Granted(
            steps=steps[customer],
            of_sites=of_sites[customer],
            owed=owed[customer],
            number=number[customer],
            billed=billed.get(customer),
        )
        for customer in {*steps, *owed, *billed}
    }


def of_other_incidents(
    tx: Transaction, incident_ids: Sequence[int], first: int, last: int, *, year: int
) -> dict[int, dict[tuple[str, int], int]]:
    """Return what customers of a range have of incidents but these in a year, by (tariff, month)."""
    found: defaultdict[int, dict[tuple[str, int], int]] = defaultdict(dict)
    for customer, tariff, month, amount in tx.tuples(
        f"""SELECT customer_id, tariff, month, SUM(amount_minor) FROM credit_lines
            WHERE customer_id >= :first AND customer_id <= :last AND month >= :begin AND month <= :end AND step > 0
              AND incident_id NOT IN ({numbers(incident_ids)})
            GROUP BY customer_id, tariff, month""",
        first=first,
        last=last,
        begin=year * 100 + 1,
        end=year * 100 + 12,
    ):
        found[customer][tariff, month] = int(amount)
    return found


def goodwill_of(tx: Transaction, incident_id: int, customer_id: int, tariff: str) -> tuple[int, int]:
    """Return what a customer was granted by hand for an incident and not refused, and the next free step."""
    row = tx.tuples(
        """SELECT COALESCE(SUM(CASE WHEN state <> 'rejected' AND step > 0 THEN amount_minor ELSE 0 END), 0),
                  COALESCE(MAX(step), 0)
           FROM credit_lines WHERE incident_id = :incident AND customer_id = :customer AND tariff = :tariff""",
        incident=incident_id,
        customer=customer_id,
        tariff=tariff,
    )[0]
    return int(row[0]), max(0, int(row[1])) + 1


def by_idempotency_key(tx: Transaction, created_by: str, key: str) -> StoredLine | None:
    """Return the grant that somebody made under this key."""
    row = tx.row(
        f"{_SELECT} WHERE l.created_by = :by AND l.idempotency_key = :key AND l.idempotency_key IS NOT NULL",
        by=created_by,
        key=key,
    )
    return None if row is None else _line(row)


def waiting(tx: Transaction, incident_id: int) -> list[WaitingLine]:
    """Return what is proposed of an incident, in the order in which it is decided."""
    return [
        WaitingLine(line_id=line_id, amount=amount, created_by=by)
        for line_id, amount, by in tx.tuples(
            """SELECT id, amount_minor, created_by FROM credit_lines
               WHERE state = 'proposed' AND incident_id = :id ORDER BY id""",
            id=incident_id,
        )
    ]


def open_lines(tx: Transaction) -> dict[str, int]:
    """Return how many lines wait, by state: for a person, for billing, or refused by it."""
    states = (CreditState.PROPOSED, CreditState.POSTING, CreditState.FAILED)
    counted = (tx.scalar(f"SELECT count(*) FROM credit_lines WHERE state = '{state}'") for state in states)
    return {state: int(number) for state, number in zip(states, counted, strict=True)}


# --- making -----------------------------------------------------------------------------------------------------------


def add_all(
    tx: Transaction,
    incident_id: int,
    lines: Sequence[NewLine],
    *,
    run_id: int | None,
    currency: str,
    month: int,
    now: datetime,
    by: str,
) -> None:
    """Store new lines of an incident, and add what is approved to its total."""
    at = to_micros(now)
    tx.insert_many(
        "credit_lines",
        _COLUMNS,
        [
            (
                incident_id,
                each.line.customer_id,
                each.line.tariff,
                each.line.step,
                each.line.site_id,
                each.line.tariff_from,
                run_id,
                each.line.amount,
                currency,
                month,
                each.line.bill_after_months,
                each.bill_month,
                each.state,
                each.reason,
                at,
                by,
                at if each.state is CreditState.APPROVED else None,
                by if each.state is CreditState.APPROVED else None,
            )
            for each in lines
        ],
    )
    owed = sum(each.line.amount for each in lines if each.state is CreditState.APPROVED)
    owe(tx, incident_id, currency, owed)


def add(
    tx: Transaction,
    incident_id: int,
    new: NewLine,
    *,
    currency: str,
    month: int,
    now: datetime,
    by: str,
    note: str = "",
    idempotency_key: str | None = None,
    reverses: int | None = None,
) -> int:
    """Store one line of a person's and return its id."""
    approved = new.state is CreditState.APPROVED
    line_id = int(
        tx.scalar(
            """INSERT INTO credit_lines (incident_id, customer_id, tariff, step, site_id, tariff_from, amount_minor,
                       currency, month, bill_after_months, bill_month, state, reason, note, created_at, created_by,
                       decided_at, decided_by, idempotency_key, reverses)
               VALUES (:incident, :customer, :tariff, :step, :site, :tariff_from, :amount, :currency, :month, :after,
                       :bill_month, :state, :reason, :note, :now, :by, :decided_at, :decided_by, :key, :reverses)
               RETURNING id""",
            incident=incident_id,
            customer=new.line.customer_id,
            tariff=new.line.tariff,
            step=new.line.step,
            site=new.line.site_id,
            tariff_from=new.line.tariff_from,
            amount=new.line.amount,
            currency=currency,
            month=month,
            after=new.line.bill_after_months,
            bill_month=new.bill_month,
            state=new.state,
            reason=new.reason,
            note=note,
            now=to_micros(now),
            by=by,
            decided_at=to_micros(now) if approved else None,
            decided_by=by if approved else None,
            key=idempotency_key,
            reverses=reverses,
        )
    )
    if approved:
        owe(tx, incident_id, currency, new.line.amount)
    return line_id


# --- deciding ---------------------------------------------------------------------------------------------------------


def approve(
    tx: Transaction, lines: Sequence[StoredLine], *, bill_months: Mapping[int, int], now: datetime, by: str
) -> None:
    """Approve lines; `bill_months` is the month of the bill by `bill_after_months`."""
    for line in lines:
        CREDIT.require(line.state, CreditState.APPROVED, which=line.id)
    tx.run_many(
        """UPDATE credit_lines SET state = 'approved', reason = :reason, decided_at = :now, decided_by = :by,
                  bill_month = :month WHERE id = :id AND state = 'proposed'""",
        [
            {
                "id": line.id,
                "month": bill_months[line.bill_after_months],
                "reason": CreditReason.BY_PERSON,
                "now": to_micros(now),
                "by": by,
            }
            for line in lines
        ],
    )
    owed: defaultdict[tuple[int, str], int] = defaultdict(int)
    for line in lines:
        owed[line.incident_id, line.currency] += line.amount
    for (incident_id, currency), amount in owed.items():
        owe(tx, incident_id, currency, amount)


def reject(
    tx: Transaction, lines: Sequence[StoredLine], reason: CreditReason, *, now: datetime, by: str, note: str = ""
) -> None:
    """Reject lines; what billing had refused is not owed any more."""
    for line in lines:
        CREDIT.require(line.state, CreditState.REJECTED, which=line.id)
    tx.run_many(
        """UPDATE credit_lines SET state = 'rejected', reason = :reason, decided_at = :now, decided_by = :by,
                  note = CASE WHEN :note = '' THEN note ELSE :note END WHERE id = :id""",
        [{"id": line.id, "reason": reason, "now": to_micros(now), "by": by, "note": note} for line in lines],
    )
    for line in lines:
        if line.state in OWED_STATES:
            owe(tx, line.incident_id, line.currency, -line.amount)


def reversal_of(tx: Transaction, line_id: int) -> int | None:
    """Return the line that reverses this one."""
    found = tx.scalar("SELECT id FROM credit_lines WHERE reverses = :id", id=line_id)
    return None if found is None else int(found)


def mark_over_budget(tx: Transaction, line_ids: Sequence[int]) -> None:
    """Say of proposed lines that the budget stops them."""
    if line_ids:
        tx.run(
            f"""UPDATE credit_lines SET reason = '{CreditReason.OVER_BUDGET}'
                WHERE id IN ({numbers(line_ids)}) AND state = 'proposed'"""
        )


def owe(tx: Transaction, incident_id: int, currency: str, amount: int) -> None:
    """Add to what an incident owes."""
    if amount:
        tx.run(
            """INSERT INTO credit_totals (incident_id, currency, owed_minor) VALUES (:id, :currency, :amount)
               ON CONFLICT (incident_id, currency)
               DO UPDATE SET owed_minor = credit_totals.owed_minor + excluded.owed_minor""",
            id=incident_id,
            currency=currency,
            amount=amount,
        )


_SELECT = """SELECT l.id, l.incident_id, l.customer_id, l.tariff, l.step, l.site_id, l.amount_minor, l.currency,
                    l.month, l.bill_after_months, l.bill_month, l.state, l.reason, l.created_by, l.reverses
             FROM credit_lines AS l"""


def _line(row: Row) -> StoredLine:
    return StoredLine(
        id=row["id"],
        incident_id=row["incident_id"],
        customer_id=row["customer_id"],
        tariff=row["tariff"],
        step=row["step"],
        site_id=row["site_id"],
        amount=row["amount_minor"],
        currency=row["currency"],
        month=row["month"],
        bill_after_months=row["bill_after_months"],
        bill_month=row["bill_month"],
        state=CreditState(row["state"]),
        reason=CreditReason(row["reason"]),
        created_by=row["created_by"],
        reverses=row["reverses"],
    )
