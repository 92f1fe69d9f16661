"""Over HTTP: a manager sees everything about a customer, holds, releases and forgets; nobody else does."""

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Served

REASON = {"reason": "their letter"}


async def test_an_export_has_the_rows_and_the_words_of_messages(served: Served) -> None:
    await served.import_customers()
    found = (await served.get("/v1/customers/C-1/export")).json
    assert found["customers"][0]["name"] == "Customer 1"
    assert found["contact_points"][0]["address"] == "customer1@example.net"
    assert found["notifications"] == []


async def test_forgetting_needs_the_reference_again_and_is_for_good(served: Served) -> None:
    await served.import_customers()
    wrong = await served.post("/v1/customers/C-1/forget", {"confirm": "C-2", **REASON})
    assert (wrong.status, wrong.json["field"]) == (422, "confirm")
    done = await served.post("/v1/customers/C-1/forget", {"confirm": "C-1", **REASON})
    assert done.json["pseudonym"] == f"forgotten:{done.json['id']}"
    assert (await served.get("/v1/customers/C-1")).status == 404
    assert (await served.get("/v1/customers?q=customer1@example.net")).json == []
    assert (await served.get("/v1/reach")).json["customers"] == 4


async def test_a_hold_stops_it_with_its_reason(served: Served) -> None:
    await served.import_customers()
    assert (await served.post("/v1/customers/C-1/hold", {"reason": "case 12"})).json["legal_hold"] == "case 12"
    refused = await served.post("/v1/customers/C-1/forget", {"confirm": "C-1", **REASON})
    assert (refused.status, "case 12" in refused.json["detail"]) == (409, True)
    assert (await served.post("/v1/customers/C-1/release", REASON)).json["legal_hold"] == ""
    assert (await served.post("/v1/customers/C-1/forget", {"confirm": "C-1", **REASON})).status == 200


@pytest.mark.parametrize("role", [KeyRole.AGENT, KeyRole.COMMANDER, KeyRole.SYSTEM])
async def test_only_a_manager_may(served: Served, role: KeyRole) -> None:
    await served.import_customers()
    assert (await served.get("/v1/customers/C-1/export", role=role)).status == 403
    for action in ("hold", "release", "forget"):
        assert (await served.post(f"/v1/customers/C-1/{action}", {**REASON, "confirm": "C-1"}, role=role)).status == 403
