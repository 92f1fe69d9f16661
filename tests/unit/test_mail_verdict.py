"""What the words of mail systems mean for an address. The wordings are those that their documentation shows."""

import pytest

from notifier.domain.mail_verdict import Answer, Stage, Verdict, codes_in, decide, reply_code_in

NO_SUCH_ADDRESS = [
    "550 5.1.1 <jo@example.net>: Recipient address rejected: User unknown in local recipient table",
    "550-5.1.1 The email account that you tried to reach does not exist. Please try 550 5.1.1 double-checking it",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    "553 5.1.2 The recipient address is not a valid RFC-5321 address",
    "556 5.1.10 Domain example.net does not accept mail (nullMX)",
    "Host or domain name not found. Name service error for name=example.net type=A: Host not found",
    "Unrouteable address",
    "User jo (jo@example.net) not listed in Domino Directory",
]
NOT_THE_ADDRESS = [
    ("550 5.7.1 Unauthenticated email is not accepted due to domain's DMARC policy", Verdict.SENDER_PROBLEM),
    ("550 Helo command rejected: Host not found", Verdict.SENDER_PROBLEM),
    ("550-Verification failed for <bounces@example.com> 550-No Such User Here 550 Sender verify failed", None),
    ("550 5.1.8 <bounces@example.com>: Sender address rejected: Domain not found", Verdict.SENDER_PROBLEM),
    ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.example.org", Verdict.SENDER_PROBLEM),
    ("552-5.2.2 The email account that you tried to reach is over quota", Verdict.SOFT),
    ("452 4.2.2 The email account that you tried to reach is over quota", Verdict.SOFT),
    ("550 4.2.2 mailbox is not here", Verdict.SOFT),
    ("450 5.1.1 User unknown", Verdict.SOFT),
    ("451 4.7.1 Greylisting in action, please come back later", Verdict.SOFT),
    ("550 5.2.1 The email account that you tried to reach is disabled", Verdict.AMBIGUOUS),
    ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", Verdict.AMBIGUOUS),
    ("550 Requested action not taken: mailbox unavailable", Verdict.AMBIGUOUS),
    ("554 delivery error: dd Something odd", Verdict.AMBIGUOUS),
    ("250 2.0.0 Ok: queued as 4F0", Verdict.NOT_A_FAILURE),
]


@pytest.mark.parametrize("words", NO_SUCH_ADDRESS)
def test_who_says_that_there_is_no_such_address_is_believed(words: str) -> None:
    assert decide(Answer(words=words)) is Verdict.SUPPRESS_ADDRESS


@pytest.mark.parametrize(("words", "verdict"), NOT_THE_ADDRESS)
@pytest.mark.parametrize("stage", Stage)
def test_what_is_said_about_us_or_for_now_suppresses_nobody(words: str, verdict: Verdict | None, stage: Stage) -> None:
    got = decide(Answer(words=words, stage=stage))
    assert got is not Verdict.SUPPRESS_ADDRESS
    if verdict and stage is Stage.UNKNOWN:
        assert got is verdict


def test_unknown_user_without_a_code_counts_as_an_answer_to_the_recipient_alone() -> None:
    words = "550 no such user here"
    assert decide(Answer(words=words, stage=Stage.RCPT)) is Verdict.SUPPRESS_ADDRESS
    assert decide(Answer(words=words, stage=Stage.DATA)) is Verdict.AMBIGUOUS
    assert decide(Answer(words=words)) is Verdict.AMBIGUOUS


def test_a_disabled_account_named_beside_it_makes_an_unknown_user_ambiguous() -> None:
    answer = Answer(words="550 user unknown", around="The user account is disabled.", stage=Stage.RCPT)
    assert decide(answer) is Verdict.AMBIGUOUS


def test_the_remote_systems_code_ranks_before_the_status_of_the_reporting_system() -> None:
    answer = Answer(words="550 5.7.1 IP address blacklisted by recipient", status="5.1.1", stage=Stage.RCPT)
    assert decide(answer) is Verdict.SENDER_PROBLEM


def test_a_status_that_was_made_up_from_an_answer_nobody_knows_suppresses_nobody() -> None:
    assert decide(Answer(words="550 go away", status="5.1.1", stage=Stage.RCPT)) is Verdict.AMBIGUOUS
    assert decide(Answer(words="", status="5.1.1")) is Verdict.SUPPRESS_ADDRESS


def test_a_program_that_fails_is_no_missing_mailbox() -> None:
    answer = Answer(words="procmail: no such user", status="5.1.1", by_program=True)
    assert decide(answer) is Verdict.AMBIGUOUS


def test_addresses_of_machines_and_lengths_are_no_codes() -> None:
    words = "host mx.example.net[192.0.2.225] said at 16:51:29 -0500 after SIZE=550: queue id neko222-1"
    assert codes_in(words) == []
    assert reply_code_in(words) == ""
    assert reply_code_in("host mx[192.0.2.225] said: 550-5.1.1 no") == "550"


@pytest.mark.parametrize("code", ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"])
def test_the_codes_of_bad_addresses_suppress(code: str) -> None:
    assert decide(Answer(words=f"550 {code} no")) is Verdict.SUPPRESS_ADDRESS


@pytest.mark.parametrize("code", ["5.1.7", "5.1.8", "5.3.4", "5.6.0", "5.7.0", "5.7.1", "5.7.26", "5.2.3"])
def test_the_codes_of_our_own_faults_are_ours(code: str) -> None:
    assert decide(Answer(words=f"550 {code} no")) is Verdict.SENDER_PROBLEM
