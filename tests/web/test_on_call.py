"""People on call over HTTP: who may look, who may call and take, and what `needs` says of who was woken."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notifier.config import OnCall, Person
from notifier.domain.actor import KeyRole
from tests.served import Served

PEOPLE = OnCall(
    people=(Person(name="Ann", email="ann@example.com", key="ann"), Person(name="Bea", email="b@x.example"))
)


@pytest.fixture
async def desk(template: Path, tmp_path: Path) -> AsyncIterator[Served]:
    """Serve the API of a company with two people on call, and an incident that waits for a second key."""
    shutil.copyfile(template, tmp_path / "notifier.db")
    async with Served(tmp_path, playbook={"audience_limit": 2}, on_call=PEOPLE) as served:
        await served.import_customers()
        body = {"service": "power", "regions": ["94110"]}
        draft = await served.post("/v1/incidents", body, role=KeyRole.COMMANDER)
        await served.post(f"/v1/broadcasts/{draft.json['broadcast']['id']}/send", {"count": 5}, role=KeyRole.COMMANDER)
        await served.machine.parts.on_call.watch()
        yield served
        await served.machine.parts.on_call.close()


async def test_a_call_is_shown_with_its_routes_masked(desk: Served) -> None:
    view = (await desk.get("/v1/on-call", role=KeyRole.VIEWER)).json
    assert view["people"] == [
        {"name": "Ann", "routes": {"email": "a***@example.com"}},
        {"name": "Bea", "routes": {"email": "b***@x.example"}},
    ]
    assert [(alarm["reason"], alarm["incident_id"]) for alarm in view["alarms"]] == [("approval_waiting", 1)]
    (call,) = view["calls"]
    assert (call["person"], call["outcome"], call["incidents"]) == ("Ann", "ringing", [1])
    assert [(route["route"], route["state"]) for route in call["routes"]] == [("email", "handed_over")]
    assert (await desk.get("/v1/on-call/calls/1", role=KeyRole.VIEWER)).json == call
    assert (await desk.get("/v1/on-call/calls/99", role=KeyRole.VIEWER)).status == 404
    mails = list((desk.folder / "outbox" / "new").iterdir())
    assert [mail.name for mail in mails] == ["oncall1.eml"]


async def test_needs_say_who_was_called_and_what_they_answered(desk: Served) -> None:
    (need,) = (await desk.get("/v1/needs", role=KeyRole.VIEWER)).json
    assert need["called"].startswith("Ann called ")
    assert need["called"].endswith(", no answer")
    await desk.post("/v1/on-call/calls/1/ack", role=KeyRole.COMMANDER)
    (need,) = (await desk.get("/v1/status", role=KeyRole.VIEWER)).json["needs"]
    assert "answered WAIT by a commander" in need["called"]


async def test_a_call_is_taken_once_by_a_commander(desk: Served) -> None:
    assert (await desk.post("/v1/on-call/calls/1/ack", role=KeyRole.AGENT)).status == 403
    answer = await desk.post("/v1/on-call/calls/1/ack", role=KeyRole.COMMANDER)
    assert (answer.status, answer.json["outcome"], answer.json["answered_by"]) == (200, "answered", "a commander")
    assert (await desk.post("/v1/on-call/calls/1/ack", role=KeyRole.MANAGER)).status == 409
    assert (await desk.post("/v1/on-call/calls/99/ack", role=KeyRole.MANAGER)).status == 404


async def test_people_are_called_for_nothing_by_commanders(desk: Served) -> None:
    assert (await desk.post("/v1/on-call/test", role=KeyRole.AGENT)).status == 403
    wrong = await desk.post("/v1/on-call/test", {"person": "An"}, role=KeyRole.COMMANDER)
    assert (wrong.status, wrong.json["field"]) == (422, "person")
    assert wrong.json["detail"] == "nobody on call is called 'An'; did you mean 'Ann'?"
    answer = await desk.post("/v1/on-call/test", {"person": "Bea"}, role=KeyRole.COMMANDER)
    assert answer.status == 202
    assert [call["person"] for call in answer.json] == ["Bea"]
    await desk.machine.parts.on_call.watch()
    assert (desk.folder / "outbox" / "new" / "oncall2.eml").exists()


async def test_nobody_can_be_tested_where_nobody_is_on_call(served: Served) -> None:
    answer = await served.post("/v1/on-call/test", role=KeyRole.COMMANDER)
    assert (answer.status, answer.json["detail"]) == (409, "nobody is on call: name people in on_call.people")
    assert (await served.get("/v1/on-call")).json["people"] == []


async def test_a_stopped_provider_and_a_silent_source_are_needs(desk: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from notifier.stages.on_call.sources import Silent

    now = desk.machine.parts.clock.now()
    silent = Silent(name="sms", since=now - timedelta(hours=3), news_at=now - timedelta(hours=1))
    monkeypatch.setattr(desk.machine.parts.on_call, "silent", lambda: [silent])
    needs = (await desk.get("/v1/needs")).json
    assert needs[0]["kind"] == "source"
    assert needs[0]["text"] == "source sms is silent for 3 h 0 min, at this time never for more than 2 h 0 min"
