"""A preview says which readers will miss a sentence, because a phrase has no wording in their language."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase
from tests.control_room import ControlRoom


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ControlRoom]:
    path = tmp_path / "notifier.db"
    upgrade(f"sqlite:///{path}")
    database = SqliteDatabase(path)
    room = ControlRoom(database)
    room.homes(2)
    yield room
    database.close()


async def test_a_phrase_that_a_reader_has_no_wording_of_is_warned_about(room: ControlRoom) -> None:
    room.database.write_now(lambda tx: tx.run("UPDATE contact_points SET locale = 'es' WHERE id = 1"))
    draft = await room.open(cause="storm")
    assert draft.preview is not None
    assert "no word for storm in es" in draft.preview.warnings
    assert "no word for storm in es" in (await room.broadcasts.preview(draft.preview.broadcast_id)).warnings


async def test_nobody_is_warned_of_a_language_that_nobody_reads(room: ControlRoom) -> None:
    draft = await room.open(cause="storm")
    assert draft.preview is not None
    assert draft.preview.warnings == []
