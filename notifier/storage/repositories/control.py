"""Switches of the whole daemon, by name. A switch that is off has no row.

`paused`: nothing is claimed while it is there. `link_secret`: signs links when the configuration gives no secret.
`restored`: when the store was made from a backup; `credits_held`: no credit is posted until that was reconciled.
"""

from dataclasses import dataclass
from datetime import datetime

from notifier.domain.actor import Actor
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros

PAUSED = "paused"
RESTORED = "restored"  # from a backup, the last time; what was made before is older than that
CREDITS_HELD = "credits_held"  # nothing is posted: billing may have what the restored store does not know of
CREDITS_SINCE = "credits_since"  # they are switched on: what was restored before gets none by itself
LINK_SECRET = "link_secret"  # noqa: S105  # the name of a row, not a secret


@dataclass(frozen=True, slots=True)
class Change:
    """When and by whom a switch was set."""

    at: datetime
    by: str


def get(tx: Transaction, name: str) -> str | None:
    """Return the value of a switch, or None when it is off."""
    value = tx.scalar("SELECT value FROM control WHERE name = :name", name=name)
    return None if value is None else str(value)


def put(tx: Transaction, name: str, value: str, *, now: datetime, actor: Actor) -> None:
    """Set a switch."""
    tx.run(
        "INSERT INTO control (name, value, changed_at, changed_by) VALUES (:name, :value, :now, :by)"
        " ON CONFLICT (name) DO UPDATE SET"
        " value = excluded.value, changed_at = excluded.changed_at, changed_by = excluded.changed_by",
        name=name,
        value=value,
        now=to_micros(now),
        by=actor.name,
    )


def clear(tx: Transaction, name: str) -> bool:
    """Switch off; tell whether it was on."""
    return tx.run("DELETE FROM control WHERE name = :name", name=name) > 0


def is_paused(tx: Transaction) -> bool:
    """Tell whether pause-all is in force."""
    return get(tx, PAUSED) is not None


def since(tx: Transaction, name: str) -> Change | None:
    """Return when and by whom a switch was set, or None when it is off."""
    row = tx.row("SELECT changed_at, changed_by FROM control WHERE name = :name", name=name)
    return None if row is None else Change(to_instant(row["changed_at"]), row["changed_by"])
