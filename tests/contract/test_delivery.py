"""Delivery and its repository, on both databases: claims, leases, outcomes, doubt, opt-outs."""

import email
import email.policy
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import cast

import pytest
from msgspec.structs import replace

from notifier.config import Caps, Config, InDoubt, InDoubtPolicy
from notifier.config import Delivery as DeliverySettings
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import BroadcastKind, BroadcastState, Facts
from notifier.domain.consent import Purpose
from notifier.domain.delivery import Outcome, Result, Suppress
from notifier.domain.errors import LeaseLost, NotFound, Refused
from notifier.domain.lease import Lease
from notifier.domain.notification import Channel, NotificationReason
from notifier.domain.playbook import Playbook
from notifier.messages import Messages
from notifier.messages.links import Purpose as LinkPurpose
from notifier.messages.links import read_unsubscribe, read_versioned
from notifier.messages.mime import Mail
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.delivery import Claimed, Delivery, Doubts, Handed, Held, Letters
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from tests.broadcasts import FACTS, NOW, broadcast, contact_point, incident, notification, states

PLAYBOOKS = {"power": Playbook(name="power", services=("power",), safety=("wires",))}
ANN = Actor(name="ann", role=KeyRole.COMMANDER)


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at, self.seconds = NOW, 1_000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def real_seconds(self, duration: timedelta) -> float:
        return duration.total_seconds()


class Desk:
    """A delivery on a database, with what tests ask for most."""

    def __init__(self, database: Database, *, email: InDoubt = InDoubt.RESEND) -> None:
        self.database, self.clock = database, HandClock()
        self.config = Config(
            delivery=DeliverySettings(in_doubt=InDoubtPolicy(email=email)),
            caps=Caps(every=timedelta()),  # nothing here is about how often somebody hears
        )
        self.metrics = Metrics(providers=["relay"])
        messages = Messages(self.config, PLAYBOOKS)
        self.queue = EmbeddedQueue()
        self.delivery = Delivery(
            database, self.config, self.clock, self.queue, self.metrics, PLAYBOOKS, messages, "a secret"
        )
        self.doubts = self._doubts(self.delivery.owner)
        self.held = Held(database, self.clock, self.queue, self.metrics)
        self.letters = Letters(database, self.config, self.clock, messages, "a secret")

    def another(self) -> Doubts:
        """Return the settlement of another daemon on the same store."""
        return self._doubts("another")

    def _doubts(self, owner: str) -> Doubts:
        return Doubts(self.database, self.config, self.clock, self.queue, self.metrics, PLAYBOOKS, owner)

    async def claim(self, limit: int = 100) -> list[Claimed]:
        return await self.delivery.claim(Channel.EMAIL, limit)

    async def record(self, claimed: Claimed, outcome: Outcome, *, version: str = "") -> None:
        handed = Handed(
            claimed=claimed,
            outcome=outcome,
            provider="relay",
            began_at=NOW,
            ended_at=NOW,
            template_version=version,
        )
        await self.delivery.record([handed])

    def run(self, sql: str, **values: object) -> None:
        self.database.write_now(lambda tx: tx.run(sql, **values))

    def counted(self, state: str, reason: str) -> float:
        labels = {"channel": "email", "state": state, "reason": reason}
        return self.metrics.registry.get_sample_value("notifier_notifications_total", labels) or 0.0


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


@pytest.fixture
def hold(database: Database) -> Desk:
    return Desk(database, email=InDoubt.HOLD)


def one(desk: Desk) -> int:
    """Write one claimable notification and return its id."""
    point = contact_point(desk.database, 1)
    return notification(desk.database, broadcast(desk.database, incident(desk.database)), point)


# --- claims


async def test_a_claim_commits_sending_with_owner_and_lease_before_it_returns(desk: Desk) -> None:
    id_ = one(desk)
    (claimed,) = await desk.claim()
    assert (claimed.id, claimed.number, claimed.kind) == (id_, 1, BroadcastKind.ACKNOWLEDGED)
    row = desk.database.read_now(
        lambda tx: tx.row("SELECT state, reason, owner, lease_until, attempts, sending_at FROM notifications")
    )
    assert row == {
        "state": "sending",
        "reason": "claimed",
        "owner": desk.delivery.owner,
        "lease_until": 1_000.0 + 300.0,
        "attempts": 1,
        "sending_at": to_micros(NOW),
    }
    assert await desk.claim() == []


