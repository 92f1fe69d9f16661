"""What a suggestion that an incident looks over promises on every database: made, withdrawn, never acted on."""

from datetime import timedelta

import pytest

from notifier.domain.baseline_day import BaselineState, StoredHistory, StoredShape
from notifier.domain.feed import Silence
from notifier.domain.incident import IncidentState, PartState
from notifier.domain.on_call import CallReason, alarm_key
from notifier.domain.reply import Meaning
from notifier.domain.shape import FLAT
from notifier.stages import Surroundings
from notifier.stages.looks_over import LooksOver
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries import incidents as shown
from notifier.storage.queries.needs import needs
from notifier.storage.repositories import baselines, incidents, on_call, replies
from notifier.storage.views import IncidentView, Need
from tests.complaint_desk import NOON, SERVICES, SYSTEM, Desk, request

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CODE = "94110"
SERVICE = "power"


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place(households=40)
    made.place("94112")
    return made


def stage(desk: Desk) -> LooksOver:
    around = Surroundings(
        database=desk.database,
        config=desk.config,
        clock=desk.clock,
        queue=desk.queue,
        metrics=desk.metrics,
        playbooks=dict.fromkeys(SERVICES, desk.playbook),
    )
    return LooksOver(around)


@pytest.fixture
def looks(desk: Desk) -> LooksOver:
    return stage(desk)


async def outage(desk: Desk, *, customers: int = 30, state: IncidentState = IncidentState.CONFIRMED) -> None:
    """Let customers complain a minute apart, and confirm the incident."""
    for number in range(1, customers + 1):
        await desk.complain(f"{CODE}-{number}", at=NOON + number * MINUTE)
    await desk.decide()
    if state is IncidentState.CONFIRMED:
        desk.database.write_now(lambda tx: incidents.set_state(tx, 1, IncidentState.CONFIRMED))


async def look(desk: Desk, looks: LooksOver, minutes: int) -> list[str]:
    """Look once so many minutes after noon, and return the events about it so far."""
    desk.clock.at = NOON + minutes * MINUTE
    await looks.look()
    return [row["event"] for row in desk.rows("SELECT event FROM timeline WHERE event LIKE 'looks%' ORDER BY id")]


def view(desk: Desk) -> IncidentView:
    playbooks = dict.fromkeys(SERVICES, desk.playbook)
    return desk.database.read_now(lambda tx: shown.view(tx, 1, playbooks))


def over_needs(desk: Desk) -> list[Need]:
    playbooks = dict.fromkeys(SERVICES, desk.playbook)
    found = desk.database.read_now(lambda tx: needs(tx, desk.clock.now(), playbooks))
    return [need for need in found if need.kind == "looks_over"]


def says(desk: Desk, meaning: Meaning, number: int) -> None:
    """Let somebody on file answer something about the incident now."""

    def store(tx: Transaction) -> None:
        now = desk.clock.now()
        reply = replies.store(
            tx,
            source="sms",
            external_id=f"r{number} {now}",
            sender=f"+1415555{number:04}",
            contact_point_id=number,
            meaning=meaning,
            text=str(meaning),
            now=now,
        )
        assert reply is not None
        replies.finish(tx, reply, replies.Understood(meaning=meaning, incident_id=1), now=now)

    desk.database.write_now(store)


async def test_complaints_that_fall_back_make_a_suggestion_with_its_evidence(desk: Desk, looks: LooksOver) -> None:
    await outage(desk)
    assert await look(desk, looks, 40) == []
    assert over_needs(desk) == []
    assert await look(desk, looks, 150) == ["looks_over"]
    found = view(desk).looks_over
    assert found is not None
    assert found.chance >= 0.9
    assert found.if_still_out > 10 > found.ordinary
    assert found.complaints == 0
    (need,) = over_needs(desk)
    assert need.next == ["notifier restored 1", "notifier incidents show 1"]
    assert "no complaint since" in need.text


async def test_it_restores_and_tells_nobody(desk: Desk, looks: LooksOver) -> None:
    await outage(desk)
    await look(desk, looks, 600)
    (part,) = desk.rows("SELECT state FROM parts")
    assert part["state"] == PartState.OUT
    assert desk.incidents()[0][2] == "confirmed"
    assert desk.rows("SELECT 1 FROM broadcasts") == []


async def test_it_is_suggested_once_and_withdrawn_when_complaints_come_back(desk: Desk, looks: LooksOver) -> None:
    await outage(desk)
    await look(desk, looks, 150)
    assert await look(desk, looks, 151) == ["looks_over"]
    desk.clock.at = NOON + 160 * MINUTE
    await desk.complain(f"{CODE}-31", f"{CODE}-32", f"{CODE}-33")
    assert await look(desk, looks, 161) == ["looks_over", "looks_over_withdrawn"]
    assert view(desk).looks_over is None
    assert over_needs(desk) == []


async def test_a_customer_who_complains_again_is_still_out_although_it_counts_no_more(
    desk: Desk, looks: LooksOver
) -> None:
    await outage(desk)
    await look(desk, looks, 150)
    (again,) = await desk.complain(f"{CODE}-1")
    assert again.not_counted == "repeat"
    assert await look(desk, looks, 151) == ["looks_over", "looks_over_withdrawn"]


