"""One number tells the customers of all incidents of a storm: all of them or nobody, on every database."""

import json
from datetime import timedelta

import pytest

from notifier.domain.actor import KeyRole
from notifier.domain.errors import Forbidden, InvalidInput, Refused
from notifier.domain.incident import IncidentState
from notifier.domain.playbook import Playbook
from notifier.domain.round import INCIDENTS_AT_MOST, Standing, select
from notifier.stages.events import Assessed, Events, OfIncident, OpenStorm
from notifier.stages.incidents import ConfirmIncident, DismissIncident, SetEta
from notifier.stages.incidents.requests import TellEvent
from notifier.storage.database import Database
from notifier.storage.repositories import keys
from notifier.storage.views import RoundPreview, RoundView
from tests.contract.test_events import HOUR, WEST, Room
from tests.control_room import AGENT, ANN, BOB, MINUTE, TAKE_BACK
from tests.incident_town import MORNING
from tests.on_call_desk import BEA_NUMBER, Desk

ALL = 6  # customers out in the two incidents: five homes, and a chain with a site in both
WHY = "nobody answers"


class Stormy(Room):
    """A control room in which all incidents of a storm are told at once."""

    def __init__(self, database: Database, *, limit: int = 50) -> None:
        super().__init__(database)
        if limit != 50:
            playbook = Playbook(
                name="standard",
                services=("power", "internet"),
                audience_limit=limit,
                second_person_wait=timedelta(minutes=10),
            )
            for name in playbook.services:
                self.around.playbooks[name] = playbook  # type: ignore[index]

    async def tell(self, event: int = 1, **said: object) -> RoundPreview:
        """Draft what is to be told, and look at it."""
        round_id = await self.round_drafts.draft(event, TellEvent(**said), ANN)  # type: ignore[arg-type]
        return await self.rounds.preview(round_id)

    async def send_all(self, seen: RoundPreview, **how: object) -> RoundView:
        return await self.rounds.send(seen.round_id, seen.customers, ids(seen), ANN, **how)  # type: ignore[arg-type]

    async def go(self, seen: RoundPreview) -> None:
        """Send, let the take-back time go by, and hand everything over."""
        await self.send_all(seen)
        self.clock.go_on(TAKE_BACK)
        await self.work()

    def states(self) -> list[str]:
        return [row["state"] for row in self.rows("SELECT state FROM broadcasts ORDER BY id")]


def ids(seen: RoundPreview) -> list[int]:
    return [line.incident_id for line in seen.lines]


@pytest.fixture
async def room(database: Database) -> Stormy:
    """Return a room with a storm and a suspected incident in the west and in the east."""
    room = Stormy(database)
    await room.storm(estimate_by=MORNING + 4 * HOUR)
    await room.both()
    return room


@pytest.fixture
async def limited(database: Database) -> Stormy:
    """Return a room in which each incident is below the limit, and both together are above it."""
    room = Stormy(database, limit=5)
    await room.storm()
    await room.both()
    return room


# --- what is told -----------------------------------------------------------------------------------------------------


async def test_a_customer_in_two_incidents_is_one_of_the_number_and_a_message_of_each(room: Stormy) -> None:
    seen = await room.tell()
    assert [(line.incident_id, line.kind, line.customers) for line in seen.lines] == [
        (1, "assessing", 4),
        (2, "assessing", 3),
    ]
    assert (seen.customers, seen.in_several, seen.notifications, seen.by_channel) == (ALL, 1, 7, {"email": 7})
    assert {line.promised_by for line in seen.lines} == {MORNING + 4 * HOUR}
    view = await room.send_all(seen)
    assert (view.state, view.expected_customers, view.not_before_at) == ("sending", ALL, MORNING + TAKE_BACK)
    room.clock.go_on(TAKE_BACK)
    await room.work()
    assert (await room.rounds.show(seen.round_id)).states == {"sent": 7}
    assert room.promised(1) == room.promised(2) == [("next_update", "open")]
    assert {card.state for card in (await room.storms.show(1)).incidents} == {"confirmed"}