@pytest.mark.parametrize("state", [state for state in BroadcastState if state is not BroadcastState.SENDING])
async def test_nothing_is_claimed_of_a_broadcast_that_does_not_send(desk: Desk, state: BroadcastState) -> None:
    point = contact_point(desk.database, 1)
    notification(desk.database, broadcast(desk.database, incident(desk.database), state=state), point)
    assert await desk.claim() == []


async def test_nothing_is_claimed_before_the_broadcast_has_started(desk: Desk) -> None:
    point = contact_point(desk.database, 1)
    notification(desk.database, broadcast(desk.database, incident(desk.database), started=False), point)
    assert await desk.claim() == []


async def test_nothing_is_claimed_while_everything_is_paused(desk: Desk) -> None:
    one(desk)
    desk.run("INSERT INTO control (name, value, changed_at, changed_by) VALUES ('paused', '1', 0, 'ann')")
    assert await desk.claim() == []
    desk.run("DELETE FROM control")
    assert len(await desk.claim()) == 1


async def test_nothing_is_claimed_before_it_is_due(desk: Desk) -> None:
    point = contact_point(desk.database, 1)
    due_at = NOW + timedelta(minutes=5)
    notification(desk.database, broadcast(desk.database, incident(desk.database)), point, due_at=due_at)
    assert await desk.claim() == []
    desk.clock.at = due_at
    assert len(await desk.claim()) == 1


async def test_a_claim_takes_no_more_than_its_limit_and_shares_it_among_broadcasts(desk: Desk) -> None:
    points = [contact_point(desk.database, number) for number in range(6)]
    both = [broadcast(desk.database, incident(desk.database)) for _ in range(2)]
    for id_ in both:
        for point in points:
            notification(desk.database, id_, point)
    claimed = await desk.claim(4)
    assert [item.broadcast_id for item in claimed] == [both[0]] * 2 + [both[1]] * 2
    assert len(await desk.claim(100)) == 8


async def test_what_one_broadcast_leaves_of_its_share_goes_to_the_other(desk: Desk) -> None:
    few, many = (broadcast(desk.database, incident(desk.database)) for _ in range(2))
    points = [contact_point(desk.database, number) for number in range(5)]
    notification(desk.database, few, points[0])
    for point in points:
        notification(desk.database, many, point)
    assert len(await desk.claim(4)) == 4


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE contact_points SET suppressed = 'opted_out'", "opted_out"),
        ("UPDATE contact_points SET suppressed = 'bad_address'", "suppressed"),
        (
            """INSERT INTO consents (contact_point_id, purpose, state, source, changed_at)
               SELECT id, 'outage', 'refused', 'call', 0 FROM contact_points""",
            "opted_out",
        ),
        (
            "INSERT INTO pauses (contact_point_id, incident_id, created_at) SELECT id, 1, 0 FROM contact_points",
            "paused_by_customer",
        ),
        ("UPDATE contact_points SET channels_off = '|email|'", "channel_off"),
    ],
)
async def test_consent_and_suppression_are_checked_again_at_the_claim(desk: Desk, sql: str, reason: str) -> None:
    one(desk)
    desk.run(sql)
    assert await desk.claim() == []
    assert states(desk.database) == [("suppressed", reason)]
    assert desk.counted("suppressed", reason) == 1


async def test_the_facts_of_the_reader_are_frozen_at_the_claim(desk: Desk) -> None:
    point = contact_point(desk.database, 1, sites=3, street="12 Oak St")
    notification(desk.database, broadcast(desk.database, incident(desk.database)), point, sites=2)
    (claimed,) = await desk.claim()
    personal = claimed.personal
    assert [site.street for site in personal.sites] == ["12 Oak St", "12 Oak St"]
    assert (personal.sites_affected, personal.site_count) == (2, 3)
    assert (personal.locale, personal.time_zone) == ("en", "America/Los_Angeles")
    assert personal.at == NOW.replace(second=0)
    assert personal.first_contact


