"""Clocks of sources that are ahead or behind, and people who only report late."""

from datetime import timedelta

import pytest

from notifier.domain.skew import Skew, skew

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PEOPLE = [n * 20 * SECOND for n in range(60)]  # at once, and up to 20 minutes later


def test_people_who_report_late_do_not_make_a_clock_wrong() -> None:
    assert skew(PEOPLE) is None


def test_a_clock_ahead_is_seen_by_complaints_from_the_future() -> None:
    assert skew([delay - HOUR for delay in PEOPLE]) == Skew(ahead=HOUR - 10 * MINUTE)
    assert Skew(ahead=HOUR).is_ahead


def test_a_clock_behind_is_seen_by_nobody_ever_reporting_soon() -> None:
    found = skew([delay + 3 * HOUR for delay in PEOPLE])
    assert found == Skew(ahead=-3 * HOUR - 2 * MINUTE)
    assert not found.is_ahead


def test_a_few_seconds_are_no_skew() -> None:
    assert skew([-20 * SECOND] * 50) is None


def test_few_complaints_and_files_of_the_past_say_nothing() -> None:
    assert skew([-HOUR] * 19) is None
    assert skew([timedelta(days=40)] * 50) is None
    assert skew([*[timedelta(days=40)] * 50, *[5 * SECOND] * 20]) is None


@pytest.mark.parametrize("hours", [-14, -1, 1, 14])
def test_a_wrong_time_zone_is_always_seen(hours: int) -> None:
    assert skew([delay / 20 - hours * HOUR for delay in PEOPLE]) is not None
