"""What wakes people on call, whom, when and for how long: the poller minute by minute, on a real SQLite file."""

import asyncio
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from notifier.config import Config, Person, Provider, ProviderKind
from notifier.domain.actor import DAEMON
from notifier.domain.delivery import Outcome
from notifier.domain.errors import StoreUnavailable
from notifier.domain.incident import DismissReason
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.domain.receipt import ReceiptStatus
from notifier.domain.segments import segments
from notifier.stages.incidents import ConfirmIncident, DismissIncident, SetEta
from notifier.stages.on_call.carriers import own_providers
from notifier.stages.signals import Signals
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.migrate import upgrade
from notifier.storage.repositories import call_routes, control, incidents
from notifier.storage.repositories.evidence import UNJUDGED
from notifier.storage.sqlite import SqliteDatabase
from tests.control_room import ANN, BOB, MINUTE
from tests.incident_town import MORNING
from tests.on_call_desk import ACCEPTED, ANN_NUMBER, BEA_NUMBER, BUSY, CEM_NUMBER, GONE, Desk
from tests.sqlite_file import sqlite_file
from tests.work_in_town import DAY, FROM, UNTIL, announced, at

HOUR = timedelta(hours=1)
EVERY_TEN_MINUTES = [MORNING - number * 10 * MINUTE for number in range(28 * 24 * 6)]  # for four weeks
PLAN = Playbook(name="standard", services=("power", "internet"), next_update_within=HOUR, warn_before=20 * MINUTE)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(template: Path, tmp_path: Path) -> Iterator[SqliteDatabase]:
    path = tmp_path / "notifier.db"
    shutil.copyfile(template, path)
    database = sqlite_file(path)
    yield database
    database.close()


@pytest.fixture
def desk(database: SqliteDatabase) -> Desk:
    return Desk(database, playbook=PLAN)


# --- a suspected incident --------------------------------------------------------------------------------------------


async def test_a_suspected_incident_wakes_the_first_person_with_what_they_need_to_decide(desk: Desk) -> None:
    desk.suspect()
    await desk.watch()
    (text,) = desk.texts(ANN_NUMBER)
    code = desk.code(ANN_NUMBER)
    assert text == (
        "NOTIFIER #1 power 94110: 20 people in 11 min, 1.3 expected: certain, 18 verified, 5 customers, nobody told. "
        f"Reply {code} SEND, {code} WAIT or {code} NO. No answer in 10 min: the next on call is woken."
    )
    assert segments(text).count <= 2
    assert desk.texts(BEA_NUMBER) == []


async def test_without_an_answer_one_after_the_other_is_woken_and_then_the_first_again(desk: Desk) -> None:
    desk.suspect()
    await desk.watch(9.5)
    assert desk.called() == ["Ann"]
    await desk.watch(1)
    assert desk.called() == ["Ann", "Bea"]
    await desk.watch(10)
    assert desk.called() == ["Ann", "Bea", "Cem"]
    await desk.watch(10)
    assert desk.called() == ["Ann", "Bea", "Cem", "Ann"]
    assert desk.outcomes()[:3] == [("Ann", "unanswered"), ("Bea", "unanswered"), ("Cem", "unanswered")]
    assert desk.metric("calls_total", reason="suspected", outcome="unanswered") == 3
    assert desk.metric("calls_open") == 1
    await desk.watch(24 * 60, every=5 * MINUTE)
    assert 17 <= desk.called().count("Bea") <= 22  # it goes on, for each about every 80 minutes


async def test_everybody_is_woken_also_while_everything_is_paused(desk: Desk) -> None:
    desk.room.database.write_now(
        lambda tx: control.put(tx, control.PAUSED, "1", now=MORNING, actor=DAEMON),
    )
    desk.suspect()
    await desk.watch()
    assert len(desk.texts(ANN_NUMBER)) == 1


