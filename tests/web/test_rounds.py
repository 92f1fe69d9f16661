"""All incidents of a storm by one number, over HTTP: who may, what is wrong input, and what has changed meanwhile."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from shutil import copyfile

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Served

COMMANDER, MANAGER, VIEWER = KeyRole.COMMANDER, KeyRole.MANAGER, KeyRole.VIEWER
TELL = "/v1/events/1/tell"


@pytest.fixture
async def town(template: Path, tmp_path: Path) -> AsyncIterator[Served]:
    """Serve a town with a storm and one suspected incident of five customers, two more than one person may tell."""
    copyfile(template, tmp_path / "notifier.db")
    async with Served(tmp_path, playbook={"audience_limit": 3, "second_person_wait": timedelta()}) as served:
        await served.import_customers()
        body = {"service": "power", "regions": ["postal_code:94110"]}
        assert (await served.post("/v1/incidents", body, role=COMMANDER)).status == 201
        assert (await served.post("/v1/events", {"name": "Ada", "service": "power"}, role=COMMANDER)).status == 201
        yield served


async def test_it_is_drafted_sent_approved_and_taken_back(town: Served) -> None:
    drafted = await town.post(TELL, {}, role=COMMANDER)
    assert drafted.status == 201, drafted.body
    seen = drafted.json
    assert (seen["round_id"], seen["customers"], seen["needs_approval"]) == (1, 5, True)
    assert [(line["incident_id"], line["kind"]) for line in seen["lines"]] == [(1, "assessing")]
    assert (await town.get("/v1/rounds/1/preview?every_text=1", role=VIEWER)).json["samples"]
    body = {"count": 5, "incidents": [1]}
    assert (await town.post("/v1/rounds/1/send", body, role=COMMANDER)).json["state"] == "awaiting_approval"
    assert (await town.get("/v1/events/1", role=VIEWER)).json["waiting"] == [1]
    assert (await town.post("/v1/rounds/1/approve", body, role=COMMANDER)).status == 403
    view = (await town.post("/v1/rounds/1/approve", body, role=MANAGER)).json
    assert (view["state"], view["expected_customers"], view["event"]) == ("sending", 5, "storm 1 Ada (power)")
    assert (await town.get("/v1/rounds/1", role=VIEWER)).json["state"] in ("sending", "completed")
    assert town.rows("SELECT id FROM broadcasts WHERE approved_by IS NOT NULL") != []
    audited = town.rows("SELECT action FROM audit WHERE target = 'round 1' ORDER BY id")
    assert [row["action"] for row in audited] == ["rounds.draft", "rounds.send", "rounds.approve"]


async def test_alone_it_goes_with_a_reason(town: Served) -> None:
    await town.post(TELL, {}, role=COMMANDER)
    body = {"count": 5, "incidents": [1]}
    early = await town.post("/v1/rounds/1/send", {**body, "alone": "why"}, role=COMMANDER)
    assert (early.status, "nobody was asked yet" in early.json["detail"]) == (409, True)
    await town.post("/v1/rounds/1/send", body, role=COMMANDER)
    assert (await town.post("/v1/rounds/1/send", {**body, "alone": " "}, role=COMMANDER)).status == 422
    view = (await town.post("/v1/rounds/1/send", {**body, "alone": "nobody answers"}, role=COMMANDER)).json
    assert (view["state"], view["alone_reason"]) == ("sending", "nobody answers")


async def test_a_no_and_then_it_rests(town: Served) -> None:
    await town.post(TELL, {}, role=COMMANDER)
    await town.post("/v1/rounds/1/send", {"count": 5, "incidents": [1]}, role=COMMANDER)
    assert (await town.post("/v1/rounds/1/reject", {"reason": "no"}, role=MANAGER)).json["state"] == "cancelled"
    assert (await town.post("/v1/rounds/1/cancel", {}, role=COMMANDER)).status == 200
    assert (await town.get("/v1/rounds/1/preview", role=VIEWER)).status == 409


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (TELL, {"incidents": [0]}, 422),
        (TELL, {"incidents": "all"}, 422),
        (TELL, {"cause": "gremlins"}, 422),
        (TELL, {"eta_at": "2001-01-01T00:00:00Z"}, 409),  # nobody has assessed it
        (TELL, {"why": "so"}, 422),
        (TELL, {"incidents": [7]}, 409),
        ("/v1/events/7/tell", {}, 404),
        ("/v1/rounds/7/send", {"count": 1, "incidents": [1]}, 404),
        ("/v1/rounds/7/cancel", {}, 404),
        ("/v1/rounds/1/send", {"count": 1}, 422),
    ],
)
async def test_what_is_wrong_is_refused_and_drafts_nothing(
    town: Served, path: str, body: dict[str, object], status: int
) -> None:
    answer = await town.post(path, body, role=COMMANDER)
    assert answer.status == status, answer.body
    assert town.rows("SELECT id FROM rounds") == []


async def test_a_wrong_number_and_other_incidents_are_refused(town: Served) -> None:
    await town.post(TELL, {}, role=COMMANDER)
    for body in ({"count": 4, "incidents": [1]}, {"count": 5, "incidents": [1, 2]}, {"count": 5, "incidents": []}):
        answer = await town.post("/v1/rounds/1/send", body, role=COMMANDER)
        assert (answer.status, "Nobody was told" in answer.json["detail"]) == (409, True)


@pytest.mark.parametrize("path", [TELL, "/v1/rounds/1/send", "/v1/rounds/1/approve", "/v1/rounds/1/cancel"])
async def test_only_a_commander_tells(town: Served, path: str) -> None:
    assert (await town.post(path, {"count": 5, "incidents": [1]}, role=KeyRole.AGENT)).status == 403
