"""The audit log on the terminal and in a file that a spreadsheet may open."""

import csv
import json
from pathlib import Path

from notifier.storage.views import AuditView
from tests.cli.conftest import Run
from tests.fake_daemon import NOON, FakeDaemon


def entry(number: int = 7, **other: object) -> AuditView:
    values = {"actor": "ann", "action": "customers.hold", "target": "customer 7", "origin": "10.0.0.9"} | other
    return AuditView(id=number, at=NOON, detail={"reason": "=HYPERLINK(1)"}, **values)  # type: ignore[arg-type]


def test_entries_are_sentences(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/audit", [[entry()]])
    done = notifier("audit", "list", "--actor", "ann", "--limit", "5")
    assert "ann from 10.0.0.9: customers.hold customer 7 (reason =HYPERLINK(1))" in " ".join(done.stdout.split())
    assert daemon.asked[-1].query == {"actor": "ann", "limit": "5"}


def test_an_export_holds_no_formula(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.on("GET", "/v1/audit", [[entry(actor="=cmd()")]])
    file = tmp_path / "log.csv"
    assert notifier("audit", "export", "--to", str(file)).exit_code == 0
    with file.open(newline="") as opened:
        (row,) = csv.DictReader(opened)
    assert row["actor"] == "'=cmd()"
    assert json.loads(row["detail"]) == {"reason": "=HYPERLINK(1)"}
    assert notifier("audit", "export", "--to", str(file)).exit_code == 1


def test_ndjson_is_as_it_is(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/audit", [[entry()]])
    (line,) = notifier("audit", "export", "--format", "ndjson").stdout.splitlines()
    assert json.loads(line)["id"] == 7


def test_a_time_nobody_understands_is_wrong_usage(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/status", {})
    done = notifier("audit", "list", "--since", "whenever")
    assert (done.exit_code, "--since" in done.stderr) == (2, True)
