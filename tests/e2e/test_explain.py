"""`notifier detection explain` and the report of a backtest as processes: a real daemon, a real file."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from notifier.sandbox.processes import Process, free_port, notifier, wait_until_ready
from tests.stores import TestStore, new_store

HEADER = "customer_id,site_id,name,address,services,email,region.postal_code\n"

pytestmark = pytest.mark.timeout(120)


def run(*arguments: str, code: int = 0, **environment: str) -> str:
    """Run a command to its end; its exit code is as expected."""
    done = subprocess.run(
        notifier(*arguments),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "TZ": "America/Los_Angeles", **environment},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


class Office:
    """A daemon with ten households, of which six have complained, one of them twice."""

    def __init__(self, folder: Path, store: TestStore) -> None:
        port = free_port()
        self.config = folder / "notifier.yaml"
        settings = {
            "server": {"listen": f"127.0.0.1:{port}", "metrics_listen": "", "token_file": str(folder / "token")},
            "storage": {"url": store.url},
            "providers": [{"name": "outbox", "kind": "file", "directory": str(folder / "outbox")}],
        }
        self.config.write_text(json.dumps(settings))
        self.daemon = Process(folder, "daemon", notifier("serve", "--config", str(self.config), "--migrate"))
        wait_until_ready(f"http://127.0.0.1:{port}", self.daemon)
        people = "".join(f'C-{n},1,Name {n},"{n} Oak St",power,c{n}@example.com,94110\n' for n in range(10))
        (folder / "people.csv").write_text(HEADER + people)
        now = datetime.now(UTC)
        lines = [(f"C-{n}", now - timedelta(minutes=12 - 2 * n)) for n in range(6)]
        lines += [("C-1", now), ("C-9", now - timedelta(hours=1))]
        rows = "".join(f"{customer},power,{at.isoformat()},{n}\n" for n, (customer, at) in enumerate(lines))
        (folder / "calls.csv").write_text("customer_id,service,occurred_at,external_id\n" + rows)
        self.run("customers", "import", str(folder / "people.csv"))
        self.run("complaints", "import", str(folder / "calls.csv"))

    def run(self, *arguments: str, code: int = 0, **environment: str) -> str:
        """Run a command against the daemon."""
        return run(*arguments, code=code, NOTIFIER_CONFIG=str(self.config), **environment)

    def decided(self) -> None:
        """Wait until an incident was opened and the detector has seen everything."""
        for _ in range(100):
            seen = json.loads(self.run("status", "--json"))
            if seen["incidents"] and not seen["detector_lag"]:
                return
        pytest.fail("no incident was opened")


@pytest.fixture
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path, new_store(request, "sqlite", tmp_path))
    try:
        yield opened
    finally:
        opened.daemon.stop()


def test_an_incident_and_its_cell_explain_themselves(office: Office) -> None:
    office.decided()
    text = office.run("detection", "explain", "1")
    first, second, *_ = text.splitlines()
    assert first.startswith("#1 power, 94110")
    assert first.endswith("SUSPECTED")
    assert second.startswith("3 different customers in 4 minutes, where ")
    cell = office.run("detection", "explain", "postal_code 94110", "power", COLUMNS="40")
    assert "6 different customers" in cell
    assert "C-5" in cell
    assert "Name 5" in cell
    assert "@example.com" not in text + cell
    assert max(len(line) for line in text.splitlines()) <= 72
    assert max(len(line) for line in cell.splitlines()) <= 40
    answer = json.loads(office.run("detection", "explain", "94110", "power", "--json"))
    assert answer["cell"]["not_counted"] == {"late": 1, "repeat": 1}
    assert "there is no incident 7" in office.run("detection", "explain", "7", code=1)


def test_a_terminal_without_blocks_and_without_colour_loses_nothing(office: Office) -> None:
    office.decided()
    text = office.run("detection", "explain", "1", PYTHONIOENCODING="ascii", NO_COLOR="1")
    assert text.isascii()
    assert "# counted   - normal (: inside a column)" in text
    assert "\x1b" not in text


def test_a_backtest_writes_its_report(tmp_path: Path) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    usual = [(begin + timedelta(hours=5 * n), f"u{n}") for n in range(200)]
    burst = [(begin + timedelta(days=35, minutes=n), f"b{n}") for n in range(12)]
    rows = "".join(f"{at.isoformat()},<b>94110</b>,power,{who}\n" for at, who in sorted(usual + burst))
    (tmp_path / "calls.csv").write_text("ts,region,category,customer\n" + rows)
    (tmp_path / "truth.csv").write_text(f"region,onset\n<b>94110</b>,{burst[0][0].isoformat()}\n")
    report = tmp_path / "report.html"
    calls, truth = str(tmp_path / "calls.csv"), str(tmp_path / "truth.csv")
    said = run("detection", "backtest", calls, "--truth", truth, "--report", str(report))
    assert f"Report: {report}" in said.splitlines()
    text = report.read_text("utf-8")
    assert "They found 1 of 1 known outage (100%)" in text
    assert "&lt;b&gt;94110&lt;/b&gt;" in text
    assert "<b>" not in text


def test_a_place_where_no_report_can_be_is_refused_before_the_work(tmp_path: Path) -> None:
    calls = tmp_path / "calls.csv"
    calls.write_text("ts,region,category,customer\n")
    nowhere = str(tmp_path / "no" / "report.html")
    assert "there is no folder" in run("detection", "backtest", str(calls), "--report", nowhere, code=2)
    said = run("detection", "backtest", str(calls), "--report", str(calls), code=2)
    assert "would overwrite FILE, which is read" in said
    assert calls.read_text() == "ts,region,category,customer\n"
