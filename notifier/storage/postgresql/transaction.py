"""A transaction on one asyncpg connection, for functions that know nothing of waiting.

`run` calls such a function in a greenlet. Where the function needs the server, its greenlet steps aside with what is to
be waited for, the loop goes on with other work, and the function continues with the answer.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from asyncpg import Connection
from greenlet import getcurrent, greenlet

from notifier.storage.database import Parameters, Row, T, Transaction
from notifier.storage.postgresql.faults import as_callers_know_it
from notifier.storage.postgresql.statements import bound, bound_many


class Changes:
    """About how many rows the connection that writes has changed so far: what `written` compares."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


async def run(work: Callable[[Transaction], T], tx: Transaction) -> T:
    """Call a function that may wait for the server by `wait_for`, and return its result."""
    calling = greenlet(work)
    calling.gr_context = getcurrent().gr_context
    waited: Any = calling.switch(tx)
    while not calling.dead:
        try:
            answer = await waited
        except BaseException as error:  # noqa: BLE001  # it belongs to the function that waits
            waited = calling.throw(error)
        else:
            waited = calling.switch(answer)
    result: T = waited
    return result


def wait_for(answer: Awaitable[T]) -> T:
    """Step aside until the server has answered; only inside of `run`. Raises `StoreUnavailable` when it cannot."""
    waiting = getcurrent().parent
    if waiting is None:
        raise RuntimeError("a transaction was used outside of the function that it was given to")
    try:
        answered: T = waiting.switch(answer)
    except Exception as error:
        known = as_callers_know_it(error)
        if known is error:
            raise
        raise known from error
    return answered


class PostgresTransaction:
    """An open transaction. `changes` is None for one that only reads."""

    dialect = "postgresql"
    __slots__ = ("_changes", "_connection", "wrote")

    def __init__(self, connection: "Connection[Any]", changes: Changes | None = None) -> None:
        self._connection, self._changes = connection, changes
        self.wrote = False  # whether anything was executed that may have changed something

    def written(self) -> object:
        """Return how much was changed so far: one connection does all the writing."""
        return object() if self._changes is None else self._changes.count

    def rows(self, sql: str, /, **values: object) -> list[Row]:
        """Return all rows as mappings."""
        return [dict(record) for record in self._fetch(sql, values)]

    def row(self, sql: str, /, **values: object) -> Row | None:
        """Return the first row, or None."""
        first = self._fetch_first(sql, values)
        return None if first is None else dict(first)

    def scalar(self, sql: str, /, **values: object) -> Any:
        """Return the first column of the first row, or None."""
        first = self._fetch_first(sql, values)
        return None if first is None else first[0]

    def tuples(self, sql: str, /, **values: object) -> list[tuple[Any, ...]]:
        """Return all rows as plain tuples."""
        return [tuple(record) for record in self._fetch(sql, values)]

    def run(self, sql: str, /, **values: object) -> int:
        """Execute a statement and return the number of rows it changed; 0 for one that changes no rows."""
        statement, arguments = bound(sql, values)
        self._note(0)
        status: str = wait_for(self._connection.execute(statement.text, *arguments))  # such as "INSERT 0 5"
        count = status.rpartition(" ")[2]
        changed = int(count) if count.isdigit() else 0
        self._note(changed)
        return changed

    def run_many(self, sql: str, values: Iterable[Parameters], /) -> None:
        """Execute a statement once per parameter set, without waiting in between."""
        statement, arguments = bound_many(sql, values)
        if arguments:
            self._note(len(arguments))
            wait_for(self._connection.executemany(statement.text, arguments))

    def insert_many(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]], /) -> None:
        """Insert rows of values in the order of `columns`, by COPY."""
        records = list(rows)
        if records:
            self._note(len(records))
            wait_for(self._connection.copy_records_to_table(table, records=records, columns=list(columns)))

    def _fetch(self, sql: str, values: Parameters) -> Sequence[Any]:
        statement, arguments = bound(sql, values)
        if not statement.reads:
            self._note(1)
        return wait_for(self._connection.fetch(statement.text, *arguments))

    def _fetch_first(self, sql: str, values: Parameters) -> Any:
        statement, arguments = bound(sql, values)
        if statement.reads:
            return wait_for(self._connection.fetchrow(statement.text, *arguments))
        self._note(1)  # to its end: a statement that changes rows and is left after its first has changed only that one
        found = wait_for(self._connection.fetch(statement.text, *arguments))
        return found[0] if found else None

    def _note(self, rows: int) -> None:
        """Note that about so many rows were, or will be, changed."""
        self.wrote = True
        if self._changes is not None:
            self._changes.count += rows
