"""Credits over HTTP: who may do what, what is refused with which words, and what a file for billing holds."""

import csv
import io
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from notifier.config import Credits, Posting, PostingKind
from notifier.domain.actor import DAEMON, KeyRole
from tests.biller import SECRET, Biller
from tests.served import ROWS, Answer, Served

GRANT = {"incident": 1, "customer": "C-1", "amount": "10.00", "reason": "two days without a word"}


@pytest.fixture
async def town(template: Path, tmp_path: Path) -> AsyncIterator[Served]:
    """A town with credits switched on and one confirmed incident."""
    shutil.copyfile(template, tmp_path / "notifier.db")
    async with Served(tmp_path, credits=Credits(enabled=True, posting=Posting(kind=PostingKind.CSV))) as served:
        evil = ROWS[0] | {"customer_id": "=1+1", "email": "evil@example.net"}
        await served.import_customers()
        await served.ndjson("/v1/customers/bulk", evil)
        opened = await served.post("/v1/incidents", {"service": "power", "regions": ["postal_code:94110"]})
        found = opened.json
        count = {"count": found["preview"]["customers"]}
        await served.post(f"/v1/broadcasts/{found['broadcast']['id']}/send", count, role=KeyRole.COMMANDER)
        yield served


async def grant(town: Served, role: KeyRole = KeyRole.AGENT, **more: Any) -> Answer:
    headers = more.pop("headers", None)
    return await town.post("/v1/credits", GRANT | more, role=role, headers=headers)


async def test_an_agent_grants_within_the_baseline_and_a_manager_answers_for_more(town: Served) -> None:
    first = await grant(town)
    assert (first.status, first.json["state"], first.json["created_by"]) == (201, "approved", "a agent")
    more = await grant(town, amount="20.00")
    assert (more.json["state"], more.json["reason"]) == ("proposed", "above_own_baseline")
    path = f"/v1/credits/{more.json['id']}/approve"
    assert (await town.post(path, {}, role=KeyRole.COMMANDER)).status == 403
    approved = await town.post(path, {})
    assert (approved.status, approved.json["state"], approved.json["decided_by"]) == (200, "approved", "a manager")
    assert (await town.post(path, {})).status == 409
    assert (await town.get("/v1/incidents/1/credits", role=KeyRole.VIEWER)).json["owed"] == "30.00"


async def test_a_manager_never_approves_a_grant_of_their_own(town: Served) -> None:
    own = await grant(town, KeyRole.MANAGER, amount="60.00")
    assert own.json["state"] == "proposed"
    refused = await town.post(f"/v1/credits/{own.json['id']}/approve", {})
    assert (refused.status, "another manager approves it" in refused.json["detail"]) == (403, True)
    all_ = await town.post("/v1/incidents/1/credits/approve", {"total": "0.00"})
    assert (all_.json["decided"], all_.json["own"]) == (0, 1)
    town.keys[KeyRole.MANAGER] = (await town.machine.parts.keys.create("mia", KeyRole.MANAGER, DAEMON)).key
    wrong = await town.post("/v1/incidents/1/credits/approve", {"total": "61.00"})
    assert (wrong.status, "is 60.00 (1 line), not 61.00" in wrong.json["detail"]) == (409, True)
    assert (await town.post("/v1/incidents/1/credits/approve", {"total": "60.00"})).json["decided"] == 1


async def test_the_same_grant_twice_under_a_key_is_one(town: Served) -> None:
    key = {"Idempotency-Key": "call-8812"}
    assert (await grant(town, headers=key)).json == (await grant(town, headers=key)).json
    assert (await grant(town, headers=key, amount="11.00")).status == 409
    assert (await grant(town, headers={"Idempotency-Key": "x" * 201})).status == 422
    assert len((await town.get("/v1/credits?incident=1", role=KeyRole.AGENT)).json) == 1


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"amount": "ten"}, 422, "is not an amount"),
        ({"amount": "1.234"}, 422, "may be in thousands"),
        ({"amount": "0.00"}, 422, "more than nothing"),
        ({"customer": "C-99"}, 404, "there is no customer C-99"),
        ({"incident": 9}, 404, "there is no incident 9"),
        ({"reason": ""}, 422, "the reason is missing"),
        ({"reason": "x" * 301}, 422, "over 300 characters"),
        ({"amonut": "1.00"}, 422, "there is no field 'amonut'"),
    ],
)
async def test_a_wrong_grant_says_what_is_wrong(town: Served, more: dict[str, Any], status: int, said: str) -> None:
    answer = await grant(town, **more)
    assert (answer.status, said in answer.json["detail"]) == (status, True), answer.json
    assert town.rows("SELECT id FROM credit_lines") == []


async def test_viewers_and_systems_see_no_customers_credits(town: Served) -> None:
    for role in (KeyRole.VIEWER, KeyRole.SYSTEM):
        assert (await town.get("/v1/credits", role=role)).status == 403
        assert (await grant(town, role)).status == 403
    for role in (KeyRole.AGENT, KeyRole.COMMANDER):
        assert (await town.get("/v1/credits/export", role=role)).status == 403
        assert (await town.post("/v1/credits/post", {}, role=role)).status == 403


