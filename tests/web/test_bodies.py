"""Wrong input of each kind is refused with what was wrong, where, and what would be right; nothing of it is stored."""

import asyncio
import gzip
import json
from typing import Any

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Answer, Served

COMPLAINT = {"customer_id": "C-1", "service": "internet"}


def assert_problem(answer: Answer, status: int, **fields: Any) -> None:
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert {name: problem.get(name) for name in fields} == fields


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"not json",
        b'{"service":"internet","service":"power"}',
        b'{"service":"inter\xffnet"}',
        b'{"service":"\\u0000"}',
        b'{"service":NaN}',
        b"[" * 50_000,
        b'{"service":' + b"9" * 5_000 + b"}",
        b'{"text":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
    ],
)
async def test_a_malformed_body_is_400_and_nothing_is_stored(served: Served, data: bytes) -> None:
    answer = await served.post("/v1/complaints", data=data)
    assert_problem(answer, 422 if not data else 400)
    assert served.rows("SELECT id FROM complaints") == []


async def test_a_wrong_field_is_422_with_field_value_and_expected(served: Served) -> None:
    answer = await served.post("/v1/complaints", COMPLAINT | {"service": ["internet"]})
    assert_problem(answer, 422, field="service", value="a list", expected="a text")


async def test_an_unknown_field_is_422_with_the_nearest_name(served: Served) -> None:
    answer = await served.post("/v1/complaints", {"custmer_id": "C-1", "service": "internet"})
    assert_problem(answer, 422, field="custmer_id", value="C-1")
    assert "did you mean 'customer_id'?" in answer.json["detail"]


async def test_an_unknown_service_is_422_with_the_configured_ones(served: Served) -> None:
    await served.import_customers()
    answer = await served.post("/v1/complaints", COMPLAINT | {"service": "intrenet"})
    assert_problem(answer, 422, field="service", value="intrenet", expected="one of internet, power, water")


async def test_a_body_over_64_kib_is_413(served: Served) -> None:
    answer = await served.post("/v1/complaints", COMPLAINT | {"text": "x" * 70_000})
    assert_problem(answer, 413)


async def test_a_body_that_unpacks_to_more_than_64_kib_is_413(served: Served) -> None:
    bomb = gzip.compress(b'{"text":"' + b"x" * 5_000_000 + b'"}')
    answer = await served.post("/v1/complaints", data=bomb, headers={"Content-Encoding": "gzip"})
    assert_problem(answer, 413)


@pytest.mark.parametrize(
    "type_", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=x", None]
)
async def test_a_wrong_content_type_is_415(served: Served, type_: str | None) -> None:
    answer = await served.post("/v1/complaints", COMPLAINT, type_=type_)
    assert_problem(answer, 415, field="Content-Type", expected="application/json in UTF-8")


