"""What a claim does at night, on both databases: who is told, who waits until when, and what goes in its place."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from notifier.config import Caps, Config
from notifier.domain.broadcast import BroadcastKind, BroadcastState, Facts
from notifier.domain.delivery import Outcome, Result
from notifier.domain.night import AFTER_RELEASE
from notifier.domain.notification import Channel, NotificationReason
from notifier.domain.playbook import Night, NightDecision, NightRule, Overnight, Playbook
from notifier.messages import Messages
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.delivery import Claimed, Delivery, Handed
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.queries import broadcasts, glance
from notifier.storage.repositories import contact_points, neighbours
from notifier.storage.views import Waiting
from tests.broadcasts import FACTS, broadcast, incident

NIGHT = datetime(2026, 11, 21, 11, 6, tzinfo=UTC)  # 3:06 in Los Angeles
MORNING = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)  # 8:00 there
EVENING = datetime(2026, 11, 21, 4, 30, tzinfo=UTC)  # 20:30 the day before
MINUTE = timedelta(minutes=1)
NO_TIME = replace(FACTS, next_update_by=None)


class SetClock:
    def __init__(self) -> None:
        self.at, self.seconds = NIGHT, 1_000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def real_seconds(self, duration: timedelta) -> float:
        return duration.total_seconds()


class Desk:
    """A delivery of texts and mails at three in the morning."""

    def __init__(
        self,
        database: Database,
        *,
        rule: NightRule = NightRule.HOLD,
        safety: bool = False,
        overnight: Overnight = Overnight.EMAIL,
        every: timedelta = timedelta(),
    ) -> None:
        self.database, self.clock, self.queue = database, SetClock(), EmbeddedQueue()
        night = Night(down=NightDecision(rule=rule, safety=safety))
        channels = (Channel.SMS, Channel.EMAIL)
        book = Playbook(name="power", services=("power",), channels=channels, night=night, overnight=overnight)
        playbooks = {"power": book}
        config = Config(caps=Caps(every=every))
        self.delivery = Delivery(
            database,
            config,
            self.clock,
            self.queue,
            Metrics(providers=["relay"]),
            playbooks,
            Messages(config, playbooks),
            "a secret",
        )

    def run(self, sql: str, **values: object) -> None:
        self.database.write_now(lambda tx: tx.run(sql, **values))

    def home(
        self,
        number: int,
        *,
        mail: bool = False,
        zone: str = "America/Los_Angeles",
        priority: int = 0,
        quiet: tuple[int, int] | None = None,
    ) -> int:
        """Write a customer with a site, a mobile number and perhaps a mail address; return the number's id."""

        def write(tx: Transaction) -> int:
            customer = tx.scalar(
                "INSERT INTO customers (reference, created_at, updated_at) VALUES (:ref, 0, 0) RETURNING id",
                ref=f"C-{number}",
            )
            site = tx.scalar(
                """INSERT INTO sites (customer_id, reference, address, services, status, priority, time_zone,
                                      updated_at)
                   VALUES (:customer, '1', '12 Oak St', '|power|', 'active', :priority, :zone, 0) RETURNING id""",
                customer=customer,
                priority=priority,
                zone=zone,
            )
            kinds = [("mobile", f"+1415555{number:04}", 1)]
            kinds += [("email", f"c{number}@example.net", 0)] if mail else []
            points = []
            for kind, address, position in kinds:
                point = tx.scalar(
                    """INSERT INTO contact_points (kind, address, quiet_from, quiet_until, created_at)
                       VALUES (:kind, :address, :begins, :ends, 0) RETURNING id""",
                    kind=kind,
                    address=address,
                    begins=quiet and quiet[0],
                    ends=quiet and quiet[1],
                )
                tx.run(
                    """INSERT INTO links (contact_point_id, site_id, role, customer_id, position)
                       VALUES (:point, :site, 'owner', :customer, :position)""",
                    point=point,
                    site=site,
                    customer=customer,
                    position=position,
                )
                points.append(int(point))
            return points[0]

        return self.database.write_now(write)

    def text(self, broadcast_id: int, *points: int, due_at: datetime = NIGHT, **columns: Any) -> list[int]:
        """Write pending texts about the sites of these numbers."""

        def write(tx: Transaction) -> list[int]:
            ids = []
            for point in points:
                tx.run(
                    """INSERT INTO audience_notifications (broadcast_id, contact_point_id, site_id, customer_id)
                       SELECT :b, contact_point_id, site_id, customer_id FROM links WHERE contact_point_id = :point""",
                    b=broadcast_id,
                    point=point,
                )
                id_ = tx.scalar(
                    """INSERT INTO notifications (broadcast_id, contact_point_id, channel, due_at, planned_at)
                       VALUES (:b, :point, 'sms', :due, :due) RETURNING id""",
                    b=broadcast_id,
                    point=point,
                    due=to_micros(due_at),
                )
                ids.append(int(id_))
                for name, value in columns.items():
                    tx.run(f"UPDATE notifications SET {name} = :value WHERE id = :id", value=value, id=id_)
            return ids

        return self.database.write_now(write)

    async def claim(self, channel: Channel = Channel.SMS, limit: int = 100) -> list[Claimed]:
        return await self.delivery.claim(channel, limit)

    async def hand_over(self, claimed: Sequence[Claimed], result: Result = Result.ACCEPTED) -> None:
        now = self.clock.now()
        await self.delivery.record(
            [
                Handed(claimed=one, outcome=Outcome(result=result), provider="relay", began_at=now, ended_at=now)
                for one in claimed
            ]
        )

    def rows(self) -> list[tuple[str, str, str]]:
        """Return channel, state and reason of each notification, by id."""
        return self.database.read_now(
            lambda tx: tx.tuples("SELECT channel, state, reason FROM notifications ORDER BY id")
        )

    def due(self) -> list[datetime]:
        rows = self.database.read_now(lambda tx: tx.tuples("SELECT due_at FROM notifications ORDER BY id"))
        return [to_instant(due) for (due,) in rows]


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def update(desk: Desk, incident_id: int = 0, **given: Any) -> int:
    given.setdefault("facts", NO_TIME)
    return broadcast(desk.database, incident_id or incident(desk.database), **given)


