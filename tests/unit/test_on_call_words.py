"""What people on call read: short, plain, in two segments, and the same in every tool."""

import email
import email.policy
import json
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.config import Sender, WebhookKind
from notifier.domain.on_call import CallReason, Says, Verb
from notifier.domain.segments import Alphabet, alphabet_of, segments
from notifier.messages.on_call import Notice, mail, text_message, trial_line, webhook
from notifier.storage.queries.needs.waking import together

NIGHT = datetime(2026, 6, 27, 10, 6, tzinfo=UTC)
LINE = "#42 internet Riverside: 20 people in 11 min (1.3 expected), 18 verified, 1,214 customers, nobody told"
ALL = (Verb.SEND, Verb.WAIT, Verb.NO)


def notice(text: str = LINE, **changes: object) -> Notice:
    values = {
        "id": 17,
        "route_id": 31,
        "says": Says.CALL,
        "reason": CallReason.SUSPECTED,
        "text": text,
        "verbs": ALL,
        "code": "K7Q",
        "answer_within": timedelta(minutes=10),
        "others": 2,
        "at": NIGHT,
    }
    return Notice(**values | changes)  # type: ignore[arg-type]


def body(one: Notice) -> str:
    return text_message(one)[0]


def test_a_text_says_what_is_needed_how_to_answer_and_what_happens_otherwise() -> None:
    assert body(notice()) == (
        "NOTIFIER #42 internet Riverside: 20 people in 11 min (1.3 expected), 18 verified, 1,214 customers, "
        "nobody told. Reply K7Q SEND, K7Q WAIT or K7Q NO. No answer in 10 min: the next on call is woken."
    )


def test_who_is_alone_is_called_again() -> None:
    assert body(notice(others=0, verbs=(Verb.WAIT,))).endswith(
        "Reply K7Q WAIT. No answer in 10 min: you are called again."
    )


def test_what_is_over_asks_for_nothing() -> None:
    assert body(notice("#42 internet Riverside: over. Nothing more to do", says=Says.OVER)) == (
        "NOTIFIER #42 internet Riverside: over. Nothing more to do."
    )


def test_a_test_threatens_with_nobody() -> None:
    said = body(notice(trial_line("Ann"), reason=CallReason.TEST, verbs=(Verb.WAIT,)))
    assert said.endswith("whether you are reached. Reply K7Q WAIT.")


@given(st.text(max_size=2000), st.sampled_from([ALL, (Verb.WAIT,)]))
def test_a_text_always_fits_into_two_segments_and_keeps_the_answers(text: str, verbs: tuple[Verb, ...]) -> None:
    said, taken = text_message(notice(text, verbs=verbs))
    assert taken == segments(said)
    assert taken.count <= 2
    assert alphabet_of(said) is Alphabet.GSM7
    assert said.endswith("No answer in 10 min: the next on call is woken.")
    assert "K7Q WAIT" in said
    assert said.startswith("NOTIFIER")


def test_a_line_that_is_too_long_is_cut_in_a_way_that_shows() -> None:
    said = body(notice("#42 internet " + "Riverside, " * 60))
    assert ".. Reply K7Q SEND" in said
    assert len(said) > 290


def test_of_many_things_the_number_is_said_and_as_many_as_can_be_named() -> None:
    texts = [f"#{n} power 9411{n}: 20 people" for n in range(1, 4)] + ["provider twilio is stopped"]
    assert together(texts) == (
        "4 things need you: #1 power 94111; #2 power 94112; #3 power 94113; provider twilio is stopped"
    )


def test_a_mail_is_plain_names_the_call_and_holds_no_code() -> None:
    made = mail(notice("#42 internet São Paulo: 20 people"), Sender(), "ann@example.com", "https://n.example.com")
    parsed = email.message_from_bytes(made.data, policy=email.policy.default)
    assert parsed["Subject"] == "NOTIFIER #42 internet São Paulo: 20 people"
    assert parsed["To"] == "ann@example.com"
    assert parsed["Auto-Submitted"] == "auto-generated"
    said = parsed.get_content()
    assert "notifier on-call ack 17" in said
    assert "https://n.example.com" in said
    assert b"K7Q" not in made.data
    assert made.recipient == "ann@example.com"
    assert re.fullmatch(r"bounces\+oncall31@example\.com", made.sender)
    assert all(len(line) <= 998 for line in made.data.split(b"\r\n"))
    assert made.data.isascii()
    assert b"\n" not in made.data.replace(b"\r\n", b"")


def test_a_mail_cannot_be_given_another_header() -> None:
    text = "#42 internet\r\nBcc: all@example.com: 20 people"
    made = mail(notice(text.replace("\r\n", " ")), Sender(), "ann@example.com", "http://h")
    assert email.message_from_bytes(made.data)["Bcc"] is None


def test_the_same_mail_again_has_the_same_message_id() -> None:
    first, second = (mail(notice(), Sender(), "ann@example.com", "http://h") for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("says", "action"), [(Says.CALL, "trigger"), (Says.ANSWERED, "acknowledge"), (Says.OVER, "resolve")]
)
def test_pagerduty_hears_of_one_incident_per_call(says: Says, action: str) -> None:
    event = webhook(notice(says=says), WebhookKind.PAGERDUTY, "R0UT1NGKEY", "https://n.example.com")
    assert event["routing_key"] == "R0UT1NGKEY"
    assert event["event_action"] == action
    assert event["dedup_key"] == "notifier https://n.example.com call 17"
    assert ("payload" in event) is (says is Says.CALL)


def test_pagerduty_is_given_what_its_events_api_asks_for() -> None:
    event = json.loads(
        msgspec.json.encode(webhook(notice("x" * 2000), WebhookKind.PAGERDUTY, "KEY", "https://n.example.com"))
    )
    payload = event["payload"]
    assert len(payload["summary"]) <= 1024
    assert payload["severity"] == "critical"
    assert payload["source"] == "https://n.example.com"
    assert datetime.fromisoformat(payload["timestamp"]) == NIGHT
    assert payload["custom_details"] == {"acknowledge": "notifier on-call ack 17"}
    quiet = webhook(notice(reason=CallReason.TEST), WebhookKind.PAGERDUTY, "KEY", "s")
    assert quiet["payload"]["severity"] == "info"  # type: ignore[index]


def test_a_name_cannot_call_a_whole_channel_of_slack() -> None:
    (said,) = webhook(notice(text="power: <!channel> & Sons"), WebhookKind.SLACK, "", "https://n.example.com").values()
    assert "power: &lt;!channel&gt; &amp; Sons" in str(said)


def test_slack_is_given_a_text() -> None:
    (said,) = webhook(notice(code=""), WebhookKind.SLACK, "", "https://n.example.com").values()
    assert str(said).splitlines() == [
        f"NOTIFIER {LINE}",
        "Look: notifier (at https://n.example.com)",
        "You have it: notifier on-call ack 17",
        "No answer in 10 min: the next on call is woken.",
    ]


def test_teams_is_given_a_card() -> None:
    card = json.loads(msgspec.json.encode(webhook(notice(), WebhookKind.TEAMS, "", "https://n.example.com")))
    (attachment,) = card["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["type"] == "AdaptiveCard"
    assert attachment["content"]["body"][0]["text"] == f"NOTIFIER {LINE}"
    assert all(block["type"] == "TextBlock" and block["wrap"] for block in attachment["content"]["body"])


def test_no_webhook_is_given_a_code() -> None:
    for kind in WebhookKind:
        assert b"K7Q" not in msgspec.json.encode(webhook(notice(), kind, "KEY", "s"))
