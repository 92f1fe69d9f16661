"""What a commander asks of an incident over HTTP, beside deciding on it."""

from typing import Any

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Served

POWER = {"service": "power", "regions": ["postal_code:94110"]}


@pytest.fixture
async def town(served: Served) -> Served:
    await served.import_customers()
    answer = await served.post("/v1/incidents", POWER, role=KeyRole.COMMANDER)
    assert answer.status == 201, answer.body
    return served


async def test_what_may_be_said_fits_the_service_and_its_playbook(town: Served) -> None:
    view = (await town.get("/v1/incidents/1/choices", role=KeyRole.VIEWER)).json
    causes = {each["code"]: each["text"] for each in view["causes"]}
    assert causes["equipment"] == "A piece of our equipment failed."
    assert "overload" in causes
    assert "software" not in causes
    assert "burst-pipe" not in causes
    assert view["impacts"] == ["down", "degraded", "intermittent"]
    assert "on-site" in [each["code"] for each in view["crews"]]
    assert (view["take_back_seconds"], view["on_call"]) == (30, [])
    assert view["next_update_within_seconds"] > view["warn_before_seconds"] > 0


async def test_of_an_incident_that_is_none_nothing_may_be_said(town: Served) -> None:
    assert (await town.get("/v1/incidents/9/choices")).status == 404
    assert (await town.get("/v1/incidents/1/choices?x=1")).status == 422


async def test_who_cannot_be_reached_is_listed_before_anybody_is_told(town: Served) -> None:
    row: dict[str, Any] = {
        "customer_id": "C-9",
        "site_id": "1",
        "services": "power",
        "address": "1 Elm St, Springfield",
        "priority": "yes",
        "regions": {"postal_code": "94110"},
    }
    await town.ndjson("/v1/customers/bulk", row)
    answer = await town.get("/v1/broadcasts/1/unreached", role=KeyRole.AGENT)
    first, last = answer.lines
    assert (first["customer"], first["priority"], first["why"]) == ("C-9", True, ["nothing on file"])
    assert last == {"done": True, "sites": 1}
    preview = (await town.get("/v1/broadcasts/1/preview")).json
    assert preview["not_told"] == {"no_contact_point": 1}


async def test_every_kind_of_message_is_a_sample_when_it_is_asked_for(town: Served) -> None:
    for number, locale in enumerate(("es", "fr"), start=6):
        await town.ndjson(
            "/v1/customers/bulk",
            {
                "customer_id": f"C-{number}",
                "site_id": "1",
                "services": "power",
                "address": f"{number} Elm St",
                "email": f"c{number}@example.net",
                "locale": locale,
                "regions": {"postal_code": "94110"},
            },
        )
    usual = (await town.get("/v1/broadcasts/1/preview")).json["samples"]
    every = (await town.get("/v1/broadcasts/1/preview?every_text=1")).json["samples"]
    assert len(usual) == 3
    assert sorted(each["locale"] for each in every) == ["en", "es", "fr"]
    assert (await town.get("/v1/broadcasts/1/preview?every_text=all")).status == 422


async def test_an_update_may_correct_how_bad_it_is(town: Served) -> None:
    assert (await town.post("/v1/broadcasts/1/send", {"count": 5})).status == 200
    body = {"eta_at": None, "impact": "degraded"}
    draft = (await town.post("/v1/incidents/1/eta", body, role=KeyRole.COMMANDER)).json
    assert draft["broadcast"]["facts"]["impact"] == "degraded"
    wrong = await town.post("/v1/incidents/1/eta", {"eta_at": None, "impact": "bad"})
    assert (wrong.status, wrong.json["field"]) == (422, "impact")


async def test_an_agent_may_read_what_customers_said_and_a_viewer_may_not(town: Served) -> None:
    await town.post("/v1/complaints", {"customer_id": "C-1", "service": "power", "text": "Dark. a@example.net"})
    view = (await town.get("/v1/incidents/1/words?all=1", role=KeyRole.AGENT)).json
    assert [group["text"] for group in view["groups"]] == ["Dark. [e-mail]"]
    assert (await town.get("/v1/incidents/1/words", role=KeyRole.VIEWER)).status == 403
    assert (await town.get("/v1/incidents/9/words")).status == 404
    assert (await town.get("/v1/incidents/1/words?all=yes")).status == 422


