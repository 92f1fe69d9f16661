"""Complaints while planned work is under way: its own open no incident, too many or others' do, who asks is told."""

from datetime import datetime, timedelta

import pytest

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.incident import IncidentState
from notifier.domain.notification import Channel
from notifier.domain.planned import is_more_than_the_work
from notifier.messages import Messages
from notifier.stages.incidents import SetEta
from notifier.stages.incidents.planned import OpenPlanned
from notifier.stages.planned import Calendar
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import broadcasts, control, incidents
from tests.complaint_desk import NOON, Desk, request
from tests.incident_town import MORNING
from tests.reply_desk import STANDARD, ReplyDesk

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ANN = Actor(name="ann", role=KeyRole.COMMANDER, key_id=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place(households=20)
    made.place("94112", households=20)
    return made


def work(desk: Desk, region: str = "94110", *, sites: tuple[str, ...] = (), told: bool = True) -> int:
    """Store work that has begun an hour ago; its share of complaints is 2 of 20 sites."""

    def save(tx: Transaction) -> int:
        region_ids = [] if sites else [tx.scalar("SELECT id FROM regions WHERE code = :code", code=region)]
        names = ", ".join(f"'{each}'" for each in sites) or "NULL"
        listed = tx.tuples(
            f"SELECT s.id FROM sites AS s JOIN customers AS c ON c.id = s.customer_id WHERE c.reference IN ({names})"
        )
        window = (NOON - HOUR, NOON + 3 * HOUR)
        incident_id = incidents.open_incident(
            tx,
            service="power",
            impact="down",
            playbook="standard",
            state=IncidentState.CONFIRMED,
            region_ids=region_ids,
            site_ids=[row[0] for row in listed],
            started_at=NOON - HOUR,
            now=NOON - HOUR,
            by="ann",
            correlation_id="c",
            window=window,
        )
        notice = broadcasts.create(
            tx,
            incident_id=incident_id,
            part_id=incidents.load(tx, incident_id).part.id,
            kind=BroadcastKind.PLANNED_NOTICE,
            facts=Facts(service="power", window_from_at=window[0], window_until_at=window[1], upcoming=True),
            changes=None,
            now=NOON - HOUR,
            by="ann",
            correlation_id="c",
        )
        if told:
            broadcasts.mark_started(tx, notice, NOON - HOUR)
        return incident_id

    return desk.database.write_now(save)


async def complain(desk: Desk, *customers: str, first: datetime = NOON) -> list[str | None]:
    """Let customers complain a minute apart, the detector looking after each; return why each does not count."""
    found = []
    for number, customer in enumerate(customers):
        (answer,) = await desk.complain(customer, at=first + number * MINUTE)
        await desk.decide()
        found.append(answer.not_counted)
    return found


def homes(code: str, first: int, last: int) -> list[str]:
    return [f"{code}-{number}" for number in range(first, last + 1)]


def test_the_share_is_of_its_sites() -> None:
    assert [is_more_than_the_work(each, 20, 0.1) for each in (1, 2, 3)] == [False, False, True]
    assert is_more_than_the_work(1, 0, 0.1)


async def test_its_complaints_are_set_aside_and_feed_no_baseline(desk: Desk) -> None:
    work(desk)
    assert await complain(desk, *homes("94110", 1, 2), "94110-1") == ["planned_work"] * 3
    assert [each[2] for each in desk.incidents()] == ["confirmed"]
    assert desk.rows("SELECT 1 FROM service_hours") == []
    assert {row["counted_regions"] for row in desk.rows("SELECT counted_regions FROM complaints")} == {"[]"}


async def test_more_than_its_share_count_as_always_and_open_an_incident_beside_it(desk: Desk) -> None:
    work(desk)
    assert await complain(desk, *homes("94110", 1, 6)) == ["planned_work"] * 2 + [None] * 4
    assert desk.incidents() == [(1, "94110", "confirmed"), (2, "94110", "suspected")]


async def test_without_work_the_same_complaints_open_one(desk: Desk) -> None:
    assert await complain(desk, *homes("94110", 1, 3)) == [None] * 3
    assert desk.incidents() == [(1, "94110", "suspected")]


async def test_who_lives_elsewhere_counts(desk: Desk) -> None:
    work(desk)
    await complain(desk, *homes("94112", 1, 3))
    assert desk.incidents()[1:] == [(2, "94112", "suspected")]


async def test_of_a_list_only_its_sites_are_meant(desk: Desk) -> None:
    work(desk, sites=tuple(homes("94110", 1, 20)[:10]))
    assert await complain(desk, "94110-1", "94110-11", "94110-2") == ["planned_work", None, None]


async def test_work_that_nobody_was_told_of_explains_nothing(desk: Desk) -> None:
    work(desk, told=False)
    assert await complain(desk, "94110-1") == [None]


@pytest.mark.parametrize("at", [NOON - 2 * HOUR, NOON + HOUR])
async def test_before_it_begins_and_after_it_is_done_complaints_count(desk: Desk, at: datetime) -> None:
    which = work(desk)
    done = NOON + 30 * MINUTE

    def finish(tx: Transaction) -> None:
        micros = int(done.timestamp() * 1_000_000)
        tx.run("UPDATE parts SET state = 'restored', restored_at = :at WHERE incident_id = :id", at=micros, id=which)
        tx.run("UPDATE incidents SET state = 'resolved', resolved_at = :at WHERE id = :id", at=micros, id=which)

    desk.database.write_now(finish)
    assert await complain(desk, "94110-1", first=at) == [None]


async def test_another_service_counts(desk: Desk) -> None:
    desk.place("94199", services="|power|internet|")
    work(desk, "94199")
    (answer,) = await desk.complain("94199-1", at=NOON, service="internet")
    assert answer.not_counted is None


async def test_a_late_one_feeds_nothing_and_history_is_left_alone(desk: Desk) -> None:
    work(desk)
    (late,) = await desk.complain("94110-1", at=NOON + HOUR, occurred_at=NOON)
    assert late.not_counted == "planned_work"
    (old,) = await desk.import_history([request(customer_id="94110-2", occurred_at=NOON)])
    assert getattr(old, "not_counted", "") == "history"


async def test_a_restart_counts_on_from_what_was_set_aside_and_decides_the_same(desk: Desk) -> None:
    work(desk)
    await complain(desk, *homes("94110", 1, 2))
    desk.intake._store._known = None
    assert await complain(desk, *homes("94110", 3, 5), first=NOON + 5 * MINUTE) == [None] * 3
    before = desk.incidents()
    desk.detection = desk.new_detection()
    await desk.detection.rebuild()
    await desk.decide()
    assert desk.incidents() == before == [(1, "94110", "confirmed"), (2, "94110", "suspected")]


async def test_who_complains_during_the_work_is_told_about_it(database: Database) -> None:
    desk = ReplyDesk(database)
    desk.home("told", "+14155550101", desk.town.region("94110"))
    from_at, until_at = MORNING + 5 * 24 * HOUR, MORNING + 5 * 24 * HOUR + 4 * HOUR
    draft = await desk.planned.open(
        OpenPlanned(service="power", regions=("94110",), from_at=from_at, until_at=until_at), ANN
    )
    await desk.deliver(draft)
    desk.home("moved-in", "+14155550102", desk.town.region("94110"))
    desk.clock.time = from_at
    await desk.inbox.tell_reporters()
    await Calendar(desk.around).watch()
    desk.clock.time = from_at + HOUR
    for customer in ("told", "moved-in"):
        await desk.complain(customer_id=customer)
    assert desk.kinds() == ["status", "status"]
    messages = Messages(desk.config, dict.fromkeys(STANDARD.services, STANDARD))
    for claimed in await desk.claim():
        assert claimed.facts.window_until_at == until_at
        text = messages.render(claimed.channel, claimed.kind, claimed.facts, claimed.personal).text
        assert "planned work" in text


async def missed(database: Database, *, may_delay: bool = True) -> tuple[ReplyDesk, datetime]:
    """Return a desk at which work goes on 110 minutes after its end, all was paused meanwhile, and the end as told."""
    desk = ReplyDesk(database)
    for number in (1, 2):
        desk.home(f"home-{number}", f"+1415555010{number}", desk.town.region("94110"))
    from_at, until_at = MORNING + 5 * 24 * HOUR, MORNING + 5 * 24 * HOUR + 4 * HOUR
    request = OpenPlanned(
        service="power", regions=("94110",), from_at=from_at, until_at=until_at, may_delay=may_delay, cause="storm"
    )
    await desk.deliver(await desk.planned.open(request, ANN))
    desk.clock.time = from_at
    await desk.inbox.tell_reporters()
    await Calendar(desk.around).watch()
    database.write_now(lambda tx: control.put(tx, control.PAUSED, "test", now=from_at, actor=ANN))
    desk.clock.time = until_at + 110 * MINUTE
    await desk.promises.watch()
    database.write_now(lambda tx: control.clear(tx, control.PAUSED))
    assert desk.promise_states() == [("eta", "missed")]
    return desk, until_at


async def test_after_its_end_was_missed_an_answer_says_so_and_when_they_hear_next(database: Database) -> None:
    desk, end = await missed(database)
    next_by = desk.clock.now() + STANDARD.next_update_within
    await desk.complain(customer_id="home-1")
    desk.pass_time(minutes=10)
    await desk.complain(customer_id="home-2")
    messages = Messages(desk.config, dict.fromkeys(STANDARD.services, STANDARD))
    claimed = await desk.claim()
    assert [(each.facts.missed_eta_at, each.facts.next_update_by) for each in claimed] == [(end, next_by)] * 2
    text = messages.render(Channel.SMS, claimed[0].kind, claimed[0].facts, claimed[0].personal).text
    assert "sorry" in text
    assert "We said 10:00 am" in text
    assert "Next text by" in text
    mail = messages.render(Channel.EMAIL, claimed[0].kind, claimed[0].facts, claimed[0].personal).text
    said = " ".join(mail.replace("*", "").split())
    assert "We said it would be back by 10:00 am, and we did not make it. We do not have a new time yet." in said
    assert "We will write again by" in said


async def test_that_time_is_a_promise_which_the_daemon_keeps(database: Database) -> None:
    desk, _ = await missed(database)
    await desk.complain(customer_id="home-1")
    assert desk.promise_states() == [("eta", "missed"), ("next_update", "open")]
    assert "promise_missed" in [need.kind for need in desk.needs()]  # nobody else has heard anything
    desk.clock.time += STANDARD.next_update_within - 4 * MINUTE
    await desk.promises.watch()
    await desk.work()
    assert desk.promise_states() == [("eta", "missed"), ("next_update", "kept"), ("next_update", "open")]
    assert [row["kind"] for row in desk.rows("SELECT kind FROM broadcasts ORDER BY id")] == [
        "planned_notice",
        "planned_overrun",
    ]


async def test_where_the_daemon_may_not_speak_a_person_is_called_before_it_lapses(database: Database) -> None:
    desk, _ = await missed(database, may_delay=False)
    await desk.complain(customer_id="home-1")
    desk.clock.time += STANDARD.next_update_within - 4 * MINUTE
    await desk.promises.watch()
    need = next(need for need in desk.needs() if need.kind == "promise")
    assert "the daemon may not go on by itself" in need.text
    desk.clock.time += 10 * MINUTE
    await desk.promises.watch()
    assert desk.promise_states() == [("eta", "missed"), ("next_update", "missed")]
    assert "promise_missed" in [need.kind for need in desk.needs()]


async def test_while_its_end_is_to_come_or_a_word_was_given_no_time_is_promised_to_one(database: Database) -> None:
    desk, end = await missed(database)
    await desk.deliver(await desk.incidents.eta(1, SetEta(eta_at=desk.clock.now() + HOUR), ANN))
    before = desk.promise_states()
    desk.pass_time(minutes=31)
    await desk.complain(customer_id="home-1")
    (claimed,) = await desk.claim()
    assert (claimed.facts.missed_eta_at, claimed.facts.eta_at is not None) == (None, True)
    assert desk.promise_states() == before
    assert end < desk.clock.now()
