"""What people on call may answer by text: no more than one commander may do, and only with their own code, once."""

import asyncio
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from notifier.config import Person
from notifier.domain.actor import DAEMON, Actor, KeyRole
from notifier.domain.errors import Forbidden, NotFound, Refused
from notifier.domain.playbook import Playbook
from notifier.domain.segments import segments
from notifier.stages.incidents import DismissIncident
from notifier.storage.migrate import upgrade
from notifier.storage.repositories import keys
from notifier.storage.sqlite import SqliteDatabase
from tests.control_room import AGENT, ANN, BOB, MINUTE
from tests.incident_town import MORNING
from tests.on_call_desk import ANN_NUMBER, BEA_NUMBER, CEM_NUMBER, PEOPLE, Desk
from tests.sqlite_file import sqlite_file

UNKNOWN = "This code is not valid (any more). Nothing was done. See: notifier on-call"
SMALL = Playbook(name="small", services=("power", "internet"), audience_limit=3)
LARGE = Playbook(name="large", services=("power", "internet"))


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
async def desk(database: SqliteDatabase) -> Desk:
    """Return a desk at which Ann was called about a suspected incident."""
    desk = Desk(database, playbook=LARGE)
    desk.suspect()
    await desk.watch()
    return desk


def make_key(desk: Desk, name: str) -> None:
    desk.room.database.write_now(
        lambda tx: keys.create(tx, name=name, role=KeyRole.COMMANDER, hash_=name, prefix="ntf", now=desk.clock.now())
    )


def broadcasts(desk: Desk) -> list[tuple[str, str, str | None]]:
    return [
        (row["kind"], row["state"], row["sent_by"])
        for row in desk.room.rows("SELECT kind, state, sent_by FROM broadcasts ORDER BY id")
    ]


def state(desk: Desk, incident: int = 1) -> str:
    return str(desk.room.rows("SELECT state FROM incidents WHERE id = :id", id=incident)[0]["state"])


# --- SEND ------------------------------------------------------------------------------------------------------------


async def test_send_confirms_and_tells_everybody_the_plain_first_message(desk: Desk) -> None:
    said = await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)
    assert said == "#1 is confirmed; 5 customers are told. Next update by 07:00 PST: you are called before it."
    assert segments(said).count == 1
    assert broadcasts(desk) == [("acknowledged", "sending", "on-call:Ann via sms")]
    facts = (await desk.room.broadcasts.show(1)).facts
    assert facts.get("cause", "") == ""
    assert "eta_at" not in facts
    assert facts["next_update_by"] == "2026-03-02T15:00:00Z"
    desk.clock.go_on(MINUTE)
    await desk.room.work()
    assert len(desk.room.rows("SELECT id FROM notifications WHERE state = 'sent'")) == 5


async def test_what_was_sent_by_text_is_audited_under_the_name_of_who_sent_it(desk: Desk) -> None:
    await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)
    assert desk.audit() == [
        ("on-call:Ann via sms", "on-call.send", "call 1"),
        ("on-call:Ann via sms", "incidents.confirm", "incident 1"),
        ("on-call:Ann via sms", "broadcasts.send", "broadcast 1"),
    ]


async def test_after_send_the_calls_end_and_the_others_are_told(desk: Desk) -> None:
    await desk.watch(11)
    await desk.on_call.answer(desk.code(BEA_NUMBER), "send", BEA_NUMBER)
    await desk.watch(30)
    assert desk.called() == ["Ann", "Bea"]
    assert "over (confirmed by Bea at" in desk.texts(ANN_NUMBER)[-1]
    assert len(desk.texts(BEA_NUMBER)) == 1
    assert desk.outcomes() == [("Ann", "unanswered"), ("Bea", "answered")]
    assert desk.metric("calls_total", reason="suspected", outcome="answered") == 1


async def test_the_first_one_may_answer_after_the_second_was_woken(desk: Desk) -> None:
    await desk.watch(12)
    assert "confirmed" in await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)


async def test_above_one_commanders_limit_a_second_person_is_called(database: SqliteDatabase) -> None:
    desk = Desk(database, playbook=SMALL)
    desk.suspect()
    await desk.watch()
    said = await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)
    assert said == ("#1: 5 customers are more than one person may have told. A second person is called to approve it.")
    assert broadcasts(desk) == [("acknowledged", "awaiting_approval", "on-call:Ann via sms")]
    assert state(desk) == "suspected"
    await desk.watch()
    assert desk.called() == ["Ann", "Bea"]
    assert "sent by on-call:Ann via sms, waits for another key" in desk.texts(BEA_NUMBER)[0]
    said = await desk.on_call.answer(desk.code(BEA_NUMBER), "send", BEA_NUMBER)
    assert said == "Approved: broadcast 1 goes to 5 customers."
    assert broadcasts(desk)[0][1] == "sending"
    assert desk.room.rows("SELECT approved_by FROM broadcasts")[0]["approved_by"] == "on-call:Bea via sms"


