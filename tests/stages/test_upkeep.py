"""Upkeep: gauges show what is stored, old facts go, a ledger that disagrees is kept in sight."""

import math
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from notifier.config import Config, Retention
from notifier.domain.actor import DAEMON
from notifier.domain.mail_effect import MailEffect
from notifier.domain.mail_report import MailKind
from notifier.metrics import Metrics
from notifier.stages.upkeep import Upkeep
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.migrate import upgrade
from notifier.storage.repositories import control, mail_reports
from notifier.storage.repositories.mail_reports import Recorded
from notifier.storage.sqlite import SqliteDatabase
from tests.sqlite_file import sqlite_file

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class StoppedClock:
    """A clock that shows one time."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def real_seconds(self, duration: timedelta) -> float:
        return duration.total_seconds()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = sqlite_file(shutil.copyfile(template, tmp_path / "notifier.db"))
    yield database
    database.close()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(services=["internet", "power", "water"])


@pytest.fixture
def upkeep(store: SqliteDatabase, metrics: Metrics) -> Upkeep:
    return Upkeep(store, Config(), StoppedClock(), metrics)


def complaint(tx: Transaction, number: int, age: timedelta) -> None:
    tx.run(
        "INSERT INTO complaints (source, external_id, reporter, service, occurred_at, received_at, effective_at,"
        " regions, counted_regions, correlation_id) VALUES ('api', :id, 'x', 'power', :at, :at, :at, '[]', '[]', 'c')",
        id=str(number),
        at=to_micros(NOW - age),
    )


def complaints_left(store: SqliteDatabase) -> list[str]:
    return [row["external_id"] for row in store.read_now(lambda tx: tx.rows("SELECT external_id FROM complaints"))]


async def test_gauges_follow_the_store(upkeep: Upkeep, store: SqliteDatabase, metrics: Metrics) -> None:
    store.write_now(lambda tx: complaint(tx, 1, timedelta(hours=1)))
    store.write_now(lambda tx: control.put(tx, control.PAUSED, "1", now=NOW, actor=DAEMON))
    await upkeep.measure()
    value = metrics.registry.get_sample_value
    assert value("notifier_detector_lag_complaints") == 1
    assert value("notifier_paused") == 1
    assert value("notifier_promise_due_seconds") == math.inf
    store.write_now(lambda tx: control.clear(tx, control.PAUSED))
    await upkeep.measure()
    assert value("notifier_paused") == 0


async def test_the_next_promise_is_shown_in_seconds(upkeep: Upkeep, store: SqliteDatabase, metrics: Metrics) -> None:
    def promise(tx: Transaction) -> None:
        at = to_micros(NOW)
        tx.run(
            "INSERT INTO incidents (service, state, playbook, started_at, opened_at, opened_by, correlation_id)"
            " VALUES ('power', 'confirmed', 'p', :at, :at, 'ann', 'c')",
            at=at,
        )
        tx.run("INSERT INTO parts (incident_id) VALUES (1)")
        tx.run(
            "INSERT INTO broadcasts (incident_id, part_id, kind, state, facts, created_at, created_by, correlation_id)"
            " VALUES (1, 1, 'eta', 'completed', '{}', :at, 'ann', 'c')",
            at=at,
        )
        tx.run(
            "INSERT INTO promises (incident_id, part_id, broadcast_id, kind, due_at, made_at)"
            " VALUES (1, 1, 1, 'eta', :due, :at)",
            due=to_micros(NOW + timedelta(minutes=30)),
            at=at,
        )

    store.write_now(promise)
    await upkeep.measure()
    value = metrics.registry.get_sample_value
    assert value("notifier_promise_due_seconds") == 1800
    assert value("notifier_promises_open") == 1
    assert value("notifier_incidents", {"state": "confirmed", "service": "power"}) == 1
    assert value("notifier_incidents", {"state": "confirmed", "service": "water"}) == 0


async def test_old_complaints_go_and_the_audit_log_says_so(upkeep: Upkeep, store: SqliteDatabase) -> None:
    store.write_now(lambda tx: [complaint(tx, days, timedelta(days=days)) for days in (1, 399, 401, 900)])
    await upkeep.retain()
    await upkeep.retain()
    assert complaints_left(store) == ["1", "399"]
    (row,) = store.read_now(lambda tx: tx.rows("SELECT actor, action, detail FROM audit"))
    detail = '{"complaints":2,"replies":0,"ledger":0,"answers":0,"mail":0,"calls":0,"signals":0,"unused addresses":0}'
    assert row == {"actor": "daemon", "action": "retention", "detail": detail}


class WorkedClock(StoppedClock):
    """A clock whose time is the work that was done."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


