"""Keys, switches and the audit log keep their promises on both databases."""

from datetime import UTC, datetime, timedelta

from notifier.domain.actor import Actor, KeyRole
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audit, control, keys

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANN = Actor(name="ann", role=KeyRole.MANAGER, key_id=1, origin="127.0.0.1")


def make(database: Database, name: str, hash_: str = "h") -> int:
    return database.write_now(
        lambda tx: keys.create(tx, name=name, role=KeyRole.AGENT, hash_=hash_, prefix="ntf_ab", now=NOW)
    )


def test_a_key_is_listed_without_its_hash(database: Database) -> None:
    key_id = make(database, "helpdesk")
    (found,) = database.read_now(keys.every)
    assert (found.id, found.name, found.role, found.prefix) == (key_id, "helpdesk", "agent", "ntf_ab")
    assert found.created_at == NOW
    assert found.revoked_at is None


def test_a_revoked_key_is_listed_but_no_longer_active(database: Database) -> None:
    first, second = make(database, "one", "h1"), make(database, "two", "h2")
    database.write_now(lambda tx: keys.revoke(tx, first, now=NOW))
    assert [key.id for key in database.read_now(keys.active)] == [second]
    assert [key.id for key in database.read_now(keys.every)] == [first, second]


def test_revoking_again_keeps_the_first_time(database: Database) -> None:
    key_id = make(database, "one")
    for hours in (0, 5):
        database.write_now(lambda tx, hours=hours: keys.revoke(tx, key_id, now=NOW + timedelta(hours=hours)))
    found = database.read_now(lambda tx: keys.find(tx, key_id))
    assert found is not None
    assert found.revoked_at == NOW


def test_an_unknown_key_is_not_found(database: Database) -> None:
    assert database.read_now(lambda tx: keys.find(tx, 99)) is None


def test_a_switch_is_off_until_set_and_off_again_when_cleared(database: Database) -> None:
    assert not database.read_now(control.is_paused)
    database.write_now(lambda tx: control.put(tx, control.PAUSED, "1", now=NOW, actor=ANN))
    assert database.read_now(control.is_paused)
    assert database.write_now(lambda tx: control.clear(tx, control.PAUSED))
    assert not database.write_now(lambda tx: control.clear(tx, control.PAUSED))
    assert not database.read_now(control.is_paused)


def test_a_switch_keeps_its_last_value(database: Database) -> None:
    for value in ("first", "second"):
        database.write_now(lambda tx, value=value: control.put(tx, "name", value, now=NOW, actor=ANN))
    assert database.read_now(lambda tx: control.get(tx, "name")) == "second"


def test_the_audit_log_says_who_did_what_to_what_and_from_where(database: Database) -> None:
    database.write_now(
        lambda tx: audit.record(tx, at=NOW, actor=ANN, action="keys.revoke", target="key 3", detail={"name": "old"})
    )
    (row,) = database.read_now(lambda tx: tx.rows("SELECT * FROM audit"))
    assert (row["at"], row["actor"], row["action"], row["target"]) == (to_micros(NOW), "ann", "keys.revoke", "key 3")
    assert (row["detail"], row["origin"]) == ('{"name":"old"}', "127.0.0.1")
