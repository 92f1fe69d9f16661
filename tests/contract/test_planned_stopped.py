"""Word of planned work that was stopped on its way, and is said again: another time, or that it is called off."""

from datetime import datetime

import pytest

from notifier.domain.errors import NotifierError, Refused
from notifier.stages.incidents import DismissIncident
from notifier.stages.incidents.planned import ChangePlanned
from notifier.storage.database import Database
from tests.control_room import ANN, MINUTE, ControlRoom
from tests.work_in_town import DAY, FROM, HOUR, PLAYBOOK, UNTIL, announced, at, kinds, state, stopped, told

LATER, LATEST = (FROM + DAY, UNTIL + DAY), (FROM + 2 * DAY, UNTIL + 2 * DAY)


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=PLAYBOOK)
    room.homes(3)
    return room


async def change_stopped(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await stopped(room, await room.planned.change(1, ChangePlanned(from_at=LATER[0], until_at=LATER[1]), ANN))


async def said_again(room: ControlRoom, window: tuple[datetime, datetime]) -> tuple[str, datetime | None]:
    """Give the work a time after a change was stopped; return what kind of update it is, and which time was before."""
    draft = await room.planned.change(1, ChangePlanned(from_at=window[0], until_at=window[1]), ANN)
    assert draft.broadcast is not None
    before = draft.broadcast.facts.get("previous_window_from_at")
    return draft.broadcast.kind, None if before is None else datetime.fromisoformat(str(before))


async def test_after_a_stopped_change_the_same_time_is_said_to_be_another_than_was_announced(
    room: ControlRoom,
) -> None:
    await change_stopped(room)
    assert await said_again(room, LATER) == ("planned_changed", FROM)


async def test_a_third_time_is_compared_with_the_one_that_everybody_knows(room: ControlRoom) -> None:
    await change_stopped(room)
    assert await said_again(room, LATEST) == ("planned_changed", FROM)


async def test_back_to_the_first_time_is_a_change_for_those_who_read_the_other_one(room: ControlRoom) -> None:
    await change_stopped(room)
    assert await said_again(room, (FROM, UNTIL)) == ("planned_changed", LATER[0])


async def test_a_change_that_nobody_read_is_taken_back_by_the_notice(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    view = await room.send(await room.planned.change(1, ChangePlanned(from_at=LATER[0], until_at=LATER[1]), ANN))
    room.clock.time = view.not_before_at or FROM
    await room.course.start_due()
    await room.broadcasts.cancel(view.id, ANN)
    await room.course.sweep()
    draft = await room.planned.change(1, ChangePlanned(from_at=FROM, until_at=UNTIL), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "planned_notice"
    await room.deliver(draft)
    card = (await room.incidents.show(1)).card
    assert (card.window_from_at, card.window_until_at) == (FROM, UNTIL)


async def test_it_is_sent_again_to_everybody_and_then_nothing_is_needed(room: ControlRoom) -> None:
    await change_stopped(room)
    await room.deliver(await room.planned.change(1, ChangePlanned(from_at=LATER[0], until_at=LATER[1]), ANN))
    assert set(told(room, "planned_changed")) == {"94110-0", "94110-1", "94110-2"}
    assert room.needs() == []


async def test_that_it_is_called_off_was_stopped_on_its_way_and_a_person_is_asked(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await stopped(room, await room.incidents.dismiss(1, DismissIncident(), ANN))
    assert await state(room) == "dismissed"
    (need,) = room.needs()
    assert (need.kind, need.broadcast_id, need.next) == ("cut_short", 2, ["notifier planned cancel 1"])
    assert "`planned_cancelled` was cancelled on its way: 2 of 3 customers still expect the work from" in need.text


async def test_it_is_said_again_and_once_all_know_nothing_more_can_be_said(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await stopped(room, await room.incidents.dismiss(1, DismissIncident(), ANN))
    draft = await room.incidents.dismiss(1, DismissIncident(), ANN)
    view = await room.send(draft)
    assert room.needs() == []  # it is on its way
    await at(room, view.not_before_at or FROM)
    assert kinds(room)[-1] == ("planned_cancelled", "completed")
    assert set(told(room, "planned_cancelled")) == {"94110-0", "94110-1", "94110-2"}
    assert (await state(room), room.needs()) == ("dismissed", [])
    assert room.events().count("dismissed") == 1
    with pytest.raises(NotifierError, match="dismissed"):
        await room.incidents.dismiss(1, DismissIncident(), ANN)


async def test_when_that_is_stopped_too_or_taken_back_the_need_stays(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await stopped(room, await room.incidents.dismiss(1, DismissIncident(), ANN))
    view = await room.send(await room.incidents.dismiss(1, DismissIncident(), ANN))
    await room.broadcasts.cancel(view.id, ANN)
    assert [need.kind for need in room.needs()] == ["cut_short"]
    await stopped(room, await room.incidents.dismiss(1, DismissIncident(), ANN))
    assert [(need.kind, need.broadcast_id) for need in room.needs()] == [("cut_short", 4)]


async def test_when_its_time_is_over_nobody_waits_for_it(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await stopped(room, await room.incidents.dismiss(1, DismissIncident(), ANN))
    room.clock.time = UNTIL - MINUTE
    assert [need.kind for need in room.needs()] == ["cut_short"]
    room.clock.time = UNTIL + HOUR
    assert room.needs() == []
    with pytest.raises(Refused, match="its time is over"):
        await room.incidents.dismiss(1, DismissIncident(), ANN)


async def test_an_outage_that_was_dismissed_stays_so(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    await stopped(room, await room.incidents.dismiss(1, DismissIncident(), ANN))
    with pytest.raises(NotifierError, match="dismissed"):
        await room.incidents.dismiss(1, DismissIncident(), ANN)
