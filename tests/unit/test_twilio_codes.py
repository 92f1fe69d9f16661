"""Every code of Twilio that may come has one meaning, and what is unknown has a careful one."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from notifier.domain.delivery import Result, Suppress
from notifier.providers.twilio_codes import ALARMING, CODES, CodeClass, class_of, fate_of, outcome_of

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "contracts" / "twilio" / "error_codes.json"
needs_contract = pytest.mark.skipif(not CONTRACT.exists(), reason="the contract samples are not beside this checkout")


def _listed() -> list[dict[str, Any]]:
    codes: list[dict[str, Any]] = json.loads(CONTRACT.read_text(encoding="utf-8"))["codes"] if CONTRACT.exists() else []
    return codes


@needs_contract
def test_the_table_holds_the_54_codes_and_no_other() -> None:
    assert len(CODES) == 54
    assert {one["code"]: one["class"] for one in _listed()} == {code: one.class_ for code, one in CODES.items()}


@pytest.mark.parametrize("listed", [one for one in _listed() if one["http"]], ids=lambda one: str(one["code"]))
def test_the_answer_to_a_request_does_what_the_contract_says(listed: dict[str, Any]) -> None:
    found = outcome_of(listed["http"], listed["code"], listed["name"])
    expected = {
        "retry_rate": Result.TEMPORARY,
        "retry": Result.TEMPORARY,
        "unknown_outcome": Result.UNKNOWN,
        "account": Result.OURS,
        "configuration": Result.OURS,
    }.get(listed["class"], Result.PERMANENT)
    if listed["code"] == 20404:  # the address of the API is wrong: not this message's fault
        expected = Result.OURS
    if listed["code"] == 21408:  # one country: the others are still told
        expected = Result.PERMANENT
    assert found.result is expected
    assert found.code == f"{listed['http']} {listed['code']}"


@pytest.mark.parametrize(
    ("code", "suppress"),
    [
        (21211, Suppress.AT_ONCE),
        (21265, Suppress.AT_ONCE),
        (21266, Suppress.AT_ONCE),
        (21268, Suppress.AT_ONCE),
        (30005, Suppress.AT_ONCE),
        (30004, Suppress.REPEATED),
        (21610, Suppress.OPTED_OUT),
        (21614, Suppress.NOT_MOBILE),
        (30006, Suppress.NOT_MOBILE),
    ],
)
def test_only_what_says_so_of_the_number_stops_the_number(code: int, suppress: Suppress) -> None:
    assert CODES[code].suppress is suppress
    assert fate_of(code).suppress is suppress


def test_every_other_code_blames_no_number() -> None:
    blaming = {code for code, one in CODES.items() if one.suppress is not Suppress.NO}
    assert blaming == {21211, 21265, 21266, 21268, 21610, 21614, 30004, 30005, 30006}


@pytest.mark.parametrize(
    ("http", "code", "class_"),
    [
        (400, 21999, CodeClass.PERMANENT_REQUEST),
        (429, 0, CodeClass.RETRY_RATE),
        (429, 29999, CodeClass.RETRY_RATE),
        (500, 0, CodeClass.UNKNOWN_OUTCOME),
        (503, 0, CodeClass.UNKNOWN_OUTCOME),  # not in Twilio's words: a proxy between us
        (504, 20999, CodeClass.UNKNOWN_OUTCOME),
        (408, 0, CodeClass.UNKNOWN_OUTCOME),
        (401, 0, CodeClass.ACCOUNT),
        (403, 29998, CodeClass.ACCOUNT),
        (404, 0, CodeClass.CONFIGURATION),
        (302, 0, CodeClass.CONFIGURATION),
        (407, 0, CodeClass.CONFIGURATION),
        (None, 30999, CodeClass.PERMANENT_RECIPIENT),
        (None, 0, CodeClass.PERMANENT_RECIPIENT),
    ],
)
def test_an_unknown_code_is_judged_by_its_range_and_its_http_status(
    http: int | None, code: int, class_: CodeClass
) -> None:
    assert class_of(code, http) is class_


def test_an_unknown_code_of_a_callback_ends_its_message_and_blames_nobody() -> None:
    fate = fate_of(30999)
    assert (fate.tries, fate.suppress, fate.stops_sender) == (0, Suppress.NO, False)


def test_what_was_too_fast_waits_as_long_as_it_was_told() -> None:
    assert outcome_of(429, 20429, "", timedelta(seconds=7)).retry_after == timedelta(seconds=7)
    assert outcome_of(400, 21211, "", timedelta(seconds=7)).retry_after is None


@pytest.mark.parametrize(("code", "tries"), [(30003, 2), (30008, 1), (30001, 2), (30450, 1), (30022, 2)])
def test_what_may_be_temporary_is_tried_again_later(code: int, tries: int) -> None:
    assert fate_of(code).tries == tries
    assert timedelta(minutes=5) <= fate_of(code).wait <= timedelta(minutes=60)


@pytest.mark.parametrize("code", [30004, 30005, 30006, 30007, 30036, 30410, 30034, 21610, 63038, 30023])
def test_what_is_final_or_doubtful_is_not_sent_again(code: int) -> None:
    assert fate_of(code).tries == 0


@pytest.mark.parametrize("code", [30002, 30024, 30032, 30034])
def test_a_sender_that_no_carrier_takes_is_stopped(code: int) -> None:
    assert fate_of(code).stops_sender
    assert fate_of(code).is_alarming


def test_filtered_text_is_content() -> None:
    assert fate_of(30007).is_content
    assert not fate_of(30007).stops_sender
    assert CodeClass.CONTENT in ALARMING


def test_words_of_the_answer_are_cut() -> None:
    assert len(outcome_of(400, 21211, "x" * 1000).answer) == 300