async def test_nobody_approves_their_own_by_text_what_they_sent_by_key(database: SqliteDatabase) -> None:
    people = (Person(name="Ann", sms=ANN_NUMBER, key="ann"),)
    desk = Desk(database, playbook=SMALL, people=people)
    make_key(desk, "ann")
    await desk.room.send(await desk.room.open())  # by the key `ann`
    await desk.watch()
    assert "SEND" not in desk.texts(ANN_NUMBER)[0]  # there is nobody else, so that Ann is woken all the same
    said = await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)
    assert said.startswith("This cannot be sent by text")
    assert broadcasts(desk)[0][1] == "awaiting_approval"


async def test_nobody_approves_by_key_what_they_sent_by_text(database: SqliteDatabase) -> None:
    desk = Desk(database, playbook=SMALL)
    desk.suspect()
    await desk.watch()
    await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)
    with pytest.raises(Forbidden):
        await desk.room.broadcasts.approve(1, 5, ANN)  # the key `ann` is Ann's
    assert (await desk.room.broadcasts.approve(1, 5, BOB)).state == "sending"


async def test_who_cannot_be_told_apart_from_the_author_may_not_approve(database: SqliteDatabase) -> None:
    desk = Desk(database, playbook=SMALL, people=(PEOPLE[2],))  # Cem, who may own the key `ann`
    make_key(desk, "ann")
    await desk.room.send(await desk.room.open())
    await desk.watch()
    code = desk.code(CEM_NUMBER)
    said = await desk.on_call.answer(code, "send", CEM_NUMBER)
    assert said.startswith("Not done: nobody can tell that you are not who sent it")
    assert broadcasts(desk)[0][1] == "awaiting_approval"
    make_key(desk, "cem")
    assert (await desk.on_call.answer(code, "send", CEM_NUMBER)).startswith("Approved")


async def test_when_it_cannot_be_done_the_code_stays_good_and_the_next_one_is_woken(desk: Desk) -> None:
    code = desk.code(ANN_NUMBER)
    desk.room.database.write_now(lambda tx: tx.run("UPDATE incidents SET service = 'gas' WHERE id = 1"))
    said = await desk.on_call.answer(code, "send", ANN_NUMBER)
    assert said.startswith("Not done: service 'gas' has no playbook")
    await desk.watch(11)
    assert desk.called() == ["Ann", "Bea"]
    desk.room.database.write_now(lambda tx: tx.run("UPDATE incidents SET service = 'power' WHERE id = 1"))
    assert "confirmed" in await desk.on_call.answer(code, "send", ANN_NUMBER)


# --- WAIT and NO -----------------------------------------------------------------------------------------------------


async def test_wait_lets_it_rest_for_half_an_hour_and_then_the_same_person_is_asked_first(desk: Desk) -> None:
    await desk.watch(11)
    said = await desk.on_call.answer(desk.code(BEA_NUMBER), "wait", BEA_NUMBER)
    assert said == "You have it. If it is still open at 06:41 PST, you are asked again."
    assert broadcasts(desk) == []
    await desk.watch(29)
    assert desk.called() == ["Ann", "Bea"]
    await desk.watch(1.2)
    assert desk.called() == ["Ann", "Bea", "Bea"]
    await desk.watch(10)
    assert desk.called() == ["Ann", "Bea", "Bea", "Cem"]


async def test_after_wait_it_is_said_when_it_is_over(desk: Desk) -> None:
    await desk.on_call.answer(desk.code(ANN_NUMBER), "wait", ANN_NUMBER)
    await desk.room.incidents.dismiss(1, DismissIncident(), BOB)
    await desk.watch()
    assert "over (dismissed by bob" in desk.texts(ANN_NUMBER)[-1]


async def test_no_dismisses_a_suspected_incident(desk: Desk) -> None:
    assert await desk.on_call.answer(desk.code(ANN_NUMBER), "no", ANN_NUMBER) == "#1 is dismissed. Nobody was told."
    assert state(desk) == "dismissed"
    await desk.watch(30)
    assert desk.called() == ["Ann"]
    assert len(desk.texts()) == 1


async def test_of_several_things_wait_takes_all_and_send_none(database: SqliteDatabase) -> None:
    desk = Desk(database, playbook=LARGE)
    desk.suspect("94110")
    desk.suspect("94111")
    await desk.watch()
    code = desk.code(ANN_NUMBER)
    assert (await desk.on_call.answer(code, "send", ANN_NUMBER)).startswith(
        "This cannot be sent by text; use: notifier"
    )
    assert broadcasts(desk) == []
    assert (await desk.on_call.answer(code, "wait", ANN_NUMBER)).startswith("You have it")
    await desk.watch(25)
    assert desk.called() == ["Ann"]


