"""The audit log, as it is looked through: by who, what, on what, and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_micros
from notifier.storage.views import AuditView


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which entries; what is None or empty matches all."""

    actor: str = ""
    action: str = ""  # `customers` is all that begins with `customers.`
    target: str = ""
    since: datetime | None = None
    until: datetime | None = None  # before this
    after: int | None = None  # entries with greater numbers, oldest first; otherwise the newest first
    limit: int = 100


def entries(tx: Transaction, wanted: Wanted) -> list[AuditView]:
    """Return the entries that match."""
    conditions, values = ["1 = 1"], dict[str, Any]()

    def add(condition: str, **named: Any) -> None:
        conditions.append(condition)
        values.update(named)

    if wanted.actor:
        add("actor = :actor", actor=wanted.actor)
    if wanted.action:
        add(
            f"(action = :action OR substr(action, 1, {len(wanted.action) + 1}) = :beginning)",
            action=wanted.action,
            beginning=f"{wanted.action}.",
        )
    if wanted.target:
        add("target = :target", target=wanted.target)
    if wanted.since is not None:
        add("at >= :since", since=to_micros(wanted.since))
    if wanted.until is not None:
        add("at < :until", until=to_micros(wanted.until))
    if wanted.after is not None:
        add("id > :after", after=wanted.after)
    order = "id DESC" if wanted.after is None else "id"
    rows = tx.rows(
        f"SELECT id, at, actor, action, target, detail, origin FROM audit WHERE {' AND '.join(conditions)}"
        f" ORDER BY {order} LIMIT :limit",
        limit=wanted.limit,
        **values,
    )
    return [
        AuditView(
            id=row["id"],
            at=to_instant(row["at"]),
            actor=row["actor"],
            action=row["action"],
            target=row["target"],
            origin=row["origin"],
            detail=from_json(row["detail"], dict[str, Any]),
        )
        for row in rows
    ]