async def test_who_was_told_or_is_assessed_is_left_alone(room: Stormy) -> None:
    await room.deliver(await room.incidents.confirm(1, ConfirmIncident(), ANN))
    assert ids(await room.tell()) == [2]
    await room.storms.assessed(1, Assessed(incidents=(2,)), ANN)
    with pytest.raises(Refused, match="add --again"):
        await room.tell()
    assert ids(await room.tell(again=True)) == [1]


async def test_once_assessed_all_get_a_time_and_those_that_have_one_keep_it(room: Stormy) -> None:
    await room.go(await room.tell())
    with pytest.raises(Refused, match="nobody has assessed"):
        await room.tell(eta_at=MORNING + 6 * HOUR)
    await room.storms.assessed(1, Assessed(), ANN)
    await room.deliver(await room.incidents.eta(1, SetEta(eta_at=MORNING + 3 * HOUR), ANN))
    seen = await room.tell(eta_at=MORNING + 6 * HOUR)
    assert [(line.incident_id, line.kind) for line in seen.lines] == [(2, "eta")]
    assert ids(await room.tell(eta_at=MORNING + 6 * HOUR, again=True)) == [1, 2]


async def test_a_time_from_before_the_storm_is_taken_back_only_where_it_is_named(database: Database) -> None:
    room = Stormy(database)
    await room.deliver(await room.open(WEST, eta_at=MORNING + 3 * HOUR))
    await room.storm()
    with pytest.raises(Refused, match="a time from before, which stands"):
        await room.tell(again=True)
    assert [(line.incident_id, line.kind) for line in (await room.tell(incidents=(1,))).lines] == [(1, "delayed")]


async def test_what_cannot_be_told_is_named_with_its_reason_and_the_others_go(room: Stormy) -> None:
    await room.storms.assessed(1, Assessed(incidents=(1,)), ANN)
    seen = await room.tell(incidents=(1, 2, 9), eta_at=MORNING + 5 * HOUR)
    assert ids(seen) == [1]
    reasons = {each.incident_id: each.why for each in seen.left_out}
    assert "nobody has assessed it" in reasons[2]
    assert reasons[9] == "it is not in this event"


async def test_two_suspicions_of_one_place_are_not_both_told(room: Stormy) -> None:
    await room.open(WEST)
    seen = await room.tell()
    assert ids(seen) == [1, 2]
    assert [(each.incident_id, "lies there already" in each.why) for each in seen.left_out] == [(3, True)]
    await room.go(seen)


async def test_suspicions_of_different_kinds_of_region_that_share_a_site_are_not_both_told(room: Stormy) -> None:
    node, far = (room.town.region(code, kind="node") for code in ("node-7", "node-8"))
    room.town.household("both", room.town.region(WEST), node)
    room.town.household("far", room.town.region("94999"), far)
    await room.open("node:node-7")
    await room.open("node:node-8")
    seen = await room.tell()
    assert (ids(seen), [each.incident_id for each in seen.left_out]) == ([1, 2, 4], [3])
    await room.go(seen)
    assert (await room.incidents.show(3)).card.state == "merged"  # all of it lies in what is told


async def test_with_nobody_to_tell_it_says_so_and_stores_nothing(room: Stormy) -> None:
    for which in (1, 2):
        await room.incidents.dismiss(which, DismissIncident(), ANN)
    with pytest.raises(Refused, match="none of its incidents is out"):
        await room.tell()
    assert room.rows("SELECT id FROM rounds") == []


async def test_a_wrong_fact_drafts_nothing(room: Stormy) -> None:
    with pytest.raises(InvalidInput, match="cause"):
        await room.tell(cause="gremlins")
    assert room.rows("SELECT id FROM rounds") == []


