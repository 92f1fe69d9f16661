"""Long lists of sites are looked up beside the writer and stored some at a time; half a list stands for nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from notifier.domain.errors import Refused, StoreUnavailable
from notifier.domain.playbook import Playbook
from notifier.stages.incidents import RestoreIncident
from notifier.stages.incidents.reshaping import ExtendIncident, SplitIncident
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import cutting, parts, places
from tests.control_room import ANN, ControlRoom

HOMES, AT_ONCE = 10, 3
ALL = tuple(f"2-{number}" for number in range(HOMES))


@pytest.fixture
def room(database: Database, monkeypatch: pytest.MonkeyPatch) -> ControlRoom:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=50))
    room.homes(2, "1")
    room.homes(HOMES, "2")
    monkeypatch.setattr("notifier.stages.incidents.of_part.LISTED_AT_ONCE", AT_ONCE)
    return room


class Writes:
    """Notes what each transaction that writes does with a list; may fail at one of them."""

    def __init__(self, room: ControlRoom, monkeypatch: pytest.MonkeyPatch, *, fails_at: int = 0) -> None:
        self.listed: list[int] = []
        self.looked_up: list[bool] = []
        self._within: list[Transaction] = []
        self._fails_at = fails_at
        write, list_sites, sites = room.database.write, parts.list_sites, places.sites

        async def writing(work: Callable[[Transaction], Any]) -> Any:
            def noted(tx: Transaction) -> Any:
                self._within.append(tx)
                return work(tx)

            return await write(noted)

        def listing(tx: Transaction, part_id: int, site_ids: Any) -> None:
            self.listed.append(len(site_ids))
            if len(self.listed) == self._fails_at:
                raise StoreUnavailable("the daemon is killed here")
            list_sites(tx, part_id, site_ids)

        def looking(tx: Transaction, lines: Any) -> Any:
            self.looked_up.append(tx in self._within)
            return sites(tx, lines)

        monkeypatch.setattr(room.database, "write", writing)
        monkeypatch.setattr(parts, "list_sites", listing)
        monkeypatch.setattr(places, "sites", looking)


async def test_who_joins_by_a_list_is_stored_some_at_a_time(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    await room.deliver(await room.open("1"))
    with monkeypatch.context() as patched:
        writes = Writes(room, patched)
        draft = await room.reshaping.extend(1, ExtendIncident(sites=ALL), ANN)
    assert (writes.listed, writes.looked_up) == ([3, 3, 3, 1], [False])
    assert draft.preview is not None
    assert draft.preview.customers == HOMES
    await room.deliver(draft)
    assert (await room.incidents.show(1)).card.told == HOMES + 2


async def test_a_part_by_a_list_is_stored_some_at_a_time(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    await room.deliver(await room.open("1", "2"))
    with monkeypatch.context() as patched:
        writes = Writes(room, patched)
        draft = await room.incidents.restored(1, RestoreIncident(part_sites=ALL[:7]), ANN)
    assert (writes.listed, writes.looked_up) == ([3, 3, 1], [False])
    assert draft.preview is not None
    assert (draft.preview.customers, draft.incident.parts) == (7, [])
    with monkeypatch.context() as patched:
        writes = Writes(room, patched)
        new = await room.reshaping.split(1, SplitIncident(part_sites=ALL[7:]), ANN)
    assert (writes.listed, new.card.customers, new.card.told) == ([3], 3, 3)


async def test_half_a_list_changes_nothing(room: ControlRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    await room.deliver(await room.open("1"))
    before = await room.incidents.show(1)
    with monkeypatch.context() as patched:
        Writes(room, patched, fails_at=3)
        with pytest.raises(StoreUnavailable):
            await room.reshaping.extend(1, ExtendIncident(sites=ALL), ANN)
    assert await room.incidents.show(1) == before
    await room.deliver(await room.reshaping.extend(1, ExtendIncident(sites=ALL[2:]), ANN))
    with monkeypatch.context() as patched:
        Writes(room, patched, fails_at=2)
        with pytest.raises(StoreUnavailable):
            await room.reshaping.split(1, SplitIncident(part_sites=ALL[2:]), ANN)
    after = await room.incidents.show(1)
    assert (after.card.customers, after.card.told, after.parts) == (HOMES, HOMES, [])
    assert len(room.rows("SELECT id FROM incidents")) == 1


async def test_what_is_cut_off_while_a_list_is_stored_does_not_leave_as_well(
    room: ControlRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.deliver(await room.open("1", "2"))
    real = cutting.begin

    def meanwhile(tx: Transaction, *values: Any) -> int:
        part_id = real(tx, *values)
        other = real(tx, *values)
        parts.list_sites(tx, other, [3])
        tx.run("UPDATE parts SET cut_at = 1 WHERE id = :id", id=other)
        return part_id

    monkeypatch.setattr(cutting, "begin", meanwhile)
    with pytest.raises(Refused, match="have changed since this draft was made"):
        await room.reshaping.split(1, SplitIncident(part_sites=ALL[:3]), ANN)
