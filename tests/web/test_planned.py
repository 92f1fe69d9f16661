"""Planned work over HTTP: announced, moved, called off, refused with the time that would do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Served

BEGINS = (datetime.now(UTC) + timedelta(days=10)).replace(microsecond=0)
WORK: dict[str, Any] = {
    "service": "power",
    "regions": ["postal_code:94110"],
    "from_at": BEGINS.isoformat(),
    "until_at": (BEGINS + timedelta(hours=4)).isoformat(),
}
LATER = {
    "from_at": (BEGINS + timedelta(days=1)).isoformat(),
    "until_at": (BEGINS + timedelta(days=1, hours=4)).isoformat(),
}


@pytest.fixture
async def town(served: Served) -> Served:
    await served.import_customers()
    return served


async def test_it_is_announced_moved_and_called_off(town: Served) -> None:
    opened = await town.post("/v1/planned", WORK, role=KeyRole.COMMANDER)
    assert opened.status == 201, opened.body
    assert (opened.json["incident"]["card"]["kind"], opened.json["incident"]["card"]["state"]) == (
        "planned",
        "scheduled",
    )
    assert (opened.json["broadcast"]["kind"], opened.json["preview"]["customers"]) == ("planned_notice", 5)
    assert "will be out" in opened.json["preview"]["samples"][0]["text"]
    moved = await town.post("/v1/planned/1/change", LATER, role=KeyRole.COMMANDER)
    assert (moved.status, moved.json["broadcast"]["kind"]) == (200, "planned_notice")
    off = await town.post("/v1/planned/1/cancel", {}, role=KeyRole.COMMANDER)
    assert (off.status, off.json["incident"]["card"]["state"], off.json["broadcast"]) == (200, "dismissed", None)


@pytest.mark.parametrize("path", ["/v1/planned/1/cancel", "/v1/incidents/1/dismiss"])
async def test_once_it_has_begun_it_is_not_called_off(town: Served, path: str) -> None:
    await town.post("/v1/planned", WORK, role=KeyRole.COMMANDER)
    town.database.write_now(lambda tx: tx.run("UPDATE incidents SET state = 'confirmed'"))
    answer = await town.post(path, {}, role=KeyRole.COMMANDER)
    assert answer.status == 409
    assert "it has begun: restored 1, or eta 1 TIME" in answer.json["detail"]


async def test_too_late_is_refused_with_the_time_that_would_do(town: Served) -> None:
    soon = datetime.now(UTC) + timedelta(hours=5)
    answer = await town.post(
        "/v1/planned",
        WORK | {"from_at": soon.isoformat(), "until_at": (soon + timedelta(hours=1)).isoformat()},
        role=KeyRole.COMMANDER,
    )
    assert answer.status == 409
    assert "it can begin from" in answer.json["detail"]


@pytest.mark.parametrize(
    "fields", [{"sites": ["C-1"]}, {"regions": []}, {"cause": "strom"}, {"until_at": WORK["from_at"]}, {"service": "x"}]
)
async def test_what_cannot_be_meant_is_refused(town: Served, fields: dict[str, Any]) -> None:
    assert (await town.post("/v1/planned", WORK | fields, role=KeyRole.COMMANDER)).status == 422


async def test_an_outage_is_no_planned_work(town: Served) -> None:
    await town.post("/v1/incidents", {"service": "power", "regions": ["postal_code:94110"]}, role=KeyRole.COMMANDER)
    assert (await town.post("/v1/planned/1/cancel", {}, role=KeyRole.COMMANDER)).status == 409
    assert (await town.post("/v1/planned/1/change", LATER, role=KeyRole.COMMANDER)).status == 409
    assert (await town.post("/v1/planned/7/cancel", {}, role=KeyRole.COMMANDER)).status == 404


async def test_agents_may_not(town: Served) -> None:
    assert (await town.post("/v1/planned", WORK, role=KeyRole.AGENT)).status == 403
