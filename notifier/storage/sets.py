"""Look-ups for a whole list of keys in one statement.

A statement costs more than the row it finds, and every step of one hands the interpreter from thread to thread. The
keys therefore go in as one JSON array, and SQLite gives all rows back as one. The text of such a query is written once:
it reads `{each}`, of which `k.key` is the position of a key counted from `{first}` and `k.value ->> 0` the first field
of the key (as text in PostgreSQL: cast numbers); `{array}` is the aggregate that makes a JSON array,
which SQLite's `columns` name as `json(...)`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_json

_WORDS = {
    "sqlite": {"each": "json_each(:keys) AS k", "first": "0", "array": "json_group_array"},
    "postgresql": {
        "each": "json_array_elements(CAST(:keys AS json)) WITH ORDINALITY AS k(value, key)",
        "first": "1",
        "array": "json_agg",
    },
}


def look_up(tx: Transaction, columns: str, sql: str, keys: Sequence[Sequence[object]]) -> list[Sequence[Any]]:
    """Return the rows of a query that reads its `:keys` from `{each}`; `columns` are the names of its columns."""
    if not keys:
        return []
    text = _in_dialect(tx.dialect, columns, sql)
    if tx.dialect == "sqlite":
        return from_json(tx.scalar(text, keys=to_json(keys)), list[Sequence[Any]])
    return list(tx.tuples(text, keys=to_json(keys)))


def look_up_exactly(tx: Transaction, sql: str, keys: Sequence[Sequence[object]]) -> list[tuple[Any, ...]]:
    """Return the rows of such a query one by one: SQLite's JSON keeps 15 digits of a fraction, a column all of them."""
    return tx.tuples(sql.format(**_WORDS[tx.dialect]), keys=to_json(keys)) if keys else []


def at_once(tx: Transaction, columns: str, sql: str) -> list[Sequence[Any]]:
    """Return the rows of a query without parameters; `columns` are the names of its columns. In no order."""
    if tx.dialect == "sqlite":
        return from_json(tx.scalar(_in_dialect(tx.dialect, columns, sql)), list[Sequence[Any]])
    return list(tx.tuples(sql))


@lru_cache(maxsize=64)
def _in_dialect(dialect: str, columns: str, sql: str) -> str:
    sql = sql.format(**_WORDS[dialect])
    return f"SELECT json_group_array(json_array({columns})) FROM ({sql})" if dialect == "sqlite" else sql
