"""Webhooks of people on call, against a real server: what is posted, what each answer means, and that nothing waits."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from notifier.config import Person, WebhookKind
from notifier.domain.delivery import Result
from notifier.providers.webhook import Webhooks, outcome_of
from notifier.stages.incidents import DismissIncident
from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase
from tests.control_room import BOB
from tests.on_call_desk import ANN_NUMBER, BEA_NUMBER, Desk


class Tool:
    """A tool like PagerDuty: keeps what is posted, and answers what it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.posted: list[dict[str, Any]] = []
        self.types: list[str] = []
        self.answers: list[web.Response | None] = []
        self.hang = asyncio.Event()

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.types.append(request.headers["Content-Type"])
        self.posted.append(json.loads(await request.read()))
        answer = self.answers.pop(0) if self.answers else web.json_response({"status": "success"}, status=202)
        if answer is None:
            await self.hang.wait()
            return web.Response()
        return answer

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v2/enqueue", self.take)
        self.server = TestServer(app)
        await self.server.start_server()
        self.url = str(self.server.make_url("/v2/enqueue"))


@pytest.fixture
async def tool() -> AsyncIterator[Tool]:
    tool = Tool()
    await tool.start()
    yield tool
    tool.hang.set()
    await tool.server.close()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    upgrade(f"sqlite:///{tmp_path / 'notifier.db'}")
    database = SqliteDatabase(tmp_path / "notifier.db")
    yield database
    database.close()


@pytest.fixture
async def webhooks() -> AsyncIterator[Webhooks]:
    found = Webhooks(timeout_seconds=0.5)
    yield found
    await found.close()


async def test_json_is_posted_and_taken(tool: Tool, webhooks: Webhooks) -> None:
    outcome = await webhooks.post(tool.url, {"text": "São Paulo"})
    assert (outcome.result, outcome.code) == (Result.ACCEPTED, "202")
    assert tool.posted == [{"text": "São Paulo"}]
    assert tool.types == ["application/json"]


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (200, Result.ACCEPTED),
        (202, Result.ACCEPTED),
        (204, Result.ACCEPTED),
        (302, Result.PERMANENT),
        (400, Result.PERMANENT),
        (403, Result.PERMANENT),
        (404, Result.PERMANENT),
        (408, Result.TEMPORARY),
        (429, Result.TEMPORARY),
        (500, Result.TEMPORARY),
        (503, Result.TEMPORARY),
    ],
)
async def test_what_each_answer_means(tool: Tool, webhooks: Webhooks, status: int, result: Result) -> None:
    location = {"Location": "http://127.0.0.1:9/"} if status == 302 else {}
    tool.answers = [web.Response(status=status, text="" if status == 204 else "said", headers=location)]
    outcome = await webhooks.post(tool.url, {})
    assert (outcome.result, outcome.code) == (result, str(status))
    assert len(tool.posted) == 1


async def test_retry_after_is_kept_up_to_two_minutes(tool: Tool, webhooks: Webhooks) -> None:
    tool.answers = [
        web.Response(status=429, headers={"Retry-After": given}) for given in ("7", "86400", "Sun, 06 Nov 1994", "-5")
    ]
    found = [(await webhooks.post(tool.url, {})).retry_after for _ in range(4)]
    assert found == [timedelta(seconds=7), timedelta(minutes=2), None, None]


async def test_a_tool_that_does_not_answer_is_left_in_time_and_nobody_knows(tool: Tool, webhooks: Webhooks) -> None:
    tool.answers = [None]
    began = asyncio.get_running_loop().time()
    outcome = await webhooks.post(tool.url, {})
    assert outcome.result is Result.UNKNOWN
    assert asyncio.get_running_loop().time() - began < 5


async def test_no_connection_is_ours_and_names_no_address(webhooks: Webhooks) -> None:
    outcome = await webhooks.post(f"http://127.0.0.1:{unused_port()}/services/T0/B0/secret", {})
    assert outcome.result is Result.OURS
    assert "127.0.0.1" not in outcome.answer
    assert "secret" not in outcome.answer


