"""A storm calls its commander once for all of its incidents, and goes on to others when nobody answers."""

import pytest

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.on_call import event_of
from notifier.stages.events import Events, OpenStorm
from notifier.stages.incidents import ConfirmIncident
from notifier.storage.database import Database
from notifier.storage.queries.needs.waking import key_of
from tests.control_room import BOB, MINUTE
from tests.incident_town import MORNING
from tests.on_call_desk import BEA_NUMBER, Desk

PLACES = ("94110", "94112", "94115")


@pytest.fixture
def desk(database: Database) -> Desk:
    desk = Desk(database)
    for place in PLACES[1:]:
        desk.room.homes(2, place)
    return desk


def alarms(desk: Desk) -> set[str]:
    return {row["key"] for row in desk.room.rows("SELECT key FROM alarms WHERE ended_at IS NULL")}


async def storm(desk: Desk, commander: str = "bea") -> Events:
    """Open a storm that Bea leads."""
    storms = Events(desk.room.around)
    await storms.open(OpenStorm(name="Ada", service="power", commander=commander), BOB)
    return storms


async def test_the_commander_is_called_once_for_all_incidents_with_their_number(desk: Desk) -> None:
    await storm(desk)
    desk.clock.go_on(10 * MINUTE)  # since somebody worked on it
    for place in PLACES:
        desk.suspect(place)
    await desk.watch(5)
    assert desk.called() == ["Bea"]
    (said,) = desk.texts(BEA_NUMBER)
    assert "storm 1 Ada (power): 3 incidents suspected, 9 customers, nobody told. Bea has it" in said
    assert "SEND" not in said
    await desk.watch(6)
    assert desk.called() == ["Bea", "Cem"]  # nobody answered: the next of the list


async def test_wait_lets_the_storm_rest_and_what_opens_meanwhile_calls_nobody(desk: Desk) -> None:
    await storm(desk)
    desk.clock.go_on(10 * MINUTE)
    desk.suspect(PLACES[0])
    await desk.watch(1)
    await desk.on_call.answer(desk.code(BEA_NUMBER), "wait", BEA_NUMBER)
    desk.suspect(PLACES[1])
    await desk.watch(20)
    assert desk.called() == ["Bea"]
    await desk.watch(12)
    assert desk.called() == ["Bea", "Bea"]
    assert "2 incidents suspected" in desk.texts(BEA_NUMBER)[-1]


async def test_who_works_on_an_incident_of_it_is_not_called_and_it_ends_with_the_last(desk: Desk) -> None:
    await storm(desk)
    desk.clock.go_on(10 * MINUTE)
    which = desk.suspect(PLACES[0])
    await desk.watch(1)
    bea = Actor(name="bea", role=KeyRole.COMMANDER)
    draft = await desk.room.incidents.confirm(which, ConfirmIncident(), bea)
    assert draft.broadcast is not None
    assert draft.preview is not None
    await desk.room.broadcasts.send(draft.broadcast.id, draft.preview.customers, bea)
    await desk.watch(30)
    assert desk.outcomes() == [("Bea", "answered")]


async def test_promises_that_fall_due_together_are_one_call(desk: Desk) -> None:
    storms = Events(desk.room.around)
    await storms.open(OpenStorm(name="Ada", service="power", commander="Bea", estimate_by=MORNING + 120 * MINUTE), BOB)
    for place in PLACES:
        draft = await desk.room.incidents.confirm(desk.suspect(place), ConfirmIncident(may_delay=False), BOB)
        await desk.room.deliver(draft)
    desk.clock.time = MORNING + 101 * MINUTE
    await desk.room.promises.watch()
    await desk.watch(3)
    assert desk.called() == ["Bea"]
    assert "customers of 3 incidents wait for a word, the first by 08:00 PST" in desk.texts(BEA_NUMBER)[-1]
    (need,) = [need for need in desk.room.needs() if need.kind == "promise"]
    assert key_of(need) in alarms(desk)  # so that it shows who was called


async def test_after_it_is_closed_each_incident_calls_for_itself(desk: Desk) -> None:
    storms = await storm(desk)
    desk.clock.go_on(10 * MINUTE)
    desk.suspect(PLACES[0])
    await desk.watch(1)
    await storms.close(1, BOB)
    desk.clock.go_on(60 * MINUTE)
    await desk.watch(3)
    assert desk.called()[0] == "Bea"
    assert any("#1 power 94110" in text for text in desk.texts())


async def test_what_needs_the_commander_is_one_line(desk: Desk) -> None:
    await storm(desk)
    for place in PLACES:
        desk.suspect(place)
    (need,) = desk.room.needs()
    assert (need.kind, need.text) == (
        "event",
        "storm 1 Ada (power): 3 incidents suspected, 9 customers, nobody told. Bea has it",
    )
    assert need.next == ["notifier event show 1", "notifier event tell 1"]
    await desk.watch(1)
    assert key_of(need) in alarms(desk)


def test_the_event_of_an_alarm_is_in_its_key() -> None:
    assert [event_of(key) for key in ("event 3", "promise_in_danger event 3 17", "suspected 3", "test event")] == [
        3,
        3,
        None,
        None,
    ]
