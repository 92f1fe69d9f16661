"""A storm of alarms while many incidents are open: what meets is looked at beside the writer, on both databases."""

from collections.abc import Sequence
from typing import Any

import pytest

from notifier.domain.incident import IncidentState
from notifier.stages.signals import Signals
from notifier.storage.database import Database, Transaction
from notifier.storage.queries import signals as shown
from notifier.storage.repositories import incidents, overlaps
from tests.complaint_desk import NOON, Desk
from tests.signals import alert, body, stage

PLACES, OPEN = 30, 10


@pytest.fixture
def desk(database: Database) -> Desk:
    desk = Desk(database)
    for number in range(PLACES):
        desk.place(f"{95000 + number}", households=1)

    def fill(tx: Transaction) -> None:
        for number in range(OPEN):
            region = tx.scalar("SELECT id FROM regions WHERE code = :code", code=f"{95000 + number}")
            incidents.open_incident(
                tx,
                service="power",
                impact="down",  # type: ignore[arg-type]
                playbook="p",
                state=IncidentState.CONFIRMED,
                region_ids=[int(region)],
                started_at=NOON,
                now=NOON,
                by="ann",
                correlation_id="c",
            )

    database.write_now(fill)
    desk.clock.at = NOON
    return desk


def alerts(*numbers: int) -> Sequence[Any]:
    return [alert(f"postal_code:{95000 + number}", fingerprint=f"f{number}") for number in numbers]


def pairs(desk: Desk) -> int:
    return int(desk.database.read_now(lambda tx: tx.scalar("SELECT count(*) FROM incident_signals")))


async def test_alarms_of_open_incidents_are_theirs_at_once_and_the_others_call(desk: Desk) -> None:
    await stage(desk).take(body(*alerts(*range(PLACES))))
    assert pairs(desk) == OPEN
    called = desk.database.read_now(lambda tx: [key for key, _ in shown.unattended(tx, desk.clock.now())])
    assert len(called) == PLACES - OPEN


async def test_the_writer_never_looks_whether_places_meet(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 150 incidents that took seconds, in which nothing else could be stored."""
    looked: list[bool] = []
    within: list[Transaction] = []
    real, store = overlaps.overlaps, Signals._store

    def overlap(tx: Transaction, *values: Any) -> bool:
        looked.append(tx in within)
        return real(tx, *values)

    def storing(self: Signals, tx: Transaction, *values: Any) -> Any:
        within.append(tx)
        return store(self, tx, *values)

    monkeypatch.setattr(overlaps, "overlaps", overlap)
    monkeypatch.setattr(Signals, "_store", storing)
    await stage(desk).take(body(*alerts(*range(PLACES))))
    assert looked == [False] * (PLACES * OPEN)
    looked.clear()
    await stage(desk).take(body(*alerts(*range(PLACES))))  # after a restart, the same group once more
    assert looked == []
    await stage(desk).take(body(alert("postal_code:95001", fingerprint="new")))
    assert looked == [False] * OPEN


async def test_an_incident_that_ended_meanwhile_gets_no_alarm(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Signals._store

    def closed_first(self: Signals, tx: Transaction, reports: Sequence[Any], met: Any) -> Any:
        assert sum(len(found) for found in met.values()) == 1
        tx.run("UPDATE incidents SET state = 'closed' WHERE id = 2")
        return store(self, tx, reports, met)

    monkeypatch.setattr(Signals, "_store", closed_first)
    await stage(desk).take(body(*alerts(1)))
    assert pairs(desk) == 0
