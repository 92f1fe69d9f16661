"""What is expected of a cell: local time across clock changes, the shape of a week, levels, gaps, cold starts."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.baseline import Baseline
from notifier.domain.level import level
from notifier.domain.local_time import US_PER_HOUR, LocalTime
from notifier.domain.service_history import COLD_PRIOR, ServiceHistory, prior, service_history
from notifier.domain.shape import FLAT, Shape, shape_weights

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PACIFIC = LocalTime("America/Los_Angeles")
UTC_TIME = LocalTime("UTC")
MORNINGS = tuple(2.0 if 6 <= hour % 24 < 12 else 2 / 3 for hour in range(168))  # mean 1, busy from six to noon


def us(*when: int) -> int:
    return (datetime(*when, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)  # type: ignore[misc,arg-type]


def history(first_day: int, *, mean: float | None = 10.0, gaps: frozenset[int] = frozenset()) -> ServiceHistory:
    return ServiceHistory(first_day=first_day, daily_mean=mean, gaps=gaps)


def flat_days(first: int, last: int) -> dict[int, float]:
    return dict.fromkeys(range(first, last + 1), 1.0)


# --- local time -----------------------------------------------------------------------------------------------------


def test_a_local_day_begins_at_local_midnight() -> None:
    assert PACIFIC.day(us(2026, 1, 15, 7, 59)) + 1 == PACIFIC.day(us(2026, 1, 15, 8, 0))


@given(st.integers(us(2000, 1, 1), us(2099, 1, 1)), st.sampled_from(["Europe/London", "Asia/Kolkata"]))
def test_local_time_is_that_of_the_zone(at_us: int, zone: str) -> None:
    shown = (EPOCH + timedelta(microseconds=at_us)).astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
    assert LocalTime(zone).local_us(at_us) == (shown - EPOCH) // timedelta(microseconds=1)


def test_clocks_skip_an_hour_in_spring_and_repeat_one_in_autumn() -> None:
    spring, autumn = PACIFIC.hour(us(2026, 3, 8, 9)), PACIFIC.hour(us(2026, 11, 1, 8))
    assert [PACIFIC.hours_lasting(spring + i) for i in range(3)] == [1, 0, 1]
    assert [PACIFIC.hours_lasting(autumn + i) for i in range(3)] == [2, 1, 1]


def test_days_of_clock_changes_have_their_real_length() -> None:
    shape = Shape(FLAT, PACIFIC)
    assert shape.day_weight(PACIFIC.day(us(2026, 3, 8, 20))) == pytest.approx(23 / 24)
    assert shape.day_weight(PACIFIC.day(us(2026, 11, 1, 20))) == pytest.approx(25 / 24)


# --- shapes ---------------------------------------------------------------------------------------------------------


@given(st.integers(us(2026, 1, 1), us(2026, 12, 31)), st.integers(1, 48))
def test_a_flat_shape_counts_real_hours_whatever_clocks_do(start: int, hours: int) -> None:
    shape = Shape(FLAT, PACIFIC)
    assert shape.integral(start + hours * US_PER_HOUR) - shape.integral(start) == pytest.approx(hours)


@given(st.integers(us(2026, 1, 1), us(2026, 12, 31)), st.integers(1, 10**11))
def test_an_integral_never_falls(start: int, more: int) -> None:
    shape = Shape(MORNINGS, PACIFIC)
    assert shape.integral(start + more) >= shape.integral(start)


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(1, 60)), max_size=6), st.integers(0, 300), st.integers(0, 60)
)
def test_silences_that_meet_count_once(silences: list[tuple[int, int]], start: int, hours: int) -> None:
    stretches = [(first * US_PER_HOUR, (first + lasting) * US_PER_HOUR) for first, lasting in silences]
    deaf = {hour for first, lasting in silences for hour in range(first, first + lasting)}
    shape = Shape(FLAT, UTC_TIME).without(stretches)
    expected = shape.integral((start + hours) * US_PER_HOUR) - shape.integral(start * US_PER_HOUR)
    assert expected == pytest.approx(len(set(range(start, start + hours)) - deaf))


def test_busy_hours_weigh_more() -> None:
    shape = Shape(MORNINGS, UTC_TIME)
    assert shape.integral(us(2026, 3, 2, 12)) - shape.integral(us(2026, 3, 2, 6)) == pytest.approx(12)
    assert shape.hours_of_day[7] == pytest.approx(2)


def weeks_of(busy: dict[int, int], weeks: int) -> dict[int, int]:
    """Complaints by hour since Monday 1970-01-05 with `busy` added at hours of the week."""
    first = 4 * 24
    return {first + week * 168 + i: 1 + busy.get(i, 0) for week in range(weeks) for i in range(168)}


def test_a_shape_has_mean_one_and_is_smoothed() -> None:
    weights = shape_weights(weeks_of({10: 50, 40: 50}, 5), 4, 5, UTC_TIME)
    assert sum(weights) / 168 == pytest.approx(1)
    assert weights[9] == pytest.approx(weights[11])
    assert weights[10] > weights[9] > weights[8] == pytest.approx(weights[20])


def test_the_busiest_hour_of_a_week_is_cut_to_the_second_busiest() -> None:
    outage, rush = shape_weights(weeks_of({10: 5000, 40: 50}, 5), 4, 5, UTC_TIME), weeks_of({10: 50, 40: 50}, 5)
    assert outage == pytest.approx(shape_weights(rush, 4, 5, UTC_TIME))


def test_weekdays_are_told_apart_only_after_four_weeks() -> None:
    short, long = (shape_weights(weeks_of({10: 50, 11: 50}, weeks), 4, weeks, UTC_TIME) for weeks in (3, 4))
    assert short[10] == pytest.approx(short[34])
    assert long[10] > 2 * long[34]


def test_silence_has_a_flat_shape() -> None:
    assert shape_weights({}, 4, 3, UTC_TIME) == FLAT


# --- levels ---------------------------------------------------------------------------------------------------------


def test_a_new_cell_is_thought_to_be_like_the_others() -> None:
    made = level({}, 99, history=history(100), prior=0.5, weight_of={})
    assert (made.per_hour * 24, made.daily_mean) == (0.5, 0.5)


def test_a_level_follows_its_days_and_forgets_half_in_three_days() -> None:
    days = dict.fromkeys(range(100, 400), 12)
    steady = level(days, 399, history=history(100), prior=1.0, weight_of=flat_days(100, 441))
    silent = level(days, 402, history=history(100), prior=1.0, weight_of=flat_days(100, 441))
    assert steady.per_hour * 24 == pytest.approx(12, rel=0.01)
    assert silent.total == pytest.approx(steady.total / 2, rel=0.1)


def test_a_cell_that_is_quiet_for_weeks_is_not_thought_to_be_silent() -> None:
    days = dict.fromkeys(range(100, 400), 12)
    quiet = level(days, 420, history=history(100), prior=1.0, weight_of=flat_days(100, 441))
    assert 0.5 < quiet.per_hour * 24 < 1.5


def test_an_outage_teaches_a_level_little_and_is_forgotten_in_a_week() -> None:
    days = dict.fromkeys(range(100, 160), 2) | {160: 5000} | dict.fromkeys(range(161, 170), 2)
    before, after, later = levels_through(days, 159, 160, 167)
    assert after < 1.4 * before
    assert later < 1.15 * before


def test_floods_day_after_day_do_not_teach_ever_more() -> None:
    days = dict.fromkeys(range(100, 160), 2) | dict.fromkeys(range(160, 168), 5000)
    before, after_four, after_eight = levels_through(days, 159, 163, 167)
    assert after_four < 3 * before
    assert after_eight < 6 * before  # where the flood was 2,500 times as much


def test_a_level_follows_a_place_that_has_grown() -> None:
    days = dict.fromkeys(range(100, 160), 10) | dict.fromkeys(range(160, 180), 30)
    _, soon, later = levels_through(days, 159, 163, 170)
    assert soon > 0.6 * 30 / 24
    assert later > 0.9 * 30 / 24


def day_by_day(days: dict[int, int], first: int, through: int, thought: float, weights: dict[int, float]) -> float:
    """The level per hour as docs/detection.md writes it: one day after the other."""
    total = long = thought * 3
    weight = long_weight = 3.0
    for day in range(first, through + 1):
        usual = min((total + 0.5 * long / long_weight) / (weight + 0.5), 2 * long / long_weight)
        counted = min(days.get(day, 0), 2 * usual * weights[day] + 2)
        total, weight = total * 0.5 ** (1 / 3) + counted, weight * 0.5 ** (1 / 3) + max(weights[day], 0.05)
        long, long_weight = long * 0.5 ** (1 / 21) + counted, long_weight * 0.5 ** (1 / 21) + max(weights[day], 0.05)
    return (total + 0.5 * long / long_weight) / (weight + 0.5) / 24


@given(
    st.dictionaries(st.integers(100, 140), st.integers(1, 30)),
    st.lists(st.floats(0.01, 3), min_size=41, max_size=41),
    st.integers(95, 150),
)
def test_a_level_is_that_of_its_definition(complaints: dict[int, int], shares: list[float], new_on: int) -> None:
    weights = dict(zip(range(100, 141), shares, strict=True))
    made = level(complaints, 140, history=history(100), prior=0.7, weight_of=weights, new_on=new_on)
    first = max(100, min([new_on, *complaints]))
    assert made.per_hour == pytest.approx(day_by_day(complaints, first, 140, 0.7, weights))


def levels_through(days: dict[int, int], *through: int) -> list[float]:
    weights = flat_days(100, max(through))
    made = [level(days, day, history=history(100), prior=1.0, weight_of=weights) for day in through]
    return [one.per_hour for one in made]


def test_a_day_of_a_broken_feed_is_not_learnt() -> None:
    days = dict.fromkeys((*range(100, 130), 131), 12)
    weights = flat_days(100, 131)
    known, blind = history(100, gaps=frozenset({130})), history(100)
    whole = level(days, 131, history=known, prior=1.0, weight_of=weights)
    assert whole.daily_mean == 12
    assert level(days, 131, history=blind, prior=1.0, weight_of=weights).daily_mean < 12


def test_only_the_last_400_days_are_read() -> None:
    made = level({100: 7}, 1_000, history=history(100), prior=1.0, weight_of=flat_days(601, 1_000))
    assert made.daily_mean == 0


# --- what is known of a service -------------------------------------------------------------------------------------


def test_a_service_without_a_complete_day_is_cold() -> None:
    known = service_history({}, 100)
    assert (known.first_day, known.daily_mean, prior(known, 40)) == (100, None, COLD_PRIOR)


def test_the_mean_is_that_of_the_last_four_weeks_with_storms_cut() -> None:
    totals = dict.fromkeys(range(100, 160), 20) | {150: 20_000}
    known = service_history(totals, 160)
    assert known.daily_mean == pytest.approx((27 * 20 + 64) / 28)
    assert prior(known, 40) == pytest.approx(known.daily_mean / 40)


def test_a_silent_day_where_many_were_expected_is_a_gap() -> None:
    totals = dict.fromkeys(range(100, 110), 20) | dict.fromkeys(range(112, 115), 20)
    known = service_history(totals, 115)
    assert known.gaps == {110, 111}
    assert known.daily_mean == 20


def test_a_silent_day_of_a_quiet_service_is_just_quiet() -> None:
    assert not service_history({100: 2, 101: 3, 105: 2}, 106).gaps


def test_what_comes_later_than_a_day_is_not_known_on_it() -> None:
    assert service_history({100: 20, 101: 9_999}, 101).daily_mean == 20


def test_a_baseline_without_history_begins_today() -> None:
    cold = Baseline(100, UTC_TIME, histories={}, regions={}, shapes={})
    assert cold.first_learnt_day("power") == 100
    assert cold.level("power", "postal_code", {}).per_hour == COLD_PRIOR / 24
    assert cold.shape("power").weights == FLAT


def test_a_wide_cell_is_thought_to_be_busier_than_a_narrow_one() -> None:
    known = Baseline(
        120, UTC_TIME, histories={"power": history(120, mean=40)}, regions={"city": 2, "postal_code": 80}, shapes={}
    )
    narrow, wide = (known.level("power", kind, {}).per_hour * 24 for kind in ("postal_code", "city"))
    assert (narrow, wide) == (0.5, 20)
