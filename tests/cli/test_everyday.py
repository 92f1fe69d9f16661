"""Keys, pausing, one complaint, finding customers: what is said to the daemon, what is shown, which exit code."""

import json
from pathlib import Path

import pytest

from notifier.storage.views import PausedView
from tests.cli.conftest import At, Run
from tests.cli_views import broadcast, key, new_key, notification, progress
from tests.fake_daemon import NOON, Answer, FakeDaemon, problem

ACCEPTED = {
    "id": 7,
    "duplicate": False,
    "customer": "C-1",
    "verified": True,
    "counted": True,
    "not_counted": None,
    "regions": ["postal_code 94110", "node OLT-7"],
    "incident": 42,
    "correlation_id": "x",
}


def test_a_new_key_is_the_only_thing_on_standard_output(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/keys", new_key())
    result = notifier("keys", "create", "anna", "--role", "commander")
    assert daemon.asked[-1].json() == {"name": "anna", "role": "commander"}
    assert result.stdout == "ntf_Ab12secretsecret\n"
    assert "This is shown once" in result.stderr


def test_a_role_that_does_not_exist_is_wrong_usage(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("keys", "create", "anna", "--role", "king")
    assert result.exit_code == 2
    assert "'king' is not one of 'viewer', 'agent', 'commander', 'manager', 'system'" in result.stderr
    assert daemon.asked == []


def test_keys_are_listed_by_their_beginning(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/keys", [key(), key(id=4, name="helpdesk", role="agent", revoked_at=NOON)])
    lines = notifier("keys", "list").stdout.splitlines()
    assert lines[1] == " 3  anna      commander  ntf_Ab12...  26 Jun 10:59"
    assert lines[2].endswith("03:39")


def test_a_key_is_revoked_by_its_number(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("DELETE", "/v1/keys/3", key(revoked_at=NOON))
    assert notifier("keys", "revoke", "3").stdout == "Key 3 'anna' (commander) is revoked.\n"
    daemon.on("DELETE", "/v1/keys/3", problem(409, "it is the last manager key"))
    assert notifier("keys", "revoke", "3").exit_code == 1


@pytest.mark.parametrize(("command", "paused"), [("pause-all", True), ("resume-all", False)])
def test_pausing_everything_says_how_to_go_on(notifier: Run, daemon: FakeDaemon, command: str, paused: bool) -> None:
    daemon.on("POST", f"/v1/{command}", PausedView(paused=paused, changed_at=NOON, changed_by="anna"))
    text = notifier(command).stdout
    assert "03:39" in text
    assert ("notifier resume-all" in text) is paused
    assert ("no customer is written to" in text) is paused
    assert ("who is on call, and the helpdesk" in text) is paused
    assert json.loads(notifier(command, "--json").stdout)["paused"] is paused


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_a_broadcast_is_paused_resumed_and_cancelled(notifier: Run, daemon: FakeDaemon, action: str) -> None:
    daemon.on("POST", f"/v1/broadcasts/17/{action}", broadcast(state="paused"))
    result = notifier("broadcasts", action, "17")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["Broadcast", "17,", "acknowledged,", "incident", "#42", "PAUSED"]


def test_a_rejection_carries_its_reason(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/broadcasts/17/reject", broadcast(state="cancelled"))
    assert notifier("broadcasts", "reject", "17", "--reason", "wrong town").exit_code == 0
    assert daemon.asked[-1].json() == {"reason": "wrong town"}


def test_a_rejected_broadcast_is_let_rest_in_words(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/broadcasts/17/cancel", broadcast(state="cancelled", reason="rejected", rejected_by="bert"))
    assert "nothing reminds of that any more" in notifier("broadcasts", "cancel", "17").stdout


@pytest.mark.parametrize("command", [("fault", "--slow", "1"), ("receipts",)])
def test_a_receiver_that_never_was_is_wrong_usage(notifier: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    result = notifier("sandbox", *command, "--dir", str(tmp_path / "none"))
    assert result.exit_code == 2
    assert "no receiver has kept mails in" in result.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("action", "state"), [("resend", "pending"), ("abandon", "abandoned")])
def test_a_held_message_is_decided(notifier: Run, daemon: FakeDaemon, action: str, state: str) -> None:
    daemon.on("POST", f"/v1/notifications/90210/{action}", notification(state=state))
    assert f"Message 90210 to a***@example.com is {state}." in notifier("notifications", action, "90210").stdout
    daemon.on("POST", f"/v1/notifications/90210/{action}", problem(409, "notification 90210 is sent"))
    assert notifier("notifications", action, "90210").exit_code == 1


HELD = broadcast(progress=progress(states={"sent": 1129, "held": 41}))
SAID = {"resend": "41 messages will be sent again.", "abandon": "41 messages will not be sent again."}


@pytest.mark.parametrize("action", ["resend", "abandon"])
@pytest.mark.parametrize(("given", "asked"), [("--yes", 41), ("--count=40", 40)])
def test_all_held_messages_of_a_broadcast_are_decided(
    notifier: Run, daemon: FakeDaemon, action: str, given: str, asked: int
) -> None:
    daemon.on("GET", "/v1/broadcasts/17", HELD)
    daemon.on("POST", f"/v1/broadcasts/17/held/{action}", HELD)
    text = " ".join(notifier("notifications", action, "--broadcast", "17", "--all", given).stdout.split())
    assert "41 messages of broadcast 17 (acknowledged, incident #42) may or may not have arrived." in text
    assert SAID[action] in text
    assert daemon.asked[-1].json() == {"count": asked}


def test_held_messages_are_counted_by_a_person(at: At, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/broadcasts/17", HELD)
    daemon.on("POST", "/v1/broadcasts/17/held/resend", HELD)
    with at("notifications", "resend", "--broadcast", "17", "--all") as person:
        person.sees("Type 41 to send them again, q to leave: ")
        person.type("42\n")
        person.sees("That is not the count: it is 41, you typed 42.")
        person.type("41\n")
        person.sees("41 messages will be sent again.")
        assert person.ends() == 0
    with at("notifications", "resend", "--broadcast", "17", "--all") as person:
        person.sees("Type 41")
        person.type("q\n")
        person.sees("Not sent again; they are still held.")
        assert person.ends() == 1


def test_without_a_terminal_nothing_held_is_decided(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/broadcasts/17", HELD)
    result = notifier("notifications", "resend", "--broadcast", "17", "--all")
    assert result.exit_code == 2
    assert "notifier notifications resend --broadcast 17 --all --count 41" in result.stderr
    assert daemon.paths() == ["GET /v1/broadcasts/17"]


@pytest.mark.parametrize("wrong", ["", "--all", "--broadcast=17", "90210 --yes", "90210 --broadcast=17 --all"])
def test_it_is_one_message_or_all_of_a_broadcast(notifier: Run, daemon: FakeDaemon, wrong: str) -> None:
    assert notifier("notifications", "abandon", *wrong.split()).exit_code == 2
    assert daemon.asked == []


def test_nothing_held_needs_no_decision(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/broadcasts/17", broadcast())
    result = notifier("notifications", "abandon", "--broadcast", "17", "--all")
    assert (result.exit_code, result.stderr.strip()) == (1, "Error: broadcast 17 has no held messages")


def test_a_complaint_says_where_it_counts_and_which_incident_it_meets(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/complaints", ACCEPTED)
    result = notifier("complaints", "add", "--service", "power", "--customer", "C-1", "--at", "2:10", "all", "dark")
    asked = daemon.last("POST", "/v1/complaints")
    assert asked.json() == {
        "service": "power",
        "customer_id": "C-1",
        "occurred_at": "2026-06-27T09:10:00Z",
        "text": "all dark",
        "source": "cli",
    }
    assert len(asked.headers["Idempotency-Key"]) == 36
    assert result.stdout == (
        "Complaint 7 is stored: customer C-1, verified.\n"
        "It counts in postal code 94110, node OLT-7.\n"
        "Open incident #42: notifier incidents show 42\n"
    )


def test_a_complaint_that_is_no_evidence_says_why(notifier: Run, daemon: FakeDaemon) -> None:
    more = {"counted": False, "not_counted": "repeat", "incident": None, "customer": None, "verified": False}
    daemon.on("POST", "/v1/complaints", {**ACCEPTED, **more})
    text = notifier("complaints", "add", "--service", "power", "--reporter", "+14155550101").stdout
    assert "nobody on file, not verified" in text
    assert "It is no evidence: the same reporter counted there within 24 hours." in text


@pytest.mark.parametrize("who", [[], ["--customer", "C-1", "--reporter", "a@b.org"]], ids=["nobody", "both"])
def test_a_complaint_needs_one_who_complains(notifier: Run, who: list[str]) -> None:
    result = notifier("complaints", "add", "--service", "power", *who)
    assert result.exit_code == 2
    assert "say who by --customer or by --reporter: one of them" in result.stderr


def test_customers_are_found_by_anything_that_names_them(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on(
        "GET",
        "/v1/customers",
        [{"id": 1, "reference": "C-1001", "name": "Ana Gómez", "sites": 2, "address": "12 Oak St, Springfield"}],
    )
    text = notifier("customers", "find", "(415) 555-0101").stdout
    assert daemon.asked[-1].query == {"q": "(415) 555-0101"}
    assert "C-1001    Ana Gómez  12 Oak St, Springfield      2" in text
    assert "See one: notifier customers show C-1001" in text


def test_a_list_that_may_not_have_everyone_says_so_in_72_columns(notifier: Run, daemon: FakeDaemon) -> None:
    cards = [{"id": 1, "reference": "C-1001", "name": "Ana " * 20, "sites": 2, "address": "12 Long Oak Street, " * 5}]
    daemon.on("GET", "/v1/customers", Answer(200, cards, {"Notifier-Incomplete": "many"}))
    text = notifier("customers", "find", "12 oak", "ana").stdout
    assert daemon.asked[-1].query == {"q": "12 oak ana"}
    assert "There are more; add a word, or a postal code." in text
    assert max(map(len, text.splitlines())) <= 72
    daemon.on("GET", "/v1/customers", Answer(200, [], {"Notifier-Incomplete": "time"}))
    assert "not everyone was looked at" in " ".join(notifier("customers", "find", "zzz").stderr.split())


def test_nobody_found_is_exit_1(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/customers", [])
    result = notifier("customers", "find", "x@y.org")
    assert (result.exit_code, result.stderr) == (1, "Error: nobody is found by 'x@y.org'\n")


def test_a_reference_with_a_slash_stays_one_reference(notifier: Run, daemon: FakeDaemon) -> None:
    notifier("customers", "show", "A/1 ?#")
    assert daemon.asked[-1].path == "/v1/customers/A%2F1%20%3F%23"


def test_what_is_read_of_answers_without_a_view_is_what_the_daemon_sends() -> None:
    from notifier.cli import complaints, customers
    from notifier.stages.directory import Reach
    from notifier.stages.intake import Accepted

    assert set(complaints._Accepted.__struct_fields__) <= set(Accepted.__struct_fields__)
    assert customers._Reach.__struct_fields__ == Reach.__struct_fields__