def test_a_round_has_room_for_so_many_and_says_how_many_are_left() -> None:
    many = [
        Standing(
            incident_id=n,
            state=IncidentState.CONFIRMED,
            is_out=True,
            is_assessed=False,
            is_told=False,
            waits=False,
            has_time=False,
        )
        for n in range(INCIDENTS_AT_MOST + 7)
    ]
    found = select(many, named=(), again=False, gives_time=False)
    assert (len(found.incident_ids), found.more) == (INCIDENTS_AT_MOST, 7)


# --- one number -------------------------------------------------------------------------------------------------------


async def test_the_wrong_number_sends_nothing(room: Stormy) -> None:
    seen = await room.tell()
    with pytest.raises(Refused, match="for 6 customers now, and 7 was typed"):
        await room.rounds.send(seen.round_id, 7, ids(seen), ANN)
    assert room.states()[-2:] == ["draft", "draft"]


async def test_an_incident_dismissed_meanwhile_is_named_and_nobody_is_told(room: Stormy) -> None:
    seen = await room.tell()
    await room.incidents.dismiss(2, DismissIncident(), BOB)
    with pytest.raises(Refused, match=r"#2: it is dismissed. Nobody was told"):
        await room.send_all(seen)
    again = await room.rounds.preview(seen.round_id)
    assert (ids(again), again.customers) == ([1], 4)
    assert [(each.incident_id, each.why) for each in again.left_out] == [(2, "it is dismissed")]
    assert (await room.send_all(again)).state == "sending"


async def test_an_incident_drafted_by_itself_meanwhile_is_named(room: Stormy) -> None:
    seen = await room.tell()
    await room.incidents.confirm(2, ConfirmIncident(cause="cable-cut"), BOB)
    with pytest.raises(Refused, match="#2: somebody drafted it anew meanwhile"):
        await room.send_all(seen)


async def test_of_two_commanders_who_tell_all_at_once_one_does_and_the_other_is_told_why(room: Stormy) -> None:
    first, second = await room.tell(), await room.tell()
    with pytest.raises(Refused, match="round 1 is superseded: somebody has drafted all of it anew since"):
        await room.send_all(first)
    assert (await room.send_all(second)).state == "sending"
    with pytest.raises(Refused, match="round 2 is sending: nothing of it waits to be sent"):
        await room.send_all(second)
    assert len(room.rows("SELECT id FROM audit WHERE action = 'rounds.send'")) == 1


async def test_an_incident_that_cannot_be_told_stops_all_and_leaves_no_trace(room: Stormy) -> None:
    seen = await room.tell()
    await room.storms.remove(1, OfIncident(incident=2), BOB)
    with pytest.raises(Refused, match=r"#2 cannot be told now: it is not in storm 1 .*broadcasts cancel"):
        await room.send_all(seen)
    assert (await room.incidents.show(1)).card.state == "suspected"
    await room.broadcasts.cancel(seen.lines[1].broadcast_id, ANN)
    again = await room.rounds.preview(seen.round_id)
    assert [each.why for each in again.left_out] == ["somebody left it out"]
    await room.go(again)
    assert room.promised(1) == [("next_update", "open")]


async def test_a_storm_that_was_closed_meanwhile_stops_all(room: Stormy) -> None:
    seen = await room.tell()
    await room.storms.close(1, ANN)
    with pytest.raises(Refused, match="is closed"):
        await room.send_all(seen)
    assert room.states()[-2:] == ["draft", "draft"]


async def test_one_of_a_round_is_not_sent_by_its_own_number(limited: Stormy) -> None:
    seen = await limited.tell()
    with pytest.raises(Refused, match="goes with others, in round 1"):
        await limited.broadcasts.send(seen.lines[0].broadcast_id, 4, ANN)
    await limited.send_all(seen)
    with pytest.raises(Refused, match="event approve"):
        await limited.broadcasts.approve(seen.lines[0].broadcast_id, 4, BOB)


