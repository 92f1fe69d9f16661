"""A surge of a service: what adds to it, what does not, and how much less evidence its cells need then."""

from collections.abc import Iterable
from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.domain.detection import CellKey, CountedComplaint, Detector, Thresholds
from notifier.domain.level import Level
from notifier.domain.local_time import US_PER_HOUR, LocalTime
from notifier.domain.shape import FLAT, Shape
from notifier.domain.surge import BONUS_AT_MOST, Surge, mean_per_hour

UTC_TIME = LocalTime("UTC")
SHAPE = Shape(FLAT, UTC_TIME)
NOON = 20_515 * 24 * US_PER_HOUR + 12 * US_PER_HOUR
MINUTE = 60_000_000
QUIET = Level(through_day=20_514, total=1.0, weight=20.0, daily_mean=0.05)


def surge(minutes_ago: Iterable[int], per_hour: float | None = 10.0) -> Surge:
    made = Surge()
    made.per_hour = per_hour
    for ago in minutes_ago:
        made.add(NOON - ago * MINUTE)
    return made


def test_usual_and_quiet_days_add_nothing() -> None:
    assert surge(range(0, 360, 6)).bonus(NOON, SHAPE) == 0
    assert surge([]).bonus(NOON, SHAPE) == 0


def test_three_times_as_many_complaints_need_less_evidence_each() -> None:
    assert surge(range(1, 361, 2)).bonus(NOON, SHAPE) == pytest.approx(2 * log((20 + 180) / (20 + 60)))


def test_a_storm_adds_no_more_than_a_limit() -> None:
    assert surge([n % 360 for n in range(3_000)]).bonus(NOON, SHAPE) == BONUS_AT_MOST == pytest.approx(2 * log(4))


def test_a_few_complaints_more_of_a_small_service_are_no_surge() -> None:
    assert surge([10, 20, 30], per_hour=0.05).bonus(NOON, SHAPE) < 0.3


def test_nothing_is_a_surge_before_the_mean_of_the_service_is_known() -> None:
    assert surge([1] * 500, per_hour=mean_per_hour(None)).bonus(NOON, SHAPE) == 0


def test_what_comes_with_or_after_a_complaint_is_not_what_came_before_it() -> None:
    assert surge([-10, 0] * 200).bonus(NOON, SHAPE) == 0


@given(st.lists(st.integers(0, 3_000), max_size=60), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(minutes_ago: list[int], random: object) -> None:
    shuffled = list(minutes_ago)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert surge(shuffled, 1.0).bonus(NOON, SHAPE) == surge(sorted(minutes_ago, reverse=True), 1.0).bonus(NOON, SHAPE)


# --- in the detector ------------------------------------------------------------------------------------------------


def detector(cells: int) -> Detector:
    made = Detector(UTC_TIME, Thresholds(likely=8.5, certain=15.5), {"power": 3, "water": 3})
    for service in ("power", "water"):
        made.set_shape(service, SHAPE)
        made.set_mean(service, 240.0)
    for region in range(1, cells + 1):
        made.set_level(CellKey(region, "power"), 20_515, QUIET)
    return made


def complaint(region: int, at_us: int) -> CountedComplaint:
    return CountedComplaint(position=1, service="power", at_us=at_us, verified=True, regions=[region])


def score_of_three(to: Detector, region: int) -> float:
    found = [finding for minutes in (0, 1, 2) for finding in to.feed(complaint(region, NOON + minutes * MINUTE))]
    return found[-1].window.score


def test_a_burst_on_a_stormy_day_scores_more_than_the_same_burst_on_a_quiet_one() -> None:
    quiet, stormy = detector(400), detector(400)
    for i in range(300):
        stormy.remember(complaint(10 + i, NOON - (i + 1) * MINUTE))
    more = score_of_three(stormy, 1) - score_of_three(quiet, 1)
    assert more == pytest.approx(stormy.bonus("power", NOON + 2 * MINUTE)) == pytest.approx(2 * log(320 / 80), abs=0.1)
    assert stormy.bonus("water", NOON) == 0


def test_a_flood_in_one_place_is_no_surge() -> None:
    flooded = detector(2)
    for i in range(2_000):
        flooded.remember(complaint(2, NOON - 6 * US_PER_HOUR + i * 10 * 1_000_000))
    assert flooded.bonus("power", NOON) == 0


def test_a_complaint_that_touches_many_cells_adds_once() -> None:
    one, many = detector(9), detector(9)
    for i in range(100):
        at_us = NOON - (i + 1) * MINUTE * 3
        one.remember(CountedComplaint(position=1, service="power", at_us=at_us, verified=True, regions=[1 + i % 4]))
        many.remember(CountedComplaint(position=1, service="power", at_us=at_us, verified=True, regions=[1 + i % 4, 9]))
    assert one.bonus("power", NOON) == many.bonus("power", NOON) > 0


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 27 * 60)), min_size=40, max_size=160))
def test_remembering_makes_the_surge_that_feeding_made(stream: list[tuple[int, int]]) -> None:
    fed, remembered = detector(8), detector(8)
    for region, minute in stream:
        one = complaint(region, NOON + minute * MINUTE)
        fed.feed(one)
        remembered.remember(one)
    moments = [NOON + minute * MINUTE for _, minute in stream]
    assert [fed.bonus("power", at) for at in moments] == [remembered.bonus("power", at) for at in moments]
