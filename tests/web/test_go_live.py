"""GET /v1/go-live: a test send and an answered STOP change it, and everybody with a key may read it."""

import shutil
from pathlib import Path

from notifier.config import Delivery, Provider, ProviderKind
from notifier.domain.actor import KeyRole
from notifier.domain.notification import Channel
from tests.served import ROWS, Answer, Served

GUEST = "ann@valley.net"


def states(answer: Answer) -> dict[str, str]:
    assert answer.status == 200
    return {each["name"]: each["state"] for each in answer.json["checks"]}


async def test_a_real_test_send_to_a_guest_is_what_counts(template: Path, tmp_path: Path) -> None:
    shutil.copyfile(template, tmp_path / "notifier.db")
    outbox = Provider(name="outbox", kind=ProviderKind.FILE, channel=Channel.EMAIL, directory=str(tmp_path / "mail"))
    async with Served(tmp_path, delivery=Delivery(only_to=(GUEST,)), providers=(outbox,)) as served:
        assert states(await served.get("/v1/go-live"))["guest_list_tried"] == "missing"
        await served.post("/v1/test-sends", {"to": "eve@valley.net", "kind": "eta", "locale": "en", "anybody": True})
        assert states(await served.get("/v1/go-live"))["guest_list_tried"] == "missing"
        await served.post("/v1/test-sends", {"to": GUEST, "kind": "eta", "locale": "en"})
        seen = await served.get("/v1/go-live", role=KeyRole.VIEWER)
        assert states(seen)["guest_list_tried"] == "ok"
        assert states(seen)["guest_list_over"] == states(seen)["providers"] == "missing"
        assert seen.json["ready"] is False
        assert GUEST not in seen.body.decode()
        assert (await served.get("/v1/go-live?what=1")).status == 422


async def test_the_directory_and_the_second_person_are_counted(served: Served) -> None:
    assert states(await served.get("/v1/go-live"))["directory"] == "missing"
    lines = await served.call("POST", "/v1/customers/bulk", body=ROWS[0], type_="application/x-ndjson")
    assert lines.status == 200
    assert states(await served.get("/v1/go-live"))["directory"] == "ok"
    assert states(await served.get("/v1/go-live"))["limits"] == "ok"


async def test_a_limit_that_needs_a_second_person_needs_two_keys(template: Path, tmp_path: Path) -> None:
    shutil.copyfile(template, tmp_path / "notifier.db")
    async with Served(tmp_path, playbook={"audience_limit": 1}) as served:
        for row in ROWS[:2]:
            await served.call("POST", "/v1/customers/bulk", body=row, type_="application/x-ndjson")
        assert states(await served.get("/v1/go-live"))["limits"] == "ok"
        served.database.write_now(lambda tx: tx.run("UPDATE api_keys SET revoked_at = 1 WHERE name <> 'a manager'"))
        (line,) = [each for each in (await served.get("/v1/go-live")).json["checks"] if each["name"] == "limits"]
        assert (line["state"], line["do"]) == ("missing", "notifier keys create NAME --role commander")
