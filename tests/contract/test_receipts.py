"""What a provider reports later, on both databases: in any order, once, and never back."""

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from msgspec.structs import replace

from notifier.config import Provider, ProviderKind
from notifier.domain.broadcast import BroadcastKind, BroadcastState
from notifier.domain.delivery import Outcome, Result, Suppress
from notifier.domain.notification import Channel, NotificationReason
from notifier.domain.receipt import Receipt, ReceiptStatus
from notifier.messages import Messages
from notifier.messages.sms import Text
from notifier.providers import CannotTell, Found, Message
from notifier.stages.delivery import Asking, Claimed, Doubts, Handed, Letters, Receipts, Suppressions
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from tests.broadcasts import NOW, broadcast, contact_point, incident, notification, states
from tests.contract.test_delivery import PLAYBOOKS, Desk

SID = "SM" + "a" * 32
S = ReceiptStatus


class Twilio:
    """A provider that can be asked; what it has is in `has`."""

    settings = Provider(name="sms", kind=ProviderKind.TWILIO, channel=Channel.SMS)
    capacity = 1

    def __init__(self) -> None:
        self.has: dict[str, list[Found]] = {}  # by number
        self.words: dict[str, str] = {}  # by message, where an account keeps them
        self.bodies: list[str] = []  # that were asked for
        self.asked: list[tuple[str, datetime, frozenset[str]]] = []
        self.is_silent = False

    async def open(self) -> None: ...

    async def send(self, message: Message, recalled: asyncio.Event) -> Outcome:
        raise NotImplementedError

    async def close(self) -> None: ...

    async def ask(self, recipient: str, *, body: str, began_at: datetime, known: Collection[str]) -> Found | None:
        self.asked.append((recipient, began_at, frozenset(known)))
        self.bodies.append(body)
        if self.is_silent:
            raise CannotTell("503")
        return next(
            (
                one
                for one in self.has.get(recipient, [])
                if one.provider_id not in known and self.words.get(one.provider_id, body) == body
            ),
            None,
        )


class Senders:
    """Those who are told what the reports say about a provider."""

    def __init__(self) -> None:
        self.halted: list[str] = []
        self.arrivals: list[str] = []

    def halt(self, provider: str, reason: str) -> None:
        self.halted.append(f"{provider}: {reason}")

    def arrived(self, provider: str) -> None:
        self.arrivals.append(provider)


