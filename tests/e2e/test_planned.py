"""Planned work in a daemon as a process: announced, reminded of, begun and overrun by itself, then said to be done."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from notifier.resources import shipped
from tests.daemon import Daemon, until
from tests.stores import ON_BOTH, TestStore

pytestmark = pytest.mark.timeout(180)

CLOCK = "2026-03-02T09:00:00-08:00,3600"  # an hour a second
HOMES = 4
HOUR = timedelta(hours=1)


@pytest.fixture
def daemon(tmp_path: Path, store: TestStore) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, store)
    (tmp_path / "playbooks").mkdir()
    plan = (shipped("config/playbooks") / "power.yaml").read_text().replace("[sms, email]", "[email]")
    (tmp_path / "playbooks" / "power.yaml").write_text(
        f"{plan}\nplanned_notice_lead: 1 h\nplanned_reminder: 2 h\nplanned_share: 0.5\n"
    )
    daemon.change(playbooks={"directory": "playbooks"}, caps={"every": "0 s"})
    yield daemon
    daemon.stop_all()


def tell(daemon: Daemon, draft: dict[str, Any]) -> None:
    count = {"count": draft["preview"]["customers"]}
    daemon.call("POST", f"/v1/broadcasts/{draft['broadcast']['id']}/send", count)


def said(daemon: Daemon) -> list[str]:
    return [each["kind"] for each in daemon.call("GET", "/v1/incidents/1")["broadcasts"]]


@ON_BOTH
def test_a_day_of_planned_work(daemon: Daemon) -> None:
    daemon.start("--migrate", "--clock", CLOCK)
    homes = [
        {
            "customer_id": f"C-{number}",
            "site_id": "1",
            "address": f"{number} Oak St",
            "services": "power",
            "email": f"c{number}@example.net",
            "regions": {"postal_code": "94110"},
        }
        for number in range(HOMES)
    ]
    daemon.rows(*homes, path="/v1/customers/bulk")
    now = datetime.fromisoformat(daemon.call("GET", "/v1/status")["now"])
    begins = now + 6 * HOUR
    work = {"service": "power", "regions": ["postal_code:94110"], "from_at": begins.isoformat()}
    draft = daemon.call("POST", "/v1/planned", work | {"until_at": (begins + 3 * HOUR).isoformat()})
    tell(daemon, draft)
    until(lambda: len(daemon.outbox()) == HOMES, "the notice")
    assert daemon.call("GET", "/v1/incidents/1")["card"]["state"] == "scheduled"
    until(lambda: "planned_reminder" in said(daemon), "the reminder")
    until(lambda: daemon.call("GET", "/v1/incidents/1")["card"]["state"] == "confirmed", "its beginning")
    asked = daemon.call("POST", "/v1/complaints", {"service": "power", "customer_id": "C-1"})
    assert asked["not_counted"] == "planned_work"
    until(lambda: "planned_overrun" in said(daemon), "the word that it takes longer")
    tell(daemon, daemon.call("POST", "/v1/incidents/1/restored", {}))
    until(lambda: daemon.call("GET", "/v1/incidents/1")["card"]["state"] == "resolved", "its end")
    assert said(daemon)[:3] == ["planned_notice", "planned_reminder", "planned_overrun"]
    assert said(daemon)[-1] == "planned_restored"
    subjects = [str(mail["Subject"]) for mail in daemon.outbox()]
    assert sum(subject.startswith("Planned work: ") for subject in subjects) >= HOMES
