"""What a preview says of the night is what claims do then: who hears now, who waits until when, and what it costs."""

import random
from datetime import datetime, timedelta

import pytest

from notifier.config import Config, Provider, ProviderKind
from notifier.domain.broadcast import BroadcastState
from notifier.domain.notification import Channel
from notifier.domain.playbook import Night, NightDecision, NightRule, Playbook
from notifier.messages import Messages
from notifier.messages.sms import Text
from notifier.stages.delivery import Delivery
from notifier.stages.incidents import SetEta
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.queries import previews
from notifier.storage.repositories import broadcasts
from notifier.storage.views import Draft, Preview
from tests.broadcasts import broadcast, incident, notification
from tests.control_room import ANN, ControlRoom
from tests.incident_town import MORNING

THREE = MORNING - timedelta(hours=3)  # 3:00 in Los Angeles
TWILIO = Provider(
    name="twilio",
    kind=ProviderKind.TWILIO,
    channel=Channel.SMS,
    sender="+14155550100",
    price_per_segment="0.0079",
    account_sid="AC" + "0" * 32,
    auth_token="secret",
)


def room_with(database: Database, rule: NightRule) -> ControlRoom:
    night = Night(down=NightDecision(rule=rule))
    plan = Playbook(name="standard", services=("power",), channels=(Channel.SMS, Channel.EMAIL), night=night)
    room = ControlRoom(database, playbook=plan)
    room.clock.time = THREE
    return room


def people(room: ControlRoom, count: int, chance: random.Random) -> None:
    """Add customers of every kind that decides who hears at night."""
    here, wide = room.town.region("94110"), room.town.region("CA", kind="state")
    for number in range(count):
        customer = room.town.customer(f"C-{number}")
        sites = [
            room.town.site(customer, here, wide, reference=str(place), priority=int(chance.random() < 0.1))
            for place in range(chance.choice((1, 1, 2)))
        ]
        if chance.random() < 0.9:
            room.town.contact(customer, sites, f"+1415555{number:04}", kind="mobile", position=1)
        if chance.random() < 0.5:
            room.town.contact(customer, sites, f"c{number}@example.net")
        room.database.write_now(lambda tx, id_=customer: _vary(tx, id_, room.clock.now(), chance))  # type: ignore[misc]


def _vary(tx: Transaction, customer: int, now: datetime, chance: random.Random) -> None:
    zones = ("", "America/New_York", "America/Denver|America/Los_Angeles", "Europe/Paris")
    tx.run("UPDATE sites SET time_zone = :zone WHERE customer_id = :c", zone=chance.choice(zones), c=customer)
    if chance.random() < 0.2:
        tx.run(
            """UPDATE contact_points SET quiet_from = :begins, quiet_until = :ends
               WHERE id IN (SELECT contact_point_id FROM links WHERE customer_id = :c)""",
            begins=chance.choice((0, 22 * 60)),
            ends=chance.choice((0, 60, 9 * 60)),
            c=customer,
        )
    if chance.random() < 0.2:
        tx.run(
            """INSERT INTO complaints (source, reporter, customer_id, service, occurred_at, received_at, effective_at,
                                       verified, regions, counted_regions, correlation_id)
               VALUES ('api', 'x', :c, 'power', :at, :at, :at, 1, '[]', '[]', 'c')""",
            c=customer,
            at=to_micros(now - timedelta(minutes=chance.choice((5, 100)))),
        )


def look(room: ControlRoom, broadcast_id: int, config: Config) -> Preview:
    """Preview with real words."""
    messages = Messages(config, {"power": room.playbook})

    def read(tx: Transaction) -> Preview:
        outlook = previews.outlook(config, room.playbook, now=room.clock.now(), words=messages)
        return previews.preview(tx, broadcast_id, outlook)

    return room.database.read_now(read)


