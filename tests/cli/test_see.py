"""What is shown: needs, status, incidents, broadcasts, notifications; 72 columns, plain, safe, or the API's JSON."""

import json
from datetime import timedelta

import pytest
from msgspec.structs import replace

from notifier.storage.views import LooksOverView, ReceiptView, TimelineEntry
from tests.cli.conftest import Run
from tests.cli_views import (
    MINUTE,
    asker,
    broadcast,
    card,
    customer,
    incident,
    need,
    notification,
    preview,
    progress,
    promise,
    status,
    within_take_back,
)
from tests.fake_daemon import NOON, FakeDaemon, problem

EVERYTHING = {
    "/v1/status": status(),
    "/v1/needs": [need()],
    "/v1/incidents": [card()],
    "/v1/incidents/42": incident(promises=[promise()], broadcasts=[broadcast()]),
    "/v1/broadcasts/17": broadcast(),
    "/v1/broadcasts/17/preview": preview(),
    "/v1/notifications/90210": notification(),
    "/v1/customers/C-1001": customer(),
}
COMMANDS = {
    "": "/v1/needs",
    "status": "/v1/status",
    "incidents": "/v1/incidents",
    "incidents list": "/v1/incidents",
    "incidents show 42": "/v1/incidents/42",
    "incidents 42": "/v1/incidents/42",
    "incidents #42": "/v1/incidents/42",
    "broadcasts show 17": "/v1/broadcasts/17",
    "broadcasts preview 17": "/v1/broadcasts/17/preview",
    "notifications show 90210": "/v1/notifications/90210",
    "customers show C-1001": "/v1/customers/C-1001",
}


@pytest.fixture(autouse=True)
def _everything(daemon: FakeDaemon) -> None:
    for path, answer in EVERYTHING.items():
        daemon.on("GET", path, answer)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_wider_than_72_columns_and_none_holds_a_control_character(notifier: Run, command: str) -> None:
    result = notifier(*command.split())
    assert result.exit_code == 0
    assert result.stdout.strip()
    assert all(len(line) <= 72 and line.isprintable() for line in result.stdout.splitlines())


@pytest.mark.parametrize(("command", "path"), COMMANDS.items())
def test_json_prints_the_answer_of_the_api_alone(notifier: Run, daemon: FakeDaemon, command: str, path: str) -> None:
    result = notifier(*command.split(), "--json")
    assert result.exit_code == 0
    assert daemon.asked[-1].path == path
    assert isinstance(json.loads(result.stdout), dict | list)
    assert result.stderr == ""


@pytest.mark.parametrize(
    "typed", ["--json incidents", "incidents --json", "incidents --json list", "incidents list --json"]
)
def test_json_may_stand_anywhere(notifier: Run, typed: str) -> None:
    assert json.loads(notifier(*typed.split()).stdout)[0]["id"] == 42


def test_needs_name_what_is_due_and_what_to_type(notifier: Run) -> None:
    lines = notifier().stdout.splitlines()
    assert lines[0] == "2 things need you"
    assert lines[1].startswith("PROMISE     #41 internet in Riverside")
    assert lines[2] == "            due 03:51 PDT (in 12 min)"
    assert "            next: notifier tell 42 | read 42 (their words) | dismiss 42" in lines


