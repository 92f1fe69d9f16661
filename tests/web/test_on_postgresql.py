"""The API on PostgreSQL: what only this database refuses is refused at the edge, and an outage of it is 503."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.storage.postgresql.database import PostgresDatabase
from tests.postgres_server import PostgresServer, postgres_server
from tests.served import ROWS, Served

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
async def served(server: PostgresServer, tmp_path: Path) -> AsyncIterator[Served]:
    """Serve the API from a fresh database."""
    database = PostgresDatabase(server.url(server.new_database()), sole=True)
    async with Served(tmp_path, database=database) as served:
        yield served


@pytest.mark.parametrize("text", ["a%00b", "%ED%A0%80", "99999999999999999999", "9223372036854775807"])
async def test_no_address_asks_the_database_for_what_it_cannot_hold(served: Served, text: str) -> None:
    await served.import_customers()
    routes = {route.resource.canonical for route in served.server.app.router.routes() if route.method == "GET"}
    paths = [path.partition("{")[0] + text for path in routes if "{" in path]
    for path in [*paths, f"/v1/customers?q={text}", f"/v1/incidents?state={text}", f"/v1/incidents?before={text}"]:
        answer = await served.get(path)
        assert answer.status < 500, path


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/complaints", {"customer_id": "C-1\x00", "service": "power"}),
        ("/v1/complaints", {"customer_id": "C-1", "service": "power", "text": "a\x00b"}),
        ("/v1/incidents", {"service": "power", "regions": ["postal_code:9\x004110"]}),
        ("/v1/pause-all", {"reason": "a\x00b"}),
        ("/v1/keys", {"name": "a\x00b", "role": "agent"}),
    ],
)
async def test_a_body_with_a_character_that_cannot_be_stored_is_the_callers_mistake(
    served: Served, path: str, body: dict[str, Any]
) -> None:
    await served.import_customers()
    assert 400 <= (await served.post(path, body)).status < 500


async def test_a_row_with_such_a_character_stops_no_other(served: Served) -> None:
    answer = await served.ndjson("/v1/customers/bulk", ROWS[0] | {"name": "a\x00b"}, ROWS[1])
    assert answer.status == 200
    assert answer.lines[-1]["loaded"] == 1


async def test_while_the_server_is_away_requests_are_503_and_go_on_afterwards(
    served: Served, server: PostgresServer
) -> None:
    await served.import_customers()
    complaint = {"customer_id": "C-1", "service": "power", "external_id": "e1"}
    await asyncio.to_thread(server.kill)
    try:
        for answer in (
            await served.post("/v1/complaints", complaint),
            await served.get("/v1/customers?q=C-1"),
            await served.get("/v1/incidents"),
        ):
            assert answer.status == 503, answer.body
            assert int(answer.headers["Retry-After"]) > 0
        assert (await served.get("/healthz", role=None)).status == 200
        assert (await served.get("/readyz", role=None)).status == 503
    finally:
        await asyncio.to_thread(server.start)
    for _ in range(100):
        if (await served.get("/readyz", role=None)).status == 200:
            break
        await asyncio.sleep(0.1)
    assert (await served.post("/v1/complaints", complaint)).status == 201
