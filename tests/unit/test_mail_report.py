"""What a mail that comes back is, and by which token it is recognised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.mail_report import MailKind, MailReport, understand
from notifier.domain.mail_status import Action
from notifier.domain.mail_verdict import Verdict
from tests.bounces import TOKEN, bounce, complaint, crlf, letter, reply

OTHER_TOKEN = "f" * 40


def test_a_bounce_names_its_recipient_and_why() -> None:
    report = understand(bounce())
    failure = report.about("jo@example.net")
    assert report.kind is MailKind.DSN
    assert report.tokens == (TOKEN,)
    assert (failure.action, failure.status, failure.reply_code) == (Action.FAILED, "5.1.1", "550")
    assert failure.verdict is Verdict.SUPPRESS_ADDRESS


def test_the_envelope_is_surer_than_a_header() -> None:
    report = understand(bounce(token=OTHER_TOKEN), (f"BOUNCES+{TOKEN.upper()}@example.com",))
    assert report.tokens == (TOKEN, OTHER_TOKEN)


@pytest.mark.parametrize("name", ["Delivered-To", "X-Original-To", "Envelope-To"])
def test_a_token_is_found_where_mail_systems_write_the_address_they_delivered_to(name: str) -> None:
    raw = crlf(f"{name}: bounces+{TOKEN}@example.com\n") + letter(to="someone@example.com", subject="hello")
    assert understand(raw).tokens == (TOKEN,)


def test_a_token_in_the_words_or_in_the_returned_message_of_a_bounce_says_nothing() -> None:
    raw = bounce(answer=f"550 5.1.1 bounces+{OTHER_TOKEN}@example.com is unknown").replace(TOKEN.encode(), b"x")
    assert understand(raw).tokens == ()


def test_a_failure_of_another_address_is_none_of_ours() -> None:
    report = understand(bounce("new@example.org"))
    assert report.about("new@example.org").verdict is Verdict.SUPPRESS_ADDRESS
    assert report.about("jo@example.net").verdict is Verdict.AMBIGUOUS


def test_the_original_recipient_is_ours_where_a_mail_system_writes_addresses_anew() -> None:
    report = understand(bounce("jo.doe@corp.example.net", original="jo@example.net"))
    assert report.about("jo@example.net").verdict is Verdict.SUPPRESS_ADDRESS


@pytest.mark.parametrize(
    ("action", "verdict"),
    [("delayed", Verdict.SOFT), ("relayed", Verdict.NOT_A_FAILURE), ("delivered", Verdict.NOT_A_FAILURE)],
)
def test_only_a_failed_one_is_a_failure(action: str, verdict: Verdict) -> None:
    assert understand(bounce(action=action, answer="4.4.1 no answer yet")).failures[0].verdict is verdict


def test_a_delayed_one_stays_delayed_however_sure_the_other_side_was() -> None:
    assert understand(bounce(action="delayed")).failures[0].verdict is Verdict.SOFT


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        ("abuse", Verdict.COMPLAINT),
        ("fraud", Verdict.COMPLAINT),
        ("not-spam", Verdict.NOT_A_FAILURE),
        ("auth-failure", Verdict.SENDER_PROBLEM),
    ],
)
def test_a_feedback_report_is_recognised_by_the_message_it_gives_back(kind: str, verdict: Verdict) -> None:
    report = understand(complaint(kind=kind))
    assert (report.kind, report.tokens) == (MailKind.ARF, (TOKEN,))
    assert report.failures[0].verdict is verdict


@pytest.mark.parametrize(
    "raw",
    [
        letter(headers="Auto-Submitted: auto-replied", subject="Re: Power outage"),
        letter(subject="Automatic reply: Power outage"),
        letter(subject="Out of office"),
        letter(subject="Respuesta automática: Power outage"),
        letter(subject="Réponse automatique : coupure"),
        letter(subject="Please confirm your message"),
        letter(headers="X-Autoreply: yes"),
        letter(headers="Return-Path: <>"),
        letter(headers="Precedence: auto_reply"),
    ],
)
def test_what_nobody_wrote_is_an_automatic_reply(raw: bytes) -> None:
    assert understand(raw).kind is MailKind.AUTO_REPLY


def test_an_empty_envelope_sender_is_seen_although_no_header_repeats_it() -> None:
    assert understand(letter(), envelope_sender="").kind is MailKind.AUTO_REPLY
    assert understand(letter(), envelope_sender="jo@example.net").kind is MailKind.OTHER


def test_an_answer_to_one_of_our_messages_is_a_reply() -> None:
    report = understand(reply("It is still OUT here\n\n> Sorry."))
    assert (report.kind, report.tokens, report.sender) == (MailKind.REPLY, (TOKEN,), "jo@example.net")
    assert report.text.startswith("It is still OUT here")


def test_an_answer_to_the_envelope_sender_is_a_reply_too() -> None:
    assert understand(letter(to=f"bounces+{TOKEN}@example.com")).kind is MailKind.REPLY
    assert understand(letter(), (f"bounces+{TOKEN}@example.com",)).kind is MailKind.REPLY


def test_the_nearest_message_answered_is_tried_first() -> None:
    raw = letter(headers=f"In-Reply-To: <{TOKEN}@example.com>\nReferences: <{OTHER_TOKEN}@example.com>")
    assert understand(raw).tokens == (TOKEN, OTHER_TOKEN)


def test_a_letter_in_html_is_read_without_its_marks() -> None:
    page = "<html><style>p{color:red}</style><p>Still&nbsp;out</p><script>alert(1)</script><p>since 5</html>"
    raw = letter(page).replace(b"text/plain", b"text/html")
    assert understand(raw).text.split() == ["Still", "out", "since", "5"]


def test_what_exim_writes_in_words_alone_is_read_per_address() -> None:
    raw = crlf(
        """Return-Path: <>
From: Mail Delivery System <Mailer-Daemon@mx.example.org>
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

  jo@example.net
    host mx.example.net [192.0.2.9]
    SMTP error from remote mail server after RCPT TO:<jo@example.net>:
    550 No such user here
  ann@example.net
    mailbox is full: retry timeout exceeded

------ This is a copy of the message, including all the headers. ------

From: outages@example.com
"""
    )
    found = [(each.recipient, each.verdict) for each in understand(raw).failures]
    assert found == [("jo@example.net", Verdict.SUPPRESS_ADDRESS), ("ann@example.net", Verdict.SOFT)]


def test_parts_within_parts_without_end_are_survived() -> None:
    head = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(3_000))
    assert isinstance(understand(head + b"x"), MailReport)


def test_a_page_of_open_marks_is_read_in_time() -> None:
    raw = letter("<style " * 30_000 + "\n" * 50_000).replace(b"text/plain", b"text/html")
    assert understand(raw).kind is MailKind.OTHER


@given(st.binary(max_size=400), st.integers(0, 800))
def test_no_bytes_raise(noise: bytes, at: int) -> None:
    raw = bounce()
    understand(raw[:at] + noise + raw[at:])
    understand(noise)