async def test_a_list_is_narrowed_and_wrong_filters_are_named(town: Served) -> None:
    await grant(town)
    await grant(town, customer="C-2", amount="30.00")
    assert [each["customer"] for each in (await town.get("/v1/credits?state=proposed")).json] == ["C-2"]
    assert [each["id"] for each in (await town.get("/v1/credits?customer=C-1")).json] == [1]
    assert (await town.get("/v1/credits?before=2")).json[0]["id"] == 1
    assert (await town.get("/v1/credits/2")).json["customer"] == "C-2"
    assert (await town.get("/v1/credits/9")).status == 404
    for query, said in (
        ("state=lost", "is no state"),
        ("incident=x", "is no number"),
        ("who=me", "no query parameter"),
    ):
        answer = await town.get(f"/v1/credits?{query}")
        assert (answer.status, said in answer.json["detail"]) == (422, True)


async def test_a_file_for_billing_has_a_control_total_and_no_formula(town: Served) -> None:
    await grant(town)
    await grant(town, customer="=1+1", amount="5.50")
    reversed_ = await town.post("/v1/credits/1/reverse", {"reason": "another house"})
    assert (reversed_.status, reversed_.json["amount"]) == (201, "-10.00")
    batch = await town.post("/v1/credits/post", {})
    assert (batch.status, batch.json["lines"], batch.json["total"]) == (202, 3, "5.50")
    file = await town.get("/v1/credits/export?batch=1")
    assert file.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(file.body.decode())))
    assert rows[0][:5] == ["record", "id", "customer", "amount", "currency"]
    assert [row[:4] for row in rows[1:]] == [
        ["line", "1", "C-1", "10.00"],
        ["line", "2", "'=1+1", "5.50"],
        ["line", "3", "C-1", "-10.00"],
        ["total", "3", "", "5.50"],
    ]
    assert (await town.get("/v1/credits/export?batch=1")).body == file.body
    wrong = await town.post("/v1/credits/batches/1/loaded", {"total": "15.50"})
    assert (wrong.status, "come to 5.50 USD" in wrong.json["detail"]) == (409, True)
    assert (await town.post("/v1/credits/batches/1/loaded", {"total": "5.50"})).json["loaded_by"] == "a manager"
    assert {each["state"] for each in (await town.get("/v1/credits")).json} == {"posted"}
    assert (await town.get("/v1/credits/batches")).json[0]["id"] == 1


async def test_with_nothing_left_no_file_is_made_and_an_empty_export_has_its_total(town: Served) -> None:
    assert (await town.post("/v1/credits/post", {})).json["decided"] == 0
    await grant(town)
    assert (await town.post("/v1/credits/post", {})).json["id"] == 1
    again = await town.post("/v1/credits/post", {})
    assert (again.status, again.json["decided"]) == (202, 0)
    assert [each["id"] for each in (await town.get("/v1/credits/batches")).json] == [1]
    none = (await town.get("/v1/credits/export?state=failed")).body.decode().splitlines()
    assert [row.split(",")[:5] for row in none[1:]] == [["total", "0", "", "0.00", "USD"]]


async def test_a_file_that_was_never_made_is_no_empty_one(town: Served) -> None:
    await grant(town)
    missing = await town.get("/v1/credits/export?batch=9")
    assert (missing.status, missing.json["detail"]) == (404, "there is no batch 9")


async def test_a_preview_and_a_second_count_say_what_is_possible(town: Served) -> None:
    refused = await town.get("/v1/incidents/1/credits/preview")
    assert (refused.status, "no audience" in refused.json["detail"]) == (409, True)
    assert (await town.get("/v1/incidents/1/credits/preview?at=noon")).status == 422
    assert (await town.get("/v1/incidents/1/credits/preview?at=2026-11-22T06:30:00")).status == 422
    assert (await town.post("/v1/incidents/1/credits/count")).status == 409
    assert (await town.get("/v1/incidents/9/credits")).status == 404


async def test_as_shipped_nothing_can_be_granted_or_posted(served: Served) -> None:
    await served.import_customers()
    assert (await grant(served)).status == 409
    answer = await served.post("/v1/credits/post", {})
    assert (answer.status, "switched off" in answer.json["detail"]) == (409, True)
    assert (await served.get("/v1/credits")).json == []


async def test_what_is_posted_by_webhook_is_shown_with_what_billing_calls_it(template: Path, tmp_path: Path) -> None:
    shutil.copyfile(template, tmp_path / "notifier.db")
    async with Biller() as biller:
        posting = Posting(kind=PostingKind.WEBHOOK, url=biller.url, secret=SECRET)
        async with Served(tmp_path, credits=Credits(enabled=True, posting=posting)) as town:
            await town.import_customers()
            found = (await town.post("/v1/incidents", {"service": "power", "regions": ["postal_code:94110"]})).json
            count = {"count": found["preview"]["customers"]}
            await town.post(f"/v1/broadcasts/{found['broadcast']['id']}/send", count, role=KeyRole.COMMANDER)
            await grant(town)
            assert (await town.post("/v1/credits/post", {})).json["decided"] == 1
            assert (await town.get("/v1/credits/1")).json["state"] == "posting"
            assert await town.machine.parts.credits.posting.step() is False
            shown = (await town.get("/v1/credits/1")).json
            assert (shown["state"], shown["reference"], shown["problem"]) == ("posted", "inv-1", "")
            await town.machine.parts.credits.posting.close()
        assert (biller.total(), biller.wrong) == (1000, [])
