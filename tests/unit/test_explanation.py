"""Explanations: the window that decides is among those shown, and every sentence says what the figures say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.cell import SPAN_US, Cell, Window
from notifier.domain.complaint import NotCounted
from notifier.domain.detection import Thresholds
from notifier.domain.explanation import (
    STEPS_AT_MOST,
    US_PER_MINUTE,
    Needed,
    WindowKind,
    left_out,
    since_words,
    steps,
    surprise,
    words,
)
from notifier.domain.local_time import US_PER_HOUR, LocalTime
from notifier.domain.shape import FLAT, Shape

LOCAL = LocalTime("America/Los_Angeles")
SHAPE = Shape(FLAT, LOCAL)
NEEDED = Needed(thresholds=Thresholds(likely=8.5, certain=15.5), customers_at_least=3)
NOON_US = 1_772_481_600_000_000  # 2026-03-02 20:00 UTC


def cell_of(*minutes_ago: float, per_hour: float = 0.1, verified: bool = True) -> Cell:
    cell = Cell(SHAPE)
    cell.set_level(LOCAL.day(NOON_US), per_hour, per_hour * 24)
    for ago in sorted(minutes_ago, reverse=True):
        cell.add(NOON_US - round(ago * US_PER_MINUTE), verified=verified)
    return cell


@given(st.lists(st.floats(0, 15 * 60), min_size=3, max_size=40), st.floats(0.01, 20))
def test_every_window_scores_as_the_detector_scores_it(minutes: list[float], per_hour: float) -> None:
    cell = cell_of(*minutes, per_hour=per_hour)
    best = cell.evaluate(NOON_US)
    same = cell.window(best.from_us, NOON_US) if best.score else best
    companion = cell.last_hour(NOON_US)
    assert best.score == pytest.approx(max(same.score, companion.score), abs=1e-9)
    assert all(
        cell.window(at_us, NOON_US).score <= best.score + 1e-9 for at_us in cell.times if at_us >= NOON_US - SPAN_US
    )


def test_the_windows_shown_end_with_the_one_that_decides() -> None:
    found = surprise(cell_of(0, 2, 4, 6, 8, 10), NOON_US, NEEDED)
    assert [each.kind for each in found.windows] == [*[WindowKind.LAST] * 6, WindowKind.COMPANION, "most_surprising"]
    assert found.evidence == found.windows[-1].window
    assert max(each.window.score for each in found.windows) == found.windows[-1].window.score


def test_a_window_too_long_to_decide_has_no_score() -> None:
    found = surprise(cell_of(0, 2, 4, 6, 8, 10), NOON_US, NEEDED)
    *_, ninety, four_hours, _, _ = found.windows
    assert (four_hours.window.observed, four_hours.window.score) == (6, 0)
    assert ninety.window.score > 0


def test_a_burst_is_said_in_one_sentence() -> None:
    daily = [40 + 30 * n for n in range(24)]  # as many as are expected, so that it is a usual day
    said = words(surprise(cell_of(0, 2, 4, 6, 8, 12, *daily, per_hour=2), NOON_US, NEEDED), NEEDED, {})
    assert said[0] == "6 different customers in 12 minutes, where 0.4 are normal at this hour."
    assert said[1].startswith("The score is ")
    assert said[1].endswith(": likely (from 8.5; certain from 15.5).")
    assert len(said) == 2


def test_less_than_likely_is_no_evidence() -> None:
    said = words(surprise(cell_of(0, 20, 40, per_hour=1), NOON_US, NEEDED), NEEDED, {})
    assert said[1].endswith("below 8.5: no evidence of an incident.")


def test_silence_is_nothing_unusual() -> None:
    assert words(surprise(cell_of(per_hour=1), NOON_US, NEEDED), NEEDED, {}) == [
        "Nothing unusual: 0 different customers in the last hour, where 1 is normal at this hour."
    ]
    assert words(surprise(cell_of(30, per_hour=1), NOON_US, NEEDED), NEEDED, {})[0].startswith(
        "Nothing unusual: 1 customer in the last hour, "
    )


def test_strangers_alone_are_named_as_what_is_lacking() -> None:
    said = words(surprise(cell_of(0, 1, 2, 3, verified=False), NOON_US, NEEDED), NEEDED, {})
    assert said[0].startswith("4 different callers (0 of them on file) in 3 minutes, where hardly any are normal")
    assert said[1].endswith("none of them are customers on file, and the playbook wants 3.")


def test_what_came_since_is_one_sentence() -> None:
    hour = Window(0.0, 0, 5, 0.9, 5)
    assert since_words("40 min", 11, hour) == (
        "Since then (40 min) 11 more counted; in the last hour 5, where 0.9 are normal at this hour."
    )
    assert since_words("5 min", 0, hour).startswith("Since then (5 min) none counted; ")


def test_those_left_out_are_said_by_why_the_most_first() -> None:
    assert left_out({}) == []
    assert left_out({NotCounted.LATE: 1}) == ["1 more complaint did not count: 1 that came too late."]
    assert left_out({NotCounted.LATE: 2, NotCounted.REPEAT: 9, "new_reason": 1}) == [
        "12 more complaints did not count: 9 repeats within 24 hours, 2 that came too late, 1 new reason."
    ]


@pytest.mark.parametrize("reason", NotCounted)
def test_every_reason_has_words(reason: NotCounted) -> None:
    assert "_" not in left_out({reason: 2})[0]


@given(st.integers(1, 60 * 24 * 90), st.lists(st.integers(0, 60 * 24 * 90), max_size=50))
def test_a_plot_holds_every_complaint_of_its_period_once(minutes: int, ago: list[int]) -> None:
    begin = NOON_US - minutes * US_PER_MINUTE
    times = sorted(NOON_US - each * US_PER_MINUTE for each in ago if each <= min(minutes, 1440 * 60))
    drawn = steps(times, SHAPE, 1.0, begin, NOON_US)
    assert 1 <= len(drawn) <= STEPS_AT_MOST
    assert sum(step.observed for step in drawn) == len(times)
    length = drawn[1].from_us - drawn[0].from_us if len(drawn) > 1 else US_PER_MINUTE
    assert drawn[-1].expected == pytest.approx((NOON_US - drawn[-1].from_us) / US_PER_HOUR)
    assert all(step.expected == pytest.approx(length / US_PER_HOUR) for step in drawn[:-1])
