"""A storm in a daemon as a process: all of its incidents by one command; killed right after, all are told or none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.resources import shipped
from tests.daemon import Daemon, until
from tests.stores import ON_BOTH, TestStore

pytestmark = pytest.mark.timeout(180)

PLACES = ("94110", "94112", "94114")
HOMES = 3


@pytest.fixture
def daemon(tmp_path: Path, store: TestStore) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, store)
    (tmp_path / "playbooks").mkdir()
    plan = (shipped("config/playbooks") / "power.yaml").read_text().replace("[sms, email]", "[email]")
    (tmp_path / "playbooks" / "power.yaml").write_text(plan)
    daemon.change(playbooks={"directory": "playbooks"}, caps={"every": "0 s"}, delivery={"take_back": "3 s"})
    yield daemon
    daemon.stop_all()


def stormy(daemon: Daemon) -> None:
    """Import a town with a chain that has a site in every place, and open a storm with an incident in each."""
    homes = [
        {"customer_id": f"C-{place}-{n}", "site_id": "1", "email": f"c{place}{n}@example.net", "place": place}
        for place in PLACES
        for n in range(HOMES)
    ]
    homes += [{"customer_id": "CHAIN", "site_id": place, "email": "c@example.net", "place": place} for place in PLACES]
    rows: list[dict[str, Any]] = [
        {
            **{name: value for name, value in home.items() if name != "place"},
            "address": f"{home['customer_id']} Oak St",
            "services": "power",
            "regions": {"postal_code": home["place"]},
        }
        for home in homes
    ]
    daemon.rows(*rows, path="/v1/customers/bulk")
    daemon.call("POST", "/v1/events", {"name": "Ada", "service": "power"})
    for place in PLACES:
        daemon.call("POST", "/v1/incidents", {"service": "power", "regions": [f"postal_code:{place}"]})


@ON_BOTH
def test_all_incidents_are_told_by_one_number_also_when_it_is_killed_right_after(daemon: Daemon) -> None:
    process = daemon.start("--migrate")
    stormy(daemon)
    seen = daemon.call("POST", "/v1/events/1/tell", {"cause": "storm"})
    assert (seen["customers"], seen["in_several"], seen["notifications"]) == (3 * HOMES + 1, 1, 3 * HOMES + 3)
    body = {"count": seen["customers"], "incidents": [line["incident_id"] for line in seen["lines"]]}
    daemon.call("POST", f"/v1/rounds/{seen['round_id']}/send", body)
    process.kill()
    daemon.start()
    until(lambda: daemon.call("GET", "/v1/rounds/1")["states"] == {"sent": 3 * HOMES + 3}, "all are told")
    assert {card["state"] for card in daemon.call("GET", "/v1/events/1")["incidents"]} == {"confirmed"}


@ON_BOTH
def test_within_the_take_back_time_all_of_it_is_taken_back(daemon: Daemon) -> None:
    daemon.change(delivery={"take_back": "60 s"})
    daemon.start("--migrate")
    stormy(daemon)
    seen = daemon.call("POST", "/v1/events/1/tell", {})
    body = {"count": seen["customers"], "incidents": [line["incident_id"] for line in seen["lines"]]}
    daemon.call("POST", f"/v1/rounds/{seen['round_id']}/send", body)
    view = daemon.call("POST", "/v1/rounds/1/cancel", {})
    assert {line["reason"] for line in view["lines"]} == {"taken_back"}
    until(lambda: set(daemon.call("GET", "/v1/rounds/1")["states"]) <= {"cancelled"}, "nothing is left to send")
    assert daemon.call("GET", "/v1/rounds/1")["started_at"] is None
