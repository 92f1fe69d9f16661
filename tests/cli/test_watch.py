"""`notifier watch 42`: drawn anew at a terminal, one key leaves; plain lines without one."""

import json

import pytest

from notifier.storage.views import TimelineEntry
from tests.cli.conftest import At, Run
from tests.cli_views import MINUTE, broadcast, card, incident, need, progress, status
from tests.fake_daemon import NOON, FakeDaemon, problem

SCREEN, BACK = "\x1b[?1049h", "\x1b[?1049l"


@pytest.fixture(autouse=True)
def _going(daemon: FakeDaemon) -> None:
    going = broadcast(state="sending", progress=progress(states={"sent": 166, "pending": 1006}))
    daemon.on("GET", "/v1/status", status(needs=[need()]))
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed", told=166), broadcasts=[going]))


def test_a_screen_is_drawn_anew_and_one_key_leaves(at: At, daemon: FakeDaemon) -> None:
    with at("watch", "42", "--every", "0.2") as person:
        person.sees(SCREEN)
        person.sees("any key leaves")
        person.sees("pending 1,006, sent 166")
        person.sees("next: notifier tell 42")
        going = broadcast(state="sending", progress=progress(states={"sent": 1172}))
        daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed", told=1172), broadcasts=[going]))
        person.sees("sent 1,172")
        person.type("x")
        assert person.ends() == 0
        assert person.is_as_before()
        assert person.text.endswith(BACK)
        drawn = person.text.split("\x1b[H")[-1].split("\x1b[?")[0]
    assert all(len(line.replace("\x1b[K", "").replace("\x1b[J", "")) <= 72 for line in drawn.splitlines())


def test_a_daemon_that_restarts_is_waited_for(at: At, daemon: FakeDaemon) -> None:
    with at("watch", "42", "--every", "0.2") as person:
        person.sees("any key leaves")
        daemon.on("GET", "/v1/status", problem(503, "the daemon is starting"))
        person.sees("! the daemon is starting")
        daemon.on("GET", "/v1/status", status(needs=[]))
        person.sees("pending 1,006, sent 166")
        person.type("\x03")
        assert person.ends() == 0


def test_an_incident_that_is_none_takes_no_screen(at: At, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/9", problem(404, "there is no incident 9"))
    with at("watch", "9") as person:
        assert person.ends() == 1
        assert SCREEN not in person.text


def test_without_a_terminal_each_change_is_a_line_until_it_is_over(notifier: Run, daemon: FakeDaemon) -> None:
    first = TimelineEntry(
        at=NOON - MINUTE, event="opened", actor="daemon", detail={"place": "94110", "state": "suspected"}
    )
    last = TimelineEntry(at=NOON, event="closed", actor="anna", detail={})
    going = broadcast(state="sending", progress=progress(states={"sent": 166}))
    states = [
        incident(card=card(state="confirmed"), timeline=[first], broadcasts=[going]),
        incident(card=card(state="confirmed"), timeline=[first], broadcasts=[going]),
        incident(card=card(state="closed"), timeline=[first, last], broadcasts=[broadcast()]),
    ]
    daemon.on("GET", "/v1/incidents/42", [states[0], *states])
    result = notifier("watch", "42", "--every", "0.2")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "03:38 #42 the daemon opened it: 94110 (suspected)",
        "03:39 #42 update 17 sending: messages sent 166",
        "03:39 #42 anna closed it",
        "03:39 #42 update 17 completed: messages sent 1,170, failed 2",
    ]


def test_json_is_a_document_for_each_state(notifier: Run, daemon: FakeDaemon) -> None:
    going, over = incident(card=card(state="confirmed")), incident(card=card(state="dismissed"))
    daemon.on("GET", "/v1/incidents/42", [going, going, going, over])
    lines = notifier("watch", "42", "--json", "--every", "0.2").stdout.splitlines()
    assert [json.loads(line)["card"]["state"] for line in lines] == ["confirmed", "dismissed"]


@pytest.mark.parametrize("wrong", [["x"], ["42", "--every", "0"], []])
def test_wrong_usage_is_2(notifier: Run, wrong: list[str]) -> None:
    assert notifier("watch", *wrong).exit_code == 2
