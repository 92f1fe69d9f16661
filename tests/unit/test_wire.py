"""Bodies are parsed strictly, and the answer says what was wrong, where, and what would be right."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from notifier.domain.errors import (
    Forbidden,
    InvalidInput,
    NotFound,
    NotifierError,
    Overloaded,
    Refused,
    Unauthenticated,
)
from notifier.web.problem import Rejected, problem_of
from notifier.web.wire import decode


class Body(Struct, forbid_unknown_fields=True, kw_only=True):
    service: str
    text: str = ""
    count: Annotated[int, Meta(ge=0)] = 0
    at: datetime | None = None
    kind: Literal["a", "b"] = "a"
    regions: list[str] = []
    places: dict[str, str] = {}


def refusal(body: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode(Body, body)
    return caught.value


def test_a_good_body_becomes_a_struct() -> None:
    assert decode(Body, b'{"service":"power","places":{"city":"X"}}') == Body(service="power", places={"city": "X"})


@pytest.mark.parametrize("text", ['"service":', '\\"city\\":', "{", "}", "}}", '" :', "\\\\"])
def test_a_text_that_looks_like_a_field_is_a_text(text: str) -> None:
    value = Body(service="power", text=text, places={"city": text, "kind": "service"})
    assert decode(Body, msgspec.json.encode(value)) == value


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b'{"service":', "not JSON"),
        (b'{"service":"power"} x', "not JSON: trailing characters (byte 21)"),
        (b'\xef\xbb\xbf{"service":"power"}', "not JSON"),
        (b'{"service":"power","count":NaN}', "not JSON"),
        (b'{"service":"\xff"}', "not UTF-8"),
        (b'{"service":"\\ud800"}', "not JSON"),
        (b'{"service":"power","service":"water"}', "'service' is given more than once"),
        (b'{"service":"power","\\u0073ervice":"water"}', "'service' is given more than once"),
        (b'{"service":"power","places":{"city":"X","city":"Y"}}', "'city' is given more than once"),
        (b'{"places":{"city":"X","city":"Y"},"service":"po}wer"}', "'city' is given more than once"),
        (b'{"places":{"city":"X","city" : "Y"},"service":"power"}', "'city' is given more than once"),
        (b'{"service":"city","places":{"kind":"service","city":"}","city":"{"}}', "'city' is given more than once"),
        (b'{"places":{"city":"X"},"places":{"city":"Y"},"service":"power"}', "'places' is given more than once"),
        (b'{"service":"po\\u0000wer"}', "NUL"),
        (b'{"service":"power","places":{"ci\\u0000ty":"X"}}', "NUL"),
        (b'{"service":"power","regions":["9\\u00004110"]}', "NUL"),
        (b'{"service":' + b"9" * 5_000 + b"}", "more than 300 digits"),
        (b'{"service":"power","count":' + b"9" * 5_000 + b"}", "more than 300 digits"),
        (b'{"service":' + b"[" * 20_000, "nested deeper than 32"),
        (b'{"x":' + b'{"a":' * 20_000, "nested deeper than 32"),
        (b"[" * 60_000 + b"]" * 5_000, "nested deeper than 32"),
    ],
)
def test_a_malformed_body_is_refused_with_400(body: bytes, says: str) -> None:
    error = refusal(body)
    assert error.status == 400
    assert says in error.detail


@pytest.mark.parametrize(
    ("body", "field", "value", "expected"),
    [
        (b"{}", "service", None, "a value"),
        (b"[1]", "", "a list", "an object"),
        (b'{"service":7}', "service", 7, "a text"),
        (b'{"service":["x"]}', "service", "a list", "a text"),
        (b'{"service":"x","count":1.5}', "count", 1.5, "a whole number"),
        (b'{"service":"x","count":-1}', "count", -1, "a whole number >= 0"),
        (b'{"service":"x","count":"1"}', "count", "1", "a whole number"),
        (b'{"service":"x","at":"yesterday"}', "at", "yesterday", "an instant such as 2026-03-01T18:30:00Z"),
        (b'{"service":"x","kind":"c"}', "kind", "c", ""),
        (b'{"service":"x","regions":["a",1]}', "regions[1]", 1, "a text"),
        (b'{"service":"x","regions":"a"}', "regions", "a", "a list"),
        (b'{"servise":"x"}', "servise", "x", "one of service, text, count, at, kind, regions, places"),
    ],
)
def test_a_wrong_field_is_refused_with_422_its_value_and_what_is_right(
    body: bytes, field: str, value: object, expected: str
) -> None:
    error = refusal(body)
    assert (error.status, error.field, error.expected) == (422, field, expected)
    problem = problem_of(error)
    assert problem is not None
    assert problem.value == value


def test_an_unknown_field_names_the_nearest_one() -> None:
    assert "did you mean 'service'?" in refusal(b'{"servise":"x"}').detail


def test_a_long_wrong_value_is_cut() -> None:
    problem = problem_of(refusal(b'{"service":"x","count":"' + b"y" * 5_000 + b'"}'))
    assert problem is not None
    assert isinstance(problem.value, str)
    assert len(problem.value) < 210


def test_text_that_looks_like_a_field_is_no_second_field() -> None:
    body = b'{"service":"power","text":"they wrote \\"service\\" and {\\u00e9}"}'
    assert decode(Body, body).text == 'they wrote "service" and {é}'


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("no", field="service", value="x", expected="y"), 422),
        (Unauthenticated("no"), 401),
        (Forbidden("no"), 403),
        (NotFound("incident", 3), 404),
        (Refused("no"), 409),
        (Overloaded("the writer"), 503),
    ],
)
def test_every_error_of_ours_has_its_status(error: NotifierError, status: int) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert problem.status == status


def test_a_full_writer_says_when_to_come_back() -> None:
    problem = problem_of(Overloaded("the writer", retry_after_seconds=7))
    assert problem is not None
    assert problem.retry_after == 7


def test_an_error_of_nobody_has_no_problem() -> None:
    assert problem_of(RuntimeError("x")) is None


def test_the_words_backslash_u0000_are_no_nul() -> None:
    assert decode(Body, rb'{"service":"power","text":"\\u0000"}').text == r"\u0000"
