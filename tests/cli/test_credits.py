"""`notifier credits`: what is asked of the daemon, what is shown, which exit code."""

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest

from notifier.storage.views import (
    CreditBatchView,
    CreditLineView,
    CreditsDecidedView,
    CreditsPreview,
    CreditSum,
    CreditsView,
)
from tests.cli.conftest import Run
from tests.fake_daemon import NOON, Answer, FakeDaemon, problem


def line(**more: object) -> CreditLineView:
    known: dict[str, object] = {
        "id": 7,
        "incident_id": 42,
        "customer": "C-1001",
        "tariff": "goodwill",
        "step": 1,
        "amount": "10.00",
        "currency": "USD",
        "state": "approved",
        "reason": "granted",
        "note": "",
        "bill_month": "2026-07",
        "created_at": NOON,
        "created_by": "eve",
        "decided_at": NOON,
        "decided_by": "eve",
        "posted_at": None,
        "reference": "",
        "problem": "",
        "attempts": 0,
        "batch_id": None,
        "reverses": None,
        "reversed_by": None,
    }
    return CreditLineView(**{**known, **more})  # type: ignore[arg-type]


SUMS = CreditsView(
    incident_id=42,
    enabled=True,
    currency="USD",
    owed="75.00",
    waiting="30.00",
    waiting_lines=2,
    within="30.00",
    within_lines=2,
    over="30.00",
    over_lines=2,
    budget="25000.00",
    counted=True,
    sums=[CreditSum(tariff="goodwill", state="proposed", lines=2, customers=2, amount="30.00")],
)


