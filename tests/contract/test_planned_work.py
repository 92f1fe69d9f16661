"""Planned work: announced in time or refused, reminded, moved, called off; begins by itself, its end is a promise."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifier.config import Config
from notifier.domain.brief import BriefFor
from notifier.domain.errors import Forbidden, InvalidInput, Refused
from notifier.domain.planned import first_beginning
from notifier.messages import Messages
from notifier.messages.briefs import Briefs
from notifier.stages.incidents import DismissIncident, ReopenIncident, RestoreIncident, SetEta
from notifier.stages.incidents.briefs import Briefing
from notifier.stages.incidents.planned import ChangePlanned, OpenPlanned
from notifier.stages.incidents.reshaping import ExtendIncident, MergeIncident
from notifier.storage.database import Database
from notifier.storage.queries.needs.waking import waking
from notifier.storage.repositories import automatic, control, late_joiners
from tests.control_room import AGENT, ANN, MINUTE, ControlRoom
from tests.incident_town import MORNING
from tests.work_in_town import DAY, FROM, HOUR, PLAYBOOK, UNTIL, announced, at, kinds, state, stopped, told


@pytest.fixture
def room(database: Database) -> ControlRoom:
    room = ControlRoom(database, playbook=PLAYBOOK)
    room.homes(3)
    return room


# --- the notice


async def test_a_notice_is_a_draft_with_its_time_and_a_count(room: ControlRoom) -> None:
    draft = await announced(room, cause="storm")
    assert draft.broadcast is not None
    assert draft.preview is not None
    assert (draft.broadcast.kind, draft.preview.customers, draft.preview.fits) == ("planned_notice", 3, True)
    assert draft.preview.promise_due_at == FROM - PLAYBOOK.planned_notice_lead
    card = draft.incident.card
    assert (card.kind, card.state, card.window_from_at, card.window_until_at) == ("planned", "scheduled", FROM, UNTIL)
    assert card.started_at == FROM
    assert room.rows("SELECT 1 FROM notifications") == []


async def test_sending_it_tells_everybody_and_promises_its_end(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    assert told(room, "planned_notice") == ["94110-0", "94110-1", "94110-2"]
    assert await state(room) == "scheduled"
    due = room.rows("SELECT kind, due_at, state FROM promises")
    assert [(row["kind"], row["state"]) for row in due] == [("eta", "open")]
    assert (await room.incidents.show(1)).promises[0].due_at == UNTIL


@pytest.mark.parametrize(
    ("from_at", "until_at", "field"),
    [
        (MORNING - HOUR, UNTIL, "from_at"),
        (FROM, FROM, "until_at"),
        (FROM, FROM + 8 * DAY, "until_at"),
        (MORNING + 400 * DAY, MORNING + 401 * DAY, "from_at"),
        (FROM.replace(tzinfo=None), UNTIL, "from_at"),
    ],
)
async def test_a_time_that_cannot_be_meant_is_refused(
    room: ControlRoom, from_at: datetime, until_at: datetime, field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await announced(room, from_at, until_at)
    assert refused.value.field == field
    assert room.rows("SELECT 1 FROM incidents") == []


async def test_a_notice_that_comes_too_late_is_refused_with_the_time_that_would_do(room: ControlRoom) -> None:
    with pytest.raises(Refused, match=r"has to be 72 h before .* it can begin from 2026-.* UTC on"):
        await announced(room, MORNING + 3 * DAY, MORNING + 3 * DAY + HOUR)
    assert room.rows("SELECT 1 FROM incidents") == []


async def test_a_draft_that_grew_old_is_refused_when_it_is_sent(room: ControlRoom) -> None:
    draft = await announced(room)
    room.clock.time = FROM - 3 * DAY
    with pytest.raises(Refused, match="can begin from"):
        await room.send(draft)
    assert kinds(room) == [("planned_notice", "draft")]


async def test_the_time_that_all_messages_take_counts(database: Database) -> None:
    room = ControlRoom(database, playbook=PLAYBOOK, rate=0.001)  # 1,000 s for each of them
    room.homes(3)
    draft = await announced(room, MORNING + 3 * DAY + 40 * MINUTE, MORNING + 3 * DAY + 2 * HOUR)
    assert draft.preview is not None
    assert not draft.preview.fits
    with pytest.raises(Refused, match="the notice would be done by"):
        await room.send(draft)


def test_the_first_beginning_is_on_full_five_minutes() -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert first_beginning(noon, HOUR) == noon + HOUR
    assert first_beginning(noon + timedelta(seconds=1), HOUR) == noon + HOUR + 5 * MINUTE


async def test_work_at_the_same_sites_and_time_is_refused_at_another_time_it_is_not(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    with pytest.raises(Refused, match=r"planned work 1 .* shares sites"):
        await announced(room, FROM + HOUR, UNTIL + HOUR)
    with pytest.raises(Refused, match=r"planned work 1 .* shares sites"):
        await announced(room, FROM, UNTIL, sites=("94110-0",))
    assert (await announced(room, UNTIL, UNTIL + HOUR)).incident.card.id == 2


async def test_an_agent_may_not_announce(room: ControlRoom) -> None:
    with pytest.raises(Forbidden):
        await room.planned.open(OpenPlanned(service="power", regions=("94110",), from_at=FROM, until_at=UNTIL), AGENT)


async def test_an_outage_there_is_told_all_the_same(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await room.deliver(await room.open())
    assert told(room, "acknowledged") == ["94110-0", "94110-1", "94110-2"]
    await room.deliver(await room.incidents.restored(2, RestoreIncident(), ANN))
    assert told(room, "restored") == ["94110-0", "94110-1", "94110-2"]


# --- the reminder


async def test_the_reminder_goes_out_by_itself_once(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await at(room, FROM - DAY - MINUTE)
    assert kinds(room) == [("planned_notice", "completed")]
    for minutes in range(3):
        await at(room, FROM - DAY + minutes * MINUTE)
    assert kinds(room) == [("planned_notice", "completed"), ("planned_reminder", "completed")]
    assert told(room, "planned_reminder") == ["94110-0", "94110-1", "94110-2"]
    assert room.promise_states() == [("eta", "revised"), ("eta", "open")]


async def test_only_those_told_are_reminded_and_who_comes_later_gets_the_notice(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    region = room.town.region("94110")
    await at(room, FROM - DAY)
    room.town.household("late", region)
    sites = [row["id"] for row in room.rows("SELECT id FROM sites ORDER BY id DESC LIMIT 1")]
    room.database.write_now(lambda tx: late_joiners.join(tx, sites, {"power": PLAYBOOK}, now=room.clock.now()))
    await room.work()
    assert told(room, "planned_notice") == ["94110-0", "94110-1", "94110-2", "late"]
    assert told(room, "planned_reminder") == ["94110-0", "94110-1", "94110-2"]


async def test_nobody_is_reminded_while_everything_is_paused_or_of_what_has_begun(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    room.database.write_now(lambda tx: control.put(tx, control.PAUSED, "test", now=room.clock.now(), actor=ANN))
    await at(room, FROM - HOUR)
    assert len(kinds(room)) == 1
    room.database.write_now(lambda tx: control.clear(tx, control.PAUSED))
    await at(room, FROM)
    assert len(kinds(room)) == 1
    assert await state(room) == "confirmed"


# --- another time


async def test_another_time_is_told_with_the_one_before(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    draft = await room.planned.change(1, ChangePlanned(from_at=FROM + DAY, until_at=UNTIL + DAY), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "planned_changed"
    assert draft.incident.card.window_from_at == FROM  # until it is told
    await room.deliver(draft)
    card = (await room.incidents.show(1)).card
    assert (card.window_from_at, card.window_until_at, card.started_at) == (FROM + DAY, UNTIL + DAY, FROM + DAY)
    facts = (await room.broadcasts.show(2)).facts
    assert datetime.fromisoformat(str(facts["previous_window_from_at"])) == FROM
    assert room.promise_states() == [("eta", "revised"), ("eta", "open")]
    await at(room, FROM)
    assert await state(room) == "scheduled"
    await at(room, FROM + DAY)
    assert await state(room) == "confirmed"
    assert [kind for kind, _ in kinds(room)] == ["planned_notice", "planned_changed", "planned_reminder"]


async def test_a_reminder_follows_the_new_time_though_the_old_one_was_reminded_of(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await at(room, FROM - DAY)
    await room.deliver(
        await room.planned.change(1, ChangePlanned(from_at=FROM + 4 * DAY, until_at=UNTIL + 4 * DAY), ANN)
    )
    await at(room, FROM + 3 * DAY)
    assert [kind for kind, _ in kinds(room)].count("planned_reminder") == 2


async def test_a_new_time_needs_the_lead_unless_it_lies_inside_the_old_one(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    room.clock.time = FROM - 2 * DAY
    with pytest.raises(Refused, match="can begin from"):
        await room.planned.change(1, ChangePlanned(from_at=FROM, until_at=UNTIL + HOUR), ANN)
    await room.deliver(await room.planned.change(1, ChangePlanned(from_at=FROM + HOUR, until_at=UNTIL), ANN))
    with pytest.raises(Refused, match="announced for that time already"):
        await room.planned.change(1, ChangePlanned(from_at=FROM + HOUR, until_at=UNTIL), ANN)


async def test_before_anybody_was_told_another_time_is_a_new_notice(room: ControlRoom) -> None:
    await announced(room)
    draft = await room.planned.change(1, ChangePlanned(from_at=FROM + DAY, until_at=UNTIL + DAY), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "planned_notice"
    assert kinds(room) == [("planned_notice", "superseded"), ("planned_notice", "draft")]
    assert draft.incident.card.window_from_at == FROM + DAY


async def test_what_an_outage_is_told_by_says_what_to_do_with_work_that_has_not_begun(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    for act in (
        room.incidents.eta(1, SetEta(eta_at=FROM + HOUR), ANN),
        room.incidents.restored(1, RestoreIncident(), ANN),
        room.incidents.close(1, ANN),
    ):
        with pytest.raises(Refused, match=r"has not begun.*planned change 1, planned cancel 1"):
            await act


async def test_a_change_that_is_taken_back_changes_nothing(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    view = await room.send(await room.planned.change(1, ChangePlanned(from_at=FROM + DAY, until_at=UNTIL + DAY), ANN))
    with pytest.raises(Refused, match="has not begun"):
        await room.planned.change(1, ChangePlanned(from_at=FROM + 2 * DAY, until_at=UNTIL + 2 * DAY), ANN)
    await room.broadcasts.cancel(view.id, ANN)
    card = (await room.incidents.show(1)).card
    assert (card.window_from_at, card.started_at) == (FROM, FROM)


# --- called off


async def test_work_that_nobody_was_told_of_is_called_off_at_once(room: ControlRoom) -> None:
    await announced(room)
    draft = await room.incidents.dismiss(1, DismissIncident(), ANN)
    assert (draft.incident.card.state, draft.broadcast) == ("dismissed", None)


async def test_those_who_were_told_hear_that_it_is_called_off_and_nobody_else(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    room.town.household("new", room.town.region("94110"))
    draft = await room.incidents.dismiss(1, DismissIncident(), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "planned_cancelled"
    await room.deliver(draft)
    assert told(room, "planned_cancelled") == ["94110-0", "94110-1", "94110-2"]
    assert await state(room) == "dismissed"
    assert room.promise_states() == [("eta", "void")]
    await at(room, FROM - DAY)
    assert "planned_reminder" not in [kind for kind, _ in kinds(room)]


# --- it begins, and ends


async def test_it_begins_by_itself_and_tells_nobody(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await at(room, FROM - DAY)
    await at(room, FROM)
    shown = await room.incidents.show(1)
    assert (shown.card.state, shown.confirmed_by, shown.confirmed_at) == ("confirmed", "ann", FROM)
    assert len(shown.broadcasts) == 2
    with pytest.raises(Refused):
        await room.planned.change(1, ChangePlanned(from_at=FROM + DAY, until_at=UNTIL + DAY), ANN)


async def test_nobody_is_called_when_it_begins_nor_does_it_count_as_the_daemons_own(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await at(room, FROM)
    playbooks = {"power": PLAYBOOK}
    assert room.database.read_now(lambda tx: waking(tx, FROM, ZoneInfo("UTC"), playbooks)) == []
    assert room.database.read_now(lambda tx: automatic.lately(tx, FROM)) == 0


async def test_what_nobody_sent_is_over_when_it_was_to_begin(room: ControlRoom) -> None:
    await announced(room)
    await at(room, FROM)
    shown = await room.incidents.show(1)
    assert (shown.card.state, shown.dismiss_reason) == ("dismissed", "never_sent")
    assert shown.broadcasts[0].state == "cancelled"


async def test_before_its_end_lapses_those_told_hear_that_it_takes_longer_without_a_new_time(
    room: ControlRoom,
) -> None:
    await room.deliver(await announced(room))
    for time in (FROM - DAY, FROM, UNTIL - 4 * MINUTE):
        await at(room, time)
    facts = (await room.broadcasts.show(3)).facts
    assert kinds(room)[2] == ("planned_overrun", "completed")
    assert "eta_at" not in facts
    assert datetime.fromisoformat(str(facts["next_update_by"])) == room.clock.now() + HOUR
    assert told(room, "planned_overrun") == ["94110-0", "94110-1", "94110-2"]
    assert room.promise_states() == [("eta", "revised"), ("eta", "revised"), ("next_update", "open")]


async def test_a_person_gives_a_later_time_and_no_earlier_one(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await at(room, FROM)
    with pytest.raises(Refused, match="say `restored`"):
        await room.incidents.eta(1, SetEta(eta_at=UNTIL - HOUR), ANN)
    draft = await room.incidents.eta(1, SetEta(eta_at=UNTIL + HOUR), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "planned_overrun"
    await room.deliver(draft)
    assert (await room.incidents.show(1)).card.eta_at == UNTIL + HOUR


async def test_when_it_is_done_everybody_hears_and_the_promise_is_kept(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await at(room, FROM)
    room.clock.time = UNTIL - HOUR
    draft = await room.incidents.restored(1, RestoreIncident(), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "planned_restored"
    await room.send(draft)
    await at(room, UNTIL - HOUR + MINUTE)
    assert told(room, "planned_restored") == []  # it is held
    await at(room, UNTIL - HOUR + PLAYBOOK.hold_before_restored)
    assert told(room, "planned_restored") == ["94110-0", "94110-1", "94110-2"]
    assert (await state(room), room.promise_states()) == ("resolved", [("eta", "kept")])
    await room.deliver(await room.incidents.reopen(1, ReopenIncident(), ANN))
    assert await state(room) == "confirmed"


async def test_it_is_told_as_a_whole(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    await at(room, FROM)
    room.homes(2, "94112")
    with pytest.raises(Refused, match="is planned work"):
        await room.reshaping.extend(1, ExtendIncident(regions=("94112",)), ANN)
    await room.open("94112")
    with pytest.raises(Refused, match="is planned work"):
        await room.reshaping.merge(2, MergeIncident(into=1), ANN)
    with pytest.raises(Refused, match="not in parts"):
        await room.incidents.restored(1, RestoreIncident(part_sites=("94110-0",)), ANN)


async def test_a_notice_that_was_stopped_on_its_way_is_sent_again(room: ControlRoom) -> None:
    await stopped(room, await announced(room))
    draft = await room.planned.change(1, ChangePlanned(from_at=FROM, until_at=UNTIL), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "planned_notice"
    draft = await room.planned.change(1, ChangePlanned(from_at=FROM + DAY, until_at=UNTIL + DAY), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "planned_changed"


async def test_a_notice_that_was_stopped_on_its_way_needs_a_person_at_once(room: ControlRoom) -> None:
    await stopped(room, await announced(room))
    (need,) = room.needs()
    assert (need.kind, need.broadcast_id) == ("cut_short", 1)
    assert "`planned_notice` was cancelled on its way: 2 of 3 customers were not told" in need.text
    assert "it has to be there by" in need.text
    assert need.next == [
        f"notifier planned change 1 --from {FROM:%Y-%m-%dT%H:%M} --until {UNTIL:%Y-%m-%dT%H:%M}",
        "notifier planned cancel 1",
    ]
    room.clock.time = FROM - DAY
    (need,) = room.needs()
    assert "it is too late for that time" in need.text
    assert need.next[0] == "notifier planned change 1 --from TIME --until TIME"
    room.clock.time = MORNING + HOUR
    await room.deliver(await room.planned.change(1, ChangePlanned(from_at=FROM, until_at=UNTIL), ANN))
    assert room.needs() == []


async def test_a_stopped_notice_of_work_under_way_asks_for_its_end(room: ControlRoom) -> None:
    await stopped(room, await announced(room))
    await at(room, FROM)
    need = next(each for each in room.needs() if each.kind == "cut_short")
    assert need.next == ["notifier eta 1 TIME", "notifier restored 1"]


async def test_nobody_is_reminded_of_a_time_that_a_stopped_change_has_made_untrue(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    draft = await room.planned.change(1, ChangePlanned(from_at=FROM + DAY, until_at=UNTIL + DAY), ANN)
    await stopped(room, draft)
    assert "`planned_changed` was cancelled on its way" in next(n.text for n in room.needs() if n.kind == "cut_short")
    await at(room, FROM)
    assert [kind for kind, _ in kinds(room)] == ["planned_notice", "planned_changed"]
    assert await state(room) == "scheduled"
    await at(room, FROM + DAY)
    assert await state(room) == "confirmed"


async def test_a_reminder_that_was_stopped_leaves_the_notice_as_it_is(room: ControlRoom) -> None:
    await room.deliver(await announced(room))
    room.clock.time = FROM - DAY
    await room.calendar.watch()
    await room.broadcasts.cancel(2, ANN)
    await room.course.sweep()
    assert [need.kind for need in room.needs()] == []
    await at(room, FROM - DAY + HOUR)
    assert [kind for kind, _ in kinds(room)] == ["planned_notice", "planned_reminder"]


# --- what people are shown


async def test_it_is_named_before_it_begins_and_when_its_notice_is_almost_late(room: ControlRoom) -> None:
    draft = await announced(room)
    assert [need.kind for need in room.needs()] == []
    room.clock.time = FROM - 3 * DAY - HOUR
    assert "the notice has to be there by" in next(each.text for each in room.needs() if each.kind == "planned")
    room.clock.time = FROM - 3 * DAY + MINUTE
    assert "it is too late" in next(each.text for each in room.needs() if each.kind == "planned")
    room.clock.time = MORNING
    await room.deliver(draft)
    room.clock.time = FROM - HOUR
    (need,) = room.needs()
    assert (need.kind, need.next) == ("planned", ["notifier incidents 1", "notifier planned cancel 1"])
    assert "planned work begins at" in need.text
    await at(room, FROM)
    assert "planned" not in [each.kind for each in room.needs()]


async def brief(room: ControlRoom, reader: BriefFor) -> str:
    briefs = Briefs(Messages(Config(), room.around.playbooks))
    return (await Briefing(room.around, briefs).brief(1, reader)).texts["en"]


@pytest.mark.parametrize("reader", BriefFor)
async def test_a_brief_says_from_when_to_when_before_it_begins_and_while_it_lasts(
    room: ControlRoom, reader: BriefFor
) -> None:
    draft = await announced(room, cause="storm")
    assert "will be out" in await brief(room, reader)
    await room.deliver(draft)
    before = await brief(room, reader)
    assert "Planned work" in before or "because we have to work" in before
    assert "on Sat, Mar 7 from 6:00 am to 10:00 am" in before
    await at(room, FROM)
    assert "is out" in await brief(room, reader)
    await at(room, UNTIL - 4 * MINUTE)
    assert "It takes longer" in await brief(room, reader)


@pytest.mark.parametrize("reader", BriefFor)
async def test_a_brief_of_work_that_is_called_off_is_no_apology_for_a_mistake(
    room: ControlRoom, reader: BriefFor
) -> None:
    await room.deliver(await announced(room))
    await room.incidents.dismiss(1, DismissIncident(), ANN)
    text = await brief(room, reader)
    assert "called off" in text
    assert "mistake" not in text
