"""What somebody says at an awkward moment: twice, on two ways, while a message is on its way; on both databases."""

from datetime import timedelta

import pytest

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.consent import ConsentState, Purpose
from notifier.domain.customer import SuppressionReason
from notifier.domain.delivery import Outcome, Result, Suppress
from notifier.domain.notification import NotificationReason
from notifier.domain.preferences import Choices
from notifier.domain.reply import Meaning
from notifier.stages.consents import OwnPreferences
from notifier.stages.delivery import Claimed, Handed
from notifier.stages.replies import Inbound
from notifier.storage.database import Database
from tests.broadcasts import broadcast, incident
from tests.reply_desk import ReplyDesk

MARY, JOSE = "+14155550111", "+14155550112"
AGENT = Actor(name="eve", role=KeyRole.AGENT, key_id=3)


@pytest.fixture
async def desk(database: Database) -> ReplyDesk:
    desk = ReplyDesk(database)
    region = desk.town.region("94110")
    desk.home("12", MARY, region)
    desk.home("14", JOSE, region)
    await desk.inbox.tell_reporters()
    return desk


@pytest.fixture
def recalls(desk: ReplyDesk) -> list[str]:
    """Count how often what is claimed was called back."""
    seen: list[str] = []
    desk.queue.on_recall(lambda: seen.append("recalled"))
    return seen


def as_shown(_: object) -> bool:
    """Take every form as one that shows the settings as they are."""
    return True


def own(desk: ReplyDesk) -> OwnPreferences:
    return OwnPreferences(desk.database, desk.config, desk.clock, desk.queue, desk.consents)


async def hand_over(desk: ReplyDesk, claimed: Claimed, outcome: Outcome, *, began: timedelta = timedelta()) -> None:
    """Record what became of a claimed message whose hand-over began so long ago."""
    now = desk.clock.now()
    await desk.delivery.record(
        [Handed(claimed=claimed, outcome=outcome, provider="texts", began_at=now - began, ended_at=now)]
    )


def consents(desk: ReplyDesk) -> dict[str, str]:
    return {row["purpose"]: row["state"] for row in desk.rows("SELECT purpose, state FROM consents")}


def suppressed(desk: ReplyDesk) -> object:
    return desk.rows("SELECT suppressed FROM contact_points WHERE id = 1")[0]["suppressed"]


# --- what is claimed is called back, whoever says so


async def test_a_purpose_refused_on_the_page_calls_back_what_is_claimed(desk: ReplyDesk, recalls: list[str]) -> None:
    page = await own(desk).read(1)
    wanted = Choices(
        locale=page.language,
        purposes=page.purposes - {Purpose.OUTAGE},
        channels=frozenset(page.channels),
        sites=frozenset({1}),
    )
    await own(desk).save(1, wanted, as_shown)
    assert recalls == ["recalled"]


async def test_an_agent_who_stops_an_address_calls_back_what_is_claimed(desk: ReplyDesk, recalls: list[str]) -> None:
    await desk.consents.suppress(1, SuppressionReason.BY_PERSON, source="call", wording="", actor=AGENT)
    assert len(recalls) == 1
    await desk.consents.note(1, Purpose.OUTAGE, ConsentState.REFUSED, source="call", wording="", basis="", actor=AGENT)
    assert len(recalls) == 2
    await desk.consents.note(1, Purpose.OUTAGE, ConsentState.GRANTED, source="call", wording="", basis="", actor=AGENT)
    assert len(recalls) == 2  # nothing has to wait for a yes


async def test_a_pause_calls_back_what_is_claimed(desk: ReplyDesk, recalls: list[str]) -> None:
    await desk.deliver(await desk.open())
    recalls.clear()
    await desk.text(MARY, "PAUSE")
    assert recalls == ["recalled"]


# --- one confirmation, not three


async def test_link_stop_and_page_confirm_an_opt_out_once(desk: ReplyDesk) -> None:
    await desk.consents.opt_out(1, "link")
    await desk.text(MARY, "STOP")
    await own(desk).stop_all(1, as_shown)
    assert desk.kinds(MARY) == []  # the page of the link said so, and nothing follows it
    assert suppressed(desk) == "opted_out"


