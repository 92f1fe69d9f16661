"""Durations: what people write is what is meant, and what cannot be meant is refused."""

import contextlib
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.settings.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30 s", timedelta(seconds=30)),
        ("15 min", timedelta(minutes=15)),
        ("2 h", timedelta(hours=2)),
        ("400 days", timedelta(days=400)),
        ("1 day", timedelta(days=1)),
        ("0 days", timedelta(0)),
        ("2h", timedelta(hours=2)),
        ("1.5 h", timedelta(minutes=90)),
        ("1 h 30 min", timedelta(minutes=90)),
        ("  10 minutes ", timedelta(minutes=10)),
    ],
)
def test_a_number_with_a_unit_is_a_duration(text: str, meant: timedelta) -> None:
    assert parse_duration(text) == meant


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("30", "has no unit; write '30 s', '30 min', '30 h' or '30 days'"),
        ("5 m", "has the unknown unit 'm'; write min for minutes"),
        ("3 weeks", "has the unknown unit 'weeks'"),
        ("-5 min", "is negative"),
        ("", "is no duration"),
        ("soon", "is no duration"),
        ("1:30", "is no duration"),
        ("٣ s", "is no duration"),
        ("40000 days", "is longer than 36500 days"),
        ("36500 days " * 40_000, "is longer than 36500 days"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse_duration(text)
    assert str(refused.value) == wrong


@given(st.integers(min_value=0, max_value=LONGEST // timedelta(milliseconds=1)))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    value = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(value)) == value


@given(st.text(max_size=30))
def test_any_other_text_is_refused_and_breaks_nothing(text: str) -> None:
    value = timedelta(0)
    with contextlib.suppress(ValueError):
        value = parse_duration(text)
    assert timedelta(0) <= value <= LONGEST
