"""Counting is killed with `kill -9` again and again: at the end every customer has each step once, and totals agree."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase
from tests.credit_desk import CreditDesk

pytestmark = pytest.mark.timeout(120)

CUSTOMERS = 2_000
COUNTING = """
import asyncio, sys
from pathlib import Path
from notifier.storage.sqlite import SqliteDatabase
from notifier.stages.credits import counting
from tests.credit_desk import CreditDesk, DAY

counting.FIRST_CHUNK = counting.CHUNK = 20
desk = CreditDesk(SqliteDatabase(Path(sys.argv[1])), incident_baseline="1000000", budget="1000000")
desk.clock.go_on(DAY)
asyncio.run(desk.count())
desk.database.close()
print("counted")
"""


def lines_in(file: Path) -> int:
    with sqlite3.connect(file, timeout=10) as store:
        found: int = store.execute("SELECT count(*) FROM credit_lines").fetchone()[0]
    return found


def test_nobody_is_missed_and_nobody_paid_twice(tmp_path: Path) -> None:
    file = tmp_path / "notifier.db"
    upgrade(f"sqlite:///{file}")
    database = SqliteDatabase(file)
    desk = CreditDesk(database)
    now = desk.clock.now().timestamp() * 1_000_000

    def fill(tx):
        tx.insert_many(
            "customers", ("reference", "created_at", "updated_at"), [(f"C{each}", 0, 0) for each in range(CUSTOMERS)]
        )
        tx.run("INSERT INTO control (name, value, changed_at, changed_by) VALUES ('credits_since', 'on', 0, 'daemon')")
        tx.run(
            """INSERT INTO incidents (service, state, playbook, started_at, opened_at, opened_by, correlation_id)
               VALUES ('power', 'resolved', 'standard', :at, :at, 'ann', 'x')""",
            at=int(now) - 30 * 3_600_000_000,
        )
        tx.run("INSERT INTO parts (incident_id) VALUES (1)")
        tx.run(
            """INSERT INTO broadcasts (incident_id, part_id, kind, state, facts, created_at, created_by, sent_at,
                                       started_at, planned_at, correlation_id)
               VALUES (1, 1, 'restored', 'completed', '{"service": "power"}', :at, 'ann', :at, :at, :at, 'x')""",
            at=int(now),
        )
        tx.run("INSERT INTO audience (broadcast_id, customer_id, outcome) SELECT 1, id, 'told' FROM customers")

    database.write_now(fill)
    database.close()
    killed = 0
    for round_ in range(1, 20):
        running = subprocess.Popen(
            [sys.executable, "-c", COUNTING, str(file)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        wanted = min(round_ * 300, 4 * CUSTOMERS)
        while running.poll() is None and (killed >= 4 or lines_in(file) < wanted):
            time.sleep(0.01)
        if running.poll() is None:
            running.send_signal(signal.SIGKILL)
            killed += 1
        running.communicate()
        if running.returncode == 0:
            break
    assert killed >= 2
    with sqlite3.connect(file) as store:
        counted = store.execute(
            "SELECT count(*), count(DISTINCT customer_id), min(step), max(step), sum(amount_minor) FROM credit_lines"
        ).fetchone()
        total = store.execute("SELECT owed_minor FROM credit_totals").fetchone()[0]
    assert counted == (2 * CUSTOMERS, CUSTOMERS, 1, 2, 2 * CUSTOMERS * 2500)
    assert total == counted[-1]
