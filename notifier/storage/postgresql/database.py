"""PostgreSQL as the store of the daemon: one connection that writes, a few that read, on a loop of their own.

Functions of a transaction wait in line for the one connection that writes; each is run in a transaction of its own and
its caller continues after the commit. One writer keeps what the stages rely on: functions are not interleaved, and ids
ascend in the order of commits. When the server is gone callers have `StoreUnavailable`, and what was committed is found
out before its caller is told. The loop runs in a thread, so the daemon's own loop is never held up, and commands
and tests that have none can use the same database.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import asyncpg
import structlog

from notifier.domain.errors import NotifierError, Overloaded, StoreUnavailable
from notifier.storage.database import T, Transaction
from notifier.storage.postgresql.address import shown
from notifier.storage.postgresql.connection import Line, Patience
from notifier.storage.postgresql.faults import SessionLost, as_callers_know_it
from notifier.storage.postgresql.ownership import NotOwner, Owner
from notifier.storage.postgresql.statistics import Statistics
from notifier.storage.postgresql.transaction import Changes, PostgresTransaction, run

WAITING_AT_MOST = 10_000  # functions in front of the writer; beyond it callers are told to come back
READING_AT_MOST = 1_000  # functions in front of the readers
READERS = 3
UNDO_SECONDS = 5.0
FIND_OUT_SECONDS = 10.0  # for which a caller waits to hear what became of a commit when the connection was lost
LOOK_EVERY_SECONDS = 1.0  # at an idle connection that writes: whether it is still there

log = structlog.get_logger(__name__)

Job = tuple[Callable[[Transaction], Any], "Future[Any]"]


class PostgresDatabase:
    """A PostgreSQL database. With `sole` it is a daemon's: refused while another daemon has it."""

    dialect = "postgresql"

    def __init__(self, url: str, *, sole: bool = False) -> None:
        self.name = shown(url)  # as it may be shown
        self._sole, self._owner, patience = sole, Owner(self.name), Patience()
        self._patience, self._changes = patience, Changes()
        self._writer = Line(url, self._owner.session_name("writer"), patience, self._owner.take if sole else None)
        self._readers: asyncio.LifoQueue[Line] = asyncio.LifoQueue()
        for _ in range(READERS):
            self._readers.put_nowait(Line(url, self._owner.session_name("reader"), patience))
        self._statistics = Statistics(Line(url, self._owner.session_name("statistics"), patience))
        self._jobs: deque[Job] = deque()
        self._reading = 0
        self._something = asyncio.Event()  # to write
        self._closed = False
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgresql", daemon=True)
        self._thread.start()
        self._writing = self._soon(self._write_until_closed())

    # --- the interface ----------------------------------------------------------------------------------------------

    async def write(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in a transaction of its own and return its result after the commit."""
        # shielded: what has been handed over is done, whether its caller still waits or not, as on the other database
        return await asyncio.shield(asyncio.wrap_future(self._submit(work)))

    async def write_here(self, work: Callable[[Transaction], T], /) -> T:
        """Do as `write` does: the work waits for the server, and the caller's loop goes on."""
        return await self.write(work)

    async def read(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` on a snapshot."""
        return await asyncio.shield(asyncio.wrap_future(self._ask(work)))

    def write_now(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` in a transaction of its own, blocking this thread until the commit."""
        return self._submit(work).result()

    def read_now(self, work: Callable[[Transaction], T], /) -> T:
        """Run `work` on a snapshot, blocking this thread."""
        return self._ask(work).result()

    def waiting(self) -> int:
        """Return how many functions wait for the writer."""
        return len(self._jobs)

    async def keep(self, stop: asyncio.Event) -> None:
        """Watch the connection that writes until `stop` is set; raise `NotifierError` when another daemon took over."""
        while not stop.is_set():
            if self._owner.refused is not None:
                log.error("the database is not this daemon's any more", reason=str(self._owner.refused))
                raise self._owner.refused
            with contextlib.suppress(NotifierError):
                await self.write(_touch)
            if self._statistics.are_due(self._changes.count):
                self._soon(self._statistics.gather())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_EVERY_SECONDS)

    def open(self) -> None:
        """Connect now, and take the lock of a daemon; raise `NotifierError` with what is in the way."""
        try:
            self._soon(self._writer.get()).result()
        except NotifierError as error:
            if isinstance(error, StoreUnavailable):
                raise NotifierError(f"{self.name} cannot be used: {self._patience.reason}") from error
            raise

    def close(self) -> None:
        """Finish what waits, then close every connection."""
        if self._closed:
            return
        self._closed = True
        self._loop.call_soon_threadsafe(self._something.set)
        self._writing.result()
        self._soon(self._close_lines()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- in front of the connections --------------------------------------------------------------------------------

    def _submit(self, work: Callable[[Transaction], T]) -> "Future[T]":
        self._require_open()
        if len(self._jobs) >= WAITING_AT_MOST:
            raise Overloaded("the writer's queue")
        future: Future[T] = Future()
        self._jobs.append((work, future))
        self._loop.call_soon_threadsafe(self._something.set)
        return future

    def _ask(self, work: Callable[[Transaction], T]) -> "Future[T]":
        self._require_open()
        if self._reading >= READING_AT_MOST:
            raise Overloaded("the readers' queue")
        return self._soon(self._read(work))

    def _require_open(self) -> None:
        if self._closed:
            raise NotifierError("the database is closed")

    def _soon(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    # --- on the loop of the connections -----------------------------------------------------------------------------

    async def _write_until_closed(self) -> None:
        while True:
            self._something.clear()
            while self._jobs:
                work, future = self._jobs.popleft()
                try:
                    result = await self._write(work)
                except BaseException as error:  # noqa: BLE001  # handed to the caller, whose error it is
                    future.set_exception(error)
                else:
                    future.set_result(result)
            if self._closed:
                return
            await self._something.wait()

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        connection = await self._get_writer()
        tx = PostgresTransaction(connection, self._changes)
        try:
            if self._sole:
                await asked(self._owner.make_known(connection))
            await asked(connection.execute("BEGIN"))
            result = await run(work, tx)
            if not tx.wrote:
                await asked(connection.execute("COMMIT"))
        except BaseException as error:
            await self._undo(self._writer, connection, error)
            raise
        if tx.wrote:
            await self._commit(connection)
        return result

    async def _get_writer(self) -> "asyncpg.Connection[Any]":
        if self._owner.refused is None:
            with contextlib.suppress(NotOwner):
                return await self._writer.get()
        raise StoreUnavailable(str(self._owner.refused))

    async def _commit(self, connection: "asyncpg.Connection[Any]") -> None:
        try:
            await asked(self._owner.commit(connection) if self._sole else _commit(connection))
        except BaseException as error:
            await self._undo(self._writer, connection, error)
            if not (self._sole and isinstance(error, SessionLost) and await self._took_place()):
                raise

    async def _took_place(self) -> bool:
        """Find out on a new connection whether the last commit took place; False when nobody can say in time."""
        log.warning("connection lost in a commit")
        try:
            async with asyncio.timeout(FIND_OUT_SECONDS):
                while True:
                    try:
                        await self._get_writer()
                    except StoreUnavailable:
                        if self._owner.refused is not None:
                            return False
                        await asyncio.sleep(max(self._patience.seconds(), 0.01))
                    else:
                        return self._owner.was_committed()
        except TimeoutError:
            log.exception("what became of a commit is not known")
            return False

    async def _read(self, work: Callable[[Transaction], T]) -> T:
        self._reading += 1
        try:
            line = await self._readers.get()
            try:
                return await self._read_on(line, work)
            finally:
                self._readers.put_nowait(line)
        finally:
            self._reading -= 1

    async def _read_on(self, line: Line, work: Callable[[Transaction], T]) -> T:
        connection = await line.get()
        try:
            await asked(connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            result = await run(work, PostgresTransaction(connection))
            await asked(connection.execute("COMMIT"))
        except BaseException as error:
            await self._undo(line, connection, error)
            raise
        return result

    async def _undo(self, line: Line, connection: "asyncpg.Connection[Any]", error: BaseException) -> None:
        """Roll back; give the connection up when that is not possible."""
        self._changes.count += 1
        if not isinstance(error, SessionLost) and not connection.is_closed():
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                await connection.execute("ROLLBACK", timeout=UNDO_SECONDS)
                return
        line.drop()

    async def _close_lines(self) -> None:
        for _ in range(READERS):
            await (await self._readers.get()).close()
        await self._statistics.close()
        await self._writer.close()


async def asked(answer: Awaitable[T]) -> T:
    """Wait for the server; raise `StoreUnavailable` when it cannot answer."""
    try:
        return await answer
    except Exception as error:
        known = as_callers_know_it(error)
        if known is error:
            raise
        raise known from error


async def _commit(connection: "asyncpg.Connection[Any]") -> None:
    if await connection.execute("COMMIT") != "COMMIT":
        raise NotifierError("a statement failed and its function went on; nothing of it is stored")


def _touch(tx: Transaction) -> None:
    tx.scalar("SELECT 1")


def _new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of uvloop where there is one, else asyncio's own."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop()
    return new_event_loop()
