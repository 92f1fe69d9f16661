"""`notifier event tell`: one check page and one number for all incidents of a storm; what has changed is said."""

import json
from datetime import timedelta
from typing import Any

import pytest

from notifier.storage.views import EventView, LeftOut, RoundLine, RoundPreview, RoundView
from tests.cli.conftest import At, Run
from tests.cli.test_event import event
from tests.cli_views import MINUTE, asker, broadcast, card, preview, status
from tests.fake_daemon import NOON, Answer, FakeDaemon, problem

PLACE = "Riverside and everything that lies along the long road to the coast"


def line(**changes: Any) -> RoundLine:
    return RoundLine(
        **{
            "incident_id": 42,
            "broadcast_id": 17,
            "place": PLACE,
            "kind": "assessing",
            "state": "draft",
            "reason": "by_person",
            "customers": 12_000,
            "no_way": 42,
            "promised_by": NOON + 240 * MINUTE,
            **changes,
        }
    )


LINES = [line(), line(incident_id=43, broadcast_id=18, place="94115", customers=700, no_way=0)]


def seen(**changes: Any) -> RoundPreview:
    usual = json.loads(json.dumps({name: getattr(preview(), name) for name in ("not_told", "by_channel", "by_locale")}))
    return RoundPreview(
        **{
            **{name: getattr(preview(), name) for name in preview().__struct_fields__},
            **usual,
            "customers": 12_400,
            "round_id": 5,
            "event_id": 3,
            "event": "storm 3 Ada (power)",
            "in_several": 300,
            "take_back_seconds": 30.0,
            "lines": LINES,
            "left_out": [LeftOut(incident_id=44, why="incident 42 lies there already, and is told")],
            "more": 0,
            "sent_by": None,
            "drafted_by": "ann",
            **changes,
        }
    )


def view(**changes: Any) -> RoundView:
    return RoundView(
        **{
            "id": 5,
            "event_id": 3,
            "event": "storm 3 Ada (power)",
            "state": "sending",
            "created_at": NOON,
            "created_by": "ann",
            "sent_at": NOON,
            "sent_by": "ann",
            "approved_by": None,
            "not_before_at": NOON - timedelta(seconds=1),
            "started_at": NOON,
            "expected_customers": 12_400,
            "planned": True,
            "states": {"sent": 12_650},
            "waits": [],
            "lines": [line(state="sending"), line(incident_id=43, broadcast_id=18, state="sending")],
            "left_out": [],
            **changes,
        }
    )


