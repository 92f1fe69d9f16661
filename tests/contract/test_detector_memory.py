"""What the detector keeps in memory, and how it asks the store for the rest: together, exactly, only what it needs."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from notifier.domain.detection import CellKey
from notifier.domain.level import Level, Settled
from notifier.stages.detection import stream
from notifier.stages.detection.counts import Regions, StoredCounts
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import baselines, detector
from tests.complaint_desk import NOON, Desk, request

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
TODAY = 20_514
CELLS = 250


class Counted:
    """A transaction whose statements are counted."""

    def __init__(self, tx: Transaction) -> None:
        self._tx, self.dialect, self.statements = tx, tx.dialect, 0

    def __getattr__(self, name: str) -> Any:
        self.statements += name in ("rows", "row", "scalar", "tuples", "run")
        return getattr(self._tx, name)


def sums(draw: Random) -> Settled:
    return Settled(
        through_day=TODAY - draw.randint(4, 8),
        first_day=TODAY - 99,
        total=draw.random() * 50,
        long_total=draw.random() * 500,
        complaints=draw.randint(1, 10**9),
        fingerprint=2**32 - 1,
    )


@pytest.fixture
def cells(database: Database) -> list[CellKey]:
    """Cells with counts on some days and the level of the day before yesterday; the last one has neither."""
    draw = Random(3)  # noqa: S311  # nothing secret

    def fill(tx: Transaction) -> list[CellKey]:
        tx.insert_many("regions", ("id", "kind", "code"), [(n, "postal_code", f"{90000 + n}") for n in range(1, CELLS)])
        keys = [CellKey(n, "power") for n in range(1, CELLS)]
        days = [(*key, day, draw.randint(1, 9)) for key in keys for day in range(TODAY - 9, TODAY + 1, 3)]
        tx.insert_many("cell_days", ("region_id", "service", "day", "complaints"), days)
        levels = {
            key: Level(
                through_day=TODAY - 2,
                total=draw.random() * 50,
                weight=draw.random() * 30,
                daily_mean=1 / 3,
                settled=sums(draw) if key.region_id % 2 else None,
            )
            for key in keys
        }
        baselines.save_levels(tx, levels)
        return [*keys, CellKey(CELLS, "power")]

    return database.write_now(fill)


def test_levels_come_back_exactly(database: Database, cells: Sequence[CellKey]) -> None:
    together = database.read_now(lambda tx: baselines.levels(tx, cells))
    one_by_one = database.read_now(lambda tx: {key: baselines.level(tx, key) for key in cells})
    assert together == {key: level for key, level in one_by_one.items() if level is not None}
    assert len(together) == CELLS - 1


def test_days_of_cells_are_those_of_each_cell(database: Database, cells: Sequence[CellKey]) -> None:
    asked = cells[-3:]
    together = database.read_now(lambda tx: baselines.days_of_cells(tx, dict.fromkeys(asked, TODAY - 6), TODAY))
    one_by_one = database.read_now(lambda tx: {key: baselines.cell_days(tx, key, TODAY - 6, TODAY) for key in asked})
    assert together == one_by_one
    assert sorted(together[asked[0]]) == [TODAY - 6, TODAY - 3]


def test_what_is_announced_is_looked_up_together(database: Database, cells: Sequence[CellKey]) -> None:
    def look(tx: Transaction) -> tuple[int, dict[CellKey, object]]:
        counted = Counted(tx)
        regions = Regions()
        regions.expect(counted, [key.region_id for key in cells])
        counts = StoredCounts(counted, regions)
        counts.expect(cells)
        found: dict[CellKey, object] = {
            key: (counts.kind_of(key.region_id), counts.level(key), counts.cell_days(key, TODAY - 9, TODAY))
            for key in cells
        }
        return counted.statements, found

    statements, found = database.read_now(look)
    assert statements <= 7  # regions, levels, and days of a hundred cells at a time, with and without settled sums
    assert found == database.read_now(lambda tx: _one_by_one(tx, cells))


def test_levels_that_go_on_bring_the_new_days_of_all_along(database: Database, cells: Sequence[CellKey]) -> None:
    def look(tx: Transaction) -> tuple[int, dict[CellKey, object]]:
        counts = StoredCounts(counted := Counted(tx), Regions())
        counts.expect(cells)
        found: dict[CellKey, object] = {
            key: counts.cell_days(key, level.settled.through_day + 1, TODAY)
            for key in cells
            if (level := counts.level(key)) is not None and level.settled is not None
        }
        return counted.statements, found

    statements, found = database.read_now(look)
    assert statements == 2  # levels, and the days of all
    assert {len(days) for days in found.values()} == {1, 2}  # type: ignore[arg-type]


def test_what_is_counted_on_a_settled_day_unsettles_the_cell(database: Database, cells: Sequence[CellKey]) -> None:
    before = database.read_now(lambda tx: baselines.levels(tx, cells))
    settled = {key: level.settled.through_day for key, level in before.items() if level.settled is not None}
    (one, its_day), (other, other_day) = list(settled.items())[:2]
    counted = [(*one, its_day), (*one, TODAY), (*other, other_day + 1), (CELLS, "power", 7)]
    database.write_now(lambda tx: baselines.unsettle(tx, counted))
    after = database.read_now(lambda tx: baselines.levels(tx, cells))
    assert after == {**before, one: before[one]._replace(settled=None)}


def _one_by_one(tx: Transaction, cells: Sequence[CellKey]) -> dict[CellKey, object]:
    counts = StoredCounts(tx, Regions())
    return {
        key: (counts.kind_of(key.region_id), counts.level(key), counts.cell_days(key, TODAY - 9, TODAY))
        for key in cells
    }


def test_a_level_that_is_up_to_date_brings_no_days_along(database: Database, cells: Sequence[CellKey]) -> None:
    def asked_with_it(tx: Transaction) -> int:
        counts = StoredCounts(tx, Regions())
        counts.expect(cells[:-1])
        counts.cell_days(cells[0], TODAY - 9, TODAY - 1)  # through the day before yesterday: all levels reach it
        return len(counts._days)  # what was fetched and not asked for

    assert database.read_now(asked_with_it) == 0


# --- what is remembered ---------------------------------------------------------------------------------------------


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place()
    made.place("94112", city="Daly City")
    return made


async def test_the_complaints_of_a_rebuild_are_decided_recent_and_in_the_order_of_the_stream(desk: Desk) -> None:
    await desk.complain("94110-1")  # too long ago
    await desk.complain("94110-2", at=NOON + 2 * HOUR)
    await desk.complain("94110-3", occurred_at=NOON + 119 * timedelta(minutes=1))
    await desk.complain("94110-3")  # a repeat
    await desk.complain("94110-4")
    await desk.complain("94110-5")  # not decided yet
    positions = desk.database.read_now(lambda tx: detector.decided_since(tx, to_micros(NOON), 5))
    assert positions == [2, 3, 4, 5]
    found = desk.database.read_now(lambda tx: detector.counted_at(tx, positions))
    assert [complaint.position for complaint in found] == [2, 3, 5]
    assert [complaint.at_us - to_micros(NOON) for complaint in found] == [7_200_000_000, 7_140_000_000, 7_200_000_000]
    assert all(complaint.verified and len(complaint.regions) == 2 for complaint in found)


async def test_how_far_back_a_rebuild_looks_is_stored_with_the_position(desk: Desk) -> None:
    await desk.complain("94110-1")
    await desk.decide()
    await desk.complain("94110-2", at=NOON + HOUR, occurred_at=NOON - timedelta(minutes=5))  # late: the baseline's
    await desk.complain("94110-3", occurred_at=NOON + HOUR - timedelta(minutes=5))
    await desk.complain("94110-4", occurred_at=NOON + HOUR - timedelta(minutes=9))
    await desk.import_history([request(customer_id="94112-1", occurred_at=NOON - 9 * DAY)])
    await desk.decide()
    row = desk.database.read_now(detector.load)
    assert (row.position, row.newest_us) == (5, to_micros(NOON + HOUR - timedelta(minutes=5)))


async def test_history_on_a_settled_day_is_learnt_with_the_next_level(desk: Desk) -> None:
    await desk.complain("94110-1", "94110-2", "94110-3")
    await desk.decide()
    cells = [CellKey(row["region_id"], "power") for row in desk.rows("SELECT region_id FROM baselines ORDER BY 1")]
    level = Level(through_day=TODAY, total=1.0, weight=1.0, daily_mean=1.0, settled=sums(Random(1)))  # noqa: S311
    desk.database.write_now(lambda tx: baselines.save_levels(tx, dict.fromkeys(cells, level)))
    await desk.complain("94110-4", at=NOON + HOUR)  # of today: changes nothing that is settled
    assert {one.settled for one in _levels(desk, cells)} == {level.settled}
    await desk.import_history([request(customer_id="94110-5", occurred_at=NOON - 90 * DAY)])
    assert {one.settled for one in _levels(desk, cells)} == {None}
    assert {one.total for one in _levels(desk, cells)} == {1.0}  # the one in force stays


def _levels(desk: Desk, cells: Sequence[CellKey]) -> list[Level]:
    return list(desk.database.read_now(lambda tx: baselines.levels(tx, cells)).values())


async def test_the_first_looks_at_a_new_day_are_short_ones(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.complain("94110-1")
    await desk.decide()
    monkeypatch.setattr(stream, "FIRST_OF_DAY", 2)
    await desk.complain(*(f"94112-{n}" for n in range(1, 9)), at=NOON + DAY)
    looks = [desk.database.read_now(detector.load).position]
    while await desk.detection.step():
        looks.append(desk.database.read_now(detector.load).position)
    assert looks[:3] == [1, 3, 7]  # two, four, and what is left


async def test_after_a_long_look_the_next_one_is_at_half_as_many(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.complain(*(f"94110-{n}" for n in range(1, 9)))
    monkeypatch.setattr(stream, "BATCH", 4)
    monkeypatch.setattr(stream, "LONG_LOOK", -1.0)  # every look is long
    looks = []
    while await desk.detection.step():
        looks.append(desk.database.read_now(detector.load).position)
    assert looks == [4, 6, 7, 8]


def in_memory(desk: Desk) -> float | None:
    return desk.metrics.registry.get_sample_value("notifier_detector_cells")


async def test_idle_cells_are_forgotten_when_a_day_begins_with_a_complaint(desk: Desk) -> None:
    await desk.complain("94110-1")
    await desk.decide()
    assert in_memory(desk) == 2
    await desk.complain("94112-1", at=NOON + 2 * DAY)
    await desk.decide()
    assert in_memory(desk) == 2


async def test_idle_cells_are_forgotten_in_the_night_although_nobody_complains(desk: Desk) -> None:
    await desk.complain("94110-1")
    await desk.decide()
    desk.clock.at = NOON + 2 * DAY
    await desk.detection.refresh_baseline()
    assert in_memory(desk) == 0


async def test_a_cell_that_was_forgotten_is_known_again_with_its_next_complaint(desk: Desk) -> None:
    await desk.complain("94110-1")
    await desk.decide()
    desk.clock.at = NOON + 2 * DAY
    await desk.detection.refresh_baseline()
    await desk.complain("94110-1", "94110-2", "94110-3")
    await desk.decide()
    assert desk.incidents() == [(1, "94110", "suspected")]


def test_regions_that_are_not_needed_are_looked_up_again(database: Database, cells: Sequence[CellKey]) -> None:
    regions = Regions()

    def kinds(tx: Transaction) -> list[str]:
        return [regions.find(tx, key.region_id)[0] for key in (cells[0], cells[1], cells[-1])]

    assert database.read_now(kinds) == ["postal_code", "postal_code", ""]
    regions.forget_all_but({cells[0].region_id})
    assert database.read_now(kinds) == ["postal_code", "postal_code", ""]