def test_a_list_shows_the_sums_of_the_incident_and_what_billing_said(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/credits", [line(state="failed", problem="422 no such account")])
    daemon.on("GET", "/v1/incidents/42/credits", SUMS)
    result = notifier("credits", "list", "42", "--state", "failed", "--state", "proposed")
    assert daemon.last("GET", "/v1/credits").query == {"incident": "42", "state": "failed,proposed"}
    for said in ("75.00 of 25000.00 USD", "30.00 USD in 2 lines", "C-1001", "10.00 USD", "7: 422 no such account"):
        assert said in result.stdout
    assert all(len(row) <= 72 for row in result.stdout.splitlines())


def test_a_grant_says_what_became_of_it(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/credits", Answer(201, line()))
    result = notifier("credits", "grant", "42", "C-1001", "10.00", "--reason", "two days", "--key", "call-1")
    asked = daemon.last("POST", "/v1/credits")
    assert asked.json() == {"incident": 42, "customer": "C-1001", "amount": "10.00", "reason": "two days"}
    assert asked.headers["Idempotency-Key"] == "call-1"
    assert result.stdout == "Credit 7: 10.00 USD to C-1001 is approved, on the bill of 2026-07.\n"
    daemon.on("POST", "/v1/credits", Answer(201, line(state="proposed", reason="above_own_baseline", bill_month="")))
    waits = notifier("credits", "grant", "42", "C-1001", "99", "--reason", "x").stdout
    assert "another manager approves it" in " ".join(waits.split())


def test_a_refused_grant_is_a_no(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/credits", problem(409, "credits are switched off (credits.enabled)"))
    result = notifier("credits", "grant", "42", "C-1001", "10.00", "--reason", "x")
    assert (result.exit_code, "switched off" in result.stderr) == (1, True)


def test_without_an_answer_nothing_is_approved_and_scripts_learn_how(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42/credits", SUMS)
    result = notifier("credits", "approve", "--incident", "42", given="")
    assert result.exit_code == 1
    assert "nothing is approved; for scripts: --total 30.00" in result.stderr


def test_what_waits_of_an_incident_is_approved_by_typing_its_amount(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42/credits", SUMS)
    view = CreditsDecidedView(incident_id=42, decided=2, amount="30.00")
    daemon.on("POST", "/v1/incidents/42/credits/approve", view)
    result = notifier("credits", "approve", "--incident", "42", given="30.00\n")
    assert "Type 30.00 to approve 2 lines" in result.stderr
    assert daemon.last("POST", "/v1/incidents/42/credits/approve").json() == {"total": "30.00"}


def test_what_the_budget_stops_is_said_before_and_the_total_is_of_what_is_approved(
    notifier: Run, daemon: FakeDaemon
) -> None:
    daemon.on("GET", "/v1/incidents/42/credits", msgspec.structs.replace(SUMS, within="10.00", within_lines=1))
    daemon.on("POST", "/v1/incidents/42/credits/approve", CreditsDecidedView(incident_id=42, decided=1, amount="10.00"))
    result = notifier("credits", "approve", "--incident", "42", given="10\n")
    assert "! the budget stops 1 line (--over-budget WHY)" in result.stdout
    assert "Type 10.00 to approve 1 line" in result.stderr
    assert daemon.last("POST", "/v1/incidents/42/credits/approve").json() == {"total": "10.00"}
    over = notifier("credits", "approve", "--incident", "42", "--over-budget", "the mayor", given="30.00\n")
    assert "budget stops" not in over.stdout
    asked = daemon.last("POST", "/v1/incidents/42/credits/approve").json()
    assert asked == {"total": "30.00", "over_budget": "the mayor"}
    daemon.on("GET", "/v1/incidents/42/credits", msgspec.structs.replace(SUMS, within="0.00", within_lines=0))
    nothing = notifier("credits", "approve", "--incident", "42", given="30.00\n")
    assert (nothing.exit_code, "nothing is approved: the budget stops 2 lines" in nothing.stderr) == (1, True)


def test_a_mistyped_amount_may_be_typed_three_times(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42/credits", SUMS)
    daemon.on("POST", "/v1/incidents/42/credits/approve", CreditsDecidedView(incident_id=42, decided=2, amount="30.00"))
    result = notifier("credits", "approve", "--incident", "42", given="3\n300\n30.00\n")
    assert "That is not the amount: it is 30.00, you typed 300." in result.stderr
    assert result.exit_code == 0
    for given in ("1\n2\n3\n", "q\n"):
        left = notifier("credits", "approve", "--incident", "42", given=given)
        assert (left.exit_code, "nothing is approved" in left.stderr) == (1, True)
    assert len([each for each in daemon.asked if each.method == "POST"]) == 1


@pytest.mark.parametrize("which", [("7",), ("--incident", "42", "--total", "30.00")])
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_reason_is_no_reason_to_go_over_the_budget(
    notifier: Run, daemon: FakeDaemon, which: tuple[str, ...], empty: str
) -> None:
    result = notifier("credits", "approve", *which, "--over-budget", empty)
    assert (result.exit_code, "--over-budget needs a reason" in result.stderr, daemon.asked) == (2, True, [])


def test_a_total_that_is_given_needs_no_typing(notifier: Run, daemon: FakeDaemon) -> None:
    view = CreditsDecidedView(incident_id=42, decided=1, amount="15.00", over_budget=1, own=1)
    daemon.on("POST", "/v1/incidents/42/credits/approve", view)
    text = notifier("credits", "approve", "--incident", "42", "--total", "30.00").stdout
    assert daemon.last("POST", "/v1/incidents/42/credits/approve").json() == {"total": "30.00"}
    assert text.startswith("1 line approved: 15.00.\n1 line left: the budget stops them")
    assert "you granted them" in text


@pytest.mark.parametrize("command", [("approve",), ("approve", "7", "--incident", "42"), ("reject", "--reason", "x")])
def test_either_a_line_or_an_incident_is_named(notifier: Run, daemon: FakeDaemon, command: tuple[str, ...]) -> None:
    assert notifier("credits", *command).exit_code == 2
    assert daemon.asked == []


def test_a_line_is_approved_rejected_and_reversed(notifier: Run, daemon: FakeDaemon) -> None:
    for action in ("approve", "reject", "reverse"):
        daemon.on("POST", f"/v1/credits/7/{action}", line())
    notifier("credits", "approve", "7", "--over-budget", "the board")
    assert daemon.asked[-1].json() == {"over_budget": "the board"}
    for action in ("reject", "reverse"):
        notifier("credits", action, "7", "--reason", "no")
        assert daemon.asked[-1].json() == {"reason": "no"}
    daemon.on("POST", "/v1/incidents/42/credits/reject", CreditsDecidedView(incident_id=42, decided=2, amount="30.00"))
    assert notifier("credits", "reject", "--incident", "42", "--reason", "no").stdout == "2 lines rejected: 30.00.\n"


def test_a_preview_shows_the_cost_and_what_would_wait(notifier: Run, daemon: FakeDaemon) -> None:
    view = CreditsPreview(
        incident_id=42,
        currency="USD",
        at=NOON,
        customers=1214,
        lines=2428,
        amount="60700.00",
        by_rule="5000.00",
        held={"over_budget": 1428},
        by_tariff={"pge-safety-net": "60700.00"},
    )
    daemon.on("GET", "/v1/incidents/42/credits/preview", view)
    text = notifier("credits", "preview", "42", "--at", "+6h").stdout
    assert "at" in daemon.asked[-1].query
    for said in ("1,214", "60700.00 USD in 2,428 lines", "5000.00 USD", "1,428 lines over budget"):
        assert said in " ".join(text.split())
    assert notifier("credits", "preview", "42", "--at", "yesterday 6:30").exit_code == 2


def test_an_export_is_written_to_a_new_file_with_its_total_said(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path
) -> None:
    rows = b"record,id,customer,amount,currency\r\nline,7,'=1+1,-10.00,USD\r\ntotal,1,,-10.00,USD\r\n"
    daemon.on("GET", "/v1/credits/export", Answer(200, rows, {"Content-Type": "text/csv"}))
    target = tmp_path / "credits.csv"
    result = notifier("credits", "export", "--batch", "3", "-o", str(target))
    assert daemon.asked[-1].query == {"batch": "3"}
    assert list(csv.reader(io.StringIO(target.read_text())))[1] == ["line", "7", "'=1+1", "-10.00", "USD"]
    assert result.stderr == "1 line, control total -10.00 USD.\n"
    assert notifier("credits", "export", "-o", str(target)).exit_code == 2  # never overwritten
    assert notifier("credits", "export").stdout_bytes == rows


def test_a_refused_export_leaves_no_file(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.on("GET", "/v1/credits/export", problem(403, "this needs manager"))
    assert notifier("credits", "export", "-o", str(tmp_path / "x.csv")).exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_posting_says_what_is_under_way_or_how_the_file_is_written(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/credits/post", Answer(202, CreditsDecidedView(incident_id=None, decided=12, amount="")))
    assert notifier("credits", "post", "--failed").stdout == "12 lines are being posted.\n"
    assert daemon.asked[-1].json() == {"incident": None, "failed": True}
    daemon.on("POST", "/v1/credits/post", Answer(202, CreditsDecidedView(incident_id=None, decided=0, amount="")))
    assert notifier("credits", "post").stdout == "Nothing is left to post.\n"
    batch = CreditBatchView(
        id=3, created_at=NOON, created_by="mia", lines=2, total="15.00", currency="USD", loaded_at=None, loaded_by=""
    )
    daemon.on("POST", "/v1/credits/post", Answer(202, batch))
    assert "notifier credits export --batch 3 -o FILE" in notifier("credits", "post").stdout
    daemon.on("POST", "/v1/credits/batches/3/loaded", batch)
    assert notifier("credits", "post", "--loaded", "3").exit_code == 2
    notifier("credits", "post", "--loaded", "3", "--total", "15.00")
    assert daemon.asked[-1].json() == {"total": "15.00"}


def test_everything_is_there_as_json(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/credits", [line()])
    assert json.loads(notifier("credits", "list", "--json").stdout)[0]["id"] == 7
    daemon.on("POST", "/v1/incidents/42/credits/count", {"incident_id": 42, "runs": 1})
    assert json.loads(notifier("credits", "count", "42", "--json").stdout)["runs"] == 1
    assert "is being counted" in notifier("credits", "count", "42").stdout
