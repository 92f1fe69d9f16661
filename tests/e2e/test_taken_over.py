"""Two daemons want one PostgreSQL: the second is refused, and takes over when the first hangs and loses its session.

The first wakes up in the middle of a broadcast that another one has meanwhile gone on with. It must end, and hand over
nothing that it had not claimed: who hears twice is listed as in doubt.
"""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon import Daemon, until
from tests.postgres_server import PostgresServer
from tests.stores import PostgresTestStore

COUNT, RATE = 200, 20
SESSIONS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name LIKE 'notifier %'"""
pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("kill")]


@pytest.fixture
def daemons(tmp_path: Path, postgres: PostgresServer) -> Iterator[tuple[Daemon, Daemon]]:
    store = PostgresTestStore(postgres)
    made = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        daemon = Daemon(tmp_path / name, store)
        daemon.change(
            providers=[{"name": "outbox", "kind": "file", "directory": str(daemon.folder / "outbox"), "rate": RATE}]
        )
        made.append(daemon)
    yield made[0], made[1]
    for daemon in made:
        daemon.stop_all()


def tell(daemon: Daemon) -> None:
    rows = (
        {
            "customer_id": f"C-{number}",
            "site_id": "1",
            "services": "power",
            "email": f"c{number}@example.net",
            "regions": {"postal_code": "94110"},
        }
        for number in range(COUNT)
    )
    daemon.rows(*rows, path="/v1/customers/bulk")
    drafted = daemon.call("POST", "/v1/incidents", {"service": "power", "regions": ["postal_code:94110"]})
    daemon.call("POST", f"/v1/broadcasts/{drafted['broadcast']['id']}/send", {"count": COUNT})


def test_who_hung_hands_over_nothing_more_than_it_had_claimed(daemons: tuple[Daemon, Daemon]) -> None:
    first, second = daemons
    store = first.store
    hung = first.start("--migrate")
    tell(first)
    until(lambda: len(first.outbox()) > 2 * RATE, "the first messages")
    code, said = second.refused()
    assert code != 0
    assert "in use by another daemon" in said
    os.kill(hung.pid, signal.SIGSTOP)
    try:
        store.query(SESSIONS)
        second.start()
        until(lambda: len(second.outbox()) > RATE, "the other one goes on")
    finally:
        os.kill(hung.pid, signal.SIGCONT)
    until(lambda: not hung.is_running(), "the one that hung ends")
    assert "is not this daemon's any more" in hung.log.read_text()
    until(lambda: store.query("SELECT state FROM broadcasts") == [("completed",)], "the end")
    time.sleep(1)
    mails = Counter(str(mail["To"]) for daemon in daemons for mail in daemon.outbox())
    in_doubt = {
        address
        for (address,) in store.query(
            """SELECT c.address FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
               WHERE n.in_doubt_at IS NOT NULL"""
        )
    }
    assert len(mails) == COUNT
    assert {address for address, number in mails.items() if number > 1} <= in_doubt
    assert len(in_doubt) <= 2 * RATE
