"""CSV files as people save them: rows keep their lines, and what cannot be read is named."""

import io
from collections.abc import Sequence

import click
import pytest

from notifier.cli.csv_file import Row, Unreadable, read_rows


def read(file: bytes | str, known: Sequence[str] = ("a", "b")) -> list[Row | Unreadable]:
    data = file.encode() if isinstance(file, str) else file

    def check(names: Sequence[str]) -> str:
        return "".join(f"unknown column '{name}'" for name in names if name not in known)

    return list(read_rows(io.BytesIO(data), check))


@pytest.mark.parametrize(
    "file",
    [
        "a,b\n1,2\n",
        "a;b\n1;2\n",
        "a\tb\n1\t2\n",
        "\ufeffa,b\r\n1,2\r\n",
        '"A", b\n"1",2',
        "a,b\r1,2\r",
    ],
)
def test_a_row_is_read_however_its_cells_are_separated_and_its_lines_end(file: str) -> None:
    assert read(file) == [Row(2, {"a": "1", "b": "2"})]


def test_a_comma_within_a_cell_of_a_semicolon_file_is_text() -> None:
    assert read("a;b\n1,50;x\n") == [Row(2, {"a": "1,50", "b": "x"})]


def test_rows_keep_the_line_they_begin_in() -> None:
    file = 'a,b\n1,"two\nlines"\n\n,\n3,4\n'
    assert read(file) == [Row(2, {"a": "1", "b": "two\nlines"}), Row(6, {"a": "3", "b": "4"})]


def test_empty_cells_are_left_out_and_missing_ones_are_empty() -> None:
    assert read("a,b\n1\n,2\n") == [Row(2, {"a": "1"}), Row(3, {"b": "2"})]


def test_a_row_with_too_many_cells_is_named_and_the_next_is_read() -> None:
    ragged, row = read("a,b\n1,2,3\n4,5\n")
    assert isinstance(ragged, Unreadable)
    assert (ragged.line, ragged.value) == (2, "3")
    assert "3 cells under 2 columns" in ragged.reason
    assert row == Row(3, {"a": "4", "b": "5"})


def test_a_row_with_a_wrong_quote_is_named_and_the_next_is_read() -> None:
    wrong, row = read('a,b\n"1"x,2\n4,5\n')
    assert isinstance(wrong, Unreadable)
    assert wrong.line == 2
    assert row == Row(3, {"a": "4", "b": "5"})


def test_a_quote_that_is_never_closed_is_named() -> None:
    (wrong,) = read('a,b\n"1,2\n3,4\n')
    assert isinstance(wrong, Unreadable)
    assert wrong.line == 2


def test_a_cell_that_is_not_utf8_is_named_and_the_next_row_is_read() -> None:
    wrong, row = read("a,b\nZoé,2\n".encode("cp1252") + b"4,5\n")
    assert isinstance(wrong, Unreadable)
    assert (wrong.line, wrong.column, wrong.value) == (2, "a", "Zo\ufffd")
    assert "UTF-8" in wrong.reason
    assert row == Row(3, {"a": "4", "b": "5"})


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (b"", "the file is empty"),
        (b"a,a\n", "twice"),
        (b"a,c\n", "unknown column 'c'"),
        (b'"a\n', "not CSV"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_a_header_that_is_not_understood_is_wrong_usage(file: bytes, problem: str) -> None:
    with pytest.raises(click.UsageError, match=problem):
        read(file)


def test_a_file_without_line_ends_is_read_in_pieces() -> None:
    rows = read("a,b\n" + "x" * 3_000_000)
    assert rows
    assert all(isinstance(row, Unreadable) for row in rows)
