"""What SMTP replies mean."""

from datetime import timedelta

import pytest

from notifier.domain.delivery import Result, Suppress
from notifier.providers.smtp_replies import Stage, masked, outcome_of

NO_SUCH = (Result.PERMANENT, Suppress.AT_ONCE)
RECIPIENT = (Result.PERMANENT, Suppress.NO)
OURS = (Result.OURS, Suppress.NO)
TEMPORARY = (Result.TEMPORARY, Suppress.NO)


@pytest.mark.parametrize(
    ("stage", "code", "text", "meant"),
    [
        (Stage.RCPT, 550, "5.1.1 no such user", NO_SUCH),
        (Stage.RCPT, 550, "5.1.2 bad domain", NO_SUCH),
        (Stage.RCPT, 553, "5.1.3 bad syntax", NO_SUCH),
        (Stage.RCPT, 551, "5.1.6 moved", NO_SUCH),
        (Stage.RCPT, 556, "5.1.10 null MX", NO_SUCH),
        (Stage.RCPT, 550, "5.2.1 mailbox disabled", (Result.PERMANENT, Suppress.REPEATED)),
        (Stage.RCPT, 552, "5.2.2 mailbox full", RECIPIENT),
        (Stage.RCPT, 552, "mailbox over quota", RECIPIENT),
        (Stage.DOT, 552, "message exceeds the limit", OURS),
        (Stage.DOT, 552, "5.3.4 too big", OURS),
        (Stage.DOT, 554, "5.6.0 content", OURS),
        (Stage.DOT, 550, "5.7.1 looks like spam", OURS),
        (Stage.RCPT, 554, "5.7.26 unauthenticated", OURS),
        (Stage.RCPT, 550, "5.7.515 access denied", OURS),
        (Stage.RCPT, 550, "5.1.7 bad sender", OURS),
        (Stage.RCPT, 530, "authentication required", OURS),
        (Stage.MAIL, 550, "whatever", OURS),
        (Stage.MAIL, 501, "5.1.1 odd", OURS),
        (Stage.RCPT, 550, "user unknown", RECIPIENT),
        (Stage.RCPT, 550, "unexplained", RECIPIENT),
        (Stage.DOT, 554, "blocked by policy", OURS),
        (Stage.RCPT, 500, "5.3.0 Error", RECIPIENT),
        (Stage.RCPT, 550, "4.2.2 the pair disagrees", RECIPIENT),
        (Stage.RCPT, 450, "5.1.1 the pair disagrees", TEMPORARY),
        (Stage.RCPT, 421, "4.3.2 closing", TEMPORARY),
        (Stage.DOT, 452, "4.3.1 no space", TEMPORARY),
        (Stage.RCPT, 0, "not a reply", TEMPORARY),
        (Stage.RCPT, 777, "unknown", TEMPORARY),
        (Stage.CONNECT, 554, "5.7.1 your address is listed", OURS),
        (Stage.CONNECT, 421, "too busy", OURS),
    ],
)
def test_a_reply_is_read_by_the_table(stage: Stage, code: int, text: str, meant: tuple[Result, Suppress]) -> None:
    outcome = outcome_of(code, text, stage)
    assert (outcome.result, outcome.suppress) == meant


@pytest.mark.parametrize(
    ("code", "text", "waits"),
    [
        (450, "4.7.1 greylisted", timedelta(minutes=5)),
        (451, "4.7.1 try again in 10 minutes", timedelta(minutes=10)),
        (450, "Greylisted, please try again in 300 seconds", timedelta(minutes=5)),
        (450, "4.7.1 Greylisted: 20 sec", timedelta(minutes=5)),
        (451, "4.7.1 try again in 99999 hours", timedelta(hours=4)),
        (451, "4.3.0 try again in 10 minutes", None),
        (452, "4.7.1 greylisted", None),
    ],
)
def test_greylisting_is_waited_for_as_long_as_it_says_but_never_less_than_five_minutes(
    code: int, text: str, waits: timedelta | None
) -> None:
    assert outcome_of(code, text, Stage.RCPT).retry_after == waits


def test_the_code_names_the_enhanced_one() -> None:
    assert outcome_of(550, "5.1.1 no such user", Stage.RCPT).code == "550 5.1.1"
    assert outcome_of(550, "no such user", Stage.RCPT).code == "550"


def test_the_answer_is_kept_on_one_line_without_addresses() -> None:
    answer = masked("5.1.1 <jo@example.net>: no such\nuser jo@example.net " + "x" * 500)
    assert "jo@" not in answer
    assert "\n" not in answer
    assert len(answer) == 300


def test_an_answer_that_is_no_utf_8_can_be_stored() -> None:
    text = b"5.7.1 Zugriff verweigert f\xfcr <jo@example.net>\r\n\x00\x1b[2J".decode("utf-8", "surrogateescape")
    assert masked(text) == "5.7.1 Zugriff verweigert f r <***> [2J"
    assert outcome_of(554, text, Stage.CONNECT).answer.encode()
