"""Above a limit two people answer for an update; one alone only when the other had their time. On every database."""

import asyncio
import json
from datetime import timedelta

import pytest

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.errors import Forbidden, InvalidInput, Refused
from notifier.domain.playbook import Playbook
from notifier.domain.segments import segments
from notifier.stages.broadcasts import Broadcasts
from notifier.stages.incidents import ConfirmIncident
from notifier.storage.database import Database
from notifier.storage.repositories import keys
from tests.control_room import ANN, BOB, MINUTE, FakeMessages
from tests.on_call_desk import ANN_NUMBER, BEA_NUMBER, CEM_NUMBER, Desk

PLAN = Playbook(name="standard", services=("power",), audience_limit=3, second_person_wait=timedelta(minutes=10))
WHY = "three lines down, nobody answers"


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database, playbook=PLAN)


async def asked(desk: Desk) -> int:
    """Let Ann send the first update of five homes, so that it waits for a second person; return its id."""
    view = await desk.room.send(await desk.room.open())
    assert view.state == "awaiting_approval"
    return view.id


def events(desk: Desk, name: str) -> list[dict[str, object]]:
    rows = desk.room.rows("SELECT detail FROM timeline WHERE event = :name ORDER BY id", name=name)
    return [json.loads(row["detail"]) for row in rows]


# --- alone ----------------------------------------------------------------------------------------------------------


async def test_alone_it_goes_once_the_second_person_had_their_time(desk: Desk) -> None:
    which = await asked(desk)
    desk.clock.go_on(10 * MINUTE)
    view = await desk.room.broadcasts.send(which, 5, ANN, alone_reason=f"  {WHY}\n")
    assert (view.state, view.sent_by, view.approved_by, view.alone_reason) == ("sending", "ann", None, WHY)
    shown = await desk.room.incidents.show(1)
    assert shown.card.state == "confirmed"
    assert [each.alone_reason for each in shown.broadcasts] == [WHY]
    (event,) = events(desk, "sent_alone")
    assert (event["broadcast"], event["reason"], event["customers"], event["limit"]) == (which, WHY, 5, 3)
    row = desk.room.rows("SELECT actor, detail FROM audit WHERE action = 'broadcasts.send' ORDER BY id")[-1]
    assert (row["actor"], json.loads(row["detail"])) == ("ann", {"count": 5, "alone": WHY})
    desk.clock.go_on(MINUTE)
    await desk.room.work()
    assert len(desk.room.rows("SELECT id FROM notifications WHERE state = 'sent'")) == 5


async def test_before_that_it_is_refused_with_the_time_from_which_it_is_possible(desk: Desk) -> None:
    which = await asked(desk)
    desk.clock.go_on(10 * MINUTE - timedelta(seconds=1))
    at = f"{desk.clock.now() + timedelta(seconds=1):%Y-%m-%d %H:%M} UTC"
    with pytest.raises(Refused, match=f"it can be sent alone from {at}"):
        await desk.room.broadcasts.send(which, 5, ANN, alone_reason=WHY)
    assert (await desk.room.broadcasts.show(which)).state == "awaiting_approval"
    preview = await desk.room.broadcasts.preview(which)
    assert preview.alone_from_at == desk.clock.now() + timedelta(seconds=1)
    assert (preview.second_person, preview.second_person_wait_seconds) == ("Bea", 600.0)


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 501])
async def test_without_a_reason_it_is_refused(desk: Desk, reason: str) -> None:
    which = await asked(desk)
    desk.clock.go_on(11 * MINUTE)
    with pytest.raises(InvalidInput, match="sending alone takes a reason"):
        await desk.room.broadcasts.send(which, 5, ANN, alone_reason=reason)
    assert events(desk, "sent_alone") == []