def test_nothing_to_do_is_said_as_such(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/status", status(needs=[], incidents=[card(told=1172)]))
    assert notifier().stdout == ("Nothing needs you.\n1 open incident, 1,172 customers told: notifier incidents list\n")


@pytest.mark.parametrize(
    ("kind", "label"),
    [("paused_all", "ALL PAUSED"), ("cut_short", "CUT SHORT"), ("delayed", "DELAYED"), ("ledger", "LEDGER")],
)
def test_what_was_stopped_or_went_on_by_itself_has_a_label(
    notifier: Run, daemon: FakeDaemon, kind: str, label: str
) -> None:
    daemon.on("GET", "/v1/status", status(needs=[need(kind=kind, text="this is so", next=["notifier resume-all"])]))
    assert f"{label:<12}this is so\n{' ' * 12}next: notifier resume-all" in notifier().stdout


def test_status_shows_a_stopped_provider_and_what_waits(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/status", status(providers={"relay": "stopped: 535 authentication failed"}, detector_lag=3))
    text = notifier("status").stdout
    assert "relay: stopped: 535 authentication failed" in text
    assert "pending 1,006, sent 166" in text
    assert "the detector is 3 behind" in text


def test_a_full_list_says_how_to_see_older_ones(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents", [card(id=number) for number in range(400, 200, -1)])
    assert "Older ones: notifier incidents list --before 201" in notifier("incidents", "list").stdout
    notifier("incidents", "list", "--before", "201")
    assert daemon.last("GET", "/v1/incidents").query["before"] == "201"


def test_incidents_lists_the_open_ones_with_the_next_time_owed(notifier: Run, daemon: FakeDaemon) -> None:
    told = card(state="confirmed", told=1172, eta_at=NOON + 171 * MINUTE, next_update_by=NOON + 31 * MINUTE)
    daemon.on("GET", "/v1/incidents", [told])
    text = notifier("incidents").stdout
    assert daemon.asked[-1].query == {"state": "scheduled,suspected,confirmed"}
    assert "1,214  1,172  04:10, in 31 min" in text


def test_incidents_can_be_asked_for_by_state_or_all(notifier: Run, daemon: FakeDaemon) -> None:
    notifier("incidents", "list", "--state", "resolved", "--state", "closed")
    assert daemon.asked[-1].query == {"state": "resolved,closed"}
    notifier("incidents", "list", "--all")
    assert daemon.asked[-1].query == {}


def test_no_open_incident_is_said_as_such(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents", [])
    assert notifier("incidents").stdout == "No incident is open.\n"


def test_an_incident_shows_evidence_promises_broadcasts_and_timeline(notifier: Run) -> None:
    text = notifier("incidents", "show", "42").stdout
    assert text.startswith("#42 power down, 94110, 94112")
    assert "postal code 94110    20    1.3   45.2  20 (18)  certain  02:55" in text
    assert "next update  04:10 PDT (in 31 min)  open" in text
    assert "17  03:36  acknowledged  completed  up to 1,172  sent 1,170, failed 2" in text
    assert "opened: grade likely" in text
    assert "why: notifier detection explain 42" in text


@pytest.mark.parametrize(
    ("states", "told"),
    [
        ({"sent": 1172}, "1,172 of"),
        ({"sent": 1000, "pending": 172}, "up to 1,172 of"),
        ({"cancelled": 1172}, "0 of"),
        ({"pending": 1172}, "0 of"),
    ],
)
def test_who_was_told_is_who_was_written_to(
    notifier: Run, daemon: FakeDaemon, states: dict[str, int], told: str
) -> None:
    daemon.on("GET", "/v1/broadcasts/17", broadcast(progress=progress(states=states)))
    assert f"  told            {told} " in notifier("broadcasts", "show", "17").stdout


def test_times_of_another_day_carry_their_date(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42", incident(card=card(started_at=NOON - timedelta(days=2))))
    assert "25 Jun 03:39 PDT (48 h ago)" in notifier("incidents", "show", "42").stdout.replace("2 days ago", "48 h ago")


def test_a_held_message_says_what_each_decision_risks(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/notifications/90210", notification(state="held", in_doubt_at=NOON))
    text = notifier("notifications", "show", "90210").stdout
    assert "notifier notifications resend 90210    perhaps they hear twice" in text
    assert "notifier notifications abandon 90210   perhaps they never hear" in text


def test_what_the_carrier_reported_later_is_shown(notifier: Run, daemon: FakeDaemon) -> None:
    receipt = ReceiptView(attempt=1, provider="sms", received_at=NOON, status="undelivered", code="30003")
    daemon.on("GET", "/v1/notifications/90210", notification(state="undelivered", receipts=[receipt]))
    text = notifier("notifications", "show", "90210").stdout
    shown = text[text.index("Reported by the carrier") :].split("\n")[2].split()
    assert shown[0] == "1"
    assert shown[2:] == ["sms", "undelivered", "30003"]


def test_the_html_of_a_message_is_printed_alone(notifier: Run) -> None:
    assert notifier("notifications", "show", "90210", "--html").stdout == "<p>We are sorry.</p>\n"


def test_a_customer_is_shown_with_what_they_were_told_first(notifier: Run) -> None:
    text = notifier("customers", "show", "C-1001").stdout
    assert text.startswith("C-1001  Ana Gómez")
    assert text.index("What they were told") < text.index("What they said") < text.index("Sites")
    assert "email ana@example.com" in text
    assert "  03:30 PDT (9 min ago)  eta of #42: asked not to hear from us" in text
    assert "area code 415 (from the phone number)" in text


def test_a_message_that_never_left_is_no_telling(notifier: Run, daemon: FakeDaemon) -> None:
    view = customer()
    daemon.on("GET", "/v1/customers/C-1001", replace(view, told=[replace(view.told[0], state="cancelled")]))
    text = notifier("customers", "show", "C-1001").stdout
    assert "What they were told\n  nothing\n" in text
    assert "acknowledged of #42, email ana@example.com: cancelled" in " ".join(
        text[text.index("What they were not told") :].split()
    )


def test_a_rejection_is_shown_with_who_and_why_until_it_is_answered(notifier: Run, daemon: FakeDaemon) -> None:
    no = broadcast(state="cancelled", reason="rejected", rejected_by="bert", rejected_because="wrong town")
    daemon.on("GET", "/v1/me", asker())
    daemon.on("GET", "/v1/incidents/42", incident(broadcasts=[no], rejected=[17]))
    text = notifier("incidents", "show", "42").stdout
    assert "Your broadcast 17 (acknowledged) was rejected by bert: wrong town." in text
    assert "notifier broadcasts cancel 17" in text
    daemon.on("GET", "/v1/me", asker(name="carl"))
    assert "anna's broadcast 17 (acknowledged) was rejected" in notifier("incidents", "show", "42").stdout
    daemon.on("GET", "/v1/incidents/42", incident(broadcasts=[no]))
    assert "was rejected" not in notifier("incidents", "show", "42").stdout
    daemon.on("GET", "/v1/broadcasts/17", no)
    assert "rejected by bert: wrong town" in notifier("broadcasts", "show", "17").stdout


def test_what_nobody_was_told_is_not_called_told(notifier: Run, daemon: FakeDaemon) -> None:
    facts = {"service": "power", "eta_at": (NOON + 60 * MINUTE).isoformat()}
    daemon.on("GET", "/v1/broadcasts/17", broadcast(facts=facts, state="draft", started_at=None))
    assert "  ETA   " in notifier("broadcasts", "show", "17").stdout
    daemon.on("GET", "/v1/broadcasts/17", broadcast(facts=facts))
    text = notifier("broadcasts", "show", "17").stdout
    assert "  ETA told  " in text
    assert "  why" not in text  # it is finished: the line above says so


def test_of_what_is_over_nothing_is_promised_any_more(notifier: Run, daemon: FakeDaemon) -> None:
    over = card(state="dismissed", next_update_by=NOON + 31 * MINUTE, eta_at=NOON + 9 * MINUTE)
    daemon.on("GET", "/v1/incidents", [over])
    assert "03:48" not in notifier("incidents", "list", "--all").stdout
    daemon.on("GET", "/v1/incidents/42", incident(card=over))
    shown = notifier("incidents", "show", "42").stdout
    assert "update by" not in shown
    assert "ETA" not in shown


def test_what_is_believed_back_is_not_due(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents", [card(state="confirmed", part_state="believed_back", eta_at=NOON + MINUTE)])
    assert notifier("incidents", "list").stdout.splitlines()[1].endswith("  believed back")


def test_a_timeline_shows_times_as_its_reader_does(notifier: Run, daemon: FakeDaemon) -> None:
    detail = {"due_at": NOON.isoformat().replace("+00:00", "Z"), "reason": "2026"}
    entry = TimelineEntry(at=NOON, event="promise_missed", actor="daemon", detail=detail)
    daemon.on("GET", "/v1/incidents/42", incident(timeline=[entry]))
    assert "the daemon: promise missed: due at 03:39, reason 2026" in notifier("incidents", "show", "42").stdout


def test_a_timeline_says_evidence_in_plain_words(notifier: Run, daemon: FakeDaemon) -> None:
    detail = {"region": "postal_code 94110", "grade": "certain", "score": 27.1, "observed": 20, "expected": 1.3}
    entry = TimelineEntry(at=NOON, event="evidence", actor="daemon", detail={**detail, "seconds": 650, "customers": 20})
    daemon.on("GET", "/v1/incidents/42", incident(timeline=[entry]))
    shown = " ".join(notifier("incidents", "show", "42").stdout.split())
    assert "03:39 postal code 94110: 20 people in 11 min, 1.3 expected: certain" in shown


def test_a_timeline_names_an_event_once(notifier: Run, daemon: FakeDaemon) -> None:
    entry = TimelineEntry(at=NOON, event="of_tomorrow", actor="daemon", detail={"of_tomorrow": "94110", "grade": "x"})
    daemon.on("GET", "/v1/incidents/42", incident(timeline=[entry]))
    assert "the daemon: of tomorrow: 94110, grade x" in notifier("incidents", "show", "42").stdout


def test_what_an_outage_has_grown_by_stands_on_the_card_and_in_the_timeline(notifier: Run, daemon: FakeDaemon) -> None:
    detail = {"now_also": "94110", "distinct": 6, "expected": 0.4}
    beside = {**detail, "now_also": "94114", "incident": 43}
    entries = [TimelineEntry(at=NOON, event="now_also", actor="daemon", detail=each) for each in (detail, beside)]
    daemon.on("GET", "/v1/incidents/42", incident(timeline=entries))
    shown = " ".join(notifier("incidents", "show", "42").stdout.split())
    assert "now also 94110: 6 distinct, 0.4 expected; 94114: 6 distinct, 0.4 expected (incident 43)" in shown
    assert "03:39 94110 complains now, too: 6 customers, 0.4 expected" in shown


@pytest.mark.parametrize(
    ("reason", "by", "said"),
    [("by_person", "anna", "03:39 PDT (now) by anna"), ("subsided", "daemon", "by daemon, subsided")],
)
def test_a_dismissal_says_by_whom(notifier: Run, daemon: FakeDaemon, reason: str, by: str, said: str) -> None:
    dismissed = incident(dismissed_at=NOON, dismiss_reason=reason, dismissed_by=by)
    daemon.on("GET", "/v1/incidents/42", dismissed)
    (line,) = (each for each in notifier("incidents", "show", "42").stdout.splitlines() if "dismissed" in each)
    assert said in line
    assert "person" not in line


def test_an_incident_that_looks_over_says_why_and_leaves_it_to_a_person(notifier: Run, daemon: FakeDaemon) -> None:
    seen = LooksOverView(
        since=NOON - 40 * MINUTE, chance=0.94, complaints=1, ordinary=0.2, if_still_out=8.4, said_on=3, said_out=0
    )
    daemon.on("GET", "/v1/incidents/42", incident(looks_over=seen))
    text = " ".join(notifier("incidents", "show", "42").stdout.split())
    assert (
        "looks over 94%, since about 02:59: 1 complaint since, 8.4 were to come if it were still out; 3 say ON, 0 OUT"
        in text
    )


def test_words_of_strangers_cannot_move_the_cursor(notifier: Run, daemon: FakeDaemon) -> None:
    evil = "a\x1b[2J\x9b31m\u202eb\nc"
    daemon.on("GET", "/v1/customers/C-1001", customer(name=evil, plan=evil))
    text = notifier("customers", "show", "C-1001").stdout
    assert not {"\x1b", "\x9b", "\u202e"} & set(text)


def test_a_thing_that_does_not_exist_is_one_line_and_exit_1(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/99", problem(404, "there is no incident 99"))
    daemon.on("GET", "/v1/incidents", [])
    result = notifier("incidents", "show", "99")
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        "Error: there is no incident 99; none is open\n",
    )


def test_an_id_that_is_no_number_is_wrong_usage(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("incidents", "show", "abc")
    assert result.exit_code == 2
    assert "'abc' is not a valid number" in result.stderr
    assert daemon.asked == []


def test_a_broadcast_that_pause_all_holds_does_not_begin_in_the_past(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/broadcasts/17", within_take_back(-120))
    daemon.on("GET", "/v1/status", status(paused=True))
    text = notifier("broadcasts", "show", "17").stdout
    assert "begins          when everything is resumed\n" in text
    assert "PAUSED: no customer is written to until: notifier resume-all" in text
    daemon.on("GET", "/v1/status", status())
    text = notifier("broadcasts", "show", "17").stdout
    assert "begins          now\n" in text
    assert "PAUSED" not in text