async def test_the_incident_shows_who_was_called(desk: Desk) -> None:
    desk.suspect()
    await desk.watch()
    assert desk.room.events()[-1] == "called"
    assert await desk.on_call.called() == {"suspected 1": "Ann called 06:00 PST, no answer"}


async def test_calls_are_listed_by_time_whoever_was_called_first(desk: Desk) -> None:
    desk.suspect()
    await desk.watch(31)
    assert desk.called() == ["Ann", "Bea", "Cem", "Ann"]
    said = (await desk.on_call.called())["suspected 1"]
    assert said == ("Bea called 06:10 PST, no answer; Cem called 06:20 PST, no answer; Ann called 06:30 PST, no answer")


async def test_who_took_it_long_ago_is_not_said_to_have_it_when_others_are_called_again(desk: Desk) -> None:
    taken = "UPDATE alarms SET answered_at = :at, answered_by = 'bob', answer = 'acted', rests_until = :until"
    desk.suspect()
    await desk.watch()
    desk.room.database.write_now(
        lambda tx: tx.run("UPDATE calls SET called_at = :at", at=to_micros(MORNING + 40 * MINUTE))
    )
    until = MORNING + 30 * MINUTE
    desk.room.database.write_now(lambda tx: tx.run(taken, at=to_micros(MORNING), until=to_micros(until)))
    assert (await desk.on_call.called())["suspected 1"] == "Ann called 06:40 PST, no answer; bob has it since 06:00 PST"
    desk.clock.go_on(until - desk.clock.now())
    assert (await desk.on_call.called())["suspected 1"] == "bob had it until 06:30 PST; Ann called 06:40 PST, no answer"


async def test_next_to_nothing_is_said_so_in_the_call_and_in_the_list(desk: Desk) -> None:
    desk.suspect()
    few = "UPDATE evidence SET expected = 0.0003"
    desk.room.database.write_now(lambda tx: tx.run(few))
    await desk.watch()
    (text,) = desk.texts(ANN_NUMBER)
    assert "20 people in 11 min, under 0.1 expected" in text
    (need,) = desk.room.needs()
    assert "under 0.1 expected" in need.text


# --- routes ----------------------------------------------------------------------------------------------------------


async def test_a_person_is_called_by_all_their_routes_at_once(database: SqliteDatabase) -> None:
    desk = Desk(database, people=(Person(name="Ann", sms=ANN_NUMBER, email="ann@example.com"),))
    desk.suspect()
    await desk.watch()
    (mail,) = desk.mails()
    assert mail.recipient == "ann@example.com"
    assert b"notifier on-call ack 1" in mail.data
    assert desk.code(ANN_NUMBER).encode() not in mail.data
    assert len(desk.texts()) == 1


async def test_when_every_route_of_a_person_fails_the_next_one_is_woken_at_once(desk: Desk) -> None:
    desk.sms.answers = lambda number: GONE if number == ANN_NUMBER else ACCEPTED
    desk.suspect()
    await desk.watch()
    assert desk.called() == ["Ann", "Bea"]
    assert len(desk.texts(BEA_NUMBER)) == 1
    assert desk.outcomes()[0] == ("Ann", "unreachable")
    assert desk.metric("calls_total", reason="suspected", outcome="unreachable") == 1
    (view,) = [call for call in (await desk.on_call.view()).calls if call.person == "Ann"]
    assert (view.routes[0].state, view.routes[0].problem) == ("failed", "21211 no such number")


async def test_a_busy_route_is_tried_again_while_the_next_one_is_already_woken(desk: Desk) -> None:
    desk.sms.answers = lambda number: BUSY if number == ANN_NUMBER else ACCEPTED
    desk.suspect()
    await desk.watch()
    assert desk.called() == ["Ann", "Bea"]
    desk.sms.answers = lambda _: ACCEPTED
    await desk.watch(0.5)
    assert len(desk.texts(ANN_NUMBER)) == 2  # the second one was taken
    code = {text.partition("Reply ")[2][:3] for text in desk.texts(ANN_NUMBER)}
    assert len(code) == 1  # a text said again says the same code
    await desk.watch(2)
    assert len(desk.texts(ANN_NUMBER)) == 2


