"""Parts, and sites that join, leave or go over, over HTTP: who may, what is answered, what is refused."""

from typing import Any

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Answer, Served

POWER = {"service": "power", "regions": ["postal_code:94110"]}


@pytest.fixture
async def town(served: Served) -> Served:
    """A town whose incident 1 is confirmed."""
    await served.import_customers()
    await ask(served, "", POWER)
    sent = await served.post("/v1/broadcasts/1/send", {"count": 5}, role=KeyRole.COMMANDER)
    assert sent.status == 200, sent.body
    return served


async def ask(town: Served, path: str, body: dict[str, Any], **options: Any) -> Answer:
    options.setdefault("role", KeyRole.COMMANDER)
    return await town.post(f"/v1/incidents{path}", body, **options)


async def references(town: Served) -> list[str]:
    rows = town.rows("SELECT reference FROM customers ORDER BY id LIMIT 2")
    return [row["reference"] for row in rows]


async def test_a_part_is_restored_by_a_list_and_shown_with_the_incident(town: Served) -> None:
    first = (await references(town))[0]
    draft = await ask(town, "/1/restored", {"part_sites": [first]})
    assert (draft.status, draft.json["preview"]["customers"]) == (200, 1), draft.body
    sent = await town.post(f"/v1/broadcasts/{draft.json['broadcast']['id']}/send", {"count": 1}, role=KeyRole.COMMANDER)
    assert sent.json["part"] == "1 site"
    shown = await town.get("/v1/incidents/1", role=KeyRole.VIEWER)
    stand = [(each["name"], each["state"], each["customers"]) for each in shown.json["parts"]]
    assert stand == [("rest", "out", 4), ("1 site", "believed_back", 1)]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/1/restored", {"part": ["94110"], "part_sites": ["1"]}, 422, "both regions and sites"),
        ("/1/restored", {"part": ["99999"]}, 422, "99999"),
        ("/1/split", {}, 422, "say which sites leave"),
        ("/1/split", {"part": ["94110"]}, 409, "would be left without sites"),
        ("/1/extend", {}, 422, "say which sites join"),
        ("/1/extend", {"regions": ["94110"]}, 409, "nobody would join"),
        ("/1/merge", {"into": 1}, 409, "into itself"),
        ("/1/merge", {"into": 99}, 404, "99"),
        ("/1/merge", {}, 422, "into"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_reason(
    town: Served, path: str, body: dict[str, Any], status: int, said: str
) -> None:
    answer = await ask(town, path, body)
    assert answer.status == status, answer.body
    assert said in answer.body.decode()


@pytest.mark.parametrize("action", ["extend", "split", "merge"])
async def test_only_commanders_may(town: Served, action: str) -> None:
    assert (await ask(town, f"/1/{action}", {"into": 2}, role=KeyRole.AGENT)).status == 403


async def test_sites_leave_and_come_back(town: Served) -> None:
    first = (await references(town))[0]
    new = await ask(town, "/1/split", {"part_sites": [first]})
    assert (new.status, new.json["card"]["id"], new.json["card"]["customers"]) == (201, 2, 1), new.body
    back = await ask(town, "/2/merge", {"into": 1})
    assert (back.status, back.json["card"]["customers"]) == (200, 5), back.body
    audit = [row["action"] for row in town.rows("SELECT action FROM audit WHERE target LIKE 'incident %' ORDER BY id")]
    assert audit[-2:] == ["incidents.split", "incidents.merge"]
