"""Complaints over HTTP: an answer after the commit, a result per line, and nothing acknowledged is ever lost."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pytest

from notifier.domain.actor import KeyRole
from notifier.domain.errors import Overloaded, StoreUnavailable
from notifier.stages.intake import taking_in
from notifier.storage.database import Transaction
from tests.served import Served

COMPLAINT = {"customer_id": "C-1", "service": "internet", "text": "no connection"}


@pytest.fixture
async def town(served: Served) -> Served:
    await served.import_customers()
    return served


async def test_a_complaint_is_answered_with_what_it_counts_for(town: Served) -> None:
    answer = await town.post("/v1/complaints", COMPLAINT, role=KeyRole.AGENT)
    assert answer.status == 201
    assert answer.json == {
        "id": 1,
        "duplicate": False,
        "customer": "C-1",
        "verified": True,
        "counted": True,
        "not_counted": None,
        "regions": ["postal_code 94110"],
        "incident": None,
        "correlation_id": answer.json["correlation_id"],
    }
    assert len(town.rows("SELECT id FROM complaints")) == 1


async def test_the_request_id_is_the_correlation_id_of_the_complaint(town: Served) -> None:
    answer = await town.post("/v1/complaints", COMPLAINT, headers={"X-Request-Id": "abc-1"})
    assert answer.json["correlation_id"] == "abc-1"
    (row,) = town.rows("SELECT correlation_id FROM complaints")
    assert row["correlation_id"] == "abc-1"


async def test_the_same_external_id_is_a_duplicate_with_the_first_answer(town: Served) -> None:
    body = COMPLAINT | {"external_id": "7"}
    first, again = await town.post("/v1/complaints", body), await town.post("/v1/complaints", body)
    assert (first.status, again.status) == (201, 200)
    assert again.json["duplicate"]
    assert again.json["id"] == first.json["id"]


async def test_a_full_writer_is_503_with_retry_after_and_nothing_is_stored(
    town: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_work: object) -> None:
        raise Overloaded("the writer's queue", retry_after_seconds=3)

    monkeypatch.setattr(town.database, "write_here", full)
    answer = await town.post("/v1/complaints", COMPLAINT)
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "3"
    assert town.rows("SELECT id FROM complaints") == []


async def test_a_full_writer_in_the_middle_of_a_list_stores_no_line_twice(
    town: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking_in, "ROWS_IN_A_TRANSACTION", 2)
    write_here, tries = town.database.write_here, []

    async def full_at_times(work: Callable[[Transaction], Any]) -> Any:
        tries.append(work)
        if len(tries) % 2 == 0:
            raise Overloaded("the writer's queue")
        return await write_here(work)

    monkeypatch.setattr(town.database, "write_here", full_at_times)
    answer = await town.ndjson("/v1/complaints/bulk", *[COMPLAINT] * 6)  # without ids of their source
    assert [line["status"] for line in answer.lines] == [201] * 6
    assert len(town.rows("SELECT id FROM complaints")) == 6


async def test_a_store_that_takes_nothing_is_503_for_every_line(town: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_work: object) -> None:
        raise StoreUnavailable("database or disk is full")

    monkeypatch.setattr(town.database, "write_here", full)
    answer = await town.ndjson("/v1/complaints/bulk", *[COMPLAINT] * 3)
    assert [line["status"] for line in answer.lines] == [503] * 3
    single = await town.post("/v1/complaints", COMPLAINT)
    assert (single.status, single.headers["Retry-After"]) == (503, "5")
    assert single.json["detail"] == "the store takes nothing now (database or disk is full); nothing was accepted"


async def test_every_line_has_its_own_result_and_a_bad_one_stops_nothing(town: Served) -> None:
    answer = await town.ndjson(
        "/v1/complaints/bulk",
        COMPLAINT | {"external_id": "1"},
        b"{oops",
        b"",
        COMPLAINT | {"service": "gas"},
        b'{"service":' + b"9" * 5_000 + b"}",
        b'{"text":"' + b"x" * 70_000 + b'"}',
        COMPLAINT | {"external_id": "1"},
        COMPLAINT | {"customer_id": "C-2"},
        role=KeyRole.SYSTEM,
    )
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [(line["line"], line["status"]) for line in answer.lines] == [
        (1, 201),
        (2, 400),
        (4, 422),
        (5, 400),
        (6, 413),
        (7, 200),
        (8, 201),
    ]
    assert answer.lines[2]["field"] == "service"
    assert answer.lines[5]["duplicate"]
    assert answer.lines[5]["id"] == answer.lines[0]["id"]
    assert [row["source"] for row in town.rows("SELECT source FROM complaints")] == ["api", "api"]


async def test_history_feeds_the_baseline_only(town: Served) -> None:
    row = COMPLAINT | {"occurred_at": "2025-01-01T12:00:00Z"}
    answer = await town.ndjson("/v1/complaints/bulk?history=1", row)
    assert answer.lines[0]["not_counted"] == "history"


async def test_imported_history_is_the_baseline_when_the_answer_ends(town: Served) -> None:
    start = datetime.now(UTC) - timedelta(days=50)
    rows = [COMPLAINT | {"occurred_at": (start + timedelta(days=days)).isoformat()} for days in range(45)]
    before = town.rows("SELECT baseline_day FROM detector")
    answer = await town.ndjson("/v1/complaints/bulk?history=1", *rows)
    assert len(answer.lines) == 45
    assert town.rows("SELECT baseline_day FROM detector") != before
    assert town.rows("SELECT service FROM baseline_shapes") == [{"service": "internet"}]


async def test_a_list_needs_its_content_type(town: Served) -> None:
    answer = await town.post("/v1/complaints/bulk", data=b"{}", type_="application/json")
    assert answer.status == 415
    assert answer.json["expected"] == "application/x-ndjson in UTF-8"


async def test_history_is_yes_or_no(town: Served) -> None:
    assert (await town.ndjson("/v1/complaints/bulk?history=maybe", COMPLAINT)).status == 422


async def test_an_empty_list_has_an_empty_answer(town: Served) -> None:
    answer = await town.ndjson("/v1/complaints/bulk")
    assert (answer.status, answer.body) == (200, b"")


class Stream:
    """A raw connection that sends a list piece by piece."""

    def __init__(self, town: Served) -> None:
        self.town = town

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.town.server.port)
        self.writer.write(
            b"POST /v1/complaints/bulk HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/x-ndjson\r\nAuthorization: Bearer "
            + self.town.keys[KeyRole.SYSTEM].encode()
            + b"\r\n\r\n"
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    def send(self, body: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(body), body))

    async def until(self, text: bytes) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readuntil(text)


def line(number: int) -> bytes:
    return json.dumps(COMPLAINT | {"external_id": str(number)}).encode() + b"\n"


async def test_results_come_while_lines_are_still_being_sent(town: Served) -> None:
    async with Stream(town) as stream:
        stream.send(line(1))
        assert b'"line":1' in await stream.until(b'"correlation_id"')
        stream.send(line(2)[:10])
        stream.send(line(2)[10:])
        assert b'"line":2' in await stream.until(b'"line":2')


async def test_a_client_that_vanishes_loses_nothing_that_was_acknowledged(town: Served) -> None:
    async with Stream(town) as stream:
        for number in range(1, 101):
            stream.send(line(number))
        await stream.until(b'"line":100,')
        stream.send(line(101)[:20])
        stream.writer.transport.abort()
    stored = {row["external_id"] for row in town.rows("SELECT external_id FROM complaints")}
    assert stored == {str(number) for number in range(1, 101)}
    assert (await town.get("/v1/status")).status == 200


async def test_a_full_writer_makes_a_list_wait(town: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    real, refusals = town.database.write, iter(range(3))

    async def sometimes(work: object) -> object:
        if next(refusals, None) is not None:
            raise Overloaded("the writer's queue")
        return await real(work)  # type: ignore[arg-type]

    monkeypatch.setattr(town.database, "write", sometimes)
    answer = await town.ndjson("/v1/complaints/bulk", COMPLAINT)
    assert [row["status"] for row in answer.lines] == [201]


async def test_ten_thousand_lines_are_stored_and_answered_in_order(town: Served) -> None:
    rows = b"".join(line(number) for number in range(10_000))
    answer = await town.post("/v1/complaints/bulk", data=rows, type_="application/x-ndjson")
    assert [row["line"] for row in answer.lines] == list(range(1, 10_001))
    assert {row["status"] for row in answer.lines} == {201}
