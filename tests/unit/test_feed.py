"""When complaints stop coming: broken feeds and quiet services told apart, and silence expected of nobody."""

import pytest

from notifier.domain.baseline import Baseline
from notifier.domain.baseline_day import BaselineState, begin_day
from notifier.domain.cell import Cell
from notifier.domain.feed import (
    Quiet,
    Silence,
    broken,
    patience,
    quiet_stretches,
    silence_before,
    without_filled,
)
from notifier.domain.local_time import US_PER_HOUR, LocalTime
from notifier.domain.service_history import ServiceHistory, service_history
from notifier.domain.shape import FLAT, Shape, shape_weights

LOCAL = LocalTime("America/Los_Angeles")
FIRST = 20_514  # 2026-03-02, a Monday
MIDNIGHT = LOCAL.instant(FIRST * 24 * US_PER_HOUR)
OFFICE = {hour: 4 if 8 <= hour < 20 else 0 for hour in range(24)}


class Counts:
    """Counts of one service."""

    def __init__(self, hours: dict[int, int], sources: dict[str, dict[int, int]] | None = None) -> None:
        self.hours, self.sources = hours, sources or {}

    def service_hours(self, service: str, from_hour: int, before_hour: int) -> dict[int, int]:
        return {hour: n for hour, n in self.hours.items() if from_hour <= hour < before_hour and service == "power"}

    def service_days(self, service: str, before_day: int) -> dict[int, int]:
        return by_day(self.service_hours(service, 0, before_day * 24))

    def source_hours(self, service: str, from_hour: int, before_hour: int) -> dict[str, dict[int, int]]:
        found = {
            source: {hour: n for hour, n in hours.items() if from_hour <= hour < before_hour}
            for source, hours in self.sources.items()
            if service == "power"
        }
        return {source: hours for source, hours in found.items() if hours}

    def regions_by_kind(self) -> dict[str, int]:
        return {"postal_code": 2}