@pytest.mark.parametrize(
    ("zones", "expected"),
    [
        (("America/Denver", "America/Denver"), "America/Denver"),
        (("America/Denver", "America/Chicago"), "America/Denver|America/Chicago"),
        (("America/Denver|America/Chicago", "America/Denver"), "America/Denver|America/Chicago"),
        (("", "America/Denver"), "America/Denver"),
        (("", ""), "America/Los_Angeles"),
    ],
)
async def test_times_are_told_in_the_zone_of_the_sites(desk: Desk, zones: tuple[str, str], expected: str) -> None:
    point = contact_point(desk.database, 1, sites=2)
    for place, zone in enumerate(zones):
        desk.run("UPDATE sites SET time_zone = :zone WHERE reference = :place", zone=zone, place=str(place))
    notification(desk.database, broadcast(desk.database, incident(desk.database)), point)
    (claimed,) = await desk.claim()
    assert claimed.personal.time_zone == expected


async def test_a_site_without_a_zone_takes_that_of_its_narrowest_region(desk: Desk) -> None:
    point = contact_point(desk.database, 1, time_zone="")
    for number, (kind, zone) in enumerate((("state", "America/Chicago"), ("postal_code", "America/Denver")), start=1):
        desk.run(
            "INSERT INTO regions (id, kind, code, time_zone) VALUES (:id, :kind, 'x', :zone)",
            id=number,
            kind=kind,
            zone=zone,
        )
        desk.run("INSERT INTO site_regions (region_id, site_id) SELECT :id, id FROM sites", id=number)
    notification(desk.database, broadcast(desk.database, incident(desk.database)), point)
    (claimed,) = await desk.claim()
    assert claimed.personal.time_zone == "America/Denver"


@pytest.mark.parametrize(
    ("earlier", "first"),
    [("sent", False), ("in_doubt", False), ("abandoned", False), ("superseded", True), ("failed", True)],
)
async def test_first_contact_is_decided_by_what_was_handed_over_before(desk: Desk, earlier: str, first: bool) -> None:
    point, id_ = contact_point(desk.database, 1), incident(desk.database)
    old = broadcast(desk.database, id_, state=BroadcastState.SUPERSEDED)
    told = notification(desk.database, old, point)
    desk.run("UPDATE notifications SET state = :state WHERE id = :id", state=earlier, id=told)
    notification(desk.database, broadcast(desk.database, id_, kind=BroadcastKind.RESTORED), point)
    (claimed,) = await desk.claim()
    assert claimed.personal.first_contact is first


async def test_what_was_told_of_another_incident_is_no_earlier_contact(desk: Desk) -> None:
    point = contact_point(desk.database, 1)
    other = broadcast(desk.database, incident(desk.database), state=BroadcastState.COMPLETED)
    told = notification(desk.database, other, point)
    desk.run("UPDATE notifications SET state = 'sent' WHERE id = :id", id=told)
    notification(desk.database, broadcast(desk.database, incident(desk.database)), point)
    (claimed,) = await desk.claim()
    assert claimed.personal.first_contact


# --- outcomes


async def test_an_accepted_message_is_sent_with_its_attempt_in_the_ledger(desk: Desk) -> None:
    id_ = one(desk)
    (claimed,) = await desk.claim()
    await desk.record(claimed, Outcome(result=Result.ACCEPTED, code="250", provider_id="4Bx9", size=3000))
    view = await desk.letters.show(id_)
    assert (view.state, view.reason, view.provider, view.provider_id) == ("sent", "accepted", "relay", "4Bx9")
    assert [(item.number, item.outcome, item.code) for item in view.attempts] == [(1, "accepted", "250")]
    assert view.ended_at == NOW
    assert desk.counted("sent", "accepted") == 1


async def test_a_temporary_failure_is_pending_again_until_it_is_stale(desk: Desk) -> None:
    facts = replace(FACTS, next_update_by=None)
    point = contact_point(desk.database, 1)
    notification(desk.database, broadcast(desk.database, incident(desk.database), facts=facts), point)
    (claimed,) = await desk.claim()
    await desk.record(claimed, Outcome(result=Result.TEMPORARY, code="451 4.7.1", retry_after=timedelta(minutes=5)))
    assert states(desk.database) == [("pending", "temporary_failure")]
    assert await desk.claim() == []
    desk.clock.at = NOW + timedelta(hours=4)
    (again,) = await desk.claim()
    assert again.number == 2
    await desk.record(again, Outcome(result=Result.TEMPORARY, code="451"))
    assert states(desk.database) == [("failed", "stale")]


