"""The daemon as a process: it starts in order, refuses where it could do harm, and stops without losing anything."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.sandbox.processes import free_port
from tests.daemon import Daemon, until
from tests.stores import ON_BOTH, PostgresTestStore, TestStore

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def daemon(tmp_path: Path, store: TestStore) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, store)
    yield daemon
    daemon.stop_all()


@ON_BOTH
def test_it_refuses_a_database_without_a_schema_and_names_the_command(daemon: Daemon) -> None:
    code, text = daemon.refused()
    assert code == 1
    assert "notifier db upgrade" in text


@ON_BOTH
def test_it_runs_after_db_upgrade(daemon: Daemon) -> None:
    assert daemon.run("db", "current").returncode == 1
    assert daemon.run("db", "upgrade").returncode == 0
    assert daemon.run("db", "current").returncode == 0
    assert "already" in daemon.run("db", "upgrade").stdout
    daemon.start()


def test_it_says_where_it_listens_and_where_the_first_key_is_once(daemon: Daemon) -> None:
    first = daemon.start("--migrate")
    log = first.log.read_text()
    assert f"listening on {daemon.url}" in log
    assert f"the first manager key is in {daemon.folder / 'token'}" in log
    assert (daemon.folder / "token").stat().st_mode & 0o777 == 0o600
    before = daemon.token
    assert first.stop() == 0
    first.log.write_text("")
    second = daemon.start()
    assert "first manager key" not in second.log.read_text()
    assert daemon.token == before
    assert daemon.call("GET", "/v1/status")["paused"] is False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(daemon: Daemon, number: signal.Signals) -> None:
    process = daemon.start("--migrate")
    os.kill(process.pid, number)
    until(lambda: not process.is_running(), "the end")
    assert process.stop() == 0
    assert '"event":"stopped"' in process.log.read_text()
    with pytest.raises(ConnectionRefusedError):
        daemon.ask("GET", "/healthz", None, {})


@ON_BOTH
def test_a_second_daemon_on_the_same_file_refuses_to_start(daemon: Daemon) -> None:
    first = daemon.start("--migrate")
    daemon.port, daemon.metrics_port = free_port(), free_port()
    daemon.write()
    code, text = daemon.refused("--migrate")
    assert code == 1
    assert f"in use by another daemon (process {first.pid}" in text
    upgrade = daemon.run("db", "upgrade")
    assert (upgrade.returncode, "in use by another daemon" in upgrade.stderr) == (1, True)


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_daemon_ends_when_its_database_has_another(daemon: Daemon, store: PostgresTestStore) -> None:
    process = daemon.start("--migrate")
    until(lambda: store.query("SELECT 1 FROM writers"), "the first commit")
    with store.server.taken_from_its_daemon(store.database):
        until(lambda: not process.is_running(), "the end")
    assert process.stop() == 1
    assert "is in use by another daemon (process 1 on elsewhere)" in process.log.read_text()
    daemon.start()


@ON_BOTH
def test_the_lock_of_a_killed_daemon_holds_nobody_up(daemon: Daemon) -> None:
    daemon.start("--migrate").kill()
    daemon.start()


def test_a_port_that_is_taken_is_named_with_its_key(daemon: Daemon) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", daemon.port))
        taken.listen()
        code, text = daemon.refused("--migrate")
    assert code == 1
    assert f"server.listen: cannot listen on 127.0.0.1:{daemon.port}" in text


@pytest.mark.parametrize(
    "clock", ["", "now", "2026-03-01,60", "2026-03-01T07:00:00Z,0", "2026-03-01T07:00:00Z,-1", "x,60"]
)
def test_a_wrong_rehearsal_clock_is_wrong_usage(daemon: Daemon, clock: str) -> None:
    code, text = daemon.refused("--migrate", "--clock", clock)
    assert code == 2
    assert "START,RATE" in text or "above 0" in text


def test_a_rehearsal_is_refused_where_a_provider_could_reach_people(daemon: Daemon) -> None:
    daemon.write(providers=[{"name": "relay", "kind": "smtp", "host": "mail.example.com"}])
    code, text = daemon.refused("--migrate", "--clock", "2026-03-01T07:00:00-08:00,60")
    assert code == 2
    assert "relay can reach people" in text


@ON_BOTH
def test_a_rehearsal_does_not_go_back_in_time(daemon: Daemon) -> None:
    process = daemon.start("--migrate", "--clock", "2026-03-01T07:00:00-08:00,60")
    daemon.call("POST", "/v1/complaints", {"reporter": "ann@example.net", "service": "power"})
    process.stop()
    code, text = daemon.refused("--clock", "2026-03-01T06:00:00-08:00,60")
    assert code == 1
    assert "--clock begins at 2026-03-01T06:00:00-08:00, but " in text
    (again,) = re.findall(r"expected --clock (2026-03-01T07:\d\d:00-08:00,60) or later", text)
    daemon.start("--clock", again)


def test_a_rehearsal_lives_in_its_own_time(daemon: Daemon) -> None:
    daemon.start("--migrate", "--clock", "2026-03-01T07:00:00-08:00,600")
    first = daemon.call("GET", "/v1/status")["now"]
    time.sleep(0.5)
    assert "2026-03-01T15:" <= first < daemon.call("GET", "/v1/status")["now"] < "2026-03-01T19:"


def test_wrong_settings_are_all_named(daemon: Daemon) -> None:
    daemon.write(servr={}, log={"level": "loud"})
    code, text = daemon.refused("--migrate")
    assert code == 1
    assert "servr" in text
    assert "level" in text


def test_a_placeholder_that_would_reach_customers_keeps_it_from_starting(daemon: Daemon) -> None:
    phrases = daemon.folder / "phrases"
    phrases.mkdir()
    shipped = (Path(__file__).parents[2] / "config" / "phrases" / "en.yaml").read_text()
    (phrases / "en.yaml").write_text(shipped.replace("{phone}", "{fone}"))
    daemon.write(templates={"phrases": str(phrases)})
    code, text = daemon.refused("--migrate")
    assert code == 1
    assert "{fone}" in text


def test_metrics_are_served_and_an_idle_daemon_is_small(daemon: Daemon) -> None:
    daemon.start("--migrate").stop()
    process = daemon.start()
    daemon.port = daemon.metrics_port
    text = daemon.ask("GET", "/metrics", None, {})[1].decode()
    assert 'notifier_job_runs_total{job="ledger",outcome="failed"} 0.0' in text
    resident = next(
        int(line.split()[1]) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmRSS" in line
    )
    assert resident <= 100_000  # KiB


def test_one_request_is_followed_through_the_log_without_personal_data(daemon: Daemon) -> None:
    process = daemon.start("--migrate")
    daemon.rows(customer(1), path="/v1/customers/bulk")
    daemon.call("POST", "/v1/complaints", {"reporter": "c1@example.net", "service": "power", "text": "dark and cold"})
    until(lambda: '"route":"/v1/complaints"' in process.log.read_text(), "the line of the request")
    process.stop()
    log = process.log.read_text()
    assert "c1@example.net" not in log
    assert "dark and cold" not in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    (request,) = (line for line in lines if line.get("route") == "/v1/complaints")
    assert request["correlation_id"]


def customer(number: int) -> dict[str, Any]:
    return {
        "customer_id": f"C-{number}",
        "site_id": "1",
        "address": f"{number} Oak St, Springfield",
        "services": "power",
        "email": f"c{number}@example.net",
        "regions": {"postal_code": "94110"},
    }


@ON_BOTH
def test_a_complaint_becomes_one_right_message_to_everyone_affected(daemon: Daemon) -> None:
    process = daemon.start("--migrate", "--clock", "2026-03-02T18:00:00-08:00,60")
    daemon.rows(*(customer(number) for number in range(1, 31)), path="/v1/customers/bulk")
    complaints = ({"customer_id": f"C-{number}", "service": "power"} for number in range(1, 21))
    assert {row["status"] for row in daemon.rows(*complaints, path="/v1/complaints/bulk")} == {201}
    (card,) = until(lambda: daemon.call("GET", "/v1/incidents?state=suspected"), "suspicion")
    incident = f"/v1/incidents/{card['id']}"
    assert card["place"]

    tell(daemon, daemon.call("POST", f"{incident}/confirm", {}), 30)
    told = daemon.outbox()
    assert sorted(str(mail["To"]) for mail in told) == sorted(f"c{number}@example.net" for number in range(1, 31))
    assert daemon.call("GET", incident)["card"]["state"] == "confirmed"

    tell(daemon, daemon.call("POST", f"{incident}/restored", {}), 30)
    assert len(daemon.outbox()) == 60
    view = until(lambda: resolved(daemon, incident), "resolution")
    assert view["card"]["told"] == 30
    assert daemon.call("GET", "/v1/reach")["email"] == 30
    assert process.stop() == 0


@ON_BOTH
def test_a_stop_in_the_middle_of_a_broadcast_misses_nobody_and_doubles_nobody(daemon: Daemon) -> None:
    outbox = {"name": "outbox", "kind": "file", "directory": str(daemon.folder / "outbox"), "rate": 100}
    daemon.write(providers=[outbox])
    process = daemon.start("--migrate")
    daemon.rows(*(customer(number) for number in range(1, 301)), path="/v1/customers/bulk")
    draft = daemon.call("POST", "/v1/incidents", {"service": "power", "regions": ["postal_code:94110"]})
    path = f"/v1/broadcasts/{draft['broadcast']['id']}"
    daemon.call("POST", f"{path}/send", {"count": 300})
    until(lambda: len(daemon.outbox()) > 50, "the first messages")
    assert process.stop() == 0
    told = len(daemon.outbox())
    assert told < 300
    states = dict(daemon.store.query("SELECT state, COUNT(*) FROM notifications GROUP BY state"))
    assert states == {"sent": told, "pending": 300 - told}

    daemon.start()
    view = until(lambda: finished(daemon, path), "the end of the broadcast")
    assert view["progress"]["in_doubt_ever"] == 0
    assert sorted(str(mail["To"]) for mail in daemon.outbox()) == sorted(
        f"c{number}@example.net" for number in range(1, 301)
    )


def tell(daemon: Daemon, draft: dict[str, Any], count: int) -> None:
    """Send a draft to everyone the preview counts, and wait until it is finished."""
    assert draft["preview"]["customers"] == count
    path = f"/v1/broadcasts/{draft['broadcast']['id']}"
    daemon.call("POST", f"{path}/send", {"count": count})
    view = until(lambda: finished(daemon, path), "the end of the broadcast")
    assert view["progress"]["states"] == {"sent": count}


def finished(daemon: Daemon, path: str) -> dict[str, Any] | None:
    view: dict[str, Any] = daemon.call("GET", path)
    return view if view["state"] == "completed" else None


def resolved(daemon: Daemon, path: str) -> dict[str, Any] | None:
    view: dict[str, Any] = daemon.call("GET", path)
    return view if view["card"]["state"] == "resolved" else None
