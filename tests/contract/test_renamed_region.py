"""A region whose code the company changes keeps what is known of it, on both databases."""

from datetime import timedelta

import pytest

from notifier.domain.actor import DAEMON
from notifier.domain.errors import InvalidInput
from notifier.domain.region import RegionKey
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.directory import Directory, DirectoryRow
from notifier.storage.database import Database
from notifier.storage.repositories import directory
from notifier.storage.repositories.renaming import rename
from notifier.storage.repositories.renaming import renamed as given_up
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


def importer(desk: Desk) -> Directory:
    return Directory(desk.database, desk.config, desk.clock, EmbeddedQueue(), {})


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


async def test_an_import_that_still_brings_the_old_code_is_warned_of_the_new_one(desk: Desk) -> None:
    renamed(desk)
    given = [
        DirectoryRow(customer_id=f"C-{n}", site_id="1", services="power", regions={"postal_code": code})
        for n, code in enumerate(("94110", "94112", "94199"))
    ]
    for dry_run in (True, False):  # told before anything is stored, too
        result = await importer(desk).load(given, dry_run=dry_run)
        (warning,) = result.warnings
        assert (warning.line, warning.column, warning.value) == (1, "postal_code", "94110")
        assert warning.reason == ("94110 was renamed to 94199; the old code is a new region, without its history")


def test_a_code_that_was_given_back_is_no_old_one_any_more(desk: Desk) -> None:
    third = RegionKey("postal_code", "94198")
    for old, new in ((OLD, NEW), (NEW, third)):
        renamed(desk, old, new)
    assert desk.database.read_now(given_up) == {OLD: third, NEW: third}
    renamed(desk, third, OLD)
    assert desk.database.read_now(given_up) == {NEW: OLD, third: OLD}