async def test_a_retry_of_a_superseded_broadcast_goes_to_its_end(desk: Desk) -> None:
    one(desk)
    (claimed,) = await desk.claim()
    desk.run("UPDATE broadcasts SET state = 'superseded'")
    await desk.record(claimed, Outcome(result=Result.TEMPORARY, code="451"))
    assert states(desk.database) == [("superseded", "newer_update")]


async def test_only_a_bad_address_is_suppressed(desk: Desk) -> None:
    one(desk)
    (claimed,) = await desk.claim()
    await desk.record(claimed, Outcome(result=Result.PERMANENT, code="550 5.1.1", suppress=Suppress.AT_ONCE))
    assert states(desk.database) == [("failed", "permanent_failure")]
    logged = desk.database.read_now(
        lambda tx: tx.tuples(
            "SELECT c.suppressed, s.reason, s.source FROM contact_points AS c JOIN suppressions AS s"
            " ON s.contact_point_id = c.id"
        )
    )
    assert logged == [("bad_address", "bad_address", "relay 550 5.1.1")]


async def test_a_disabled_mailbox_is_suppressed_when_it_is_disabled_again(desk: Desk) -> None:
    point, id_ = contact_point(desk.database, 1), incident(desk.database)
    disabled = Outcome(result=Result.PERMANENT, code="550 5.2.1", suppress=Suppress.REPEATED)
    for suppressed in (None, "bad_address"):
        notification(desk.database, broadcast(desk.database, id_), point)
        (claimed,) = await desk.claim()
        await desk.record(claimed, disabled)
        assert desk.database.read_now(lambda tx: tx.scalar("SELECT suppressed FROM contact_points")) == suppressed


async def test_an_outcome_of_ours_suppresses_nobody(desk: Desk) -> None:
    one(desk)
    (claimed,) = await desk.claim()
    await desk.record(claimed, Outcome(result=Result.OURS, code="535 5.7.8"))
    assert states(desk.database) == [("pending", "provider_stopped")]
    assert desk.database.read_now(lambda tx: tx.scalar("SELECT suppressed FROM contact_points")) is None


async def test_an_owner_whose_lease_lapsed_writes_nothing(desk: Desk) -> None:
    one(desk)
    (claimed,) = await desk.claim()
    desk.clock.seconds += 301
    with pytest.raises(LeaseLost):
        await desk.record(claimed, Outcome(result=Result.ACCEPTED, code="250"))
    assert states(desk.database) == [("sending", "claimed")]
    assert desk.database.read_now(lambda tx: tx.scalar("SELECT COUNT(*) FROM attempts")) == 0


async def test_an_outcome_does_not_overwrite_a_row_that_was_settled_meanwhile(desk: Desk) -> None:
    one(desk)
    (claimed,) = await desk.claim()
    await desk.another().settle_at_start()
    with pytest.raises(LeaseLost):
        await desk.record(claimed, Outcome(result=Result.PERMANENT, code="550"))
    assert states(desk.database) == [("pending", "resent_by_policy")]


async def test_what_was_not_begun_goes_back_as_if_it_had_not_been_claimed(desk: Desk) -> None:
    one(desk)
    claimed = await desk.claim()
    await desk.delivery.release(claimed, reason=NotificationReason.PLANNED)
    row = desk.database.read_now(
        lambda tx: tx.row("SELECT state, reason, attempts, owner, lease_until, facts FROM notifications")
    )
    assert row == {
        "state": "pending",
        "reason": "planned",
        "attempts": 0,
        "owner": None,
        "lease_until": None,
        "facts": None,
    }
    assert len(await desk.claim()) == 1


async def test_a_site_that_ended_after_planning_is_not_written_about(desk: Desk) -> None:
    one(desk)
    desk.run("UPDATE sites SET status = 'ended'")
    assert await desk.claim() == []
    assert states(desk.database) == [("expired", "site_ended")]


async def test_a_contact_point_that_was_unlinked_after_planning_hears_nothing(desk: Desk) -> None:
    one(desk)
    desk.run("DELETE FROM links")
    assert await desk.claim() == []
    assert states(desk.database) == [("expired", "site_ended")]


# --- doubt


