"""Where a suspected incident is, on every database: as callers come in, its place is chosen anew and explained."""

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from notifier.config import Regions
from notifier.domain.incident import IncidentState
from notifier.stages.detection.placing import Placing
from notifier.stages.intake import Intake
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import incidents, surroundings
from tests.complaint_desk import SYSTEM, Desk, request

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
KINDS = ("node", "postal_code", "city")


@pytest.fixture
def desk(database: Database) -> Desk:
    """A city of three postal codes with four nodes each, and ten households at a node; another city with one."""
    made = Desk(database)
    made.config = replace(made.config, regions=Regions(kinds=KINDS, watched=KINDS))
    made.detection = made.new_detection()
    for code, city in (("94110", "Springfield"), ("94112", "Springfield"), ("94114", "Springfield"), ("94601", "Mill")):
        for node in range(1, 5):
            regions = [
                made.town.region(f"{code}-{node}", kind="node"),
                made.town.region(code),
                made.town.region(city, kind="city"),
            ]
            for number in range(1, 11):
                made.town.household(f"{code}-{node}-{number}", *regions)
    return made


async def call(desk: Desk, *customers: str, every: timedelta = MINUTE) -> None:
    """Let customers complain one after the other, the detector looking after each."""
    for customer in customers:
        desk.clock.at += every
        await desk.complain(customer)
        await desk.decide()


def of_node(node: str, callers: int, *, first: int = 1) -> list[str]:
    return [f"{node}-{number}" for number in range(first, first + callers)]


def of_code(code: str, callers: int, *, first: int = 1) -> list[str]:
    """Return callers from all nodes of a postal code, in turn."""
    return [f"{code}-{1 + n % 4}-{first + n // 4}" for n in range(callers)]


def timeline(desk: Desk, event: str) -> list[tuple[int, dict[str, object]]]:
    rows = desk.rows("SELECT incident_id, event, detail FROM timeline ORDER BY id")
    return [(row["incident_id"], json.loads(row["detail"])) for row in rows if row["event"] == event]


# --- nested places --------------------------------------------------------------------------------------------------


async def test_the_places_of_open_incidents_are_read_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await call(desk, *of_node("94110-2", 3), *of_node("94601-1", 3))
    statements: list[str] = []

    def counted(tx: Transaction) -> list[surroundings.OpenIncident]:
        ask = type(tx).tuples

        def noted(self: Transaction, sql: str, /, **values: object) -> list[tuple[Any, ...]]:
            statements.append(sql)
            return ask(self, sql, **values)

        monkeypatch.setattr(type(tx), "tuples", noted)
        return surroundings.open_incidents(tx, "power", resolved_since=desk.clock.now() - HOUR)

    found = desk.database.read_now(counted)
    monkeypatch.undo()
    assert len(statements) == 2
    assert [len(each.place) for each in found] == [1, 1]


async def test_a_node_is_the_place_when_only_its_customers_complain(desk: Desk) -> None:
    await call(desk, *of_node("94110-2", 4))
    assert desk.incidents() == [(1, "94110-2", "suspected")]


async def test_a_postal_code_takes_the_place_of_its_node_when_the_others_complain_too(desk: Desk) -> None:
    await call(desk, *of_node("94110-2", 3))
    assert desk.incidents() == [(1, "94110-2", "suspected")]
    await call(desk, *of_code("94110", 8, first=4))
    assert desk.incidents() == [(1, "94110", "suspected")]
    (_, why) = timeline(desk, "place")[-1]
    assert why["place"] == "94110"
    assert "postal code 94110: " in str(why["because"])
    assert "40 sites, the rest of city Springfield does not complain" in str(why["because"])


async def test_three_of_five_callers_do_not_make_a_node_the_place(desk: Desk) -> None:
    await call(desk, "94110-1-1", "94110-2-1", "94110-2-2", "94110-3-1", "94110-2-3")
    assert desk.incidents() == [(1, "94110", "suspected")]


async def test_codes_that_fail_together_are_one_incident_and_all_of_them_are_their_city(desk: Desk) -> None:
    both = [one for pair in zip(of_code("94110", 12), of_code("94112", 12), strict=True) for one in pair]
    await call(desk, *both)
    assert desk.incidents() == [(1, "94110, 94112", "suspected")]
    await call(desk, *of_code("94114", 12))
    assert desk.incidents() == [(1, "Springfield", "suspected")]


async def test_one_caller_in_the_next_code_is_not_told_that_it_is_out(desk: Desk) -> None:
    await call(desk, *of_code("94110", 12), *of_code("94112", 12), "94114-1-1", *of_code("94110", 2, first=9))
    assert desk.incidents() == [(1, "94110, 94112", "suspected")]
    assert [said["now_also"] for _, said in timeline(desk, "now_also")] == ["94112"]


async def test_strangers_do_not_move_a_place(database: Database, desk: Desk) -> None:
    many = replace(desk.config, detection=replace(desk.config.detection, unverified_at_most=50))
    desk.intake = Intake(database, many, desk.clock, desk.queue, desk.metrics)
    await call(desk, *of_code("94110", 8))
    for number in range(30):
        desk.clock.at += MINUTE
        await desk.intake.submit(request(reporter=f"s{number}@example.com", region="94112"), actor=SYSTEM)
        await desk.decide()
    assert desk.incidents()[0] == (1, "94110", "suspected")