# --- held and released


async def test_a_text_at_night_waits_for_the_morning_of_its_site(desk: Desk) -> None:
    points = [desk.home(1), desk.home(2, zone="America/New_York"), desk.home(3, zone="")]
    desk.text(update(desk), *points)
    assert await desk.claim() == []
    assert desk.rows() == [("sms", "pending", "quiet_hours")] * 3
    assert desk.due() == [MORNING, MORNING - timedelta(hours=3), MORNING]
    desk.clock.at = MORNING - MINUTE
    (claimed,) = await desk.claim()
    assert claimed.contact_point_id == points[1]
    desk.clock.at = MORNING
    assert [one.contact_point_id for one in await desk.claim()] == [points[0], points[2]]


def second_site(desk: Desk, point: int, address: str = "9 Elm Ave") -> int:
    """Give a number another site of its customer; return it."""

    def write(tx: Transaction) -> int:
        (customer,) = tx.tuples("SELECT customer_id FROM links WHERE contact_point_id = :id", id=point)[0]
        site = tx.scalar(
            """INSERT INTO sites (customer_id, reference, address, services, status, time_zone, updated_at)
               VALUES (:c, '2', :address, '|power|', 'active', 'America/Los_Angeles', 0) RETURNING id""",
            c=customer,
            address=address,
        )
        tx.run("INSERT INTO links VALUES (:point, :site, 'owner', :c, 1)", point=point, site=site, c=customer)
        return int(site)

    return desk.database.write_now(write)


async def test_a_site_that_was_switched_off_while_a_text_waited_is_not_named_in_it(desk: Desk) -> None:
    point = desk.home(1)
    barn = second_site(desk, point)
    other = desk.home(2)
    second_site(desk, other)
    desk.text(update(desk), point, other)
    assert await desk.claim() == []
    desk.database.write_now(lambda tx: contact_points.mute(tx, point, [barn], now=NIGHT))
    desk.clock.at = MORNING
    claimed = {one.contact_point_id: one.personal for one in await desk.claim()}
    assert [site.street for site in claimed[point].sites] == ["12 Oak St"]
    assert (claimed[point].sites_affected, claimed[other].sites_affected) == (1, 2)


