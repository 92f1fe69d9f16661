"""Credits that wait for a manager, that the budget stops, and that billing did not take."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from notifier.storage.database import Row, Transaction
from notifier.storage.queries.credits import amount
from notifier.storage.queries.needs.subject import Subject, clock
from notifier.storage.repositories import control
from notifier.storage.views import Need


def credits_waiting(tx: Transaction) -> Iterator[Need]:
    """Incidents with credits that nobody has answered for; those that the budget stops are said so."""
    for row in _by_incident(tx, "proposed"):
        subject, lines = Subject.of(row), _lines(row["lines"])
        comes_to = f"{amount(int(row['amount']), row['currency'])} {row['currency']}"
        over = f"; the budget stops {row['over_budget']:,} of them" if row["over_budget"] else ""
        yield subject.need(
            "credits_over_budget" if row["over_budget"] else "credits",
            f"{lines} of credit, {comes_to}, {'waits' if row['lines'] == 1 else 'wait'} for a manager{over}",
            f"credits list {subject.id} --state proposed",
            f"credits approve --incident {subject.id}",
            f"credits reject --incident {subject.id} --reason TEXT",
        )


def credits_held(tx: Transaction, zone: ZoneInfo) -> Iterator[Need]:
    """Credits that are not posted since the store was restored; nothing where there have never been any."""
    since = control.since(tx, control.CREDITS_HELD)
    if since is None:
        return
    if control.get(tx, control.CREDITS_SINCE) is None and tx.scalar("SELECT 1 FROM credit_lines LIMIT 1") is None:
        return
    yield Need(
        kind="credits_held",
        incident_id=None,
        broadcast_id=None,
        text=(
            f"no credit is posted since the store was restored {clock(since.at, zone)}:"
            " billing may have what it lost; reconcile with billing's own list"
        ),
        due_at=None,
        next=["credits reconcile FILE", "credits reconcile --none-lost REASON"],
    )


def credits_failed(tx: Transaction) -> Iterator[Need]:
    """Incidents with credits that billing did not take: customers may have been told of them."""
    for row in _by_incident(tx, "failed"):
        subject, lines = Subject.of(row), _lines(row["lines"])
        comes_to = f"{amount(int(row['amount']), row['currency'])} {row['currency']}"
        yield subject.need(
            "credits_failed",
            f"billing did not take {lines} of credit, {comes_to}",
            f"credits list {subject.id} --state failed",
            f"credits post --incident {subject.id} --failed",
        )


def _by_incident(tx: Transaction, state: str) -> list[Row]:
    return tx.rows(
        f"""SELECT i.id, i.service, i.place, l.currency, count(*) AS lines, SUM(l.amount_minor) AS amount,
                   SUM(CASE WHEN l.reason = 'over_budget' THEN 1 ELSE 0 END) AS over_budget
            FROM credit_lines AS l JOIN incidents AS i ON i.id = l.incident_id
            WHERE l.state = '{state}' GROUP BY i.id, i.service, i.place, l.currency ORDER BY i.id"""
    )


def _lines(number: int) -> str:
    return "1 line" if number == 1 else f"{number:,} lines"