async def test_taking_it_back_takes_all_of_it_back(room: Stormy) -> None:
    seen = await room.tell()
    await room.send_all(seen)
    view = await room.rounds.cancel(seen.round_id, ANN)
    assert (view.state, {line.reason for line in view.lines}) == ("cancelled", {"taken_back"})
    room.clock.go_on(MINUTE)
    await room.work()
    assert room.rows("SELECT id FROM notifications WHERE state = 'sent'") == []
    with pytest.raises(Refused, match="nothing of it can be cancelled"):
        await room.rounds.cancel(seen.round_id, ANN)


async def test_an_agent_tells_nobody(room: Stormy) -> None:
    with pytest.raises(Forbidden):
        await room.round_drafts.draft(1, TellEvent(), AGENT)
    seen = await room.tell()
    with pytest.raises(Forbidden):
        await room.rounds.send(seen.round_id, seen.customers, ids(seen), AGENT)


# --- the second person ------------------------------------------------------------------------------------------------


async def test_the_distinct_total_is_held_against_the_limit(limited: Stormy) -> None:
    seen = await limited.tell()
    assert all(line.customers <= 5 for line in seen.lines)
    assert (seen.customers, seen.needs_approval) == (ALL, True)
    assert (await limited.send_all(seen)).state == "awaiting_approval"
    with pytest.raises(Forbidden):
        await limited.rounds.approve(seen.round_id, ALL, ids(seen), ANN)
    view = await limited.rounds.approve(seen.round_id, ALL, ids(seen), BOB)
    assert (view.state, view.sent_by, view.approved_by) == ("sending", "ann", "bob")


async def test_who_is_in_both_is_counted_once_against_the_limit(database: Database) -> None:
    room = Stormy(database, limit=ALL)
    await room.storm()
    await room.both()
    assert (await room.send_all(await room.tell())).state == "sending"


async def test_alone_it_goes_after_its_time_and_every_manager_is_told_once(limited: Stormy) -> None:
    seen = await limited.tell()
    with pytest.raises(Refused, match="nobody was asked yet"):
        await limited.send_all(seen, alone_reason=WHY)
    await limited.send_all(seen)
    with pytest.raises(Refused, match="it can be sent alone from"):
        await limited.send_all(seen, alone_reason=WHY)
    limited.clock.go_on(10 * MINUTE)
    view = await limited.send_all(seen, alone_reason=WHY)
    assert (view.state, view.approved_by, view.alone_reason) == ("sending", None, WHY)
    calls = limited.rows("SELECT person, text FROM calls ORDER BY id")
    assert [row["person"] for row in calls] == ["Bob"]
    assert "ann sends round 1 (2 incidents) to 6 customers alone" in calls[0]["text"]
    assert limited.events(1).count("sent_alone") == limited.events(2).count("sent_alone") == 1


async def test_a_no_rejects_all_and_its_sender_is_told_in_one_line(limited: Stormy) -> None:
    seen = await limited.tell()
    await limited.send_all(seen)
    (waits,) = [need for need in limited.needs("bob") if need.kind == "approval"]
    assert "storm 1 Ada (power), 2 incidents: `assessing` to 6 customers, sent by ann" in waits.text
    assert waits.next == ["notifier event approve 1", "notifier event reject 1"]
    await limited.rounds.reject(seen.round_id, "wrong town", BOB)
    (no,) = [need for need in limited.needs("ann") if need.kind == "rejected"]
    assert no.text.endswith("your round 1 (`assessing` to 6 customers) was rejected by bob: wrong town")
    await limited.rounds.cancel(seen.round_id, ANN)
    assert [need for need in limited.needs("ann") if need.kind == "rejected"] == []


async def test_what_waits_is_not_told_again_by_the_next_round(limited: Stormy) -> None:
    await limited.send_all(await limited.tell())
    with pytest.raises(Refused, match="2 incidents wait for a second person: `event approve 1`"):
        await limited.tell()
    assert (await limited.storms.show(1)).waiting == [1]
    with pytest.raises(Refused, match=r"round 1 of storm 1 .*waits for a second person"):
        await limited.storms.close(1, ANN)


