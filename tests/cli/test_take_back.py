"""The time in which it can be taken back: any key does, nothing else does, and the terminal is always put back."""

import signal
import threading
import time

import pytest

from tests.cli.conftest import At
from tests.cli.terminal import Terminal
from tests.cli_views import broadcast, card, incident, progress, status, within_take_back
from tests.fake_daemon import Answer, Asked, FakeDaemon

pytestmark = pytest.mark.usefixtures("outage")

COUNTS = " s, any key takes it back ... "


def counting(at: At) -> Terminal:
    """Send at a terminal; the countdown is on."""
    person = at("confirm", "42", "--yes")
    person.sees(COUNTS)
    return person


@pytest.mark.parametrize("key", ["x", " ", "\n", "\x03", "\x1a", "\x1b[A"], ids=repr)
def test_any_key_takes_it_back(at: At, daemon: FakeDaemon, key: str) -> None:
    with counting(at) as person:
        person.type(key)
        assert person.ends() == 1
        person.sees("Taken back. Nobody was told.")
        assert person.is_as_before()
    assert daemon.paths()[-2:] == ["POST /v1/broadcasts/17/cancel", "GET /v1/incidents/42"]


def test_what_stays_confirmed_is_said_with_what_can_be_done(at: At, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed")))
    with counting(at) as person:
        person.type("x")
        person.sees("Taken back. Nobody was told.")
        person.sees("#42 stays confirmed, and its customers have heard nothing. Next:")
        person.sees("notifier tell 42 ")
        person.sees("notifier eta 42 none")
        person.sees("notifier dismiss 42")
        assert person.ends() == 1


def test_an_interrupt_from_outside_takes_it_back_too(at: At, daemon: FakeDaemon) -> None:
    with counting(at) as person:
        person.signal(signal.SIGINT)
        assert person.ends() == 1
        person.sees("Taken back. Nobody was told.")
        assert person.is_as_before()


def test_an_interrupt_in_the_middle_of_an_answer_takes_it_back(at: At, daemon: FakeDaemon) -> None:
    asked, release = threading.Event(), threading.Event()

    def slow(_: Asked) -> object:
        asked.set()
        release.wait(10)
        return within_take_back()

    daemon.on("GET", "/v1/broadcasts/17", slow)
    with counting(at) as person:
        assert asked.wait(10)
        person.signal(signal.SIGINT)
        person.sees("Taken back. Nobody was told.")
        release.set()
        assert person.ends() == 1


def test_taking_back_is_insisted_on(at: At, daemon: FakeDaemon) -> None:
    cut = Answer(200, b"{}", {"Content-Length": "10", "Connection": "close"})
    daemon.on("POST", "/v1/broadcasts/17/cancel", [cut, broadcast(state="cancelled", started_at=None)])
    with counting(at) as person:
        person.type("x")
        person.sees("Taken back. Nobody was told.")
        assert person.ends() == 1
    assert daemon.paths().count("POST /v1/broadcasts/17/cancel") == 2


def test_a_paused_daemon_is_named_when_nothing_leaves(at: At, daemon: FakeDaemon) -> None:
    going = broadcast(state="sending", progress=progress(states={"pending": 1172}))
    daemon.on("GET", "/v1/broadcasts/17", [within_take_back(), going])
    daemon.on("GET", "/v1/status", status(paused=True))
    with counting(at) as person:
        person.sees("PAUSED: no customer is written to until: notifier resume-all")
        assert person.ends() == 0


def test_ctrl_c_while_messages_leave_only_stops_watching(at: At, daemon: FakeDaemon) -> None:
    going = broadcast(state="sending", progress=progress(states={"sent": 166, "pending": 1006}))
    daemon.on("GET", "/v1/broadcasts/17", [within_take_back(), going])
    with counting(at) as person:
        while daemon.paths().count("GET /v1/broadcasts/17") < 3:
            time.sleep(0.05)
        person.type("\x03")
        person.sees("Sending: sent 166, failed 0, waiting 1,006.")
        assert person.ends() == 0
    assert "POST /v1/broadcasts/17/cancel" not in daemon.paths()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_puts_the_terminal_back_and_lets_it_go(
    at: At, daemon: FakeDaemon, number: signal.Signals
) -> None:
    with counting(at) as person:
        person.signal(number)
        assert person.ends() == 128 + number
        assert person.is_as_before()
    assert "POST /v1/broadcasts/17/cancel" not in daemon.paths()


def test_what_was_typed_ahead_does_not_take_it_back(at: At, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/broadcasts/17/send", within_take_back(5))
    daemon.on("GET", "/v1/broadcasts/17", broadcast())
    with at("confirm", "42") as person:
        person.sees("q to leave: ")
        person.type("1214\nyes\n")
        assert person.ends() == 0
        assert person.is_as_before()
    assert "POST /v1/broadcasts/17/cancel" not in daemon.paths()


def test_when_the_time_has_passed_it_is_shown_what_happened(at: At, daemon: FakeDaemon) -> None:
    going = broadcast(state="sending", progress=progress(states={"sent": 166, "pending": 1006}))
    daemon.on("GET", "/v1/broadcasts/17", [within_take_back(), going, broadcast()])
    with counting(at) as person:
        assert person.ends() == 0
        person.sees("Done: sent 1,170, failed 2.")
        person.sees("Promise: next update by 04:10 PDT (in 31 min).")
        assert person.is_as_before()


def test_a_key_pressed_too_late_says_what_has_left(at: At, daemon: FakeDaemon) -> None:
    begun = broadcast(state="cancelled", progress=progress(states={"sent": 12, "cancelled": 1160}))
    daemon.on("POST", "/v1/broadcasts/17/cancel", begun)
    with counting(at) as person:
        person.type("x")
        assert person.ends() == 1
        person.sees("Too late to take it back: it had begun.")
        person.sees("Cancelled: sent 12, failed 0.")


def test_a_long_hold_is_not_waited_for(at: At, daemon: FakeDaemon) -> None:
    held = broadcast(
        kind="restored", state="sending", started_at=None, not_before_at=within_take_back(600).not_before_at
    )
    daemon.on("POST", "/v1/broadcasts/17/send", held)
    with at("confirm", "42", "--yes") as person:
        assert person.ends() == 0
        text = person.text
    assert "Held in case it drops again; sending begins 03:4" in text
    assert "notifier broadcasts cancel 17" in text


def test_no_wait_skips_the_countdown(at: At) -> None:
    with at("confirm", "42", "--yes", "--no-wait") as person:
        assert person.ends() == 0
        assert COUNTS not in person.text