async def begun(room: ControlRoom, draft: Draft, config: Config) -> Delivery:
    """Send a draft, wait for its start, plan it, and return the stage that hands messages over."""
    await room.send(draft)
    room.clock.go_on(timedelta(seconds=30))
    await room.course.start_due()
    while await room.planning.step():
        pass
    playbooks = {"power": room.playbook}
    words = Messages(config, playbooks)
    return Delivery(room.database, config, room.clock, room.queue, room.metrics, playbooks, words, "a secret")


async def claimed(delivery: Delivery) -> dict[str, int]:
    """Return how many messages can be handed over now, by channel; channels without any are left out."""
    each = {str(channel): len(await delivery.claim(channel, 1_000)) for channel in (Channel.SMS, Channel.EMAIL)}
    return {channel: number for channel, number in each.items() if number}


@pytest.mark.parametrize("rule", list(NightRule))
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_preview_says_who_hears_now_and_who_waits_as_claims_do(
    database: Database, rule: NightRule, seed: int
) -> None:
    room, config = room_with(database, rule), Config()
    people(room, 40, random.Random(seed))  # noqa: S311
    draft = await room.open()
    assert draft.broadcast is not None
    said = look(room, draft.broadcast.id, config)
    now = await claimed(await begun(room, draft, config))
    held = room.rows(
        """SELECT due_at / 1000 AS due, count(*) AS number FROM notifications
           WHERE state = 'pending' AND reason = 'quiet_hours' GROUP BY 1 ORDER BY 1"""
    )
    assert said.now == now
    assert [(each.until, each.messages) for each in said.waits] == [
        (to_instant(row["due"] * 1000), row["number"]) for row in held
    ]
    instead = room.rows("SELECT count(*) AS n FROM notifications WHERE channel = 'sms' AND state = 'expired'")
    assert said.mail_instead == instead[0]["n"]


def tell_earlier(room: ControlRoom, chance: random.Random) -> None:
    """Let some have heard of another incident, once or all day."""
    about = incident(room.database)
    now = room.clock.now()
    for point, kind in room.database.read_now(lambda tx: tx.tuples("SELECT id, kind FROM contact_points")):
        often = chance.choice((0, 0, 0, 1, 6)) if kind == "mobile" else chance.choice((0, 0, 1))
        for number in range(often):
            id_ = notification(room.database, broadcast(room.database, about, state=BroadcastState.COMPLETED), point)
            minutes = chance.choice((5, 19, 22)) if often == 1 else 60 + number
            room.database.write_now(
                lambda tx, id_=id_, at=now - timedelta(minutes=minutes), kind=kind: tx.run(  # type: ignore[misc]
                    "UPDATE notifications SET state = 'sent', channel = :channel, sending_at = :at WHERE id = :id",
                    channel="sms" if kind == "mobile" else "email",
                    at=to_micros(at),
                    id=id_,
                )
            )


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_preview_foresees_who_hears_at_night_that_a_time_given_in_it_does_not_hold(
    database: Database, seed: int
) -> None:
    room, config = room_with(database, NightRule.HOLD), Config()
    people(room, 40, random.Random(seed))  # noqa: S311
    now = room.clock.now()
    delivery = await begun(room, await room.open(eta_at=now + timedelta(hours=3)), config)
    texted = len(await delivery.claim(Channel.SMS, 1_000))
    room.database.write_now(lambda tx: tx.run("UPDATE notifications SET state = 'sent' WHERE state = 'sending'"))
    room.clock.go_on(timedelta(hours=2))
    room.database.write_now(lambda tx: tx.run("UPDATE complaints SET received_at = 0"))  # nobody has written lately
    draft = await room.incidents.eta(1, SetEta(eta_at=now + timedelta(hours=4)), ANN)
    assert draft.broadcast is not None
    said = look(room, draft.broadcast.id, config)
    going = await claimed(await begun(room, draft, config))
    assert said.now == going
    assert going["sms"] >= texted > 0
    assert any("we will not make it" in each.text for each in said.samples)


