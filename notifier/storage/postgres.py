"""PostgreSQL behind the interface of the daemon's database, through psycopg."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

from notifier.storage.database import Parameters, Row, T, Transaction, insertion

_NAME = re.compile(r"'[^']*'|::\w+|:(\w+)|%")


@lru_cache(maxsize=1024)
def to_psycopg(sql: str) -> str:
    """Return the statement with `:name` as `%(name)s`; quoted text and casts are left alone."""

    def replace(match: re.Match[str]) -> str:
        if match.group(1):
            return f"%({match.group(1)})s"
        return match.group(0).replace("%", "%%")

    return _NAME.sub(replace, sql)


class PostgresTransaction:
    """A transaction on one psycopg connection."""

    dialect = "postgresql"
    __slots__ = ("_connection",)

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def written(self) -> object:
        """Return a mark that is equal to no other: somebody else may have written."""
        return object()

    def rows(self, sql: str, /, **values: object) -> list[Row]:
        """Return all rows as mappings."""
        cursor = self._connection.execute(to_psycopg(sql), values)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def row(self, sql: str, /, **values: object) -> Row | None:
        """Return the first row, or None."""
        found = self.rows(sql, **values)
        return found[0] if found else None

    def scalar(self, sql: str, /, **values: object) -> Any:
        """Return the first column of the first row, or None."""
        first = self._connection.execute(to_psycopg(sql), values).fetchone()
        return None if first is None else first[0]

    def tuples(self, sql: str, /, **values: object) -> list[tuple[Any, ...]]:
        """Return all rows as plain tuples."""
        return list(self._connection.execute(to_psycopg(sql), values).fetchall())

    def run(self, sql: str, /, **values: object) -> int:
        """Execute a statement and return the number of rows it changed."""
        return int(self._connection.execute(to_psycopg(sql), values).rowcount)

    def run_many(self, sql: str, values: Iterable[Parameters], /) -> None:
        """Execute a statement once per parameter set."""
        with self._connection.cursor() as cursor:
            cursor.executemany(to_psycopg(sql), list(values))

    def insert_many(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]], /) -> None:
        """Insert rows of values in the order of `columns`."""
        with self._connection.cursor() as cursor:
            cursor.executemany(insertion(table, tuple(columns), "%s"), list(rows))


class PostgresDatabase:
    """A PostgreSQL database behind the same interface, one connection guarded by a lock.

    It exists so that the repository contract holds on both databases from the first migration; the daemon itself
    runs on SQLite in this release.
    """

    dialect = "postgresql"

    def __init__(self, url: str) -> None:
        import psycopg

        self._connection = psycopg.connect(url, autocommit=True)
        self._lock = threading.Lock()

    async def write(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in a transaction of its own, in a thread."""
        return await asyncio.to_thread(self.write_now, work)

    async def write_here(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in a transaction of its own, in a thread."""
        return await self.write(work)

    async def read(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in a read-only transaction, in a thread."""
        return await asyncio.to_thread(self.read_now, work)

    def write_now(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in a transaction of its own."""
        with self._lock, self._connection.transaction():
            return work(PostgresTransaction(self._connection))

    def read_now(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in a transaction that is rolled back."""
        with self._lock, self._connection.transaction(force_rollback=True):
            return work(PostgresTransaction(self._connection))

    def waiting(self) -> int:
        """Return 0: callers wait for the lock themselves."""
        return 0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