async def test_what_was_with_a_worker_when_its_last_site_was_switched_off_is_not_told(desk: Desk) -> None:
    point = desk.home(1, priority=1)
    barn = second_site(desk, point)
    desk.text(update(desk), point)
    claimed = await desk.claim()
    sites = [site for (site,) in desk.database.read_now(lambda tx: tx.tuples("SELECT id FROM sites"))]
    assert barn in sites
    desk.database.write_now(lambda tx: contact_points.mute(tx, point, sites, now=NIGHT))
    await desk.delivery.release(claimed, reason=NotificationReason.PLANNED)  # as the worker does at a recall
    assert await desk.claim() == []
    assert desk.rows() == [("sms", "suppressed", "opted_out")]


async def test_a_number_of_an_area_code_in_two_zones_waits_for_both(desk: Desk) -> None:
    desk.text(update(desk), desk.home(1, zone="America/Denver|America/Los_Angeles"))
    assert await desk.claim() == []
    assert desk.due() == [MORNING]


async def test_what_is_held_is_not_looked_at_again_and_keeps_its_order(desk: Desk) -> None:
    points = [desk.home(number) for number in range(4)]
    which = update(desk)
    for rank, point in zip((3, 1, 2, 0), points, strict=True):
        desk.text(which, point, due_at=NIGHT + timedelta(microseconds=rank))
    desk.clock.at = NIGHT + MINUTE
    assert await desk.claim() == []
    desk.clock.at = MORNING + timedelta(milliseconds=1)
    assert [one.contact_point_id for one in await desk.claim()] == [points[3], points[1], points[2], points[0]]


async def test_whoever_looks_sees_how_many_are_held_until_when(desk: Desk) -> None:
    which = update(desk)
    desk.text(which, desk.home(1), desk.home(2), desk.home(3, zone="America/New_York"), desk.home(4, priority=1))
    await desk.hand_over(await desk.claim())
    held = [
        Waiting(reason="quiet_hours", messages=1, until=MORNING - timedelta(hours=3)),
        Waiting(reason="quiet_hours", messages=2, until=MORNING),
    ]
    shown = desk.database.read_now(lambda tx: (broadcasts.view(tx, which).progress, glance.glance(tx, NIGHT)))
    assert [each.waiting for each in shown] == [held, held]
    assert shown[0].states == shown[1].notifications == {"pending": 3, "sent": 1}


async def test_many_that_are_held_do_not_keep_others_waiting(desk: Desk) -> None:
    sleeping, priority = [desk.home(number) for number in range(30)], desk.home(99, priority=1)
    desk.text(update(desk), *sleeping, priority)
    (claimed,) = await desk.claim(limit=2)
    assert claimed.contact_point_id == priority
    assert desk.rows().count(("sms", "pending", "quiet_hours")) == 30


async def test_what_is_held_of_one_incident_leaves_its_share_to_another(desk: Desk) -> None:
    desk.text(update(desk), *(desk.home(number) for number in range(5)))
    awake = [desk.home(number, zone="Europe/Paris") for number in range(10, 14)]
    desk.text(update(desk), *awake)
    assert [one.contact_point_id for one in await desk.claim(limit=4)] == awake


@pytest.mark.parametrize(
    "awake",
    [
        "UPDATE sites SET priority = 1",
        """INSERT INTO replies (source, external_id, contact_point_id, meaning, received_at)
           SELECT 'sms', 'x', id, 'status', :recent FROM contact_points""",
        """INSERT INTO complaints (source, reporter, customer_id, service, occurred_at, received_at, effective_at,
                                   verified, regions, counted_regions, correlation_id)
           SELECT 'api', 'x', id, 'power', :recent, :recent, :recent, 1, '[]', '[]', 'c' FROM customers""",
        "UPDATE broadcasts SET wake_reason = 'gas is leaking'",
        "UPDATE contact_points SET quiet_from = 0, quiet_until = 60",  # their own night is over
    ],
)
async def test_some_hear_at_night(desk: Desk, awake: str) -> None:
    desk.text(update(desk), desk.home(1))
    desk.run(awake.replace(":recent", str(to_micros(NIGHT - 59 * MINUTE))))
    assert len(await desk.claim()) == 1


