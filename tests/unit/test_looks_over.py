"""When an incident looks over: time, complaints and replies, and never before it may be."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.looks_over import Heard, Outlook, is_suggested, outlook

BEGAN = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
STORM = [BEGAN + n * MINUTE / 2 for n in range(60)]  # two a minute for half an hour


def quietly(since: datetime, until: datetime) -> float:
    """Return one complaint to be expected in ten hours."""
    return (until - since) / (10 * HOUR)


def chance(complaints: list[datetime], at: datetime, **said: list[datetime]) -> float:
    found = outlook(Heard(started_at=BEGAN, complaints=complaints, **said), quietly, now=at)
    return 0.0 if found is None else found.chance


def test_nothing_is_said_in_the_first_half_hour_however_quiet_it_is() -> None:
    heard = Heard(started_at=BEGAN, complaints=STORM[:5], said_on=[BEGAN + 20 * MINUTE] * 9)
    assert outlook(heard, quietly, now=BEGAN + 29 * MINUTE) is None
    assert outlook(heard, quietly, now=BEGAN + 31 * MINUTE) is not None


def test_nothing_is_said_within_a_quarter_of_an_hour_of_a_complaint_or_a_still_out() -> None:
    assert chance(STORM, STORM[-1] + 14 * MINUTE) == 0
    assert chance(STORM[:10], BEGAN + 3 * HOUR, said_out=[BEGAN + 3 * HOUR - 14 * MINUTE]) == 0


def test_many_complaints_and_then_none_look_over() -> None:
    assert chance(STORM, STORM[-1] + 15 * MINUTE) > 0.95
    assert chance(STORM[::6], BEGAN + 50 * MINUTE) < 0.95 < chance(STORM[::6], BEGAN + 3 * HOUR)


def test_three_complaints_and_then_none_say_little() -> None:
    assert chance(STORM[:3], BEGAN + 2 * HOUR) < 0.7
    assert chance(STORM[:3], BEGAN + 5 * HOUR) < 0.9


def test_complaints_that_go_on_say_that_it_goes_on() -> None:
    on = [*STORM, *(BEGAN + (30 + 10 * n) * MINUTE for n in range(1, 20))]
    assert chance(on, on[-1] + 16 * MINUTE) < 0.6


def test_ordinary_complaints_do_not_hide_that_it_is_over() -> None:
    ordinary = [*STORM, BEGAN + 7 * HOUR]
    assert chance(ordinary, BEGAN + 8 * HOUR) > 0.95


def test_people_who_say_on_make_it_likely_and_one_still_out_outweighs_two() -> None:
    at, later = BEGAN + 2 * HOUR, BEGAN + 150 * MINUTE
    alone, on = chance(STORM[:5], later), chance(STORM[:5], later, said_on=[at] * 3)
    both = chance(STORM[:5], later, said_on=[at, at], said_out=[at + MINUTE])
    assert alone < 0.9 < on
    assert both < alone


def test_people_who_say_on_are_four_at_most() -> None:
    at = BEGAN + HOUR
    assert chance(STORM[:5], at + HOUR, said_on=[at] * 4) == chance(STORM[:5], at + HOUR, said_on=[at] * 400)


def test_the_evidence_says_when_it_ended_and_what_would_have_come() -> None:
    found = outlook(Heard(started_at=BEGAN, complaints=STORM), quietly, now=BEGAN + 2 * HOUR)
    assert found is not None
    assert BEGAN + 29 * MINUTE <= found.since <= BEGAN + 40 * MINUTE
    assert (found.complaints, found.said_on, found.said_out) == (0, 0, 0)
    assert found.if_still_out > 20 > found.ordinary


def test_a_suggestion_stays_until_it_becomes_unlikely() -> None:
    likely, unsure, unlikely = (seen(chance) for chance in (0.96, 0.8, 0.5))
    assert [is_suggested(one, before=False) for one in (likely, unsure, unlikely, None)] == [True, False, False, False]
    assert [is_suggested(one, before=True) for one in (likely, unsure, unlikely, None)] == [True, True, False, False]


@given(
    minutes=st.lists(st.integers(0, 600), min_size=1, max_size=60),
    more=st.integers(16, 900),
)
def test_the_longer_nobody_complains_the_likelier_it_is_over(minutes: list[int], more: int) -> None:
    calls = sorted(BEGAN + minute * MINUTE for minute in minutes)
    now = max(calls[-1] + 16 * MINUTE, BEGAN + 31 * MINUTE)
    assert chance(calls, now + more * MINUTE) >= chance(calls, now) - 0.02  # moments are counted in steps


@pytest.mark.parametrize("calls", [1, 10, 5_000])
def test_any_number_of_complaints_is_judged(calls: int) -> None:
    many = [BEGAN + n * (4 * HOUR) / calls for n in range(calls)]
    assert 0 <= chance(many, BEGAN + 5 * HOUR) <= 1


def seen(chance: float) -> Outlook:
    return Outlook(chance=chance, since=BEGAN, complaints=0, ordinary=0.1, if_still_out=4.0, said_on=0, said_out=0)