async def test_what_a_dead_owner_was_sending_is_in_doubt_and_resent_by_policy(desk: Desk) -> None:
    id_ = one(desk)
    await desk.claim()
    await desk.another().settle_at_start()
    assert states(desk.database) == [("pending", "resent_by_policy")]
    assert desk.counted("in_doubt", "owner_gone") == 1
    view = await desk.letters.show(id_)
    assert view.in_doubt_at == NOW
    (again,) = await desk.claim()
    assert again.number == 2


async def test_tries_that_were_refused_for_the_moment_are_no_doubts(desk: Desk) -> None:
    facts = replace(FACTS, next_update_by=None)
    point = contact_point(desk.database, 1)
    notification(desk.database, broadcast(desk.database, incident(desk.database), facts=facts), point)
    for _ in range(5):
        (claimed,) = await desk.claim()
        await desk.record(claimed, Outcome(result=Result.TEMPORARY, code="450"))
        desk.clock.at += timedelta(minutes=20)
    await desk.claim()
    await desk.another().settle_at_start()
    assert states(desk.database) == [("pending", "resent_by_policy")]


async def test_what_a_dead_owner_was_sending_is_held_by_policy(hold: Desk) -> None:
    one(hold)
    await hold.claim()
    await hold.another().settle_at_start()
    assert states(hold.database) == [("held", "held_by_policy")]
    assert await hold.claim() == []


async def test_the_rows_of_the_living_owner_stay_until_their_lease_lapses(desk: Desk) -> None:
    one(desk)
    await desk.claim()
    await desk.doubts.settle()
    assert states(desk.database) == [("sending", "claimed")]
    desk.clock.seconds += 301
    await desk.doubts.settle()
    assert states(desk.database) == [("pending", "resent_by_policy")]


async def test_an_unknown_outcome_is_in_doubt_until_it_is_settled(hold: Desk) -> None:
    one(hold)
    (claimed,) = await hold.claim()
    await hold.record(claimed, Outcome(result=Result.UNKNOWN))
    assert states(hold.database) == [("in_doubt", "unknown_outcome")]
    await hold.doubts.settle()
    assert states(hold.database) == [("held", "held_by_policy")]


async def test_doubt_about_an_update_that_is_superseded_ends_there(desk: Desk) -> None:
    one(desk)
    await desk.claim()
    desk.run("UPDATE broadcasts SET state = 'superseded'")
    await desk.another().settle_at_start()
    assert states(desk.database) == [("superseded", "newer_update")]


async def test_a_person_has_a_held_message_sent_again(hold: Desk) -> None:
    id_ = one(hold)
    await hold.claim()
    await hold.another().settle_at_start()
    hold.run("UPDATE broadcasts SET state = 'completed', finished_at = 1")
    await hold.held.resend(id_, ANN)
    assert states(hold.database) == [("pending", "resent_by_person")]
    assert hold.database.read_now(lambda tx: tx.tuples("SELECT state, reason, finished_at FROM broadcasts")) == [
        ("sending", "extended", None)
    ]
    assert len(await hold.claim()) == 1
    assert hold.database.read_now(lambda tx: tx.tuples("SELECT actor, action FROM audit")) == [
        ("ann", "notifications.resend")
    ]


async def test_a_person_gives_a_held_message_up(hold: Desk) -> None:
    id_ = one(hold)
    await hold.claim()
    await hold.another().settle_at_start()
    await hold.held.abandon(id_, ANN)
    assert states(hold.database) == [("abandoned", "abandoned_by_person")]
    assert hold.counted("abandoned", "abandoned_by_person") == 1


async def test_a_person_decides_on_held_messages_only(desk: Desk) -> None:
    id_ = one(desk)
    for decide in (desk.held.resend, desk.held.abandon):
        with pytest.raises(Refused, match="is pending"):
            await decide(id_, ANN)
        with pytest.raises(NotFound):
            await decide(99, ANN)


async def test_a_held_message_of_a_superseded_update_is_not_sent_again(hold: Desk) -> None:
    id_ = one(hold)
    await hold.claim()
    await hold.another().settle_at_start()
    hold.run("UPDATE broadcasts SET state = 'superseded'")
    with pytest.raises(Refused, match="no longer true"):
        await hold.held.resend(id_, ANN)


