"""`notifier on-call`: who is woken, what became of calls, what a test shows, and what taking a call says."""

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from notifier.storage.views import AlarmView, CallRouteView, CallView, Need, OnCallPerson, OnCallView
from tests.cli.conftest import Run
from tests.cli_views import status
from tests.fake_daemon import NOON, FakeDaemon, problem

MINUTE = timedelta(minutes=1)
LINE = "#42 power Riverside: 20 people in 11 min (1.3 expected), 18 verified, 1,214 customers, nobody told"


def route(name: str = "sms", **changes: Any) -> CallRouteView:
    values = {
        "route": name,
        "state": "handed_over",
        "attempts": 1,
        "handed_over_at": NOON,
        "problem": "",
        "receipt": "",
    }
    return CallRouteView(**values | changes)


def call(**changes: Any) -> CallView:
    values = {
        "id": 17,
        "person": "Ann",
        "reason": "suspected",
        "text": LINE,
        "incidents": [42],
        "called_at": NOON - 33 * MINUTE,
        "answered_at": None,
        "answered_by": "",
        "answer": "",
        "outcome": "unanswered",
        "over": False,
        "routes": [route(receipt="delivered"), route("email")],
    }
    return CallView(**values | changes)


ANSWERED = {
    "answered_at": NOON,
    "answered_by": "on-call:Bea via sms",
    "answer": "wait",
    "outcome": "answered",
    "person": "Bea",
}
LOST = [route("webhook", state="failed", attempts=3, handed_over_at=None, problem="404 no_service")]


def view(**changes: Any) -> OnCallView:
    values = {
        "people": [
            OnCallPerson(name="Ann", routes={"sms": "+1415***01", "email": "a***@example.com"}),
            OnCallPerson(name="Bea", routes={"webhook": "slack at hooks.slack.com"}),
        ],
        "answer_within_seconds": 600.0,
        "alarms": [
            AlarmView(
                id=1,
                reason="suspected",
                about="suspected 42",
                incident_id=42,
                broadcast_id=None,
                opened_at=NOON - 33 * MINUTE,
                answered_at=NOON,
                answered_by="on-call:Bea via sms",
                answer="wait",
                rests_until=NOON + 30 * MINUTE,
            ),
            AlarmView(
                id=2,
                reason="source_silent",
                about="source_silent sms",
                incident_id=None,
                broadcast_id=None,
                opened_at=NOON - 3 * MINUTE,
                answered_at=None,
                answered_by="",
                answer="",
                rests_until=None,
            ),
        ],
        "calls": [call(id=18, **ANSWERED, routes=LOST), call()],
        "sources": ["sms", "web"],
    }
    return OnCallView(**values | changes)


def test_it_shows_who_is_woken_what_stands_and_what_became_of_each_call(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/on-call", view())
    result = notifier("on-call")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "On call, in this order; each has 10 min to answer",
        "  1  Ann: sms +1415***01, email a***@example.com",
        "  2  Bea: webhook slack at hooks.slack.com",
        "sources that are listened to: sms, web",
        "",
        "2 things wake people",
        "  suspected #42 since 03:06: on-call:Bea via sms has it, asked again at",
        "    04:09",
        "  source silent sms since 03:36: nobody has answered",
        "",
        "Calls, newest first",
        "  18  03:06  Bea, suspected: answered WAIT by on-call:Bea via sms",
        "      #42 power Riverside: 20 people in 11 min (1.3 expected), 18",
        "      verified, 1,214 customers, nobody told",
        "      webhook FAILED after 3 tries: 404 no_service",
        "  17  03:06  Ann, suspected: no answer",
        "      #42 power Riverside: 20 people in 11 min (1.3 expected), 18",
        "      verified, 1,214 customers, nobody told",
        "      sms     handed over, delivered",
        "      email   handed over",
    ]


