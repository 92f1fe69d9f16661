"""Cells of any service, on both databases: customers of one place who name several services."""

from datetime import timedelta

import pytest

from notifier.domain.any_service import ANY
from notifier.domain.incident import DismissReason
from notifier.stages.detection import Explaining
from notifier.storage.database import Database
from notifier.storage.queries.incidents import newest_evidence
from notifier.storage.repositories import automatic, incidents
from tests.complaint_desk import SERVICES, SYSTEM, Desk, request

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    for code in ("94110", "94112"):
        made.place(code, households=30, services="|internet|power|water|")
    return made


async def tell(desk: Desk, *told: tuple[str, str], code: str = "94110", every: timedelta = MINUTE) -> None:
    """Let households complain one after the other: (household, service)."""
    for household, service in told:
        await desk.complain(f"{code}-{household}", at=desk.clock.at + every, service=service)
        await desk.decide()


def opened(desk: Desk) -> list[tuple[str, str, str]]:
    """Return (service, place, state) of every incident."""
    return [
        (row["service"], row["place"], row["state"])
        for row in desk.rows("SELECT service, place, state FROM incidents ORDER BY id")
    ]


def evidence(desk: Desk) -> set[tuple[int | None, str]]:
    """Return (incident, service) of what was found."""
    return {(row["incident_id"], row["service"]) for row in desk.rows("SELECT incident_id, service FROM evidence")}


async def test_services_each_too_thin_open_one_incident_of_the_one_most_name(desk: Desk) -> None:
    await tell(desk, ("1", "internet"), ("2", "power"), ("3", "water"), ("4", "power"))
    assert opened(desk) == [("power", "94110", "suspected")]
    assert evidence(desk) == {(1, ANY)}


async def test_of_equally_many_it_is_the_first_in_the_configured_order(desk: Desk) -> None:
    await tell(desk, ("1", "water"), ("2", "power"), ("3", "internet"))
    assert [service for service, _, _ in opened(desk)] == ["internet"]


async def test_a_customer_who_names_two_services_counts_once(desk: Desk) -> None:
    await tell(desk, ("1", "internet"), ("1", "power"), ("2", "internet"), ("2", "power"))
    assert opened(desk) == []
    rows = desk.rows("SELECT counted_regions, named_before FROM complaints ORDER BY id")
    assert [row["named_before"] is None for row in rows] == [True, False, True, False]
    assert [row["named_before"] for row in rows if row["named_before"]] == [rows[0]["counted_regions"]] * 2


async def test_each_service_still_counts_whoever_names_it(desk: Desk) -> None:
    await tell(desk, ("1", "internet"), ("1", "power"), ("2", "internet"), ("2", "power"), ("3", "power"))
    assert opened(desk) == [("power", "94110", "suspected")]
    assert (1, "power") in evidence(desk)


async def test_one_contact_that_names_every_service_counts_once(desk: Desk) -> None:
    for _ in range(5):
        await tell(desk, ("1", "internet"), ("1", "power"), ("1", "water"), every=timedelta(seconds=10))
    await tell(desk, ("2", "water"))
    assert opened(desk) == []


async def test_named_in_one_transaction_it_counts_once_too(desk: Desk) -> None:
    services = ("internet", "power", "water")
    await desk.intake.submit_many([request(customer_id="94110-1", service=each) for each in services], actor=SYSTEM)
    assert [row["named_before"] is None for row in desk.rows("SELECT named_before FROM complaints ORDER BY id")] == [
        True,
        False,
        False,
    ]


async def test_a_day_after_it_counted_a_customer_counts_again(desk: Desk) -> None:
    await tell(desk, ("1", "internet"))
    await tell(desk, ("1", "power"), every=23 * HOUR)
    await tell(desk, ("1", "water"), every=2 * HOUR)  # the one before was nothing new, and stands in nobody's way
    rows = desk.rows("SELECT named_before FROM complaints ORDER BY id")
    assert [row["named_before"] is None for row in rows] == [True, False, True]


async def test_strangers_never_count(desk: Desk) -> None:
    for number, service in enumerate(("internet", "power", "water", "internet", "power", "water")):
        desk.clock.at += MINUTE
        stranger = request(reporter=f"+1415555010{number}", region="94110", source="web", service=service)
        await desk.intake.submit(stranger, actor=SYSTEM)
    await tell(desk, ("1", "internet"), ("2", "power"))
    assert opened(desk) == []


async def test_beside_an_incident_of_one_service_it_opens_nothing(desk: Desk) -> None:
    await tell(desk, ("1", "power"), ("2", "power"), ("3", "power"))
    assert opened(desk) == [("power", "94110", "suspected")]
    desk.clock.at += 100 * MINUTE  # its evidence is old; the incident stands
    await tell(desk, ("4", "internet"), ("5", "water"), ("6", "power"), ("7", "internet"))
    assert opened(desk) == [("power", "94110", "suspected")]
    assert evidence(desk) == {(1, "power"), (None, ANY)}


async def test_when_one_service_is_named_by_nearly_all_its_own_cell_decides(desk: Desk) -> None:
    for code, household in (
        ("94110", 20),
        ("94110", 21),
        ("94110", 22),
    ):  # an ordinary morning with much to complain of
        await desk.complain(f"{code}-{household}", at=desk.clock.at + 3 * HOUR, service="power")
    await tell(desk, ("1", "power"), ("2", "power"), ("3", "power"), ("4", "power"), ("5", "internet"))
    assert {service for service, _, _ in opened(desk)} <= {"power"}
    assert ANY not in {service for _, service in evidence(desk)}


