"""The directory over HTTP: rows stream in, refused ones are named, the others load."""

import json

import pytest

from notifier.domain.actor import KeyRole
from tests.served import ROWS, Served


async def test_an_import_ends_with_totals_and_reach(served: Served) -> None:
    answer = await served.ndjson("/v1/customers/bulk", *ROWS, role=KeyRole.SYSTEM)
    assert answer.status == 200
    last = answer.lines[-1]
    assert (last["done"], last["loaded"], last["rejected"]) == (True, 5, 0)
    assert (last["reach"]["customers"], last["reach"]["email"], last["reach"]["none"]) == (5, 5, 0)


async def test_a_refused_row_is_named_by_its_line_and_the_others_load(served: Served) -> None:
    wrong = ROWS[1] | {"email": "no address"}
    answer = await served.ndjson(
        "/v1/customers/bulk", ROWS[0], b"", wrong, b"{", ROWS[2] | {"custmer": "x"}, b"x" * 70_000, ROWS[3]
    )
    refused = [row for row in answer.lines if "reason" in row]
    assert [(row["line"], row["column"]) for row in refused] == [(3, "email"), (4, ""), (5, "custmer"), (6, "")]
    assert refused[0]["value"] == "no address"
    assert (answer.lines[-1]["loaded"], answer.lines[-1]["rejected"]) == (2, 4)
    assert [row["reference"] for row in served.rows("SELECT reference FROM customers ORDER BY id")] == ["C-1", "C-4"]


@pytest.mark.parametrize("between", [0, 2_500], ids=["in one batch", "in two"])
async def test_of_two_rows_for_a_site_the_later_one_holds_and_it_is_said(served: Served, between: int) -> None:
    others = [ROWS[0] | {"customer_id": f"N-{n}", "email": f"n{n}@example.net"} for n in range(between)]
    other_site = {**ROWS[0], "site_id": "2", "name": "Named last", "email": ""}
    again = {**ROWS[0], "name": "", "address": "9 Elm St", "email": "new@example.net"}
    answer = await served.ndjson("/v1/customers/bulk", ROWS[0], other_site, *others, again)
    (said,) = [row for row in answer.lines if "warning" in row]
    assert (said["line"], said["warning"]) == (3 + between, "line 1 is for the same site; this row holds")
    shown = (await served.get("/v1/customers/C-1")).json
    assert shown["name"] == "Named last"
    assert {site["reference"]: site["address"] for site in shown["sites"]} == {
        "1": "9 Elm St",
        "2": "1 Oak St, Springfield",
    }
    assert [point["address"] for point in shown["contact_points"]] == ["new@example.net"]


async def test_a_dry_run_stores_nothing(served: Served) -> None:
    answer = await served.ndjson("/v1/customers/bulk?dry_run=1", *ROWS)
    assert answer.lines[-1]["loaded"] == 5
    assert served.rows("SELECT id FROM customers") == []


async def test_repeating_an_import_changes_nothing(served: Served) -> None:
    await served.import_customers()
    await served.import_customers()
    assert len(served.rows("SELECT id FROM sites")) == 5


async def test_totals_come_after_each_batch(served: Served) -> None:
    rows = [ROWS[0] | {"customer_id": f"N-{number}", "email": f"n{number}@example.net"} for number in range(4_500)]
    answer = await served.ndjson("/v1/customers/bulk", *rows)
    totals = [row["loaded"] for row in answer.lines if "done" not in row]
    assert totals == [2_000, 4_000, 4_500]


async def test_a_customer_is_found_by_address_or_reference_and_shown(served: Served) -> None:
    await served.import_customers()
    for wanted in ("customer2@example.net", "C-2"):
        found = await served.call("GET", f"/v1/customers?q={wanted}", role=KeyRole.AGENT)
        assert [card["reference"] for card in found.json] == ["C-2"]
    shown = await served.get("/v1/customers/C-2", role=KeyRole.AGENT)
    assert shown.json["contact_points"][0]["address"] == "customer2@example.net"
    assert (await served.get("/v1/customers?q=nobody@example.net")).json == []


async def test_a_search_needs_something_to_look_for(served: Served) -> None:
    for query in ("", "?q=", "?q=%20"):
        answer = await served.get(f"/v1/customers{query}")
        assert (answer.status, answer.json["field"]) == (422, "q")