async def test_no_removal_holds_up_the_store_for_long(
    store: SqliteDatabase, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, took, left = WorkedClock(), list[float](), [20_000]

    def remove(_tx: Transaction, *, before: datetime, at_most: int) -> int:
        removed = min(at_most, left[0])
        slow = 0.001 if left[0] > 10_000 else 0.00002  # seconds a row
        left[0] -= removed
        clock.seconds += removed * slow
        took.append(removed * slow)
        return removed

    monkeypatch.setattr("notifier.stages.upkeep.upkeep.remove_complaints", remove)
    await Upkeep(store, Config(), clock, metrics).retain()
    assert left == [0]
    assert max(took) < 0.2
    assert len(took) < 140  # and as much at once as fits


async def test_a_retention_of_zero_keeps_for_ever(store: SqliteDatabase, metrics: Metrics) -> None:
    config = Config(retention=Retention(complaints=timedelta(0), notifications=timedelta(0)))
    store.write_now(lambda tx: complaint(tx, 1, timedelta(days=9_000)))
    await Upkeep(store, config, StoppedClock(), metrics).retain()
    assert complaints_left(store) == ["1"]


async def test_what_the_detector_is_rebuilt_from_is_kept_whatever_is_configured(
    store: SqliteDatabase, metrics: Metrics
) -> None:
    config = Config(retention=Retention(complaints=timedelta(hours=1)))
    store.write_now(lambda tx: [complaint(tx, hours, timedelta(hours=hours)) for hours in (28, 47, 49)])
    await Upkeep(store, config, StoppedClock(), metrics).retain()
    assert complaints_left(store) == ["28", "47"]


async def test_a_disagreement_is_counted_and_remembered_until_the_next_check(
    upkeep: Upkeep, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifier.stages.upkeep.ledger.disagreements", lambda _tx, **_: {"a rule": 3})
    assert await upkeep.check_ledger() == {"a rule": 3}
    assert await upkeep.disagreements() == {"a rule": 3}
    assert metrics.registry.get_sample_value("notifier_ledger_disagreements") == 3
    monkeypatch.undo()
    assert await upkeep.check_ledger() == {}
    assert await upkeep.disagreements() == {}
    assert metrics.registry.get_sample_value("notifier_ledger_disagreements") == 0


async def test_the_last_run_of_a_job_is_remembered(upkeep: Upkeep) -> None:
    assert await upkeep.last_run("night") is None
    await upkeep.ran("night", NOW)
    assert await upkeep.last_run("night") == NOW


async def test_mail_that_came_back_is_forgotten_with_the_ledger(upkeep: Upkeep, store: SqliteDatabase) -> None:
    for days in (801, 799):
        recorded = Recorded(key=str(days), kind=MailKind.DSN, effect=MailEffect.UNIDENTIFIED)
        store.write_now(lambda tx, one=recorded, at=NOW - timedelta(days=days): mail_reports.store(tx, one, now=at))  # type: ignore[misc]
    await upkeep.retain()
    assert store.read_now(lambda tx: tx.tuples("SELECT key FROM mail_reports")) == [("799",)]
