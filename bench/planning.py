"""Planning 1,000,000 of 10,000,000 customers, beside a bare INSERT..SELECT of the same customers in the same database.

Bare means: the affected sites' customers into one table with one unique key. Planning finds the same customers and
besides chooses contact points, respects consent, keeps households whole, and writes three tables in small commits.

`python -m bench.planning --customers 10000000 --affected 1000000`; smaller by default. `--places 40` spreads the
affected customers over as many regions, `--spread` puts them evenly over the whole directory instead of side by side.
The database is built with plain SQL and kept with `--keep FILE` for the next run.
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.floors import Floor, Measured, ratio
from bench.stores import open_database
from notifier.clock import SystemClock
from notifier.config import Config
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.planning import Planning
from notifier.storage.database import Transaction
from notifier.storage.migrate import upgrade

FLOOR = 15.0  # times the bare INSERT..SELECT
FIRST_SECONDS = 1.0
BATCH = 100_000


def build(path: Path, customers: int, affected: int, places: int, *, spread: bool) -> None:
    """Make a directory: a site each, a mail address each, every third with a mobile number, places of equal size."""
    upgrade(f"sqlite:///{path}")
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF", "cache_size = -500000"):
        connection.execute(f"PRAGMA {pragma}")
    elsewhere = places + 1
    step = customers // affected

    def place(number: int) -> int:
        if spread:
            return number // step % places + 1 if number % step == 0 else elsewhere
        return number * places // affected + 1 if number < affected else elsewhere

    connection.execute("BEGIN")
    connection.executemany(
        "INSERT INTO regions (id, kind, code) VALUES (?, 'postal_code', ?)",
        ((number, f"{90000 + number}") for number in range(1, elsewhere + 1)),
    )
    connection.execute("INSERT INTO regions (id, kind, code) VALUES (?, 'state', 'CA')", (elsewhere + 1,))
    for start in range(0, customers, BATCH):
        numbers = range(start, min(start + BATCH, customers))
        connection.executemany(
            "INSERT INTO customers (id, reference, name, created_at, updated_at) VALUES (?, ?, 'A Name', 0, 0)",
            ((number + 1, f"C-{number:08}") for number in numbers),
        )
        connection.executemany(
            """INSERT INTO sites (id, customer_id, reference, address, services, status, updated_at)
               VALUES (?, ?, '1', ?, '|power|internet|', 'active', 0)""",
            ((number + 1, number + 1, f"{number} Oak Street, Springfield") for number in numbers),
        )
        connection.executemany(
            "INSERT INTO contact_points (id, kind, address, created_at) VALUES (?, 'email', ?, 0)",
            ((number + 1, f"c{number:08}@example.net") for number in numbers),
        )
        connection.executemany(
            "INSERT INTO contact_points (id, kind, address, created_at) VALUES (?, 'mobile', ?, 0)",
            ((customers + number + 1, f"+1415{number:08}") for number in numbers if number % 3 == 0),
        )
    connection.executemany(
        "INSERT INTO site_regions (region_id, site_id) VALUES (?, ?)",
        sorted((place(number), number + 1) for number in range(customers)),
    )
    connection.execute("INSERT INTO site_regions (region_id, site_id) SELECT ?, id FROM sites", (elsewhere + 1,))
    connection.execute(
        """INSERT INTO links (contact_point_id, site_id, role, customer_id, position)
           SELECT c.id, s.id, 'owner', s.id, CASE c.kind WHEN 'email' THEN 0 ELSE 1 END
           FROM contact_points AS c JOIN sites AS s ON s.id = CASE WHEN c.id > :n THEN c.id - :n ELSE c.id END""",
        {"n": customers},
    )
    connection.execute(
        """INSERT INTO incidents (id, service, state, playbook, started_at, opened_at, opened_by, correlation_id)
           VALUES (1, 'power', 'confirmed', 'standard', 0, 0, 'bench', 'bench')"""
    )
    connection.execute("INSERT INTO parts (id, incident_id) VALUES (1, 1)")
    connection.executemany(
        "INSERT INTO incident_regions (incident_id, region_id, role) VALUES (1, ?, 'place')",
        ((number,) for number in range(1, places + 1)),
    )
    connection.execute("COMMIT")
    connection.close()


_AFFECTED = """SELECT 1, s.customer_id FROM site_regions AS r JOIN sites AS s ON s.id = r.site_id
               WHERE r.region_id <= ? AND s.status = 'active' AND s.services LIKE '%|power|%'"""
_INDEX_ONLY = "SELECT 1, site_id FROM site_regions WHERE region_id <= ?"


def bare(path: Path, places: int, select: str = _AFFECTED) -> float:
    """Return the seconds of one INSERT..SELECT of the affected rows into a table with a unique key."""
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -32000"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(
        "CREATE TABLE bare (id INTEGER PRIMARY KEY, broadcast INTEGER, customer INTEGER, UNIQUE (broadcast, customer))"
    )
    began = time.perf_counter()
    connection.execute(f"INSERT INTO bare (broadcast, customer) {select}", (places,))
    seconds = time.perf_counter() - began
    connection.execute("DROP TABLE bare")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return seconds


async def plan(url: str) -> tuple[float, float, float, int]:
    """Return seconds until the first chunk, until the audience is complete, of the longest chunk, and messages."""
    database = open_database(url)
    playbook = Playbook(name="standard", services=("power",))
    metrics = Metrics(services=("power",))
    planning = Planning(database, Config(), SystemClock(), EmbeddedQueue(), metrics, {"power": playbook})
    now = int(datetime.now(UTC).timestamp() * 1_000_000)

    def begin(tx: Transaction) -> int:
        return int(
            tx.scalar(
                """INSERT INTO broadcasts (incident_id, part_id, kind, state, facts, created_at, created_by,
                                           not_before_at, started_at, correlation_id)
                   VALUES (1, 1, 'acknowledged', 'sending', '{"service":"power"}', :now, 'bench', :now, :now, 'b')
                   RETURNING id""",
                now=now,
            )
        )

    broadcast_id = await database.write(begin)
    began = time.perf_counter()
    first, longest, more = 0.0, 0.0, True
    while more:
        chunk = time.perf_counter()
        more = await planning.step()
        longest = max(longest, time.perf_counter() - chunk)
        first = first or time.perf_counter() - began
    total = time.perf_counter() - began

    def forget(tx: Transaction) -> int:
        count = tx.scalar("SELECT count(*) FROM notifications WHERE broadcast_id = :b", b=broadcast_id)
        for table in ("audience_notifications", "audience", "notifications"):
            tx.run(f"DELETE FROM {table} WHERE broadcast_id = :b", b=broadcast_id)
        tx.run("UPDATE broadcasts SET state = 'cancelled' WHERE id = :b", b=broadcast_id)
        return int(count)

    messages = await database.write(forget)
    database.close()
    return first, total, longest, messages


def run(rounds: int, customers: int = 10_000_000, affected: int = 1_000_000) -> list[Measured]:
    """Measure both in the same rounds, for `python -m bench`."""
    with tempfile.TemporaryDirectory(prefix="notifier-bench-") as folder:
        path = Path(folder) / "planning.db"
        build(path, customers, affected, 1, spread=False)
        outcomes = [(bare(path, 1), *asyncio.run(plan(f"sqlite:///{path}"))) for _ in range(rounds)]
    bases, firsts, totals, longest, _ = zip(*outcomes, strict=True)
    times = Floor(
        text=f"planning {affected:,} of {customers:,} / bare INSERT..SELECT",
        value=ratio(totals, bases),
        limit=FLOOR,
        at_most=True,
    )
    first = Floor(text="planning: first chunk, s", value=max(firsts), limit=FIRST_SECONDS, at_most=True)
    return [
        Measured(
            name=f"planning {affected:,} of {customers:,}",
            unit="seconds",
            figures={"bare INSERT..SELECT": bases, "notifier, in committed chunks": totals},
            floors=[times, first],
            notes=[f"longest step {max(longest) * 1000:.0f} ms; first chunk {max(firsts) * 1000:.0f} ms"],
        )
    ]


def main() -> None:
    """Build, measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--affected", type=int, default=100_000)
    parser.add_argument("--places", type=int, default=1)
    parser.add_argument("--spread", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "planning.db"
        if not path.exists():
            began = time.perf_counter()
            build(path, given.customers, given.affected, given.places, spread=given.spread)
            print(f"built {path.stat().st_size / 1e9:.1f} GB in {time.perf_counter() - began:.0f} s")
        ratios, first = [], 0.0
        for _ in range(given.rounds):
            base, least = bare(path, given.places), bare(path, given.places, _INDEX_ONLY)
            first, total, longest, messages = asyncio.run(plan(f"sqlite:///{path}"))
            ratios.append(total / base)
            print(
                f"bare {base:.2f} s ({least:.2f} s from the index alone); "
                f"planned {messages:,} in {total:.2f} s ({total / base:.1f} x), "
                f"first chunk {first * 1000:.0f} ms, longest step {longest * 1000:.0f} ms"
            )
        if not ratios:
            return
        middle = statistics.median(ratios)
        verdict = "holds" if middle <= FLOOR and first <= FIRST_SECONDS else "FAILS"
        print(
            f"median {middle:.1f} x the bare INSERT..SELECT; floor {FLOOR:.0f} x and {FIRST_SECONDS:.0f} s: {verdict}"
        )


if __name__ == "__main__":
    main()
