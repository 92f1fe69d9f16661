"""Storms over HTTP: who may, what is answered, and that nobody is told."""

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Served

COMMANDER = KeyRole.COMMANDER
POWER = {"service": "power", "regions": ["postal_code:94110"]}


@pytest.fixture
async def town(served: Served) -> Served:
    await served.import_customers()
    assert (await served.post("/v1/incidents", POWER, role=COMMANDER)).status == 201
    return served


async def test_a_storm_is_opened_led_and_closed(town: Served) -> None:
    opened = await town.post("/v1/events", {"name": "Ada", "service": "power"}, role=COMMANDER)
    assert opened.status == 201, opened.body
    assert [card["id"] for card in opened.json["incidents"]] == [1]
    assert (opened.json["card"]["customers"], opened.json["card"]["not_assessed"]) == (5, 1)
    for action, body in (
        ("remove", {"incident": 1}),
        ("add", {"incident": 1}),
        ("estimate-by", {"estimate_by": None}),
        ("assessed", {"incidents": [1]}),
    ):
        found = await town.post(f"/v1/events/1/{action}", body, role=COMMANDER)
        assert found.status == 200, (action, found.body)
    assert (await town.get("/v1/events/1", role=KeyRole.VIEWER)).json["assessed"] == [1]
    assert (await town.post("/v1/events/1/close", {}, role=COMMANDER)).json["card"]["closed_by"]
    assert (await town.get("/v1/events", role=KeyRole.VIEWER)).json == []
    assert len((await town.get("/v1/events?all=1", role=KeyRole.VIEWER)).json) == 1
    assert town.rows("SELECT id FROM notifications") == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/events", {"name": "Ada", "service": "gas"}, 422),
        ("/v1/events", {"name": ""}, 422),
        ("/v1/events", {"name": "Ada", "service": "power", "kind": "flood"}, 422),
        ("/v1/events", {"name": "Ada", "service": "power", "regions": ["*"]}, 422),
        ("/v1/events", {"name": "Ada", "service": "power", "estimate_by": "2026-01-01T00:00:00"}, 422),
        ("/v1/events", {"name": "Ada", "service": "power", "estimate_by": "2001-01-01T00:00:00Z"}, 422),
        ("/v1/events/7/add", {"incident": 1}, 404),
        ("/v1/events/7/close", {}, 404),
        ("/v1/events/7/assessed", {"incident": [1]}, 422),
    ],
)
async def test_what_is_wrong_is_refused(town: Served, path: str, body: dict[str, object], status: int) -> None:
    assert (await town.post(path, body, role=COMMANDER)).status == status


async def test_only_a_commander_opens_one(town: Served) -> None:
    answer = await town.post("/v1/events", {"name": "Ada", "service": "power"}, role=KeyRole.AGENT)
    assert answer.status == 403