async def test_when_nobody_can_be_reached_it_is_tried_on_without_racing(desk: Desk) -> None:
    desk.sms.answers = lambda _: BUSY
    desk.suspect()
    await desk.watch()
    assert desk.called() == ["Ann", "Bea", "Cem"]
    await desk.watch(5)
    assert desk.called() == ["Ann", "Bea", "Cem"]
    assert len(desk.texts()) == 3 * 5  # at 0, 15, 45, 105 and 225 s; polled every ten seconds
    await desk.watch(6)
    assert len(desk.called()) == 6


async def test_a_text_that_comes_back_undelivered_wakes_the_next_one(desk: Desk) -> None:
    desk.suspect()
    await desk.watch()
    await desk.on_call.receive(99, ReceiptStatus.UNDELIVERED)
    await desk.watch()
    assert desk.called() == ["Ann"]
    await desk.on_call.receive(1, ReceiptStatus.UNDELIVERED)
    await desk.on_call.receive(1, ReceiptStatus.SENT)  # late, and says nothing any more
    await desk.watch()
    assert desk.called() == ["Ann", "Bea"]


async def test_a_delivered_receipt_is_shown(desk: Desk) -> None:
    desk.suspect()
    await desk.watch()
    await desk.on_call.receive(1, ReceiptStatus.SENT)
    await desk.on_call.receive(1, ReceiptStatus.DELIVERED)
    await desk.on_call.receive(1, ReceiptStatus.UNDELIVERED)
    (call,) = (await desk.on_call.view()).calls
    assert (call.routes[0].state, call.routes[0].receipt) == ("handed_over", "delivered")


async def test_a_receipt_that_was_faster_than_the_answer_counts(desk: Desk) -> None:
    desk.suspect()
    desk.sms.stuck = asyncio.Event()
    calling = asyncio.create_task(desk.watch())
    await desk.sms.asked.wait()
    await desk.on_call.receive(1, ReceiptStatus.FAILED)
    desk.sms.stuck.set()
    await calling
    assert desk.called() == ["Ann", "Bea"]


async def test_a_number_that_is_none_is_shown_and_the_next_one_woken(database: SqliteDatabase) -> None:
    desk = Desk(database, people=(Person(name="Ann", sms="123"), Person(name="Bea", sms=BEA_NUMBER)))
    desk.suspect()
    await desk.watch()
    assert desk.called() == ["Ann", "Bea"]


def test_people_on_call_have_connections_of_their_own(tmp_path: Path) -> None:
    folder = str(tmp_path)
    config = Config(
        providers=(
            Provider(name="a", kind=ProviderKind.FILE, channel=Channel.SMS, directory=folder, rate=1, connections=64),
            Provider(name="b", kind=ProviderKind.FILE, channel=Channel.SMS, directory=folder),
            Provider(name="c", kind=ProviderKind.SMTP),
        )
    )
    found = own_providers(config)
    assert {channel: one.settings.name for channel, one in found.items()} == {Channel.SMS: "a", Channel.EMAIL: "c"}
    assert {(one.settings.connections, one.settings.rate) for one in found.values()} == {(2, 0)}
    assert own_providers(config)[Channel.SMS] is not found[Channel.SMS]


async def test_the_guest_list_of_customers_does_not_keep_anybody_on_call_from_being_woken(
    database: SqliteDatabase,
) -> None:
    desk = Desk(database, only_to=("guest@example.com",))
    desk.suspect()
    await desk.watch()
    assert len(desk.texts(ANN_NUMBER)) == 1


# --- kill -9 ---------------------------------------------------------------------------------------------------------


