"""Who joins an incident gets the first message once, however many people add the same sites at the same time."""

from datetime import timedelta
from typing import Any

import pytest

from notifier.domain.errors import Refused
from notifier.domain.playbook import Playbook
from notifier.stages.incidents import RestoreIncident, SetEta
from notifier.stages.incidents.reshaping import ExtendIncident, MergeIncident, SplitIncident
from notifier.storage.database import Database
from tests.control_room import ANN, TAKE_BACK, ControlRoom

SOME = ("2-0", "2-1")


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=Playbook(name="standard", services=("power",), audience_limit=50))
    for code in ("1", "2", "3"):
        room.homes(3, code)
    return room


def heard(room: ControlRoom) -> dict[str, int]:
    """Return how many messages each home was sent."""
    rows = room.rows(
        """SELECT c.address, count(*) AS number FROM notifications AS n
           JOIN contact_points AS c ON c.id = n.contact_point_id WHERE n.state = 'sent' GROUP BY c.address"""
    )
    return {str(row["address"]).partition("@")[0]: row["number"] for row in rows}


async def extend(room: ControlRoom, **where: Any) -> Any:
    return await room.reshaping.extend(1, ExtendIncident(**where), ANN)


@pytest.mark.parametrize("wider", [{"sites": (*SOME, "2-2")}, {"regions": ("2",)}])
async def test_two_drafts_with_the_same_sites_are_not_both_sent(room: ControlRoom, wider: dict[str, Any]) -> None:
    await room.deliver(await room.open("1"))
    first, second = await extend(room, sites=SOME), await extend(room, **wider)
    await room.deliver(first)
    with pytest.raises(Refused, match="have changed since this draft was made"):
        await room.deliver(second)
    await room.deliver(await extend(room, **wider))  # asked for again it is for those who are left
    assert heard(room) == dict.fromkeys(["1-0", "1-1", "1-2", "2-0", "2-1", "2-2"], 1)


async def test_who_joins_by_a_list_is_called_by_how_many_they_are_not_by_its_length(room: ControlRoom) -> None:
    await room.deliver(await room.open("1"))
    await room.deliver(await extend(room, sites=("1-0", "1-1", *SOME)))
    told = [entry.detail for entry in (await room.incidents.show(1)).timeline if entry.event == "telling"]
    assert told[-1]["part"] == "2 sites"


async def test_what_was_merged_meanwhile_does_not_join_as_well(room: ControlRoom) -> None:
    await room.deliver(await room.open("1"))
    draft = await extend(room, regions=("2",))
    await room.deliver(await room.open("2"))
    await room.reshaping.merge(2, MergeIncident(into=1), ANN)
    with pytest.raises(Refused, match="have changed since this draft was made"):
        await room.deliver(draft)
    assert set(heard(room).values()) == {1}


async def test_a_part_that_was_cut_or_split_meanwhile_asks_again_too(room: ControlRoom) -> None:
    await room.deliver(await room.open("1", "3"))
    draft = await extend(room, regions=("2",))
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part=("3",)), ANN))
    with pytest.raises(Refused, match="have changed since this draft was made"):
        await room.send(draft)
    draft = await extend(room, regions=("2",))
    await room.reshaping.split(1, SplitIncident(part_sites=("1-0",)), ANN)
    with pytest.raises(Refused, match="have changed since this draft was made"):
        await room.send(draft)


async def test_what_was_taken_back_may_join_by_the_draft_that_was_made_before(room: ControlRoom) -> None:
    await room.deliver(await room.open("1"))
    first, second = await extend(room, sites=SOME), await extend(room, regions=("2",))
    await room.broadcasts.cancel((await room.send(first)).id, ANN)
    await room.deliver(second)
    assert heard(room) == dict.fromkeys(["1-0", "1-1", "1-2", "2-0", "2-1", "2-2"], 1)


async def test_a_draft_of_a_part_asks_again_after_a_merge(room: ControlRoom) -> None:
    """The sites that came in are looked at first, and may be some of those that it names."""
    await room.deliver(await room.open("1", "3"))
    draft = await room.incidents.restored(1, RestoreIncident(part=("3",)), ANN)
    await room.deliver(await room.open("2"))
    await room.reshaping.merge(2, MergeIncident(into=1), ANN)
    with pytest.raises(Refused, match="have changed since this draft was made"):
        await room.send(draft)


async def test_who_joined_by_an_update_that_was_stopped_hears_the_next_one_to_all_and_then_nothing_is_cut_short(
    room: ControlRoom,
) -> None:
    await room.deliver(await room.open("1"))
    view = await room.send(await extend(room, regions=("2",)))
    room.clock.go_on(TAKE_BACK)
    await room.course.start_due()
    while await room.planning.step():
        pass
    first = "SELECT MIN(id) FROM notifications WHERE broadcast_id = :b"
    room.database.write_now(
        lambda tx: tx.run(f"UPDATE notifications SET state = 'sent' WHERE id = ({first})", b=view.id)
    )
    await room.broadcasts.cancel(view.id, ANN)
    await room.course.sweep()
    assert [each.kind for each in room.needs()] == ["cut_short"]
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=room.clock.now() + timedelta(hours=3)), ANN))
    assert "cut_short" not in [each.kind for each in room.needs()]
    assert {"2-0", "2-1", "2-2"} <= set(heard(room))