async def test_alone_takes_the_count_of_now(desk: Desk) -> None:
    which = await asked(desk)
    desk.clock.go_on(11 * MINUTE)
    desk.room.town.household("94110-9", desk.region)
    with pytest.raises(Refused, match="for 6 customers now, and 5 was typed"):
        await desk.room.broadcasts.send(which, 5, ANN, alone_reason=WHY)
    assert (await desk.room.broadcasts.send(which, 6, ANN, alone_reason=WHY)).expected_customers == 6


async def test_a_draft_goes_before_a_second_person_first(desk: Desk) -> None:
    draft = await desk.room.open()
    assert draft.broadcast is not None
    assert draft.preview is not None
    assert (draft.preview.second_person, draft.preview.alone_from_at) == ("Bea", None)
    with pytest.raises(Refused, match=r"nobody was asked yet.* 10 min later it may be sent alone"):
        await desk.room.broadcasts.send(draft.broadcast.id, 5, ANN, alone_reason=WHY)
    assert (await desk.room.broadcasts.show(draft.broadcast.id)).state == "draft"


async def test_what_needs_no_second_person_is_not_sent_alone(database: Database) -> None:
    desk = Desk(database, homes=2, playbook=PLAN)
    draft = await desk.room.open()
    with pytest.raises(Refused, match="need no second person"):
        await desk.room.broadcasts.send(draft.broadcast.id, 2, ANN, alone_reason=WHY)  # type: ignore[union-attr]
    assert (await desk.room.send(draft)).alone_reason == ""


async def test_the_second_person_does_not_send_alone_what_they_may_approve(desk: Desk) -> None:
    which = await asked(desk)
    desk.clock.go_on(11 * MINUTE)
    with pytest.raises(Refused, match="you are the second person: approve it"):
        await desk.room.broadcasts.send(which, 5, BOB, alone_reason=WHY)
    assert (await desk.room.broadcasts.approve(which, 5, BOB)).alone_reason == ""


async def test_a_yes_and_alone_at_one_moment_send_it_once(desk: Desk) -> None:
    which = await asked(desk)
    desk.clock.go_on(11 * MINUTE)
    here, there = desk.room.broadcasts, Broadcasts(desk.room.around, FakeMessages())  # two processes on one store
    done = await asyncio.gather(
        here.send(which, 5, ANN, alone_reason=WHY),
        there.approve(which, 5, BOB),
        there.send(which, 5, ANN, alone_reason=WHY),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Refused) for each in done) == 2
    assert len(desk.room.rows("SELECT id FROM audit WHERE action IN ('broadcasts.send', 'broadcasts.approve')")) == 2
    assert len(events(desk, "sent_alone")) == (not isinstance(done[0], Refused)) + (not isinstance(done[2], Refused))


async def test_who_sent_it_is_told_from_when_it_may_go_alone_and_how(desk: Desk) -> None:
    await asked(desk)
    (need,) = desk.room.needs("ann")
    assert need.text.endswith("sent by you, waits for another key; you may send it alone from 14:10 UTC")
    assert need.next == ["notifier broadcasts preview 1", "notifier broadcasts cancel 1"]
    desk.clock.go_on(10 * MINUTE)
    (need,) = desk.room.needs("ann")
    assert need.text.endswith("; you may send it alone now")
    assert need.next[-1] == "notifier broadcasts send 1 --alone REASON"
    (need,) = desk.room.needs("bob")
    assert need.next[1:] == ["notifier broadcasts approve 1", "notifier broadcasts reject 1"]


async def test_who_only_drafted_it_is_not_offered_to_approve_it(desk: Desk) -> None:
    draft = await desk.room.open()  # by Ann
    await desk.room.broadcasts.send(draft.broadcast.id, 5, BOB)  # type: ignore[union-attr]
    (need,) = desk.room.needs("ann")
    assert need.next == ["notifier broadcasts preview 1", "notifier broadcasts reject 1"]


# --- the managers ---------------------------------------------------------------------------------------------------


def make_key(desk: Desk, name: str, role: KeyRole) -> None:
    desk.room.database.write_now(
        lambda tx: keys.create(tx, name=name, role=role, hash_=name, prefix="ntf", now=desk.clock.now())
    )


