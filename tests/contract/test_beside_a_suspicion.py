"""What stands beside a suspicion in the list of needs: its codes, planned work there, and who has priority."""

from datetime import datetime, timedelta

import pytest

from notifier.domain.incident import IncidentState
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.repositories import incidents
from tests.control_room import ControlRoom
from tests.incident_town import MORNING

HOUR = timedelta(hours=1)


@pytest.fixture
def room(database: Database) -> ControlRoom:
    return ControlRoom(database)


def opened(room: ControlRoom, *regions: int, sites: tuple[int, ...] = (), since: datetime = MORNING) -> int:
    return room.database.write_now(
        lambda tx: incidents.open_incident(
            tx,
            service="power",
            impact="down",
            playbook="standard",
            state=IncidentState.SUSPECTED,
            region_ids=regions,
            site_ids=sites,
            started_at=since,
            now=MORNING,
            by="ann",
            correlation_id="c",
        )
    )


def planned(room: ControlRoom, which: int, begins: datetime, ends: datetime, state: str = "scheduled") -> None:
    """Make an incident planned work."""
    room.database.write_now(
        lambda tx: tx.run(
            """UPDATE incidents SET kind = 'planned', state = :state, window_from_at = :begins, window_until_at = :ends
               WHERE id = :id""",
            state=state,
            begins=to_micros(begins),
            ends=to_micros(ends),
            id=which,
        )
    )


def said(room: ControlRoom) -> str:
    (need,) = [each for each in room.needs() if each.kind == "suspected"]
    return need.text


def test_a_named_place_is_said_with_its_codes_and_what_else_complains(room: ControlRoom) -> None:
    named, beside = room.town.region("94110", name="Riverside"), room.town.region("OLT-7", kind="node")
    room.town.household("a", named, priority=1)
    room.town.household("b", named)
    which = opened(room, named)
    room.database.write_now(
        lambda tx: tx.run(
            "INSERT INTO incident_regions (incident_id, region_id, role) VALUES (:i, :r, 'attached')",
            i=which,
            r=beside,
        )
    )
    assert said(room) == (
        "#1 suspected power, Riverside (94110; OLT-7) since about 14:00 UTC - no planned work - 1 priority "
        "- opened by ann - 2 customers, nobody told"
    )


def test_a_code_is_not_said_twice_and_many_are_counted(room: ControlRoom) -> None:
    regions = [room.town.region(f"9411{number}", name="Riverside") for number in range(7)]
    opened(room, *regions)
    assert "(94110, 94111, 94112, 94113 and 3 more) since" in said(room)


def test_without_names_the_codes_stand_alone(room: ControlRoom) -> None:
    opened(room, room.town.region("94110"))
    assert said(room).startswith("#1 suspected power, 94110 since about")


@pytest.mark.parametrize(
    ("begins", "ends", "state", "is_named"),
    [
        (-HOUR, HOUR, "scheduled", True),
        (-HOUR, HOUR, "confirmed", True),
        (-2 * HOUR, -HOUR, "scheduled", False),
        (-2 * HOUR, -HOUR, "confirmed", True),  # it takes longer than was said
        (HOUR, 2 * HOUR, "scheduled", False),
        (-HOUR, HOUR, "dismissed", False),
    ],
)
def test_planned_work_at_the_place_and_hour_is_named(
    room: ControlRoom, begins: timedelta, ends: timedelta, state: str, is_named: bool
) -> None:
    region = room.town.region("94110")
    planned(room, opened(room, region), MORNING + begins, MORNING + ends, state)
    opened(room, region)
    assert ("planned work #1" in said(room)) is is_named
    assert ("no planned work" in said(room)) is not is_named


def test_planned_work_elsewhere_is_not_named_but_that_at_listed_sites_is(room: ControlRoom) -> None:
    here, there = room.town.region("94110"), room.town.region("94112")
    customer = room.town.customer("a")
    site = room.town.site(customer, here)
    planned(room, opened(room, there), MORNING - HOUR, MORNING + HOUR)
    opened(room, here)
    assert "no planned work" in said(room)
    planned(room, opened(room, sites=(site,)), MORNING - HOUR, MORNING + HOUR)
    assert "planned work #3" in said(room)
