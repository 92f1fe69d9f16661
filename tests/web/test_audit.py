"""The audit log over HTTP: a manager reads it page by page; what people do through the API is in it."""

from typing import Any

import pytest

from notifier.domain.actor import KeyRole
from tests.served import Served


async def test_what_was_done_is_in_it_with_who_and_from_where(served: Served) -> None:
    await served.import_customers()
    await served.post("/v1/pause-all")
    await served.post("/v1/customers/C-1/hold", {"reason": "case 12"})
    found = (await served.get("/v1/audit?limit=3")).json
    assert [(entry["action"], entry["target"]) for entry in found] == [
        ("customers.hold", "customer 1"),
        ("pause-all", "daemon"),
        ("customers.import", "directory"),
    ]
    assert {entry["actor"] for entry in found} == {"a manager"}
    assert {entry["origin"] for entry in found} == {"127.0.0.1"}
    assert found[0]["detail"] == {"reason": "case 12"}
    assert found[2]["detail"] == {"loaded": 5, "rejected": 0}


async def test_all_of_it_is_read_page_by_page(served: Served) -> None:
    for number in range(7):
        await served.post(f"/v1/{'pause' if number % 2 == 0 else 'resume'}-all")
    pages: list[list[Any]] = []
    after = 0
    while page := (await served.get(f"/v1/audit?after={after}&limit=4")).json:
        pages.append(page)
        after = page[-1]["id"]
    ids = [entry["id"] for page in pages for entry in page]
    assert ids == sorted(set(ids))
    assert len(ids) >= 7


@pytest.mark.parametrize(
    "query", ["since=yesterday", "since=2026-03-01T10:00:00", "limit=0x1", "limit=1001", "after=-1", "who=ann"]
)
async def test_a_wrong_filter_is_named(served: Served, query: str) -> None:
    answer = await served.get(f"/v1/audit?{query}")
    assert (answer.status, answer.json["field"]) == (422, query.split("=", maxsplit=1)[0])


async def test_only_a_manager_reads_it(served: Served) -> None:
    assert (await served.get("/v1/audit", role=KeyRole.COMMANDER)).status == 403


async def test_everything_that_people_change_is_in_it(served: Served) -> None:
    """Complaints and reports of mail systems are rows of their own, with source and key."""
    await served.import_customers()

    async def noted(method: str, path: str, body: Any = None) -> Any:
        before = served.rows("SELECT COUNT(*) AS n FROM audit")[0]["n"]
        answer = await served.call(method, path, body=body)
        assert answer.status < 300, answer.body
        assert served.rows("SELECT COUNT(*) AS n FROM audit")[0]["n"] > before, f"{method} {path} left no trace"
        return answer.json

    key = await noted("POST", "/v1/keys", {"name": "bo", "role": "viewer"})
    await noted("DELETE", f"/v1/keys/{key['id']}")
    await noted("POST", "/v1/pause-all")
    await noted("POST", "/v1/resume-all")
    point = served.rows("SELECT MIN(id) AS id FROM contact_points")[0]["id"]
    await noted("POST", f"/v1/contact-points/{point}/suppress", {"source": "call"})
    await noted("POST", f"/v1/contact-points/{point}/unsuppress", {"source": "call"})
    said = {"purpose": "survey", "state": "refused", "source": "call"}
    await noted("POST", f"/v1/contact-points/{point}/consents", said)
    opened = await noted("POST", "/v1/incidents", {"service": "power", "regions": ["postal_code:94110"]})
    incident, broadcast = opened["incident"]["card"]["id"], opened["broadcast"]["id"]
    await noted("POST", f"/v1/incidents/{incident}/notes", {"text": "a tree on the line"})
    await noted("POST", f"/v1/broadcasts/{broadcast}/send", {"count": 5})
    await noted("POST", f"/v1/broadcasts/{broadcast}/pause")
    await noted("POST", f"/v1/broadcasts/{broadcast}/resume")
    await noted("POST", f"/v1/broadcasts/{broadcast}/cancel")
    await noted("POST", f"/v1/incidents/{incident}/dismiss", {"note": "a test"})
    await noted("POST", "/v1/customers/C-2/hold", {"reason": "case 12"})
    await noted("POST", "/v1/customers/C-2/release", {"reason": "closed"})
    await noted("GET", "/v1/customers/C-2/export")