async def test_two_services_out_for_different_reasons_are_two_incidents(desk: Desk) -> None:
    await tell(desk, ("1", "power"), ("2", "power"), ("3", "power"), ("4", "power"))
    await tell(desk, ("11", "water"), ("12", "water"), ("13", "water"), ("14", "water"))
    assert opened(desk) == [("power", "94110", "suspected"), ("water", "94110", "suspected")]


async def test_evidence_of_one_service_takes_over_what_was_guessed(desk: Desk) -> None:
    await tell(desk, ("1", "power"), ("2", "internet"), ("3", "power"), ("4", "water"))
    assert opened(desk) == [("power", "94110", "suspected")]
    await tell(desk, *((str(n), "internet") for n in range(11, 16)))
    assert opened(desk) == [("internet", "94110", "suspected")]
    (event,) = desk.rows("SELECT detail FROM timeline WHERE event = 'service'")
    assert '"before":"power"' in event["detail"].replace(" ", "")


async def test_the_guess_follows_what_most_customers_name(desk: Desk) -> None:
    await tell(desk, ("1", "internet"), ("2", "power"), ("3", "water"))
    assert [service for service, _, _ in opened(desk)] == ["internet"]
    await tell(desk, ("4", "water"))
    assert [service for service, _, _ in opened(desk)] == ["water"]
    await tell(desk, ("5", "internet"))  # as many: no reason to say something else
    assert [service for service, _, _ in opened(desk)] == ["water"]


async def test_what_a_person_has_begun_on_keeps_its_service(desk: Desk) -> None:
    await tell(desk, ("1", "power"), ("2", "internet"), ("3", "power"), ("4", "water"))
    desk.database.write_now(lambda tx: tx.run("UPDATE incidents SET state = 'confirmed' WHERE id = 1"))
    await tell(desk, *((str(n), "internet") for n in range(11, 16)))
    assert [service for service, _, _ in opened(desk)] == ["power", "internet"]


async def test_dismissed_it_is_not_opened_again_by_the_same_callers(desk: Desk) -> None:
    await tell(desk, ("1", "power"), ("2", "internet"), ("3", "water"))
    assert len(opened(desk)) == 1
    desk.clock.at += MINUTE
    desk.database.write_now(
        lambda tx: incidents.dismiss(tx, 1, now=desk.clock.at, reason=DismissReason.BY_PERSON, actor="ana")
    )
    await tell(desk, ("4", "internet"), ("5", "power"))
    assert len(opened(desk)) == 1


async def test_a_guess_is_never_certain_enough_to_be_confirmed_by_itself(desk: Desk) -> None:
    await tell(desk, *((str(n), ("power", "internet", "water")[n % 3]) for n in range(1, 7)), every=MINUTE / 2)
    certain = desk.rows("SELECT service, grade FROM evidence WHERE grade = 'certain'")
    assert {row["service"] for row in certain} == {ANY}
    candidate = desk.database.read_now(lambda tx: automatic.candidate(tx, 1, 30, now=desk.clock.at, certain=15.5))
    assert candidate.grade == ""


async def test_it_is_explained_as_what_it_is(desk: Desk) -> None:
    await tell(desk, ("1", "power"), ("1", "water"), ("2", "internet"), ("3", "water"), ("4", "power"))
    made = Explaining(desk.database, desk.config, desk.clock, dict.fromkeys(SERVICES, desk.playbook))
    for explained in (await made.cell("94110", "any", named=False), await made.incident(1, named=False)):
        assert explained.cell is not None
        assert (explained.cell.region, explained.cell.service) == ("postal_code 94110", ANY)
        assert explained.cell.not_counted == {"repeat": 1}
    stored = desk.rows("SELECT score, observed FROM evidence ORDER BY id LIMIT 1")[0]
    (window,) = [each for each in explained.cell.windows if each.kind == "most_surprising"]
    assert window.observed == stored["observed"] == 3
    assert explained.cell.grade == "likely"


async def test_the_card_and_the_timeline_say_so(desk: Desk) -> None:
    await tell(desk, ("1", "power"), ("2", "internet"), ("3", "water"))
    seen = desk.database.read_now(lambda tx: newest_evidence(tx, 1))
    assert "postal_code 94110, any service" in {each.region for each in seen}
    (entry, *_) = desk.rows("SELECT detail FROM timeline WHERE event = 'evidence' ORDER BY id")
    assert "postal_code 94110, any service" in entry["detail"]


async def test_its_place_is_that_of_its_customers_whatever_they_name(desk: Desk) -> None:
    await tell(desk, ("1", "power"), ("2", "internet"), ("3", "water"), ("4", "power"))
    await tell(desk, ("1", "water"), ("2", "internet"), ("3", "power"), code="94112")
    assert opened(desk) == [("power", "San Francisco", "suspected")]


async def test_a_rebuilt_detector_says_the_same(desk: Desk) -> None:
    await tell(desk, ("1", "internet"), ("1", "power"), ("2", "power"))
    desk.detection = desk.new_detection()
    await tell(desk, ("3", "water"))
    assert [service for service, _, _ in opened(desk)] == ["power"]
    (row,) = desk.rows(
        "SELECT observed FROM evidence WHERE service = 'any service' AND region_id = 1 ORDER BY id LIMIT 1"
    )
    assert row["observed"] == 3
