"""What customers of a storm hear: that we assess, no time before it, and never a longer silence than promised."""

from datetime import datetime

import pytest

from notifier.domain.errors import InvalidInput, Refused
from notifier.stages.events import Assessed, EstimateBy, Events, OfIncident, OpenStorm
from notifier.stages.incidents import ConfirmIncident, SetEta
from notifier.storage.database import Database
from tests.automatic_room import Room as AutomaticRoom
from tests.contract.test_events import EAST, HOUR, WEST, Room
from tests.control_room import ANN, MINUTE, TAKE_BACK
from tests.incident_town import MORNING


@pytest.fixture
def room(database: Database) -> Room:
    return Room(database)


def kinds(room: Room, incident_id: int = 1) -> list[str]:
    rows = room.rows("SELECT kind FROM broadcasts WHERE incident_id = :i ORDER BY id", i=incident_id)
    return [row["kind"] for row in rows]


async def test_the_first_message_says_that_we_assess_and_promises_the_first_estimate(room: Room) -> None:
    await room.storm(estimate_by=MORNING + 4 * HOUR)
    await room.open(WEST)
    draft = await room.incidents.confirm(1, ConfirmIncident(), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "assessing"
    assert datetime.fromisoformat(draft.broadcast.facts["assessment_by"]) == MORNING + 4 * HOUR
    await room.deliver(draft)
    (promise,) = (await room.incidents.show(1)).promises
    assert (promise.kind, promise.due_at) == ("next_update", MORNING + 4 * HOUR)


async def test_without_an_estimate_the_next_word_is_within_six_hours_and_after_a_day_within_a_day(room: Room) -> None:
    await room.storm()
    await room.open(WEST)
    await room.deliver(await room.incidents.confirm(1, ConfirmIncident(), ANN))
    assert (await room.incidents.show(1)).promises[0].due_at == MORNING + 6 * HOUR
    room.clock.go_on(25 * HOUR)
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=None), ANN))
    assert kinds(room) == ["assessing", "assessing", "assessing"]
    assert (await room.incidents.show(1)).promises[-1].due_at == MORNING + TAKE_BACK + 25 * HOUR + 24 * HOUR


async def test_a_time_is_refused_until_somebody_has_assessed_it_and_is_told_what_to_do(room: Room) -> None:
    await room.storm()
    with pytest.raises(Refused, match=r"in storm 1 .*nothing was opened\. Open it without --eta") as refused:
        await room.open(WEST, eta_at=MORNING + 3 * HOUR)
    assert "incident" not in str(refused.value)  # there is none to be assessed
    which = (await room.open(WEST)).incident.card.id
    await room.deliver(await room.incidents.confirm(which, ConfirmIncident(), ANN))
    for part in ((), (WEST,)):
        with pytest.raises(Refused, match=f"event assessed 1 {which}"):
            await room.incidents.eta(which, SetEta(eta_at=MORNING + 3 * HOUR, part=part), ANN)
    await room.storms.assessed(1, Assessed(incidents=(which,)), ANN)
    await room.deliver(await room.incidents.eta(which, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    assert kinds(room, which)[-1] == "eta"
    assert room.promised(which) == [("next_update", "kept"), ("eta", "open")]


async def test_a_time_drafted_before_the_storm_is_not_sent_in_it(room: Room) -> None:
    draft = await room.open(WEST, eta_at=MORNING + 3 * HOUR)
    await room.storm()
    with pytest.raises(Refused, match="nobody has assessed it"):
        await room.send(draft)


async def test_parts_have_times_of_their_own_once_assessed(room: Room) -> None:
    await room.storm()
    await room.open(WEST, EAST)
    await room.deliver(await room.incidents.confirm(1, ConfirmIncident(), ANN))
    await room.storms.assessed(1, Assessed(), ANN)
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR, part=(WEST,)), ANN))
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + 9 * HOUR, part=("rest",)), ANN))
    parts = (await room.incidents.show(1)).parts
    assert {part.name: part.eta_at for part in parts} == {WEST: MORNING + 3 * HOUR, "rest": MORNING + 9 * HOUR}


async def test_a_time_that_was_told_before_the_storm_stands(room: Room) -> None:
    await room.deliver(await room.open(WEST, eta_at=MORNING + 3 * HOUR))
    await room.storm()
    assert room.promised(1) == [("eta", "open")]
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=None), ANN))
    assert kinds(room)[-1] == "delayed"  # customers have a time that holds no more


async def test_the_daemon_keeps_the_cadence_by_itself_and_invents_no_time(room: Room) -> None:
    await room.storm(estimate_by=MORNING + 4 * HOUR)
    await room.open(WEST)
    await room.deliver(await room.incidents.confirm(1, ConfirmIncident(), ANN))
    room.clock.time = MORNING + 4 * HOUR - 15 * MINUTE
    await room.promises.watch()  # a person is called before
    assert [need.kind for need in room.needs() if need.incident_id == 1] == ["promise"]
    room.clock.time = MORNING + 4 * HOUR - 5 * MINUTE
    await room.promises.watch()
    await room.work()
    told = room.rows("SELECT kind, automatic, facts FROM broadcasts ORDER BY id DESC LIMIT 1")[0]
    assert (told["kind"], told["automatic"]) == ("delayed", 1)
    assert "eta_at" not in told["facts"]
    assert room.promised(1) == [("next_update", "kept"), ("next_update", "open")]
    assert (await room.incidents.show(1)).promises[-1].due_at == MORNING + 10 * HOUR - 5 * MINUTE