async def test_a_call_that_was_stored_and_not_handed_over_goes_out_after_a_crash(desk: Desk) -> None:
    desk.suspect()
    desk.sms.stuck = asyncio.Event()
    dying = asyncio.create_task(desk.watch())
    await desk.sms.asked.wait()
    assert desk.called() == ["Ann"]
    dying.cancel()
    await asyncio.wait([dying])
    assert desk.texts() == []
    desk.sms.stuck = None
    desk.start()
    await desk.watch()
    assert len(desk.texts(ANN_NUMBER)) == 1
    assert desk.called() == ["Ann"]


async def test_a_hand_over_whose_outcome_was_not_stored_is_repeated_with_the_same_code(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("the disk is full")

    desk.suspect()
    with monkeypatch.context() as broken:
        broken.setattr(call_routes, "record", fail)
        await desk.watch()
    assert len(desk.texts(ANN_NUMBER)) == 1
    desk.start()
    await desk.watch()
    first, second = desk.texts(ANN_NUMBER)
    assert first == second


async def test_what_goes_wrong_on_one_route_does_not_keep_the_others_from_going_out(database: SqliteDatabase) -> None:
    def break_down(_: str) -> Outcome:
        raise RuntimeError("a bug")

    desk = Desk(database, people=(Person(name="Ann", sms=ANN_NUMBER, email="ann@example.com"),))
    desk.sms.answers = break_down
    desk.suspect()
    await desk.watch()
    assert len(desk.mails()) == 1
    assert desk.called() == ["Ann"]


async def test_a_new_start_wakes_nobody_again_who_was_called(desk: Desk) -> None:
    desk.suspect()
    await desk.watch()
    desk.start()
    await desk.watch(5)
    assert desk.called() == ["Ann"]


# --- it is over ------------------------------------------------------------------------------------------------------


async def test_when_the_need_is_gone_nobody_is_called_any_more_and_who_was_called_is_told(desk: Desk) -> None:
    desk.suspect()
    await desk.watch(11)
    await desk.room.incidents.dismiss(1, DismissIncident(), BOB)
    await desk.watch()
    assert desk.texts(ANN_NUMBER)[-1].startswith("NOTIFIER #1 power 94110: over (dismissed by bob at ")
    assert "Nothing more to do" in desk.texts(BEA_NUMBER)[-1]
    assert desk.texts(CEM_NUMBER) == []
    said = len(desk.texts())
    await desk.watch(60)
    assert len(desk.texts()) == said
    assert desk.outcomes() == [("Ann", "unanswered"), ("Bea", "elsewhere")]
    assert desk.metric("calls_open") == 0


async def test_what_subsides_by_itself_is_said_to_be_over(desk: Desk) -> None:
    desk.suspect()
    await desk.watch()
    desk.room.database.write_now(
        lambda tx: incidents.dismiss(tx, 1, now=desk.clock.now(), reason=DismissReason.SUBSIDED, actor="daemon")
    )
    await desk.watch()
    assert desk.texts()[-1] == "NOTIFIER #1 power 94110: over (it subsided). Nothing more to do."
    assert desk.outcomes() == [("Ann", "over")]


async def test_what_was_certain_and_judged_by_nobody_is_said_to_have_been(desk: Desk) -> None:
    which = desk.suspect()
    await desk.watch()
    now = desk.clock.now()
    desk.room.database.write_now(lambda tx: incidents.record(tx, which, at=now, event=UNJUDGED, actor="daemon"))
    desk.room.database.write_now(
        lambda tx: incidents.dismiss(tx, which, now=now, reason=DismissReason.SUBSIDED, actor="daemon")
    )
    await desk.watch()
    said = "NOTIFIER #1 power 94110: over (it subsided; it was certain, and nobody judged it). Nothing more to do."
    assert desk.texts()[-1] == said


async def test_who_ended_it_themselves_is_not_told_that_it_is_over(desk: Desk) -> None:
    desk.suspect()
    await desk.watch(11)
    await desk.room.incidents.dismiss(1, DismissIncident(), ANN)
    await desk.watch()
    assert len(desk.texts(ANN_NUMBER)) == 1
    assert len(desk.texts(BEA_NUMBER)) == 2


async def test_somebody_who_was_called_three_times_is_told_once(database: SqliteDatabase) -> None:
    desk = Desk(database, people=(Person(name="Ann", sms=ANN_NUMBER),))
    desk.suspect()
    await desk.watch(35)
    assert desk.called() == ["Ann", "Ann", "Ann"]
    await desk.room.incidents.dismiss(1, DismissIncident(), BOB)
    await desk.watch()
    assert sum("over (" in text for text in desk.texts()) == 1


async def test_while_somebody_works_on_the_incident_nobody_else_is_woken_but_it_is_not_forgotten(desk: Desk) -> None:
    desk.suspect()
    await desk.watch(5)
    await desk.room.incidents.confirm(1, ConfirmIncident(), BOB)  # a draft; nothing is sent
    await desk.watch(24)
    assert desk.called() == ["Ann"]
    assert desk.outcomes() == [("Ann", "elsewhere")]
    await desk.watch(8)
    assert desk.called() == ["Ann", "Ann"]  # half an hour later nothing has come of it


async def test_an_incident_that_a_person_opens_wakes_nobody_at_once(desk: Desk) -> None:
    await desk.room.open()
    await desk.watch(20)
    assert desk.called() == []
    await desk.watch(11)
    assert desk.called() == ["Ann"]
    assert "opened by ann" in desk.texts()[0]


async def test_while_its_place_is_not_certain_a_suspicion_is_to_be_looked_at_and_not_sent_by_text(desk: Desk) -> None:
    which = desk.suspect(grade="likely")
    await desk.watch()
    (text,) = desk.texts(ANN_NUMBER)
    code = desk.code(ANN_NUMBER)
    assert "nobody told. Its place is not certain: look first, notifier tell 1. " in text
    assert f"Reply {code} WAIT or {code} NO." in text
    assert segments(text).count <= 2
    assert "This cannot be sent by text; use: notifier." in await desk.on_call.answer(code, "send", ANN_NUMBER)
    desk.prove(which)
    await desk.watch(10)
    assert f"Reply {desk.code(BEA_NUMBER)} SEND, " in desk.texts(BEA_NUMBER)[-1]


async def test_a_place_with_a_doubted_region_is_not_sent_by_text(desk: Desk) -> None:
    desk.doubt(desk.suspect())
    await desk.watch()
    assert "look first, notifier tell 1" in desk.texts(ANN_NUMBER)[0]


async def test_where_a_person_opened_it_the_place_is_theirs_and_may_be_sent(desk: Desk) -> None:
    await desk.room.open()
    await desk.watch(31)
    assert f"Reply {desk.code(ANN_NUMBER)} SEND, " in desk.texts(ANN_NUMBER)[0]


async def test_what_has_grown_since_the_text_is_not_sent_by_its_answer(desk: Desk) -> None:
    which = desk.suspect()
    await desk.watch()
    code = desk.code(ANN_NUMBER)
    desk.doubt(which)
    said = await desk.on_call.answer(code, "send", ANN_NUMBER)
    assert said == "Not done: where #1 is has become uncertain; look first: notifier tell 1"
    assert desk.room.rows("SELECT id FROM broadcasts") == []
    assert "You have it" in await desk.on_call.answer(code, "wait", ANN_NUMBER)


# --- storms ----------------------------------------------------------------------------------------------------------


async def test_a_storm_is_one_call_not_fifty(desk: Desk) -> None:
    for number in range(50):
        desk.suspect(f"94{200 + number}")
    await desk.watch()
    (text,) = desk.texts()
    code = desk.code(ANN_NUMBER)
    assert text.startswith("NOTIFIER 50 things need you: #1 power 94200; #2 power 94201; ")
    assert text.endswith(f"Reply {code} WAIT. No answer in 10 min: the next on call is woken.")
    assert segments(text).count <= 2
    desk.suspect("94300")
    await desk.watch(1)
    assert len(desk.texts()) == 1
    await desk.watch(1.2)
    assert len(desk.texts()) == 2
    await desk.watch(9)
    assert desk.called() == ["Ann", "Ann", "Bea"]
    assert "51 things" in desk.texts(BEA_NUMBER)[0]


async def test_of_a_storm_it_is_said_that_it_is_over_once(desk: Desk) -> None:
    for number in range(3):
        desk.suspect(f"9420{number}")
    await desk.watch()
    for number in (1, 2, 3):
        await desk.room.incidents.dismiss(number, DismissIncident(), BOB)
        await desk.watch()
    assert desk.texts()[1:] == ["NOTIFIER 3 things you were called about are over. Nothing more to do."]


# --- the other reasons -----------------------------------------------------------------------------------------------


async def test_an_update_that_waits_for_a_second_person_wakes_somebody_other_than_its_author(
    database: SqliteDatabase,
) -> None:
    desk = Desk(database, playbook=Playbook(name="small", services=("power", "internet"), audience_limit=3))
    await desk.room.send(await desk.room.open())  # by the key of Ann
    await desk.watch()
    assert desk.called() == ["Bea"]
    (text,) = desk.texts()
    code = desk.code(BEA_NUMBER)
    assert text.startswith("NOTIFIER #1 power 94110: acknowledged to 5 customers, sent by ann, waits for another key")
    assert f"Reply {code} YES, {code} NO or {code} WAIT." in text


async def test_a_promise_in_danger_wakes_before_it_lapses(desk: Desk) -> None:
    await desk.room.deliver(await desk.room.open(eta_at=MORNING + 2 * HOUR))
    desk.clock.time = MORNING + 99 * MINUTE
    await desk.room.promises.watch()
    await desk.watch()
    assert desk.called() == []
    desk.clock.time = MORNING + 101 * MINUTE
    await desk.room.promises.watch()
    await desk.watch()
    (text,) = desk.texts(ANN_NUMBER)
    assert "#1 power 94110: the ETA by " in text
    assert "is due in 19 min" in text
    assert f"Reply {desk.code(ANN_NUMBER)} WAIT." in text


async def test_a_new_time_ends_the_call_about_a_promise(desk: Desk) -> None:
    await desk.room.deliver(await desk.room.open(eta_at=MORNING + 2 * HOUR))
    desk.clock.time = MORNING + 101 * MINUTE
    await desk.room.promises.watch()
    await desk.watch()
    draft = await desk.room.incidents.eta(1, SetEta(eta_at=MORNING + 4 * HOUR), BOB)
    assert draft.broadcast is not None
    await desk.room.broadcasts.send(draft.broadcast.id, 5, BOB)
    await desk.watch()
    assert desk.texts(ANN_NUMBER)[-1].startswith("NOTIFIER #1 power 94110: over (a new time by bob at ")


async def test_word_without_a_time_is_not_said_to_be_a_new_time(desk: Desk) -> None:
    await desk.room.deliver(await desk.room.open(eta_at=MORNING + 2 * HOUR))
    desk.clock.time = MORNING + 101 * MINUTE
    await desk.room.promises.watch()
    await desk.watch()
    draft = await desk.room.incidents.eta(1, SetEta(eta_at=None), BOB)
    assert draft.broadcast is not None
    await desk.room.broadcasts.send(draft.broadcast.id, 5, BOB)
    await desk.watch()
    assert "over (told without a time by bob at " in desk.texts(ANN_NUMBER)[-1]


async def test_what_the_daemon_alone_has_put_off_is_not_said_to_be_over(desk: Desk) -> None:
    await desk.room.deliver(await desk.room.open(eta_at=MORNING + 2 * HOUR))
    await _until_put_off(desk)
    assert desk.texts(ANN_NUMBER)[-1] == (
        "NOTIFIER #1 power 94110: it takes longer: the daemon alone told customers so, "
        f"next update by {_next_update(desk):%H:%M} PST; they have no new time: notifier eta 1 TIME."
    )


async def test_planned_work_that_the_daemon_alone_has_put_off_is_not_said_to_be_over(desk: Desk) -> None:
    for number in range(3):
        desk.room.town.household(f"home-{number}", desk.room.town.region("94110"))
    await desk.room.deliver(await announced(desk.room))
    for time in (FROM - DAY, FROM, UNTIL - 19 * MINUTE):
        await at(desk.room, time)
    await desk.watch()
    assert "#1 power 94110: the ETA by 10:00 PST is due in 19 min" in desk.texts(ANN_NUMBER)[-1]
    while desk.clock.now() < UNTIL:
        desk.clock.go_on(MINUTE)
        await at(desk.room, desk.clock.now())
        await desk.on_call.watch()
    assert desk.texts(ANN_NUMBER)[-1] == (
        "NOTIFIER #1 power 94110: it takes longer: the daemon alone told customers so, "
        f"next update by {_next_update(desk):%H:%M} PST; they have no new time: notifier eta 1 TIME."
    )


async def test_of_several_things_it_is_said_which_ones_the_daemon_has_put_off(desk: Desk) -> None:
    await desk.room.deliver(await desk.room.open(eta_at=MORNING + 2 * HOUR))
    desk.clock.time = MORNING + 101 * MINUTE
    desk.suspect("94200")
    await _until_put_off(desk, meanwhile=2)
    told = "#1: it takes longer, the daemon alone told customers so. See notifier; 1 other is over."
    assert desk.texts(ANN_NUMBER)[-1] == f"NOTIFIER {told}"


async def _until_put_off(desk: Desk, *, meanwhile: int = 0) -> None:
    """Let a promise wake somebody, and lapse so far that the daemon says that it takes longer."""
    desk.clock.time = MORNING + 101 * MINUTE
    await desk.room.promises.watch()
    await desk.watch()
    if meanwhile:
        await desk.room.incidents.dismiss(meanwhile, DismissIncident(), BOB)
    while desk.clock.now() < MORNING + 2 * HOUR:
        desk.clock.go_on(MINUTE)
        await desk.room.promises.watch()
        await desk.room.work()
        await desk.on_call.watch()


def _next_update(desk: Desk) -> datetime:
    (row,) = desk.room.rows("SELECT due_at FROM promises WHERE state = 'open'")
    return to_instant(row["due_at"]).astimezone(ZoneInfo("America/Los_Angeles"))


async def test_a_missed_promise_keeps_the_call_going(desk: Desk) -> None:
    draft = await desk.room.open(eta_at=MORNING + HOUR, may_delay=False)
    await desk.room.deliver(draft)
    desk.clock.time = MORNING + 50 * MINUTE
    while desk.clock.now() < MORNING + 75 * MINUTE:
        desk.clock.go_on(MINUTE)
        await desk.room.promises.watch()
        await desk.on_call.watch()
    assert desk.called() == ["Ann", "Bea", "Cem"]
    assert "was missed, and customers have heard nothing since" in desk.texts(CEM_NUMBER)[0]


async def test_a_provider_that_is_stopped_for_longer_than_a_minute_wakes(desk: Desk) -> None:
    desk.states["outbox"] = "stopped: 535 authentication failed; tried again by itself in 12 s"
    await desk.watch(0.5)
    desk.states["outbox"] = "up"
    await desk.watch(0.5)
    desk.states["outbox"] = "stopped: 535 authentication failed; tried again by itself in 12 s"
    await desk.watch(0.8)
    assert desk.called() == []
    await desk.watch(0.5)
    (text,) = desk.texts()
    assert text.startswith("NOTIFIER provider outbox is stopped: 535 authentication failed. Messages wait")
    desk.states["outbox"] = "up"
    await desk.watch(1)
    assert desk.texts()[-1] == "NOTIFIER provider outbox works again. Over."


async def test_a_restart_does_not_pretend_that_a_stopped_provider_works_again(desk: Desk) -> None:
    desk.states["outbox"] = "stopped: 535 authentication failed"
    await desk.watch(1.5)
    desk.states["outbox"] = "up"
    desk.start()
    await desk.watch(1)
    assert len(desk.texts()) == 1
    await desk.watch(2)
    assert len(desk.texts()) == 2


async def test_a_source_that_falls_silent_wakes_and_its_next_complaint_ends_it(desk: Desk) -> None:
    desk.complain("sms", *EVERY_TEN_MINUTES)
    await desk.watch(30, every=MINUTE)
    assert desk.called() == []
    await desk.watch(180, every=MINUTE)
    assert desk.texts()[0].startswith("NOTIFIER source sms: nothing came in for ")
    said = len(desk.texts())
    desk.start()  # and a restart does not end it
    await desk.watch(1)
    assert len(desk.texts()) == said
    desk.complain("sms", desk.clock.now())
    await desk.watch(1)
    assert desk.texts()[-1] == "NOTIFIER source sms speaks again. Over."


async def test_while_the_daemon_was_down_no_source_was_silent(desk: Desk) -> None:
    desk.complain("sms", *EVERY_TEN_MINUTES)
    desk.clock.go_on(5 * HOUR)
    desk.start()
    await desk.watch(30, every=MINUTE)
    assert desk.called() == []


async def test_without_people_nobody_is_called_and_nothing_is_stored(database: SqliteDatabase) -> None:
    desk = Desk(database, people=())
    desk.suspect()
    await desk.watch(1)
    assert desk.room.rows("SELECT * FROM alarms") == []


# --- trying it -------------------------------------------------------------------------------------------------------


async def test_a_test_calls_everybody_at_once_and_is_over_with_the_answer(desk: Desk) -> None:
    calls = await desk.on_call.test("", ANN)
    await desk.watch()
    assert [call.person for call in calls] == ["Ann", "Bea", "Cem"]
    text, code = desk.texts(ANN_NUMBER)[0], desk.code(ANN_NUMBER)
    assert text == (
        f"NOTIFIER test for Ann: nothing has happened, this only tries whether you are reached. Reply {code} WAIT."
    )
    assert "You have it" in await desk.on_call.answer(code, "wait", ANN_NUMBER)
    await desk.watch(11)
    assert desk.outcomes() == [("Ann", "answered"), ("Bea", "unanswered"), ("Cem", "unanswered")]
    assert len(desk.texts()) == 3
    assert desk.metric("calls_open") == 0


# --- alarms of machines ----------------------------------------------------------------------------------------------


async def test_an_alarm_alone_calls_once_and_is_quiet_when_it_is_over(desk: Desk) -> None:
    signals = Signals(desk.room.around)
    own = {"id": "olt-7", "name": "OLT-7", "service": "power", "region": "94110"}
    await signals.take(own)
    await desk.watch()
    (text,) = desk.texts(ANN_NUMBER)
    assert "alarm OLT-7 since" in text
    assert "no incident is open there" in text
    assert "WAIT" in text
    await signals.take(own)  # reported again
    await signals.take({**own, "status": "resolved"})
    await desk.watch(60)
    assert len([each for each in desk.called() if each == "Ann"]) == 1
    assert desk.texts(BEA_NUMBER) == []
    assert desk.texts(ANN_NUMBER)[-1] == "NOTIFIER alarm OLT-7 is over. Nothing more to do."
