"""How surprising a cell is: the statistic against its definition, order of arrival, customers, grades, what is kept."""

import tracemalloc
from collections.abc import Sequence
from math import log, sqrt
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.domain.cell import KEEP_US, NOTHING, SPAN_US, Cell, Window
from notifier.domain.detection import CellKey, CountedComplaint, Detector, Finding, Grade, Thresholds
from notifier.domain.level import Level
from notifier.domain.local_time import US_PER_HOUR, LocalTime
from notifier.domain.shape import FLAT, Shape

UTC_TIME = LocalTime("UTC")
RHYTHM = tuple(1.5 if 8 <= hour % 24 < 20 else 9 / 12 - 0.25 for hour in range(168))
NOON = 20_515 * 24 * US_PER_HOUR + 12 * US_PER_HOUR
MINUTE = 60_000_000
LEVEL = Level(through_day=20_514, total=48.0, weight=20.0, daily_mean=2.4)


def cell(times: Sequence[int], *, verified: Sequence[bool] = (), shape: Shape | None = None) -> Cell:
    made = Cell(shape or Shape(FLAT, UTC_TIME))
    made.set_level(20_515, LEVEL.per_hour, LEVEL.daily_mean)
    for i, at_us in enumerate(times):
        made.add(at_us, verified=verified[i] if verified else True)
    return made