async def test_every_manager_is_told_once_whichever_process_does_it(desk: Desk) -> None:
    make_key(desk, "ann", KeyRole.MANAGER)
    make_key(desk, "bea", KeyRole.COMMANDER)
    make_key(desk, "cem", KeyRole.MANAGER)
    which = await asked(desk)
    desk.clock.go_on(11 * MINUTE)
    await desk.room.broadcasts.send(which, 5, ANN, alone_reason=WHY)
    assert events(desk, "sent_alone")[0]["managers"] == ["Cem"]
    desk.start()  # the daemon that took the request is gone
    await desk.watch(30)
    (text,) = desk.texts(CEM_NUMBER)
    assert text == (
        f"NOTIFIER #1 power 94110: ann sends broadcast {which} to 5 customers alone, because no second person answered:"
        f" {WHY}."
    )
    assert desk.texts(ANN_NUMBER) == []
    assert desk.room.rows("SELECT id FROM calls WHERE ended_at IS NULL") == []


async def test_where_nobody_is_known_as_a_manager_everybody_else_is_told(desk: Desk) -> None:
    which = await asked(desk)
    desk.clock.go_on(11 * MINUTE)
    await desk.room.broadcasts.send(which, 5, ANN, alone_reason=WHY)
    await desk.watch(5)
    assert len([text for text in desk.texts(BEA_NUMBER) if "alone" in text]) == 1
    assert len([text for text in desk.texts(CEM_NUMBER) if "alone" in text]) == 1
    assert desk.texts(ANN_NUMBER) == []


async def test_whoever_was_called_for_a_yes_hears_that_it_went_alone(desk: Desk) -> None:
    which = await asked(desk)
    await desk.watch(11)
    await desk.room.broadcasts.send(which, 5, ANN, alone_reason=WHY)
    await desk.watch(30)
    over = [text for text in desk.texts(BEA_NUMBER) if "over (sent alone by ann at" in text]
    assert len(over) == 1
    assert desk.called().count("Bea") == 2  # for a yes, and once as the one who answers for it
    said = await desk.on_call.answer(desk.code(BEA_NUMBER), "yes", BEA_NUMBER)
    assert said == "This is over. Nothing was done."


# --- who is a second person -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ann", "Ann", "ANN", "on-call:Ann via sms"])
async def test_nobody_approves_their_own_by_another_key_of_the_same_name(desk: Desk, name: str) -> None:
    which = await asked(desk)
    with pytest.raises(Forbidden, match="another key"):
        await desk.room.broadcasts.approve(which, 5, Actor(name=name, role=KeyRole.MANAGER, key_id=7))


async def test_who_drafted_it_does_not_approve_it_either(desk: Desk) -> None:
    draft = await desk.room.open()  # by Ann
    assert draft.broadcast is not None
    await desk.room.broadcasts.send(draft.broadcast.id, 5, BOB)
    with pytest.raises(Forbidden, match="was drafted by 'ann'"):
        await desk.room.broadcasts.approve(draft.broadcast.id, 5, ANN)
    await desk.watch()
    assert desk.called() == ["Bea"]


async def test_an_update_that_was_drafted_anew_is_not_what_was_approved(desk: Desk) -> None:
    first = await asked(desk)
    second = (await desk.room.send(await desk.room.incidents.confirm(1, ConfirmIncident(cause="storm"), ANN))).id
    with pytest.raises(Refused, match="superseded"):
        await desk.room.broadcasts.approve(first, 5, BOB)
    assert (await desk.room.broadcasts.approve(second, 5, BOB)).facts["cause"] == "storm"


# --- by text --------------------------------------------------------------------------------------------------------