async def test_what_is_no_address_is_permanent(webhooks: Webhooks) -> None:
    assert (await webhooks.post("http://", {})).result is Result.PERMANENT


def test_a_key_that_a_tool_repeats_is_not_kept() -> None:
    outcome = outcome_of(400, '{"errors":["routing_key 0123456789abcdef0123456789abcdef is wrong https://x/y"]}')
    assert "0123456789abcdef" not in outcome.answer
    assert "https" not in outcome.answer


# --- on-call by it ---------------------------------------------------------------------------------------------------


def person(tool: Tool, kind: WebhookKind = WebhookKind.PAGERDUTY, **more: str) -> Person:
    return Person(name="Desk", webhook=tool.url, webhook_kind=kind, webhook_key="KEY", **more)


async def test_a_call_opens_and_closes_an_incident_in_pagerduty(tool: Tool, database: SqliteDatabase) -> None:
    desk = Desk(database, people=(person(tool), Person(name="Bea", sms=BEA_NUMBER)))
    desk.suspect()
    await desk.watch(11)
    await desk.on_call.answer(desk.code(BEA_NUMBER), "wait", BEA_NUMBER)
    await desk.watch()
    await desk.room.incidents.dismiss(1, DismissIncident(), BOB)
    await desk.watch()
    await desk.on_call.close()
    assert [event["event_action"] for event in tool.posted] == ["trigger", "acknowledge", "resolve"]
    assert len({event["dedup_key"] for event in tool.posted}) == 1
    assert tool.posted[0]["payload"]["summary"].startswith("NOTIFIER #1 power 94110: 20 people in 11 min")


async def test_every_call_of_a_person_is_resolved_in_pagerduty(tool: Tool, database: SqliteDatabase) -> None:
    desk = Desk(database, people=(person(tool),))
    desk.suspect()
    await desk.watch(11)
    await desk.room.incidents.dismiss(1, DismissIncident(), BOB)
    await desk.watch()
    await desk.on_call.close()
    actions = [(event["event_action"], event["dedup_key"][-6:]) for event in tool.posted]
    assert sorted(actions) == [
        ("resolve", "call 1"),
        ("resolve", "call 2"),
        ("trigger", "call 1"),
        ("trigger", "call 2"),
    ]


async def test_a_webhook_that_fails_is_tried_again_with_the_same_event_while_the_text_wakes(
    tool: Tool, database: SqliteDatabase
) -> None:
    tool.answers = [web.Response(status=503), web.Response(status=429)]
    desk = Desk(database, people=(person(tool, sms=ANN_NUMBER),))
    desk.suspect()
    await desk.watch(2)
    await desk.on_call.close()
    assert len(desk.texts()) == 1
    assert len(tool.posted) == 3
    assert tool.posted[0] == tool.posted[1] == tool.posted[2]
    (call,) = (await desk.on_call.view()).calls
    assert {route.route: route.state for route in call.routes} == {"sms": "handed_over", "webhook": "handed_over"}


@pytest.mark.parametrize("kind", [WebhookKind.SLACK, WebhookKind.TEAMS])
async def test_a_channel_is_told_who_has_it_and_that_it_is_over(
    tool: Tool, database: SqliteDatabase, kind: WebhookKind
) -> None:
    desk = Desk(database, people=(person(tool, kind), Person(name="Bea", sms=BEA_NUMBER)))
    desk.suspect()
    await desk.watch(11)
    await desk.on_call.answer(desk.code(BEA_NUMBER), "wait", BEA_NUMBER)
    await desk.watch()
    await desk.room.incidents.dismiss(1, DismissIncident(), BOB)
    await desk.watch()
    await desk.on_call.close()
    said = [json.dumps(each) for each in tool.posted]
    assert len(said) == 3
    assert "Bea has it" in said[1]
    assert "over (dismissed by bob" in said[2]
