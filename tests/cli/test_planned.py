"""Planned work as it is typed and shown: its times are echoed in full, and its card says when it begins."""

from datetime import timedelta

import pytest

from tests.cli.conftest import Run
from tests.cli_views import NOON, broadcast, card, draft, incident, preview
from tests.fake_daemon import FakeDaemon, problem

WRONG_USAGE = 2
BEGINS = NOON + timedelta(days=5)


def test_the_place_and_the_times_become_one_request(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/planned", draft())
    where = ("--service", "power", "--regions", "94110,94112", "--cause", "storm", "--no-delay")
    result = notifier("planned", "open", *where, "--from", "+5d", "--until", "+6d")
    body = daemon.last("POST", "/v1/planned").json()
    assert {name: body[name] for name in ("service", "regions", "cause", "may_delay")} == {
        "service": "power",
        "regions": ["94110", "94112"],
        "cause": "storm",
        "may_delay": False,
    }
    assert body["from_at"] < body["until_at"]
    assert "It begins" in result.stdout
    assert "(in 5 days)" in result.stdout


def test_change_and_cancel(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/planned/42/change", draft())
    notifier("planned", "change", "42", "--from", "+5d", "--until", "+6d")
    assert set(daemon.last("POST", "/v1/planned/42/change").json()) == {"from_at", "until_at"}
    daemon.on("POST", "/v1/planned/42/cancel", draft())
    notifier("planned", "cancel", "42", "--note", "no crew")
    assert daemon.last("POST", "/v1/planned/42/cancel").json() == {"note": "no crew"}


@pytest.mark.parametrize(
    "typed",
    [
        ("--service", "power", "--from", "+5d", "--until", "+6d"),
        ("--service", "power", "--regions", "1", "--sites", "-", "--from", "+5d", "--until", "+6d"),
        ("--service", "power", "--regions", "1", "--from", "-2h", "--until", "+6d"),
        ("--service", "power", "--regions", "1", "--from", "+5d"),
    ],
)
def test_what_is_missing_is_wrong_usage(notifier: Run, daemon: FakeDaemon, typed: tuple[str, ...]) -> None:
    assert notifier("planned", "open", *typed, given="C-1\n").exit_code == WRONG_USAGE
    assert not [each for each in daemon.asked if each.method == "POST"]


def test_a_refusal_is_said_in_the_readers_zone(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/planned", problem(409, "it can begin from 2026-06-30 17:00 UTC on"))
    result = notifier("planned", "open", "--service", "power", "--regions", "1", "--from", "+1d", "--until", "+2d")
    assert result.exit_code == 1
    assert "it can begin from" in result.stderr


def test_work_that_has_begun_is_not_called_off_and_it_is_said_what_can_be_said(
    notifier: Run, daemon: FakeDaemon
) -> None:
    said = "planned work 42 cannot be called off, it has begun: restored 42, or eta 42 TIME if it takes longer"
    daemon.on("POST", "/v1/planned/42/cancel", problem(409, said))
    result = notifier("planned", "cancel", "42")
    assert (result.exit_code, said in " ".join(result.stderr.split())) == (1, True)


def test_its_card_says_when_it_begins(notifier: Run, daemon: FakeDaemon) -> None:
    window = {"kind": "planned", "window_from_at": BEGINS, "window_until_at": BEGINS + timedelta(hours=4)}
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="scheduled", **window)))
    shown = notifier("incidents", "42").stdout
    assert "begins in 5 days" in shown
    assert "since" not in shown.split("opened")[0]


@pytest.mark.parametrize("state", ["completed", "draft"])
def test_tell_says_what_to_do_with_work_that_has_not_begun(notifier: Run, daemon: FakeDaemon, state: str) -> None:
    window = {"kind": "planned", "window_from_at": BEGINS, "window_until_at": BEGINS + timedelta(hours=4)}
    notice = broadcast(id=7, kind="planned_notice", state=state)
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="scheduled", **window), broadcasts=[notice]))
    result = notifier("tell", "42", "--yes")
    assert result.exit_code == 1
    said = " ".join(result.stderr.split())
    assert "is planned work that has not begun" in said
    assert "notifier planned change 42 --from TIME --until TIME" in said
    assert "notifier planned cancel 42" in said
    assert ("notifier broadcasts send 7" in said) == (state == "draft")
    assert not [each for each in daemon.asked if each.method == "POST"]


def test_a_notice_says_by_when_it_has_to_be_there(notifier: Run, daemon: FakeDaemon) -> None:
    late = preview(kind="planned_notice", promise_due_at=NOON + timedelta(hours=1), fits=False)
    daemon.on("POST", "/v1/planned/42/cancel", draft(preview=late))
    shown = notifier("planned", "cancel", "42").stdout
    assert "has to be there by" in shown
    assert "TOO LATE" in shown
