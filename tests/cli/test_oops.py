"""`notifier oops 42`: stop what is not sent, correct those who heard, or both; each with its number typed."""

import json

import pytest

from tests.cli.conftest import At, Run
from tests.cli_views import MINUTE, broadcast, card, draft, incident, preview, progress, within_take_back
from tests.fake_daemon import NOON, FakeDaemon, problem

HELD = {"sent": 166, "pending": 1006}


@pytest.fixture(autouse=True)
def _told(daemon: FakeDaemon, outage: None) -> None:
    """Let 166 have heard, and 1,006 wait for the morning."""
    going = broadcast(state="sending", progress=progress(states=HELD))
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed", told=166), broadcasts=[going]))
    daemon.on("POST", "/v1/broadcasts/17/cancel", broadcast(state="cancelled", progress=progress(states=HELD)))
    daemon.on("GET", "/v1/broadcasts/17", broadcast(state="completed"))
    correction = preview(broadcast_id=18, kind="correction", customers=166)
    daemon.on("POST", "/v1/incidents/42/dismiss", draft(preview=correction))
    daemon.on("POST", "/v1/broadcasts/18/send", broadcast(id=18, kind="correction"))
    daemon.on("POST", "/v1/broadcasts/18/cancel", broadcast(id=18, state="cancelled"))


def did(daemon: FakeDaemon) -> list[str]:
    return [path.removeprefix("POST ") for path in daemon.paths() if path.startswith("POST")]


def test_what_can_be_done_is_offered_with_its_numbers(at: At, daemon: FakeDaemon) -> None:
    with at("oops", "42") as person:
        person.sees("1) stop what is not sent (1,006)  2) correct the 166 who heard  3) both\n")
        person.sees("Which? 1, 2, 3, q to leave: ")
        person.type("4\n")
        person.sees("'4' is not offered: type 1 or 2 or 3, or q to leave.")
        person.type("q\n")
        assert person.ends() == 1
        person.sees("Nothing was done.")
    assert did(daemon) == []


def test_what_is_corrected_already_says_when_and_offers_nothing(notifier: Run, at: At, daemon: FakeDaemon) -> None:
    over = broadcast(id=18, kind="correction", started_at=NOON - 25 * MINUTE)
    gone = card(state="dismissed", told=166)
    daemon.on("GET", "/v1/incidents/42", incident(card=gone, broadcasts=[broadcast(), over]))
    for arguments in ((), ("--correct", "--yes"), ("--both", "--yes")):
        result = notifier("oops", "42", *arguments)
        assert (result.exit_code, "#42 was corrected at 03:14: nothing to do." in result.stdout) == (1, True)
    going = broadcast(id=18, kind="correction", state="sending", progress=progress(states=HELD))
    daemon.on("GET", "/v1/incidents/42", incident(card=gone, broadcasts=[broadcast(), going]))
    with at("oops", "42") as person:
        person.sees("1) stop what is not sent (1,006)\n")  # and not to correct the correction
        person.type("7\n")
        person.sees("'7' is not offered: type 1, or q to leave.")
        person.type("q\n")
        assert person.ends() == 1
    assert did(daemon) == []


def test_1_stops_what_is_not_sent(at: At, daemon: FakeDaemon) -> None:
    with at("oops", "42") as person:
        person.sees("q to leave: ")
        person.type("1\n")
        person.sees("Type 1006 to stop, q to leave: ")
        person.type("1060\n")
        person.sees("That is not the count: it is 1006, you typed 1060.")
        person.type("1006\n")
        person.sees("Broadcast 17 is stopped: 1,006 do not hear of it.")
        person.sees("notifier oops 42 --correct")
        assert person.ends() == 0
    assert did(daemon) == ["/v1/broadcasts/17/cancel"]


def test_2_corrects_those_who_heard(at: At, daemon: FakeDaemon) -> None:
    with at("oops", "42", "--no-wait") as person:
        person.sees("q to leave: ")
        person.type("2\n")
        person.sees("it was our mistake, and ends the incident")
        person.sees("Type 166 to send, q to leave: ")
        person.type("166\n")
        assert person.ends() == 0
    assert did(daemon) == ["/v1/incidents/42/dismiss", "/v1/broadcasts/18/send"]


