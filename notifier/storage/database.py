"""Transactions: one writer that commits in groups, readers beside it, and the same interface on both databases.

Work comes in as functions of a `Transaction`. All that wait are run in one database transaction, each under its own
savepoint, so that a bad one is rolled back alone and the rest commit; a result is handed out only after the commit.
SQLite has one writer thread with WAL and synchronous FULL. PostgreSQL runs the same functions through psycopg.
SQL text is written once, with `:name` parameters, in the dialect both understand.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from notifier.domain.errors import ConfigError, NotifierError, Overloaded

T = TypeVar("T")
Row = Mapping[str, Any]
Parameters = Mapping[str, object]

WAITING_AT_MOST = 10_000  # functions in front of the writer; beyond it callers are told to come back
GROUP_AT_MOST = 1_000  # functions in one transaction
GROUP_SECONDS = 0.05  # a group takes no new function after this, so that nobody waits long for its commit
READERS = 3


class Transaction(Protocol):
    """An open transaction. Rows are mappings by column name; `tuples` is for hot paths."""

    dialect: str  # "sqlite" or "postgresql", for the few statements that differ

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


class Database(Protocol):
    """Where the daemon keeps its facts."""

    dialect: str

    async def write(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in a write transaction and return its result after the commit.

        Raises `Overloaded` when too much waits, and whatever `work` raises (then nothing of it is stored).
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

    def close(self) -> None:
        """Finish what waits, then close every connection."""
        ...


class SqliteTransaction:
    """A transaction on one sqlite3 connection."""

    dialect = "sqlite"
    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, /, **values: object) -> list[Row]:
        """Return all rows as mappings."""
        cursor = self._connection.execute(sql, values)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def row(self, sql: str, /, **values: object) -> Row | None:
        """Return the first row, or None."""
        cursor = self._connection.execute(sql, values)
        first = cursor.fetchone()
        if first is None:
            return None
        names = [column[0] for column in cursor.description]
        cursor.close()
        return dict(zip(names, first, strict=True))

    def scalar(self, sql: str, /, **values: object) -> Any:
        """Return the first column of the first row, or None."""
        cursor = self._connection.execute(sql, values)
        first = cursor.fetchone()
        cursor.close()
        return None if first is None else first[0]

    def tuples(self, sql: str, /, **values: object) -> list[tuple[Any, ...]]:
        """Return all rows as plain tuples."""
        return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, /, **values: object) -> int:
        """Execute a statement and return the number of rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def run_many(self, sql: str, values: Iterable[Parameters], /) -> None:
        """Execute a statement once per parameter set."""
        self._connection.executemany(sql, values)


class _Job:
    """One function in front of the writer, and where its result goes."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: Callable[[Any], Any], loop: asyncio.AbstractEventLoop | None, future: Any) -> None:
        self.work, self.loop, self.future = work, loop, future
        self.result: Any = None
        self.error: BaseException | None = None


class SqliteDatabase:
    """One SQLite file: a writer thread that commits in groups and a few reader threads."""

    dialect = "sqlite"

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._jobs: queue.Queue[_Job | None] = queue.Queue(maxsize=WAITING_AT_MOST)
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._closed = False
        self._connection = self._connect()
        self._thread = threading.Thread(target=self._write_forever, name="writer", daemon=True)
        self._thread.start()

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=512)
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -32000")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        return connection

    async def write(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in the next group and return its result after the commit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._submit(_Job(work, loop, future))
        return await future

    def write_now(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in the next group, blocking this thread until the commit."""
        future: Future[T] = Future()
        self._submit(_Job(work, None, future))
        return future.result()

    def _submit(self, job: _Job) -> None:
        if self._closed:
            raise NotifierError("the database is closed")
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Overloaded("the writer's queue") from None

    async def read(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` on a snapshot in a reader thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self.read_now, work)

    def read_now(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` on a snapshot in this thread."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect(read_only=True)
            with self._readers_lock:
                self._readers.append(connection)
        connection.execute("BEGIN")
        try:
            return work(SqliteTransaction(connection))
        finally:
            connection.execute("ROLLBACK")

    def waiting(self) -> int:
        """Return how many functions wait for the writer."""
        return self._jobs.qsize()

    def close(self) -> None:
        """Finish what waits, then close every connection."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._pool.shutdown()
        for connection in self._readers:
            connection.close()
        self._connection.close()

    def _write_forever(self) -> None:
        while (job := self._jobs.get()) is not None:
            group = [job]
            if self._write_group(group):
                return

    def _write_group(self, group: list[_Job]) -> bool:
        """Commit one group, which grows while it runs; return True when the writer was told to stop."""
        stop = False
        tx = SqliteTransaction(self._connection)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            until = time.monotonic() + GROUP_SECONDS
            done = 0
            while done < len(group):
                self._run_one(tx, group[done])
                done += 1
                if done == len(group) < GROUP_AT_MOST and time.monotonic() < until:
                    stop = self._take_waiting(group) or stop
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            for job in group:
                job.error = job.error or error
        _hand_out(group)
        return stop

    def _take_waiting(self, group: list[_Job]) -> bool:
        with contextlib.suppress(queue.Empty):
            while len(group) < GROUP_AT_MOST:
                job = self._jobs.get_nowait()
                if job is None:
                    return True
                group.append(job)
        return False

    def _run_one(self, tx: SqliteTransaction, job: _Job) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(tx)
        except BaseException as error:  # handed to the caller, whose error it is
            job.error = error
            if not self._connection.in_transaction:  # a full disk rolls everything back by itself
                raise sqlite3.OperationalError(f"the transaction was lost: {error}") from error
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")


def _hand_out(group: Sequence[_Job]) -> None:
    """Give every caller its result: callers in threads directly, callers on a loop in one call each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in group:
        if job.loop is not None:
            by_loop.setdefault(job.loop, []).append(job)
        elif job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
    for loop, jobs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed while its work was being committed
            loop.call_soon_threadsafe(_resolve, jobs)


def _resolve(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.future.cancelled():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


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


def sqlite_path(url: str) -> Path:
    """Return the file of a `sqlite:///relative` or `sqlite:////absolute` address; raise `ConfigError` otherwise."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or parts.netloc or len(parts.path) < 2:
        raise ConfigError([f"storage.url: '{url}' is not usable; expected sqlite:///var/notifier.db"])
    return Path(parts.path[1:])


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file of a database, so that a second daemon on it refuses to start.

    Raises `NotifierError` naming the process that holds it.
    """
    lock = path.with_name(path.name + ".lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise NotifierError(f"{path} is in use by another daemon (process {holder}); stop that one first") from None
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
