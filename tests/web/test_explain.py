"""Explanations over HTTP: who may read customers sees them named, everybody else sees figures, nobody an address."""

import json
from urllib.parse import quote

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Served

PATH = "/v1/detection/explain"
CELL = f"{PATH}?region=postal_code:94110&service=power"


@pytest.fixture
async def town(served: Served) -> Served:
    """Let four customers of one place complain, one of them twice, and a stranger."""
    await served.import_customers()
    for number in (1, 2, 3, 4, 1):
        complaint = {"customer_id": f"C-{number}", "service": "power", "text": "secret words"}
        await served.post("/v1/complaints", complaint)
    stranger = {"reporter": "stranger@example.org", "region": "postal_code:94110", "service": "power"}
    await served.post("/v1/complaints", stranger)
    while await served.machine.parts.detection.step():
        pass
    return served


async def test_an_agent_sees_who_complained_and_no_address(town: Served) -> None:
    answer = await town.get(CELL, role=KeyRole.AGENT)
    assert answer.status == 200
    cell = answer.json["cell"]
    assert answer.json["customers_named"]
    assert [each["customer"] for each in cell["callers"] if each["counted"]] == [None, "C-4", "C-3", "C-2", "C-1"]
    assert [(each["name"], each["not_counted"]) for each in cell["callers"] if not each["counted"]] == [
        ("Customer 1", "repeat")
    ]
    assert b"@example" not in answer.body
    assert b"secret" not in answer.body


async def test_a_viewer_sees_figures_alone(town: Served) -> None:
    answer = await town.get(CELL, role=KeyRole.VIEWER)
    assert not answer.json["customers_named"]
    assert answer.json["cell"]["counted"] == 5
    assert {each["customer"] for each in answer.json["cell"]["callers"]} == {None}
    assert b"C-1" not in answer.body
    assert b"Customer" not in answer.body


async def test_an_incident_is_explained_by_its_number(town: Served) -> None:
    answer = await town.get(f"{PATH}?incident=1", role=KeyRole.VIEWER)
    assert answer.json["incident"]["place"] == "94110"
    assert answer.json["regions"][0]["opened"]["observed"] == 3
    assert answer.json["cell"]["grade"] == "likely"


async def test_a_moment_of_the_past_can_be_named(town: Served) -> None:
    answer = await town.get(f"{CELL}&at={quote('2025-06-01T12:00:00+02:00')}")
    assert answer.json["cell"]["at"] == "2025-06-01T10:00:00Z"
    assert answer.json["cell"]["counted"] == 0


@pytest.mark.parametrize("region", ["94110", "postal_code 94110", "postal code 94110"])
async def test_a_region_may_be_written_as_lists_show_it(town: Served, region: str) -> None:
    answer = await town.get(f"{PATH}?region={quote(region)}&service=power")
    assert answer.json["cell"]["region"] == "postal_code 94110"


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("", 422, "region is missing"),
        ("region=94110", 422, "service is missing"),
        ("incident=1&service=power", 422, "an incident says where and what itself"),
        ("incident=x", 422, "'x' is no number"),
        ("incident=99999999999999999999", 422, "has 20 digits, and no incident has more than 18"),
        ("incident=94110", 404, "postal_code 94110 is a region: notifier detection explain 94110 "),
        ("incident=%D9%A1", 422, "is no number"),
        ("incident=9", 404, "there is no incident 9"),
        ("region=94110&service=gas", 422, "there is no service 'gas'"),
        ("region=99999&service=power", 422, "there is no"),
        ("region=94110&service=power&at=noon", 422, "at is no instant"),
        ("region=94110&service=power&at=2026-01-01T00:00:00", 422, "at is no instant"),
        ("region=94110&service=power&at=0001-01-01T00:00:00%2B14:00", 422, "at is no instant"),
        ("cell=94110", 422, "there is no query parameter 'cell'"),
    ],
)
async def test_what_cannot_be_meant_is_refused(town: Served, query: str, status: int, said: str) -> None:
    answer = await town.get(f"{PATH}?{query}")
    assert answer.status == status, answer.body
    assert said in json.dumps(answer.json)


async def test_a_moment_long_ago_has_an_answer_too(town: Served) -> None:
    answer = await town.get(f"{CELL}&at=1066-10-14T09:00:00Z")
    assert answer.status == 200, answer.body