def by_definition(times: Sequence[int], shape: Shape, at_us: int) -> float:
    """The score as docs/detection.md writes it, window by window."""
    ordered = sorted(times)
    rate = LEVEL.per_hour
    best = 0.0
    for j, start in enumerate(ordered):
        n = len(ordered) - j
        if at_us - start > 1.5 * US_PER_HOUR or n > 400 or n < 3:
            continue
        m = rate * (shape.integral(at_us) - shape.integral(start))
        n_r = sum(start - 12 * US_PER_HOUR <= other for other in ordered[:j])
        m_r = rate * (shape.integral(start) - shape.integral(start - 12 * US_PER_HOUR))
        r = 3 + n_r
        mu = m * r / (3 + m_r) + 0.02
        if n > mu:
            best = max(best, n * log(n / mu) - (n + r) * log((n + r) / (mu + r)))
    mean = LEVEL.daily_mean / 24 * shape.hours_of_day[at_us // US_PER_HOUR % 24]
    last_hour = sum(at_us - US_PER_HOUR < at for at in ordered)
    return max(best, 1.2 * (last_hour - mean) / sqrt(max(mean, 0.25)))


moments = st.lists(st.integers(0, 20 * 60), min_size=1, max_size=40)  # minutes of 20 hours


@given(moments, st.booleans())
def test_the_score_is_that_of_its_definition(minutes: list[int], rhythm: bool) -> None:
    shape = Shape(RHYTHM if rhythm else FLAT, UTC_TIME)
    times = sorted(NOON + minute * MINUTE for minute in minutes)
    found = cell(times, shape=shape).evaluate(times[-1])
    assert found.score == pytest.approx(by_definition(times, shape, times[-1]))


@pytest.mark.parametrize("seed", range(12))
def test_passing_over_windows_changes_nothing(seed: int) -> None:
    """Many windows, of which whole blocks are passed over; what scores less than was asked for is left out."""
    random = Random(seed)  # noqa: S311  # the same cells every time
    times = sorted(random.sample(range(NOON, NOON + 3 * US_PER_HOUR), random.randrange(60, 500)))
    a_day, at_least = random.uniform(0.05, 4_000), random.uniform(0, 30)
    watched = Cell(Shape(RHYTHM, UTC_TIME))
    watched.set_level(20_515, a_day / 24, a_day)
    for at_us in times:
        watched.add(at_us, verified=random.random() < 0.7)
        if random.random() < 0.1:
            watched.evaluate(at_us)
    starts = [at for at in times[-400:-2] if at >= times[-1] - SPAN_US]
    every = [watched.window(at_us, times[-1]) for at_us in starts] + [watched.last_hour(times[-1])]
    best = max(window.score for window in every)
    assert watched.evaluate(times[-1]).score == pytest.approx(best)
    assert watched.evaluate(times[-1], at_least=at_least).score == pytest.approx(best if best >= at_least else 0)


def test_an_earlier_moment_can_be_asked_for_again() -> None:
    watched = cell([NOON + i * 10 * MINUTE for i in range(60)])
    late = watched.evaluate(NOON + 600 * MINUTE)
    watched.evaluate(NOON + 680 * MINUTE)
    for i in range(60, 80):
        watched.add(NOON + i * 10 * MINUTE, verified=True)
    watched.evaluate(NOON + 800 * MINUTE)
    again = cell([NOON + i * 10 * MINUTE for i in range(80)])
    assert watched.evaluate(NOON + 790 * MINUTE) == again.evaluate(NOON + 790 * MINUTE)
    assert late == cell([NOON + i * 10 * MINUTE for i in range(60)]).evaluate(NOON + 600 * MINUTE)


@given(moments, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(minutes: list[int], random: object) -> None:
    times = [NOON + minute * MINUTE for minute in minutes]
    shuffled = list(times)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    in_order, out_of_order = cell(sorted(times)), cell(shuffled)
    assert out_of_order.evaluate(max(times)) == in_order.evaluate(max(times))


@given(moments)
def test_a_new_level_and_shape_apply_to_what_is_known(minutes: list[int]) -> None:
    times = sorted(NOON + minute * MINUTE for minute in minutes)
    late = Cell(Shape(FLAT, UTC_TIME))
    for at_us in times:
        late.add(at_us, verified=True)
    late.set_level(20_515, LEVEL.per_hour, LEVEL.daily_mean)
    late.set_shape(Shape(RHYTHM, UTC_TIME))
    assert late.evaluate(times[-1]) == cell(times, shape=Shape(RHYTHM, UTC_TIME)).evaluate(times[-1])


@settings(max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=300, max_size=400))
def test_what_is_forgotten_decided_nothing_any_more(gaps: list[int]) -> None:
    times = [NOON + sum(gaps[: i + 1]) * MINUTE for i in range(len(gaps))]
    kept = cell(times)
    recent = [at for at in times if at > times[-1] - KEEP_US]
    assert len(kept.times) < len(recent) + 64
    assert kept.evaluate(times[-1]) == cell(recent).evaluate(times[-1])


def test_two_complaints_are_never_a_window() -> None:
    two = cell([NOON, NOON + 1]).evaluate(NOON + 1)
    assert two.score < 8.5


def test_a_score_falls_while_nobody_complains() -> None:
    watched = cell([NOON + i * MINUTE for i in range(6)])
    scores = [watched.evaluate(NOON + minutes * MINUTE).score for minutes in (5, 20, 60, 180)]
    assert scores == sorted(scores, reverse=True)
    assert watched.evaluate(NOON + 5 * US_PER_HOUR) == NOTHING


def test_a_window_names_what_is_in_it() -> None:
    window = cell([NOON - 9 * US_PER_HOUR, *(NOON + i * MINUTE for i in range(5))]).evaluate(NOON + 4 * MINUTE)
    assert (window.from_us, window.observed, window.verified) == (NOON, 5, 5)
    assert 0 < window.expected < 0.1


def test_a_slow_rise_is_seen_by_the_last_hour() -> None:
    before = [NOON - 90 * MINUTE - i * 20 * MINUTE for i in range(20)]  # a restless day: windows are no surprise
    times = [NOON - i * 8 * MINUTE for i in range(7)]
    window = cell(sorted(before + times)).evaluate(NOON)
    assert (window.observed, window.from_us) == (7, times[-1])
    assert window.score == pytest.approx(1.2 * (7 - 0.1) / 0.5)


def test_strangers_do_not_stand_in_for_customers() -> None:
    burst = cell([NOON + i * MINUTE for i in range(6)], verified=[True, False, False, False, False, True])
    assert burst.evaluate(NOON + 5 * MINUTE, verified_at_least=2).verified == 2
    assert burst.evaluate(NOON + 5 * MINUTE, verified_at_least=3) == NOTHING


def test_what_was_judged_to_be_nothing_is_no_evidence() -> None:
    burst = cell([NOON + i * MINUTE for i in range(6)])
    assert burst.evaluate(NOON + 5 * MINUTE, since_us=NOON + 5 * MINUTE).observed <= 1


# --- the detector ---------------------------------------------------------------------------------------------------


def detector(customers: int = 3) -> Detector:
    made = Detector(UTC_TIME, Thresholds(likely=8.5, certain=15.5), {"power": customers})
    made.set_shape("power", Shape(FLAT, UTC_TIME))
    for region in (1, 2):
        made.set_level(CellKey(region, "power"), 20_515, LEVEL)
    return made


def feed(to: Detector, *minutes: float, regions: Sequence[int] = (1, 2), verified: bool = True) -> list[Finding]:
    found: list[Finding] = []
    for minute in minutes:
        at_us = NOON + int(minute * MINUTE)
        complaint = CountedComplaint(position=1, service="power", at_us=at_us, verified=verified, regions=regions)
        found += to.feed(complaint)
    return found


def test_three_customers_in_a_few_minutes_are_likely_and_more_are_certain() -> None:
    watched = detector()
    assert feed(watched, 0, 1) == []
    assert [finding.grade for finding in feed(watched, 2)] == [Grade.LIKELY] * 2
    assert Grade.CERTAIN in {finding.grade for finding in feed(watched, 3, 3.2, 3.4, 3.6, 3.8)}


def test_findings_of_one_complaint_come_narrow_before_wide() -> None:
    found = feed(detector(), 0, 1, 2)
    assert [finding.cell.region_id for finding in found] == [1, 2]


def test_two_customers_and_strangers_open_nothing() -> None:
    watched = detector()
    feed(watched, 0, 1)
    assert feed(watched, 2, 3, 4, 5, verified=False) == []
    assert watched.highest(NOON + 5 * MINUTE, 1, day=20_515, level_of=asked_for_nothing)[0][1].score > 8.5


def test_a_cell_that_stays_anomalous_is_found_once_a_minute_or_when_its_grade_rises() -> None:
    watched = detector()
    assert feed(watched, 0, 1, 2)
    assert feed(watched, 2.1) == []
    assert {finding.grade for finding in feed(watched, 2.2, 2.3, 2.4, 2.5)} == {Grade.CERTAIN}
    assert feed(watched, 2.6) == []
    assert feed(watched, 3.6)


def test_one_dismissed_needs_new_customers() -> None:
    watched = detector()
    feed(watched, 0, 1, 2, 3)
    watched.ignore_before({CellKey(region, "power"): NOON + 4 * MINUTE for region in (1, 2)})
    assert feed(watched, 10, 11) == []
    assert feed(watched, 12)


def one_by_one(to: Detector, complaint: CountedComplaint) -> list[Finding]:
    """What `feed` decides, without anything being passed over: every cell is scored, then asked what is due."""
    ranks = {"": 0, Grade.LIKELY: 1, Grade.CERTAIN: 2}
    to.remember(complaint)
    findings = []
    due = False
    for region in complaint.regions:
        key = CellKey(region, complaint.service)
        cell = to.cells[key]
        window = cell.evaluate(cell.times[-1])
        if window.verified < 3:
            window = cell.evaluate(cell.times[-1], verified_at_least=3)
        if window.observed:
            window = window._replace(score=window.score + to.bonus("power", cell.times[-1]))
        grade = Thresholds(likely=8.5, certain=15.5).grade(window.score)
        if grade is not None:
            at_us = cell.times[-1]
            findings.append(Finding(cell=key, at_us=at_us, window=window, grade=grade, position=1))
            due = due or at_us - cell.recorded_us >= MINUTE or ranks[grade] > ranks[Grade(cell.recorded_grade or grade)]
    for finding in findings if due else []:
        to.mark_recorded(finding.cell, finding.at_us, finding.grade)
    return findings if due else []


streams = st.lists(
    st.tuples(st.floats(0, 240), st.sampled_from([[1], [2], [1, 2], [2, 1]]), st.booleans()), min_size=5, max_size=60
)


@settings(max_examples=40, deadline=None)
@given(streams, st.booleans())
def test_looking_only_where_there_may_be_news_finds_the_same(
    stream: list[tuple[float, list[int], bool]], ordered: bool
) -> None:
    quick, slow = detector(), detector()
    for minute, regions, verified in sorted(stream) if ordered else stream:
        at_us = NOON + int(minute * MINUTE)
        complaint = CountedComplaint(position=1, service="power", at_us=at_us, verified=verified, regions=regions)
        assert quick.feed(complaint) == one_by_one(slow, complaint)


def test_every_score_is_worked_out_for_who_wants_them_all() -> None:
    plain, thorough = detector(), detector()
    thorough.scores_from = 1.0
    assert feed(plain, 0, 0.5, 1, 1.5, 2, 2.1, 2.2) == feed(thorough, 0, 0.5, 1, 1.5, 2, 2.1, 2.2)
    cell = thorough.cells[CellKey(1, "power")]
    assert cell.score == pytest.approx(cell.evaluate(cell.times[-1]).score)
    feed(thorough, 70, 100)
    assert 1 < thorough.cells[CellKey(1, "power")].score < 8.5


@settings(max_examples=25, deadline=None)
@given(streams, st.integers(0, 60))
def test_a_detector_that_remembers_finds_what_one_that_went_on_finds(
    stream: list[tuple[float, list[int], bool]], stop: int
) -> None:
    went_on, rebuilt = detector(), detector()
    complaints = [
        CountedComplaint(position=1, service="power", at_us=NOON + int(minute * MINUTE), verified=who, regions=regions)
        for minute, regions, who in stream
    ]
    for one in complaints[:stop]:
        went_on.feed(one)
        rebuilt.remember(one)
    for key, cell in went_on.cells.items():
        rebuilt.mark_recorded(key, cell.recorded_us, cell.recorded_grade)
    assert [went_on.feed(one) for one in complaints[stop:]] == [rebuilt.feed(one) for one in complaints[stop:]]


def test_an_active_cell_needs_less_than_2_kb() -> None:
    watched = detector()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for region in range(10, 1_010):
        watched.set_level(CellKey(region, "power"), 20_515, LEVEL)
        feed(watched, *range(0, 240, 40), regions=[region])
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert used / 1_000 < 2_000  # with six complaints each; the median cell has one or two in 28 hours


def test_idle_cells_are_forgotten() -> None:
    watched = detector()
    feed(watched, 0)
    watched.forget_idle(NOON + KEEP_US + 1)
    assert watched.cells == {}


def asked_for_nothing(key: CellKey) -> Level:
    raise AssertionError(f"{key} has its level")


def test_who_looks_at_a_cell_that_needed_no_level_leaves_it_without_one() -> None:
    watched = detector()
    feed(watched, 0, 1, regions=(7,))
    ((key, window),) = watched.highest(NOON + 2 * MINUTE, 5, day=20_515, level_of=lambda _: LEVEL)
    assert (key.region_id, window.observed) == (7, 2)
    assert watched.cells[key].day is None


def complaint_at(minute: float) -> CountedComplaint:
    at_us = NOON + int(minute * MINUTE)
    return CountedComplaint(position=1, service="power", at_us=at_us, verified=True, regions=[7])


def test_a_cell_needs_a_level_once_three_complaints_are_near_each_other() -> None:
    watched, key = detector(), CellKey(7, "power")
    for minute in (0, 60, 151):
        assert watched.needs_level(complaint_at(minute), 20_515) == []
        watched.feed(complaint_at(minute))
    assert watched.needs_level(complaint_at(155), 20_515) == []  # the first two are too long ago
    watched.feed(complaint_at(155))
    assert watched.needs_level(complaint_at(157), 20_515) == [key]
    watched.set_level(key, 20_515, LEVEL)
    assert watched.needs_level(complaint_at(157), 20_515) == []
    assert watched.needs_level(complaint_at(157), 20_516) == [key]


def test_who_wants_every_score_needs_every_level() -> None:
    watched = detector()
    watched.scores_from = 0.0
    assert watched.needs_level(complaint_at(0), 20_515) == [CellKey(7, "power")]


@given(st.lists(st.integers(0, 240), min_size=1, max_size=12), st.integers(0, 11))
def test_no_cell_is_looked_at_before_its_level_was_asked_for(minutes: list[int], known: int) -> None:
    watched, key, asked = detector(), CellKey(7, "power"), False
    coming: dict[CellKey, int] = {}
    for minute in minutes[:known]:
        watched.remember(complaint_at(minute))
    together = [watched.will_need_level(complaint_at(minute), 20_515, coming) for minute in minutes[known:]]
    for minute, foreseen in zip(minutes[known:], together, strict=True):
        needed = watched.needs_level(complaint_at(minute), 20_515)
        assert not needed or key in foreseen
        asked = asked or bool(needed)
        watched.remember(complaint_at(minute))
        assert asked or watched.cells[key].is_calm()


def test_highest_shows_the_most_surprising_first() -> None:
    watched = detector()
    feed(watched, 0, 1, 2, 3)
    feed(watched, 3.5, regions=(2,))
    (first, window), (second, _) = watched.highest(NOON + 4 * MINUTE, 5, day=20_515, level_of=asked_for_nothing)
    assert (first.region_id, second.region_id) == (2, 1)
    assert isinstance(window, Window)


def test_a_grade_begins_at_its_threshold() -> None:
    thresholds = Thresholds(likely=8.5, certain=15.5)
    assert [thresholds.grade(score) for score in (8.4, 8.5, 15.4, 15.5)] == [None, "likely", "likely", "certain"]
