"""What agents note over HTTP, and the list of those who were not reached."""

from typing import Any

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Served


@pytest.fixture
async def town(served: Served) -> Served:
    await served.import_customers()
    return served


def purpose(view: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in view["consents"] if each["purpose"] == name)
    return found


async def test_an_agent_sees_what_may_be_written_and_why_with_the_address_masked(town: Served) -> None:
    answer = await town.get("/v1/contact-points/1/consents", role=KeyRole.AGENT)
    assert answer.status == 200
    assert answer.json["contact_point"] == "c***@example.net"
    assert purpose(answer.json, "outage")["explanation"] == "nothing said; covered by the service contract"
    assert not purpose(answer.json, "offer")["allowed"]


async def test_an_agent_notes_a_word_and_it_is_shown_with_the_customer(town: Served) -> None:
    body = {"purpose": "planned", "state": "refused", "source": "call", "wording": "no letters"}
    answer = await town.post("/v1/contact-points/1/consents", body, role=KeyRole.AGENT)
    assert answer.status == 200
    assert purpose(answer.json, "planned")["source"] == "call"
    shown = (await town.get("/v1/customers/C-1", role=KeyRole.AGENT)).json
    assert purpose(shown["contact_points"][0], "planned")["wording"] == "no letters"
    assert [row["actor"] for row in town.rows("SELECT actor FROM audit WHERE action = 'contact_points.consent'")] == [
        "a agent"
    ]


async def test_an_agent_stops_an_address_and_starts_it_again(town: Served) -> None:
    stopped = await town.post("/v1/contact-points/2/suppress", {"source": "call"}, role=KeyRole.AGENT)
    assert stopped.json["suppression"]["reason"] == "opted_out"
    started = await town.post("/v1/contact-points/2/unsuppress", {"source": "call"}, role=KeyRole.AGENT)
    assert started.json["suppression"] is None


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/contact-points/1/consents", {"purpose": "fun", "state": "granted", "source": "x"}, 422),
        ("/v1/contact-points/1/consents", {"purpose": "offer", "state": "granted", "source": "  "}, 422),
        ("/v1/contact-points/1/consents", {"purpose": "offer", "state": "granted"}, 422),
        ("/v1/contact-points/1/suppress", {"source": "x", "reason": "bad_address"}, 422),
        ("/v1/contact-points/99/unsuppress", {"source": "x"}, 404),
    ],
)
async def test_what_cannot_be_noted_is_refused(town: Served, path: str, body: dict[str, str], status: int) -> None:
    assert (await town.post(path, body, role=KeyRole.AGENT)).status == status
    assert town.rows("SELECT * FROM consents") == []


async def test_a_viewer_may_not_look_at_consent(town: Served) -> None:
    assert (await town.get("/v1/contact-points/1/consents", role=KeyRole.VIEWER)).status == 403


async def test_a_list_of_the_unreached_is_streamed_and_ends_with_its_number(town: Served) -> None:
    def fail(tx: Any) -> None:
        tx.run(
            """INSERT INTO incidents (service, state, playbook, started_at, opened_at, opened_by, correlation_id)
               VALUES ('power', 'confirmed', 'power', 1, 1, 'test', 'c')"""
        )
        tx.run("INSERT INTO parts (id, incident_id) VALUES (1, 1)")
        tx.run(
            """INSERT INTO broadcasts
                   (incident_id, part_id, kind, state, facts, created_at, started_at, created_by, correlation_id)
               VALUES (1, 1, 'eta', 'sending', '{"service":"power"}', 1, 1, 'test', 'c')"""
        )
        tx.run(
            """INSERT INTO notifications (broadcast_id, contact_point_id, channel, state, reason, due_at, planned_at)
               SELECT 1, id, 'email', 'failed', 'permanent_failure', 1, 1 FROM contact_points"""
        )
        tx.run(
            """INSERT INTO audience_notifications (broadcast_id, contact_point_id, site_id, customer_id)
               SELECT 1, contact_point_id, site_id, customer_id FROM links"""
        )

    town.database.write_now(fail)
    answer = await town.get("/v1/broadcasts/1/unreached", role=KeyRole.AGENT)
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    *listed, end = answer.lines
    assert end == {"done": True, "sites": 5}
    assert [each["customer"] for each in listed] == ["C-1", "C-2", "C-3", "C-4", "C-5"]
    assert listed[0]["why"] == ["email: failed (permanent failure)"]
    assert (await town.get("/v1/broadcasts/1/unreached", role=KeyRole.VIEWER)).status == 403
    assert (await town.get("/v1/broadcasts/9/unreached", role=KeyRole.AGENT)).status == 404