async def test_stop_and_page_confirm_an_opt_out_once(desk: ReplyDesk) -> None:
    await desk.text(MARY, "STOP")
    await own(desk).stop_all(1, as_shown)
    assert desk.kinds(MARY) == ["opted_out"]


async def test_a_machine_that_says_stop_and_start_is_not_answered_for_ever(desk: ReplyDesk) -> None:
    for _ in range(10):
        await desk.text(MARY, "STOP")
        await desk.text(MARY, "START")
    assert desk.kinds(MARY).count("opted_in") == 3
    assert consents(desk) == {"outage": "granted"}  # it holds all the same
    desk.pass_time(minutes=61)
    await desk.text(MARY, "STOP")
    await desk.text(MARY, "START")
    assert desk.kinds(MARY)[-2:] == ["opted_out", "opted_in"]


# --- which purpose a STOP is about


async def test_a_stop_after_an_answer_about_an_outage_is_about_outages(desk: ReplyDesk) -> None:
    notice = broadcast(desk.database, incident(desk.database), kind=BroadcastKind.PLANNED_NOTICE)
    desk.database.write_now(
        lambda tx: tx.run(
            """INSERT INTO notifications (broadcast_id, contact_point_id, channel, state, due_at, planned_at,
                                          sending_at) VALUES (:b, 1, 'sms', 'sent', 1, 1, 1)""",
            b=notice,
        )
    )
    await desk.text(MARY, "STATUS")
    [answer] = await desk.claim()
    await hand_over(desk, answer, Outcome(result=Result.ACCEPTED, provider_id="SMx"))
    await desk.text(MARY, "STOP")
    assert consents(desk) == {"outage": "refused"}


async def test_a_stop_twice_after_a_notice_is_about_planned_work_once(desk: ReplyDesk) -> None:
    notice = broadcast(desk.database, incident(desk.database), kind=BroadcastKind.PLANNED_NOTICE)
    desk.database.write_now(
        lambda tx: tx.run(
            """INSERT INTO notifications (broadcast_id, contact_point_id, channel, state, due_at, planned_at,
                                          sending_at) VALUES (:b, 1, 'sms', 'sent', 1, 1, 1)""",
            b=notice,
        )
    )
    await desk.text(MARY, "STOP")
    [confirmation] = await desk.claim()
    await hand_over(desk, confirmation, Outcome(result=Result.ACCEPTED, provider_id="SMx"))
    await desk.text(MARY, "STOP")
    assert consents(desk) == {"planned": "refused"}
    assert desk.kinds(MARY) == ["opted_out"]


# --- Twilio's word of an opt-out that is over


async def test_a_refusal_that_is_older_than_the_start_changes_nothing(desk: ReplyDesk) -> None:
    await desk.text(MARY, "STOP")
    [confirmation] = await desk.claim()
    desk.pass_time(seconds=2)
    await desk.text(MARY, "START")  # while our confirmation is with Twilio, which had its STOP by then
    desk.pass_time(seconds=1)
    refused = Outcome(result=Result.PERMANENT, code="400 21610", suppress=Suppress.OPTED_OUT)
    await hand_over(desk, confirmation, refused, began=timedelta(seconds=3))
    assert suppressed(desk) is None
    assert consents(desk) == {"outage": "granted"}


async def test_a_refusal_after_the_start_is_believed(desk: ReplyDesk) -> None:
    await desk.text(MARY, "START")
    desk.pass_time(minutes=5)
    await desk.text(MARY, "HELP")
    answer = (await desk.claim())[-1]
    refused = Outcome(result=Result.PERMANENT, code="400 21610", suppress=Suppress.OPTED_OUT)
    await hand_over(desk, answer, refused)
    assert suppressed(desk) == "opted_out"


# --- a number that a carrier took for a landline