async def test_reach_is_read_by_a_viewer(served: Served) -> None:
    await served.import_customers()
    assert (await served.get("/v1/reach", role=KeyRole.VIEWER)).json["customers"] == 5


FULL = "/v1/customers/bulk?full=1"
COMPLETE = {"complete": True}
STATUS = "SELECT c.reference, s.status FROM sites s JOIN customers c ON c.id = s.customer_id ORDER BY c.reference"


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


async def statuses(served: Served) -> str:
    return " ".join(row["status"] for row in served.rows(STATUS))


async def test_sites_that_a_full_list_does_not_have_have_ended(served: Served) -> None:
    many = [ROWS[0] | {"customer_id": f"N-{number:02}", "email": f"n{number}@example.net"} for number in range(40)]
    await served.ndjson("/v1/customers/bulk", *many)
    answer = await served.ndjson(FULL, *many[1:], compact(COMPLETE))
    assert answer.lines[-1]["absent"] == {"sites": 1, "of": 40, "ended": 1, "not_ended": ""}
    assert [row["reference"] for row in served.rows(STATUS) if row["status"] == "ended"] == ["N-00"]
    again = await served.ndjson(FULL, *many, compact(COMPLETE))  # who comes back is served again
    assert again.lines[-1]["absent"] == {"sites": 0, "of": 39, "ended": 0, "not_ended": ""}
    assert "ended" not in await statuses(served)


@pytest.mark.parametrize(
    ("query", "lines", "reason"),
    [
        ("", (ROWS[0], compact(COMPLETE)), "too_many"),
        ("&however_many=1", (ROWS[0],), "cut_off"),
        ("&however_many=1", (ROWS[0], b"{", compact(COMPLETE)), "unknown_rows"),
        ("&however_many=1", (ROWS[0], ROWS[1] | {"site_id": " "}, compact(COMPLETE)), "unknown_rows"),
        ("&however_many=1&dry_run=1", (ROWS[0], compact(COMPLETE)), "dry_run"),
    ],
)
async def test_nothing_ends_by_a_list_that_may_not_be_whole(
    served: Served, query: str, lines: tuple[object, ...], reason: str
) -> None:
    await served.import_customers()
    absent = (await served.ndjson(FULL + query, *lines)).lines[-1]["absent"]
    assert absent == {"sites": 4, "of": 5, "ended": 0, "not_ended": reason}
    assert await statuses(served) == "active active active active active"


async def test_a_refused_row_keeps_its_site_and_however_many_may_be_said(served: Served) -> None:
    await served.import_customers()
    wrong = ROWS[1] | {"email": "no address"}
    answer = await served.ndjson(FULL + "&however_many=1", ROWS[0], wrong, compact(COMPLETE))
    assert answer.lines[-1]["absent"] == {"sites": 3, "of": 5, "ended": 3, "not_ended": ""}
    assert await statuses(served) == "active active ended ended ended"
    entries = (await served.get("/v1/audit?limit=5")).body.decode()
    assert '"ended":3' in entries.replace(" ", "")


async def test_a_list_without_full_ends_nothing_and_knows_no_last_line(served: Served) -> None:
    await served.import_customers()
    answer = await served.ndjson("/v1/customers/bulk", ROWS[0], compact(COMPLETE))
    assert "absent" not in answer.lines[-1]
    assert answer.lines[-1]["rejected"] == 1


async def test_reach_of_a_place_counts_whom_an_outage_there_would_concern(served: Served) -> None:
    await served.import_customers()
    other = ROWS[0] | {"customer_id": "C-9", "email": "", "phone": "+14155550109", "services": "power"}
    await served.ndjson("/v1/customers/bulk", other, ROWS[1] | {"status": "ended"})
    place = (await served.get("/v1/reach/place?service=power&region=postal_code:94110", role=KeyRole.VIEWER)).json
    counts = {"sites": 5, "customers": 5, "reached": 5, "emails": 4, "mobiles": 1}
    assert place == {"region": "postal_code 94110", **counts}
    assert (await served.get("/v1/reach/place?service=internet&region=94110")).json["customers"] == 4
    assert (await served.get("/v1/reach/place?service=power&region=94199")).json["region"] == ""


@pytest.mark.parametrize("query", ["", "?service=power", "?service=gas&region=94110", "?service=power&region=%20"])
async def test_reach_of_a_place_needs_a_service_and_a_region(served: Served, query: str) -> None:
    assert (await served.get(f"/v1/reach/place{query}")).status == 422
