"""Keys are found by what a request carries and gone at once when revoked; switches hold until they are undone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.clock import SystemClock
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.errors import InvalidInput, NotFound, Refused, Unauthenticated
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.control import Control
from notifier.stages.keys import Keys
from notifier.storage.database import Database
from notifier.storage.migrate import upgrade
from tests.sqlite_file import sqlite_file

ANN = Actor(name="ann", role=KeyRole.MANAGER, key_id=1, origin="127.0.0.1")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def store(template: Path, tmp_path: Path) -> Iterator[Database]:
    database = sqlite_file(shutil.copyfile(template, tmp_path / "notifier.db"))
    yield database
    database.close()


@pytest.fixture
def keys(store: Database) -> Keys:
    return Keys(store, SystemClock())


async def test_a_key_is_recognised_with_its_name_role_and_origin(keys: Keys) -> None:
    made = await keys.create("helpdesk", "agent", ANN)
    actor = keys.actor(made.key, "10.0.0.1")
    assert (actor.name, actor.role, actor.key_id, actor.origin) == ("helpdesk", KeyRole.AGENT, made.id, "10.0.0.1")
    assert keys.actor(made.key, "10.0.0.2").origin == "10.0.0.2"


async def test_a_key_has_256_bits_and_is_not_in_the_store(keys: Keys, store: Database) -> None:
    made = await keys.create("helpdesk", "agent", ANN)
    assert made.key.startswith("ntf_")
    assert len(made.key) == len("ntf_") + 43
    assert made.key.startswith(made.prefix)
    (row,) = await store.read(lambda tx: tx.rows("SELECT * FROM api_keys"))
    assert made.key not in str(row)


async def test_an_unknown_key_is_refused(keys: Keys) -> None:
    await keys.create("helpdesk", "agent", ANN)
    for wrong in ("", "ntf_", "ntf_" + "x" * 43, "é"):
        with pytest.raises(Unauthenticated):
            keys.actor(wrong, "")


async def test_a_revoked_key_is_refused_at_once_and_listed(keys: Keys) -> None:
    made = await keys.create("helpdesk", "agent", ANN)
    assert keys.actor(made.key, "")
    assert (await keys.revoke(made.id, ANN)).revoked_at is not None
    with pytest.raises(Unauthenticated):
        keys.actor(made.key, "")
    assert [key.name for key in await keys.every()] == ["helpdesk"]


async def test_revoking_twice_answers_the_same(keys: Keys) -> None:
    made = await keys.create("helpdesk", "agent", ANN)
    assert await keys.revoke(made.id, ANN) == await keys.revoke(made.id, ANN)


async def test_the_last_manager_key_is_not_revoked(keys: Keys) -> None:
    first = await keys.create("first", "manager", ANN)
    with pytest.raises(Refused, match="last manager key"):
        await keys.revoke(first.id, ANN)
    second = await keys.create("second", "manager", ANN)
    await keys.revoke(first.id, ANN)
    with pytest.raises(Refused, match="last manager key"):
        await keys.revoke(second.id, ANN)


async def test_a_key_that_does_not_exist_is_not_found(keys: Keys) -> None:
    with pytest.raises(NotFound):
        await keys.revoke(99, ANN)


async def test_two_keys_do_not_share_a_name_but_a_revoked_name_is_free_again(keys: Keys) -> None:
    made = await keys.create("helpdesk", "agent", ANN)
    with pytest.raises(InvalidInput, match="exists") as caught:
        await keys.create(" helpdesk ", "agent", ANN)
    assert caught.value.field == "name"
    await keys.revoke(made.id, ANN)
    assert (await keys.create("helpdesk", "agent", ANN)).id != made.id


@pytest.mark.parametrize(
    ("name", "role", "field"),
    [
        ("", "agent", "name"),
        ("   ", "agent", "name"),
        ("x" * 61, "agent", "name"),
        ("a\nb", "agent", "name"),
        ("daemon", "agent", "name"),
        ("ann", "boss", "role"),
    ],
)
async def test_a_wrong_name_or_role_is_refused(keys: Keys, name: str, role: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await keys.create(name, role, ANN)
    assert caught.value.field == field
    assert await keys.every() == []


async def test_every_change_of_keys_is_in_the_audit_log(keys: Keys, store: Database) -> None:
    made = await keys.create("helpdesk", "agent", ANN)
    await keys.revoke(made.id, ANN)
    await keys.revoke(made.id, ANN)
    rows = await store.read(lambda tx: tx.tuples("SELECT actor, action, target, origin FROM audit ORDER BY id"))
    assert rows == [("ann", action, f"key {made.id}", "127.0.0.1") for action in ("keys.create", "keys.revoke")]


async def test_keys_are_known_after_a_restart(keys: Keys, store: Database) -> None:
    made = await keys.create("helpdesk", "agent", ANN)
    restarted = Keys(store, SystemClock())
    await restarted.load()
    assert restarted.actor(made.key, "").name == "helpdesk"


async def test_pause_and_resume_are_idempotent_and_audited_once(store: Database) -> None:
    control = Control(store, SystemClock(), EmbeddedQueue())
    assert (await control.pause(ANN)).paused
    assert (await control.pause(ANN)).paused
    assert await control.is_paused()
    assert not (await control.resume(ANN)).paused
    assert not await control.is_paused()
    rows = await store.read(lambda tx: tx.tuples("SELECT action FROM audit ORDER BY id"))
    assert rows == [("pause-all",), ("resume-all",)]


async def test_resuming_wakes_those_who_wait(store: Database) -> None:
    queue = EmbeddedQueue()
    await Control(store, SystemClock(), queue).resume(ANN)
    assert await queue.wait(Topic.NOTIFICATIONS, 1)


async def test_the_link_secret_is_made_once(store: Database) -> None:
    first = await Control(store, SystemClock(), EmbeddedQueue()).link_secret()
    assert len(first) >= 43
    assert await Control(store, SystemClock(), EmbeddedQueue()).link_secret() == first
