"""Calibration: thresholds hold on other weeks, outages are no false incidents, and what a threshold costs."""

from datetime import timedelta
from math import exp

import pytest

from notifier.backtest.calibration import Calibrated, Passed, calibrate
from notifier.backtest.price import prices
from notifier.backtest.rates import bounds
from notifier.backtest.recording import Exposure
from notifier.backtest.scored import Scored
from notifier.backtest.truth import Windows, read_outages
from notifier.domain.errors import InvalidInput
from tests.past_complaints import MONDAY, Past, background, in_order, outage, played, stream_of

REGIONS = tuple(f"r{n}" for n in range(40))
DAYS = 140
QUIET = background(days=DAYS, regions=REGIONS, per_day=5.0)
OUTAGES = [(MONDAY + timedelta(days=40 + n, hours=11), REGIONS[n % 40]) for n in range(90)]
WANTED = 6.0


def passed(rows: list[Past], windows: Windows | None = None) -> Passed:
    stream = stream_of(rows)
    run = played(stream, scores_from=3.0).run
    exposed = Exposure(stream, run.times)
    scored = Scored(run, stream, windows or Windows(()), from_us=exposed.from_us)
    return Passed(scored, from_us=exposed.from_us, until_us=exposed.until_us)


def found(rows: list[Past], *, truth: bool) -> Calibrated:
    windows = None
    if truth:
        lines = [{"region": region, "onset": at.isoformat()} for at, region in OUTAGES]
        windows = Windows(one for one in read_outages(enumerate(lines)) if not hasattr(one, "reason"))
    return calibrate(passed(rows, windows), WANTED, has_truth=truth)


@pytest.fixture(scope="module")
def with_outages() -> list[Past]:
    return in_order(QUIET, *(outage(at, region) for at, region in OUTAGES))


@pytest.fixture(scope="module")
def of_chance() -> Calibrated:
    return calibrate(passed(QUIET), WANTED, has_truth=True)


def test_a_threshold_opens_as_many_on_the_file_as_wanted_and_on_other_weeks(of_chance: Calibrated) -> None:
    assert of_chance.threshold.low < of_chance.threshold.value < of_chance.threshold.high
    for seed in (1, 2):
        rows = background(days=DAYS, regions=REGIONS, per_day=5.0, seed=seed)
        stream = stream_of(rows)
        run = played(stream, scores_from=3.0).run
        exposed = Exposure(stream, run.times)
        scored = Scored(run, stream, Windows(()), from_us=exposed.from_us)
        per_month = len(scored.openings(of_chance.threshold.value)) / exposed.months
        assert WANTED / 1.5 < per_month < WANTED * 1.5


def test_outages_that_a_truth_explains_do_not_raise_the_threshold(
    with_outages: list[Past], of_chance: Calibrated
) -> None:
    assert found(with_outages, truth=True).threshold.value == pytest.approx(of_chance.threshold.value, abs=0.5)


def test_without_a_truth_the_limits_hold_the_threshold_between_them(
    with_outages: list[Past], of_chance: Calibrated
) -> None:
    blind = found(with_outages, truth=False)
    assert blind.chance_only is not None
    assert blind.chance_only < blind.threshold.value < blind.all_false
    assert blind.all_false > of_chance.threshold.value + 2  # ninety outages were thought to be false
    assert blind.chance_only < blind.all_false / 2  # most of the outages are told from chance
    assert blind.chance_only > of_chance.threshold.value / 2
    assert blind.threshold.low <= blind.chance_only
    assert blind.threshold.high >= blind.all_false


def test_too_short_a_file_and_too_many_wanted_say_so() -> None:
    with pytest.raises(InvalidInput, match="whole weeks after the warm-up of 28 days: 3; expected at least 4"):
        passed(background(days=50, regions=REGIONS))
    with pytest.raises(InvalidInput, match="expected less, or a longer file"):
        calibrate(passed(QUIET), 1_000_000, has_truth=True)


def test_a_rarer_rate_than_the_file_holds_is_said_to_be_extrapolated(of_chance: Calibrated) -> None:
    rare = calibrate(passed(QUIET), 0.1, has_truth=True)
    assert rare.extrapolated
    assert not of_chance.extrapolated
    assert rare.threshold.value > of_chance.threshold.value
    assert rare.threshold.high > rare.threshold.value
    assert calibrate(passed(QUIET), 1e-9, has_truth=True).threshold.high < 100  # however flat the line, it ends


def test_a_higher_threshold_costs_callers_and_minutes() -> None:
    stream = stream_of(QUIET)
    low, high = prices(played(stream), [8.5, 17.5])
    assert [one.cell for one in low] == ["quiet", "typical", "busy"]
    for before, after in zip(low, high, strict=True):
        assert before.found >= after.found > 0
        assert before.callers is not None
        assert after.callers is not None
        assert 3 <= before.callers < after.callers
        assert before.delay is not None
        assert after.delay is not None
        assert before.delay < after.delay


def test_a_price_is_that_of_a_day_on_which_nothing_else_is_wrong() -> None:
    run = played(stream_of(background(days=60, regions=REGIONS[:4], per_day=0.5)))
    (first,), (again,) = prices(run, [11.6]), prices(run, [11.6])
    assert first == again  # the trials of one are no storm to the next
    assert first[0].callers == 4  # in a quiet cell three score 10.9


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39)])
def test_the_bounds_of_a_count_are_nearly_the_exact_ones(count: int, low: float, high: float) -> None:
    assert bounds(count) == (pytest.approx(low, abs=0.03), pytest.approx(high, rel=0.01))
    assert exp(-bounds(0)[1]) == pytest.approx(0.025, abs=0.001)
