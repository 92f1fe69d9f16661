"""Transactions: the interface to both databases.

Work comes in as functions of a `Transaction`; a result is handed out only after the commit. SQL text is written once,
with `:name` parameters, in the dialect both understand.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = Mapping[str, Any]
Parameters = Mapping[str, object]


class Transaction(Protocol):
    """An open transaction. Rows are mappings by column name; `tuples` is for hot paths.

    A temporary table stays, what is in it is good for one transaction only: begin by deleting all of it.
    """

    dialect: str  # "sqlite" or "postgresql", for the few statements that differ

    def written(self) -> object:
        """Return a mark that is equal to an earlier one only if nothing was written to the database between them."""
        ...

    def rows(self, sql: str, /, **values: object) -> list[Row]:
        """Return all rows as mappings."""
        ...

    def row(self, sql: str, /, **values: object) -> Row | None:
        """Return the first row, or None."""
        ...

    def scalar(self, sql: str, /, **values: object) -> Any:
        """Return the first column of the first row, or None."""
        ...

    def tuples(self, sql: str, /, **values: object) -> list[tuple[Any, ...]]:
        """Return all rows as plain tuples, in column order."""
        ...

    def run(self, sql: str, /, **values: object) -> int:
        """Execute a statement and return the number of rows it changed."""
        ...

    def run_many(self, sql: str, values: Iterable[Parameters], /) -> None:
        """Execute a statement once per parameter set."""
        ...

    def insert_many(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]], /) -> None:
        """Insert rows of values in the order of `columns`, which must not come from outside; for hot paths."""
        ...


class Database(Protocol):
    """Where the daemon keeps its facts."""

    dialect: str
    name: str  # as it may be shown: a path, or an address without user and password

    async def write(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in a write transaction and return its result after the commit.

        Raises `Overloaded` when too much waits, `StoreUnavailable` when the disk is full or another process keeps
        writing, and whatever `work` raises; then nothing of it is stored.
        """
        ...

    async def write_here(self, work: Callable[[Transaction], T], /) -> T:
        """Do as `write` does, for work of about a millisecond that many callers wait for.

        Where the database can, the work runs on the loop itself: handing the interpreter from thread to thread and
        back may cost more than such work.
        """
        ...

    async def read(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` on a consistent snapshot of what is committed."""
        ...

    def write_now(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in a write transaction from a thread without an event loop (offline commands, tests)."""
        ...

    def read_now(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` on a snapshot from a thread without an event loop."""
        ...

    def waiting(self) -> int:
        """Return how many functions wait for the writer."""
        ...

    async def keep(self, stop: asyncio.Event, /) -> None:
        """Return when `stop` is set; raise `NotifierError` when another daemon took over: this one must end."""
        ...

    def close(self) -> None:
        """Finish what waits, then close every connection."""
        ...


@lru_cache(maxsize=64)
def insertion(table: str, columns: tuple[str, ...], placeholder: str) -> str:
    """Return the statement that inserts one row; none of the names may come from outside."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join([placeholder] * len(columns))})"
