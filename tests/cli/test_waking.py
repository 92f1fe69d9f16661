"""The dialogue at night: who hears now, who waits, what the texts cost, and how everyone is woken for a reason."""

from datetime import timedelta

import pytest

from notifier.storage.views import Preview, Waiting, Waits
from tests.cli.conftest import At, Run
from tests.cli_views import broadcast, draft, preview, status
from tests.fake_daemon import NOON, FakeDaemon

pytestmark = pytest.mark.usefixtures("outage")


def at_night(**changes: object) -> Preview:
    """Build the preview of MESSAGES.md."""
    return preview(
        **{
            "by_channel": {"sms": 1031, "email": 141},
            "now": {"sms": 25, "email": 141},
            "waits": [Waits(until=NOON + timedelta(hours=3), messages=1006)],
            "segments": 2062,
            "segments_now": 50,
            "cost": "16.2898",
            "currency": "USD",
            "texts_take_seconds": 2062.0,
            **changes,
        }
    )


def test_the_preview_says_who_hears_now_and_who_waits_and_what_it_costs(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night()))
    lines = notifier("confirm", "42").stdout.splitlines()
    assert "  now         email 141, sms 25" in lines
    assert any(line.startswith("  wait        1,006 SMS until ") for line in lines)
    assert "  texts       2,062 segments, USD 16.29; one number needs 34 min" in lines
    assert "166 hear now, 1,006 get the newest at release." in lines
    assert max(map(len, lines)) <= 72


def test_by_day_nothing_is_said_of_waiting(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night(waits=[], cost=None)))
    lines = notifier("confirm", "42").stdout.splitlines()
    assert not any(line.startswith(("  now ", "  wait ")) for line in lines)
    assert "  texts       2,062 segments; one number needs 34 min" in lines


def test_who_has_heard_too_much_lately_is_counted_apart(notifier: Run, daemon: FakeDaemon) -> None:
    shown = at_night(waits=[], now={"sms": 900, "email": 141}, capped={"sms": 131, "email": 9})
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=shown))
    lines = notifier("confirm", "42").stdout.splitlines()
    assert "  now         sms 900, email 141" in lines
    assert "  capped      sms 131, email 9: told enough lately, they wait" in lines
    assert max(map(len, lines)) <= 72


def test_mails_in_the_place_of_texts_are_counted(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night(mail_instead=12)))
    assert "  now         email 141, sms 25 (12 mails in the place of a text)" in notifier("confirm", "42").stdout


def test_a_reason_on_the_command_line_goes_with_the_draft(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night(waits=[], wake_reason="gas")))
    text = notifier("confirm", "42", "--yes", "--wake", "gas").stdout
    assert daemon.last("POST", "/v1/incidents/42/confirm").json() == {"wake_reason": "gas"}
    assert "  wakes all   gas" in text


def test_a_waiting_draft_is_sent_with_a_reason(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/broadcasts/17", broadcast(state="draft"))
    daemon.on("GET", "/v1/broadcasts/17/preview", at_night())
    assert notifier("broadcasts", "send", "17", "--yes", "--wake", "gas").exit_code == 0
    assert daemon.last("POST", "/v1/broadcasts/17/send").json() == {"count": 1214, "wake_reason": "gas"}


def test_w_asks_why_and_wakes_everyone(at: At, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night()))
    awake = {"now": {"sms": 1030, "email": 141}, "waits": [Waits(until=NOON + timedelta(hours=3), messages=1)]}
    daemon.on("GET", "/v1/broadcasts/17/preview", at_night(**awake, wake_reason="Gas is leaking"))
    with at("confirm", "42", "--no-wait") as person:
        person.sees("Type 1214 to send, w to wake all, q to leave: ")
        person.type("w\n")
        person.sees("Why is everyone woken?")
        person.type("Gas is leaking\n")
        person.sees("now        sms 1,030, email 141")
        person.sees("wait       1 SMS until ")
        person.sees("Type 1214 to send, q to leave: ")
        person.type("1214\n")
        assert person.ends() == 0
    assert daemon.last("GET", "/v1/broadcasts/17/preview").query == {"wake_reason": "Gas is leaking"}
    assert daemon.last("POST", "/v1/broadcasts/17/send").json() == {"count": 1214, "wake_reason": "Gas is leaking"}


def test_after_w_a_number_that_has_changed_is_shown_and_asked_for(at: At, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night()))
    daemon.on("GET", "/v1/broadcasts/17/preview", at_night(customers=1215, waits=[], wake_reason="gas"))
    with at("confirm", "42", "--no-wait") as person:
        person.sees("w to wake all")
        person.type("w\n")
        person.sees("Why is everyone woken?")
        person.type("gas\n")
        person.sees("The number has changed meanwhile: 1,214 then, 1,215 now.")
        person.sees("Type 1215 to send, q to leave: ")
        person.type("q\n")
        assert person.ends() == 1


def test_w_without_a_reason_wakes_nobody(at: At, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/confirm", draft(preview=at_night()))
    with at("confirm", "42", "--no-wait") as person:
        person.sees("w to wake all")
        person.type("w\n")
        person.sees("Why is everyone woken?")
        person.type("\n")
        person.sees("Type 1214 to send, w to wake all, q to leave: ")
        person.type("1214\n")
        assert person.ends() == 0
    assert daemon.last("POST", "/v1/broadcasts/17/send").json() == {"count": 1214}


def test_the_daemon_at_a_glance_says_how_many_sleep_until_when(notifier: Run, daemon: FakeDaemon) -> None:
    held = [Waiting(reason="quiet_hours", messages=1006, until=NOON + timedelta(hours=3))]
    daemon.on("GET", "/v1/status", status(notifications={"pending": 1010}, waiting=held))
    lines = notifier("status").stdout.splitlines()
    assert any("waiting     1,006 until " in line for line in lines)
    assert any("(quiet hours)" in line for line in lines)