async def test_an_estimate_further_away_than_the_cadence_or_past_is_refused(room: Room) -> None:
    for wrong in (MORNING + 7 * HOUR, MORNING - HOUR, MORNING):
        with pytest.raises(InvalidInput, match="event_update_within"):
            await room.storm(estimate_by=wrong)
    await room.storm()
    with pytest.raises(InvalidInput, match="up to"):
        await room.storms.estimate_by(1, EstimateBy(estimate_by=MORNING + 7 * HOUR), ANN)


async def test_a_later_estimate_is_promised_by_the_next_update(room: Room) -> None:
    await room.storm(estimate_by=MORNING + 2 * HOUR)
    await room.open(WEST)
    await room.deliver(await room.incidents.confirm(1, ConfirmIncident(), ANN))
    await room.storms.estimate_by(1, EstimateBy(estimate_by=MORNING + 5 * HOUR), ANN)
    assert room.promised(1) == [("next_update", "open")]
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=None), ANN))
    assert room.promised(1) == [("next_update", "kept"), ("next_update", "open")]
    assert (await room.incidents.show(1)).promises[-1].due_at == MORNING + 5 * HOUR


async def test_outside_a_storm_and_after_it_is_closed_everything_is_as_ever(room: Room) -> None:
    await room.storm()
    await room.open(WEST)
    await room.storms.close(1, ANN)
    draft = await room.incidents.confirm(1, ConfirmIncident(eta_at=MORNING + 3 * HOUR), ANN)
    assert draft.broadcast is not None
    assert draft.broadcast.kind == "eta"


async def test_mode_automatic_leaves_what_is_in_a_storm_to_a_person_and_says_why(database: Database) -> None:
    room = AutomaticRoom(database).ready()
    which = room.propose()
    await Events(room.around).open(OpenStorm(name="Ada", service="power"), ANN)
    await room.automatic.step()
    assert room.state(which) == "suspected"
    assert "storm 1 (Ada), in which a person decides" in room.left(which)


async def test_a_person_may_promise_the_next_word_within_the_cadence(room: Room) -> None:
    await room.storm()
    await room.open(WEST)
    draft = await room.incidents.confirm(1, ConfirmIncident(next_update_by=MORNING + 5 * HOUR), ANN)
    await room.deliver(draft)
    assert (await room.incidents.show(1)).promises[0].due_at == MORNING + 5 * HOUR
    with pytest.raises(InvalidInput, match="next_update_within"):
        await room.incidents.eta(1, SetEta(eta_at=None, next_update_by=MORNING + 7 * HOUR), ANN)


async def test_what_falls_due_in_a_storm_is_one_line_with_the_commands_that_speak_to_all(room: Room) -> None:
    await room.storm(estimate_by=MORNING + 4 * HOUR)
    await room.both()
    for which in (1, 2):
        await room.deliver(await room.incidents.confirm(which, ConfirmIncident(may_delay=False), ANN))
    room.clock.time = MORNING + 4 * HOUR - 15 * MINUTE
    await room.promises.watch()
    (need,) = [need for need in room.needs() if need.kind == "promise"]
    assert "storm 1 Ada (power): customers of 2 incidents wait for a word, the first by 18:00 UTC" in need.text
    assert need.text.endswith("Ann Lee has it")
    assert need.next == ["notifier event show 1", "notifier event tell 1 --again"]
    await room.storms.assessed(1, Assessed(incidents=(2,)), ANN)
    (need,) = [need for need in room.needs() if need.kind == "promise"]
    assert need.next[-1] == "notifier event tell 1 --eta TIME --again"
    await room.storms.remove(1, OfIncident(incident=1), ANN)
    alone, of_storm = sorted((n for n in room.needs() if n.kind == "promise"), key=lambda n: n.incident_id or 0)
    assert (alone.event_id, alone.next[0]) == (None, "notifier eta 1 TIME")
    assert (of_storm.event_id, of_storm.next[0]) == (1, "notifier eta 2 TIME")
    await room.storms.remove(1, OfIncident(incident=2), ANN)
    assert {need.incident_id for need in room.needs() if need.kind == "promise"} == {1, 2}


async def test_a_time_is_not_suggested_where_it_would_be_refused(room: Room) -> None:
    await room.storm(estimate_by=MORNING + 4 * HOUR)
    await room.open(WEST)
    await room.deliver(await room.incidents.confirm(1, ConfirmIncident(may_delay=False), ANN))
    room.clock.time = MORNING + 4 * HOUR - 15 * MINUTE
    await room.promises.watch()
    (need,) = [need for need in room.needs() if need.kind == "promise"]
    assert need.next == ["notifier eta 1 none", "notifier restored 1", "notifier event assessed 1 1"]


async def test_confirmed_incidents_of_a_storm_of_which_nobody_heard_are_one_line(room: Room) -> None:
    await room.storm()
    await room.both()
    for which in (1, 2):
        view = await room.send(await room.incidents.confirm(which, ConfirmIncident(), ANN))
        await room.broadcasts.cancel(view.id, ANN)
    (need,) = [need for need in room.needs() if need.kind == "nobody_told"]
    assert "2 incidents are confirmed, and nobody has been told" in need.text
    assert need.next == ["notifier event show 1", "notifier event tell 1"]