# --- growing --------------------------------------------------------------------------------------------------------


async def test_a_growing_outage_extends_its_incident_and_says_so(desk: Desk) -> None:
    await call(desk, *of_code("94110", 10))
    await call(desk, *of_code("94112", 10))
    assert desk.incidents() == [(1, "94110, 94112", "suspected")]
    ((incident, said),) = timeline(desk, "now_also")
    assert (incident, said["now_also"]) == (1, "94112")
    assert int(str(said["distinct"])) >= 2 > 1 > float(str(said["expected"]))


async def test_what_fails_hours_later_beside_it_is_an_incident_of_its_own(desk: Desk) -> None:
    await call(desk, *of_code("94110", 12))
    desk.clock.at += HOUR + 30 * MINUTE
    await call(desk, *of_code("94112", 12))
    assert desk.incidents() == [(1, "94110", "suspected"), (2, "94112", "suspected")]


@pytest.mark.parametrize("settled", ["confirmed", "by a person"])
async def test_a_place_that_people_have_settled_stays_and_is_told_what_is_out_beside_it(
    desk: Desk, settled: str
) -> None:
    await call(desk, *of_code("94110", 10))
    if settled == "confirmed":
        await desk.database.write(lambda tx: incidents.set_state(tx, 1, IncidentState.CONFIRMED))
    else:
        desk.database.write_now(lambda tx: tx.run("UPDATE incidents SET opened_by = 'ana'"))
    await call(desk, *of_code("94112", 10))
    places = [(place, state) for _, place, state in desk.incidents()]
    assert places == [("94110", "confirmed" if settled == "confirmed" else "suspected"), ("94112", "suspected")]
    said = [detail for incident, detail in timeline(desk, "now_also") if incident == 1]
    assert (said[0]["now_also"], said[0]["incident"]) == ("94112", 2)


# --- two causes -----------------------------------------------------------------------------------------------------


async def test_two_causes_in_one_city_are_two_incidents(desk: Desk) -> None:
    both = [one for pair in zip(of_node("94110-2", 6), of_node("94114-3", 6), strict=True) for one in pair]
    await call(desk, *both)
    assert sorted(place for _, place, state in desk.incidents() if state == "suspected") == ["94110-2", "94114-3"]
    evidence = desk.rows(
        """SELECT DISTINCT r.code, i.place FROM evidence AS e JOIN regions AS r ON r.id = e.region_id
           JOIN incidents AS i ON i.id = e.incident_id WHERE r.kind = 'node'"""
    )
    assert {(row["code"], row["place"]) for row in evidence} == {("94110-2", "94110-2"), ("94114-3", "94114-3")}


async def test_incidents_that_turn_out_to_have_one_cause_become_the_older_one(desk: Desk) -> None:
    await call(desk, *of_node("94110-2", 4))
    await call(desk, *of_node("94112-3", 4))
    assert [state for _, _, state in desk.incidents()] == ["suspected", "suspected"]
    await call(desk, *of_code("94110", 12, first=5), *of_code("94112", 12, first=5), *of_code("94114", 12))
    assert desk.incidents()[0] == (1, "Springfield", "suspected")
    assert desk.incidents()[1][2] == "merged"


async def test_places_in_different_cities_are_two_incidents(desk: Desk) -> None:
    await call(desk, *of_code("94110", 8))
    await call(desk, *of_code("94601", 8))
    assert [place for _, place, _ in desk.incidents()] == ["94110", "94601"]


# --- beginning again ------------------------------------------------------------------------------------------------


async def test_a_detector_that_is_restarted_before_every_complaint_places_as_one_that_is_not(desk: Desk) -> None:
    for customer in [*of_code("94110", 10), *of_code("94112", 10)]:
        desk.detection = desk.new_detection()
        await desk.detection.rebuild()
        await call(desk, customer)
    assert desk.incidents() == [(1, "94110, 94112", "suspected")]
    assert [detail["now_also"] for _, detail in timeline(desk, "now_also")] == ["94112"]


async def test_a_crash_before_the_save_moves_no_place(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await call(desk, *of_node("94110-2", 4))
    for customer in of_code("94110", 8, first=5):
        desk.clock.at += MINUTE
        await desk.complain(customer)

    def crash(*_: object) -> None:
        raise OSError("the machine is gone")

    before = [desk.rows(f"SELECT * FROM {table}") for table in ("incident_regions", "timeline", "evidence", "detector")]
    with monkeypatch.context() as patch:
        patch.setattr(incidents, "set_place", crash)
        with pytest.raises(OSError, match="gone"):
            await desk.detection.step()
    after = [desk.rows(f"SELECT * FROM {table}") for table in ("incident_regions", "timeline", "evidence", "detector")]
    assert after == before
    await desk.decide()
    assert desk.incidents() == [(1, "94110", "suspected")]


# --- how often ------------------------------------------------------------------------------------------------------


async def test_a_place_is_chosen_anew_at_most_once_a_minute(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[int] = []
    choose = Placing.place_anew

    def note(placing: Placing, incident_id: int) -> object:
        placed.append(incident_id)
        return choose(placing, incident_id)

    monkeypatch.setattr(Placing, "place_anew", note)
    await call(desk, *of_code("94110", 30), every=timedelta(seconds=4))
    assert 1 <= len(placed) <= 3  # two minutes of calls
