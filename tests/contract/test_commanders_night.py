"""What a commander asks and notes, on both databases: who cannot be reached, who has it, what others are told."""

from datetime import timedelta

import pytest

from notifier.config import Config
from notifier.domain.brief import BriefFor
from notifier.domain.errors import Forbidden, InvalidInput, NotFound
from notifier.messages import Messages
from notifier.messages.briefs import Briefs
from notifier.stages.incidents import DismissIncident, RestoreIncident, SetEta
from notifier.stages.incidents.briefs import Briefing
from notifier.stages.incidents.notes import AddNote, Assign, Notes
from notifier.storage.database import Database
from notifier.storage.queries import assigned, unreached
from notifier.storage.views import BriefView
from tests.control_room import AGENT, ANN, MINUTE, ControlRoom
from tests.incident_town import MORNING

HOUR = timedelta(hours=1)


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database)
    region = room.homes(3)
    room.town.site(room.town.customer("silent"), region, address="1 Elm St", priority=1)
    owner = room.town.customer("opted-out")
    room.town.contact(owner, [room.town.site(owner, region, priority=1)], "out@example.net", suppressed="opted_out")
    other = room.town.customer("bounced")
    room.town.contact(
        other, [room.town.site(other, region, address="9 Elm St")], "b@example.net", suppressed="bad_address"
    )
    return room


async def who(room: ControlRoom, broadcast_id: int) -> list[tuple[str, list[str]]]:
    """Return the references of those who cannot be, or were not, reached, and why."""
    foreseen = await room.broadcasts.foreseen(broadcast_id)
    read = room.database.read_now
    places = read(
        lambda tx: unreached.places(tx, broadcast_id) if foreseen is None else unreached.without_a_way(tx, foreseen)
    )
    return [(each.customer, each.why) for each in read(lambda tx: unreached.details(tx, broadcast_id, places))]


async def test_who_cannot_be_reached_is_the_same_before_it_begins_and_after(room: ControlRoom) -> None:
    draft = await room.open()
    assert draft.broadcast is not None
    before = await who(room, draft.broadcast.id)
    assert sorted(customer for customer, _ in before) == ["bounced", "opted-out", "silent"]
    assert before[-1][0] == "bounced"  # priority sites first
    await room.deliver(draft)
    assert await room.broadcasts.foreseen(draft.broadcast.id) is None
    assert await who(room, draft.broadcast.id) == before


async def test_of_a_correction_nobody_is_named_who_was_told_nothing(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    draft = await room.incidents.dismiss(1, DismissIncident(), ANN)
    assert draft.broadcast is not None
    assert await who(room, draft.broadcast.id) == []


async def test_a_note_and_who_has_it_are_kept(room: ControlRoom) -> None:
    await room.open()
    notes = Notes(room.around)
    entry = await notes.note(1, AddNote(text="crew called"), ANN)
    assert (entry.event, entry.actor, entry.detail) == ("note", "ann", {"note": "crew called"})
    assert (await notes.assign(1, Assign(to=" Bert "), ANN)).assigned_to == "Bert"
    assert room.database.read_now(assigned.by_incident) == {1: "Bert"}
    assert (await notes.assign(1, Assign(to=""), ANN)).assigned_to == ""
    assert room.database.read_now(assigned.by_incident) == {}
    events = [each.event for each in (await room.incidents.show(1)).timeline]
    assert events[-3:] == ["note", "assigned", "assigned"]
    for wrong, error in (("", InvalidInput), ("\x00\n", InvalidInput)):
        with pytest.raises(error):
            await notes.note(1, AddNote(text=wrong), ANN)
    with pytest.raises(Forbidden):
        await notes.note(1, AddNote(text="x"), AGENT)
    with pytest.raises(NotFound):
        await notes.assign(7, Assign(to="x"), ANN)


async def test_who_had_it_has_nothing_any_more_when_it_is_over(room: ControlRoom) -> None:
    await room.open()
    await Notes(room.around).assign(1, Assign(to="Bert"), ANN)
    await room.incidents.dismiss(1, DismissIncident(), ANN)
    assert room.database.read_now(assigned.by_incident) == {}


# --- briefs -----------------------------------------------------------------------------------------------------------


async def brief(room: ControlRoom, reader: BriefFor = BriefFor.AGENT) -> BriefView:
    briefs = Briefs(Messages(Config(), room.around.playbooks))
    return await Briefing(room.around, briefs).brief(1, reader)


async def test_a_brief_follows_the_newest_update_from_its_draft_to_its_end(room: ControlRoom) -> None:
    first = await room.open()
    assert (await brief(room)).is_pending
    await room.deliver(first)
    told = await brief(room)
    assert (told.is_pending, told.told) == (False, 3)
    assert "Give no time." in told.texts["en"]

    await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR, cause="storm"), ANN)
    coming = await brief(room)
    assert coming.is_pending
    assert "The storm damaged our network." in coming.texts["en"]
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR, cause="storm"), ANN))
    assert not (await brief(room)).is_pending

    held = await room.incidents.restored(1, RestoreIncident(), ANN)
    await room.send(held)
    assert (await brief(room)).is_pending
    room.clock.time += 15 * MINUTE
    await room.work()
    over = await brief(room, BriefFor.SOCIAL)
    assert (over.is_pending, "is back since" in over.texts["en"]) == (False, True)


async def test_what_was_taken_back_is_not_briefed(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    view = await room.send(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    await room.broadcasts.cancel(view.id, ANN)
    told = await brief(room)
    assert not told.is_pending
    assert "Give no time." in told.texts["en"]


async def test_of_what_was_a_mistake_that_is_said(room: ControlRoom) -> None:
    await room.deliver(await room.open())
    await room.deliver(await room.incidents.dismiss(1, DismissIncident(), ANN))
    assert "It was a mistake" in (await brief(room)).texts["en"]


async def test_a_part_that_is_back_is_briefed_beside_the_one_that_is_not(room: ControlRoom) -> None:
    room.homes(2, "94112")
    await room.deliver(await room.open("94110", "94112"))
    await room.deliver(await room.incidents.restored(1, RestoreIncident(part=("94112",)), ANN))
    room.clock.time += 15 * MINUTE
    await room.work()
    text = (await brief(room, BriefFor.WEB)).texts["en"]
    assert "94112 is back since" in text
    assert "has been out since" in text


async def test_an_incident_that_is_none_has_no_brief(room: ControlRoom) -> None:
    with pytest.raises(NotFound):
        await brief(room)