class TextDesk(Desk):
    """A desk for texts: receipts come in, and doubts are asked at the provider."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.twilio, self.senders = Twilio(), Senders()
        suppressions = Suppressions(database, self.clock, self.metrics, "a secret")
        self.receipts = Receipts(database, self.clock, self.queue, self.metrics, PLAYBOOKS, suppressions, self.senders)
        self.asking = Asking(database, self.clock, PLAYBOOKS, self.receipts, [self.twilio], self.letters)
        self.doubts = Doubts(
            database,
            self.config,
            self.clock,
            self.queue,
            self.metrics,
            PLAYBOOKS,
            self.delivery.owner,
            self.asking,
        )

    def text(self, number: int = 1, *, broadcast_id: int | None = None) -> int:
        """Write a claimable text to a number of its own; return its id."""
        point = contact_point(self.database, number, time_zone="Europe/London")  # where it is day at NOW
        address = f"+1212555{number:04d}"
        self.run("UPDATE contact_points SET kind = 'mobile', address = :a WHERE id = :p", a=address, p=point)
        id_ = notification(self.database, broadcast_id or broadcast(self.database, incident(self.database)), point)
        self.run("UPDATE notifications SET channel = 'sms' WHERE id = :id", id=id_)
        return id_

    async def claimed(self) -> Claimed:
        (one,) = await self.delivery.claim(Channel.SMS, 10)
        return one

    async def hand_over(self, claimed: Claimed, outcome: Outcome) -> None:
        handed = Handed(claimed=claimed, outcome=outcome, provider="sms", began_at=NOW, ended_at=NOW)
        await self.delivery.record([handed])

    async def sent(self, number: int = 1, *, broadcast_id: int | None = None) -> int:
        id_ = self.text(number, broadcast_id=broadcast_id)
        await self.hand_over(await self.claimed(), Outcome(result=Result.ACCEPTED, provider_id=SID))
        return id_

    async def in_doubt(self, number: int = 1) -> int:
        id_ = self.text(number)
        await self.hand_over(await self.claimed(), Outcome(result=Result.UNKNOWN))
        return id_

    async def report(self, id_: int, *statuses: S, code: int = 0, attempt: int = 1, sid: str = SID) -> None:
        for status in statuses:
            ends = status in (S.UNDELIVERED, S.FAILED)
            await self.receipts.take(
                Receipt(
                    notification_id=id_,
                    attempt=attempt,
                    provider="sms",
                    provider_id=sid,
                    status=status,
                    code=code if ends else 0,
                )
            )

    def state(self) -> tuple[str, str]:
        return states(self.database)[0]

    def value(self, sql: str) -> object:
        return self.database.read_now(lambda tx: tx.scalar(sql))

    async def ask_until(self, seconds: float) -> None:
        """Ask round by round while so many seconds pass."""
        for _ in range(int(seconds)):
            await self.doubts.ask()
            self.clock.seconds += 1


@pytest.fixture
def desk(database: Database) -> TextDesk:
    return TextDesk(database)


REPORTED = str(NotificationReason.PROVIDER_REPORTED)
DELIVERED, UNDELIVERED, SENT = ("delivered", REPORTED), ("undelivered", REPORTED), ("sent", REPORTED)


# --- order


async def test_every_order_of_the_same_receipts_ends_the_same(desk: TextDesk) -> None:
    orders = list(permutations([S.QUEUED, S.SENT, S.DELIVERED]))
    for number, order in enumerate(orders, start=1):
        id_ = await desk.sent(number)
        await desk.report(id_, *order, *order, sid=f"SM{number:032d}")
    assert states(desk.database) == [DELIVERED] * len(orders)
    assert desk.value("SELECT COUNT(*) FROM receipts") == 3 * len(orders)  # each status once


@pytest.mark.parametrize("result", [Result.ACCEPTED, Result.UNKNOWN])
async def test_a_receipt_may_come_before_the_answer_is_recorded(desk: TextDesk, result: Result) -> None:
    id_ = desk.text()
    claimed = await desk.claimed()
    await desk.report(id_, S.DELIVERED)
    assert desk.state()[0] == "sending"
    await desk.hand_over(claimed, Outcome(result=result, provider_id=SID if result is Result.ACCEPTED else ""))
    assert desk.state() == DELIVERED
    assert desk.value("SELECT COUNT(*) FROM attempts") == 1


async def test_an_early_status_that_says_taken_settles_an_unknown_outcome(desk: TextDesk) -> None:
    id_ = desk.text()
    claimed = await desk.claimed()
    await desk.report(id_, S.QUEUED)
    await desk.hand_over(claimed, Outcome(result=Result.UNKNOWN))
    assert desk.state() == SENT


async def test_a_receipt_that_came_while_a_daemon_died_settles_its_message_without_asking(desk: TextDesk) -> None:
    id_ = desk.text()
    await desk.claimed()
    await desk.report(id_, S.SENT, S.DELIVERED)
    desk.clock.seconds += 1_000  # its lease has lapsed
    await desk.doubts.settle()
    assert desk.state()[0] == "in_doubt"
    await desk.doubts.ask()
    assert desk.state() == DELIVERED
    assert desk.twilio.asked == []


async def test_of_two_end_states_the_first_stands_and_both_are_kept(desk: TextDesk) -> None:
    id_ = await desk.sent()
    await desk.report(id_, S.DELIVERED, S.UNDELIVERED, code=30008)
    assert desk.state() == DELIVERED
    assert desk.value("SELECT COUNT(*) FROM receipts") == 2


async def test_the_time_of_the_hand_over_stays(desk: TextDesk) -> None:
    id_ = await desk.sent()
    desk.clock.at += timedelta(hours=1)
    await desk.report(id_, S.DELIVERED)
    assert desk.value("SELECT ended_at FROM notifications") == to_micros(NOW)
    assert desk.value("SELECT received_at FROM receipts") == to_micros(NOW + timedelta(hours=1))


async def test_a_receipt_about_nothing_of_ours_changes_nothing(desk: TextDesk) -> None:
    await desk.sent()
    await desk.report(999, S.DELIVERED)
    assert desk.state()[0] == "sent"
    assert desk.value("SELECT COUNT(*) FROM receipts") == 0


async def test_receipts_are_shown_with_the_message(desk: TextDesk) -> None:
    id_ = await desk.sent()
    await desk.report(id_, S.SENT, S.UNDELIVERED, code=30006)
    view = await desk.letters.show(id_)
    assert [(one.attempt, one.provider, one.status, one.code, one.received_at) for one in view.receipts] == [
        (1, "sms", "sent", "", NOW),
        (1, "sms", "undelivered", "30006", NOW),
    ]


async def test_receipts_are_counted_once(desk: TextDesk) -> None:
    id_ = await desk.sent()
    await desk.report(id_, S.DELIVERED, S.DELIVERED)
    labels = {"provider": "sms", "status": "delivered"}
    assert desk.metrics.registry.get_sample_value("notifier_receipts_total", labels) == 1


# --- failures


async def test_a_phone_out_of_reach_is_tried_again_while_it_is_news(desk: TextDesk) -> None:
    id_ = await desk.sent()
    await desk.report(id_, S.SENT, S.UNDELIVERED, code=30003)
    assert desk.state() == ("pending", "temporary_failure")
    assert desk.value("SELECT due_at FROM notifications") == to_micros(NOW + timedelta(minutes=30))
    assert desk.value("SELECT ended_at FROM notifications") is None
    desk.clock.at += timedelta(minutes=31)
    claimed = await desk.claimed()
    assert claimed.number == 2
    await desk.hand_over(claimed, Outcome(result=Result.ACCEPTED, provider_id="SM" + "b" * 32))
    await desk.report(id_, S.DELIVERED, attempt=2, sid="SM" + "b" * 32)
    assert desk.state() == DELIVERED


async def test_it_is_tried_as_often_as_the_table_says(desk: TextDesk) -> None:
    id_ = await desk.sent()
    for attempt in (1, 2, 3):
        await desk.report(id_, S.UNDELIVERED, code=30003, attempt=attempt, sid=f"SM{attempt:032d}")
        if attempt == 3:
            break
        assert desk.state()[0] == "pending"
        desk.run("UPDATE notifications SET due_at = :now WHERE id = :id", now=to_micros(NOW), id=id_)
        await desk.hand_over(await desk.claimed(), Outcome(result=Result.ACCEPTED))
    assert desk.state() == UNDELIVERED


async def test_a_completed_broadcast_sends_again_what_was_out_of_reach(desk: TextDesk) -> None:
    id_ = await desk.sent()
    desk.run("UPDATE broadcasts SET state = 'completed', finished_at = 1")
    await desk.report(id_, S.UNDELIVERED, code=30003)
    assert desk.state()[0] == "pending"
    assert desk.value("SELECT state FROM broadcasts") == "sending"
    assert desk.value("SELECT finished_at FROM broadcasts") is None


@pytest.mark.parametrize("state", [BroadcastState.SUPERSEDED, BroadcastState.CANCELLED])
async def test_what_is_no_news_any_more_is_not_sent_again(desk: TextDesk, state: BroadcastState) -> None:
    id_ = await desk.sent()
    desk.run("UPDATE broadcasts SET state = :state", state=state)
    await desk.report(id_, S.UNDELIVERED, code=30003)
    assert desk.state() == UNDELIVERED


async def test_what_is_stale_before_the_next_try_is_not_sent_again(desk: TextDesk) -> None:
    id_ = await desk.sent()
    desk.clock.at += PLAYBOOKS["power"].stale_after - timedelta(minutes=29)
    await desk.report(id_, S.UNDELIVERED, code=30003)
    assert desk.state() == UNDELIVERED


async def test_a_late_status_of_a_try_that_failed_changes_nothing(desk: TextDesk) -> None:
    id_ = await desk.sent()
    await desk.report(id_, S.UNDELIVERED, S.SENT, code=30003)
    assert desk.state() == ("pending", "temporary_failure")


async def test_a_try_that_arrived_after_all_is_not_sent_again(desk: TextDesk) -> None:
    id_ = await desk.sent()
    await desk.report(id_, S.UNDELIVERED, code=30003)
    await desk.report(id_, S.DELIVERED, sid="SM" + "c" * 32)
    assert desk.state()[0] == "pending"  # the same try: its first end state stands
    desk.run("DELETE FROM receipts WHERE status = 'undelivered'")
    await desk.report(id_, S.READ, sid="SM" + "c" * 32)
    assert desk.state() == DELIVERED


@pytest.mark.parametrize(
    ("code", "kind", "suppressed"),
    [
        (30005, "mobile", "bad_address"),
        (30006, "landline", None),
        (21610, "mobile", "opted_out"),
        (30007, "mobile", None),
        (30034, "mobile", None),
        (30036, "mobile", None),
        (30999, "mobile", None),
        (0, "mobile", None),
    ],
)
async def test_a_failure_says_of_the_number_what_its_code_says(
    desk: TextDesk, code: int, kind: str, suppressed: str | None
) -> None:
    id_ = await desk.sent()
    await desk.report(id_, S.UNDELIVERED, code=code)
    assert desk.state() == UNDELIVERED
    assert desk.value("SELECT kind FROM contact_points") == kind
    assert desk.value("SELECT suppressed FROM contact_points") == suppressed


async def test_a_block_suppresses_when_it_is_said_twice(desk: TextDesk) -> None:
    id_ = await desk.sent()
    await desk.report(id_, S.UNDELIVERED, code=30004)
    assert desk.value("SELECT suppressed FROM contact_points") is None
    await desk.report(id_, S.FAILED, code=30004)
    assert desk.value("SELECT suppressed FROM contact_points") == "bad_address"


@pytest.mark.parametrize(
    ("suppress", "state", "kind", "suppressed"),
    [
        (Suppress.OPTED_OUT, ("suppressed", "opted_out"), "mobile", "opted_out"),
        (Suppress.NOT_MOBILE, ("failed", "permanent_failure"), "landline", None),
        (Suppress.AT_ONCE, ("failed", "permanent_failure"), "mobile", "bad_address"),
    ],
)
async def test_a_refusal_at_the_hand_over_says_the_same(
    desk: TextDesk, suppress: Suppress, state: tuple[str, str], kind: str, suppressed: str | None
) -> None:
    desk.text()
    await desk.hand_over(await desk.claimed(), Outcome(result=Result.PERMANENT, suppress=suppress))
    assert desk.state() == state
    assert desk.value("SELECT kind FROM contact_points") == kind
    assert desk.value("SELECT suppressed FROM contact_points") == suppressed


# --- the sender


async def test_a_sender_that_carriers_refuse_is_halted(desk: TextDesk) -> None:
    id_ = await desk.sent()
    await desk.report(id_, S.UNDELIVERED, code=30034)
    assert desk.senders.halted == ["sms: 30034 reported by the carrier"]


async def test_a_share_of_filtered_texts_halts_the_sender(desk: TextDesk) -> None:
    on = broadcast(desk.database, incident(desk.database))
    for number in range(1, 13):
        id_ = await desk.sent(number, broadcast_id=on)
        filtered = number > 2
        status = S.UNDELIVERED if filtered else S.DELIVERED
        await desk.report(id_, status, code=30007, sid=f"SM{number:032d}")
        assert bool(desk.senders.halted) == (number == 12)
    assert desk.senders.halted == ["sms: 30007 10 messages were filtered as spam"]
    assert desk.senders.arrivals == ["sms", "sms"]


# --- doubts


async def test_a_text_in_doubt_is_not_left_to_the_policy_while_its_provider_can_tell(desk: TextDesk) -> None:
    await desk.in_doubt()
    await desk.doubts.settle()
    assert desk.state()[0] == "in_doubt"


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (Found(provider_id=SID, status=S.QUEUED), SENT),
        (Found(provider_id=SID, status=S.DELIVERED), DELIVERED),
        (Found(provider_id=SID, status=S.UNDELIVERED, code=30006), UNDELIVERED),
    ],
)
async def test_what_the_provider_has_is_not_sent_again(desk: TextDesk, found: Found, state: tuple[str, str]) -> None:
    await desk.in_doubt()
    desk.twilio.has["+12125550001"] = [found]
    await desk.doubts.ask()
    assert desk.state() == state
    assert desk.value("SELECT provider_id FROM notifications") == SID
    assert desk.value("SELECT in_doubt_at FROM notifications") is not None  # it stays listed


async def test_what_the_provider_never_had_is_sent_again_only_after_it_was_asked_for_half_a_minute(
    desk: TextDesk,
) -> None:
    await desk.in_doubt()
    await desk.ask_until(25)
    assert desk.state()[0] == "in_doubt"
    await desk.ask_until(40)
    assert desk.state() == ("pending", "not_taken")
    assert 3 <= len(desk.twilio.asked) <= 8
    assert (await desk.claimed()).number == 2


async def test_a_receipt_that_comes_while_it_waits_to_be_sent_again_stops_that(desk: TextDesk) -> None:
    id_ = await desk.in_doubt()
    await desk.ask_until(65)
    await desk.report(id_, S.SENT)
    assert desk.state() == SENT


async def test_what_nobody_can_tell_is_left_to_the_policy_in_the_end(desk: TextDesk) -> None:
    await desk.in_doubt()
    desk.twilio.is_silent = True
    await desk.ask_until(590)
    assert desk.state()[0] == "in_doubt"
    await desk.ask_until(60)
    assert desk.state() == ("held", "held_by_policy")
    assert len(desk.twilio.asked) < 40


async def test_a_held_text_is_settled_by_a_receipt(desk: TextDesk) -> None:
    id_ = await desk.in_doubt()
    desk.run("UPDATE notifications SET state = 'held', reason = 'held_by_policy'")
    await desk.report(id_, S.DELIVERED)
    assert desk.state() == DELIVERED


async def test_a_message_is_asked_for_by_its_number_its_time_and_what_is_known(desk: TextDesk) -> None:
    on = broadcast(desk.database, incident(desk.database))
    await desk.sent(1, broadcast_id=on)
    second = broadcast(desk.database, incident(desk.database))
    point = int(str(desk.value("SELECT contact_point_id FROM notifications")))
    id_ = notification(desk.database, second, point)
    desk.run("UPDATE notifications SET channel = 'sms' WHERE id = :id", id=id_)
    desk.run("UPDATE notifications SET ended_at = 0 WHERE id <> :id", id=id_)  # long ago: no cap holds the next
    await desk.hand_over(await desk.claimed(), Outcome(result=Result.UNKNOWN))
    desk.twilio.has["+12125550001"] = [Found(provider_id=SID, status=S.DELIVERED)]
    before = datetime.now(UTC)
    await desk.doubts.ask()
    ((number, began_at, known),) = desk.twilio.asked
    assert (number, known) == ("+12125550001", {SID})
    assert abs(began_at - before) < timedelta(seconds=10)  # real time, whatever the clock shows
    assert states(desk.database)[1][0] == "in_doubt"


async def two_in_doubt(desk: TextDesk) -> tuple[list[int], list[str]]:
    """Put two texts of different words to one number in doubt; return their ids and their words."""
    ids, words = [desk.text()], []
    for kind in (BroadcastKind.ACKNOWLEDGED, BroadcastKind.RESTORED):
        if words:
            point = int(str(desk.value("SELECT contact_point_id FROM notifications")))
            on = broadcast(desk.database, incident(desk.database), kind=kind)
            ids.append(notification(desk.database, on, point))
            desk.run("UPDATE notifications SET channel = 'sms' WHERE id = :id", id=ids[-1])
        claimed = await desk.claimed()
        message, _ = desk.delivery.make(claimed)
        assert isinstance(message, Text)
        words.append(message.body)
        await desk.hand_over(claimed, Outcome(result=Result.UNKNOWN))
    assert words[0] != words[1]
    return ids, words


@pytest.mark.parametrize("taken", [0, 1])
async def test_of_two_in_doubt_to_one_number_only_the_one_that_was_taken_is_found(desk: TextDesk, taken: int) -> None:
    _, words = await two_in_doubt(desk)
    desk.twilio.has["+12125550001"] = [Found(provider_id=SID, status=S.DELIVERED)]
    desk.twilio.words[SID] = words[taken]
    await desk.ask_until(150)
    found = states(desk.database)
    assert found[taken] == DELIVERED
    assert found[1 - taken] == ("pending", "not_taken")
    assert set(desk.twilio.bodies) == set(words)


async def test_a_text_that_a_dead_daemon_was_sending_is_asked_for_by_its_words_of_then(desk: TextDesk) -> None:
    desk.text()
    message, version = desk.delivery.make(await desk.claimed())
    assert isinstance(message, Text)
    assert desk.value("SELECT template_version FROM notifications") == version
    desk.run("UPDATE sites SET address = '99 Elsewhere'")
    config = replace(desk.config, sender=replace(desk.config.sender, company="Renamed Utility", phone="555 0199"))
    config = replace(config, sms=replace(config.sms, segments_at_most=1))
    later = Letters(desk.database, config, desk.clock, Messages(config, PLAYBOOKS), "a secret")
    asking = Asking(desk.database, desk.clock, PLAYBOOKS, desk.receipts, [desk.twilio], later)
    desk.clock.seconds += 1_000  # its lease has lapsed
    await desk.doubts.settle()
    await asking.step()
    assert desk.twilio.bodies == [message.body]


async def test_a_claim_that_is_given_back_leaves_no_version(desk: TextDesk) -> None:
    desk.text()
    await desk.delivery.release([await desk.claimed()], reason=NotificationReason.PLANNED)
    assert desk.value("SELECT template_version FROM notifications") is None


async def test_a_notice_to_somebody_on_call_is_not_taken_for_a_customers_text(desk: TextDesk) -> None:
    await desk.in_doubt()
    desk.run(
        "INSERT INTO calls (id, person, reason, text, verbs, called_at) VALUES (1, 'Ann', 'test', '', '', :at)",
        at=to_micros(NOW),
    )
    desk.run(
        """INSERT INTO call_routes (call_id, route, says, state, due_at, handed_over_at, provider_id)
           VALUES (1, 'sms', 'call', 'handed_over', :at, :at, :sid)""",
        at=to_micros(NOW),
        sid=SID,
    )
    desk.twilio.has["+12125550001"] = [Found(provider_id=SID, status=S.DELIVERED)]  # of an account without bodies
    await desk.doubts.ask()
    assert desk.state()[0] == "in_doubt"
    ((_, _, known),) = desk.twilio.asked
    assert known == {SID}


async def test_a_superseded_text_that_was_never_taken_ends(desk: TextDesk) -> None:
    await desk.in_doubt()
    desk.run("UPDATE broadcasts SET state = 'superseded'")
    await desk.ask_until(65)
    assert desk.state() == ("superseded", "newer_update")
