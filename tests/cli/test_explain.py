"""`notifier detection explain`: words first, a plot that fits a phone, who counted and who did not, no address."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from notifier.storage.explained import (
    BucketView,
    CallerView,
    CellExplained,
    Explanation,
    IncidentExplained,
    RegionExplained,
    WindowView,
)
from tests.cli.conftest import Run
from tests.cli_views import MINUTE, evidence
from tests.fake_daemon import NOON, FakeDaemon, problem

PATH = "/v1/detection/explain"
OPENED = NOON - 40 * MINUTE


def window(kind: str, minutes: int, observed: int, score: float) -> WindowView:
    return WindowView(
        kind=kind,
        from_at=OPENED - minutes * MINUTE,
        until_at=OPENED,
        observed=observed,
        expected=0.0031 * minutes,
        score=score,
        verified=observed,
    )


def caller(number: int, **changes: Any) -> CallerView:
    usual = {
        "complaint_id": number,
        "at": OPENED - number * MINUTE,
        "customer": f"C-{number}",
        "name": "Zoë \x1b[31m Núñez",
        "source": "hotline",
        "verified": True,
        "counted": True,
        "not_counted": None,
        "in_window": number < 12,
    }
    return CallerView(**(usual | changes))


def cell(**changes: Any) -> CellExplained:
    usual = {
        "region": "postal_code 94110",
        "service": "power",
        "at": OPENED,
        "words": ["6 different customers in 12 minutes, where hardly any are normal at this hour."],
        "grade": "certain",
        "likely": 8.5,
        "certain": 17.5,
        "customers_at_least": 3,
        "normal_per_day": 2.2,
        "windows": [
            window("last", 15, 6, 21.0),
            window("last", 240, 6, 0.0),
            window("companion", 60, 6, 9.9),
            window("most_surprising", 12, 6, 22.3),
        ],
        "nothing_normal": [],
        "period_from": OPENED - 240 * MINUTE,
        "counted": 20,
        "not_counted": {"late": 1, "repeat": 9},
        "without_place": {"no_region": 4},
        "callers": [caller(n) for n in range(1, 15)]
        + [caller(n, customer=None, name="", counted=False, not_counted="repeat") for n in range(1, 11)],
        "callers_left_out": 6,
        "buckets": [
            BucketView(from_at=OPENED + (5 * n - 240) * MINUTE, observed=6 if n == 47 else n % 2, expected=0.4)
            for n in range(57)
        ],
    }
    return CellExplained(**(usual | changes))


def incident(**changes: Any) -> Explanation:
    usual = {
        "words": [*cell().words, "Since then (40 min) 8 more counted; in the last hour 3, where 0.9 are normal."],
        "incident": IncidentExplained(
            id=42,
            service="power",
            state="suspected",
            place="94110, 94112",
            opened_at=OPENED,
            opened_by="daemon",
            counted_since=8,
            not_counted_since={},
        ),
        "regions": [
            RegionExplained(
                region="postal_code 94110",
                role="place",
                opened=evidence(),
                now=window("most_surprising", 30, 14, 40.2),
                grade="certain",
            ),
            RegionExplained(region="city San Francisco", role="attached", opened=evidence(), now=None, grade=""),
            RegionExplained(region="node OLT-1", role="", opened=None, now=None, grade=""),
        ],
        "regions_left_out": 2,
        "cell": cell(),
        "customers_named": True,
    }
    return Explanation(**(usual | changes))


@pytest.fixture(autouse=True)
def _explained(daemon: FakeDaemon) -> None:
    daemon.on("GET", PATH, incident())


def test_what_was_seen_is_said_first(notifier: Run, daemon: FakeDaemon) -> None:
    lines = notifier("detection", "explain", "42").stdout.splitlines()
    assert daemon.last("GET", PATH).query == {"incident": "42"}
    assert lines[0] == "#42 power, 94110, 94112" + "SUSPECTED".rjust(72 - 23)
    assert " ".join(lines[1:3]) == cell().words[0]
    assert lines[3].startswith("Since then (40 min) 8 more counted")


def test_why_windows_have_the_same_normal_is_said_under_them(notifier: Run, daemon: FakeDaemon) -> None:
    why = "power was first heard live at 2026-11-21 10:01 UTC; before it nothing counts as normal."
    daemon.on("GET", PATH, incident(cell=cell(nothing_normal=[why])))
    lines = notifier("detection", "explain", "42").stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("  power was first heard live at "))
    assert "which decides" in lines[at - 1]
    assert "UTC" not in lines[at]


@pytest.mark.parametrize("width", [40, 60, 72, 200])
def test_nothing_is_wider_than_the_terminal_and_nothing_is_coloured(
    notifier: Run, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for typed in (["42"], ["94110", "power"]):
        text = notifier("detection", "explain", *typed).stdout
        assert all(len(line) <= min(width, 72) and line.isprintable() for line in text.splitlines()), text


def test_every_window_has_what_was_counted_what_is_normal_and_its_score(notifier: Run) -> None:
    text = notifier("detection", "explain", "42").stdout
    rows = [re.split(r"  +", line) for line in text.partition("Windows up to 02:59")[2].splitlines()[2:6]]
    assert rows == [
        ["last 15 min", "6", "0.046", "21.0"],
        ["last 4 h", "6", "0.74", "-"],
        ["1 h, by time of day", "6", "0.19", "9.9"],
        ["12 min, which decides", "6", "0.037", "22.3"],
    ]
    assert "likely from 8.5, certain from 17.5; 2.2 a day are normal here" in text


def test_who_did_not_count_is_shown_by_why_and_by_name(notifier: Run) -> None:
    text = notifier("detection", "explain", "42").stdout
    counted, _, rest = text.partition("Who did not, 26 Jun 22:59")
    assert "*02:58  C-1" in counted
    assert " 02:45  C-14" not in counted
    assert "... and 8 more (--json shows the newest 100)" in counted
    assert rest.splitlines()[0].endswith(": 10")
    assert "  9  the same reporter counted there within 24 hours\n  1  over 15 minutes old" in rest
    assert "not on file" in rest
    assert "  4  nobody knows where" in rest


def test_the_plot_marks_the_moment_that_is_explained(notifier: Run) -> None:
    text = notifier("detection", "explain", "42").stdout
    plot = text.partition("by 5 min\n")[2].partition("Windows")[0].splitlines()
    assert plot[0].startswith("6 │")
    assert plot[0].index("█") == plot[-3].index("▲") - 1  # the column before: the moment is the end of its window
    assert plot[-3].strip() == "▲ 02:59, opened"
    assert plot[-4].split() == ["26", "Jun", "22:59", "03:39"]


def test_an_output_without_blocks_gets_plain_signs(notifier: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    from notifier.cli import plot

    assert plot.signs("ascii") is plot.PLAIN
    assert plot.signs(None) is plot.PLAIN
    assert plot.signs("utf-8") is plot.BLOCKS


def test_regions_are_shown_with_then_and_now(notifier: Run) -> None:
    text = notifier("detection", "explain", "42").stdout
    rows = text.partition("Regions, when they came in")[2]
    assert re.search(r"postal code 94110 +14 / 0.09 certain +20 / 1.3 certain +03:06 +place", rows)
    assert re.search(r"city San Francisco +quiet +20 .* attached", rows)
    assert re.search(r"node OLT-1 +quiet +left", rows)
    assert "... and 2 more regions" in rows
    assert "How it is now: notifier detection explain postal_code:94110 power" in rows


def test_next_to_nothing_is_not_rounded_up(notifier: Run, daemon: FakeDaemon) -> None:
    hardly = replace(window("most_surprising", 30, 14, 40.2), expected=0.004)
    regions = [replace(incident().regions[0], now=hardly)]
    daemon.on("GET", PATH, incident(regions=regions, regions_left_out=0))
    assert "14 / <0.01 certain" in notifier("detection", "explain", "42").stdout


def test_a_region_with_a_space_is_written_as_it_can_be_typed(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", PATH, incident(cell=cell(region="city San Francisco")))
    assert "explain 'city:San Francisco' power" in notifier("detection", "explain", "42").stdout


def test_without_the_right_nobody_is_named_and_it_is_said_why(notifier: Run, daemon: FakeDaemon) -> None:
    callers = [caller(1, customer=None, name="")]
    daemon.on("GET", PATH, incident(customers_named=False, cell=cell(callers=callers)))
    text = notifier("detection", "explain", "42").stdout
    assert "not on file" not in text
    assert "Who they are is shown to keys that may read customers." in text


def test_an_incident_without_evidence_has_its_words_alone(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", PATH, incident(words=["It was opened by ann."], cell=None, regions=[], regions_left_out=0))
    assert notifier("detection", "explain", "42").stdout.splitlines()[1:] == ["It was opened by ann."]


def test_a_cell_is_named_by_region_and_service(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", PATH, incident(incident=None, regions=[], regions_left_out=0))
    text = notifier("detection", "explain", "postal_code:94110", "power").stdout
    assert daemon.last("GET", PATH).query == {"region": "postal_code:94110", "service": "power"}
    assert text.splitlines()[0].split() == ["power,", "postal", "code", "94110", "CERTAIN"]
    notifier("detection", "explain", "94110", "power", "--at", "-2h")
    at = daemon.last("GET", PATH).query["at"]
    assert at.startswith((NOON - timedelta(hours=2)).isoformat()[:15])


def test_times_in_the_words_are_those_of_the_reader(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", PATH, incident(words=["first", "an incident here ended at 2026-06-27 10:02 UTC, and"]))
    assert "ended at Sat 27 Jun 03:02 PDT, and" in notifier("detection", "explain", "42").stdout


def test_json_is_the_answer_of_the_api(notifier: Run) -> None:
    answer = json.loads(notifier("detection", "explain", "42", "--json").stdout)
    assert answer["cell"]["not_counted"] == {"late": 1, "repeat": 9}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["94110x"], "a cell is typed as REGION SERVICE"),
        (["42", "--at", "2:10"], "--at goes with a cell"),
        (["94110", "power", "--at", "+2h"], "is still ahead"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_meant_is_refused(notifier: Run, typed: list[str], said: str) -> None:
    result = notifier("detection", "explain", *typed)
    assert result.exit_code == 2
    assert said in result.stderr


def test_what_does_not_exist_is_said(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", PATH, problem(404, "there is no incident 43"))
    result = notifier("detection", "explain", "43")
    assert (result.exit_code, result.stderr) == (1, "Error: there is no incident 43\n")


def test_the_shape_of_every_answer_is_readable(notifier: Run, daemon: FakeDaemon) -> None:
    """A cell that has just come into being: no window decides, one bucket, nobody called."""
    empty = replace(cell(), windows=[], callers=[], callers_left_out=0, counted=0, not_counted={}, without_place={})
    daemon.on("GET", PATH, incident(incident=None, cell=replace(empty, buckets=cell().buckets[:1], grade="")))
    text = notifier("detection", "explain", "94110", "power").stdout
    assert "NOTHING UNUSUAL" in text.splitlines()[0]
