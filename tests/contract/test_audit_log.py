"""The audit log cannot be changed, and is found again by who, what, on what and when. On both databases."""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.domain.actor import DAEMON, Actor, KeyRole
from notifier.storage.append_only import APPEND_ONLY
from notifier.storage.database import Database, Transaction
from notifier.storage.queries.audit_log import Wanted, entries
from notifier.storage.repositories import audit

ANN = Actor(name="ann", role=KeyRole.MANAGER, key_id=1, origin="10.0.0.9")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def log(database: Database) -> Database:
    def fill(tx: Transaction) -> None:
        for hours, (actor, action, target) in enumerate(
            (
                (ANN, "broadcasts.send", "broadcast 1"),
                (DAEMON, "retention", "store"),
                (ANN, "customers.hold", "customer 7"),
                (ANN, "customersome", "customer 8"),
            )
        ):
            at = NOW + timedelta(hours=hours)
            audit.record(tx, at=at, actor=actor, action=action, target=target, detail={"reason": "=why"})

    database.write_now(fill)
    return database


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["UPDATE {} SET actor = 'nobody'", "DELETE FROM {}"])
def test_the_database_refuses_to_change_or_remove_an_entry(log: Database, table: str, verb: str) -> None:
    def fill(tx: Transaction) -> None:
        incident = tx.scalar(
            "INSERT INTO incidents (service, state, playbook, started_at, opened_at, opened_by, correlation_id)"
            " VALUES ('power', 'suspected', 'p', 1, 1, 'daemon', 'c') RETURNING id"
        )
        tx.run("INSERT INTO timeline (incident_id, at, event, actor) VALUES (:id, 1, 'opened', 'daemon')", id=incident)

    log.write_now(fill)
    before = log.read_now(lambda tx: tx.tuples(f"SELECT * FROM {table}"))
    assert before
    with pytest.raises(Exception, match="append-only"):
        log.write_now(lambda tx: tx.run(verb.format(table)))
    assert log.read_now(lambda tx: tx.tuples(f"SELECT * FROM {table}")) == before


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [4, 3, 2, 1]),
        (Wanted(limit=2), [4, 3]),
        (Wanted(after=0), [1, 2, 3, 4]),
        (Wanted(after=2, limit=1), [3]),
        (Wanted(actor="daemon"), [2]),
        (Wanted(action="customers"), [3]),
        (Wanted(action="broadcasts.send"), [1]),
        (Wanted(target="customer 7"), [3]),
        (Wanted(since=NOW + timedelta(hours=1), until=NOW + timedelta(hours=3)), [3, 2]),
        (Wanted(actor="%"), []),
    ],
)
def test_entries_are_found_by_every_filter(log: Database, wanted: Wanted, found: list[int]) -> None:
    assert [entry.id for entry in log.read_now(lambda tx: entries(tx, wanted))] == found


def test_an_entry_says_who_what_when_why_and_from_where(log: Database) -> None:
    (entry,) = log.read_now(lambda tx: entries(tx, Wanted(action="broadcasts")))
    assert (entry.actor, entry.action, entry.target, entry.origin) == (
        "ann",
        "broadcasts.send",
        "broadcast 1",
        "10.0.0.9",
    )
    assert (entry.at, entry.detail) == (NOW, {"reason": "=why"})