@pytest.mark.parametrize(("verified", "minutes"), [(0, 5), (1, 61)])
async def test_who_wrote_long_ago_or_may_be_a_stranger_is_no_reason_to_wake_anyone(
    desk: Desk, verified: int, minutes: int
) -> None:
    desk.text(update(desk), desk.home(1))
    desk.run(
        """INSERT INTO complaints (source, reporter, customer_id, service, occurred_at, received_at, effective_at,
                                   verified, regions, counted_regions, correlation_id)
           SELECT 'api', 'x', id, 'power', :at, :at, :at, :verified, '[]', '[]', 'c' FROM customers""",
        at=to_micros(NIGHT - minutes * MINUTE),
        verified=verified,
    )
    assert await desk.claim() == []


async def test_own_hours_win_over_priority_and_over_waking_everyone(desk: Desk) -> None:
    which = update(desk)
    desk.text(which, desk.home(1, priority=1, quiet=(22 * 60, 5 * 60)))
    desk.run("UPDATE broadcasts SET wake_reason = 'a dam may break'")
    assert await desk.claim() == []
    assert desk.due() == [MORNING - timedelta(hours=3)]


async def test_safety_wakes_also_in_own_hours(database: Database) -> None:
    desk = Desk(database, safety=True)
    desk.text(update(desk), desk.home(1, quiet=(22 * 60, 5 * 60)))
    assert len(await desk.claim()) == 1


async def test_a_rule_that_wakes_wakes(database: Database) -> None:
    desk = Desk(database, rule=NightRule.WAKE)
    desk.text(update(desk), desk.home(1))
    assert len(await desk.claim()) == 1


async def test_a_correction_of_what_woke_somebody_is_told_at_once_and_no_later_one(desk: Desk) -> None:
    number, wrong = desk.home(1), incident(desk.database)
    woken = update(desk, wrong, state=BroadcastState.COMPLETED)
    (told,) = desk.text(woken, number, state="sent", sending_at=to_micros(NIGHT - 20 * MINUTE))
    desk.text(update(desk, wrong, kind=BroadcastKind.CORRECTION, facts=Facts(service="power", told_at=NIGHT)), number)
    desk.run(
        "UPDATE notifications SET sending_at = :long_ago WHERE id = :id",
        long_ago=to_micros(NIGHT - 40 * MINUTE),
        id=told,
    )
    assert await desk.claim() == []
    desk.run("UPDATE notifications SET due_at = :now WHERE state = 'pending'", now=to_micros(NIGHT))
    desk.run(
        "UPDATE notifications SET sending_at = :just_now WHERE id = :id",
        just_now=to_micros(NIGHT - 20 * MINUTE),
        id=told,
    )
    assert len(await desk.claim()) == 1


# --- a mail in its place


async def test_by_night_a_mail_goes_to_those_who_have_an_address_and_the_texts_of_others_wait(
    database: Database,
) -> None:
    desk = Desk(database, rule=NightRule.EMAIL_ONLY)
    desk.text(update(desk), desk.home(1, mail=True), desk.home(2))
    assert await desk.claim() == []
    assert desk.rows() == [
        ("sms", "expired", "quiet_hours"),
        ("sms", "pending", "quiet_hours"),
        ("email", "pending", "fallback"),
    ]
    (mail,) = await desk.claim(Channel.EMAIL)
    assert mail.address == "c1@example.net"
    assert [site.street for site in mail.personal.sites] == ["12 Oak St"]
    assert mail.personal.first_contact


