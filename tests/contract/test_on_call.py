"""On-call keeps its promises on both databases: the whole way of a call, and what is asked of the store for it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from notifier.config import Person
from notifier.domain.on_call import CallOutcome, CallReason, Route, RouteState, Says, Verb
from notifier.domain.receipt import ReceiptStatus
from notifier.domain.silence import slot_of
from notifier.stages.incidents import DismissIncident
from notifier.storage.database import Database, Transaction
from notifier.storage.queries import sources
from notifier.storage.queries.needs import waking
from notifier.storage.repositories import call_routes, on_call
from notifier.storage.repositories.call_routes import Tried
from notifier.storage.repositories.on_call import StoredAlarm
from tests.control_room import BOB, MINUTE, ControlRoom
from tests.incident_town import MORNING
from tests.on_call_desk import ANN_NUMBER, BEA_NUMBER, BUSY, Desk


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def begin(database: Database, key: str = "suspected 1", reason: CallReason = CallReason.SUSPECTED) -> StoredAlarm:
    return database.write_now(lambda tx: on_call.begin(tx, key=key, reason=reason, now=MORNING))


def place(database: Database, *alarms: StoredAlarm, person: str = "Ann", minutes: int = 0) -> int:
    def save(tx: Transaction) -> int:
        now = MORNING + minutes * MINUTE
        call_id = on_call.place(
            tx,
            person=person,
            reason=CallReason.SUSPECTED,
            text="#1 power 94110",
            verbs=(Verb.SEND, Verb.WAIT),
            code_salt=f"salt {person}",
            alarm_ids=[alarm.id for alarm in alarms],
            now=now,
        )
        for route in (Route.SMS, Route.EMAIL):
            call_routes.to_hand_over(tx, call_id, route, Says.CALL, "", now=now)
        return call_id

    return database.write_now(save)


# --- the whole way ---------------------------------------------------------------------------------------------------


async def test_from_the_need_to_the_answer(desk: Desk) -> None:
    desk.suspect()
    await desk.watch(11)
    assert desk.called() == ["Ann", "Bea"]
    assert "confirmed" in await desk.on_call.answer(desk.code(BEA_NUMBER), "send", BEA_NUMBER)
    await desk.watch(1)
    assert desk.outcomes() == [("Ann", "unanswered"), ("Bea", "answered")]
    assert "over (" in desk.texts(ANN_NUMBER)[-1]
    view = await desk.on_call.view()
    assert view.alarms == []
    assert [call.over for call in view.calls] == [True, True]


async def test_a_route_that_fails_is_tried_again_and_called_off_when_it_is_over(desk: Desk) -> None:
    desk.sms.answers = lambda _: BUSY
    desk.suspect()
    await desk.watch(0.5)
    await desk.room.incidents.dismiss(1, DismissIncident(), BOB)
    await desk.watch()
    said = len(desk.texts())
    await desk.watch(5)
    assert len(desk.texts()) == said
    assert {route.state for call in (await desk.on_call.view()).calls for route in call.routes} == {"failed"}


async def test_a_person_called_about_two_things_at_once(desk: Desk) -> None:
    desk.suspect("94110")
    desk.suspect("94111")
    await desk.watch()
    (call,) = (await desk.on_call.view()).calls
    assert call.incidents == [1, 2]
    await desk.on_call.acknowledge(call.id, BOB)
    assert await desk.on_call.called() == {
        "suspected 1": "Ann called 06:00 PST, answered WAIT by bob 06:00 PST",
        "suspected 2": "Ann called 06:00 PST, answered WAIT by bob 06:00 PST",
    }


async def test_a_test_of_everybody(database: Database) -> None:
    desk = Desk(database, people=(Person(name="Ann", sms=ANN_NUMBER, email="ann@example.com"),))
    (call,) = await desk.on_call.test("Ann", BOB)
    await desk.watch()
    found = await desk.on_call.call(call.id)
    assert [(route.route, route.state) for route in found.routes] == [("sms", "handed_over"), ("email", "handed_over")]


# --- the store -------------------------------------------------------------------------------------------------------


def test_an_alarm_stands_once_and_may_come_again_when_it_has_ended(database: Database) -> None:
    first = begin(database)
    with pytest.raises(Exception, match=r"(?i)unique"):
        begin(database)
    database.write_now(lambda tx: on_call.end(tx, first.id, now=MORNING))
    second = begin(database)
    assert [alarm.id for alarm in database.read_now(on_call.open_alarms)] == [second.id]


def test_turns_are_those_since_it_began_again(database: Database) -> None:
    alarm = begin(database)
    place(database, alarm, person="Ann")
    until = MORNING + 30 * MINUTE
    database.write_now(lambda tx: on_call.answer(tx, alarm.id, by="Ann", said="wait", rests_until=until, now=MORNING))
    place(database, alarm, person="Bea", minutes=30)
    (standing,) = database.read_now(on_call.open_alarms)
    assert standing.since == until
    assert [turn.person for turn in database.read_now(lambda tx: on_call.turns(tx, standing))] == ["Bea"]
    assert [turn.person for turn in database.read_now(lambda tx: on_call.turns(tx, alarm))] == ["Ann", "Bea"]


def test_a_person_is_lost_when_every_route_was_tried_and_none_took_it(database: Database) -> None:
    alarm = begin(database)
    call = place(database, alarm)

    def record(route: int, state: RouteState) -> bool:
        tried = Tried(route_id=route, state=state, problem="no", due_at=MORNING + MINUTE)
        database.write_now(lambda tx: call_routes.record(tx, tried, now=MORNING))
        return database.read_now(lambda tx: on_call.is_lost(tx, call))

    assert not record(1, RouteState.FAILED)
    assert record(2, RouteState.WAITING)
    assert not record(2, RouteState.HANDED_OVER)


def test_what_is_due_comes_with_calls_first(database: Database) -> None:
    call = place(database, begin(database))
    database.write_now(lambda tx: call_routes.to_hand_over(tx, call, Route.WEBHOOK, Says.OVER, "over", now=MORNING))
    database.write_now(lambda tx: call_routes.to_hand_over(tx, call, Route.WEBHOOK, Says.OVER, "again", now=MORNING))
    later = place(database, begin(database, "suspected 2"), minutes=1)
    assert database.read_now(lambda tx: call_routes.due(tx, now=MORNING - MINUTE)) == []
    found = database.read_now(lambda tx: call_routes.due(tx, now=MORNING + MINUTE))
    assert [(each.call.id, str(each.route), str(each.says), each.text) for each in found] == [
        (call, "sms", "call", ""),
        (call, "email", "call", ""),
        (later, "sms", "call", ""),
        (later, "email", "call", ""),
        (call, "webhook", "over", "over"),
    ]


def test_a_call_is_answered_once_until_the_answer_is_taken_back(database: Database) -> None:
    call = place(database, begin(database))

    def claim() -> bool:
        return database.write_now(
            lambda tx: on_call.claim_answer(tx, call, by="on-call:Ann via sms", verb="send", now=MORNING)
        )

    assert [claim(), claim()] == [True, False]
    database.write_now(lambda tx: on_call.release_answer(tx, call))
    assert claim()


def test_how_a_call_ended_is_said_once(database: Database) -> None:
    call = place(database, begin(database))
    assert database.read_now(on_call.ringing) == 1
    assert database.write_now(lambda tx: on_call.settle(tx, call, CallOutcome.UNANSWERED))
    assert not database.write_now(lambda tx: on_call.settle(tx, call, CallOutcome.ANSWERED))
    assert database.read_now(on_call.ringing) == 0


@pytest.mark.parametrize(
    ("statuses", "receipt", "state"),
    [
        ((ReceiptStatus.SENT, ReceiptStatus.DELIVERED), "delivered", "handed_over"),
        ((ReceiptStatus.DELIVERED, ReceiptStatus.SENT), "delivered", "handed_over"),
        ((ReceiptStatus.UNDELIVERED, ReceiptStatus.SENT), "undelivered", "failed"),
        ((ReceiptStatus.DELIVERED, ReceiptStatus.FAILED), "delivered", "handed_over"),
    ],
)
def test_a_receipt_never_goes_back(
    database: Database, statuses: tuple[ReceiptStatus, ...], receipt: str, state: str
) -> None:
    call = place(database, begin(database))
    tried = Tried(route_id=1, state=RouteState.HANDED_OVER, provider_id="SM1")
    database.write_now(lambda tx: call_routes.record(tx, tried, now=MORNING))
    for status in statuses:
        database.write_now(lambda tx, status=status: call_routes.receive(tx, 1, status))
    row = database.read_now(lambda tx: call_routes.routes_of(tx, [call]))[call][0]
    assert (row["receipt"], row["state"]) == (receipt, state)


def test_only_what_came_back_is_news(database: Database) -> None:
    place(database, begin(database))
    found = [
        database.write_now(lambda tx, status=status: call_routes.receive(tx, 1, status))
        for status in (ReceiptStatus.SENT, ReceiptStatus.UNDELIVERED, ReceiptStatus.UNDELIVERED)
    ]
    assert found == [False, True, False]


def test_who_was_called_lately_is_known_without_tests(database: Database) -> None:
    place(database, begin(database), person="Ann")
    database.write_now(
        lambda tx: tx.run(
            "INSERT INTO calls (person, reason, text, verbs, called_at) VALUES ('Bea', 'test', '', '', :at)",
            at=int(MORNING.timestamp() * 1e6),
        )
    )
    assert database.read_now(lambda tx: on_call.last_called(tx, since=MORNING)) == {"Ann": MORNING}
    assert database.read_now(lambda tx: on_call.last_called(tx, since=MORNING + MINUTE)) == {}


# --- needs -----------------------------------------------------------------------------------------------------------


async def test_a_need_and_its_alarm_have_the_same_key(desk: Desk) -> None:
    desk.suspect()
    room: ControlRoom = desk.room
    room.homes(2, "94111")
    await room.deliver(await room.open("94111", eta_at=MORNING + timedelta(hours=2)))
    room.clock.time = MORNING + 101 * MINUTE
    await room.promises.watch()
    found = room.database.read_now(
        lambda tx: waking.waking(tx, room.clock.now(), ZoneInfo("UTC"), room.around.playbooks)
    )
    assert {each.key for each in found} == {waking.key_of(need) for need in room.needs()} - {None}
    assert {each.reason for each in found} == {CallReason.SUSPECTED, CallReason.PROMISE_IN_DANGER}


# --- sources ---------------------------------------------------------------------------------------------------------


def test_complaints_are_counted_per_source_and_slot(desk: Desk) -> None:
    for minutes in (0, 1, 9, 10, 60 * 24 * 40):
        desk.complain("sms", MORNING - minutes * MINUTE)
    desk.complain("web", MORNING)
    found = desk.room.database.read_now(
        lambda tx: sources.between(tx, MORNING - timedelta(days=28), MORNING + MINUTE, up_to=5)
    )
    slot = slot_of(MORNING)
    assert {(each.source, each.slot): each.complaints for each in found} == {("sms", slot): 1, ("sms", slot - 1): 3}


def test_what_is_new_is_found_behind_a_position(desk: Desk) -> None:
    desk.complain("sms", MORNING)
    database = desk.room.database
    assert database.read_now(sources.position) == 1
    assert database.read_now(lambda tx: sources.behind(tx, 1)) == []
    desk.complain("web", MORNING + MINUTE)
    (said,) = database.read_now(lambda tx: sources.behind(tx, 1))
    assert (said.source, said.position, said.last_at) == ("web", 2, MORNING + MINUTE)


def test_an_import_of_old_complaints_is_heard_and_teaches_nothing(desk: Desk) -> None:
    desk.complain("import", MORNING - timedelta(days=3), received_at=MORNING)
    (said,) = desk.room.database.read_now(lambda tx: sources.behind(tx, 0))
    assert (said.complaints, said.last_at) == (0, MORNING)
