"""Which open incident the answer to a complaint names, also where an incident is a list of sites; on every database."""

from collections.abc import Sequence

import pytest

from notifier.domain.incident import DismissReason, IncidentState
from notifier.storage.database import Database
from notifier.storage.repositories import incidents
from tests.complaint_desk import NOON, SYSTEM, Desk, request


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place(households=3)
    return made


def opened(
    desk: Desk,
    *,
    regions: Sequence[str] = (),
    sites: Sequence[str] = (),
    service: str = "power",
    state: IncidentState = IncidentState.SUSPECTED,
) -> int:
    """Open an incident at postal codes, or at the first sites of customers."""
    every = desk.rows("SELECT s.id, c.reference FROM sites AS s JOIN customers AS c ON c.id = s.customer_id")
    site_ids = [row["id"] for row in every if row["reference"] in sites]
    region_ids = [desk.town.region(region) for region in regions]
    return desk.database.write_now(
        lambda tx: incidents.open_incident(
            tx,
            service=service,
            impact="down",
            playbook="standard",
            state=state,
            region_ids=region_ids,
            site_ids=site_ids,
            started_at=NOON,
            now=NOON,
            by="ann",
            correlation_id="c",
        )
    )


async def named(desk: Desk, customer: str, **fields: object) -> int | None:
    (answer,) = await desk.complain(customer, **fields)
    return answer.incident


async def test_an_incident_that_lists_sites_is_named_to_those_it_lists_alone(desk: Desk) -> None:
    listed = opened(desk, sites=("94110-1", "94110-2"))
    assert await named(desk, "94110-1") == listed
    assert await named(desk, "94110-2") == listed
    assert await named(desk, "94110-3") is None


async def test_one_that_lists_sites_and_was_given_regions_is_named_to_both(desk: Desk) -> None:
    desk.place("94112", households=1)
    both = opened(desk, sites=("94112-1",), regions=("94110",))
    assert await named(desk, "94112-1") == both
    assert await named(desk, "94110-1") == both


async def test_an_incident_of_another_service_is_not_named(desk: Desk) -> None:
    opened(desk, sites=("94110-1",), service="internet")
    assert await named(desk, "94110-1") is None


async def test_a_confirmed_one_comes_first_then_the_newest_whether_listed_or_of_a_region(desk: Desk) -> None:
    listed = opened(desk, sites=("94110-1", "94110-3"))
    assert await named(desk, "94110-1") == listed
    of_region = opened(desk, regions=("94110",))
    assert await named(desk, "94110-1", external_id="2") == of_region
    confirmed = opened(desk, sites=("94110-1",), state=IncidentState.CONFIRMED)
    opened(desk, regions=("94110",))
    assert await named(desk, "94110-1", external_id="3") == confirmed
    assert await named(desk, "94110-2") == of_region + 2


async def test_what_is_over_is_not_named(desk: Desk) -> None:
    listed = opened(desk, sites=("94110-1",))
    still_open = opened(desk, sites=("94110-3",))
    desk.database.write_now(
        lambda tx: incidents.dismiss(tx, listed, now=NOON, reason=DismissReason.BY_PERSON, actor="ann")
    )
    assert await named(desk, "94110-1") is None
    assert await named(desk, "94110-3") == still_open


async def test_a_complaint_without_a_known_customer_is_answered_by_its_region(desk: Desk) -> None:
    opened(desk, sites=("94110-1",))
    of_region = opened(desk, regions=("94110",))
    answer = await desk.intake.submit(request(reporter="+14155550199", region="postal_code:94110"), actor=SYSTEM)
    assert answer.incident == of_region
