"""`alone` over HTTP: what is wrong input, what is too early, and what the answer says."""

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Served

WHY = "nobody answers"


async def waiting(folder: Path, template: Path, wait: timedelta) -> AsyncIterator[Served]:
    shutil.copyfile(template, folder / "notifier.db")
    async with Served(folder, playbook={"audience_limit": 2, "second_person_wait": wait}) as served:
        await served.import_customers()
        body = {"service": "power", "regions": ["94110"]}
        assert (await served.post("/v1/incidents", body, role=KeyRole.COMMANDER)).status == 201
        yield served


@pytest.fixture
async def town(template: Path, tmp_path: Path) -> AsyncIterator[Served]:
    async for served in waiting(tmp_path, template, timedelta(minutes=10)):
        yield served


@pytest.fixture
async def hasty(template: Path, tmp_path: Path) -> AsyncIterator[Served]:
    """A town that waits for nobody."""
    async for served in waiting(tmp_path, template, timedelta()):
        yield served


async def test_it_is_refused_for_a_draft_and_before_its_time(town: Served) -> None:
    alone = {"count": 5, "alone": WHY}
    draft = await town.post("/v1/broadcasts/1/send", alone, role=KeyRole.COMMANDER)
    assert (draft.status, "nobody was asked yet" in draft.json["detail"]) == (409, True)
    assert (await town.post("/v1/broadcasts/1/send", {"count": 5}, role=KeyRole.COMMANDER)).status == 200
    early = await town.post("/v1/broadcasts/1/send", alone, role=KeyRole.COMMANDER)
    assert (early.status, "it can be sent alone from 20" in early.json["detail"]) == (409, True)
    preview = (await town.get("/v1/broadcasts/1/preview", role=KeyRole.VIEWER)).json
    assert (preview["second_person"], preview["second_person_wait_seconds"]) == ("", 600.0)
    assert preview["alone_from_at"] is not None


@pytest.mark.parametrize("alone", ["", "  ", "x" * 501, 3, ["why"]])
async def test_a_wrong_reason_is_wrong_input(hasty: Served, alone: object) -> None:
    await hasty.post("/v1/broadcasts/1/send", {"count": 5}, role=KeyRole.COMMANDER)
    answer = await hasty.post("/v1/broadcasts/1/send", {"count": 5, "alone": alone}, role=KeyRole.COMMANDER)
    assert answer.status == 422, answer.body
    assert (await hasty.get("/v1/broadcasts/1", role=KeyRole.VIEWER)).json["state"] == "awaiting_approval"


async def test_alone_it_is_sent_by_who_sent_it_and_by_nobody_else(hasty: Served) -> None:
    await hasty.post("/v1/broadcasts/1/send", {"count": 5}, role=KeyRole.COMMANDER)
    alone = {"count": 5, "alone": WHY}
    assert (await hasty.post("/v1/broadcasts/1/send", alone, role=KeyRole.AGENT)).status == 403
    assert (await hasty.post("/v1/broadcasts/1/send", alone, role=KeyRole.MANAGER)).status == 409
    view = (await hasty.post("/v1/broadcasts/1/send", alone, role=KeyRole.COMMANDER)).json
    assert (view["state"], view["approved_by"], view["alone_reason"]) == ("sending", None, WHY)
    assert (await hasty.post("/v1/broadcasts/1/send", alone, role=KeyRole.COMMANDER)).status == 409
    (kept,) = (await hasty.get("/v1/incidents/1", role=KeyRole.VIEWER)).json["broadcasts"]
    assert kept["alone_reason"] == WHY