async def test_still_out_withdraws_it_and_on_brings_it(desk: Desk, looks: LooksOver) -> None:
    await outage(desk, customers=5)
    assert await look(desk, looks, 150) == []
    for number in (1, 2, 3):
        says(desk, Meaning.ON, number)
    assert await look(desk, looks, 170) == ["looks_over"]
    assert view(desk).looks_over is not None
    says(desk, Meaning.OUT, 4)
    assert (await look(desk, looks, 171))[-1] == "looks_over_withdrawn"
    says(desk, Meaning.ON, 4)  # the last word of a person counts
    assert (await look(desk, looks, 190))[-1] == "looks_over"


def usually(desk: Desk, a_day: float) -> None:
    """Let the baseline know how many complaints of the service come a day, evenly."""
    history = StoredHistory(
        first_day=0, daily_mean=a_day, gaps=(), weeks=0, through_day=1, complaints=9_000, patience=12.0
    )

    def store(tx: Transaction) -> None:
        state = BaselineState(services={SERVICE: history})
        baselines.save_day(tx, 1, state, {SERVICE: StoredShape(through_day=1, weights=FLAT)})

    desk.database.write_now(store)


async def test_nothing_looks_over_while_the_feed_of_a_service_is_silent(desk: Desk, looks: LooksOver) -> None:
    await outage(desk)
    usually(desk, 240.0)
    assert await look(desk, looks, 150) == []
    await desk.complain("94112-1")  # the feed is back
    assert await look(desk, looks, 151) == ["looks_over"]
    assert (await look(desk, looks, 300))[-1] == "looks_over_withdrawn"


async def test_nothing_looks_over_just_after_a_silence(desk: Desk, looks: LooksOver) -> None:
    await outage(desk)
    silence = Silence(to_micros(NOON + HOUR), to_micros(NOON + 149 * MINUTE))
    state = BaselineState(silences={SERVICE: (silence,)})
    desk.database.write_now(lambda tx: baselines.save_day(tx, 1, state, {}))
    assert await look(desk, looks, 150) == []
    assert await look(desk, looks, 180) == ["looks_over"]


async def test_a_feed_of_which_little_is_due_is_not_missed(desk: Desk, looks: LooksOver) -> None:
    await outage(desk)
    usually(desk, 10.0)
    assert await look(desk, looks, 150) == ["looks_over"]


async def test_nothing_looks_over_while_a_source_has_stopped(desk: Desk, looks: LooksOver) -> None:
    await outage(desk)
    key = alarm_key(CallReason.SOURCE_SILENT, "api")
    alarm = desk.database.write_now(
        lambda tx: on_call.begin(tx, key=key, reason=CallReason.SOURCE_SILENT, now=desk.clock.now())
    )
    assert await look(desk, looks, 150) == []
    desk.database.write_now(
        lambda tx: tx.run("UPDATE alarms SET ended_at = :at WHERE id = :id", at=to_micros(NOON), id=alarm.id)
    )
    assert await look(desk, looks, 151) == ["looks_over"]


async def test_complaints_elsewhere_and_of_strangers_say_nothing(desk: Desk, looks: LooksOver) -> None:
    await outage(desk)
    await look(desk, looks, 150)
    await desk.complain("94112-1", "94112-2")
    await desk.intake.submit(request(reporter="+14155550177", region=CODE, source="web"), actor=SYSTEM)
    assert await look(desk, looks, 152) == ["looks_over"]


async def test_what_was_seen_is_seen_again_after_a_restart(desk: Desk) -> None:
    await outage(desk)
    again = stage(desk)
    assert await look(desk, again, 150) == ["looks_over"]
    assert await look(desk, stage(desk), 151) == ["looks_over"]
    await desk.complain(f"{CODE}-31", f"{CODE}-32")
    assert await look(desk, stage(desk), 152) == ["looks_over", "looks_over_withdrawn"]


async def test_an_incident_of_listed_sites_hears_their_customers(desk: Desk, looks: LooksOver) -> None:
    def convert(tx: Transaction) -> None:
        tx.run("DELETE FROM incident_regions")
        tx.run("INSERT INTO incident_sites (incident_id, site_id) SELECT 1, id FROM sites WHERE id <= 35")

    await outage(desk)
    desk.database.write_now(convert)
    assert await look(desk, looks, 150) == ["looks_over"]
    await desk.complain(f"{CODE}-34", f"{CODE}-35")
    assert (await look(desk, looks, 151))[-1] == "looks_over_withdrawn"


async def test_one_that_is_out_again_begins_anew(desk: Desk, looks: LooksOver) -> None:
    await outage(desk)
    await look(desk, looks, 150)
    at = NOON + 160 * MINUTE
    desk.database.write_now(lambda tx: incidents.record(tx, 1, at=at, event="out_again", actor="ann"))
    assert view(desk).looks_over is None
    assert await look(desk, looks, 170) == ["looks_over"]  # that of before
    (row,) = desk.rows("SELECT COUNT(*) AS n FROM timeline WHERE event LIKE 'looks%'")
    assert row["n"] == 1


async def test_a_suspected_one_shows_it_and_waits_to_subside(desk: Desk, looks: LooksOver) -> None:
    await outage(desk, state=IncidentState.SUSPECTED)
    assert await look(desk, looks, 150) == ["looks_over"]
    assert view(desk).looks_over is not None
    assert over_needs(desk) == []  # `suspected` is its need


async def test_what_is_over_is_not_looked_at(desk: Desk, looks: LooksOver) -> None:
    await outage(desk)
    desk.database.write_now(
        lambda tx: tx.run("UPDATE parts SET state = 'restored', restored_at = :at", at=to_micros(NOON + HOUR))
    )
    assert await look(desk, looks, 150) == []
