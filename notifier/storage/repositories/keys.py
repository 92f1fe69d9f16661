"""API keys as they are stored: name, role, SHA-256 and the first characters; never the key itself."""

from dataclasses import dataclass
from datetime import datetime

from notifier.domain.actor import KeyRole
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.views import KeyView

_COLUMNS = "id, name, role, prefix, created_at, revoked_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveKey:
    """A key that may be used, by the hash it is found by."""

    id: int
    name: str
    role: KeyRole
    hash: str


def create(tx: Transaction, *, name: str, role: KeyRole, hash_: str, prefix: str, now: datetime) -> int:
    """Store a key and return its id."""
    return int(
        tx.scalar(
            "INSERT INTO api_keys (name, role, hash, prefix, created_at)"
            " VALUES (:name, :role, :hash, :prefix, :now) RETURNING id",
            name=name,
            role=str(role),
            hash=hash_,
            prefix=prefix,
            now=to_micros(now),
        )
    )


def revoke(tx: Transaction, key_id: int, *, now: datetime) -> None:
    """Mark a key as revoked; one that is revoked already keeps its time."""
    tx.run(
        "UPDATE api_keys SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL",
        now=to_micros(now),
        id=key_id,
    )


def find(tx: Transaction, key_id: int) -> KeyView | None:
    """Return one key, revoked or not."""
    row = tx.row(f"SELECT {_COLUMNS} FROM api_keys WHERE id = :id", id=key_id)
    return None if row is None else _view(row)


def every(tx: Transaction) -> list[KeyView]:
    """Return all keys, revoked ones included, oldest first."""
    return [_view(row) for row in tx.rows(f"SELECT {_COLUMNS} FROM api_keys ORDER BY id")]


def active(tx: Transaction) -> list[ActiveKey]:
    """Return the keys that may be used."""
    found = tx.tuples("SELECT id, name, role, hash FROM api_keys WHERE revoked_at IS NULL ORDER BY id")
    return [ActiveKey(id=id_, name=name, role=KeyRole(role), hash=hash_) for id_, name, role, hash_ in found]


def _view(row: Row) -> KeyView:
    return KeyView(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        prefix=row["prefix"],
        created_at=to_instant(row["created_at"]),
        revoked_at=to_instant(row["revoked_at"]),
    )
