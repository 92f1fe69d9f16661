"""Text from outside becomes one harmless line."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.text import clean_line, expectation, figure, is_spreadsheet_number


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Jane Doe", "Jane Doe"),
        ("  Jane \t Doe ", "Jane Doe"),
        ("Jane\r\nBcc: everyone@example.com", "Jane Bcc: everyone@example.com"),
        ("Jane\x0bDoe\x0cof\x1cthe\x85old\u2028mill\u2029road", "Jane Doe of the old mill road"),
        ("Jane\u00a0Doe", "Jane Doe"),
        ("\u202eenaJ\u202c", "enaJ"),
        ("\ufeffJane\u200b", "Jane"),
        ("Jose\u0301", "José"),
        ("half\ud83d", "half"),
        ("a\x00b", "a b"),
        ("👩‍👩‍👧 family", "👩‍👩‍👧 family"),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_a_name_becomes_one_clean_line(typed: str, stored: str) -> None:
    assert clean_line(typed) == stored


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1214, "1,214"),
        (1234.56, "1,234.6"),
        (1.34, "1.3"),
        (0.5, "0.5"),
        (0.0042, "0.0042"),
        (0.00004219, "0.000042"),
        (0.0, "0"),
    ],
)
def test_a_figure_says_something_however_small_it_is(value: float, written: str) -> None:
    assert figure(value) == written


@given(st.text())
def test_what_is_cleaned_fits_any_header_and_is_clean_already(text: str) -> None:
    cleaned = clean_line(text)
    assert clean_line(cleaned) == cleaned
    assert len(cleaned.splitlines()) <= 1
    cleaned.encode()
    EmailMessage()["Subject"] = cleaned  # raises for line ends of any kind


@pytest.mark.parametrize("text", ["1.23457E+11", "4,15555E+09", "4E+09"])
def test_a_number_that_a_spreadsheet_shortened_is_recognised(text: str) -> None:
    assert is_spreadsheet_number(text)


@pytest.mark.parametrize("text", ["12E4", "C-1001", "415E+", "", "E+12", "4155550123"])
def test_a_reference_with_an_e_in_it_is_none(text: str) -> None:
    assert not is_spreadsheet_number(text)


@pytest.mark.parametrize(("value", "written"), [(0.0003, "under 0.1"), (0.0, "under 0.1"), (0.1, "0.1"), (1.3, "1.3")])
def test_next_to_nothing_is_said_in_words_to_who_is_woken(value: float, written: str) -> None:
    assert expectation(value) == written