def test_who_had_it_until_it_was_asked_again_is_not_said_to_have_it(notifier: Run, daemon: FakeDaemon) -> None:
    first = replace(view().alarms[0], answered_at=NOON - 31 * MINUTE, rests_until=NOON - MINUTE)
    daemon.on("GET", "/v1/on-call", view(alarms=[first], calls=[]))
    said = " ".join(notifier("on-call").stdout.split())
    assert "on-call:Bea via sms had it until 03:38; asked again since" in said
    assert "has it" not in said


def test_where_nobody_is_on_call_it_says_where_to_name_them(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/on-call", view(people=[], calls=[], alarms=[]))
    assert "Nobody is on call: name people in on_call.people" in notifier("on-call").stdout


def test_as_json_it_is_what_the_api_says(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/on-call", view())
    assert json.loads(notifier("on-call", "--json").stdout)["sources"] == ["sms", "web"]


def test_a_test_waits_for_the_answer_and_shows_every_route(
    notifier: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifier.cli.on_call.LOOKS_EVERY_SECONDS", 0.01)
    waiting = call(reason="test", outcome="ringing", routes=[route(state="waiting", attempts=0, handed_over_at=None)])
    daemon.on("POST", "/v1/on-call/test", lambda _: [waiting])
    done = call(reason="test", answered_at=NOON, answered_by="on-call:Ann via sms", answer="wait", outcome="answered")
    daemon.on("GET", "/v1/on-call/calls/17", [waiting, done])
    result = notifier("on-call", "test", "--person", "Ann")
    assert daemon.last("POST", "/v1/on-call/test").json() == {"person": "Ann"}
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-3:] == [
        "Ann: answered",
        "  sms     handed over, delivered",
        "  email   handed over",
    ]


def test_a_test_that_reached_nobody_says_no(notifier: Run, daemon: FakeDaemon) -> None:
    lost = call(reason="test", outcome="ringing", routes=LOST)
    daemon.on("POST", "/v1/on-call/test", lambda _: [lost])
    result = notifier("on-call", "test")
    assert daemon.last("POST", "/v1/on-call/test").json() == {"person": ""}
    assert result.exit_code == 1
    assert "Ann: NO ANSWER" in result.stdout
    assert "webhook FAILED after 3 tries: 404 no_service" in result.stdout


def test_a_test_does_not_wait_for_ever(notifier: Run, daemon: FakeDaemon) -> None:
    ringing = call(reason="test", outcome="ringing", routes=[route()])
    daemon.on("POST", "/v1/on-call/test", lambda _: [ringing])
    daemon.on("GET", "/v1/on-call/calls/17", ringing)
    result = notifier("on-call", "test", "--wait", "0")
    assert (result.exit_code, "Ann: NO ANSWER" in result.stdout) == (1, True)


def test_the_result_of_a_test_as_json(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/on-call/test", lambda _: [call(reason="test", routes=LOST)])
    assert json.loads(notifier("on-call", "test", "--json").stdout)[0]["routes"][0]["problem"] == "404 no_service"


def test_a_call_is_taken(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/on-call/calls/17/ack", call(**{**ANSWERED, "answered_by": "bert"}))
    result = notifier("on-call", "ack", "17")
    assert result.exit_code == 0
    assert result.stdout.startswith("You have it: #42 power Riverside: 20 people")
    daemon.on("POST", "/v1/on-call/calls/17/ack", problem(409, "call 17 was answered by bert already"))
    assert notifier("on-call", "ack", "17").exit_code == 1


def test_needs_show_who_was_woken(notifier: Run, daemon: FakeDaemon) -> None:
    need = Need(
        kind="source",
        incident_id=None,
        broadcast_id=None,
        text="source sms is silent for 3 h 0 min",
        due_at=None,
        next=["notifier on-call"],
        called="Ann called 03:06 PDT, no answer; Bea called 03:16 PDT, answered WAIT 03:18 PDT",
    )
    daemon.on("GET", "/v1/status", status(needs=[need]))
    lines = notifier().stdout.splitlines()
    assert lines[1].startswith("SILENT      source sms is silent")
    assert lines[2].strip() == "on call: Ann called 03:06 PDT, no answer; Bea called 03:16"
    assert lines[3].strip() == "PDT, answered WAIT 03:18 PDT"