async def test_one_yes_by_text_approves_all_of_it(database: Database) -> None:
    playbook = Playbook(name="standard", services=("power",), audience_limit=6)
    desk = Desk(database, playbook=playbook)
    desk.room.database.write_now(
        lambda tx: keys.create(tx, name="bea", role=KeyRole.COMMANDER, hash_="b", prefix="ntf", now=desk.clock.now())
    )
    desk.room.homes(3, "94112")
    rounds = desk.room.rounds
    await Events(desk.room.around).open(OpenStorm(name="Ada", service="power"), ANN)
    for place in ("94110", "94112"):
        await desk.room.open(place)
    round_id = await desk.room.round_drafts.draft(1, TellEvent(), ANN)
    seen = await rounds.preview(round_id)
    await rounds.send(round_id, seen.customers, ids(seen), ANN)
    await desk.watch(1)
    (said,) = desk.texts(BEA_NUMBER)
    assert "storm 1 Ada (power)" in said
    assert "notifier event approve 1 --round 1" in said
    answer = await desk.on_call.answer(desk.code(BEA_NUMBER), "yes", BEA_NUMBER)
    assert answer == "Approved: round 1 goes to 8 customers."
    assert {row["state"] for row in desk.room.rows("SELECT state FROM broadcasts WHERE round_id = 1")} == {"sending"}


# --- what stays of it -------------------------------------------------------------------------------------------------


async def test_the_audit_log_has_who_sent_what_to_how_many(room: Stormy) -> None:
    await room.send_all(await room.tell())
    rows = room.rows("SELECT actor, action, target, detail FROM audit WHERE action LIKE 'rounds.%' ORDER BY id")
    assert [(row["actor"], row["action"], row["target"]) for row in rows] == [
        ("ann", "rounds.draft", "round 1"),
        ("ann", "rounds.send", "round 1"),
    ]
    sent = json.loads(rows[1]["detail"])
    assert (sent["count"], sent["incidents"], len(sent["broadcasts"])) == (6, [1, 2], 2)


async def test_a_round_that_was_left_is_one_line_for_whoever_looks(room: Stormy) -> None:
    await room.tell()
    room.clock.go_on(6 * MINUTE)
    (left,) = [need for need in room.needs("ann") if need.kind == "draft"]
    assert left.next == ["notifier event tell 1", "notifier event take-back 1 --round 1"]


async def test_what_is_taken_back_is_what_was_told_last_and_no_draft_of_somebody_else(limited: Stormy) -> None:
    async def newest() -> int | None:
        return (await limited.storms.show(1)).newest_round

    assert await newest() is None
    first = await limited.tell()
    assert await newest() is None  # drafted, and nobody was told
    await limited.send_all(first)
    assert await newest() == first.round_id  # it waits for a second person
    (waits,) = [need for need in limited.needs("ann") if need.kind == "approval"]
    assert waits.next == [f"notifier event take-back 1 --round {first.round_id}"]
    await limited.rounds.approve(first.round_id, ALL, ids(first), BOB)
    request = TellEvent(again=True)
    second = await limited.round_drafts.draft(1, request, BOB)
    assert await newest() == first.round_id  # it leaves in a few seconds, whatever bob drafts
    await limited.rounds.cancel(second, BOB)
    assert await newest() == first.round_id
    await limited.rounds.cancel(first.round_id, ANN)
    assert await newest() == first.round_id  # taking it back again says that it is cancelled


async def test_what_waits_for_a_second_person_was_told_later_than_what_has_left(limited: Stormy) -> None:
    first = await limited.tell(incidents=(1,))
    await limited.send_all(first)
    limited.clock.go_on(TAKE_BACK)
    await limited.work()
    limited.clock.go_on(MINUTE)
    second = await limited.tell(incidents=(1, 2))
    await limited.send_all(second)
    assert (await limited.storms.show(1)).newest_round == second.round_id
    await limited.rounds.cancel(second.round_id, ANN)
    assert (await limited.storms.show(1)).newest_round == second.round_id  # taken back twice, the first one goes on