async def test_by_day_a_text_goes_where_only_mails_do_at_night(database: Database) -> None:
    desk = Desk(database, rule=NightRule.EMAIL_ONLY)
    desk.clock.at = MORNING
    desk.text(update(desk), desk.home(1, mail=True))
    assert len(await desk.claim()) == 1


async def test_no_mail_goes_in_the_place_of_a_text_to_an_address_that_opted_out(database: Database) -> None:
    desk = Desk(database, rule=NightRule.EMAIL_ONLY)
    desk.text(update(desk), desk.home(1, mail=True))
    desk.run("UPDATE contact_points SET suppressed = 'opted_out' WHERE kind = 'email'")
    assert await desk.claim() == []
    assert desk.rows() == [("sms", "pending", "quiet_hours")]


# --- over before the night was


async def over(desk: Desk, **home: Any) -> None:
    """Let service come back in the night and the morning come."""
    restored = Facts(service="power", started_at=NIGHT - 90 * MINUTE, restored_at=NIGHT)
    desk.text(update(desk, kind=BroadcastKind.RESTORED, facts=restored), desk.home(1, **home))
    assert await desk.claim() == []
    desk.clock.at = MORNING


async def test_who_was_told_nothing_until_it_was_over_gets_one_mail_in_the_morning(desk: Desk) -> None:
    await over(desk, mail=True)
    assert await desk.claim() == []
    assert desk.rows() == [("sms", "expired", "over_before_release"), ("email", "pending", "fallback")]
    (mail,) = await desk.claim(Channel.EMAIL)
    assert (mail.kind, mail.personal.kind) == (BroadcastKind.OVERNIGHT, "overnight")
    await desk.hand_over([mail], Result.TEMPORARY)
    desk.clock.at = MORNING + timedelta(hours=1)
    (again,) = await desk.claim(Channel.EMAIL)
    assert again.kind is BroadcastKind.OVERNIGHT


async def test_who_was_told_nothing_until_it_was_over_and_has_no_mail_hears_nothing(desk: Desk) -> None:
    await over(desk)
    assert await desk.claim() == []
    assert desk.rows() == [("sms", "expired", "over_before_release")]


async def test_a_playbook_may_say_nothing_in_the_morning(database: Database) -> None:
    desk = Desk(database, overnight=Overnight.NOTHING)
    await over(desk, mail=True)
    assert await desk.claim() == []
    assert desk.rows() == [("sms", "expired", "over_before_release")]


async def test_who_was_told_in_the_evening_hears_in_the_morning_that_it_is_back(desk: Desk) -> None:
    number, id_ = desk.home(1), incident(desk.database)
    desk.text(update(desk, id_, state=BroadcastState.SUPERSEDED), number, state="sent", sending_at=to_micros(EVENING))
    desk.text(update(desk, id_, kind=BroadcastKind.RESTORED), number)
    assert await desk.claim() == []
    desk.clock.at = MORNING
    (claimed,) = await desk.claim()
    assert claimed.kind is BroadcastKind.RESTORED
    assert not claimed.personal.first_contact


@pytest.mark.parametrize("state", ["dismissed", "merged"])
async def test_a_held_message_of_an_incident_that_is_none_any_more_is_dropped(desk: Desk, state: str) -> None:
    desk.text(update(desk), desk.home(1))
    assert await desk.claim() == []
    desk.run("UPDATE incidents SET state = :state", state=state)
    desk.clock.at = MORNING
    assert await desk.claim() == []
    assert desk.rows() == [("sms", "expired", "over_before_release")]


async def test_a_held_message_that_failed_once_is_not_stale_because_of_the_night(desk: Desk) -> None:
    desk.text(update(desk), desk.home(1), due_at=EVENING + timedelta(hours=1))
    assert await desk.claim() == []
    desk.clock.at = MORNING
    for _ in range(2):
        claimed = await desk.claim()
        await desk.hand_over(claimed, Result.TEMPORARY)
        assert desk.rows() == [("sms", "pending", "temporary_failure")]
        desk.clock.at += timedelta(hours=1)


# --- what is promised


