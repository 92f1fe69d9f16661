"""SQLite: one writer that commits in groups, and readers beside it.

The writer is a thread. All functions that wait are run in one transaction, each under its own savepoint, so that a bad
one is rolled back alone and the rest commit. Short work that many callers wait for is run by the loop itself while the
writer is idle (`write_here`). The log is on (WAL) with synchronous FULL: what was answered is on the disk.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from notifier.domain.errors import NotifierError, Overloaded, StoreUnavailable
from notifier.storage.database import Parameters, Row, T, Transaction, insertion

WAITING_AT_MOST = 10_000  # functions in front of the writer; beyond it callers are told to come back
GROUP_AT_MOST = 1_000  # functions in one transaction
GROUP_SECONDS = 0.05  # a group takes no new function after this, so that nobody waits long for its commit
READERS = 3
BUSY_MILLISECONDS = 10_000  # the wait for another process that writes, such as a backup
HERE_SECONDS = 0.01  # work on the loop that took longer found its pages cold or its disk slow
CHECKPOINT_PAGES = 1_000
COMMITS_HERE_AT_MOST = 32  # on the loop, which never writes the log back, until the writer is asked to do so
PAUSE_SECONDS_AT_MOST = 60.0  # for which the writer then does such work


class SqliteTransaction:
    """A transaction on one sqlite3 connection."""

    dialect = "sqlite"
    __slots__ = ("_connection", "_undone")

    def __init__(self, connection: sqlite3.Connection, undone: int | None = None) -> None:
        self._connection = connection
        self._undone = undone  # transactions of the one connection that writes; None on those that read

    def written(self) -> object:
        """Return how many rows were changed and how many transactions undone: one connection does all the writing."""
        return object() if self._undone is None else (self._connection.total_changes, self._undone)

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

    def insert_many(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]], /) -> None:
        """Insert rows of values in the order of `columns`; half the price of binding them by name."""
        self._connection.executemany(insertion(table, tuple(columns), "?"), rows)


class _Job:
    """One function in front of the writer, and where its result goes."""

    __slots__ = ("error", "future", "loop", "result", "work")

    def __init__(self, work: Callable[[Any], Any], loop: asyncio.AbstractEventLoop | None, future: Any) -> None:
        self.work, self.loop, self.future = work, loop, future
        self.result: Any = None
        self.error: BaseException | None = None


_CHECKPOINT = _Job(lambda _: None, None, None)  # asks the writer to write the log back into the database


class SqliteDatabase:
    """One SQLite file: a writer thread that commits in groups and a few reader threads."""

    dialect = "sqlite"

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.name = str(path)
        self._jobs: queue.Queue[_Job | None] = queue.Queue(maxsize=WAITING_AT_MOST)
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._readers_lock = threading.Lock()
        self._pool = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._closed = False
        self._turn = threading.Lock()  # whose turn it is to use the writing connection
        self._undone = 0  # transactions, and functions of a group, that were rolled back
        self._writer_wants_it = False
        self._set_up_for_here = False
        self._not_here = 0.0  # monotonic: until then the loop leaves everything to the writer
        self._commits_here = 0  # on the loop, since the writer was last asked to write the log back
        self._pause = 0.0  # seconds for which it last did
        self._connection = self._connect()
        self._thread = threading.Thread(target=self._write_forever, name="writer", daemon=True)
        self._thread.start()

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=512)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
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

    async def write_here(self, work: Callable[[Transaction], T], /) -> T:
        """Run and commit `work` on the loop while the writer is idle and the disk quick; else in the next group."""
        if self._may_begin_here() and self._turn.acquire(blocking=False):
            began = time.monotonic()
            try:
                if self._begin_here():
                    return self._finish_here(work)
            finally:
                self._turn.release()
                self._judge(time.monotonic() - began)
        return await self.write(work)

    def _may_begin_here(self) -> bool:
        return (
            not self._closed and not self._writer_wants_it and self._jobs.empty() and time.monotonic() >= self._not_here
        )

    def _begin_here(self) -> bool:
        """Begin a transaction on the loop; False when another process is writing."""
        self._set_up(here=True)
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        return True

    def _finish_here(self, work: Callable[[Transaction], T]) -> T:
        try:
            result = work(SqliteTransaction(self._connection, self._undone))
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            known = _as_callers_know_it(error)
            if known is error:
                raise
            raise known from error
        self._commits_here += 1
        if self._commits_here >= COMMITS_HERE_AT_MOST:
            self._commits_here = 0
            with contextlib.suppress(queue.Full):
                self._jobs.put_nowait(_CHECKPOINT)
        return result

    def _set_up(self, *, here: bool) -> None:
        """On the loop, wait for no other process and leave it to the writer to write the log back."""
        if here != self._set_up_for_here:
            self._connection.execute(f"PRAGMA busy_timeout = {0 if here else BUSY_MILLISECONDS}")
            self._connection.execute(f"PRAGMA wal_autocheckpoint = {0 if here else CHECKPOINT_PAGES}")
            self._set_up_for_here = here

    def _judge(self, seconds: float) -> None:
        """Leave such work to the writer for a while when it held up the loop; longer each time."""
        if seconds > HERE_SECONDS:
            self._pause = min(max(2 * self._pause, 1.0), PAUSE_SECONDS_AT_MOST)
            self._not_here = time.monotonic() + self._pause
        else:
            self._pause *= 0.9

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

    async def keep(self, stop: asyncio.Event, /) -> None:
        """Return when `stop` is set: nobody takes a locked file away."""
        await stop.wait()

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
        while True:
            job = self._jobs.get()
            if job is None:
                return
            self._writer_wants_it = True
            with self._turn:
                self._writer_wants_it = False
                if job is _CHECKPOINT:
                    with contextlib.suppress(sqlite3.Error):  # the next one will
                        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                elif self._write_group([job]):
                    return

    def _commit(self, group: Sequence[_Job]) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(group, error)

    def _give_up(self, group: Sequence[_Job], error: sqlite3.Error) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._roll_back()
        for job in group:
            job.error = job.error or error

    def _write_group(self, group: list[_Job]) -> bool:
        """Commit one group, which grows while it runs; return True when the writer was told to stop."""
        stop = False
        try:
            self._set_up(here=False)
            self._connection.execute("BEGIN IMMEDIATE")
            until = time.monotonic() + GROUP_SECONDS
            done = 0
            while done < len(group):
                if done == 0:
                    self._run_first(group[0])
                else:
                    self._run_one(group[done])
                done += 1
                if done == len(group) < GROUP_AT_MOST and time.monotonic() < until:
                    stop = self._take_waiting(group) or stop
        except sqlite3.Error as error:
            self._give_up(group, error)
        else:
            self._commit(group)
        _hand_out(group)
        return stop

    def _take_waiting(self, group: list[_Job]) -> bool:
        with contextlib.suppress(queue.Empty):
            while len(group) < GROUP_AT_MOST:
                job = self._jobs.get_nowait()
                if job is None:
                    return True
                if job is not _CHECKPOINT:  # a commit of the writer does it
                    group.append(job)
        return False

    def _roll_back(self) -> None:
        self._undone += 1
        if self._connection.in_transaction:  # a full disk rolls everything back by itself
            self._connection.execute("ROLLBACK")

    def _run_first(self, job: _Job) -> None:
        """Run the first function of a group: nothing stands before it that a savepoint would have to guard."""
        try:
            job.result = job.work(SqliteTransaction(self._connection, self._undone))
        except BaseException as error:  # noqa: BLE001  # handed to the caller, whose error it is
            job.error = error
            self._roll_back()
            self._connection.execute("BEGIN IMMEDIATE")

    def _run_one(self, job: _Job) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(SqliteTransaction(self._connection, self._undone))
        except BaseException as error:  # handed to the caller, whose error it is
            job.error = error
            if not self._connection.in_transaction:  # a full disk rolls everything back by itself
                raise sqlite3.OperationalError(f"the transaction was lost: {error}") from error
            self._undone += 1
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")


def _as_callers_know_it(error: BaseException) -> BaseException:
    """Return `StoreUnavailable` for what has nothing to do with the work: a full disk, another process that writes."""
    if not isinstance(error, sqlite3.OperationalError):
        return error
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # a statement that is wrong
        return error
    return StoreUnavailable(str(error))


def _hand_out(group: Sequence[_Job]) -> None:
    """Give every caller its result: callers in threads directly, callers on a loop in one call each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in group:
        job.error = job.error and _as_callers_know_it(job.error)
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
