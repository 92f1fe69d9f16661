"""`--alone REASON`: refused too early and without a reason, before anything is typed; then the dialogue as always."""

import json
from datetime import timedelta

import pytest

from notifier.storage.views import TimelineEntry
from tests.cli.conftest import At, Run
from tests.cli_views import MINUTE, broadcast, draft, incident, preview, within_take_back
from tests.fake_daemon import NOON, FakeDaemon, problem

pytestmark = pytest.mark.usefixtures("outage")
ABOVE = {
    "audience_limit": 1000,
    "needs_approval": True,
    "second_person": "Bo",
    "second_person_wait_seconds": 600.0,
}
WHY = "nobody answers"


def waiting(daemon: FakeDaemon, *, alone_from: timedelta) -> None:
    view = broadcast(state="awaiting_approval", started_at=None, not_before_at=None)
    daemon.on("GET", "/v1/broadcasts/17", view)
    daemon.on("GET", "/v1/incidents/42", incident(broadcasts=[view]))
    daemon.on("GET", "/v1/broadcasts/17/preview", preview(**ABOVE, alone_from_at=NOON + alone_from))
    daemon.on("POST", "/v1/broadcasts/17/send", within_take_back())


WAYS = [("broadcasts", "send", "17"), ("tell", "42"), ("confirm", "42")]


@pytest.mark.parametrize("way", WAYS)
def test_alone_sends_what_waits_with_its_reason(notifier: Run, daemon: FakeDaemon, way: tuple[str, ...]) -> None:
    waiting(daemon, alone_from=-MINUTE)
    result = notifier(*way, "--alone", WHY, "--count", "1214")
    assert result.exit_code == 0, result.stderr
    assert daemon.last("POST", "/v1/broadcasts/17/send").json() == {"count": 1214, "alone": WHY}
    assert "2nd person  yes, above 1,000; Bo was asked first; alone from 03:38" in result.stdout


@pytest.mark.parametrize("way", WAYS)
def test_too_early_it_says_when_it_will_be_possible(notifier: Run, daemon: FakeDaemon, way: tuple[str, ...]) -> None:
    waiting(daemon, alone_from=4 * MINUTE)
    result = notifier(*way, "--alone", WHY, "--yes")
    assert result.exit_code == 1
    assert "Bo was asked first and may still answer: it can be sent alone from 03:43 PDT (in 4 min)" in " ".join(
        result.stderr.split()
    )
    assert "POST /v1/broadcasts/17/send" not in daemon.paths()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reason", ["", "  "])
def test_without_a_reason_it_is_wrong(notifier: Run, daemon: FakeDaemon, way: tuple[str, ...], reason: str) -> None:
    waiting(daemon, alone_from=-MINUTE)
    result = notifier(*way, "--alone", reason, "--yes")
    assert (result.exit_code, "--alone takes a reason" in result.stderr) == (2, True)
    assert "POST /v1/broadcasts/17/send" not in daemon.paths()


@pytest.mark.parametrize(
    "way", [("tell", "42", "--cause", "storm"), ("confirm", "42", "--regions", "postal_code:94110")]
)
def test_what_waits_goes_as_it_is(notifier: Run, daemon: FakeDaemon, way: tuple[str, ...]) -> None:
    waiting(daemon, alone_from=-MINUTE)
    result = notifier(*way, "--alone", WHY, "--yes")
    assert (result.exit_code, f"leave out {way[2]}" in result.stderr) == (2, True)


def test_where_nothing_waits_it_says_what_to_do(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("tell", "42", "--alone", WHY, "--yes")
    assert (result.exit_code, "leave --alone out" in result.stderr) == (1, True)
    daemon.on("GET", "/v1/broadcasts/17", broadcast(state="draft"))
    result = notifier("broadcasts", "send", "17", "--alone", WHY, "--yes")
    assert "is a draft, and nobody was asked yet" in result.stderr
    daemon.on("GET", "/v1/broadcasts/17", broadcast(state="cancelled"))
    result = notifier("broadcasts", "send", "17", "--alone", WHY, "--yes")
    assert "broadcast 17 is cancelled and cannot be sent alone" in result.stderr


def test_json_prints_the_broadcast_alone(notifier: Run, daemon: FakeDaemon) -> None:
    waiting(daemon, alone_from=-MINUTE)
    result = notifier("broadcasts", "send", "17", "--alone", WHY, "--yes", "--json")
    assert json.loads(result.stdout)["id"] == 17


def test_leaving_leaves_it_waiting(at: At, daemon: FakeDaemon) -> None:
    waiting(daemon, alone_from=-MINUTE)
    with at("tell", "42", "--alone", WHY) as person:
        person.sees("Type 1214 to send, q to leave: ")
        person.type("q\n")
        assert person.ends() == 1
        person.sees("Not sent. Broadcast 17 still waits for a second person.")
    assert "POST /v1/broadcasts/17/cancel" not in daemon.paths()


def test_a_refusal_leaves_it_waiting(notifier: Run, daemon: FakeDaemon) -> None:
    waiting(daemon, alone_from=-MINUTE)
    daemon.on("POST", "/v1/broadcasts/17/send", problem(409, "broadcast 17 is for 1300 customers now"))
    assert notifier("tell", "42", "--alone", WHY, "--yes").exit_code == 1
    assert "POST /v1/broadcasts/17/cancel" not in daemon.paths()


def test_after_the_count_it_says_who_is_asked_and_from_when_it_may_go_alone(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=preview(**ABOVE)))
    daemon.on("POST", "/v1/broadcasts/17/send", broadcast(state="awaiting_approval", started_at=None, sent_at=NOON))
    text = notifier("confirm", "42", "--yes").stdout
    assert "2nd person  yes, above 1,000; Bo is asked at once; alone from 03:49" in text
    assert "Then: Bo is asked at once; without an answer you may send it alone from 03:49:" in " ".join(text.split())
    assert "notifier broadcasts send 17 --alone REASON" in text


def test_it_stands_on_the_cards_and_in_the_timeline(notifier: Run, daemon: FakeDaemon) -> None:
    detail = {"broadcast": 17, "customers": 1214, "limit": 1000, "reason": WHY, "managers": ["Mia", "Max"]}
    entry = TimelineEntry(at=NOON, event="sent_alone", actor="anna", detail=detail)
    grown = TimelineEntry(
        at=NOON, event="outgrown", actor="bo", detail={"broadcast": 17, "customers": 1400, "before": 1214}
    )
    view = broadcast(alone_reason=WHY, sent_by="anna")
    daemon.on("GET", "/v1/incidents/42", incident(broadcasts=[view], timeline=[entry, grown]))
    daemon.on("GET", "/v1/broadcasts/17", view)
    card = " ".join(notifier("incidents", "show", "42").stdout.split())
    assert f"sent alone broadcast 17 by anna, 1,214 customers: {WHY}" in card
    text = " ".join(notifier("timeline", "42").stdout.split())
    assert (
        "anna sent update 17 to 1,214 customers alone, above 1,000, because no second person answered:"
        f" {WHY}; told: Mia, Max" in text
    )
    assert "bo said yes to update 17 for 1,214; it is for 1,400 customers by now, so that it is asked again" in text
    assert f"alone {WHY}" in " ".join(notifier("broadcasts", "show", "17").stdout.split())