@pytest.mark.parametrize("type_", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
async def test_a_content_type_may_name_utf_8(served: Served, type_: str) -> None:
    await served.import_customers()
    assert (await served.post("/v1/complaints", COMPLAINT, type_=type_)).status == 201


async def test_an_unknown_query_parameter_is_422(served: Served) -> None:
    answer = await served.get("/v1/incidents?sate=confirmed")
    assert_problem(answer, 422, field="sate", value="confirmed", expected="one of state, before")
    answer = await served.get("/v1/status?x=1")
    assert_problem(answer, 422, field="x", expected="no parameters")


async def test_a_query_parameter_twice_is_422(served: Served) -> None:
    assert_problem(await served.get("/v1/incidents?state=closed&state=suspected"), 422, field="state")


async def test_a_state_that_does_not_exist_is_422(served: Served) -> None:
    assert_problem(await served.get("/v1/incidents?state=confirmed,gone"), 422, field="state", value="gone")


@pytest.mark.parametrize("limit", ["0", "201", "x", "-1", "99999999999999"])
async def test_a_limit_out_of_range_is_422(served: Served, limit: str) -> None:
    assert_problem(await served.get(f"/v1/detection/cells?limit={limit}"), 422, field="limit", value=limit)


async def test_a_body_where_none_is_wanted_must_be_empty(served: Served) -> None:
    assert_problem(await served.post("/v1/pause-all", {"for": "ever"}), 422, field="for")
    assert (await served.post("/v1/pause-all", {})).status == 200
    assert (await served.post("/v1/resume-all")).status == 200


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/status", "/v1/incidents/x", "/v1/incidents/-1", "/v1/incidents/1e3"])
async def test_a_path_that_does_not_exist_is_404(served: Served, path: str) -> None:
    assert_problem(await served.get(path), 404)


@pytest.mark.parametrize(
    "path", ["/v1/incidents/999", "/v1/broadcasts/999", "/v1/notifications/999", "/v1/customers/X"]
)
async def test_a_thing_that_does_not_exist_is_404(served: Served, path: str) -> None:
    assert_problem(await served.get(path), 404)


async def test_a_number_beyond_every_id_is_404(served: Served) -> None:
    assert_problem(await served.get("/v1/incidents/999999999999999999"), 404)
    assert_problem(await served.get("/v1/incidents/" + "9" * 400), 404)
    for path in ("incidents/{}", "incidents/{}/choices", "broadcasts/{}", "events/{}"):
        answer = await served.get("/v1/" + path.format("9" * 20))
        assert f"there is no {path.partition('s/')[0]} {'9' * 20}" in answer.json["detail"]


async def test_a_number_in_a_body_beyond_every_id_is_422(served: Served) -> None:
    beyond = 10**19
    for path, body, field in (
        ("incidents/1/merge", {"into": beyond}, "into"),
        ("credits", {"incident": beyond, "customer": "C", "amount": "1.00", "reason": "x"}, "incident"),
        ("events/1/add", {"incident": beyond}, "incident"),
        ("events/1/assessed", {"incidents": [beyond]}, "incidents[0]"),
    ):
        assert_problem(await served.post(f"/v1/{path}", body), 422, field=field)


async def test_a_method_that_does_not_exist_is_405_and_names_those_that_do(served: Served) -> None:
    answer = await served.call("PUT", "/v1/incidents")
    assert_problem(answer, 405)
    assert "GET" in answer.headers["Allow"]
    assert "POST" in answer.headers["Allow"]


async def test_an_error_of_ours_is_500_and_says_nothing_but_the_request_id(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise RuntimeError("ann@example.com")

    monkeypatch.setattr(served.machine.parts.upkeep, "disagreements", fail)
    answer = await served.get("/v1/needs", headers={"X-Request-Id": "abc-1"})
    assert_problem(answer, 500)
    assert "abc-1" in answer.json["detail"]
    assert b"ann@example.com" not in answer.body


async def test_a_request_brings_its_own_id_and_gets_one_otherwise(served: Served) -> None:
    answer = await served.get("/v1/status", headers={"X-Request-Id": "my-id_1"})
    assert answer.headers["X-Request-Id"] == "my-id_1"
    for wrong in ('a"b', "x" * 65, "é"):
        answer = await served.get("/v1/status", headers={"X-Request-Id": wrong})
        assert len(answer.headers["X-Request-Id"]) == 16
    assert (await served.get("/nowhere", role=None)).headers["X-Request-Id"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_that_is_not_what_its_headers_say_is_400(served: Served, encoding: str) -> None:
    answer = await served.post("/v1/complaints", COMPLAINT, headers={"Content-Encoding": encoding})
    assert_problem(answer, 400, detail="the body is not what its headers say")


async def test_a_header_that_is_not_utf_8_is_refused_in_words(served: Served) -> None:
    await served.import_customers()
    body = json.dumps(COMPLAINT).encode()
    reader, writer = await asyncio.open_connection(served.server.host, served.server.port)
    writer.write(
        b"POST /v1/complaints HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %b\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\nIdempotency-Key: k\xe9\r\n\r\n%b"
        % (served.keys[KeyRole.SYSTEM].encode(), len(body), body)
    )
    head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 422 ")
    assert b"application/problem+json" in head
    assert json.loads(answer)["field"] == "Idempotency-Key"


async def test_an_idempotency_key_used_for_another_body_is_422(served: Served) -> None:
    await served.import_customers()
    headers = {"Idempotency-Key": "k1"}
    first = await served.post("/v1/complaints", COMPLAINT, headers=headers, role=KeyRole.AGENT)
    again = await served.post("/v1/complaints", COMPLAINT, headers=headers, role=KeyRole.AGENT)
    other = await served.post("/v1/complaints", COMPLAINT | {"text": "x"}, headers=headers, role=KeyRole.AGENT)
    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == again.json["id"]
    assert_problem(other, 422, field="Idempotency-Key")