async def hold_some(hold: Desk, messages: int) -> int:
    """Let some messages of a new broadcast be held; return it."""
    id_ = broadcast(hold.database, incident(hold.database))
    for number in range(1, messages + 1):
        notification(hold.database, id_, contact_point(hold.database, number))
    await hold.claim()
    await hold.another().settle_at_start()
    return id_


async def test_a_person_sends_all_held_messages_of_a_broadcast_again_by_their_count(hold: Desk) -> None:
    id_ = await hold_some(hold, 3)
    hold.run("UPDATE broadcasts SET state = 'completed', finished_at = 1")
    for wrong in (2, 0):
        with pytest.raises(Refused, match=f"has 3 held messages now, and {wrong} was given"):
            await hold.held.resend_all(id_, wrong, ANN)
    await hold.held.resend_all(id_, 3, ANN)
    assert states(hold.database) == [("pending", "resent_by_person")] * 3
    assert len(await hold.claim()) == 3
    assert hold.database.read_now(lambda tx: tx.tuples("SELECT actor, action, target, detail FROM audit")) == [
        ("ann", "notifications.resend", "broadcast 1", '{"count":3}')
    ]
    with pytest.raises(Refused, match="no held messages"):
        await hold.held.resend_all(id_, 3, ANN)


async def test_a_person_gives_all_held_messages_of_a_broadcast_up(hold: Desk) -> None:
    id_ = await hold_some(hold, 3)
    await hold.held.abandon(1, ANN)
    await hold.held.abandon_all(id_, 2, ANN)
    assert states(hold.database) == [("abandoned", "abandoned_by_person")] * 3
    assert hold.counted("abandoned", "abandoned_by_person") == 3
    ended = hold.database.read_now(lambda tx: tx.tuples("SELECT DISTINCT ended_at FROM notifications"))
    assert ended == [(to_micros(NOW),)]
    with pytest.raises(NotFound):
        await hold.held.abandon_all(99, 2, ANN)