async def test_no_to_a_stopped_provider_says_only_that_it_is_known(database: SqliteDatabase) -> None:
    desk = Desk(database)
    desk.states["outbox"] = "stopped: 535"
    await desk.watch(1.5)
    assert (await desk.on_call.answer(desk.code(ANN_NUMBER), "no", ANN_NUMBER)).startswith("You have it")
    await desk.watch(20)
    assert desk.called() == ["Ann"]


async def test_a_promise_that_was_waved_off_is_asked_about_before_it_lapses(database: SqliteDatabase) -> None:
    plan = Playbook(name="p", services=("power", "internet"), warn_before=20 * MINUTE)
    desk = Desk(database, playbook=plan)
    await desk.room.deliver(await desk.room.open(eta_at=MORNING + timedelta(hours=2), may_delay=False))
    desk.clock.time = MORNING + 101 * MINUTE
    await desk.room.promises.watch()
    await desk.watch()
    said = await desk.on_call.answer(desk.code(ANN_NUMBER), "wait", ANN_NUMBER)
    assert said == "You have it. If it is still open at 07:55 PST, you are asked again."
    await desk.watch(13)
    assert desk.called() == ["Ann"]
    await desk.watch(1.5)
    assert desk.called() == ["Ann", "Ann"]


# --- codes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", [BEA_NUMBER, "+14155559999", ""])
async def test_a_code_from_another_number_is_refused(desk: Desk, sender: str) -> None:
    assert await desk.on_call.answer(desk.code(ANN_NUMBER), "send", sender) == UNKNOWN
    assert state(desk) == "suspected"
    assert "confirmed" in await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)


async def test_the_right_number_alone_proves_nothing(desk: Desk) -> None:
    assert await desk.on_call.answer("AA2", "send", ANN_NUMBER) == UNKNOWN
    assert state(desk) == "suspected"
    assert desk.audit() == [("on-call:Ann via sms", "on-call.wrong_code", "on-call")]


async def test_after_five_wrong_codes_the_right_one_is_good_for_nothing(desk: Desk) -> None:
    right = desk.code(ANN_NUMBER)
    for wrong in ("AA2", "AA3", "AA4", "AA5", "AA6"):
        assert await desk.on_call.answer(wrong, "send", ANN_NUMBER) == UNKNOWN
    assert await desk.on_call.answer(right, "send", ANN_NUMBER) == UNKNOWN
    assert state(desk) == "suspected"
    await desk.watch(31)
    assert desk.called() == ["Ann", "Bea", "Cem", "Ann"]
    assert "confirmed" in await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)  # the new one is


async def test_a_code_is_good_once(desk: Desk) -> None:
    code = desk.code(ANN_NUMBER)
    await desk.on_call.answer(code, "wait", ANN_NUMBER)
    said = await desk.on_call.answer(code.lower(), "send", ANN_NUMBER)
    assert said == f"{code} was used at 06:00 PST: WAIT. Nothing more done."
    assert state(desk) == "suspected"


async def test_the_same_text_twice_at_once_does_it_once(desk: Desk) -> None:
    code = desk.code(ANN_NUMBER)
    said = await asyncio.gather(*(desk.on_call.answer(code, "send", ANN_NUMBER) for _ in range(5)))
    assert sum("confirmed" in each for each in said) == 1
    assert len(broadcasts(desk)) == 1


async def test_a_code_is_good_for_two_hours(database: SqliteDatabase) -> None:
    desk = Desk(database, people=PEOPLE[:1])
    desk.suspect()
    await desk.watch()
    old = desk.code(ANN_NUMBER)
    desk.clock.go_on(timedelta(hours=2, seconds=1))
    assert await desk.on_call.answer(old, "send", ANN_NUMBER) == UNKNOWN


async def test_a_code_is_good_after_a_restart(desk: Desk) -> None:
    code = desk.code(ANN_NUMBER)
    desk.start()
    assert "confirmed" in await desk.on_call.answer(code, "send", ANN_NUMBER)


async def test_the_answer_to_what_is_over_does_nothing(desk: Desk) -> None:
    await desk.room.incidents.dismiss(1, DismissIncident(), BOB)
    await desk.watch()
    assert await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER) == "This is over. Nothing was done."


async def test_an_answer_to_what_has_changed_meanwhile_is_refused_in_words(desk: Desk) -> None:
    await desk.room.incidents.dismiss(1, DismissIncident(), BOB)  # nobody has looked since
    said = await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)
    assert said.startswith("Not done: incident 1 is dismissed and cannot become confirmed")


