"""What both databases promise to every repository: transactions, isolation of bad functions, results and snapshots."""

import asyncio
import contextlib

import pytest

from notifier.storage.database import Database, Transaction

INSERT = "INSERT INTO regions (kind, code) VALUES (:kind, :code)"


def add(code: str):
    def work(tx: Transaction) -> int:
        return tx.run(INSERT, kind="city", code=code)

    return work


def codes(tx: Transaction) -> list[str]:
    return [row["code"] for row in tx.rows("SELECT code FROM regions ORDER BY code")]


async def test_what_a_function_wrote_is_there_after_its_commit(database: Database) -> None:
    assert await database.write(add("a")) == 1
    assert await database.read(codes) == ["a"]


async def test_one_bad_function_is_rolled_back_alone_and_the_rest_of_its_group_commits(database: Database) -> None:
    def bad(tx: Transaction) -> None:
        tx.run(INSERT, kind="city", code="never stored")
        raise ValueError("bad row")

    results = await asyncio.gather(
        *(database.write(add(f"a{n}")) for n in range(5)),
        database.write(bad),
        *(database.write(add(f"b{n}")) for n in range(5)),
        return_exceptions=True,
    )
    assert [type(result) for result in results].count(ValueError) == 1
    assert await database.read(codes) == [f"a{n}" for n in range(5)] + [f"b{n}" for n in range(5)]


async def test_a_function_that_breaks_a_constraint_gets_the_error_and_stores_nothing(database: Database) -> None:
    def twice(tx: Transaction) -> None:
        tx.run(INSERT, kind="city", code="x")
        tx.run(INSERT, kind="city", code="x")

    with pytest.raises(Exception, match=r"(?i)unique"):
        await database.write(twice)
    await database.write(add("y"))
    assert await database.read(codes) == ["y"]


def test_rows_row_scalar_and_tuples_return_what_their_names_say(database: Database) -> None:
    database.write_now(add("a"))
    database.write_now(add("b"))

    def look(tx: Transaction) -> None:
        assert tx.rows("SELECT kind, code FROM regions ORDER BY code") == [
            {"kind": "city", "code": "a"},
            {"kind": "city", "code": "b"},
        ]
        assert tx.row("SELECT code FROM regions WHERE code = :code", code="b") == {"code": "b"}
        assert tx.row("SELECT code FROM regions WHERE code = :code", code="c") is None
        assert tx.scalar("SELECT count(*) FROM regions") == 2
        assert tx.scalar("SELECT code FROM regions WHERE code = :code", code="c") is None
        assert tx.tuples("SELECT kind, code FROM regions ORDER BY code") == [("city", "a"), ("city", "b")]

    database.read_now(look)


def test_run_counts_the_rows_it_changed(database: Database) -> None:
    database.write_now(lambda tx: tx.run_many(INSERT, [{"kind": "city", "code": str(n)} for n in range(10)]))
    changed = database.write_now(
        lambda tx: tx.run("UPDATE regions SET name = :name WHERE code < :code", name="n", code="5")
    )
    assert changed == 5
    assert database.write_now(lambda tx: tx.run("DELETE FROM regions WHERE code = :code", code="nowhere")) == 0


def test_values_of_every_kind_come_back_as_they_went_in(database: Database) -> None:
    text = "Zoë 👍 % :name ' \" \\ \u2028"

    def work(tx: Transaction) -> list[tuple[object, ...]]:
        tx.run(
            "INSERT INTO customers (reference, name, monthly_price_minor, created_at, updated_at) "
            "VALUES (:reference, :name, :price, :at, :at)",
            reference="C1",
            name=text,
            price=None,
            at=2**53 + 1,
        )
        return tx.tuples("SELECT name, monthly_price_minor, created_at FROM customers WHERE name LIKE '%👍 %'")

    assert database.write_now(work) == [(text, None, 2**53 + 1)]


def test_a_read_function_can_change_nothing(database: Database) -> None:
    with contextlib.suppress(Exception):  # SQLite refuses, PostgreSQL rolls back
        database.read_now(add("a"))
    assert database.read_now(codes) == []


def test_returning_gives_the_id_of_a_new_row_and_conflicts_can_be_ignored(database: Database) -> None:
    sql = INSERT + " ON CONFLICT (kind, code) DO NOTHING RETURNING id"
    assert database.write_now(lambda tx: tx.scalar(sql, kind="city", code="a")) > 0
    assert database.write_now(lambda tx: tx.scalar(sql, kind="city", code="a")) is None


async def test_a_read_sees_one_snapshot_while_others_write(database: Database) -> None:
    looked, written = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    patience = 5 if database.dialect == "sqlite" else 0.1  # PostgreSQL has one connection yet: the writer waits there

    def look_twice(tx: Transaction) -> tuple[list[str], list[str]]:
        first = codes(tx)
        loop.call_soon_threadsafe(looked.set)
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(asyncio.wait_for(written.wait(), patience), loop).result()
        return first, codes(tx)

    async def write_meanwhile() -> None:
        await looked.wait()
        await database.write(add("a"))
        written.set()

    seen, _ = await asyncio.gather(database.read(look_twice), write_meanwhile())
    assert seen == ([], [])
    assert await database.read(codes) == ["a"]


async def test_work_done_here_is_stored_or_raises_like_any_other(database: Database) -> None:
    def bad(tx: Transaction) -> None:
        tx.run(INSERT, kind="city", code="never stored")
        raise ValueError("bad row")

    assert await database.write_here(add("a")) == 1
    with pytest.raises(ValueError, match="bad row"):
        await database.write_here(bad)
    assert await database.write_here(add("b")) == 1
    assert await database.read(codes) == ["a", "b"]


async def test_work_done_here_and_in_groups_leaves_nothing_out(database: Database) -> None:
    await asyncio.gather(
        *(database.write(add(f"a{n}")) for n in range(20)),
        *(database.write_here(add(f"b{n}")) for n in range(20)),
    )
    assert len(await database.read(codes)) == 40


def test_the_mark_of_what_was_written_changes_with_every_write_of_another(database: Database) -> None:
    mark = database.write_now(lambda tx: (add("a")(tx), tx.written())[1])
    database.write_now(add("b"))
    assert database.write_now(lambda tx: tx.written()) != mark


def test_rows_are_inserted_in_the_order_of_their_columns(database: Database) -> None:
    rows = [("city", "a", "Ames"), ("city", "b", "Boone")]
    database.write_now(lambda tx: tx.insert_many("regions", ("kind", "code", "name"), rows))
    assert database.read_now(lambda tx: tx.tuples("SELECT kind, code, name FROM regions ORDER BY code")) == rows


def test_sums_of_integers_are_integers_and_means_are_floats(database: Database) -> None:
    database.write_now(lambda tx: tx.run_many(INSERT, [{"kind": "city", "code": f"{n}"} for n in (1, 2)]))
    sums = "SELECT SUM(CAST(code AS BIGINT)), AVG(CAST(code AS BIGINT)), SUM(CAST(code AS BIGINT)) * 1.5 FROM regions"
    (found,) = database.read_now(lambda tx: tx.tuples(sums))
    assert found == (3, 1.5, 4.5)
    assert [type(value) for value in found] == [int, float, float]
