"""Alarms over HTTP: three ways to give the key, 503 under overload and never a 4xx for it, nothing lost beside bad."""

import base64
import json

import pytest

from notifier.domain.actor import KeyRole
from notifier.domain.errors import Overloaded, StoreUnavailable
from notifier.storage.sqlite import SqliteDatabase
from notifier.web.problem import Rejected
from notifier.web.route import Call
from tests.served import Served
from tests.signals import alert, body


@pytest.fixture
async def town(served: Served) -> Served:
    await served.import_customers()
    return served


def basic(key: str, user: str = "alertmanager") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{key}".encode()).decode()}


async def test_alertmanagers_body_is_taken_as_it_is(town: Served) -> None:
    answer = await town.post("/v1/signals", body(alert(service="internet")), role=KeyRole.SYSTEM)
    assert (answer.status, answer.json) == (
        200,
        {"signals": [1], "results": {"opened": 1}, "without_place": 0, "refused": [], "left_out": 0},
    )
    (signal,) = (await town.get("/v1/signals", role=KeyRole.VIEWER)).json
    assert (signal["name"], signal["regions"], signal["state"]) == ("OLT-7", ["postal_code 94110"], "open")


async def test_what_is_over_is_listed_when_it_is_asked_for(town: Served) -> None:
    own = {"id": "olt", "service": "internet", "region": "94110"}
    await town.post("/v1/signals", own)
    await town.post("/v1/signals", {**own, "status": "resolved"})
    assert (await town.get("/v1/signals")).json == []
    (signal,) = (await town.get("/v1/signals?all=1")).json
    assert signal["state"] == "resolved"
    assert (await town.get("/v1/signals?all=1&before=1")).json == []
    assert (await town.get("/v1/signals?before=x")).status == 422


async def test_the_key_may_be_a_password_here_and_nowhere_else(town: Served) -> None:
    key = (await town.post("/v1/keys", {"name": "am", "role": "system"}, role=KeyRole.MANAGER)).json["key"]
    assert (await town.post("/v1/signals", body(alert()), headers=basic(key))).status == 200
    for wrong in (basic("ntf_wrong"), {"Authorization": "Basic %%"}, {"Authorization": "Basic " + "w7w="}):
        assert (await town.post("/v1/signals", body(alert()), headers=wrong)).status == 401
    assert (await town.post("/v1/complaints", {"service": "internet"}, headers=basic(key))).status == 401


async def test_a_viewer_reports_nothing(town: Served) -> None:
    assert (await town.post("/v1/signals", body(alert()), role=KeyRole.VIEWER)).status == 403


@pytest.mark.parametrize("error", [Overloaded("the writer"), StoreUnavailable("disk full")])
async def test_overload_is_503_and_nothing_is_stored(
    town: Served, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def full(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(SqliteDatabase, "write", full)
        answer = await town.post("/v1/signals", body(alert()))
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert town.rows("SELECT * FROM signals") == []
    assert (await town.post("/v1/signals", body(alert()))).status == 200


async def test_a_body_that_does_not_arrive_is_503(town: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(*_: object) -> bytes:
        raise Rejected(408, "the body did not arrive")

    monkeypatch.setattr(Call, "raw", slow)
    assert (await town.post("/v1/signals", body(alert()))).status == 503


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"alerts": [' + b"[" * 5000 + b"]" * 5000 + b"]}", 400),
        (b"[]", 422),
        (b'{"alerts": 7}', 422),
        (b'{"alerts": [7]}', 422),
        (b'{"id": "1", "place": "x"}', 422),
        (b"\xff", 400),
    ],
)
async def test_what_can_never_be_right_is_4xx(town: Served, raw: bytes, status: int) -> None:
    answer = await town.post("/v1/signals", data=raw)
    assert answer.status == status


async def test_letters_that_no_database_holds_are_left_out(town: Served) -> None:
    raw = json.dumps(body(alert(service="internet", note="a\x00b\ud800"))).encode()
    answer = await town.post("/v1/signals", data=raw)
    assert answer.status in (200, 400)
    if answer.status == 200:
        (signal,) = (await town.get("/v1/signals")).json
        assert "\x00" not in signal["labels"]["note"]


async def test_thousands_of_alerts_fit_in_a_body(town: Served) -> None:
    many = [alert(service="internet", fingerprint=str(number)) for number in range(1_000)]
    answer = await town.post("/v1/signals", body(*many, truncated=5))
    assert answer.json["results"] == {"opened": 1_000}
    assert answer.json["left_out"] == 5


async def test_it_is_counted_and_needs_a_person(town: Served) -> None:
    await town.post("/v1/signals", body(alert(service="internet"), "bad", alert("nowhere", fingerprint="2")))
    needs = [need["text"] for need in (await town.get("/v1/needs")).json if need["kind"] == "alarm"]
    assert len(needs) == 2
    assert needs[0].startswith("alarm OLT-7 since ")
    assert "internet, postal_code 94110: no incident is open there" in needs[0]
    assert "evidence nowhere" in needs[1]