async def test_an_answer_to_an_answer_fits_a_text(desk: Desk) -> None:
    service = "gas" + "-" * 500
    desk.room.database.write_now(lambda tx: tx.run("UPDATE incidents SET service = :s WHERE id = 1", s=service))
    said = await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)
    assert said.startswith("Not done: service 'gas---")
    assert segments(said).count == 2


async def test_two_people_with_one_telephone_have_codes_of_their_own(database: SqliteDatabase) -> None:
    people = (Person(name="Ann", sms=ANN_NUMBER), Person(name="Bea", sms=ANN_NUMBER))
    desk = Desk(database, people=people)
    desk.suspect()
    await desk.watch(11)
    await desk.on_call.answer(desk.code(ANN_NUMBER), "send", ANN_NUMBER)
    assert broadcasts(desk)[0][2] == "on-call:Bea via sms"


def test_only_numbers_on_call_are_known(database: SqliteDatabase) -> None:
    desk = Desk(database)
    assert desk.on_call.knows(ANN_NUMBER)
    assert not desk.on_call.knows("+14155559999")
    assert not desk.on_call.knows("")


# --- at a keyboard ---------------------------------------------------------------------------------------------------


async def test_a_call_is_taken_at_a_keyboard(desk: Desk) -> None:
    view = await desk.on_call.acknowledge(1, BOB)
    assert (view.answered_by, view.answer, view.outcome) == ("bob", "wait", "answered")
    await desk.watch(25)
    assert desk.called() == ["Ann"]
    assert desk.audit() == [("bob", "on-call.ack", "call 1")]
    assert await desk.on_call.called() == {
        "suspected 1": "Ann called 06:00 PST, answered WAIT by bob 06:00 PST",
    }


async def test_a_call_is_taken_once_while_it_is_open_and_by_who_may(desk: Desk) -> None:
    with pytest.raises(NotFound):
        await desk.on_call.acknowledge(99, ANN)
    with pytest.raises(Forbidden):
        await desk.on_call.acknowledge(1, AGENT)
    with pytest.raises(Forbidden):
        await desk.on_call.acknowledge(1, DAEMON)
    await desk.on_call.acknowledge(1, ANN)
    with pytest.raises(Refused, match="call 1 was answered by ann already"):
        await desk.on_call.acknowledge(1, BOB)


async def test_what_is_over_cannot_be_taken(desk: Desk) -> None:
    await desk.room.incidents.dismiss(1, DismissIncident(), BOB)
    await desk.watch()
    with pytest.raises(Refused, match="what call 1 was about is over"):
        await desk.on_call.acknowledge(1, ANN)


async def test_only_commanders_may_test(desk: Desk) -> None:
    with pytest.raises(Forbidden):
        await desk.on_call.test("", Actor(name="eve", role=KeyRole.AGENT))


# --- other words -----------------------------------------------------------------------------------------------------


async def test_a_good_code_with_another_word_is_answered_with_the_words_and_does_nothing(desk: Desk) -> None:
    code = desk.code(ANN_NUMBER)
    said = await desk.on_call.explain(["AA2", code], ANN_NUMBER)
    assert said == (
        f"That was not understood, nothing was done. Reply {code} SEND, {code} WAIT or {code} NO."
        " Until then the next on call is woken."
    )
    assert await desk.on_call.answer(code, "okay", ANN_NUMBER) == said
    assert segments(said).count <= 2
    assert state(desk) == "suspected"
    await desk.watch(11)
    assert desk.called() == ["Ann", "Bea"]
    assert "confirmed" in await desk.on_call.answer(code, "send", ANN_NUMBER)  # it is still good
    assert "was used at" in str(await desk.on_call.explain([code], ANN_NUMBER))


async def test_other_words_without_a_good_code_are_a_text_like_any_other(desk: Desk) -> None:
    code = desk.code(ANN_NUMBER)
    for codes, sender in ((["AA2"], ANN_NUMBER), ([code], BEA_NUMBER), ([], ANN_NUMBER), ([code], "+14155559999")):
        assert await desk.on_call.explain(codes, sender) is None
    assert desk.audit() == []
    assert "confirmed" in await desk.on_call.answer(code, "send", ANN_NUMBER)


async def test_the_words_are_explained_six_times_an_hour(desk: Desk) -> None:
    code = desk.code(ANN_NUMBER)
    said = [await desk.on_call.explain([code], ANN_NUMBER) for _ in range(8)]
    assert [bool(each) for each in said] == [True] * 6 + [False] * 2
    assert said[-1] == ""
    desk.clock.go_on(timedelta(minutes=61))
    assert await desk.on_call.explain([code], ANN_NUMBER)