async def test_nobody_is_promised_a_word_for_the_hours_of_sleep(desk: Desk) -> None:
    desk.clock.at = EVENING
    facts = replace(FACTS, started_at=EVENING, next_update_by=EVENING + timedelta(hours=1))  # 21:30
    sleeper, priority = desk.home(1), desk.home(2, priority=1)
    early = desk.home(3, quiet=(23 * 60, 6 * 60))
    desk.text(update(desk, facts=facts), sleeper, priority, early, due_at=EVENING)
    told = {one.contact_point_id: one for one in await desk.claim()}
    assert told[sleeper].facts.next_update_by == MORNING + AFTER_RELEASE
    assert told[priority].facts.next_update_by == facts.next_update_by
    assert told[early].facts.next_update_by == facts.next_update_by


async def test_who_was_held_reads_nothing_of_what_was_promised_for_the_night(desk: Desk) -> None:
    facts = replace(
        FACTS, next_update_by=MORNING + timedelta(hours=1), previous_update_by=NIGHT, automatic=True, late=True
    )
    desk.text(update(desk, kind=BroadcastKind.DELAYED, facts=facts), desk.home(1))
    assert await desk.claim() == []
    desk.clock.at = MORNING
    (claimed,) = await desk.claim()
    assert claimed.facts.previous_update_by is None
    assert not claimed.facts.late


# --- caps


async def test_what_comes_too_soon_waits_until_it_fits(database: Database) -> None:
    desk = Desk(database, every=20 * MINUTE)
    desk.clock.at = MORNING
    number = desk.home(1)
    desk.text(update(desk), number, due_at=MORNING)
    await desk.hand_over(await desk.claim())
    desk.text(update(desk), number, due_at=MORNING)  # of another incident
    desk.clock.at = MORNING + 5 * MINUTE
    assert await desk.claim() == []
    assert desk.rows()[1] == ("sms", "pending", "frequency_cap")
    desk.clock.at = MORNING + 20 * MINUTE
    assert len(await desk.claim()) == 1


async def test_the_cap_in_time_holds_for_mails_too(database: Database) -> None:
    desk = Desk(database, rule=NightRule.EMAIL_ONLY, every=20 * MINUTE)
    number = desk.home(1, mail=True)
    for expected in (1, 0):
        desk.text(update(desk), number)
        await desk.claim()
        mails = await desk.claim(Channel.EMAIL)
        assert len(mails) == expected
        await desk.hand_over(mails)


async def test_the_seventh_text_of_a_day_waits_and_a_restoration_does_not(desk: Desk) -> None:
    desk.clock.at = MORNING
    number = desk.home(1)
    for hours in range(6):
        sent = to_micros(MORNING - timedelta(hours=hours + 1))
        desk.text(update(desk, state=BroadcastState.COMPLETED), number, state="sent", sending_at=sent)
    desk.text(update(desk), number, due_at=MORNING)
    assert await desk.claim() == []
    assert desk.due()[-1] == MORNING + timedelta(hours=18)
    desk.text(update(desk, kind=BroadcastKind.RESTORED), number, due_at=MORNING)
    assert [one.kind for one in await desk.claim()] == [BroadcastKind.RESTORED]


async def test_the_sixth_text_of_a_day_promises_nothing_for_before_the_next_one_fits(desk: Desk) -> None:
    desk.clock.at = MORNING
    number = desk.home(1)
    for hours in range(5):
        sent = to_micros(MORNING - timedelta(hours=hours + 10))
        desk.text(update(desk, state=BroadcastState.COMPLETED), number, state="sent", sending_at=sent)
    desk.text(update(desk, facts=replace(FACTS, next_update_by=MORNING + timedelta(hours=1))), number, due_at=MORNING)
    (claimed,) = await desk.claim()
    assert claimed.facts.next_update_by == MORNING + timedelta(hours=10) + AFTER_RELEASE