async def test_a_preview_says_a_time_was_given_only_to_who_was_handed_it(database: Database) -> None:
    room, config = room_with(database, NightRule.HOLD), Config()
    region = room.town.region("94110")
    for number in range(2):
        customer = room.town.customer(f"C-{number}")
        site = room.town.site(customer, region, priority=number)
        room.town.contact(customer, [site], f"+1415555{number:04}", kind="mobile")
    now = room.clock.now()
    await begun(room, await room.open(next_update_by=now + timedelta(minutes=50)), config)
    room.database.write_now(lambda tx: tx.run("UPDATE notifications SET state = 'sent', sending_at = due_at"))
    room.clock.go_on(timedelta(minutes=40))
    draft = await room.incidents.eta(1, SetEta(eta_at=now + timedelta(hours=3)), ANN)
    await (await begun(room, draft, config)).claim(Channel.SMS, 10)
    room.database.write_now(lambda tx: tx.run("UPDATE notifications SET state = 'sent' WHERE state = 'sending'"))
    room.clock.go_on(timedelta(minutes=40))
    draft = await room.incidents.eta(1, SetEta(eta_at=now + timedelta(hours=7)), ANN)
    assert draft.broadcast is not None
    first, second = sorted(look(room, draft.broadcast.id, config).samples, key=lambda each: each.contact_point)
    assert ("we said" in first.text, "we said 6:00 am" in second.text) == (False, True)


@pytest.mark.parametrize("rule", [NightRule.WAKE, NightRule.HOLD])
async def test_a_preview_foresees_who_has_heard_too_much_as_claims_do(database: Database, rule: NightRule) -> None:
    room, config, chance = room_with(database, rule), Config(), random.Random(3)  # noqa: S311
    people(room, 60, chance)
    draft = await room.open()
    assert draft.broadcast is not None
    tell_earlier(room, chance)
    said = look(room, draft.broadcast.id, config)
    now = await claimed(await begun(room, draft, config))
    capped = room.rows(
        """SELECT channel, count(*) AS number FROM notifications
           WHERE state = 'pending' AND reason = 'frequency_cap' GROUP BY 1"""
    )
    assert said.capped == {row["channel"]: row["number"] for row in capped}
    assert said.now == now
    assert set(said.capped) == {"sms", "email"}
    room.database.write_now(lambda tx: tx.run("UPDATE broadcasts SET kind = 'restored'"))
    assert look(room, draft.broadcast.id, config).capped == {}, "that it is over is said at once"


async def test_the_first_sample_is_of_somebody_who_hears_now(database: Database) -> None:
    room = room_with(database, NightRule.HOLD)
    region = room.town.region("94110")
    for number in range(6):
        customer = room.town.customer(f"C-{number}")
        site = room.town.site(customer, region, priority=int(number == 4))
        room.town.contact(customer, [site], f"+1415555{number:04}", kind="mobile")
    draft = await room.open()
    assert draft.broadcast is not None
    samples = look(room, draft.broadcast.id, Config()).samples
    assert samples[0].contact_point.endswith("04")
    assert len(samples) == 3


async def test_a_preview_counts_segments_their_price_and_what_one_number_needs(database: Database) -> None:
    room = room_with(database, NightRule.HOLD)
    here = room.town.region("94110")
    for number in range(10):
        customer = room.town.customer(f"C-{number}")
        site = room.town.site(customer, here, priority=int(number < 3))
        room.town.contact(customer, [site], f"+1415555{number:04}", kind="mobile")
    draft = await room.open()
    assert draft.broadcast is not None
    said = look(room, draft.broadcast.id, Config(providers=(TWILIO,)))
    assert said.now == {"sms": 3}
    assert [each.messages for each in said.waits] == [7]
    each = said.segments // 10
    assert (said.segments, said.segments_now) == (10 * each, 3 * each)
    assert each in (1, 2)
    assert (said.cost, said.currency) == (f"{0.0079 * said.segments:.4f}", "USD")
    assert said.texts_take_seconds == said.segments  # one a second
    assert said.finishes_in_seconds == said.segments_now
    assert look(room, draft.broadcast.id, Config()).cost is None


