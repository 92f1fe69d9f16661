"""What only SQLite promises: which thread does the work, and that nothing is waited for on the loop."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.domain.errors import StoreUnavailable
from notifier.storage import sqlite
from notifier.storage.database import Transaction
from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase

INSERT = "INSERT INTO regions (kind, code) VALUES ('city', :code)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make an empty database."""
    file = tmp_path / "notifier.db"
    upgrade(f"sqlite:///{file}")
    return file


@pytest.fixture
def database(path: Path) -> Iterator[SqliteDatabase]:
    """Open it."""
    database = SqliteDatabase(path)
    yield database
    database.close()


def where(_tx: Transaction) -> str:
    """Return the thread that runs it."""
    return threading.current_thread().name


async def test_short_work_is_done_by_the_loop_itself_while_the_writer_is_idle(database: SqliteDatabase) -> None:
    assert await database.write_here(where) == threading.current_thread().name
    assert await database.write(where) == "writer"


async def test_while_the_writer_is_at_work_it_does_the_short_work_too(database: SqliteDatabase) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def long(_tx: Transaction) -> None:
        begun.set()
        go_on.wait(10)

    under_way = asyncio.create_task(database.write(long))
    await asyncio.to_thread(begun.wait, 10)
    short = asyncio.create_task(database.write_here(where))
    await asyncio.sleep(0)
    go_on.set()
    assert await short == "writer"
    await under_way


async def test_work_that_held_up_the_loop_is_left_to_the_writer_for_a_while(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PAUSE_SECONDS_AT_MOST", 0.05)
    await database.write_here(lambda _tx: time.sleep(2 * sqlite.HERE_SECONDS))  # as on cold pages
    assert await database.write_here(where) == "writer"
    await asyncio.sleep(0.06)
    assert await database.write_here(where) == threading.current_thread().name


async def test_the_loop_waits_for_no_other_process_that_writes(path: Path, database: SqliteDatabase) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    waiting = asyncio.create_task(database.write_here(where))
    await asyncio.sleep(0)
    assert time.monotonic() - began < 1.0
    assert not waiting.done()
    other.execute("ROLLBACK")
    other.close()
    assert await asyncio.wait_for(waiting, 20) == "writer"


async def test_the_log_is_written_back_also_when_only_the_loop_commits(
    path: Path, database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "HERE_SECONDS", 60.0)
    for n in range(20 * sqlite.COMMITS_HERE_AT_MOST):
        await database.write_here(lambda tx, code=f"{n:0500}": tx.run(INSERT, code=code))
        if n % sqlite.COMMITS_HERE_AT_MOST == 0:
            await database.write(where)  # everything in front of it is done
    pages = path.with_name(path.name + "-wal").stat().st_size / 4096
    assert pages < 4 * 8 * sqlite.COMMITS_HERE_AT_MOST  # not twenty times what is written between two requests


async def test_a_first_function_that_fails_takes_nothing_of_its_group_with_it(database: SqliteDatabase) -> None:
    def bad(tx: Transaction) -> None:
        tx.run(INSERT, code="never stored")
        raise ValueError("bad row")

    results = await asyncio.gather(
        database.write(bad),
        *(database.write(lambda tx, n=n: tx.run(INSERT, code=str(n))) for n in range(3)),
        return_exceptions=True,
    )
    assert isinstance(results[0], ValueError)
    assert await database.read(lambda tx: tx.scalar("SELECT count(*) FROM regions")) == 3


async def test_a_full_disk_takes_nothing_and_is_said_to_be_full_by_the_loop_and_by_the_writer(
    database: SqliteDatabase,
) -> None:
    def much(tx: Transaction) -> None:
        tx.insert_many("regions", ("kind", "code"), [("city", f"{n:0500}") for n in range(1_000)])

    database._connection.execute("PRAGMA max_page_count = 1")  # as many as there are
    with pytest.raises(StoreUnavailable, match="database or disk is full"):
        await database.write_here(much)
    group = await asyncio.gather(*(database.write(work) for work in (where, much, where)), return_exceptions=True)
    assert StoreUnavailable in [type(result) for result in group]
    assert set(map(type, group)) <= {StoreUnavailable, str}
    database._connection.execute("PRAGMA max_page_count = 100000")
    await database.write_here(much)
    assert await database.read(lambda tx: tx.scalar("SELECT count(*) FROM regions")) == 1_000


async def test_what_another_process_keeps_locked_takes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_MILLISECONDS", 20)
    database = SqliteDatabase(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await database.write_here(where)
    other.close()
    assert await database.write_here(where)
    database.close()


async def test_a_statement_that_is_wrong_is_not_taken_for_a_store_that_is_full(database: SqliteDatabase) -> None:
    for write in (database.write, database.write_here):
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            await write(lambda tx: tx.run("DELETE FROM nowhere"))


def test_what_was_undone_changes_the_mark_of_what_was_written(database: SqliteDatabase) -> None:
    def undone(tx: Transaction) -> None:
        tx.run(INSERT, code="never stored")
        raise ValueError("bad row")

    mark = database.write_now(lambda tx: tx.written())
    assert database.write_now(lambda tx: tx.written()) == mark
    with pytest.raises(ValueError, match="bad row"):
        database.write_now(undone)
    assert database.write_now(lambda tx: tx.written()) != mark
    assert database.read_now(lambda tx: tx.written()) != database.read_now(lambda tx: tx.written())
