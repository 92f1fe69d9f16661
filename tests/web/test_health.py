"""/healthz says that the process is alive, /readyz that it can work, /metrics how it goes."""

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from notifier.web.exposition import build_metrics_app
from tests.served import Served


async def test_both_need_no_key(served: Served) -> None:
    alive, ready = await served.get("/healthz", role=None), await served.get("/readyz", role=None)
    assert (alive.status, alive.json) == (200, {"status": "alive"})
    assert (ready.status, ready.json) == (200, {"status": "ready", "reasons": []})


async def test_a_daemon_can_be_recognised_behind_a_public_address(served: Served) -> None:
    first, again = [(await served.get("/healthz", role=None)).headers["Notifier-Instance"] for _ in range(2)]
    assert first == again
    assert len(first) == 16


async def test_a_stopping_daemon_is_alive_but_not_ready(served: Served) -> None:
    served.app._not_ready.append("stopping")
    assert (await served.get("/healthz", role=None)).status == 200
    answer = await served.get("/readyz", role=None)
    assert (answer.status, answer.json["reasons"]) == (503, ["stopping"])


async def test_a_daemon_without_its_database_is_not_ready(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(_work: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(served.database, "read", gone)
    answer = await served.get("/readyz", role=None)
    assert (answer.status, answer.json["reasons"]) == (503, ["the database does not answer"])


async def test_requests_are_counted_by_template_and_never_by_id(served: Served) -> None:
    await served.get("/v1/incidents/77")
    await served.get("/nowhere/secret")
    registry = served.machine.parts.metrics.registry
    labels = {"method": "GET", "route": "/v1/incidents/{id}", "status": "4xx"}
    assert registry.get_sample_value("notifier_http_requests_total", labels) == 1
    other = {"method": "other", "route": "other", "status": "4xx"}
    assert registry.get_sample_value("notifier_http_requests_total", other) == 1


async def test_metrics_are_served_on_a_listener_of_their_own(served: Served) -> None:
    assert (await served.get("/metrics")).status == 404
    app = build_metrics_app(served.machine.parts.metrics)
    async with TestServer(app) as server, ClientSession() as session, session.get(server.make_url("/metrics")) as found:
        assert found.status == 200
        text = await found.text()
    assert "notifier_complaints_total" in text
    assert "_created" not in text
