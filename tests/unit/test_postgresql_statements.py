"""SQL as it is written once becomes SQL as PostgreSQL takes it, with the types of its values."""

from enum import IntEnum, StrEnum

import pytest

from notifier.storage.postgresql.address import is_postgresql, shown
from notifier.storage.postgresql.statements import bound, bound_many, cast_of


class Colour(StrEnum):
    RED = "red"


class Place(IntEnum):
    FIRST = 1


@pytest.mark.parametrize(
    ("sql", "values", "text", "arguments"),
    [
        ("SELECT :a", {"a": 1}, "SELECT $1::bigint", [1]),
        ("SELECT :a, :b, :a", {"a": "x", "b": 2.5}, "SELECT $1::text, $2::double precision, $1::text", ["x", 2.5]),
        ("SELECT CAST(:a AS TEXT)", {"a": None}, "SELECT CAST($1 AS TEXT)", [None]),
        ("SELECT :a", {"a": True}, "SELECT $1::bigint", [True]),
        ("SELECT :a", {"a": b"x"}, "SELECT $1::bytea", [b"x"]),
        ("SELECT :a, :b", {"a": Colour.RED, "b": Place.FIRST}, "SELECT $1::text, $2::bigint", [Colour.RED, 1]),
        ("SELECT ':a', 'it''s :a', x::text, :a", {"a": 1}, "SELECT ':a', 'it''s :a', x::text, $1::bigint", [1]),
        ("SELECT 1 -- it's :a\n, :b", {"b": 1}, "SELECT 1 -- it's :a\n, $1::bigint", [1]),
        ("SELECT :a", {"a": 1, "unused": object()}, "SELECT $1::bigint", [1]),
        ("a IN (1, 2) OR b NOT IN (3)", {}, "a = ANY ($1::bigint[]) OR b <> ALL ($2::bigint[])", [[1, 2], [3]]),
        ("a IN (SELECT 1) OR b IN ('x', 'y')", {}, "a IN (SELECT 1) OR b IN ('x', 'y')", []),
        ("CREATE TEMPORARY TABLE a (b INTEGER)", {}, "CREATE TEMPORARY TABLE a (b INTEGER) ON COMMIT DELETE ROWS", []),
        ("a IN (7) AND b = :b", {"b": 1}, "a = ANY ($1::bigint[]) AND b = $2::bigint", [[7], 1]),
    ],
)
def test_a_parameter_has_the_type_of_its_value(sql, values, text, arguments):
    statement, found = bound(sql, values)
    assert statement.text == text
    assert list(found) == arguments


def test_lists_of_numbers_of_any_length_are_one_statement():
    short, _ = bound("SELECT 1 FROM t WHERE id IN (1, 2)", {})
    long, _ = bound("SELECT 1 FROM t WHERE id IN (" + ", ".join(map(str, range(500))) + ")", {})
    assert short == long


def test_many_rows_are_one_statement_whose_types_come_from_the_first_value_there_is():
    statement, rows = bound_many("INSERT INTO t VALUES (:a, :b)", iter([{"a": 1, "b": None}, {"a": 2, "b": "x"}]))
    assert statement.text == "INSERT INTO t VALUES ($1::bigint, $2::text)"
    assert rows == [[1, None], [2, "x"]]


def test_no_rows_are_no_rows():
    assert bound_many("INSERT INTO t VALUES (:a)", [])[1] == []


@pytest.mark.parametrize(
    ("sql", "reads"),
    [("SELECT 1", True), ("\n  select 1", True), ("WITH x AS (DELETE FROM t) SELECT 1", False), ("UPDATE t", False)],
)
def test_it_is_known_what_only_reads(sql, reads):
    assert bound(sql, {})[0].reads is reads


def test_a_value_that_is_missing_or_of_no_known_type_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        bound("SELECT :a", {})
    with pytest.raises(TypeError, match="object is no type of the store"):
        cast_of(object())


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (
            "postgresql://me:secret@db.example.net:5433/notifier?sslmode=require",
            "postgresql://db.example.net:5433/notifier",
        ),
        ("postgres://me:p%40ss@[::1]/a%20b", "postgresql://[::1]/a b"),
        ("postgresql:///notifier?host=/run/postgresql&password=secret", "postgresql:///notifier?host=/run/postgresql"),
    ],
)
def test_an_address_is_shown_without_user_password_and_options(url, name):
    assert is_postgresql(url)
    assert shown(url) == name
