"""What is told of a place that one cannot be sure of: on the card, in the preview, and to the daemon itself."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from notifier.cli.place_doubts import said
from notifier.config import Regions
from notifier.domain.incident import IncidentState
from notifier.storage.database import Database
from notifier.storage.queries import incidents as shown
from notifier.storage.repositories import incidents, place_doubts
from notifier.storage.views import DoubtView
from tests.complaint_desk import Desk

MINUTE = timedelta(minutes=1)
SPRINGFIELD = {"94110": 41, "94111": 49, "94112": 41, "94113": 13, "94114": 58}


@pytest.fixture
def desk(database: Database) -> Desk:
    """A city of five small postal codes, one of them with 13 households, and no nodes."""
    made = Desk(database)
    kinds = ("postal_code", "city")
    made.config = replace(made.config, regions=Regions(kinds=kinds, watched=kinds))
    made.detection = made.new_detection()
    city = made.town.region("Springfield", kind="city")
    for code, homes in SPRINGFIELD.items():
        for number in range(1, homes + 1):
            made.town.household(f"{code}-{number}", made.town.region(code), city)
    return made


async def call(desk: Desk, *customers: str) -> None:
    for customer in customers:
        desk.clock.at += MINUTE
        await desk.complain(customer)
        await desk.decide()


def storm() -> list[str]:
    """Return callers from two codes that are out, and one from a code that is not."""
    one = [f"94114-{number}" for number in range(1, 9)]
    other = [f"94112-{number}" for number in range(1, 7)]
    return ["94110-1", *(each for pair in zip(one, other, strict=False) for each in pair), *one[6:]]


def doubts(desk: Desk) -> dict[str, DoubtView]:
    view = desk.database.read_now(lambda tx: shown.view(tx, 1, {}))
    return {each.region: each for each in view.doubts}


async def test_one_caller_is_no_place_and_the_commander_reads_of_him_and_of_the_silent_code(desk: Desk) -> None:
    await call(desk, *storm())
    assert desk.incidents() == [(1, "94112, 94114", "suspected")]
    seen = doubts(desk)
    assert set(seen) == {"postal_code 94110", "postal_code 94113"}
    assert said(seen["postal_code 94110"]).startswith("postal code 94110: not told; 1 caller of 41 sites, ")
    assert "not told; nobody of 13 sites called, too few to say" in said(seen["postal_code 94113"])


async def test_what_is_named_with_weak_support_is_said(desk: Desk) -> None:
    calls = storm()[1:]
    await call(desk, *calls[:8], "94113-1", *calls[8:])
    assert desk.incidents() == [(1, "94112, 94113, 94114", "suspected")]
    weak = doubts(desk)["postal_code 94113"]
    assert weak.named
    assert said(weak).startswith("postal code 94113: told with weak support: 1 caller of 13 sites, ")


async def test_doubts_go_when_more_people_call(desk: Desk) -> None:
    calls = storm()[1:]
    await call(desk, *calls[:8], "94113-1", *calls[8:], "94113-2", "94113-3")
    assert "postal_code 94113" not in doubts(desk)


async def test_what_a_person_takes_in_or_confirms_is_no_doubt_any_more(desk: Desk) -> None:
    await call(desk, *storm())
    region = desk.town.region("94113")
    place = desk.database.read_now(lambda tx: incidents.place_regions(tx, 1))
    desk.database.write_now(lambda tx: incidents.set_place(tx, 1, [*place, region]))
    assert set(doubts(desk)) == {"postal_code 94110"}
    desk.database.write_now(lambda tx: incidents.set_state(tx, 1, IncidentState.CONFIRMED))
    assert doubts(desk) == {}
    assert len(desk.database.read_now(lambda tx: place_doubts.of(tx, 1))) == 2


async def test_a_small_silent_code_among_codes_that_are_out_is_told_and_a_large_silent_one_is_not(
    database: Database,
) -> None:
    desk = Desk(database)
    kinds = ("postal_code", "city")
    desk.config = replace(desk.config, regions=Regions(kinds=kinds, watched=kinds))
    desk.detection = desk.new_detection()
    city = desk.town.region("Springfield", kind="city")
    homes = {**{f"9420{number}": 12 for number in range(8)}, "94208": 1, "94209": 90}
    for code, number in homes.items():
        for each in range(1, number + 1):
            desk.town.household(f"{code}-{each}", desk.town.region(code), city)
    await call(desk, *(f"9420{number}-{each}" for each in range(1, 5) for number in range(8)))
    place = desk.database.read_now(lambda tx: incidents.place_regions(tx, 1))
    assert sorted(place) == sorted(desk.town.region(code) for code in homes if code != "94209")
    silent = doubts(desk)["postal_code 94208"]
    assert silent.named
    assert "told although nobody of 1 site called" in said(silent)