async def test_who_wrote_hears_also_beyond_the_cap(database: Database) -> None:
    desk = Desk(database, every=20 * MINUTE)
    desk.clock.at = MORNING
    number = desk.home(1)
    desk.text(update(desk, state=BroadcastState.COMPLETED), number, state="sent", sending_at=to_micros(MORNING))
    desk.text(update(desk), number, due_at=MORNING)
    desk.run(
        """INSERT INTO replies (source, external_id, contact_point_id, meaning, received_at)
           SELECT 'sms', 'x', id, 'status', :now FROM contact_points""",
        now=to_micros(MORNING),
    )
    assert len(await desk.claim()) == 1


# --- the next channel


@pytest.mark.parametrize("result", [Result.PERMANENT, Result.RENDER_FAILED])
async def test_what_failed_goes_by_the_next_channel(desk: Desk, result: Result) -> None:
    desk.clock.at = MORNING
    which = update(desk)
    desk.text(which, desk.home(1, mail=True), desk.home(2), due_at=MORNING)
    await desk.hand_over(await desk.claim(), result)
    assert [row[:2] for row in desk.rows()] == [("sms", "failed"), ("sms", "failed"), ("email", "pending")]
    (mail,) = await desk.claim(Channel.EMAIL)
    assert mail.address == "c1@example.net"
    await desk.hand_over([mail], Result.PERMANENT)
    assert len(desk.rows()) == 3  # there is no channel after that one


@pytest.mark.parametrize(
    "untrue",
    [
        "UPDATE broadcasts SET state = 'superseded'",
        "UPDATE broadcasts SET state = 'cancelled'",
        "UPDATE incidents SET state = 'resolved'",
    ],
)
async def test_what_is_true_no_more_goes_by_no_channel(desk: Desk, untrue: str) -> None:
    desk.clock.at = MORNING
    desk.text(update(desk), desk.home(1, mail=True), due_at=MORNING)
    claimed = await desk.claim()
    desk.run(untrue)
    await desk.hand_over(claimed, Result.PERMANENT)
    assert len(desk.rows()) == 1


async def test_a_completed_update_sends_again_for_the_next_channel(desk: Desk) -> None:
    from notifier.storage.repositories import fallbacks

    desk.clock.at = MORNING
    which = update(desk)
    (id_,) = desk.text(which, desk.home(1, mail=True), due_at=MORNING)
    await desk.hand_over(await desk.claim())
    desk.run("UPDATE broadcasts SET state = 'completed', finished_at = 1")
    desk.run("UPDATE notifications SET state = 'undelivered' WHERE id = :id", id=id_)
    playbooks = {"power": Playbook(name="p", services=("power",), channels=(Channel.SMS, Channel.EMAIL))}
    for made in (1, 0):  # whatever is repeated
        assert desk.database.write_now(lambda tx: fallbacks.fall_back(tx, [id_], playbooks, now=MORNING)) == made
    row = desk.database.read_now(lambda tx: tx.row("SELECT state, finished_at FROM broadcasts WHERE id = :b", b=which))
    assert row == {"state": "sending", "finished_at": None}
    assert len(await desk.claim(Channel.EMAIL)) == 1


async def test_who_heard_of_an_incident_that_was_over_first_hears_the_end_of_the_other_as_theirs(desk: Desk) -> None:
    desk.clock.at = MORNING
    number, over, other = desk.home(1), incident(desk.database), incident(desk.database)
    desk.text(update(desk, over, state=BroadcastState.COMPLETED), number, state="sent", sending_at=to_micros(EVENING))
    for kind, first in ((BroadcastKind.ETA, True), (BroadcastKind.RESTORED, False)):
        which = update(desk, other, kind=kind)
        desk.run(
            "INSERT INTO timeline (incident_id, at, event, actor, detail) VALUES (:id, 0, :event, 'daemon', :detail)",
            id=other,
            event=neighbours.TELLS_FOR_ANOTHER,
            detail=f'{{"incident": {over}}}',
        )
        (id_,) = desk.text(which, number, due_at=MORNING)
        (claimed,) = await desk.claim()
        assert claimed.personal.first_contact is first
        desk.run("UPDATE notifications SET state = 'cancelled' WHERE id = :id", id=id_)
