"""Only what Twilio signed is believed: the 12 vectors of its own test suites, and what they do not show."""

import json
from pathlib import Path
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from notifier.providers.twilio_signature import is_signed, signature_of

CONTRACT = Path(__file__).resolve().parents[3] / "shared" / "contracts" / "twilio" / "signature_vectors_official.json"
URL = "https://outages.example.com/webhooks/twilio/status?notification=7&attempt=1"
FORM = (("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("ToCity", ""))
TOKEN = "12345"


def _vectors() -> list[dict[str, Any]]:
    return json.loads(CONTRACT.read_text(encoding="utf-8")) if CONTRACT.exists() else []


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract samples are not beside this checkout")
def test_all_12_vectors_are_there() -> None:
    assert len(_vectors()) == 12


@pytest.mark.parametrize("vector", _vectors(), ids=lambda vector: vector["name"])
def test_an_official_vector_is_judged_as_it_says(vector: dict[str, Any]) -> None:
    pairs = [(key, value) for key, value in vector.get("params", [])]
    body = vector["body"].encode() if "body" in vector else None
    assert is_signed([vector["auth_token"]], vector["url"], pairs, vector["signature"], body=body) is vector["valid"]
    assert not is_signed(["other"], vector["url"], pairs, vector["signature"], body=body)


def test_a_changed_json_body_is_refused() -> None:
    vector = next((one for one in _vectors() if "body" in one), None)
    if vector is None:
        pytest.skip("the contract samples are not beside this checkout")
    assert not is_signed([TOKEN], vector["url"], (), vector["signature"], body=vector["body"].encode() + b" ")


def test_a_body_without_its_hash_in_the_query_is_refused() -> None:
    assert not is_signed([TOKEN], URL, (), signature_of(TOKEN, URL), body=b"{}")


def test_blank_values_are_signed_too() -> None:
    given = signature_of(TOKEN, URL, FORM)
    assert is_signed([TOKEN], URL, FORM, given)
    assert not is_signed([TOKEN], URL, FORM[:2], given)


def test_we_sign_as_the_official_client_checks() -> None:
    assert RequestValidator(TOKEN).validate(URL, dict(FORM), signature_of(TOKEN, URL, FORM))


def test_the_second_token_is_believed_while_tokens_are_changed() -> None:
    assert is_signed(["new", TOKEN], URL, FORM, signature_of(TOKEN, URL, FORM))
    assert is_signed([TOKEN, "new"], URL, FORM, signature_of(TOKEN, URL, FORM))


def test_an_empty_token_signs_nothing() -> None:
    assert not is_signed([""], URL, FORM, signature_of("", URL, FORM))


@pytest.mark.parametrize(
    "changed",
    [
        URL.replace("attempt=1", "attempt=2"),
        URL.replace("notification=7&attempt=1", "attempt=1&notification=7"),
        URL.replace("https", "http"),
        URL + "&",
        URL.replace("outages", "OUTAGES"),
    ],
)
def test_another_url_byte_for_byte_is_another_signature(changed: str) -> None:
    assert not is_signed([TOKEN], changed, FORM, signature_of(TOKEN, URL, FORM))


@pytest.mark.parametrize("given", ["", "é", "WRONG", signature_of("other", URL, FORM)])
def test_what_is_no_signature_is_refused(given: str) -> None:
    assert not is_signed([TOKEN], URL, FORM, given)


@pytest.mark.parametrize(
    ("ours", "signed"),
    [
        ("http://127.0.0.1:8080/x?a=1", "http://127.0.0.1/x?a=1"),
        ("http://127.0.0.1:8080/x?a=1", "http://127.0.0.1:8080/x?a=1"),
        ("https://a.example/x", "https://a.example:443/x"),
        ("https://[::1]:8443/x", "https://[::1]/x"),
        ("https://[::1]/x", "https://[::1]:443/x"),
        ("https://a.example?q=:9", "https://a.example:443?q=:9"),
    ],
)
def test_the_port_may_be_there_or_not(ours: str, signed: str) -> None:
    assert is_signed([TOKEN], ours, FORM, signature_of(TOKEN, signed, FORM))
