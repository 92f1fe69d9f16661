"""`notifier read 42`: their own words, 72 columns wide, safe to print."""

import json

import pytest

from notifier.storage.views import WordsGroup, WordsView
from tests.cli.conftest import Run
from tests.cli_views import MINUTE
from tests.fake_daemon import NOON, FakeDaemon, problem


def group(text: str, **changes: object) -> WordsGroup:
    values = {"times": 1, "people": 1, "newest_at": NOON, "oldest_at": NOON, "how": {"complaint": 1}, **changes}
    return WordsGroup(text=text, **values)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _said(daemon: FakeDaemon) -> None:
    groups = [
        group("no hay luz", times=12, people=11, how={"complaint": 12}),
        group("OUT", times=3, people=3, how={"out": 3}),
        group("", newest_at=NOON - 5 * MINUTE),
        group("dark " * 100 + "\x1b[2J", newest_at=NOON - 6 * MINUTE),
    ]
    view = WordsView(incident_id=42, people=20, complaints=16, replies=3, groups=groups, left_out=2)
    daemon.on("GET", "/v1/incidents/42/words", view)


def test_the_same_words_stand_once_with_how_many_said_them(notifier: Run) -> None:
    lines = notifier("read", "42").stdout.splitlines()
    assert lines[:6] == [
        "#42: 20 people, 16 complaints, 3 replies",
        '03:39    12 x  "no hay luz"',
        "               11 people",
        '03:39     3 x  "OUT"',
        "               written back: OUT 3",
        "03:34          (no words)",
    ]
    assert lines[-1] == "2 older groups: notifier read 42 --all"
    assert max(map(len, lines)) <= 72
    assert any(line.endswith('..."') for line in lines)


def test_all_is_asked_for_and_cut_nowhere(notifier: Run, daemon: FakeDaemon) -> None:
    text = notifier("read", "42", "--all").stdout
    assert daemon.last("GET", "/v1/incidents/42/words").query == {"all": "1"}
    assert text.count("dark") == 100
    assert "\x1b" not in text


def test_json_is_the_answer_of_the_api(notifier: Run) -> None:
    assert json.loads(notifier("read", "42", "--json").stdout)["people"] == 20


def test_silence_and_no_incident_are_said(notifier: Run, daemon: FakeDaemon) -> None:
    nothing = WordsView(incident_id=42, people=0, complaints=0, replies=0, groups=[], left_out=0)
    daemon.on("GET", "/v1/incidents/42/words", nothing)
    assert notifier("read", "42").stdout == "Nobody has said anything of #42.\n"
    daemon.on("GET", "/v1/incidents/9/words", problem(404, "there is no incident 9"))
    daemon.on("GET", "/v1/incidents", [])
    result = notifier("read", "9")
    assert (result.exit_code, result.stderr) == (1, "Error: there is no incident 9; none is open\n")
    assert notifier("read", "x").exit_code == 2
