"""An outage over planned work under way: who was told of the work hears of that alone, until both are over."""

import pytest

from notifier.domain.incident import Impact
from notifier.stages.incidents import OpenIncident, RestoreIncident, SetEta
from notifier.storage.database import Database
from notifier.storage.repositories import personal
from notifier.storage.views import Draft
from tests.control_room import ANN, MINUTE, ControlRoom
from tests.work_in_town import FROM, HOUR, PLAYBOOK, UNTIL, announced, at, told

IN_WORK = ["94110-0", "94110-1", "94110-2"]
ELSEWHERE = ["94112-0", "94112-1"]


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=PLAYBOOK)
    room.homes(3)
    room.homes(2, "94112")
    return room


async def under_way(room: ControlRoom, **more: object) -> None:
    await room.deliver(await announced(room, **more))
    await at(room, FROM)
    room.clock.time = FROM + HOUR


async def outage(room: ControlRoom, **more: object) -> Draft:
    request = OpenIncident(service="power", regions=("94110", "94112"), cause="storm", **more)  # type: ignore[arg-type]
    return await room.incidents.open(request, ANN)


async def restored(room: ControlRoom, which: int) -> None:
    await room.send(await room.incidents.restored(which, RestoreIncident(), ANN))
    await at(room, room.clock.now() + PLAYBOOK.hold_before_restored + MINUTE)


async def test_who_is_in_the_work_is_left_out_and_the_preview_says_so(room: ControlRoom) -> None:
    await under_way(room)
    draft = await outage(room)
    assert draft.preview is not None
    assert (draft.preview.customers, draft.preview.not_told) == (5, {"hears_of_another": 3})
    assert draft.preview.warnings[0] == (
        "3 of them are in planned work #1, which goes on: they hear of that, and nothing of this"
    )
    await room.deliver(draft)
    assert told(room, "acknowledged") == ELSEWHERE


async def test_late_work_counts_too_and_work_that_is_done_does_not(room: ControlRoom) -> None:
    await under_way(room, may_delay=False)
    await at(room, UNTIL + HOUR)
    draft = await outage(room)
    assert draft.preview is not None
    assert draft.preview.not_told == {"hears_of_another": 3}
    await restored(room, 1)
    await room.deliver(draft)
    assert told(room, "acknowledged") == IN_WORK + ELSEWHERE


async def test_nobody_is_told_that_it_is_back_while_the_work_goes_on(room: ControlRoom) -> None:
    await under_way(room)
    await room.deliver(await outage(room))
    await restored(room, 2)
    assert told(room, "restored") == ELSEWHERE
    await restored(room, 1)
    assert told(room, "planned_restored") == IN_WORK


async def test_nor_that_the_work_is_done_while_the_outage_goes_on(room: ControlRoom) -> None:
    await under_way(room)
    await room.deliver(await outage(room))
    await restored(room, 1)
    assert told(room, "planned_restored") == []
    await room.deliver(await room.incidents.eta(2, SetEta(eta_at=room.clock.now() + HOUR), ANN))
    assert told(room, "eta") == IN_WORK + ELSEWHERE
    await restored(room, 2)
    assert told(room, "restored") == IN_WORK + ELSEWHERE


async def test_who_heard_of_the_outage_before_the_work_began_hears_how_it_goes_on(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    room.clock.time = FROM - 20 * MINUTE
    await room.deliver(await outage(room))
    await at(room, FROM)
    await room.deliver(await room.incidents.eta(2, SetEta(eta_at=FROM + 3 * HOUR), ANN))
    assert told(room, "eta") == IN_WORK + ELSEWHERE


@pytest.mark.parametrize("impact", [Impact.DEGRADED, Impact.INTERMITTENT])
async def test_work_that_leaves_service_weak_keeps_nobody_from_hearing_of_an_outage(
    room: ControlRoom, impact: Impact
) -> None:
    await under_way(room, impact=impact)
    await room.deliver(await outage(room))
    assert told(room, "acknowledged") == IN_WORK + ELSEWHERE


async def test_who_complains_from_the_work_hears_of_the_work(room: ControlRoom) -> None:
    await under_way(room)
    await room.deliver(await outage(room))
    site = room.rows("SELECT s.id FROM sites AS s JOIN customers AS c ON c.id = s.customer_id ORDER BY s.id")
    there = room.database.read_now(
        lambda tx: [personal.told_at(tx, [site[number]["id"]], "power") for number in (0, 4)]
    )
    assert [each.id for each in there if each is not None] == [1, 2]
