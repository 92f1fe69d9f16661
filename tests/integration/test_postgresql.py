"""PostgreSQL as the daemon's store: what is lost with a connection, who owns a database, and what callers hear."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from notifier.cli import main
from notifier.domain.errors import InvalidInput, NotifierError, Overloaded, StoreUnavailable
from notifier.storage.database import Transaction
from notifier.storage.opening import store_at
from notifier.storage.postgresql import connection, database, ownership, statistics
from notifier.storage.postgresql.database import PostgresDatabase
from tests.integration.postgres_proxy import Proxy, proxy_to
from tests.postgres_server import PostgresServer, postgres_server

pytestmark = pytest.mark.timeout(60)

Open = Callable[..., PostgresDatabase]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def url(server: PostgresServer) -> str:
    return server.url(server.new_database())


@pytest.fixture
def open_(url: str) -> Iterator[Open]:
    """Open databases that are closed at the end."""
    with contextlib.ExitStack() as stack:

        def opened(at: str = url, *, sole: bool = True) -> PostgresDatabase:
            database = PostgresDatabase(at, sole=sole)
            stack.callback(database.close)
            database.open()
            return database

        yield opened


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    with proxy_to(url) as proxy:
        yield proxy


def add(code: str) -> Callable[[Transaction], int]:
    return lambda tx: tx.run("INSERT INTO regions (kind, code) VALUES ('city', :code)", code=code)


def codes(tx: Transaction) -> list[str]:
    return [row["code"] for row in tx.rows("SELECT code FROM regions ORDER BY code")]


def end_own_session(tx: Transaction) -> None:
    tx.scalar("SELECT pg_terminate_backend(pg_backend_pid())")


async def until_it_works(work: Callable[[], Any]) -> Any:
    end = time.monotonic() + 20
    while True:
        try:
            return await work()
        except StoreUnavailable:
            assert time.monotonic() < end, "it never works again"
            await asyncio.sleep(0.05)


async def hears(database: PostgresDatabase, why: str) -> None:
    """Wait until a daemon that may not write any more is told so; the first it hears is that its session has ended."""
    end = time.monotonic() + 10
    heard = ""
    while why not in heard:
        assert time.monotonic() < end, heard
        with pytest.raises(StoreUnavailable) as told:
            await database.write(add("never"))
        heard = str(told.value)


# --- lost connections -----------------------------------------------------------------------------------------------


async def test_a_killed_server_is_503_at_once_and_everything_goes_on_when_it_is_back(
    server: PostgresServer, open_: Open
) -> None:
    database = open_()
    await database.write(add("before"))
    server.kill()
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(StoreUnavailable):
            await database.write(add("never"))
        with pytest.raises(StoreUnavailable):
            await database.read(codes)
    assert time.monotonic() - began < 5, "nobody waits for a server that is not there"
    server.start()
    await until_it_works(lambda: database.write(add("after")))
    assert await until_it_works(lambda: database.read(codes)) == ["after", "before"]


async def test_what_was_not_committed_is_gone_with_the_session(open_: Open) -> None:
    database = open_()

    def work(tx: Transaction) -> None:
        add("never")(tx)
        end_own_session(tx)

    with pytest.raises(StoreUnavailable, match="PostgreSQL"):
        await database.write(work)
    await database.write(add("after"))
    assert await database.read(codes) == ["after"]


async def test_a_lost_reader_takes_no_other_with_it(open_: Open) -> None:
    database = open_()
    await database.write(add("a"))
    with pytest.raises(StoreUnavailable):
        await database.read(end_own_session)
    assert [await database.read(codes) for _ in range(5)] == [["a"]] * 5


async def test_a_commit_whose_answer_was_lost_is_found_to_have_taken_place(proxy: Proxy, open_: Open) -> None:
    database = open_(proxy.url)
    await database.write(add("first"))
    proxy.cut_after = b"; COMMIT"
    assert await database.write(add("second")) == 1
    assert await database.read(codes) == ["first", "second"]


async def test_a_commit_that_never_arrived_is_found_not_to_have_taken_place(proxy: Proxy, open_: Open) -> None:
    database = open_(proxy.url)
    await database.write(add("first"))
    proxy.cut_before = b"; COMMIT"
    with pytest.raises(StoreUnavailable):
        await database.write(add("never"))
    assert await database.write(add("second")) == 1
    assert await database.read(codes) == ["first", "second"]


async def test_a_caller_does_not_wait_for_ever_to_hear_of_a_commit(
    proxy: Proxy, open_: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "FIND_OUT_SECONDS", 0.3)
    daemon = open_(proxy.url)
    await daemon.write(add("first"))
    proxy.cut_after, proxy.is_down = b"; COMMIT", True
    with pytest.raises(StoreUnavailable):
        await daemon.write(add("second"))
    proxy.is_down = False
    assert await until_it_works(lambda: daemon.read(codes)) == ["first", "second"]
    await until_it_works(lambda: daemon.write(add("third")))


async def test_a_session_whose_end_the_server_did_not_notice_is_ended_by_its_owner(proxy: Proxy, open_: Open) -> None:
    database = open_(proxy.url)
    await database.write(add("first"))
    proxy.leave_open = True
    proxy.cut()
    with contextlib.suppress(StoreUnavailable):
        await database.write(add("perhaps"))
    assert await until_it_works(lambda: database.write(add("second"))) == 1


async def test_after_a_failure_the_server_is_left_alone_for_a_while(proxy: Proxy, open_: Open) -> None:
    database = open_(proxy.url)
    tries = len(proxy.carried)
    proxy.is_down = True
    proxy.cut()
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        with pytest.raises(StoreUnavailable):
            await database.write(add("never"))
        await asyncio.sleep(0)
    assert len(proxy.carried) == tries
    assert database._patience.seconds() <= connection.WAIT_SECONDS_AT_MOST
    proxy.is_down = False
    await until_it_works(lambda: database.write(add("after")))


# --- one daemon -----------------------------------------------------------------------------------------------------


async def test_a_second_daemon_is_refused_and_hears_of_the_first(url: str, open_: Open) -> None:
    open_()
    with pytest.raises(NotifierError, match=rf"in use by another daemon \(process {os.getpid()} on .+\); stop that"):
        open_()
    assert store_at(url).revision() is not None, "who only looks is not refused"


async def test_a_closed_database_is_free_at_once(open_: Open) -> None:
    open_().close()
    began = time.monotonic()
    open_()
    assert time.monotonic() - began < ownership.LOCK_SECONDS


async def test_a_daemon_stops_when_another_has_the_database(open_: Open) -> None:
    first = open_()
    await first.write(add("first"))
    with contextlib.suppress(StoreUnavailable):
        await first.read(_end_all_sessions)
    second = open_()
    await second.write(add("second"))
    await hears(first, "in use by another daemon")
    with pytest.raises(NotifierError, match="in use by another daemon"):
        await first.keep(asyncio.Event())
    with pytest.raises(StoreUnavailable):
        await first.write(add("never"))
    assert await second.read(codes) == ["first", "second"]


async def test_a_daemon_stops_when_another_had_the_database_meanwhile(open_: Open) -> None:
    first = open_()
    await first.write(add("first"))
    with contextlib.suppress(StoreUnavailable):
        await first.read(_end_all_sessions)
    second = open_()
    await second.write(add("second"))
    second.close()
    await hears(first, "was used by another daemon")
    with pytest.raises(NotifierError, match="was used by another daemon"):
        await first.keep(asyncio.Event())


async def test_a_daemon_stops_when_the_store_has_lost_what_it_had_stored(open_: Open) -> None:
    database = open_()
    for number in range(3):
        await database.write(add(f"{number}"))

    def go_back(tx: Transaction) -> None:
        tx.run("UPDATE writers SET commits = 1")

    other = open_(sole=False)
    await other.write(go_back)
    with contextlib.suppress(StoreUnavailable):
        await database.read(_end_all_sessions)
    await hears(database, "has lost what this daemon had stored")


async def test_watching_ends_when_it_is_told_to(open_: Open) -> None:
    stop = asyncio.Event()
    watching = asyncio.create_task(open_().keep(stop))
    await asyncio.sleep(0.05)
    stop.set()
    await asyncio.wait_for(watching, 5)


def _end_all_sessions(tx: Transaction) -> None:
    tx.scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'notifier writer%'"
    )


# --- what callers hear ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["53100", "58030", "40P01", "57014"])
async def test_what_is_not_the_works_fault_is_503_and_the_session_stays(open_: Open, code: str) -> None:
    database = open_()

    def fail(tx: Transaction) -> None:
        add("never")(tx)
        tx.run(f"DO $$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '{code}'; END $$")

    pid = await database.write(lambda tx: tx.scalar("SELECT pg_backend_pid()"))
    with pytest.raises(StoreUnavailable, match="disk is full"):
        await database.write(fail)
    assert await database.write(lambda tx: tx.scalar("SELECT pg_backend_pid()")) == pid
    assert await database.read(codes) == []


async def test_the_wait_for_another_process_that_writes_is_bounded(
    open_: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection._SETTINGS, "lock_timeout", "200ms")
    daemon, other = open_(), open_(sole=False)
    await daemon.write(add("a"))
    change = "UPDATE regions SET name = 'x' WHERE code = 'a'"

    def hold(tx: Transaction) -> None:
        tx.run(change)
        tx.scalar("SELECT pg_sleep(1.5)")

    holding = asyncio.create_task(other.write(hold))
    await asyncio.sleep(0.5)
    with pytest.raises(StoreUnavailable, match="lock"):
        await daemon.write(lambda tx: tx.run(change))
    await holding


@pytest.mark.parametrize("sole", [True, False])
async def test_a_function_that_goes_on_after_a_failed_statement_stores_nothing_and_hears_so(
    open_: Open, sole: bool
) -> None:
    database = open_(sole=sole)

    def careless(tx: Transaction) -> None:
        add("a")(tx)
        with contextlib.suppress(Exception):
            add("a")(tx)

    with pytest.raises(Exception, match=r"nothing of it is stored|aborted"):
        await database.write(careless)
    assert await database.read(codes) == []


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
async def test_text_that_cannot_be_stored_is_the_callers_mistake(open_: Open, text: str) -> None:
    database = open_()
    with pytest.raises(InvalidInput, match="NUL"):
        await database.write(add(text))
    with pytest.raises(InvalidInput, match="NUL"):
        await database.read(lambda tx: tx.scalar("SELECT 1 FROM regions WHERE code = :code", code=text))
    with pytest.raises(InvalidInput, match="NUL"):
        await database.write(lambda tx: tx.insert_many("regions", ("kind", "code"), [("city", text)]))


async def test_what_a_function_raises_by_itself_is_not_taken_for_the_servers(open_: Open) -> None:
    def work(_: Transaction) -> None:
        raise OSError("a file of the function")

    with pytest.raises(OSError, match="a file of the function"):
        await open_().write(work)


async def test_too_many_that_wait_are_told_to_come_back(open_: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "WAITING_AT_MOST", 3)
    monkeypatch.setattr(database, "READING_AT_MOST", 3)
    daemon = open_()
    slow = [asyncio.create_task(daemon.write(lambda tx: tx.scalar("SELECT pg_sleep(0.5)")))]
    await asyncio.sleep(0.1)
    slow += [asyncio.create_task(daemon.write(add(f"{n}"))) for n in range(3)]
    await asyncio.sleep(0.1)
    assert daemon.waiting() == 3
    with pytest.raises(Overloaded):
        await daemon.write(add("never"))
    reads = [asyncio.create_task(daemon.read(lambda tx: tx.scalar("SELECT pg_sleep(0.5)"))) for _ in range(3)]
    await asyncio.sleep(0.1)
    with pytest.raises(Overloaded):
        await daemon.read(codes)
    await asyncio.gather(*slow, *reads)


async def test_what_was_handed_over_is_done_though_its_caller_has_gone(open_: Open) -> None:
    database = open_()

    def work(tx: Transaction) -> None:
        tx.scalar("SELECT pg_sleep(0.2)")
        add("done")(tx)

    gone = asyncio.create_task(database.write(work))
    await asyncio.sleep(0.05)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    await database.write(add("next"))
    assert await database.read(codes) == ["done", "next"]


async def test_closing_finishes_what_waits(open_: Open) -> None:
    first = open_()
    writes = [asyncio.create_task(first.write(add(f"{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await asyncio.to_thread(first.close)
    await asyncio.gather(*writes)
    assert len(await open_().read(codes)) == 20
    with pytest.raises(NotifierError, match="closed"):
        await first.write(add("never"))


# --- transactions ---------------------------------------------------------------------------------------------------


async def test_a_read_sees_one_snapshot_and_holds_nobody_up(open_: Open) -> None:
    database = open_()

    def look_twice(tx: Transaction) -> tuple[list[str], list[str]]:
        first = codes(tx)
        tx.scalar("SELECT pg_sleep(0.5)")
        return first, codes(tx)

    looking = asyncio.create_task(database.read(look_twice))
    await asyncio.sleep(0.2)
    await database.write(add("a"))
    assert not looking.done()
    assert await looking == ([], [])
    assert await database.read(codes) == ["a"]


async def test_the_loop_of_the_daemon_goes_on_while_a_statement_runs(open_: Open) -> None:
    writing = asyncio.create_task(open_().write(lambda tx: tx.scalar("SELECT pg_sleep(0.3)")))
    turns = 0
    while not writing.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10


async def test_ids_ascend_in_the_order_of_commits(open_: Open) -> None:
    database = open_()
    sql = "INSERT INTO regions (kind, code) VALUES ('city', :code) RETURNING id"
    seen: list[int] = []

    async def write(number: int) -> None:
        seen.append(await database.write(lambda tx: tx.scalar(sql, code=f"{number}")))

    await asyncio.gather(*(write(number) for number in range(50)))
    assert seen == sorted(seen)


async def test_the_mark_of_what_was_written_is_that_of_the_one_writer(open_: Open) -> None:
    database = open_()
    mark = await database.write(lambda tx: (add("a")(tx), tx.written())[1])
    assert await database.write(lambda tx: tx.written()) == mark
    assert await database.write(lambda tx: (tx.run("DELETE FROM regions WHERE code = 'x'"), tx.written())[1]) == mark
    with pytest.raises(ZeroDivisionError):
        await database.write(lambda tx: (add("b")(tx), 1 // 0))
    assert await database.write(lambda tx: tx.written()) != mark


def test_a_temporary_table_stays_and_is_empty_in_the_next_transaction(open_: Open) -> None:
    database = open_()
    create = "\n  CREATE TEMPORARY TABLE IF NOT EXISTS plan (id BIGINT)"

    def fill(tx: Transaction) -> int:
        tx.run(create)
        tx.insert_many("plan", ("id",), [(number,) for number in range(1_000)])
        return int(tx.scalar("SELECT count(*) FROM plan"))

    assert [database.write_now(fill) for _ in range(3)] == [1_000] * 3
    assert database.write_now(lambda tx: tx.scalar("SELECT pg_relation_size('plan')")) == 0


def test_threads_without_a_loop_can_use_it_side_by_side(open_: Open) -> None:
    database = open_()
    threads = [threading.Thread(target=lambda n=n: database.write_now(add(f"{n}"))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(database.read_now(codes)) == 8


def test_what_is_committed_is_on_the_disk(open_: Open) -> None:
    assert open_().write_now(lambda tx: tx.scalar("SHOW synchronous_commit")) == "on"


async def test_a_database_that_grows_is_analysed_beside_the_work(open_: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "FIRST_ROWS", 100)
    monkeypatch.setattr(database, "LOOK_EVERY_SECONDS", 0.05)
    daemon, stop = open_(), asyncio.Event()
    keeping = asyncio.create_task(daemon.keep(stop))
    known = "SELECT reltuples::bigint FROM pg_class WHERE relname = 'regions'"
    assert await daemon.read(lambda tx: tx.scalar(known)) == -1
    await daemon.write(lambda tx: tx.insert_many("regions", ("kind", "code"), [("city", f"{n}") for n in range(150)]))
    end = time.monotonic() + 10
    while await daemon.read(lambda tx: tx.scalar(known)) != 150:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    stop.set()
    await keeping


def test_statistics_are_due_when_the_changed_rows_have_doubled(url: str) -> None:
    due = statistics.Statistics(connection.Line(url, "a test", connection.Patience()))
    assert [due.are_due(changed) for changed in (0, statistics.FIRST_ROWS - 1, statistics.FIRST_ROWS)] == [
        False,
        False,
        True,
    ]
    assert not due.are_due(10 * statistics.FIRST_ROWS), "while they are being gathered they are not due again"
    asyncio.run(due.gather())
    assert not due.are_due(2 * statistics.FIRST_ROWS - 1)
    assert due.are_due(2 * statistics.FIRST_ROWS)


# --- addresses ------------------------------------------------------------------------------------------------------


def test_no_password_is_shown(server: PostgresServer) -> None:
    address = server.url().replace("postgres:@", "postgres:correct-horse@", 1)
    assert "correct-horse" in address
    database = PostgresDatabase(address.replace("/notifier", "/not_there"))
    try:
        with pytest.raises(NotifierError, match="not_there") as refused:
            database.open()
        assert "correct-horse" not in str(refused.value) + database.name
    finally:
        database.close()


def test_a_server_that_is_not_there_is_named() -> None:
    database = PostgresDatabase("postgresql://me@127.0.0.1:1/there")
    try:
        with pytest.raises(NotifierError, match=r"postgresql://127.0.0.1:1/there cannot be used: PostgreSQL: "):
            database.open()
    finally:
        database.close()


@pytest.mark.parametrize("command", [["db", "upgrade"], ["db", "current"], ["serve"]])
def test_commands_say_what_is_in_the_way_without_the_password(tmp_path: Path, command: list[str]) -> None:
    config = tmp_path / "notifier.yaml"
    (tmp_path / "url").write_text("postgresql://me:correct-horse@127.0.0.1:1/there\n")
    config.write_text("storage: {url_file: url}\nserver: {listen: '127.0.0.1:0', metrics_listen: ''}\n")
    result = CliRunner().invoke(main, [*command, "--config", str(config)])
    assert result.exit_code == 1
    assert "postgresql://127.0.0.1:1/there cannot be used: PostgreSQL: " in result.output
    assert "correct-horse" not in result.output