async def test_what_cannot_be_said_in_time_by_one_number_does_not_fit(database: Database) -> None:
    room = room_with(database, NightRule.WAKE)
    region = room.town.region("94110")
    for number in range(200):
        customer = room.town.customer(f"C-{number}")
        site = room.town.site(customer, region)
        room.town.contact(customer, [site], f"+1415555{number:04}", kind="mobile")
    await room.deliver(await room.open(next_update_by=THREE + timedelta(minutes=6)))
    draft = await room.incidents.eta(1, SetEta(eta_at=THREE + timedelta(hours=3)), ANN)
    assert draft.broadcast is not None
    slow = look(room, draft.broadcast.id, Config(providers=(TWILIO,)))
    assert slow.promise_due_at == THREE + timedelta(minutes=6)
    assert (slow.fits, slow.finishes_in_seconds >= 200) == (slow.segments <= 300, True)
    fast = look(room, draft.broadcast.id, Config())
    assert fast.fits


async def test_with_a_reason_everyone_is_woken_and_the_books_say_who_and_why(database: Database) -> None:
    room = room_with(database, NightRule.HOLD)
    customer = room.town.customer("C-1")
    site = room.town.site(customer, room.town.region("94110"))
    room.town.contact(customer, [site], "+14155550001", kind="mobile")
    draft = await room.open(wake_reason="the dam may break")
    assert draft.broadcast is not None
    said = look(room, draft.broadcast.id, Config())
    assert (said.now, said.waits, said.wake_reason) == ({"sms": 1}, [], "the dam may break")
    await room.broadcasts.send(draft.broadcast.id, 1, ANN, wake_reason=" gas is leaking ")
    stored = room.database.read_now(lambda tx: broadcasts.load(tx, draft.broadcast.id))  # type: ignore[union-attr]
    assert stored.wake_reason == "gas is leaking"
    (event,) = room.rows("SELECT actor, detail FROM timeline WHERE event = 'wakes_everyone'")
    assert event["actor"] == "ann"
    assert "gas is leaking" in event["detail"]
    (audited,) = room.rows("SELECT actor, detail FROM audit WHERE action = 'broadcasts.send'")
    assert "gas is leaking" in audited["detail"]


async def test_what_waking_everyone_would_change_can_be_seen_before_it_is_done(database: Database) -> None:
    room = room_with(database, NightRule.HOLD)
    customer = room.town.customer("C-1")
    site = room.town.site(customer, room.town.region("94110"))
    room.town.contact(customer, [site], "+14155550001", kind="mobile")
    draft = await room.open()
    assert draft.preview is not None
    which = draft.preview.broadcast_id
    assert (draft.preview.now, len(draft.preview.waits)) == ({}, 1)
    said = await room.broadcasts.preview(which, " gas is leaking ")
    assert (said.now, said.waits, said.wake_reason) == ({"sms": 1}, [], "gas is leaking")
    assert (await room.broadcasts.preview(which)).wake_reason == ""


async def test_nothing_is_said_of_the_night_where_there_is_none_to_wake(database: Database) -> None:
    room = ControlRoom(database)
    room.clock.time = THREE
    room.homes(2)
    draft = await room.open()
    assert draft.preview is not None
    assert (draft.preview.now, draft.preview.waits, draft.preview.segments) == ({"email": 2}, [], 0)


@pytest.mark.parametrize("priority", [0, 1])
async def test_a_sample_promises_a_reader_what_the_message_will(database: Database, priority: int) -> None:
    room, config = room_with(database, NightRule.HOLD), Config()
    customer = room.town.customer("C-1")
    site = room.town.site(customer, room.town.region("94110"), priority=priority)
    room.town.contact(customer, [site], "+14155550001", kind="mobile")
    draft = await room.open(wake_reason="the dam may break")
    assert draft.broadcast is not None
    (sample,) = look(room, draft.broadcast.id, config).samples
    delivery = await begun(room, draft, config)
    (claimed,) = await delivery.claim(Channel.SMS, 10)
    text, _ = delivery.make(claimed)
    assert isinstance(text, Text)
    assert sample.text.strip() == text.body
    assert ("8:15 am" in text.body) == (not priority), "who sleeps is promised nothing for the night"