async def test_a_note_is_in_the_timeline_and_in_the_audit_log_without_its_words(town: Served) -> None:
    answer = await town.post("/v1/incidents/1/notes", {"text": " crew\n called "}, role=KeyRole.COMMANDER)
    assert (answer.status, answer.json["detail"]) == (201, {"note": "crew called"})
    entry = (await town.get("/v1/incidents/1")).json["timeline"][-1]
    assert (entry["event"], entry["actor"], entry["detail"]) == ("note", "a commander", {"note": "crew called"})
    (row,) = town.rows("SELECT actor, target, detail FROM audit WHERE action = 'incidents.note'")
    assert row == {"actor": "a commander", "target": "incident 1", "detail": "{}"}


@pytest.mark.parametrize(
    "body", [{}, {"text": ""}, {"text": " \n"}, {"text": "x" * 1_001}, {"text": 5}, {"text": "x", "a": 1}]
)
async def test_a_note_that_is_none_is_refused(town: Served, body: dict[str, Any]) -> None:
    assert (await town.post("/v1/incidents/1/notes", body)).status == 422
    assert (await town.post("/v1/incidents/9/notes", {"text": "x"})).status == 404
    assert (await town.post("/v1/incidents/1/notes", {"text": "x"}, role=KeyRole.AGENT)).status == 403


async def test_who_has_an_incident_stands_with_it_and_its_needs(town: Served) -> None:
    card = (await town.post("/v1/incidents/1/assign", {"to": "Ann"}, role=KeyRole.COMMANDER)).json
    assert card["assigned_to"] == "Ann"
    assert [need["assigned_to"] for need in (await town.get("/v1/needs")).json] == ["Ann"]
    await town.post("/v1/incidents/1/assign", {"to": "Ann"})
    await town.post("/v1/incidents/1/assign", {"to": ""})
    view = (await town.get("/v1/incidents/1")).json
    assert view["card"]["assigned_to"] == ""
    assert [each["detail"] for each in view["timeline"] if each["event"] == "assigned"] == [{"to": "Ann"}, {}]
    assert (await town.post("/v1/incidents/1/assign", {"to": "x" * 101})).status == 422
    assert (await town.post("/v1/incidents/9/assign", {"to": "x"})).status == 404


async def test_others_are_briefed_before_the_first_customer_hears(town: Served) -> None:
    town_note = {"text": "the substation guard says it was sabotage"}
    await town.post("/v1/incidents/1/notes", town_note)
    view = (await town.get("/v1/incidents/1/brief?for=agent", role=KeyRole.VIEWER)).json
    assert (view["is_pending"], view["told"], list(view["texts"])) == (True, 0, ["en", "es", "fr"])
    assert "NOT TOLD YET" in view["texts"]["en"]
    assert "5 affected" in view["texts"]["en"]
    await town.post("/v1/broadcasts/1/send", {"count": 5})
    town.database.write_now(lambda tx: tx.run("UPDATE broadcasts SET started_at = sent_at WHERE id = 1"))
    for reader in ("agent", "ivr", "social", "web", "stakeholders"):
        view = (await town.get(f"/v1/incidents/1/brief?for={reader}")).json
        assert view["is_pending"] is False
        assert all("94110" in text and "sabotage" not in text for text in view["texts"].values())
        assert set(view["texts"]) == {"en", "es", "fr"}


async def test_a_brief_says_the_cause_and_the_time_of_the_update_that_is_about_to_leave(town: Served) -> None:
    await town.post("/v1/broadcasts/1/send", {"count": 5})
    town.database.write_now(lambda tx: tx.run("UPDATE broadcasts SET started_at = sent_at WHERE id = 1"))
    await town.post("/v1/incidents/1/eta", {"eta_at": None, "cause": "storm"})
    view = (await town.get("/v1/incidents/1/brief?for=web")).json
    assert view["is_pending"] is True
    assert "The storm damaged our network." in view["texts"]["en"]


async def test_a_brief_for_nobody_in_particular_is_422(town: Served) -> None:
    for query in ("", "?for=", "?for=everybody", "?for=agent&x=1"):
        assert (await town.get(f"/v1/incidents/1/brief{query}")).status == 422
    assert (await town.get("/v1/incidents/9/brief?for=agent")).status == 404


async def test_of_a_place_without_a_public_name_no_name_is_said(town: Served) -> None:
    town.database.write_now(lambda tx: tx.run("UPDATE regions SET kind = 'node', code = 'OLT-7' WHERE code = '94110'"))
    text = (await town.get("/v1/incidents/1/brief?for=social")).json["texts"]["en"]
    assert "OLT-7" not in text
    assert " in " not in text
