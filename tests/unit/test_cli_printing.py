"""Printing: never wider than the window, never a control character, colour only on top of words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.cli import printing
from notifier.cli.counting import why_not
from notifier.cli.printing import Column
from notifier.domain.complaint import NotCounted


@pytest.fixture(autouse=True)
def _window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize(("window", "width"), [("200", 72), ("60", 60), ("10", 40)])
def test_the_width_is_that_of_the_window_between_40_and_72(
    monkeypatch: pytest.MonkeyPatch, window: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", window)
    assert printing.columns() == width


def test_numbers_have_separators_and_words_their_plural() -> None:
    assert printing.number(1234567) == "1,234,567"
    assert printing.number(1234.56) == "1,234.6"
    assert printing.plural(1, "customer") == "1 customer"
    assert printing.plural(1214, "customer") == "1,214 customers"
    assert printing.plural(2, "address", "addresses") == "2 addresses"


def test_counts_come_largest_first_and_codes_of_regions_stay_as_they_are() -> None:
    assert printing.counts({"sms": 3, "in_doubt": 5, "email": 0}) == "in\u00a0doubt\u00a05, sms\u00a03"
    said = printing.by_region({"postal_code 94110": 1031, "postal_code 94112": 183, "node OLT_7-a": 5})
    assert said.replace("\u00a0", " ") == "postal code 94110: 1,031, 94112: 183; node OLT_7-a: 5"


def test_codes_become_words() -> None:
    assert printing.words("no_contact_point") == "no contact point"
    assert printing.phrase("cable-cut") == "cable cut"
    assert printing.region("postal_code OLT-7_a") == "postal code OLT-7_a"


@given(st.text(max_size=60))
def test_text_from_outside_is_one_line_that_no_terminal_obeys(text: str) -> None:
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029\u202e\u2066" for c in printing.safe(text))


@given(st.lists(st.tuples(st.text(max_size=30), st.text(max_size=120)), min_size=1, max_size=4))
def test_tables_fit_whatever_is_in_the_column_that_gives(rows: list[tuple[str, str]]) -> None:
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing.click, "echo", lambda text="", **_: lines.append(text))
        printing.table([Column("A"), Column("B", gives=True)], rows)
    assert all(printing.cells(line) <= 72 for line in lines if "\x1b" not in line)


def test_a_name_and_its_number_are_not_torn_apart_while_another_column_gives(
    capsys: pytest.CaptureFixture[str],
) -> None:
    titles = [Column("SAYS", gives=True), Column("REST"), Column("MESSAGES", gives=True)]
    counted = printing.counts({"delivered": 18, "undelivered": 3})
    printing.table(titles, [["planned restored (by itself)", "x" * 30, counted]])
    lines = capsys.readouterr().out.splitlines()
    assert any("delivered 18" in line for line in lines)
    assert any("undelivered 3" in line for line in lines)
    assert max(map(printing.cells, lines)) <= 72


def test_wide_letters_take_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    printing.table([Column("NAME"), Column("N", right=True)], [["山田", "1"], ["Ana", "20"]])
    assert capsys.readouterr().out.splitlines()[1:] == ["山田   1", "Ana   20"]


def test_a_state_stands_at_the_right_edge_and_a_long_title_wraps(capsys: pytest.CaptureFixture[str]) -> None:
    printing.heading("#42 power", "confirmed")
    assert capsys.readouterr().out == "#42 power" + " " * 54 + "CONFIRMED\n"
    printing.heading("x " * 60, "confirmed")
    assert all(len(line) <= 72 for line in capsys.readouterr().out.splitlines())


def test_colour_is_left_out_when_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printing.paint("paused", printing.BAD) != "paused"
    monkeypatch.setenv("NO_COLOR", "1")
    assert printing.paint("paused", printing.BAD) == "paused"


def test_a_message_is_cut_only_with_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    printing.message("Subject", "one\ntwo\nthree", most_lines=2)
    assert capsys.readouterr().out.splitlines() == ["  | Subject", "  |", "  | one", "  | two", "  | ... 1 more line"]


def test_json_for_a_terminal_holds_nothing_that_it_would_obey(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = '{"name":"Gómez\u009b31m"}'.encode()
    printing.answer(document)
    assert capsys.readouterr().out == document.decode() + "\n"
    monkeypatch.setattr(printing.sys.stdout, "isatty", lambda: True)
    printing.answer(document)
    assert "\\u009b" in capsys.readouterr().out


@pytest.mark.parametrize("reason", NotCounted)
def test_every_reason_not_to_count_has_words(reason: NotCounted) -> None:
    assert why_not(reason) != printing.words(reason)