async def test_a_start_from_a_landline_shows_that_it_takes_texts(desk: ReplyDesk) -> None:
    desk.database.write_now(lambda tx: tx.run("UPDATE contact_points SET kind = 'landline' WHERE id = 1"))
    await desk.text(MARY, "START")
    assert desk.rows("SELECT kind FROM contact_points WHERE id = 1") == [{"kind": "mobile"}]
    assert desk.kinds(MARY) == ["opted_in"]


async def test_a_start_on_the_page_or_by_mail_says_nothing_of_the_number(desk: ReplyDesk) -> None:
    desk.database.write_now(lambda tx: tx.run("UPDATE contact_points SET kind = 'landline' WHERE id = 1"))
    await own(desk).start_again(1, as_shown)
    assert desk.rows("SELECT kind FROM contact_points WHERE id = 1") == [{"kind": "landline"}]


# --- what was given back is as young as before


async def test_what_a_recall_gave_back_is_no_older_than_its_release_from_the_night(desk: ReplyDesk) -> None:
    await desk.send(await desk.open())
    desk.pass_time(minutes=1)
    await desk.course.start_due()
    while await desk.planning.step():
        pass
    morning = desk.clock.now() + timedelta(hours=11)
    desk.database.write_now(
        lambda tx: tx.run(
            "UPDATE notifications SET due_at = :due, reason = 'quiet_hours'",
            due=int(morning.timestamp() * 1_000_000),
        )
    )
    desk.database.write_now(lambda tx: tx.run("UPDATE broadcasts SET facts = REPLACE(facts, 'next_update_by', 'x')"))
    desk.clock.time = morning
    first = await desk.claim()
    assert [one.since for one in first] == [morning, morning]
    await desk.delivery.release(first, reason=NotificationReason.PLANNED)
    again = await desk.claim()
    assert [one.since for one in again] == [morning, morning]


# --- strange texts


@pytest.mark.parametrize("body", ["STOP\0", "\0STOP", "STOP \udc80", "\ud83dSTOP", "STOP" + "!" * 30_000, "\u202eSTOP"])
async def test_strange_characters_neither_break_nor_hide_a_stop(desk: ReplyDesk, body: str) -> None:
    await desk.text(MARY, body)
    assert consents(desk) == {"outage": "refused"}


@pytest.mark.parametrize("sid", ["SM\0x", "SM\udc80", "x" * 64])
async def test_a_strange_id_is_stored_once(desk: ReplyDesk, sid: str) -> None:
    text = Inbound(source="sms", external_id=sid, sender=MARY, text="STOP")
    assert await desk.inbox.take(text)
    assert not await desk.inbox.take(text)
    assert consents(desk) == {"outage": "refused"}


@pytest.mark.parametrize("sender", ["12345", "", "\0", "\udc80", "NOTIFIER", "+1", "x" * 5_000])
async def test_a_sender_that_nobody_can_have_breaks_nothing(desk: ReplyDesk, sender: str) -> None:
    for word in ("STOP", "START", "OUT", "hello"):
        await desk.text(sender, word)
    assert desk.rows("SELECT 1 AS one FROM replies WHERE handled_at IS NULL") == []
    assert await desk.claim() == []


async def test_a_whatsapp_sender_is_the_number(desk: ReplyDesk) -> None:
    await desk.text(f"whatsapp:{MARY}", "STOP")
    assert consents(desk) == {"outage": "refused"}


@pytest.mark.parametrize("replied", [None, Meaning.STOP])
async def test_a_stop_of_several_customers_at_one_number_holds_for_all(
    desk: ReplyDesk, replied: Meaning | None
) -> None:
    region = desk.town.region("94199")
    desk.home("77", MARY, region)
    await desk.inbox.take(Inbound(source="sms", external_id="s", sender=MARY, text="STOP", replied=replied))
    await desk.send(await desk.open("94110", "94199"))
    desk.pass_time(minutes=1)
    await desk.course.start_due()
    while await desk.planning.step():
        pass
    assert MARY not in [one.address for one in await desk.claim() if one.broadcast_id]