async def test_all_held_messages_are_settled_chunk_by_chunk(hold: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifier.stages.delivery.held.SETTLED_AT_MOST", 2)
    id_ = await hold_some(hold, 5)
    write, written = hold.database.write, 0

    async def stopped_meanwhile(work: Callable[[Transaction], object]) -> object:
        nonlocal written
        result, written = await write(work), written + 1
        if written == 1:  # one is claimed at once, and is in doubt again; then its update is replaced
            hold.run("UPDATE notifications SET state = 'held' WHERE id = 1")
        if written == 2:
            hold.run("UPDATE broadcasts SET state = 'superseded'")
        return result

    hold.database.write = stopped_meanwhile  # type: ignore[method-assign,assignment]
    with pytest.raises(Refused, match="no longer true"):
        await hold.held.resend_all(id_, 5, ANN)
    held, again = ("held", "held_by_policy"), ("pending", "resent_by_person")
    assert states(hold.database) == [("held", "resent_by_person"), again, again, again, held]
    await hold.held.abandon_all(id_, 2, ANN)
    assert hold.counted("abandoned", "abandoned_by_person") == 2
    assert hold.database.read_now(lambda tx: tx.scalar("SELECT COUNT(*) FROM audit")) == 2


async def test_held_messages_of_a_superseded_update_are_not_sent_again(hold: Desk) -> None:
    id_ = await hold_some(hold, 2)
    hold.run("UPDATE broadcasts SET state = 'superseded'")
    with pytest.raises(Refused, match="no longer true"):
        await hold.held.resend_all(id_, 2, ANN)
    await hold.held.abandon_all(id_, 2, ANN)


# --- two updates of one incident


@pytest.mark.parametrize("kind", [BroadcastKind.CORRECTION, BroadcastKind.DELAYED])
async def test_who_is_just_being_told_hears_the_newer_update_when_it_is_certain_what_became_of_the_older(
    desk: Desk, kind: BroadcastKind
) -> None:
    first = incident(desk.database)
    points = [contact_point(desk.database, number) for number in (1, 2)]
    older = broadcast(desk.database, first)
    for point in points:
        notification(desk.database, older, point)
    claimed = await desk.claim()
    desk.run("UPDATE broadcasts SET state = 'superseded'")
    newer = broadcast(desk.database, first, kind=kind)
    for point in points:
        notification(desk.database, newer, point)
    assert await desk.claim() == []
    await desk.record(claimed[0], Outcome(result=Result.ACCEPTED))
    await desk.delivery.release(claimed[1:], reason=NotificationReason.PLANNED)  # called back: never told
    told = [(one.contact_point_id, one.personal.first_contact) for one in await desk.claim()]
    assert told == [(points[0], False)] + ([] if kind is BroadcastKind.CORRECTION else [(points[1], True)])


# --- showing


def words(mail: Mail) -> tuple[str, str, str]:
    """Return subject, text and HTML of a mail as its reader's program takes it apart."""
    message = cast("EmailMessage", email.message_from_bytes(mail.data, policy=email.policy.SMTP))
    parts = [part.get_payload(decode=True) for part in message.iter_parts()]
    text, html = (bytes(part).decode().replace("\r\n", "\n") for part in parts)  # type: ignore[arg-type]
    return str(message["Subject"]), text, html


async def test_what_was_sent_is_shown_again_word_for_word(desk: Desk) -> None:
    id_ = one(desk)
    (claimed,) = await desk.claim()
    mail, version = desk.delivery.make(claimed)
    await desk.record(claimed, Outcome(result=Result.ACCEPTED), version=version)
    desk.clock.at = NOW + timedelta(days=3)
    desk.run("UPDATE sites SET address = '99 Elsewhere'")
    view = await desk.letters.show(id_)
    assert (view.subject, view.text, view.html) == words(mail)
    assert view.template_version == version
    assert view.contact_point == "c***@example.net"
    assert view.customers == 1


@pytest.mark.parametrize(
    ("kind", "purpose"),
    [(BroadcastKind.ACKNOWLEDGED, Purpose.OUTAGE), (BroadcastKind.PLANNED_NOTICE, Purpose.PLANNED)],
)
async def test_a_mail_links_to_its_readers_settings_and_opts_out_of_what_it_is_for(
    desk: Desk, kind: BroadcastKind, purpose: Purpose
) -> None:
    point = contact_point(desk.database, 1)
    notification(desk.database, broadcast(desk.database, incident(desk.database), kind=kind), point)
    (claimed,) = await desk.claim()
    mail, _ = desk.delivery.make(claimed)
    assert isinstance(mail, Mail)
    _, text, html = words(mail)
    for part in (text, html):
        (settings,) = set(re.findall(r"/p/([0-9a-f]+)", part))
        assert read_versioned(("a secret",), LinkPurpose.PREFERENCES, settings) == point
        (stop,) = set(re.findall(r"/u/([0-9a-f]+)", part))
        assert read_unsubscribe(("a secret",), stop) == (point, purpose)
    feedback = email.message_from_bytes(mail.data)["Feedback-ID"]
    assert feedback.split(":")[1:3] == [kind, purpose], "mailbox providers count complaints by these"


async def test_what_was_sent_is_shown_with_the_words_of_then_after_the_templates_changed(desk: Desk) -> None:
    id_ = one(desk)
    (claimed,) = await desk.claim()
    mail, version = desk.delivery.make(claimed)
    await desk.record(claimed, Outcome(result=Result.ACCEPTED), version=version)
    desk.config = replace(desk.config, sender=replace(desk.config.sender, company="Renamed Utility"))
    later = Letters(desk.database, desk.config, desk.clock, Messages(desk.config, PLAYBOOKS), "a secret")
    view = await later.show(id_)
    assert "Example Utility" in view.text
    assert (view.subject, view.text, view.html) == words(mail)


async def test_a_message_that_was_never_claimed_is_shown_as_it_would_be_sent_now(desk: Desk) -> None:
    id_ = one(desk)
    view = await desk.letters.show(id_)
    assert view.subject == "Power out at 10 Oak St: next update by 4:06 am"
    assert view.template_version is None
    with pytest.raises(NotFound):
        await desk.letters.show(99)


async def test_words_that_were_not_kept_because_the_commit_failed_are_kept_with_the_next_message(desk: Desk) -> None:
    one(desk)

    def lost(tx: Transaction) -> None:
        desk.delivery._claim(tx, Channel.EMAIL, 100, Lease(owner=desk.delivery.owner, until=60.0), NOW)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        desk.database.write_now(lost)
    await desk.claim()
    assert desk.database.read_now(lambda tx: tx.scalar("SELECT count(*) FROM editions")) == 1


async def test_a_message_that_was_ever_in_doubt_is_an_earlier_contact(desk: Desk) -> None:
    first, point = incident(desk.database), contact_point(desk.database, 1)
    notification(desk.database, broadcast(desk.database, first, state=BroadcastState.SUPERSEDED), point)
    desk.run("UPDATE notifications SET state = 'superseded', in_doubt_at = 1")
    notification(desk.database, broadcast(desk.database, first), point)
    (claimed,) = await desk.claim()
    assert claimed.personal.first_contact is False


@pytest.mark.parametrize("passed", ["eta_at", "next_update_by"])
async def test_a_time_that_has_passed_is_told_to_nobody(desk: Desk, passed: str) -> None:
    facts = replace(FACTS, **{"next_update_by": None, passed: NOW + timedelta(minutes=20)})
    point = contact_point(desk.database, 1)
    notification(desk.database, broadcast(desk.database, incident(desk.database), facts=facts), point)
    desk.clock.at += timedelta(minutes=20)  # the relay was down
    assert await desk.claim() == []
    assert states(desk.database) == [("expired", "no_longer_true")]
    assert desk.counted("expired", "no_longer_true") == 1


async def test_nobody_is_corrected_whose_message_was_not_handed_over_after_all(desk: Desk) -> None:
    first, point = incident(desk.database), contact_point(desk.database, 1)
    notification(desk.database, broadcast(desk.database, first, state=BroadcastState.SUPERSEDED), point)
    desk.run("UPDATE notifications SET state = 'superseded'")  # a temporary failure, after the correction was planned
    correction = broadcast(desk.database, first, kind=BroadcastKind.CORRECTION, facts=Facts(service="power"))
    notification(desk.database, correction, point)
    assert await desk.claim() == []
    assert states(desk.database)[1] == ("expired", "not_told_before")


async def test_a_held_message_is_not_sent_again_after_something_newer_was_told(hold: Desk) -> None:
    id_ = one(hold)
    await hold.claim()
    await hold.another().settle_at_start()
    hold.run("UPDATE broadcasts SET state = 'completed'")
    newer = broadcast(hold.database, 1, kind=BroadcastKind.RESTORED, state=BroadcastState.COMPLETED)
    hold.run("UPDATE broadcasts SET started_at = started_at + 1 WHERE id = :id", id=newer)
    with pytest.raises(Refused, match="broadcast 2 is newer than 1"):
        await hold.held.resend(id_, ANN)
    assert states(hold.database) == [("held", "held_by_policy")]


async def test_many_that_may_not_be_told_are_gone_through_without_waiting(desk: Desk) -> None:
    one(desk)
    desk.run("UPDATE contact_points SET suppressed = 'opted_out'")
    assert await desk.claim() == []
    assert await desk.queue.wait(Topic.NOTIFICATIONS, 0)


# --- plans of the store


def plan(tx: Transaction, sql: str) -> str:
    """Return how the database would find the rows of a statement, were the table large."""
    if tx.dialect == "postgresql":
        tx.run("SET LOCAL enable_seqscan = off")
    words = "EXPLAIN" if tx.dialect == "postgresql" else "EXPLAIN QUERY PLAN"
    return "\n".join(str(row[-1]) for row in tx.tuples(f"{words} {sql}"))


@pytest.mark.parametrize("state", ["sending", "in_doubt", "held"])
def test_what_is_not_settled_is_found_without_walking_all_notifications(database: Database, state: str) -> None:
    sql = f"SELECT id FROM notifications WHERE state = '{state}'"
    assert "ix_notifications_unsettled" in database.write_now(lambda tx: plan(tx, sql))
    assert "ix_notifications_unsettled" in database.write_now(lambda tx: plan(tx, f"{sql} AND broadcast_id = 1"))


def test_what_is_due_is_found_in_its_order_without_a_sort(database: Database) -> None:
    found = database.write_now(
        lambda tx: plan(
            tx,
            "SELECT id FROM notifications WHERE broadcast_id = 1 AND channel = 'email' AND state = 'pending'"
            " AND due_at <= 5 ORDER BY due_at, id LIMIT 10",
        )
    )
    assert "ix_notifications_pending" in found
    assert "Sort" not in found
    assert "TEMP B-TREE" not in found
