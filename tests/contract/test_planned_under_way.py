"""Planned work under way: it cannot be called off any more, and what only the daemon said of it is no delay."""

from datetime import timedelta

import pytest

from notifier.domain.errors import Refused
from notifier.stages.incidents import DismissIncident, RestoreIncident
from notifier.storage.database import Database
from tests.control_room import ANN, BOB, MINUTE, ControlRoom
from tests.work_in_town import DAY, FROM, PLAYBOOK, UNTIL, announced, at, kinds, state, told

BEGUN = r"cannot be called off, it has begun: restored 1, or eta 1 TIME"
SECOND = timedelta(seconds=1)


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=PLAYBOOK)
    room.homes(3)
    return room


# --- called off, and begun


@pytest.mark.parametrize("when", [FROM, UNTIL - 20 * MINUTE, UNTIL + 110 * MINUTE])
async def test_work_that_has_begun_is_not_called_off(room: ControlRoom, when: object) -> None:
    await room.deliver(await announced(room, may_delay=False))
    await at(room, FROM)
    await at(room, when)  # type: ignore[arg-type]
    with pytest.raises(Refused, match=BEGUN):
        await room.incidents.dismiss(1, DismissIncident(note="it rains"), ANN)
    assert "planned_cancelled" not in [kind for kind, _ in kinds(room)]
    await room.deliver(await room.incidents.restored(1, RestoreIncident(), ANN))
    await at(room, room.clock.now() + PLAYBOOK.hold_before_restored)
    assert (await state(room), told(room, "planned_restored")) == ("resolved", ["94110-0", "94110-1", "94110-2"])


async def test_nor_between_its_time_and_the_minute_in_which_it_is_seen_to_begin(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    room.clock.time = FROM
    assert await state(room) == "scheduled"
    with pytest.raises(Refused, match=BEGUN):
        await room.incidents.dismiss(1, DismissIncident(), ANN)


async def test_work_of_which_nobody_heard_is_called_off_even_when_its_time_has_come(room: ControlRoom) -> None:
    await announced(room)
    room.clock.time = FROM
    draft = await room.incidents.dismiss(1, DismissIncident(), ANN)
    assert draft.incident.card.state == "dismissed"


async def test_a_draft_from_before_it_began_is_not_sent_after(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    room.clock.time = FROM - MINUTE
    draft = await room.incidents.dismiss(1, DismissIncident(), ANN)
    for time in (FROM, FROM + MINUTE):
        room.clock.time = time
        with pytest.raises(Refused, match=BEGUN):
            await room.send(draft)
        await room.calendar.watch()
    assert (await state(room), kinds(room)[-1]) == ("confirmed", ("planned_cancelled", "draft"))


async def test_nor_is_it_approved_after(database: Database) -> None:
    room = ControlRoom(database, playbook=PLAYBOOK)
    room.homes(51)
    notice = await room.send(await announced(room))
    await room.broadcasts.approve(notice.id, 51, BOB)
    await at(room, room.clock.now() + MINUTE)
    room.clock.time = FROM - MINUTE
    waiting = await room.send(await room.incidents.dismiss(1, DismissIncident(), ANN))
    assert waiting.state == "awaiting_approval"
    await at(room, FROM)
    with pytest.raises(Refused, match=BEGUN):
        await room.broadcasts.approve(waiting.id, 51, BOB)


async def test_what_was_sent_before_is_told_though_its_take_back_time_ends_after(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    room.clock.time = FROM - 10 * SECOND
    await room.send(await room.incidents.dismiss(1, DismissIncident(), ANN))
    await at(room, FROM)
    assert await state(room) == "scheduled"  # somebody has called it off: it does not begin
    await at(room, FROM + 20 * SECOND)
    assert (await state(room), told(room, "planned_cancelled")) == ("dismissed", ["94110-0", "94110-1", "94110-2"])


async def test_when_that_is_taken_back_it_begins(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    room.clock.time = FROM - 10 * SECOND
    view = await room.send(await room.incidents.dismiss(1, DismissIncident(), ANN))
    await at(room, FROM)
    await room.broadcasts.cancel(view.id, ANN)
    await at(room, FROM + MINUTE)
    assert (await state(room), told(room, "planned_cancelled")) == ("confirmed", [])


async def test_work_whose_notice_is_paused_is_not_said_to_be_dismissed_when_it_has_begun(room: ControlRoom) -> None:
    view = await room.send(await announced(room))
    room.clock.time = view.not_before_at or FROM
    await room.course.start_due()
    await room.broadcasts.pause(view.id, ANN)
    await at(room, FROM)
    need = next(each for each in room.needs() if each.kind == "nobody_told")
    assert need.next == ["notifier tell 1", "notifier eta 1 none", "notifier eta 1 TIME", "notifier restored 1"]


# --- what the daemon alone said


async def test_a_reminder_is_no_delay(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await at(room, FROM - DAY)
    for time in (FROM, UNTIL - 30 * MINUTE):
        await at(room, time)
        assert "delayed" not in [need.kind for need in room.needs()]
    await at(room, UNTIL - 4 * MINUTE)
    assert next(need.text for need in room.needs() if need.kind == "delayed").endswith("customers have no new one")
