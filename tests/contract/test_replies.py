"""What customers write back, and the newest facts for those who wrote or complained; on both databases."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from notifier.config import Config
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.notification import Channel
from notifier.messages.sms import Text
from notifier.stages.delivery import Doubts
from notifier.stages.helpdesk import Helpdesk
from notifier.stages.incidents import RestoreIncident, SetEta
from notifier.stages.intake import ComplaintRequest
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.repositories import control
from tests.control_room import ANN
from tests.on_call_desk import Listening
from tests.reply_desk import HELPDESK, STANDARD, ReplyDesk

MARY, JOSE, OSCAR = "+14155550111", "+14155550112", "+14155550113"
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def desk(database: Database) -> ReplyDesk:
    desk = ReplyDesk(database)
    region = desk.town.region("94110")
    desk.home("12", MARY, region)
    desk.home("14", JOSE, region)
    desk.home("99", OSCAR, desk.town.region("94999"))
    await desk.inbox.tell_reporters()  # from its first start on
    return desk


async def tell(desk: ReplyDesk) -> int:
    """Confirm an incident at Mary's and Jose's, and tell them; return its broadcast."""
    return await desk.deliver(await desk.open())


async def restore(desk: ReplyDesk) -> None:
    draft = await desk.incidents.restored(1, RestoreIncident(), ANN)
    view = await desk.send(draft)
    assert view.not_before_at is not None
    desk.clock.time = max(desk.clock.time, view.not_before_at)
    await desk.work()


# --- consent


async def test_a_stop_is_honoured_by_the_very_next_message(desk: ReplyDesk) -> None:
    await desk.send(await desk.open())
    desk.pass_time(minutes=1)
    await desk.course.start_due()
    while await desk.planning.step():
        pass
    recalled: list[bool] = []
    desk.queue.on_recall(lambda: recalled.append(True))
    await desk.text(MARY, "please stop texting me")
    assert recalled == [True]
    claimed = await desk.claim()
    assert [(one.address, str(one.kind)) for one in claimed] == [(MARY, "opted_out"), (JOSE, "acknowledged")]
    assert desk.messages(MARY) == [("suppressed", "opted_out")]


async def test_what_was_claimed_and_not_begun_when_they_said_stop_is_not_sent(desk: ReplyDesk) -> None:
    await desk.send(await desk.open())
    desk.pass_time(minutes=1)
    await desk.course.start_due()
    while await desk.planning.step():
        pass
    claimed = await desk.claim()
    await desk.text(MARY, "STOP")
    from notifier.domain.notification import NotificationReason

    await desk.delivery.release(claimed, reason=NotificationReason.PLANNED)  # as the worker does at a recall
    assert MARY not in [one.address for one in await desk.claim() if one.broadcast_id]


async def test_one_confirmation_per_opt_out_and_nothing_after_it(desk: ReplyDesk) -> None:
    for word in ("STOP", "stop!!", "unsubscribe", "HELP", "STATUS", "OUT"):
        await desk.text(MARY, word)
    assert [str(one.kind) for one in await desk.claim()] == ["opted_out"]
    await desk.text(MARY, "START")
    await desk.text(MARY, "STOP")
    assert [str(one.kind) for one in await desk.claim()] == ["opted_out"]  # "opted in" is not true any more


async def test_a_stop_that_was_sent_before_the_start_changes_nothing(desk: ReplyDesk) -> None:
    from notifier.stages.replies import Inbound

    sent_at = desk.clock.now()
    desk.pass_time(minutes=2)
    await desk.text(MARY, "STOP")
    desk.pass_time(minutes=2)
    await desk.text(MARY, "START")
    desk.pass_time(minutes=2)
    late = Inbound(source="email", external_id="m1", sender=MARY, text="STOP", sent_at=sent_at)
    assert await desk.inbox.take(late)
    await desk.claim()
    assert desk.rows("SELECT state FROM consents") == [{"state": "granted"}]
    assert desk.kinds() == ["opted_out", "opted_in"]


async def test_a_start_by_text_switches_texts_on_again_and_says_so(desk: ReplyDesk) -> None:
    desk.database.write_now(lambda tx: tx.run("UPDATE contact_points SET channels_off = '|sms|voice|'"))
    await desk.text(MARY, "START")
    assert [(one.address, str(one.kind)) for one in await desk.claim()] == [(MARY, "opted_in")]
    off = {row["address"]: row["channels_off"] for row in desk.rows("SELECT address, channels_off FROM contact_points")}
    assert (off[MARY], off[JOSE]) == ("|voice|", "|sms|voice|")
    audited = desk.rows("SELECT action FROM audit WHERE action = 'contact_points.opt_in'")
    assert len(audited) == 1
    await tell(desk)
    assert [state for state, _ in desk.messages(MARY)] == ["sent"]
    assert desk.messages(JOSE) == []


async def test_a_start_is_no_lie_to_who_has_switched_off_every_site_and_leaves_single_ones_off(desk: ReplyDesk) -> None:
    mute = "INSERT INTO muted_sites (contact_point_id, site_id, created_at) VALUES (1, 1, 1)"
    desk.database.write_now(lambda tx: tx.run(mute))
    second = desk.town.site(1, desk.town.region("94117"), reference="2", address="Barn")
    desk.town.contact(1, [second], MARY, kind="mobile")
    await desk.text(MARY, "START")
    assert desk.rows("SELECT site_id FROM muted_sites") == [{"site_id": 1}]
    desk.database.write_now(lambda tx: tx.run("INSERT INTO muted_sites VALUES (1, :site, 1)", site=second))
    await desk.text(MARY, "START")
    assert desk.rows("SELECT site_id FROM muted_sites") == []
    assert desk.kinds(MARY) == ["opted_in"]


async def test_a_start_does_not_lift_what_an_agent_stopped(desk: ReplyDesk) -> None:
    desk.database.write_now(lambda tx: tx.run("UPDATE contact_points SET suppressed = 'by_person' WHERE id = 1"))
    await desk.text(MARY, "START")
    assert desk.rows("SELECT suppressed FROM contact_points WHERE id = 1") == [{"suppressed": "by_person"}]
    assert await desk.claim() == []


# --- words


async def test_a_pause_ends_the_messages_of_this_incident_only(desk: ReplyDesk) -> None:
    await tell(desk)
    await desk.text(MARY, "PAUSE")
    assert desk.kinds(MARY) == ["paused"]
    assert desk.rows("SELECT incident_id FROM pauses") == [{"incident_id": 1}]
    await restore(desk)
    assert len(desk.messages(MARY)) == 1
    assert len(desk.messages(JOSE)) == 2


async def test_start_ends_a_pause_and_says_so(desk: ReplyDesk) -> None:
    await tell(desk)
    await desk.text(MARY, "PAUSE")
    await desk.text(MARY, "START")
    assert desk.kinds(MARY) == ["paused", "opted_in"]
    assert desk.rows("SELECT incident_id FROM pauses") == []
    await desk.text(MARY, "START")  # nothing to end any more
    assert desk.kinds(MARY) == ["paused", "opted_in"]
    await restore(desk)
    assert len(desk.messages(MARY)) == 2


async def test_status_says_the_newest_facts_of_the_minute_it_is_sent(desk: ReplyDesk) -> None:
    await tell(desk)
    await desk.text(MARY, "when will it be back?")
    eta = desk.clock.now() + timedelta(hours=2)
    await desk.deliver(await desk.incidents.eta(1, SetEta(eta_at=eta), ANN))
    [answer] = [one for one in await desk.claim() if one.broadcast_id is None]
    assert (str(answer.kind), answer.facts.eta_at) == ("status", eta)
    assert answer.personal.sites[0].street == "12 Oak St"


async def test_out_while_it_is_known_is_answered_with_the_newest_facts(desk: ReplyDesk) -> None:
    await tell(desk)
    await desk.text(MARY, "OUT")
    [answer] = [one for one in await desk.claim() if one.broadcast_id is None]
    assert str(answer.kind) == "noted_out"
    assert answer.facts.next_update_by is not None
    message, _ = desk.delivery.make(answer)
    assert isinstance(message, Text)
    assert "Next text by" in message.body
    assert message.segments <= 2


async def test_a_time_that_has_passed_is_not_repeated(desk: ReplyDesk) -> None:
    await tell(desk)
    desk.pass_time(minutes=70)
    await desk.text(MARY, "STATUS")
    [answer] = [one for one in await desk.claim() if one.broadcast_id is None]
    assert answer.facts.next_update_by is None


async def test_status_where_nothing_is_known_says_so_and_where_nobody_was_told_does_not(desk: ReplyDesk) -> None:
    await desk.text(OSCAR, "STATUS")
    assert desk.kinds(OSCAR) == ["no_outage"]
    await desk.open()  # confirmed, and nobody has been told
    await desk.text(MARY, "STATUS")
    assert desk.kinds(MARY) == ["checking"]
    await desk.complain(customer_id="14")
    await desk.text(JOSE, "STATUS")
    await desk.text(MARY, "STATUS")
    assert (desk.kinds(JOSE), desk.kinds(MARY)) == (["received"], ["checking"] * 2)


async def test_whoever_has_just_reported_is_not_told_that_all_is_well(desk: ReplyDesk) -> None:
    await desk.text(MARY, "OUT")
    await desk.text(MARY, "STATUS")
    assert desk.kinds(MARY) == ["noted_out", "received"]
    await desk.text(MARY, "ON")
    await desk.text(MARY, "STATUS")
    assert desk.kinds(MARY)[2:] == ["no_outage"]


async def test_a_report_is_over_with_the_incident_it_belonged_to(desk: ReplyDesk) -> None:
    await desk.text(MARY, "OUT")
    desk.pass_time(minutes=2)
    await desk.open()
    desk.pass_time(minutes=2)
    dismissed = "UPDATE incidents SET state = 'dismissed', dismissed_at = :now"
    desk.database.write_now(lambda tx: tx.run(dismissed, now=to_micros(desk.clock.now())))
    await desk.text(MARY, "STATUS")
    assert desk.kinds(MARY) == ["noted_out", "no_outage"]


async def test_on_before_anybody_was_told_leaves_the_one_answer_to_the_on_after_it(desk: ReplyDesk) -> None:
    draft = await desk.open()
    await desk.text(MARY, "ON")
    assert desk.kinds(MARY) == []
    await desk.deliver(draft)
    for _ in range(2):
        await desk.text(MARY, "ON")
    assert desk.kinds(MARY) == ["noted_on"]


async def test_out_and_on_are_counted_for_their_incident(desk: ReplyDesk) -> None:
    await tell(desk)
    await desk.text(MARY, "OUT")
    await desk.text(JOSE, "ON")
    await desk.text(JOSE, "it's back on")
    assert desk.kinds() == ["noted_out", "noted_on"]
    view = await desk.incidents.show(1)
    assert view.replies == {"on": 1, "out": 1}
    assert (
        desk.rows("SELECT meaning, incident_id, service FROM replies WHERE contact_point_id = 2 ORDER BY id")
        == [{"meaning": "on", "incident_id": 1, "service": "power"}] * 2
    )


async def test_out_after_restored_counts_again_and_stands_in_the_timeline(desk: ReplyDesk) -> None:
    await desk.complain(customer_id="12", text="dark")
    await tell(desk)
    await restore(desk)
    await desk.text(MARY, "OUT")
    await desk.text(JOSE, "still no power here")
    rows = desk.rows("SELECT reporter, not_counted, text FROM complaints ORDER BY id")
    assert [(row["reporter"], row["not_counted"]) for row in rows] == [
        ("customer:12", None),
        ("customer:12", None),  # although the same reporter has counted today
        ("customer:14", None),
    ]
    assert desk.kinds() == ["noted_out", "noted_out"]
    assert desk.events().count("still_out") == 2
    await desk.text(MARY, "OUT")
    assert desk.rows("SELECT not_counted FROM complaints ORDER BY id DESC LIMIT 1") == [{"not_counted": "repeat"}]


async def test_who_has_another_site_out_is_asked_only_where_it_is_not_clear(desk: ReplyDesk) -> None:
    [customer] = desk.rows("SELECT id FROM customers WHERE reference = '12'")
    barn = desk.town.site(customer["id"], desk.town.region("94110"), reference="2", address="Barn Rd 1, Springfield")
    desk.database.write_now(
        lambda tx: tx.run(
            "INSERT INTO links (contact_point_id, site_id, role, customer_id) VALUES (1, :site, 'owner', :customer)",
            site=barn,
            customer=customer["id"],
        )
    )
    await tell(desk)
    await desk.text(MARY, "OUT")
    assert desk.kinds(MARY) == ["noted_out"]  # both are known to be out
    assert desk.answers(MARY)[0].site_ids == (1, barn)  # and both are named: nobody said which
    await desk.text(MARY, "ON")
    assert desk.answers(MARY)[-1].site_ids == (1, barn)
    await desk.text(MARY, "2")
    assert desk.kinds(MARY) == ["noted_out", "which_site", "noted_on"]
    desk.pass_time(minutes=61)
    await desk.text(MARY, "1")
    assert desk.kinds(MARY)[3:] != ["noted_on"]  # the question is over


# --- the newest facts personally


async def test_who_complains_while_they_are_being_told_is_told_before_the_others(desk: ReplyDesk) -> None:
    await tell(desk)
    region = desk.town.region("94110")
    desk.home("16", "+14155550116", region, email="16@example.net")
    await desk.complain(reporter="+14155550116")
    assert desk.messages("+14155550116") == [("pending", "late_joiner")]
    assert desk.messages("16@example.net") == []
    await desk.work()
    sent(desk)
    await desk.complain(reporter="+14155550116", text="hello?")
    assert desk.kinds("+14155550116") == []  # heard a moment ago


async def test_the_channel_they_wrote_on_comes_first(desk: ReplyDesk) -> None:
    await tell(desk)
    desk.home("16", "+14155550116", desk.town.region("94110"), email="16@example.net")
    await desk.complain(reporter="16@example.net")
    assert desk.messages("16@example.net") == [("pending", "late_joiner")]
    assert desk.messages("+14155550116") == []


async def test_who_was_told_hears_the_newest_again_after_half_an_hour_and_not_more_often(desk: ReplyDesk) -> None:
    await tell(desk)
    sent(desk)
    await desk.complain(customer_id="12")
    assert desk.kinds(MARY) == []
    desk.pass_time(minutes=31)
    for _ in range(3):
        await desk.complain(customer_id="12")
        await desk.text(MARY, "my power is still out!!!")
        desk.pass_time(minutes=5)
    assert desk.kinds(MARY) == ["status"]
    desk.pass_time(minutes=31)
    await desk.complain(customer_id="12")
    assert desk.kinds(MARY) == ["status", "status"]


async def test_what_the_night_holds_is_released_for_who_writes(desk: ReplyDesk) -> None:
    which = await desk.deliver(await desk.open())
    desk.database.write_now(
        lambda tx: tx.run(
            """UPDATE notifications SET state = 'pending', reason = 'quiet_hours', facts = NULL, due_at = :morning
               WHERE broadcast_id = :id""",
            id=which,
            morning=to_micros(desk.clock.now() + timedelta(hours=5)),
        )
    )
    await desk.complain(customer_id="12")
    assert desk.messages(MARY) == [("pending", "wrote")]
    assert desk.messages(JOSE) == [("pending", "quiet_hours")]
    await desk.text(JOSE, "we have no power")
    assert desk.messages(JOSE) == [("pending", "wrote")]


async def test_only_addresses_on_file_hear_back_and_only_of_their_own_place(desk: ReplyDesk) -> None:
    await tell(desk)
    await desk.complain(reporter="+14155550777", region="postal_code:94110")
    await desk.complain(customer_id="99")
    desk.pass_time(minutes=40)
    await desk.complain(customer_id="99")
    assert desk.kinds() == []


async def test_lists_and_history_never_tell_anybody(desk: ReplyDesk) -> None:
    await tell(desk)
    desk.pass_time(minutes=40)
    row = ComplaintRequest(service="power", customer_id="12")
    await desk.intake.submit_many([row], actor=HELPDESK)
    await desk.intake.submit_many([row], actor=HELPDESK, history=True)
    await desk.inbox.tell_reporters()
    assert desk.kinds() == []


async def test_before_any_incident_the_report_is_acknowledged_if_the_playbook_says_so(database: Database) -> None:
    for wanted, kinds in ((False, []), (True, ["received"])):
        desk = ReplyDesk(database, playbook=replace(STANDARD, received=wanted))
        if not wanted:
            desk.home("12", MARY, desk.town.region("94110"))
            await desk.inbox.tell_reporters()
        await desk.complain(customer_id="12")
        await desk.complain(customer_id="12")
        assert desk.kinds() == kinds


async def test_an_opted_out_customer_hears_nothing_back(desk: ReplyDesk) -> None:
    await tell(desk)
    await desk.text(MARY, "STOP")
    desk.pass_time(minutes=40)
    await desk.complain(customer_id="12")
    assert desk.kinds(MARY) == ["opted_out"]


# --- nothing lost, nothing twice


async def test_whatever_is_interrupted_is_done_once(desk: ReplyDesk) -> None:
    await tell(desk)
    await desk.text(MARY, "OUT", sid="SM1")
    desk.database.write_now(lambda tx: tx.run("UPDATE replies SET handled_at = NULL"))  # as if it had not got so far
    while await desk.inbox.handle():
        pass
    assert desk.kinds() == ["noted_out"]
    assert len(desk.rows("SELECT 1 AS one FROM complaints")) == 1
    desk.pass_time(minutes=40)
    await desk.complain(customer_id="14")
    desk.database.write_now(lambda tx: tx.run("UPDATE control SET value = '1' WHERE name = 'reporters_position'"))
    await desk.inbox.tell_reporters()
    assert desk.kinds(JOSE) == ["status"]


async def test_a_reply_that_breaks_its_handling_goes_to_a_person_and_lets_the_others_pass(
    desk: ReplyDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    handling = desk.inbox._handling
    submit = handling._submit

    async def broken(request: ComplaintRequest, *rest: object) -> object:
        if request.customer_id == "12":
            raise ValueError
        return await submit(request, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(handling, "_submit", broken)
    await desk.text(MARY, "OUT")
    await desk.text(JOSE, "OUT")
    assert desk.kinds() == ["noted_out"]
    assert desk.rows("SELECT meaning FROM replies WHERE forward_due_at IS NOT NULL") == [{"meaning": "note"}]


async def test_an_answer_in_doubt_is_settled_like_any_message(desk: ReplyDesk) -> None:
    await desk.text(MARY, "HELP")
    assert len(await desk.claim()) == 1
    playbooks = {"power": STANDARD}
    doubts = Doubts(desk.database, Config(), desk.clock, desk.queue, desk.metrics, playbooks, "another")
    await doubts.settle_at_start()
    assert desk.rows("SELECT state, reason FROM notifications") == [{"state": "held", "reason": "held_by_policy"}]


async def test_an_answer_that_is_an_hour_late_answers_nothing(desk: ReplyDesk) -> None:
    await desk.text(MARY, "HELP")
    desk.pass_time(minutes=61)
    assert await desk.claim() == []
    assert desk.rows("SELECT state, reason FROM notifications") == [{"state": "expired", "reason": "stale"}]


async def test_after_a_correction_there_is_no_outage(desk: ReplyDesk) -> None:
    await tell(desk)
    await desk.text(MARY, "STATUS")
    desk.database.write_now(lambda tx: tx.run("UPDATE broadcasts SET kind = :kind", kind=BroadcastKind.CORRECTION))
    assert [str(one.kind) for one in await desk.claim()] == ["no_outage"]


async def test_mails_count_as_evidence_only_when_they_say_out(desk: ReplyDesk) -> None:
    desk.home("16", "+14155550116", desk.town.region("94110"), email="16@example.net")
    await desk.text("16@example.net", "still no power at my house", source="email")
    assert desk.rows("SELECT 1 AS one FROM complaints") == []
    await desk.text("16@example.net", "OUT\n\nOn Mon, 2 Mar 2026 Valley Electric wrote:\n> reply ON", source="email")
    assert [row["source"] for row in desk.rows("SELECT source FROM complaints")] == ["email"]
    assert [one.channel for one in await desk.claim(Channel.EMAIL)] == [Channel.EMAIL]


def sent(desk: ReplyDesk) -> None:
    """Note when the messages that a test pretended to send were handed over."""
    desk.database.write_now(
        lambda tx: tx.run("UPDATE notifications SET sending_at = ended_at WHERE broadcast_id IS NOT NULL")
    )


# --- to the helpdesk -------------------------------------------------------------------------------------------------


async def test_while_everything_is_paused_the_helpdesk_still_hears_and_the_need_says_so(desk: ReplyDesk) -> None:
    now = desk.clock.now()
    desk.database.write_now(lambda tx: control.put(tx, control.PAUSED, "", now=now, actor=ANN))
    await desk.text(MARY, "my mother needs oxygen, please call")
    mails = Listening(Channel.EMAIL)
    helpdesk = Helpdesk(desk.own, mails)  # type: ignore[arg-type]  # it only listens
    await helpdesk.step()
    assert [each.recipient for each in mails.heard] == ["desk@example.net"]
    (need,) = [each for each in desk.needs() if each.kind == "paused_all"]
    assert "no customer is written to" in need.text
    assert need.text.endswith("people on call and the helpdesk still hear")
