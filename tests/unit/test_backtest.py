"""Backtests: the incidents that would have been opened, causally, and held against a truth."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.backtest.complaint_stream import Refused
from notifier.backtest.record import Record
from notifier.backtest.recording import record
from notifier.backtest.truth import Outage, Windows, read_outages, wrong_header
from notifier.domain.detection import Thresholds
from tests.past_complaints import MONDAY, Past, background, in_order, opened, outage, past, played, stream_of

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NOON = MONDAY + 40 * DAY + 12 * HOUR
REGIONS = ("94110", "94112", "94114")
QUIET = background(days=45, regions=REGIONS)


def recorded(rows: list[Past], windows: Windows | None = None, threshold: float = 17.5) -> Record:
    stream = stream_of(rows)
    return record(
        played(stream, threshold=threshold),
        stream,
        file="past.csv",
        grade="certain",
        thresholds=Thresholds(likely=threshold, certain=threshold),
        windows=windows,
        refused=0,
    )


def truth(*rows: dict[str, str]) -> Windows:
    found = list(read_outages(enumerate(rows, 2)))
    assert all(isinstance(one, Outage) for one in found)
    return Windows(one for one in found if isinstance(one, Outage))


def test_an_outage_opens_one_incident_and_repeats_open_none() -> None:
    flood = [past(NOON + n * timedelta(seconds=20), "94112", f"angry{n % 2}") for n in range(80)]
    found = recorded(in_order(QUIET, outage(NOON, "94110"), flood))
    opening = found.openings[-1]
    assert [(one.region, one.detected_at.date()) for one in found.openings if one.detected_at >= NOON] == [
        ("94110", NOON.date())
    ]
    assert NOON < opening.detected_at < NOON + 10 * timedelta(minutes=1)
    assert opening.observed == (opening.detected_at - NOON) // timedelta(minutes=1) + 1
    assert opening.score >= 17.5
    assert opening.highest > opening.score
    assert sum(opening.observed_around) >= 12  # those who called later too
    assert len(opening.observed_around) == len(opening.expected_around) == 72
    assert 0 < sum(opening.expected_around) < 2


def test_an_incident_that_was_quiet_for_two_hours_is_followed_by_another() -> None:
    rows = in_order(QUIET, outage(NOON, "94110"), outage(NOON + HOUR, "94110"), outage(NOON + 8 * HOUR, "94110"))
    assert [one.detected_at.hour for one in recorded(rows).openings if one.detected_at >= NOON] == [12, 20]


def test_of_cells_in_each_other_the_narrowest_opens_and_the_others_are_evidence() -> None:
    quiet = [(at, f"{region}|SF", category, who) for at, region, category, who in QUIET]
    rows = in_order(quiet, [(at, "94110|SF", category, who) for at, _, category, who in outage(NOON, "x", callers=30)])
    opening = recorded(rows).openings[-1]
    assert (opening.region, opening.also) == ("94110", ("SF",))


def test_two_outages_in_one_city_are_two_incidents() -> None:
    quiet = [(at, f"{region}|SF", category, who) for at, region, category, who in QUIET]
    both = [
        [(at, f"{region}|SF", category, who) for at, _, category, who in outage(NOON + later, region, callers=30)]
        for region, later in (("94110", timedelta()), ("94112", HOUR))
    ]
    assert {one.region for one in recorded(in_order(quiet, *both)).openings if one.detected_at >= NOON} == {
        "94110",
        "94112",
    }


calls = st.lists(st.tuples(st.integers(0, 400), st.sampled_from(REGIONS), st.integers(0, 40)), min_size=5, max_size=120)


@settings(max_examples=25, deadline=None)
@given(calls, st.integers(0, 200))
def test_a_file_that_is_cut_opens_the_same_up_to_the_cut(made: list[tuple[int, str, int]], cut: int) -> None:
    calls = [past(NOON + minute * timedelta(minutes=1), region, f"h{who}") for minute, region, who in sorted(made)]
    rows = in_order(QUIET, calls)
    whole = stream_of(rows)
    whole_run = played(whole, threshold=8.5)
    indexes = [one.index for one in whole_run.run.incidents]
    openings = list(zip(indexes, opened(whole_run, whole), strict=True))
    end = len(QUIET) + min(cut, len(calls))
    part = stream_of(rows[:end])
    assert opened(played(part, threshold=8.5), part) == [row for index, row in openings if index < end]


def test_an_incident_depends_on_nothing_after_its_complaint() -> None:
    rows = in_order(QUIET, outage(NOON, "94110"))
    stream = stream_of(rows)
    run = played(stream)
    for one, row in zip(run.run.incidents, opened(run, stream), strict=True):
        part = stream_of(rows[: one.index + 1])
        assert opened(played(part), part)[-1] == row


def test_a_truth_says_what_was_right_what_was_missed_and_how_late() -> None:
    rows = in_order(QUIET, outage(NOON, "94110"), outage(NOON + 5 * HOUR, "94112"))
    at = {"region": "94110", "onset": (NOON - 10 * timedelta(minutes=1)).isoformat()}
    missed = {"region": "94114", "onset": NOON.isoformat(), "category": "power", "size": "3"}
    other = {"region": "94112", "onset": (NOON + 5 * HOUR).isoformat(), "category": "water"}
    verdict = recorded(rows, truth(at, missed, other)).verdict
    assert verdict is not None
    assert (verdict.outages, verdict.found) == (3, 1)
    assert verdict.right == 1
    assert verdict.false >= 1
    assert timedelta(minutes=10) < verdict.delays[0] < timedelta(minutes=20)
    assert verdict.recall == pytest.approx(1 / 3)
    assert verdict.false_per_month.low < verdict.false_per_month.value < verdict.false_per_month.high
    assert [(one.region, one.opening is None) for one in verdict.known] == [
        ("94110", False),
        ("94114", True),
        ("94112", True),
    ]


def test_a_time_not_to_judge_makes_nothing_false_and_nothing_missed() -> None:
    rows = in_order(QUIET, outage(NOON, "94110"))
    end = (NOON + 3 * DAY).isoformat()
    storm = {"region": "*", "onset": (NOON - HOUR).isoformat(), "end": end}
    verdict = recorded(rows, truth(storm)).verdict
    assert verdict is not None
    assert (verdict.outages, verdict.recall) == (0, None)
    assert (verdict.right, verdict.false, verdict.not_judged) == (0, 0, 1)


def test_a_time_not_to_judge_is_taken_off_what_was_watched() -> None:
    rows = in_order(QUIET, outage(NOON, "94110"))
    storm = {"region": "*", "onset": (NOON - HOUR).isoformat(), "end": (NOON + 3 * DAY).isoformat()}
    again = {"region": "*", "onset": NOON.isoformat(), "end": (NOON + 2 * DAY).isoformat()}
    in_it = {"region": "94110", "onset": NOON.isoformat()}
    found = recorded(rows, truth(storm, again, in_it))
    plain = recorded(rows, truth(in_it)).verdict
    other = recorded(rows, truth(storm | {"category": "water"}, in_it)).verdict
    assert plain is not None
    assert found.verdict is not None
    assert other is not None
    assert plain.cell_months - found.verdict.cell_months == pytest.approx(3 * (3 * DAY + HOUR) / (30 * DAY))
    assert other.cell_months == plain.cell_months  # no cell of it
    assert (found.verdict.outages, plain.outages, other.outages) == (0, 1, 1)
    assert [one.is_false for one in found.openings if one.detected_at >= NOON] == [None]


def test_a_curve_leaves_out_what_is_not_judged() -> None:
    rows = in_order(QUIET, outage(NOON, "94110"))
    storm = truth({"region": "*", "onset": (NOON - HOUR).isoformat(), "end": (NOON + HOUR).isoformat()})
    at = {point.threshold: point for point in recorded(rows, storm).curve}[17.5]
    assert (at.incidents, at.false) == (0, 0)


def test_rows_of_a_truth_that_overlap_are_one_outage() -> None:
    rows = in_order(QUIET, outage(NOON, "94110"))
    twice = [{"region": "94110", "onset": (NOON + hours * HOUR).isoformat()} for hours in (0, 2, 3)]
    verdict = recorded(rows, truth(*twice)).verdict
    assert verdict is not None
    assert (verdict.outages, verdict.rows, verdict.found, verdict.right) == (1, 3, 1, 1)


def test_an_incident_is_about_one_of_two_outages_that_follow_each_other() -> None:
    rows = in_order(QUIET, outage(NOON, "94110"))
    first = {"region": "94110", "onset": (NOON - 2 * HOUR).isoformat(), "end": (NOON + HOUR / 2).isoformat()}
    second = {"region": "94110", "onset": (NOON + 0.75 * HOUR).isoformat()}
    verdict = recorded(rows, truth(first, second)).verdict
    assert verdict is not None
    assert [one.opening is None for one in verdict.known] == [False, True]


def test_incidents_of_the_warm_up_are_not_judged() -> None:
    early = MONDAY + 10 * DAY
    found = recorded(in_order(QUIET, outage(early, "94110")), truth({"region": "94110", "onset": early.isoformat()}))
    assert any(one.detected_at < MONDAY + 28 * DAY and one.is_false is None for one in found.openings)
    assert found.verdict is not None
    assert found.verdict.outages == 0


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"region": "", "onset": "2024-01-01T00:00Z"}, "region is empty"),
        ({"region": "a", "onset": "soon"}, "onset 'soon' is no time"),
        ({"region": "a", "onset": "2024-01-01T00:00"}, "has no UTC offset"),
        ({"region": "a", "onset": "2024-01-02T00:00Z", "end": "2024-01-01T00:00Z"}, "end is before onset"),
        ({"region": "a", "onset": "2024-01-01T00:00Z", "size": "many"}, "size 'many' is no number"),
    ],
)
def test_a_line_of_a_truth_that_is_wrong_says_why(row: dict[str, str], reason: str) -> None:
    (found,) = read_outages([(3, row)])
    assert isinstance(found, Refused)
    assert reason in found.reason


def test_a_truth_needs_a_region_and_an_onset() -> None:
    assert wrong_header(["region", "onset"]) == ""
    assert "no column 'onset'; did you mean 'onsets'?" in wrong_header(["region", "onsets"])


def test_a_curve_falls_with_the_threshold() -> None:
    busy = background(days=45, regions=REGIONS, per_day=20.0)
    points = recorded(
        in_order(busy, outage(NOON, "94110")), truth({"region": "94110", "onset": NOON.isoformat()})
    ).curve
    assert [point.threshold for point in points] == sorted({point.threshold for point in points})
    assert points[0].incidents > points[-1].incidents
    assert all((point.false or 0) <= point.incidents for point in points)
