"""`notifier event`: each command is one request, times are echoed, and a storm is a card of 72 columns."""

import json
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from notifier.cli import happenings
from notifier.cli.times import Moment
from notifier.storage.views import EventCard, EventView, TimelineEntry
from tests.cli.conftest import Run
from tests.cli_views import MINUTE, card
from tests.fake_daemon import NOON, FakeDaemon, problem

WRONG_USAGE = 2


def event(**changes: Any) -> EventCard:
    return EventCard(
        **{
            "id": 3,
            "kind": "storm",
            "name": "Ada \u202e\x1b[31m and a name that goes on",
            "service": "power",
            "regions": ["state CA"],
            "commander": "Ann",
            "opened_at": NOON - 50 * MINUTE,
            "opened_by": "ann",
            "closed_at": None,
            "closed_by": None,
            "estimate_by": NOON + 240 * MINUTE,
            "incidents": {"confirmed": 1, "suspected": 1},
            "not_assessed": 1,
            "customers": 12_400,
            "told": 9_000,
            "next_promise_at": NOON + 12 * MINUTE,
            "next_promise_of": 42,
            **changes,
        }
    )


VIEW = EventView(card=event(), incidents=[card(), card(id=43, state="confirmed", place="94115 " * 20)], assessed=[42])


@pytest.fixture(autouse=True)
def _storm(daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/events", lambda _: [event(), event(id=2, closed_at=NOON, closed_by="bob")])
    daemon.on("GET", "/v1/events/3", VIEW)
    daemon.on("POST", "/v1/events", VIEW)
    for action in ("add", "remove", "estimate-by", "assessed", "close"):
        daemon.on("POST", f"/v1/events/3/{action}", VIEW)


def test_a_promise_that_has_passed_is_said_so_in_words(notifier: Run, daemon: FakeDaemon) -> None:
    late = event(next_promise_at=NOON - 12 * MINUTE)
    daemon.on("GET", "/v1/events/3", msgspec.structs.replace(VIEW, card=late))
    text = notifier("event", "show", "3").stdout
    assert "#42, which has passed" in text
    assert "[31m" not in text.replace("Ada", "").split("next promise")[1]


@pytest.mark.parametrize(
    ("typed", "path", "body"),
    [
        (("add", "3", "42"), "/v1/events/3/add", {"incident": 42}),
        (("remove", "3", "42"), "/v1/events/3/remove", {"incident": 42}),
        (("assessed", "3"), "/v1/events/3/assessed", {"incidents": []}),
        (("assessed", "3", "42", "43"), "/v1/events/3/assessed", {"incidents": [42, 43]}),
        (("estimate-by", "3", "none"), "/v1/events/3/estimate-by", {"estimate_by": None}),
        (("close", "3"), "/v1/events/3/close", {}),
    ],
)
def test_what_is_typed_becomes_one_request(
    notifier: Run, daemon: FakeDaemon, typed: tuple[str, ...], path: str, body: dict[str, object]
) -> None:
    assert notifier("event", *typed).exit_code == 0
    assert daemon.last("POST", path).json() == body


def test_opening_says_the_time_in_full_and_sends_it(notifier: Run, daemon: FakeDaemon) -> None:
    typed = ("--name", "Ada", "--service", "power", "--regions", "state:CA", "--first-estimate-by", "+4h")
    result = notifier("event", "open", "storm", *typed)
    body = daemon.last("POST", "/v1/events").json()
    assert (body["kind"], body["name"], body["service"], body["regions"]) == ("storm", "Ada", "power", ["state:CA"])
    assert abs(datetime.fromisoformat(body["estimate_by"]) - NOON - timedelta(hours=4)) < MINUTE
    assert "First estimate by" in result.stdout


@pytest.mark.parametrize("typed", [("show", "3"), ("list",), ("close", "3")])
def test_a_storm_fits_72_columns_and_holds_no_control_character(notifier: Run, typed: tuple[str, ...]) -> None:
    shown = notifier("event", *typed).stdout
    assert max(map(len, shown.splitlines())) <= 72
    assert not {"\x1b", "\u202e"} & set(shown)
    assert "12,400 customers out, 9,000 of them told" in " ".join(shown.split())
    assert "Ann" in shown


def test_what_to_do_is_said_while_something_is_not_assessed(notifier: Run) -> None:
    assert "notifier event assessed 3 ID" in notifier("event", "show", "3").stdout


@pytest.mark.parametrize("typed", [("show", "3"), ("list",), ("add", "3", "42"), ("open", "storm", "--name", "Ada")])
def test_json_is_the_answer_of_the_daemon(notifier: Run, typed: tuple[str, ...]) -> None:
    answer = json.loads(notifier("event", *typed, "--json").stdout)
    assert (answer[0] if isinstance(answer, list) else answer["card"])["id"] == 3


@pytest.mark.parametrize(
    "typed", [("open", "flood", "--name", "Ada"), ("open", "storm"), ("add", "3"), ("estimate-by", "3", "soon")]
)
def test_wrong_usage_asks_nothing_to_be_done(notifier: Run, daemon: FakeDaemon, typed: tuple[str, ...]) -> None:
    assert notifier("event", *typed).exit_code == WRONG_USAGE
    assert [each for each in daemon.asked if each.method == "POST"] == []


def test_what_is_refused_is_said(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/events/3/close", problem(409, "storm 3 (Ada) is closed"))
    result = notifier("event", "close", "3")
    assert result.exit_code == 1
    assert "is closed" in result.stderr


@pytest.mark.parametrize(
    ("what", "detail", "sentence"),
    [
        ("joined_event", {"to": "Ann"}, "it is in storm 3 (Ada); Ann has it"),
        ("left_event", {}, "anna took it out of storm 3 (Ada)"),
        ("event_closed", {}, "anna closed storm 3 (Ada); what was promised stands"),
        ("assessed", {}, "anna says it is assessed: customers may be given a time"),
        ("estimate_by", {"by": None}, "anna: storm 3 (Ada) promises a first estimate at no known time"),
    ],
)
def test_the_timeline_says_it_in_words(what: str, detail: dict[str, object], sentence: str) -> None:
    entry = TimelineEntry(at=NOON, event=what, actor="anna", detail={"number": 3, "name": "Ada", **detail})
    assert happenings.sentence(entry, Moment(NOON)) == sentence