@pytest.fixture(autouse=True)
def _storm(daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/status", status())
    daemon.on("GET", "/v1/me", asker(name="bert"))
    daemon.on("GET", "/v1/events/3", EventView(card=event(), incidents=[card()], assessed=[], newest_round=5))
    daemon.on("POST", "/v1/events/3/tell", lambda _: Answer(201, seen()))
    daemon.on("GET", "/v1/rounds/5/preview", seen())
    daemon.on("GET", "/v1/rounds/5", view())
    for action in ("send", "approve", "reject", "cancel"):
        daemon.on("POST", f"/v1/rounds/5/{action}", view())


def waits(daemon: FakeDaemon, *rounds: int) -> None:
    found = EventView(card=event(), incidents=[card()], assessed=[], waiting=list(rounds), newest_round=5)
    daemon.on("GET", "/v1/events/3", found)


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_has_a_line_for_each_incident_and_one_number_for_all(notifier: Run, daemon: FakeDaemon) -> None:
    text = notifier("event", "tell", "3", "--yes").stdout
    assert "storm 3 Ada (power): 2 incidents, 12,400 customers" in text
    rows = [row for row in text.splitlines() if row.lstrip().startswith("#")]
    assert rows[1].split() == ["#43", "94115", "assessing", "700", "07:39"]
    assert "300 customers are in several of them: counted once" in text
    assert "! #44 is left out: incident 42 lies there already, and is told" in text
    assert "Check      12,400 customers, " in text
    assert all(len(row) <= 72 for row in text.splitlines())
    sent = daemon.last("POST", "/v1/rounds/5/send").json()
    assert sent == {"count": 12_400, "incidents": [42, 43]}
    assert "Done: 2 incidents, sent 12,650, failed 0." in text


def test_what_is_said_goes_to_the_daemon(notifier: Run, daemon: FakeDaemon) -> None:
    notifier("event", "tell", "3", "42", "43", "--again", "--cause", "storm", "--eta", "18:00", "--wake", "Y", "--yes")
    body = daemon.last("POST", "/v1/events/3/tell").json()
    assert (body["incidents"], body["again"], body["cause"], body["wake_reason"]) == ([42, 43], True, "storm", "Y")
    assert body["eta_at"].startswith("2026-06-28T01:00:00")
    assert daemon.last("POST", "/v1/rounds/5/send").json()["wake_reason"] == "Y"


def test_without_a_terminal_nothing_is_sent_and_no_draft_is_left(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("event", "tell", "3")
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "the drafts are cancelled; send them with the same command and --count 12400" in said
    assert daemon.paths()[-1] == "POST /v1/rounds/5/cancel"


def test_json_shows_the_preview_and_then_the_round(notifier: Run, daemon: FakeDaemon) -> None:
    assert json.loads(notifier("event", "tell", "3", "--json").stdout)["round_id"] == 5
    assert json.loads(notifier("event", "tell", "3", "--json", "--count", "12400").stdout)["state"] == "sending"


def test_a_refusal_leaves_no_draft_and_says_why(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/rounds/5/send", problem(409, "#43: it is dismissed. Nobody was told"))
    result = notifier("event", "tell", "3", "--count", "12400")
    assert (result.exit_code, "#43: it is dismissed" in result.stderr) == (1, True)
    assert daemon.paths()[-1] == "POST /v1/rounds/5/cancel"


# --- at a terminal ----------------------------------------------------------------------------------------------------


def test_a_wrong_number_is_named_and_the_third_one_leaves(at: At, daemon: FakeDaemon) -> None:
    with at("event", "tell", "3") as terminal:
        for n in range(3):
            terminal.sees("Type 12400 to send" if not n else "That is not the count" * 1)
            terminal.type(f"{n}\n")
            terminal.sees(f"you typed {n}")
        assert terminal.ends() == 1
        assert "Not sent, nobody was told. The drafts are cancelled." in terminal.text
    assert not any(path.endswith("/send") for path in daemon.paths())


def test_what_changed_meanwhile_is_said_and_shown_before_the_number_is_asked_again(at: At, daemon: FakeDaemon) -> None:
    gone = "round 5 has changed since it was shown: #43: it is dismissed. Nobody was told"
    daemon.on("POST", "/v1/rounds/5/send", [problem(409, gone), Answer(200, view())])
    left = seen(lines=LINES[:1], customers=12_000, left_out=[LeftOut(incident_id=43, why="it is dismissed")])
    daemon.on("GET", "/v1/rounds/5/preview", left)
    with at("event", "tell", "3") as terminal:
        terminal.sees("Type 12400 to send")
        terminal.type("12400\n")
        terminal.sees("Not sent. round 5 has changed")
        terminal.sees("! #43 is left out: it is dismissed")
        terminal.sees("Type 12000 to send")
        terminal.type("12,000\n")
        assert terminal.ends() == 0
    assert daemon.last("POST", "/v1/rounds/5/send").json() == {"count": 12_000, "incidents": [42]}


def test_an_incident_is_left_out_by_a_key(at: At, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/broadcasts/18/cancel", {})
    daemon.on("GET", "/v1/rounds/5/preview", seen(lines=LINES[:1], customers=12_000))
    with at("event", "tell", "3") as terminal:
        terminal.sees("Type 12400 to send")
        terminal.type("x 9\n")
        terminal.sees("such as x 42")
        terminal.type("x 43\n")
        terminal.sees("Type 12000 to send")
        terminal.type("q\n")
        assert terminal.ends() == 1
    assert "POST /v1/broadcasts/18/cancel" in daemon.paths()


def test_any_key_takes_all_of_it_back_and_says_of_which_it_was_too_late(at: At, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/rounds/5/send", view(not_before_at=daemon.clock() + timedelta(seconds=25), started_at=None))
    daemon.on("GET", "/v1/rounds/5", view(not_before_at=daemon.clock() + timedelta(seconds=25), started_at=None))
    half = [
        line(state="cancelled", reason="taken_back"),
        line(incident_id=43, broadcast_id=18, state="cancelled", started_at=NOON),
    ]
    daemon.on("POST", "/v1/rounds/5/cancel", view(state="cancelled", lines=half))
    with at("event", "tell", "3") as terminal:
        terminal.sees("Type 12400 to send")
        terminal.type("12400\n")
        terminal.sees("any key takes all of it back")
        terminal.type(" ")
        assert terminal.ends() == 1
        assert "Taken back, nobody was told: #42." in terminal.text
        assert "Too late, it had begun; what had not left is stopped: #43." in terminal.text


# --- the second person ------------------------------------------------------------------------------------------------


def test_above_the_limit_it_says_who_is_asked_and_how_it_goes_on(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/rounds/5/send", view(state="awaiting_approval", not_before_at=None, started_at=None))
    changes = {"needs_approval": True, "audience_limit": 5_000, "second_person": "Bo"}
    daemon.on("POST", "/v1/events/3/tell", seen(**changes, second_person_wait_seconds=600.0))
    text = notifier("event", "tell", "3", "--yes").stdout
    said = " ".join(text.split())
    assert "WAITS FOR APPROVAL: 12,400 customers of 2 incidents are more than the 5,000" in said
    assert "notifier event approve 3" in said
    assert "notifier event tell 3 --alone REASON" in said
    assert "alone from 03:49" in said


def test_alone_sends_what_waits_as_it_is(notifier: Run, daemon: FakeDaemon) -> None:
    refused = notifier("event", "tell", "3", "--alone", "x", "--cause", "storm")
    assert (refused.exit_code, "leave out --cause" in refused.stderr) == (2, True)
    nothing = notifier("event", "tell", "3", "--alone", "x")
    assert "nothing that is told to all of storm 3 waits for a second person" in nothing.stderr
    waits(daemon, 5)
    daemon.on("GET", "/v1/rounds/5/preview", seen(alone_from_at=NOON + 9 * MINUTE, second_person="Bo"))
    early = notifier("event", "tell", "3", "--alone", "x", "--yes")
    assert "Bo was asked first and may still answer: it can be sent alone from 03:48" in early.stderr
    daemon.on("GET", "/v1/rounds/5/preview", seen(alone_from_at=NOON - MINUTE))
    notifier("event", "tell", "3", "--alone", "nobody answers", "--yes")
    assert daemon.last("POST", "/v1/rounds/5/send").json()["alone"] == "nobody answers"


def test_who_drafted_it_does_not_approve_it_and_another_one_does(notifier: Run, daemon: FakeDaemon) -> None:
    waits(daemon, 5)
    daemon.on("GET", "/v1/rounds/5/preview", seen(drafted_by="Bert"))
    own = notifier("event", "approve", "3", "--yes")
    assert "round 5 was drafted by 'bert', your own key" in own.stderr
    daemon.on("GET", "/v1/rounds/5/preview", seen(sent_by="ann"))
    assert notifier("event", "approve", "3", "--yes").exit_code == 0
    assert daemon.last("POST", "/v1/rounds/5/approve").json() == {"count": 12_400, "incidents": [42, 43]}


def test_of_several_that_wait_one_is_named(notifier: Run, daemon: FakeDaemon) -> None:
    waits(daemon, 4, 5)
    assert "--round 4 or --round 5" in notifier("event", "reject", "3").stderr
    assert "waiting: 4, 5" in notifier("event", "reject", "3", "--round", "9").stderr
    assert "Round 5 is rejected" in notifier("event", "reject", "3", "--round", "5", "--reason", "no").stdout
    assert daemon.last("POST", "/v1/rounds/5/reject").json() == {"reason": "no"}


def test_one_of_them_is_not_sent_by_its_own_number_and_that_is_said_before_it_is_typed(
    notifier: Run, daemon: FakeDaemon
) -> None:
    daemon.on("GET", "/v1/broadcasts/17", broadcast(state="awaiting_approval", round_id=5))
    for command in (("approve", "17", "--yes"), ("send", "17", "--alone", "x", "--yes")):
        refused = notifier("broadcasts", *command)
        assert (refused.exit_code, "in round 5, by one number" in refused.stderr) == (1, True)
    assert "goes with others of a storm, round 5" in " ".join(notifier("broadcasts", "show", "17").stdout.split())


def test_until_it_begins_the_command_that_takes_this_one_back_is_shown(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/rounds/5/send", view(not_before_at=NOON + timedelta(seconds=30), started_at=None))
    text = notifier("event", "tell", "3", "--yes", "--no-wait").stdout
    assert "Take all of it back until then: notifier event take-back 3 --round 5" in text
    assert all(len(row) <= 72 for row in text.splitlines())


def test_the_newest_is_taken_back(notifier: Run, daemon: FakeDaemon) -> None:
    gone = [line(state="cancelled", reason="taken_back"), line(incident_id=43, state="cancelled")]
    daemon.on("POST", "/v1/rounds/5/cancel", view(state="cancelled", started_at=None, lines=gone))
    text = notifier("event", "take-back", "3").stdout
    assert text == "Taken back. Nobody was told.\n#42 stays confirmed. Next: notifier event tell 3\n"


def test_the_storm_shows_what_waits_and_whom_nobody_told(notifier: Run, daemon: FakeDaemon) -> None:
    assert "Nobody was told of 1 incident: notifier event tell 3" in notifier("event", "show", "3").stdout
    waits(daemon, 4, 5)
    text = notifier("event", "show", "3").stdout
    assert "Round 5 waits for a second person: notifier event approve 3 --round 5" in " ".join(text.split())


def test_the_storm_shows_which_word_falls_due_and_how_it_is_spoken(notifier: Run, daemon: FakeDaemon) -> None:
    text = " ".join(notifier("event", "show", "3").stdout.split())
    assert "#42 waits for a word by 03:51: notifier event tell 3 --again" in text
    daemon.on("GET", "/v1/events/3", EventView(card=event(), incidents=[card()], assessed=[42]))
    assert "#42 waits for a word by 03:51: notifier eta 42 TIME" in " ".join(
        notifier("event", "show", "3").stdout.split()
    )
    closed = event(closed_at=NOON, closed_by="bob")
    daemon.on("GET", "/v1/events/3", EventView(card=closed, incidents=[card()], assessed=[]))
    assert "waits for a word" not in notifier("event", "show", "3").stdout
