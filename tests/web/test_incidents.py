"""Incidents and broadcasts over HTTP: nothing is told before the right count is sent, by two keys where two are due."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from notifier.domain.actor import DAEMON, KeyRole
from tests.served import Answer, Served

POWER = {"service": "power", "regions": ["postal_code:94110"]}


@pytest.fixture
async def town(served: Served) -> Served:
    await served.import_customers()
    return served


@pytest.fixture
async def strict(template: Path, tmp_path: Path) -> AsyncIterator[Served]:
    """A town in which one commander may tell two customers."""
    shutil.copyfile(template, tmp_path / "notifier.db")
    async with Served(tmp_path, playbook={"audience_limit": 2}) as served:
        await served.import_customers()
        yield served


async def draft(town: Served) -> dict[str, Any]:
    answer = await town.post("/v1/incidents", POWER, role=KeyRole.COMMANDER)
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json
    return found


async def send(town: Served, broadcast_id: int, count: int, action: str = "send", **options: Any) -> Answer:
    options.setdefault("role", KeyRole.COMMANDER)
    return await town.post(f"/v1/broadcasts/{broadcast_id}/{action}", {"count": count}, **options)


async def test_opening_leaves_a_draft_with_its_preview_and_tells_nobody(town: Served) -> None:
    found = await draft(town)
    assert found["incident"]["card"]["state"] == "suspected"
    assert found["broadcast"]["state"] == "draft"
    assert (found["preview"]["customers"], found["preview"]["by_channel"]) == (5, {"email": 5})
    assert town.rows("SELECT id FROM notifications") == []


async def test_a_preview_shows_no_address(town: Served) -> None:
    await draft(town)
    woken = await town.get("/v1/broadcasts/1/preview?wake_reason=gas", role=KeyRole.VIEWER)
    assert woken.json["wake_reason"] == "gas"
    assert (await town.get(f"/v1/broadcasts/1/preview?wake_reason={'g' * 1_001}", role=KeyRole.VIEWER)).status == 422
    answer = await town.get("/v1/broadcasts/1/preview", role=KeyRole.VIEWER)
    assert len(answer.json["samples"]) == 3
    assert b"customer1@example.net" not in answer.body


async def test_a_wrong_count_is_409_and_changes_nothing(town: Served) -> None:
    broadcast = (await draft(town))["broadcast"]["id"]
    for wrong in (0, 4, 6):
        answer = await send(town, broadcast, wrong)
        assert answer.status == 409, answer.body
    assert (await town.get(f"/v1/broadcasts/{broadcast}")).json["state"] == "draft"


@pytest.mark.parametrize("count", ["5", 5.0, None, True, [5]])
async def test_a_count_that_is_no_number_is_422(town: Served, count: object) -> None:
    broadcast = (await draft(town))["broadcast"]["id"]
    answer = await town.post(f"/v1/broadcasts/{broadcast}/send", {"count": count})
    assert (answer.status, answer.json["field"]) == (422, "count")


async def test_the_right_count_sends_after_the_take_back_time(town: Served) -> None:
    broadcast = (await draft(town))["broadcast"]["id"]
    view = (await send(town, broadcast, 5)).json
    assert (view["state"], view["sent_by"], view["started_at"]) == ("sending", "a commander", None)
    assert view["not_before_at"] > view["sent_at"]
    assert (await town.get("/v1/incidents/1")).json["card"]["state"] == "confirmed"


async def test_what_was_sent_is_taken_back_within_its_time(town: Served) -> None:
    broadcast = (await draft(town))["broadcast"]["id"]
    await send(town, broadcast, 5)
    view = (await town.post(f"/v1/broadcasts/{broadcast}/cancel", role=KeyRole.COMMANDER)).json
    assert (view["state"], view["reason"]) == ("cancelled", "taken_back")
    assert (await send(town, broadcast, 5)).status == 409


async def test_a_broadcast_is_paused_and_resumed(town: Served) -> None:
    broadcast = (await draft(town))["broadcast"]["id"]
    await send(town, broadcast, 5)
    assert (await town.post(f"/v1/broadcasts/{broadcast}/pause")).json["state"] == "paused"
    assert (await town.post(f"/v1/broadcasts/{broadcast}/pause")).status == 409
    assert (await town.post(f"/v1/broadcasts/{broadcast}/resume")).json["state"] == "sending"


async def test_above_the_limit_another_key_approves(strict: Served) -> None:
    broadcast = (await draft(strict))["broadcast"]["id"]
    assert (await send(strict, broadcast, 5)).json["state"] == "awaiting_approval"
    own = await send(strict, broadcast, 5, "approve")
    assert own.status in {403, 409}, own.body
    assert (await send(strict, broadcast, 4, "approve", role=KeyRole.MANAGER)).status == 409
    view = (await send(strict, broadcast, 5, "approve", role=KeyRole.MANAGER)).json
    assert (view["state"], view["approved_by"]) == ("sending", "a manager")


async def test_another_key_may_say_no(strict: Served) -> None:
    broadcast = (await draft(strict))["broadcast"]["id"]
    await send(strict, broadcast, 5)
    answer = await strict.post(f"/v1/broadcasts/{broadcast}/reject", {"reason": "wrong town"})
    assert (answer.json["state"], answer.json["reason"]) == ("cancelled", "rejected")
    assert (answer.json["rejected_by"], answer.json["rejected_because"]) == ("a manager", "wrong town")
    needs = (await strict.get("/v1/needs", role=KeyRole.COMMANDER)).json
    assert "your broadcast 1 (`acknowledged` to 5 customers) was rejected by a manager: wrong town" in needs[0]["text"]
    assert "a commander's broadcast 1" in (await strict.get("/v1/needs")).json[0]["text"]
    assert (await strict.get("/v1/incidents/1")).json["rejected"] == [1]


async def test_a_key_may_ask_whose_it_is(served: Served) -> None:
    assert (await served.get("/v1/me", role=KeyRole.AGENT)).json == {"name": "a agent", "role": "agent"}


@pytest.mark.parametrize(
    "place",
    [
        {},
        {"regions": []},
        {"regions": [""]},
        {"regions": ["*"]},
        {"regions": ["postal_code:*"]},
        {"regions": ["postal_code:99999"]},
        {"regions": ["planet:earth"]},
        {"sites": ["C-999"]},
        {"sites": ["*"]},
        {"sites": [["C-1", "1", "x"]]},
        {"regions": ["postal_code:94110"], "sites": ["C-1"]},
    ],
)
async def test_a_place_that_is_none_is_422_and_never_everyone(town: Served, place: dict[str, Any]) -> None:
    answer = await town.post("/v1/incidents", {"service": "power"} | place)
    assert answer.status == 422, answer.body
    assert town.rows("SELECT id FROM incidents") == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"service": "gas"}, "service"),
        ({"cause": "aliens"}, "cause"),
        ({"impact": "bad"}, "impact"),
        ({"eta_at": "2020-01-01T00:00:00Z"}, "eta_at"),
        ({"eta_at": "2999-01-01T00:00:00Z"}, "eta_at"),
        ({"eta_at": "2999-01-01T00:00:00"}, "eta_at"),
        ({"started_at": "2999-01-01T00:00:00Z"}, "started_at"),
        ({"may_delay": "yes"}, "may_delay"),
    ],
)
async def test_a_wrong_field_of_an_incident_is_named(town: Served, fields: dict[str, Any], field: str) -> None:
    answer = await town.post("/v1/incidents", POWER | fields)
    assert (answer.status, answer.json["field"]) == (422, field), answer.body


async def test_a_long_list_of_sites_is_more_than_a_complaint_may_be(town: Served) -> None:
    sites = ["C-1", *(f"unknown customer {number}" for number in range(5_000))]
    answer = await town.post("/v1/incidents", {"service": "power", "sites": sites})
    assert answer.status == 422
    assert "5 %" in answer.json["detail"] + answer.json.get("expected", "")


async def test_an_action_that_is_not_possible_names_the_state(town: Served) -> None:
    await draft(town)
    for action in ("restored", "close", "reopen"):
        answer = await town.post(f"/v1/incidents/1/{action}", {})
        assert answer.status == 409, action
        assert "suspected" in answer.json["detail"]


async def test_dismissing_what_nobody_was_told_of_needs_no_message(town: Served) -> None:
    await draft(town)
    answer = await town.post("/v1/incidents/1/dismiss", {"note": "a test"})
    assert answer.json["incident"]["card"]["state"] == "dismissed"
    assert answer.json["incident"]["dismissed_by"] == "a manager"
    assert answer.json["broadcast"] is None


async def test_the_daemon_at_a_glance(town: Served) -> None:
    await draft(town)
    await town.post("/v1/complaints", {"customer_id": "C-1", "service": "power"})
    view = (await town.get("/v1/status", role=KeyRole.VIEWER)).json
    assert [card["id"] for card in view["incidents"]] == [1]
    assert (view["complaints_last_hour"], view["paused"], view["detector_lag"]) == (1, False, 1)
    assert view["providers"] == {"outbox": "up"}
    needs = (await town.get("/v1/needs", role=KeyRole.VIEWER)).json
    assert [need["incident_id"] for need in needs] == [1]
    assert view["needs"] == needs


async def test_a_ledger_that_disagrees_needs_a_person_until_it_is_well_again(town: Served) -> None:
    upkeep = town.machine.parts.upkeep
    await draft(town)
    await town.database.write(
        lambda tx: tx.run("INSERT INTO audience (broadcast_id, customer_id, outcome) VALUES (1, 1, 'told')")
    )
    await upkeep.check_ledger()
    needs = (await town.get("/v1/needs")).json
    assert any(need["kind"] == "ledger" and "1 x told without a message" in need["text"] for need in needs)
    await town.database.write(lambda tx: tx.run("DELETE FROM audience"))
    await upkeep.check_ledger()
    assert all(need["kind"] != "ledger" for need in (await town.get("/v1/needs")).json)


async def test_cells_are_listed_highest_first(town: Served) -> None:
    for number in range(1, 6):
        await town.post("/v1/complaints", {"customer_id": f"C-{number}", "service": "power"})
    await town.machine.parts.detection.rebuild()
    while await town.machine.parts.detection.step():
        pass
    (cell,) = (await town.get("/v1/detection/cells", role=KeyRole.VIEWER)).json
    assert (cell["region"], cell["service"], cell["observed"]) == ("postal_code 94110", "power", 5)


async def test_a_notification_is_shown_without_its_address(town: Served) -> None:
    broadcast = (await draft(town))["broadcast"]["id"]
    await send(town, broadcast, 5)
    while await town.machine.planning.step():
        pass
    answer = await town.get("/v1/notifications/1", role=KeyRole.VIEWER)
    assert (answer.json["state"], answer.json["channel"]) == ("pending", "email")
    assert answer.json["subject"]
    assert b"customer1@example.net" not in answer.body
    (told,) = (await town.get("/v1/customers/C-1", role=KeyRole.AGENT)).json["told"]
    assert told["subject"] == answer.json["subject"]
    for action in ("resend", "abandon"):
        refused = await town.post(f"/v1/notifications/1/{action}")
        assert (refused.status, "pending" in refused.json["detail"]) == (409, True)


async def test_actions_are_in_the_audit_log_with_their_key(town: Served) -> None:
    await draft(town)
    await town.machine.parts.keys.create("x", "viewer", DAEMON)
    rows = town.rows("SELECT actor, action, origin FROM audit WHERE action LIKE 'incidents.%'")
    assert rows == [{"actor": "a commander", "action": "incidents.open", "origin": "127.0.0.1"}]


async def test_a_list_goes_on_before_its_last_incident(town: Served) -> None:
    for service in ("power", "water"):
        opened = await town.post("/v1/incidents", {**POWER, "service": service}, role=KeyRole.COMMANDER)
        assert opened.status == 201, opened.body
    newest, *_ = (await town.get("/v1/incidents")).json
    older = (await town.get(f"/v1/incidents?before={newest['id']}")).json
    assert [card["id"] for card in older] == [newest["id"] - 1]
    refused = await town.get("/v1/incidents?before=x")
    assert (refused.status, refused.json["field"]) == (422, "before")
