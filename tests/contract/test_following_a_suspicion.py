"""What begins in the place of a suspicion that nobody judged is another outage once that has been quiet for hours."""

from datetime import timedelta

import pytest

from notifier.domain.broadcast import BroadcastState
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.repositories import incidents
from tests.broadcasts import broadcast
from tests.complaint_desk import Desk

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place("94110", households=40)
    made.place("94112", households=40)
    return made


async def outage(desk: Desk, code: str = "94110", *, customers: int = 8, first: int = 1, at_once: bool = False) -> None:
    for number in range(first, first + customers):
        desk.clock.at += MINUTE
        await desk.complain(f"{code}-{number}")
        if not at_once:
            await desk.decide()
    await desk.decide()


async def test_a_second_outage_in_the_place_hours_later_is_an_incident_that_begins_then(desk: Desk) -> None:
    await outage(desk)
    desk.clock.at += 5 * HOUR
    began = desk.clock.at + MINUTE
    await desk.detection.dismiss_subsided()
    await outage(desk, first=11)
    assert desk.incidents() == [(1, "94110", "dismissed"), (2, "94110", "suspected")]
    (first, second) = desk.rows("SELECT * FROM incidents ORDER BY id")
    assert second["started_at"] == to_micros(began)
    assert first["dismiss_reason"] == "subsided"
    events = desk.rows("SELECT event, detail FROM timeline WHERE incident_id = 1 ORDER BY id")
    said = {row["event"]: row["detail"] for row in events}
    assert "nobody judged it" in said["unjudged"]
    assert '"incident":2' in said["followed"].replace(" ", "")


async def test_the_second_outage_is_counted_whole(desk: Desk) -> None:
    await outage(desk)
    desk.clock.at += 5 * HOUR
    await outage(desk, first=11, customers=12)
    best = desk.rows("SELECT MAX(observed) AS most FROM evidence WHERE incident_id = 2")
    assert best[0]["most"] == 12


async def test_the_place_is_that_of_the_second_outage_alone(desk: Desk) -> None:
    await outage(desk)
    desk.clock.at += 5 * HOUR
    await outage(desk, "94112", customers=12)
    assert desk.incidents() == [(1, "94110", "suspected"), (2, "94112", "suspected")]


async def test_an_outage_that_goes_on_stays_one_incident(desk: Desk) -> None:
    await outage(desk, customers=8)
    desk.clock.at += 100 * MINUTE  # its window begins within two hours of the last evidence
    await outage(desk, first=11)
    assert desk.incidents() == [(1, "94110", "suspected")]


async def test_what_somebody_is_confirming_stays_that_incident(desk: Desk) -> None:
    await outage(desk)
    broadcast(desk.database, 1, state=BroadcastState.DRAFT, started=False)
    desk.clock.at += 5 * HOUR
    await outage(desk, first=11)
    assert desk.incidents() == [(1, "94110", "suspected")]


async def test_what_was_left_to_a_person_is_left_to_one_when_it_begins_again(desk: Desk) -> None:
    await outage(desk)
    now = desk.clock.at
    desk.database.write_now(
        lambda tx: incidents.record(tx, 1, at=now, event=incidents.LEFT, actor="daemon", detail={"because": "large"})
    )
    desk.clock.at += 5 * HOUR
    await outage(desk, first=11)
    assert desk.rows("SELECT 1 FROM timeline WHERE incident_id = 2 AND event = 'left_to_a_person'")


async def test_it_does_not_matter_how_many_complaints_are_looked_at_together(desk: Desk, database: Database) -> None:
    await outage(desk)
    desk.clock.at += 5 * HOUR
    await outage(desk, first=11, customers=12, at_once=True)
    assert desk.incidents() == [(1, "94110", "dismissed"), (2, "94110", "suspected")]
    best = desk.rows("SELECT MAX(observed) AS most FROM evidence WHERE incident_id = 2")
    assert best[0]["most"] == 12


async def test_a_restart_decides_the_same(desk: Desk) -> None:
    await outage(desk)
    desk.clock.at += 5 * HOUR
    await outage(desk, first=11, customers=4)
    desk.detection = desk.new_detection()
    await outage(desk, first=15, customers=8)
    assert desk.incidents() == [(1, "94110", "dismissed"), (2, "94110", "suspected")]
    best = desk.rows("SELECT MAX(observed) AS most FROM evidence WHERE incident_id = 2")
    assert best[0]["most"] == 12


# --- customers who name several services ----------------------------------------------------------------------------

ALL = "|internet|power|water|"


async def named(desk: Desk, *services: str, first: int, code: str = "95814") -> None:
    for number, service in enumerate(services, first):
        desk.clock.at += MINUTE
        await desk.complain(f"{code}-{number}", service=service)
        await desk.decide()


async def test_a_quiet_suspicion_of_one_service_does_not_hide_what_customers_name_together(desk: Desk) -> None:
    desk.place("95814", "Sacramento", households=40, services=ALL)
    await named(desk, *["power"] * 8, first=1)
    desk.clock.at += 5 * HOUR
    await named(desk, "internet", "power", "water", "internet", first=11)
    opened = desk.rows("SELECT service, state FROM incidents ORDER BY id")
    assert [(row["service"], row["state"]) for row in opened] == [("power", "suspected"), ("internet", "suspected")]


async def test_a_service_with_evidence_of_its_own_takes_over_a_guess_beside_a_quiet_suspicion(desk: Desk) -> None:
    desk.place("95814", "Sacramento", households=40, services=ALL)
    await named(desk, *["power"] * 8, first=1)
    desk.clock.at += 5 * HOUR
    await named(desk, "internet", "power", "water", "internet", "power", "power", "power", first=11)
    opened = desk.rows("SELECT service, state FROM incidents ORDER BY id")
    assert [(row["service"], row["state"]) for row in opened] == [("power", "dismissed"), ("power", "suspected")]


async def test_a_quiet_guess_is_not_taken_over_by_another_outage(desk: Desk) -> None:
    desk.place("95814", "Sacramento", households=40, services=ALL)
    await named(desk, "internet", "power", "water", "internet", first=1)
    desk.clock.at += 5 * HOUR
    await named(desk, "power", "power", "power", first=11)
    opened = desk.rows("SELECT service, state FROM incidents ORDER BY id")
    assert [(row["service"], row["state"]) for row in opened] == [("internet", "suspected"), ("power", "suspected")]


async def test_a_first_place_that_is_wide_takes_no_certain_suspicion_away(desk: Desk) -> None:
    await outage(desk)
    desk.clock.at += 5 * HOUR
    for number in range(11, 13):  # the city is evidence before any postal code is
        for code in ("94110", "94112"):
            desk.clock.at += MINUTE
            await desk.complain(f"{code}-{number}")
            await desk.decide()
    assert desk.incidents() == [(1, "94110", "suspected"), (2, "San Francisco", "suspected")]
    await outage(desk, "94112", first=13, customers=14)
    assert desk.incidents()[0] == (1, "94110", "suspected")
