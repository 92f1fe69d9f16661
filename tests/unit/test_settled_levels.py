"""A level that goes on from settled sums is the one that is made from all days, to the last digit."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.baseline import Baseline
from notifier.domain.level import OPEN_DAYS, SETTLED_AFTER_DAYS, LearntDays, Level, Settled, level_of
from notifier.domain.local_time import LocalTime
from notifier.domain.service_history import HISTORY_DAYS_AT_MOST, ServiceHistory, first_learnt_day
from notifier.domain.shape import Shape

PACIFIC = LocalTime("America/Los_Angeles")
FIRST = (datetime(2026, 2, 2, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days  # five weeks before clocks change
DAYS = 80
RESTLESS = tuple(1.6 if hour % 24 < 12 or hour > 140 else 0.5 for hour in range(168))

COMPLAINTS = st.dictionaries(st.integers(0, DAYS - 1), st.one_of(st.integers(1, 4), st.integers(1, 3000)))
GAPS = st.frozensets(st.integers(1, DAYS), max_size=6)
HEARD = st.dictionaries(st.integers(0, DAYS), st.floats(0, 1), max_size=6)


def learnt(through: int, gaps: frozenset[int], heard: dict[int, float], shape: Shape) -> LearntDays:
    known = ServiceHistory(first_day=FIRST, daily_mean=10.0, gaps=frozenset(FIRST + day for day in gaps))
    weights = {day: shape.day_weight(day) for day in range(FIRST, through + 1)}
    return LearntDays(known, through, weights, {FIRST + day: part for day, part in heard.items()})


@given(COMPLAINTS, GAPS, HEARD, st.integers(0, DAYS), st.sets(st.integers(1, DAYS), min_size=1))
def test_going_on_day_by_day_is_going_through_all_days(
    complaints: dict[int, int], gaps: frozenset[int], heard: dict[int, float], new_on: int, made_on: set[int]
) -> None:
    shape, settled = Shape(RESTLESS, PACIFIC), None
    for today in sorted(made_on):
        days = {FIRST + day: number for day, number in complaints.items() if day < today}
        weighed = learnt(FIRST + today - 1, gaps, heard, shape)
        whole = level_of(days, weighed, prior=0.7, new_on=FIRST + new_on)
        if settled is not None and weighed.continues(settled):
            later = {day: number for day, number in days.items() if day > settled.through_day}
            for some in (days, later):
                assert level_of(some, weighed, prior=0.7, new_on=FIRST + new_on, settled=settled) == whole
        settled = whole.settled


def steady(through: int, *, gaps: frozenset[int] = frozenset()) -> tuple[dict[int, int], LearntDays]:
    days = {FIRST + day: 2 for day in range(through + 1)}
    return days, learnt(FIRST + through, gaps, {}, Shape(RESTLESS, PACIFIC))


def made(through: int) -> Level:
    days, weighed = steady(through)
    return level_of(days, weighed, prior=0.7)


def test_the_last_days_stay_open_for_what_comes_late() -> None:
    settled = made(50).settled
    assert settled is not None
    assert (settled.first_day, settled.through_day) == (FIRST, FIRST + 50 - OPEN_DAYS)
    days, weighed = steady(51)
    late = {**days, FIRST + 50: 9}  # seven more, after the level of the next day was made
    assert level_of(late, weighed, prior=0.7, settled=settled) == level_of(late, weighed, prior=0.7)


def test_a_new_cell_is_gone_through_whole_for_four_weeks() -> None:
    assert made(SETTLED_AFTER_DAYS + OPEN_DAYS - 2).settled is None
    assert made(SETTLED_AFTER_DAYS + OPEN_DAYS - 1).settled is not None
    assert level_of({}, steady(60)[1], prior=0.7).settled is None


def test_a_cell_goes_on_only_where_its_days_weigh_what_they_weighed() -> None:
    settled = made(50).settled
    assert settled is not None
    assert steady(55)[1].continues(settled)
    assert steady(55, gaps=frozenset({50}))[1].continues(settled)  # a day that is not in the sums
    assert not steady(55, gaps=frozenset({30}))[1].continues(settled)
    assert not steady(55, gaps=frozenset({48}))[1].continues(settled)
    assert not steady(40)[1].continues(settled)
    assert not learnt(FIRST + 55, frozenset(), {30: 0.9}, Shape(RESTLESS, PACIFIC)).continues(settled)
    other = Shape((*RESTLESS[:-1], RESTLESS[-1] + 0.1), PACIFIC)
    assert not learnt(FIRST + 55, frozenset(), {}, other).continues(settled)
    assert not steady(55)[1].continues(None)


def baseline(day: int, shape: Shape) -> Baseline:
    known = ServiceHistory(first_day=FIRST, daily_mean=3.5, gaps=frozenset())  # 0.7 for each of five regions
    return Baseline(day, PACIFIC, histories={"power": known}, regions={"city": 5}, shapes={"power": shape})


def test_only_days_after_the_sums_are_asked_for_and_all_of_them_when_the_shape_is_another() -> None:
    settled = made(50).settled
    assert isinstance(settled, Settled)
    same, other = baseline(FIRST + 52, Shape(RESTLESS, PACIFIC)), baseline(FIRST + 52, Shape(RESTLESS[::-1], PACIFIC))
    assert same.first_learnt_day("power", settled) == settled.through_day + 1
    assert other.first_learnt_day("power", settled) == same.first_learnt_day("power") == FIRST
    days = {FIRST + day: 2 for day in range(52)}
    for each in (same, other):
        assert each.level("power", "city", days, settled=settled) == each.level("power", "city", days)


def test_the_oldest_days_leave_by_the_week() -> None:
    known = ServiceHistory(first_day=FIRST, daily_mean=10.0, gaps=frozenset())
    firsts = [first_learnt_day(known, FIRST + day) for day in range(1_000)]
    assert {(first - FIRST) % 7 for first in firsts} == {0}
    spans = [FIRST + day + 1 - first for day, first in enumerate(firsts)]
    assert max(spans) <= HISTORY_DAYS_AT_MOST
    assert min(spans[HISTORY_DAYS_AT_MOST:]) > HISTORY_DAYS_AT_MOST - 14
