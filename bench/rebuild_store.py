"""A store as it looks after 400 days: ten million complaints, a million cells known, ten thousand of them active.

Everything is made set-wise by SQL that both databases read, from the number of a complaint: one in two falls in the
regions that are active today, all complaints of the last 28 hours do; one in five is a repeat, which counts nowhere.
Every node lies in a postal code, a city and an area code; each of the three services has all regions as its cells.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.set_clock import SetClock
from notifier.clock import Clock
from notifier.config import Config, Regions
from notifier.config import Detection as DetectionSettings
from notifier.domain.detection import Thresholds
from notifier.domain.local_time import LocalTime
from notifier.domain.playbook import Playbook
from notifier.domain.surveillance import Surveillance, ranks
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.detection import Detection
from notifier.storage.database import Database, Transaction
from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase

SERVICES = ("power", "internet", "water")
KINDS = (("node", 1), ("postal_code", 10), ("city", 100), ("area_code", 1000))  # how many nodes each takes in
NOW = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)
DAYS, RECENT_HOURS = 400, 28
DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is."""

    complaints: int = 10_000_000
    recent: int = 75_000  # of them in the last 28 hours; four in five count
    nodes: int = 300_000
    active_nodes: int = 3_000

    @property
    def active_cells(self) -> int:
        """Return how many cells have been complained about in the last 28 hours."""
        return len(SERVICES) * sum(-(-self.active_nodes // nodes) for _, nodes in KINDS)


def new_detection(database: Database, clock: Clock) -> Detection:
    """Return a detector as it is before its rebuild; its thresholds are never reached, so that nothing opens."""
    kinds = tuple(kind for kind, _ in KINDS)
    config = Config(
        regions=Regions(kinds=kinds, watched=kinds, time_zone="UTC"),
        detection=DetectionSettings(likely=1e9, certain=2e9),
    )
    playbook = Playbook(name="standard", services=SERVICES)
    metrics = Metrics(services=SERVICES)
    return Detection(database, config, clock, EmbeddedQueue(), metrics, dict.fromkeys(SERVICES, playbook))


def new_surveillance() -> Surveillance:
    """Return what that detector knows before its rebuild."""
    kinds = tuple(kind for kind, _ in KINDS)
    return Surveillance(
        LocalTime("UTC"), Thresholds(likely=1e9, certain=2e9), dict.fromkeys(SERVICES, 3), ranks(kinds, kinds)
    )


def build(path: Path, size: Size) -> None:
    """Make the store in a new SQLite file."""
    upgrade(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "foreign_keys = OFF", "cache_size = -1000000"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'complaints' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for statement in _statements(size):
            connection.execute(statement)
        for _, sql in indexes:
            connection.execute(sql)
    database = SqliteDatabase(path)
    asyncio.run(new_detection(database, SetClock(NOW)).refresh_baseline())  # voids every level: they come after it
    database.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(_LEVELS.format(today=_us(NOW) // DAY_US, days=DAYS))
        connection.execute(
            "UPDATE detector SET position = (SELECT MAX(id) FROM complaints), "
            "newest_at = (SELECT MAX(effective_at) FROM complaints)"
        )


def _us(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000


def _statements(size: Size) -> Iterator[str]:
    """Yield what fills an empty store, in order."""
    for kind, nodes in KINDS:
        first = _first_region(size, kind)
        yield (
            f"INSERT INTO regions (id, kind, code) {_numbers(-(-size.nodes // nodes))} "
            f"SELECT {first} + i, '{kind}', '{kind}-' || i FROM numbers"
        )
    now, recent_us = _us(NOW), RECENT_HOURS * HOUR_US
    older, start = size.complaints - size.recent, now - DAYS * DAY_US
    step, recent_step = (DAYS * DAY_US - recent_us) // older, recent_us // size.recent
    yield f"""CREATE TEMPORARY TABLE staged AS {_numbers(size.complaints)},
        drawn AS (SELECT i, (i * 1103515245 + 12345) % 2147483648 / 16 AS u, i >= {older} AS recent FROM numbers)
        SELECT i, i % 3 AS service, CASE WHEN recent THEN {now - recent_us} + (i - {older}) * {recent_step}
                                         ELSE {start} + i * {step} END AS at,
               CASE WHEN recent OR u % 2 = 0 THEN u / 2 % {size.active_nodes} ELSE u / 2 % {size.nodes} END AS node,
               CASE WHEN u / 64 % 5 = 0 THEN 0 ELSE 1 END AS counted
        FROM drawn"""
    regions = " || ',' || ".join(f"({_first_region(size, kind)} + node / {nodes})" for kind, nodes in KINDS)
    service = f"CASE service WHEN 0 THEN '{SERVICES[0]}' WHEN 1 THEN '{SERVICES[1]}' ELSE '{SERVICES[2]}' END"
    yield f"""INSERT INTO complaints (id, source, reporter, service, text, occurred_at, received_at, effective_at,
                                      verified, regions, counted_regions, place_region_id, not_counted, correlation_id)
        SELECT i + 1, 'api', 'customer:C-' || (node * 40 + i % 40), {service}, 'Nothing works here since this morning',
               at, at + 1000000, at, CASE WHEN i % 10 = 0 THEN 0 ELSE 1 END, '[' || {regions} || ']',
               CASE counted WHEN 1 THEN '[' || {regions} || ']' ELSE '[]' END, {_first_region(size, "node")} + node,
               CASE counted WHEN 1 THEN NULL ELSE 'repeat' END, 'c-' || (100000000000 + i)
        FROM staged ORDER BY i"""
    for kind, nodes in KINDS:
        yield f"""INSERT INTO cell_days (region_id, service, day, complaints)
            SELECT {_first_region(size, kind)} + node / {nodes}, {service}, at / {DAY_US}, COUNT(*)
            FROM staged WHERE counted = 1 GROUP BY 1, 2, 3"""
    yield f"""INSERT INTO service_hours (service, hour, complaints)
        SELECT {service}, at / {HOUR_US}, COUNT(*) FROM staged WHERE counted = 1 GROUP BY 1, 2"""
    yield f"""INSERT INTO incidents (id, service, state, playbook, started_at, opened_at, opened_by, dismissed_at,
                                     dismiss_reason, correlation_id) {_numbers(DAYS * 25)}
        SELECT i + 1, 'power', 'dismissed', 'standard', {start} + i * {DAY_US // 25}, {start} + i * {DAY_US // 25},
               'daemon', {start} + i * {DAY_US // 25} + {HOUR_US}, 'subsided', 'c' FROM numbers"""
    yield """INSERT INTO incident_regions (incident_id, region_id, role)
        SELECT id, 1 + id % 1000, 'place' FROM incidents"""
    yield f"""INSERT INTO evidence (incident_id, region_id, service, at, window_from_at, observed, expected, score,
                                    grade, distinct_customers, verified, position) {_numbers(10)}
        SELECT n.id, 1 + n.id % 1000, 'power', n.opened_at + i * 60000000, n.opened_at, 5, 0.5, 9.0, 'likely', 5, 5, 1
        FROM incidents AS n CROSS JOIN numbers"""
    yield "DROP TABLE staged"


_LEVELS = """INSERT INTO baselines (region_id, service, through_day, level_sum, level_weight, daily_mean)
    SELECT region_id, service, CASE WHEN MAX(day) >= {today} - 1 THEN {today} - 1 ELSE MAX(day) END,
           30.0 * SUM(complaints) / {days}, 30.0, 1.0 * SUM(complaints) / {days}
    FROM cell_days GROUP BY region_id, service"""


def _first_region(size: Size, kind: str) -> int:
    first = 1
    for name, nodes in KINDS:
        if name == kind:
            return first
        first += -(-size.nodes // nodes)
    raise ValueError(kind)


def _numbers(until: int) -> str:
    """Return the beginning of a statement that has the numbers from 0 up to `until` as `numbers`."""
    return f"""WITH RECURSIVE numbers(i) AS
        (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM numbers WHERE i < {until - 1})"""


def midnight(tx: Transaction, at: datetime) -> None:
    """Store one complaint for every active node and service at an instant; they touch every active cell."""
    tx.run(
        """INSERT INTO complaints (source, reporter, service, occurred_at, received_at, effective_at, verified, regions,
                                   counted_regions, place_region_id, correlation_id)
           SELECT 'api', 'night:' || place_region_id, service, :at, :at, :at, 1, counted_regions, counted_regions,
                  place_region_id, 'night'
           FROM (SELECT DISTINCT place_region_id, service, counted_regions FROM complaints
                 WHERE effective_at > :since AND effective_at <= :until AND not_counted IS NULL) AS active""",
        at=_us(at),
        since=_us(NOW) - RECENT_HOURS * HOUR_US,
        until=_us(NOW),
    )


def undo_midnight(tx: Transaction, state: str) -> None:
    """Take the complaints of the nights back, and what was decided about them; `state` is the baseline's before."""
    day = _us(NOW) // DAY_US
    tx.run("DELETE FROM complaints WHERE correlation_id = 'night' AND effective_at > :now", now=_us(NOW))
    tx.run(
        "UPDATE baselines SET through_day = :before, settled_through_day = NULL WHERE through_day >= :day",
        day=day,
        before=day - 1,
    )
    tx.run(
        """UPDATE detector SET baseline_day = :day, state = :state, position = (SELECT MAX(id) FROM complaints),
                               newest_at = (SELECT MAX(effective_at) FROM complaints)""",
        day=day,
        state=state,
    )