def test_3_stops_first_and_then_corrects(at: At, daemon: FakeDaemon) -> None:
    with at("oops", "42", "--no-wait") as person:
        person.sees("q to leave: ")
        person.type("3\n")
        person.sees("Type 1006 to stop, q to leave: ")
        person.type("1006\n")
        person.sees("Type 166 to send, q to leave: ")
        person.type("q\n")
        assert person.ends() == 1
    assert did(daemon) == ["/v1/broadcasts/17/cancel", "/v1/incidents/42/dismiss", "/v1/broadcasts/18/cancel"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--stop", "--count", "1006"], ["/v1/broadcasts/17/cancel"]),
        (["--stop", "--yes"], ["/v1/broadcasts/17/cancel"]),
        (["--correct", "--count", "166"], ["/v1/incidents/42/dismiss", "/v1/broadcasts/18/send"]),
        (["--both", "--yes"], ["/v1/broadcasts/17/cancel", "/v1/incidents/42/dismiss", "/v1/broadcasts/18/send"]),
    ],
)
def test_scripts_say_what_and_how_many(
    notifier: Run, daemon: FakeDaemon, arguments: list[str], expected: list[str]
) -> None:
    result = notifier("oops", "42", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    assert did(daemon) == expected
    assert max(map(len, result.stdout.splitlines())) <= 72


def test_json_prints_a_document_for_each_thing_done(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/broadcasts/18", broadcast(id=18))
    stopped, corrected = map(json.loads, notifier("oops", "42", "--both", "--yes", "--json").stdout.splitlines())
    assert (stopped[0]["state"], corrected["id"]) == ("cancelled", 18)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "the count must be typed at a terminal"),
        (["--stop"], 2, "the count must be typed at a terminal"),
        (["--stop", "--json"], 2, "the count must be typed at a terminal"),
        (["--yes"], 2, "say what is to be done: --stop, --correct or --both"),
        (["--stop", "--count", "1005"], 1, "nothing was stopped: 1006 have not left, and --count says 1005"),
        (["--stop", "--count", "x"], 2, "'x' is not a valid integer"),
    ],
)
def test_what_is_not_said_is_not_done(
    notifier: Run, daemon: FakeDaemon, arguments: list[str], code: int, said: str
) -> None:
    result = notifier("oops", "42", *arguments)
    assert (result.exit_code, said in " ".join(result.stderr.split())) == (code, True), result.stderr
    assert did(daemon) == []


@pytest.mark.parametrize(
    ("broadcasts", "told", "arguments", "said"),
    [
        ([], 0, [], "nothing of #42 is on its way, and nobody has heard of it"),
        ([], 5, ["--stop"], "nothing of #42 is on its way; correct those who heard: --correct"),
        ([within_take_back()], 0, ["--correct"], "nobody has heard of #42; stop what is not sent: --stop"),
    ],
)
def test_what_there_is_nothing_of_is_refused(
    notifier: Run, daemon: FakeDaemon, broadcasts: list[object], told: int, arguments: list[str], said: str
) -> None:
    view = incident(card=card(state="confirmed", told=told), broadcasts=broadcasts)
    daemon.on("GET", "/v1/incidents/42", view)
    result = notifier("oops", "42", *arguments, "--yes")
    assert (result.exit_code, result.stderr) == (1, f"Error: {said}\n")


def test_what_has_not_begun_is_taken_back(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed"), broadcasts=[within_take_back()]))
    daemon.on("POST", "/v1/broadcasts/17/cancel", broadcast(state="cancelled", started_at=None))
    result = notifier("oops", "42", "--stop", "--count", "1214")
    assert "Broadcast 17 is taken back. Nobody was told by it." in result.stdout


def test_what_has_left_meanwhile_is_said(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/broadcasts/17/cancel", problem(409, "broadcast 17 is completed and cannot be cancelled"))
    result = notifier("oops", "42", "--stop", "--yes")
    assert "Broadcast 17 is completed already." in result.stdout
