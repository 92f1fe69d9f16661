"""Credits of a daemon as a process: counted, named in the mail, posted; killed while it posts, nothing is doubled."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from notifier.resources import shipped
from tests.daemon import Daemon, until
from tests.stores import ON_BOTH, TestStore

pytestmark = pytest.mark.timeout(180)

CUSTOMERS = 120
TARIFF = {
    "name": "hourly",
    "valid_from": "2020-01-01",
    "source": "a test",
    "currency": "USD",
    "services": ["power"],
    "enabled": True,
    "longer_than": "1 h",
    "step": "1 h",
    "amount": "2.50",
    "tests": [{"name": "two hours", "outages": ["2026-03-02T08:00/2026-03-02T10:00"], "credit": "5.00"}],
}


class SlowBiller:
    """Books each key once, taking its time; counts how often it was asked."""

    def __init__(self) -> None:
        self.booked: dict[str, int] = {}
        self.asked = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                line = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                time.sleep(0.05)
                with outer._lock:
                    outer.asked += 1
                    known = outer.booked.setdefault(self.headers["Idempotency-Key"], line["amount_minor"])
                    assert known == line["amount_minor"]
                body = json.dumps({"reference": f"b-{line['id']}"}).encode()
                self.send_response(201)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/credits"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def biller() -> Iterator[SlowBiller]:
    biller = SlowBiller()
    yield biller
    biller.close()


@pytest.fixture
def daemon(tmp_path: Path, store: TestStore, biller: SlowBiller) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, store)
    for folder in ("tariffs", "playbooks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tariffs" / "hourly.yaml").write_text(json.dumps(TARIFF))
    plan = (shipped("config/playbooks") / "power.yaml").read_text()
    plan = plan.replace("hold_before_restored: 10 min", "hold_before_restored: 0 s")
    (tmp_path / "playbooks" / "power.yaml").write_text(plan.replace("[sms, email]", "[email]"))
    posting = {"kind": "webhook", "url": biller.url, "secret": "a-secret-of-the-biller", "at_once": 4, "timeout": "2 s"}
    daemon.change(
        playbooks={"directory": "playbooks"},
        credits={"enabled": True, "tariffs": "tariffs", "posting": posting},
        caps={"every": "0 s"},
    )
    yield daemon
    daemon.stop_all()


def tell(daemon: Daemon, draft: dict[str, Any]) -> None:
    count = {"count": draft["preview"]["customers"]}
    daemon.call("POST", f"/v1/broadcasts/{draft['broadcast']['id']}/send", count)


@ON_BOTH
def test_a_night_of_credits_with_a_kill_in_the_middle(daemon: Daemon, biller: SlowBiller) -> None:
    process = daemon.start("--migrate")
    rows = [
        {
            "customer_id": f"C-{number}",
            "site_id": "1",
            "address": f"{number} Oak St",
            "services": "power",
            "email": f"c{number}@example.net",
            "regions": {"postal_code": "94110"},
        }
        for number in range(CUSTOMERS)
    ]
    daemon.rows(*rows, path="/v1/customers/bulk")
    failed_at = datetime.now(UTC) - timedelta(hours=3, minutes=5)
    opened = {"service": "power", "regions": ["postal_code:94110"], "started_at": failed_at.isoformat()}
    tell(daemon, daemon.call("POST", "/v1/incidents", opened))
    until(lambda: len(daemon.outbox()) == CUSTOMERS, "the first mail to all")
    tell(daemon, daemon.call("POST", "/v1/incidents/1/restored", {}))
    mails = until(lambda: (found := daemon.outbox())[CUSTOMERS * 2 - 1 :] and found, "the mail that it is back")
    texts = [mail.get_body(("plain",)).get_content() for mail in mails]  # type: ignore[union-attr]
    assert sum("A credit of $7.50 will be on your" in " ".join(text.split()) for text in texts) == CUSTOMERS
    owed = daemon.call("GET", "/v1/incidents/1/credits")
    assert (owed["owed"], owed["waiting"], owed["counted"]) == ("900.00", "0.00", True)

    assert daemon.call("POST", "/v1/credits/post", {"incident": 1})["decided"] == CUSTOMERS * 3
    until(lambda: biller.asked > 20, "some lines at the biller")
    process.kill()
    asked = biller.asked
    assert asked < CUSTOMERS * 3, "it was killed in the middle"
    daemon.start()

    def is_posted() -> bool:
        sums = daemon.call("GET", "/v1/incidents/1/credits")["sums"]
        return [(each["state"], each["lines"]) for each in sums] == [("posted", CUSTOMERS * 3)]

    until(is_posted, "everything posted")
    assert len(biller.booked) == CUSTOMERS * 3
    assert sum(biller.booked.values()) == 90_000
    assert biller.asked >= CUSTOMERS * 3  # what was in the air was asked again, under its key