def by_day(hours: dict[int, int]) -> dict[int, int]:
    return {day: sum(n for hour, n in hours.items() if hour // 24 == day) for day in {hour // 24 for hour in hours}}


def weeks(number: int, *, silent: range = range(0)) -> dict[int, int]:
    """Return hours of a service that is heard by day, apart from silent local hours."""
    return {
        (FIRST + day) * 24 + hour: n
        for day in range(7 * number)
        for hour, n in OFFICE.items()
        if n and (FIRST + day) * 24 + hour not in silent
    }


def begun(hours: dict[int, int], day: int, before: BaselineState | None = None) -> BaselineState:
    return begin_day(Counts(hours), day, ["power"], LOCAL, before or BaselineState()).state


# --- finding it -----------------------------------------------------------------------------------------------------


def test_nights_are_quiet_and_no_silence() -> None:
    state = begun(weeks(5), FIRST + 35)
    assert state.services["power"].silent == ()
    assert state.services["power"].patience == pytest.approx(12, abs=6)


def test_a_part_of_a_day_without_a_complaint_where_many_were_due_is_silence() -> None:
    broke = range((FIRST + 34) * 24 + 11, (FIRST + 34) * 24 + 17)
    state = begun(weeks(5, silent=broke), FIRST + 35)
    assert state.services["power"].silent == ((broke.start, broke.stop),)
    assert state.services["power"].gaps == ()


def test_a_silence_is_said_once() -> None:
    broke = range((FIRST + 34) * 24 + 11, (FIRST + 34) * 24 + 17)
    hours = weeks(6, silent=broke)
    new = begin_day(Counts(hours), FIRST + 35, ["power"], LOCAL, BaselineState())
    assert new.new_silent == {"power": ((broke.start, broke.stop),)}
    assert begin_day(Counts(hours), FIRST + 36, ["power"], LOCAL, new.state).new_silent == {}


def test_one_quiet_hour_is_just_quiet() -> None:
    one = range((FIRST + 34) * 24 + 11, (FIRST + 34) * 24 + 12)
    assert begun(weeks(5, silent=one), FIRST + 35).services["power"].silent == ()


def test_before_the_fifth_week_nights_are_not_known_and_nothing_is_missed() -> None:
    broke = range((FIRST + 20) * 24 + 9, (FIRST + 20) * 24 + 17)
    known = begun(weeks(3, silent=broke), FIRST + 21).services["power"]
    assert (known.silent, known.patience) == ((), None)


def test_what_a_feed_makes_up_for_later_is_no_silence_any_more() -> None:
    broke = range((FIRST + 34) * 24 + 11, (FIRST + 34) * 24 + 17)
    state = begun(weeks(5, silent=broke), FIRST + 35)
    again = begun(weeks(6), FIRST + 36, state)
    assert again.services["power"].silent == ()
    assert without_filled([(10, 12), (20, 22)], {11: 1}) == ((20, 22),)


def test_a_silence_found_once_is_remembered() -> None:
    broke = range((FIRST + 34) * 24 + 11, (FIRST + 34) * 24 + 17)
    hours = weeks(12, silent=broke)
    state = begun(hours, FIRST + 35)
    assert begun(hours, FIRST + 80, state).services["power"].silent == ((broke.start, broke.stop),)


def test_the_second_longest_quiet_stretch_is_what_is_usual() -> None:
    usual = [Quiet(0, 1, 14.0), Quiet(2, 3, 13.0), Quiet(4, 5, 2.0)]
    assert patience(usual) == pytest.approx(19.5)
    assert broken(usual) == ()
    assert broken([*usual, Quiet(9, 12, 22.0)]) == ((9, 12),)
    assert patience([]) == 12


def test_stretches_run_to_the_end_of_the_last_day() -> None:
    shape = Shape(FLAT, LOCAL)
    found = quiet_stretches({FIRST * 24: 3}, through_day=FIRST, daily_mean=48, shape=shape)
    assert found == (Quiet(FIRST * 24 + 1, FIRST * 24 + 24, pytest.approx(46)),)


# --- while it happens -----------------------------------------------------------------------------------------------


def test_a_complaint_after_a_long_pause_ends_a_silence() -> None:
    shape, noon = Shape(FLAT, LOCAL), MIDNIGHT + 12 * US_PER_HOUR
    assert silence_before(noon, noon - 6 * US_PER_HOUR, daily_mean=48, patience=12, shape=shape) == Silence(
        noon - 6 * US_PER_HOUR, noon
    )
    assert silence_before(noon, noon - 5 * US_PER_HOUR, daily_mean=48, patience=12, shape=shape) is None
    assert silence_before(noon, noon - 60, daily_mean=1e9, patience=12, shape=shape) is None


def test_nothing_is_expected_in_a_silence() -> None:
    whole = Shape(FLAT, LOCAL)
    first, until = MIDNIGHT + 3 * US_PER_HOUR, MIDNIGHT + 7 * US_PER_HOUR
    shape = whole.without([(first, until), (until + US_PER_HOUR, until + 2 * US_PER_HOUR)])

    def expected(from_hour: float, until_hour: float) -> float:
        return shape.integral(MIDNIGHT + int(until_hour * US_PER_HOUR)) - shape.integral(
            MIDNIGHT + int(from_hour * US_PER_HOUR)
        )

    assert expected(0, 3) == pytest.approx(3)
    assert expected(3, 7) == pytest.approx(0)
    assert expected(2, 5) == pytest.approx(1)
    assert expected(5, 12) == pytest.approx(4)
    assert expected(-24, 48) == pytest.approx(72 - 5)


def test_after_a_silence_ordinary_complaints_are_no_surprise() -> None:
    """Twelve hours of which ten were silent say nothing of what kind of day it is."""
    hours = [*range(-24, 0), *(10 + n / 4 for n in range(12))]  # one an hour, silence, then four an hour
    silence = MIDNIGHT - US_PER_HOUR, MIDNIGHT + 10 * US_PER_HOUR
    scores = []
    for shape in (Shape(FLAT, LOCAL), Shape(FLAT, LOCAL).without([silence])):
        cell = Cell(shape)
        cell.set_level(FIRST, 4.0, 96.0)
        for hour in hours:
            cell.add(MIDNIGHT + int(hour * US_PER_HOUR), verified=True)
        scores.append(cell.evaluate(cell.times[-1]).score)
    assert scores[1] < 0.7 < scores[0]


def test_the_day_after_is_a_new_day_and_old_silences_are_forgotten() -> None:
    recent = Silence(MIDNIGHT + 30 * 24 * US_PER_HOUR, MIDNIGHT + 31 * 24 * US_PER_HOUR)
    state = BaselineState(silences={"power": (Silence(MIDNIGHT, MIDNIGHT + US_PER_HOUR), recent)})
    assert begun(weeks(5), FIRST + 33, state).silences == {"power": (recent,)}


# --- not learning from it -------------------------------------------------------------------------------------------


def history(*silent: tuple[int, int]) -> ServiceHistory:
    return ServiceHistory(first_day=FIRST, daily_mean=48.0, gaps=frozenset(), silent=silent)


def level(days: dict[int, int], known: ServiceHistory, *, new_on: int = 0) -> float:
    base = Baseline(FIRST + 35, LOCAL, histories={"power": known}, regions={"postal_code": 2}, shapes={})
    found = base.level("power", "postal_code", days, new_on=new_on)
    return found.total / found.weight


def test_half_a_silent_day_is_learnt_as_half_a_day() -> None:
    ordinary = {FIRST + day: 24 for day in range(35)}
    half = {**ordinary, FIRST + 34: 12}
    silent = (FIRST + 34) * 24 + 12, (FIRST + 34) * 24 + 24
    assert level(half, history()) < level(ordinary, history()) - 0.3
    assert level(half, history(silent)) == pytest.approx(level(ordinary, history()), rel=0.01)


def test_a_day_on_which_hardly_anything_was_heard_is_left_out() -> None:
    ordinary = {FIRST + day: 24 for day in range(35)}
    silent = (FIRST + 34) * 24 + 1, (FIRST + 34) * 24 + 24
    assert level({**ordinary, FIRST + 34: 1}, history(silent)) == pytest.approx(24, rel=0.01)


def test_deaf_days_say_nothing_about_the_mean_of_a_service() -> None:
    hours = {(FIRST + day) * 24 + hour: 2 for day in range(10) for hour in range(24)}
    deaf = range((FIRST + 9) * 24 + 4, (FIRST + 9) * 24 + 24)
    heard = {hour: n for hour, n in hours.items() if hour not in deaf}
    assert service_history(by_day(heard), FIRST + 10).daily_mean == pytest.approx(44)
    assert service_history(by_day(heard), FIRST + 10, ((deaf.start, deaf.stop),)).daily_mean == 48


def test_silent_hours_do_not_bend_the_shape() -> None:
    hours = {(FIRST + day) * 24 + hour: 2 for day in range(28) for hour in range(24)}
    deaf = {(FIRST + day) * 24 + 9 for day in (0, 7, 14)}
    heard = {hour: n for hour, n in hours.items() if hour not in deaf}
    assert shape_weights(heard, FIRST, 4, LOCAL)[9] < 0.8
    assert shape_weights(heard, FIRST, 4, LOCAL, deaf)[9] == pytest.approx(1, abs=0.01)


# --- new regions ----------------------------------------------------------------------------------------------------


def test_a_new_region_is_thought_to_be_like_the_others_and_not_to_have_been_silent_for_weeks() -> None:
    assert level({}, history()) < 0.5  # quiet for 35 days
    assert level({}, history(), new_on=FIRST + 34) == pytest.approx(17.0, abs=0.1)  # 24 thought, one quiet day
    assert level({}, history(), new_on=FIRST + 35) == 24


def test_a_new_region_follows_its_own_days_soon() -> None:
    busy = {FIRST + 34: 100, FIRST + 33: 100}
    assert level(busy, history(), new_on=FIRST + 33) > 40
    assert level(busy, history()) < 15


def test_history_imported_for_a_new_region_is_learnt() -> None:
    past = {FIRST + day: 10 for day in range(35)}
    assert level(past, history(), new_on=FIRST + 34) == pytest.approx(level(past, history()))


# --- one source of several ------------------------------------------------------------------------------------------

DEAF_DAY = FIRST + 37  # a Wednesday
DEAF = range(DEAF_DAY * 24 + 8, DEAF_DAY * 24 + 20)


def two_sources(silent: range = DEAF, number: int = 6) -> tuple[dict[int, int], dict[str, dict[int, int]]]:
    """Return the hours of a service of which each of two sources brings a half; `web` is silent for some."""
    half = {hour: n // 2 for hour, n in weeks(number).items()}
    web = {hour: n for hour, n in half.items() if hour not in silent}
    return {hour: n + web.get(hour, 0) for hour, n in half.items()}, {"phone": half, "web": web}


def begun_with_sources(day: int, before: BaselineState | None = None, silent: range = DEAF) -> BaselineState:
    hours, sources = two_sources(silent)
    hours = {hour: n for hour, n in hours.items() if hour < day * 24}
    sources = {name: {hour: n for hour, n in heard.items() if hour < day * 24} for name, heard in sources.items()}
    return begin_day(Counts(hours, sources), day, ["power"], LOCAL, before or BaselineState()).state


def test_a_source_that_was_silent_for_a_day_is_missed_with_its_share() -> None:
    (missed,) = begun_with_sources(DEAF_DAY + 1).services["power"].missed
    assert missed.source == "web"
    assert missed.share == pytest.approx(0.5, abs=0.05)
    assert missed.from_hour <= DEAF[0]
    assert missed.until_hour > DEAF[-1]


def test_the_level_is_that_of_days_on_which_all_were_heard() -> None:
    history = begun_with_sources(DEAF_DAY + 1).services["power"].history()
    usual = dict.fromkeys(range(FIRST, DEAF_DAY), 10)

    def level(of: ServiceHistory) -> float:
        made = Baseline(
            DEAF_DAY + 1,
            LOCAL,
            histories={"power": of},
            regions={"postal_code": 2},
            shapes={"power": Shape(FLAT, LOCAL)},
        )
        return made.level("power", "postal_code", usual | {DEAF_DAY: 6}).per_hour * 24

    deaf_to_it = ServiceHistory(first_day=FIRST, daily_mean=history.daily_mean, gaps=frozenset())
    assert level(history) == pytest.approx(10, abs=0.8)
    assert level(deaf_to_it) < level(history) - 0.5


def test_hours_without_a_source_shape_no_week() -> None:
    state = begun_with_sources(DEAF_DAY + 1)
    assert state.services["power"].history().not_learnt_hours() >= set(DEAF)
    assert state.services["power"].history().silent_hours() == frozenset()


def test_a_source_that_is_heard_as_always_is_not_missed() -> None:
    assert begun_with_sources(DEAF_DAY + 1, silent=range(0)).services["power"].missed == ()


def test_what_a_source_makes_up_for_later_is_learnt_after_all() -> None:
    known = begun_with_sources(DEAF_DAY + 1)
    assert begun_with_sources(DEAF_DAY + 2, known, silent=range(0)).services["power"].missed == ()


def test_a_source_that_stays_away_for_a_week_has_gone() -> None:
    gone = range(DEAF_DAY * 24 - 14 * 24, DEAF_DAY * 24 + 24)
    assert begun_with_sources(DEAF_DAY + 1, silent=gone).services["power"].missed == ()


def test_the_share_once_taken_stays_and_so_do_stretches_of_long_ago() -> None:
    first = begun_with_sources(DEAF_DAY + 1)
    second = begun_with_sources(DEAF_DAY + 2, first)
    assert [each.share for each in second.services["power"].missed] == [
        each.share for each in first.services["power"].missed
    ]


def test_a_source_that_has_just_begun_is_not_missed() -> None:
    hours = weeks(6)
    new = {hour: 2 for hour in hours if (FIRST + 30) * 24 <= hour < (FIRST + 33) * 24}
    both = {hour: n + new.get(hour, 0) for hour, n in hours.items()}
    state = begin_day(Counts(both, {"phone": hours, "web": new}), FIRST + 42, ["power"], LOCAL, BaselineState()).state
    assert state.services["power"].missed == ()
