"""A region whose code the company changes keeps what is known of it, on both databases."""

from datetime import timedelta

import pytest

from notifier.domain.actor import DAEMON
from notifier.domain.errors import InvalidInput
from notifier.domain.region import RegionKey
from notifier.storage.database import Database
from notifier.storage.repositories import directory
from notifier.storage.repositories.renaming import rename
from tests.complaint_desk import Desk

OLD, NEW = RegionKey("postal_code", "94110"), RegionKey("postal_code", "94199")


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place("94110")
    made.place("94112")
    return made


def renamed(desk: Desk, old: RegionKey = OLD, new: RegionKey = NEW) -> int:
    return desk.database.write_now(lambda tx: rename(tx, old, new, now=desk.clock.at, actor=DAEMON))


async def complain(desk: Desk, *numbers: int) -> None:
    for number in numbers:
        await desk.complain(f"94110-{number}", at=desk.clock.at + timedelta(minutes=1))
    await desk.decide()


async def test_what_was_counted_stays_and_complaints_go_on_in_it(desk: Desk) -> None:
    await complain(desk, 1)
    assert renamed(desk) == 8
    desk.detection = desk.new_detection()
    (answer,) = await desk.complain("94110-2")
    assert answer.regions[0] == "postal_code 94199"
    days = desk.rows(
        """SELECT r.code, SUM(d.complaints) AS number FROM cell_days AS d JOIN regions AS r ON r.id = d.region_id
           WHERE r.kind = 'postal_code' GROUP BY r.code"""
    )
    assert [(row["code"], row["number"]) for row in days] == [("94199", 2)]


async def test_an_import_of_the_new_code_finds_it(desk: Desk) -> None:
    known = desk.database.read_now(lambda tx: directory.region_id(tx, OLD.kind, OLD.code))
    renamed(desk)
    assert desk.database.write_now(lambda tx: directory.ensure_region(tx, NEW.kind, NEW.code)) == known
    assert desk.database.read_now(lambda tx: directory.region_id(tx, OLD.kind, OLD.code)) is None


async def test_open_incidents_are_called_by_the_new_code_and_go_on(desk: Desk) -> None:
    await complain(desk, 1, 2, 3)
    assert desk.incidents() == [(1, "94110", "suspected")]
    renamed(desk)
    assert desk.incidents() == [(1, "94199", "suspected")]
    desk.detection = desk.new_detection()
    await complain(desk, 4, 5)
    assert desk.incidents() == [(1, "94199", "suspected")]


async def test_it_is_in_the_audit_log(desk: Desk) -> None:
    renamed(desk)
    (row,) = desk.rows("SELECT action, target, detail FROM audit")
    assert (row["action"], row["target"]) == ("regions.rename", "postal_code:94110")
    assert "94199" in row["detail"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (RegionKey("postal_code", "90000"), NEW, "is not a region"),
        (OLD, RegionKey("postal_code", "94112"), "is a region already"),
    ],
)
async def test_what_cannot_be_renamed_stays(desk: Desk, old: RegionKey, new: RegionKey, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        renamed(desk, old, new)
    assert [row["code"] for row in desk.rows("SELECT code FROM regions WHERE kind = 'postal_code' ORDER BY code")] == [
        "94110",
        "94112",
    ]