async def test_bea_is_asked_with_the_count_what_it_says_and_how_to_answer(desk: Desk) -> None:
    which = await asked(desk)
    await desk.watch()
    (text,) = desk.texts(BEA_NUMBER)
    code = desk.code(BEA_NUMBER)
    assert text.startswith("NOTIFIER #1 power 94110: acknowledged to 5 customers, sent by ann, waits for another key")
    assert f"notifier broadcasts approve {which}" in text
    assert f"Reply {code} YES, {code} NO or {code} WAIT." in text
    assert segments(text).count <= 2


@pytest.mark.parametrize("word", ["yes", "send"])
async def test_yes_by_text_approves_once(desk: Desk, word: str) -> None:
    make_key(desk, "bea", KeyRole.COMMANDER)
    which = await asked(desk)
    await desk.watch()
    code = desk.code(BEA_NUMBER)
    said = await desk.on_call.answer(code, word, BEA_NUMBER)
    assert said == f"Approved: broadcast {which} goes to 5 customers."
    assert (await desk.room.broadcasts.show(which)).approved_by == "on-call:Bea via sms"
    assert (await desk.on_call.answer(code, "no", BEA_NUMBER)).startswith(f"{code} was used at")
    desk.start()
    await desk.watch(30)
    assert desk.called() == ["Bea"]
    with pytest.raises(Refused):
        await desk.room.broadcasts.send(which, 5, ANN, alone_reason=WHY)


@pytest.mark.parametrize("role", [KeyRole.VIEWER, KeyRole.AGENT, KeyRole.SYSTEM])
async def test_a_text_approves_no_more_than_the_key_of_its_author(desk: Desk, role: KeyRole) -> None:
    make_key(desk, "bea", role)
    which = await asked(desk)
    await desk.watch()
    said = await desk.on_call.answer(desk.code(BEA_NUMBER), "yes", BEA_NUMBER)
    assert said.startswith(f"Not done: your key is one of a {role}")
    assert (await desk.room.broadcasts.show(which)).state == "awaiting_approval"


async def test_no_by_text_rejects_and_the_sender_is_told(desk: Desk) -> None:
    which = await asked(desk)
    await desk.watch()
    said = await desk.on_call.answer(desk.code(BEA_NUMBER), "no", BEA_NUMBER)
    assert said == f"Broadcast {which} is rejected. Nobody is told; who sent it sees that."
    view = await desk.room.broadcasts.show(which)
    assert (view.state, view.reason, view.rejected_by) == ("cancelled", "rejected", "on-call:Bea via sms")
    assert desk.room.needs("ann")[0].kind == "rejected"


async def test_a_yes_is_not_for_many_more_than_were_asked_about(desk: Desk) -> None:
    make_key(desk, "bea", KeyRole.COMMANDER)
    which = await asked(desk)
    await desk.watch()
    old = desk.code(BEA_NUMBER)
    desk.room.town.household("94110-9", desk.region)
    said = await desk.on_call.answer(old, "yes", BEA_NUMBER)
    assert said.startswith("Not approved: it is for 6 customers by now, more than you were asked about.")
    assert (await desk.room.broadcasts.show(which)).state == "awaiting_approval"
    assert not (await desk.on_call.answer(old, "yes", BEA_NUMBER)).startswith("Approved")
    desk.start()
    await desk.watch(3)
    assert desk.called() == ["Bea", "Bea"]
    assert "acknowledged to 6 customers" in desk.texts(BEA_NUMBER)[-1]
    assert (await desk.on_call.answer(desk.code(BEA_NUMBER), "yes", BEA_NUMBER)).startswith("Approved")
    assert (await desk.room.broadcasts.show(which)).expected_customers == 6


async def test_what_shrank_is_approved_as_it_is(desk: Desk) -> None:
    make_key(desk, "bea", KeyRole.COMMANDER)
    which = await asked(desk)
    await desk.watch()
    desk.room.database.write_now(lambda tx: tx.run("UPDATE sites SET status = 'ended' WHERE id = 1"))
    assert "goes to 4 customers" in await desk.on_call.answer(desk.code(BEA_NUMBER), "yes", BEA_NUMBER)
    assert (await desk.room.broadcasts.show(which)).expected_customers == 4
