"""What fails again in a part, or goes on as an incident of its own, is owed what it would be without: never twice."""

from datetime import timedelta
from typing import Any

import pytest

from notifier.stages.incidents import ReopenIncident, RestoreIncident
from notifier.stages.incidents.reshaping import MergeIncident, SplitIncident
from notifier.storage.database import Database
from tests.credit_desk import ANN, DAY, HOUR, CreditDesk

ONE_DAY = 2500  # for more than two hours, each day begun


@pytest.fixture
def desk(database: Database) -> CreditDesk:
    """Return a desk with two places."""
    desk = CreditDesk(database)
    for code in ("1", "2"):
        desk.room.homes(2, code)
    return desk


async def restored(desk: CreditDesk, incident_id: int = 1, **part: Any) -> None:
    await desk.room.deliver(await desk.room.incidents.restored(incident_id, RestoreIncident(**part), ANN))
    await desk.count()


async def out_for_three_hours(desk: CreditDesk, **part: Any) -> None:
    await desk.room.deliver(await desk.room.open("1", "2"))
    desk.clock.go_on(3 * HOUR)
    await restored(desk, **part)


async def out_again(desk: CreditDesk, incident_id: int = 1, **part: Any) -> None:
    """Let it be out again a day later."""
    desk.clock.go_on(DAY + 2 * HOUR)
    await desk.room.deliver(await desk.room.incidents.reopen(incident_id, ReopenIncident(**part), ANN))


async def split(desk: CreditDesk, incident_id: int, code: str) -> int:
    shown = await desk.room.reshaping.split(incident_id, SplitIncident(part=(code,)), ANN)
    return shown.card.id


def owed(desk: CreditDesk) -> dict[str, int]:
    found: dict[str, int] = {}
    for customer, _, amount, _, _ in desk.lines():
        found[customer] = found.get(customer, 0) + amount
    return found


def hours(desk: CreditDesk) -> list[float]:
    rows = desk.room.rows("SELECT from_at, until_at FROM credit_runs ORDER BY id")
    return [round(timedelta(microseconds=row["until_at"] - row["from_at"]) / HOUR) for row in rows]


EVERYBODY = dict.fromkeys(("1-0", "1-1", "2-0", "2-1"), ONE_DAY)


async def test_a_part_of_what_was_back_was_out_twice_and_not_all_the_time_between(desk: CreditDesk) -> None:
    await out_for_three_hours(desk)
    await out_again(desk, part=("2",))
    desk.clock.go_on(3 * HOUR)
    await restored(desk, part=("2",))
    assert (hours(desk), owed(desk)) == ([3, 3], EVERYBODY)  # six hours in all are one day


async def test_so_was_a_home_of_a_part_that_was_back(desk: CreditDesk) -> None:
    await out_for_three_hours(desk, part=("2",))
    await out_again(desk, part_sites=("2-0",))
    desk.clock.go_on(3 * HOUR)
    await restored(desk, part_sites=("2-0",))
    assert (hours(desk), owed(desk)) == ([3, 3], {"2-0": ONE_DAY, "2-1": ONE_DAY})


async def test_and_what_was_split_off_after_it_failed_again(desk: CreditDesk) -> None:
    await out_for_three_hours(desk)
    await out_again(desk)
    new = await split(desk, 1, "2")
    desk.clock.go_on(3 * HOUR)
    await restored(desk, new)
    await restored(desk, 1)
    assert (hours(desk), owed(desk)) == ([3, 3, 3], EVERYBODY)


async def test_a_part_that_fails_again_and_is_split_off_is_one_outage_with_what_it_was(desk: CreditDesk) -> None:
    await out_for_three_hours(desk, part=("2",))
    await out_again(desk, part=("2",))
    new = await split(desk, 1, "2")
    desk.clock.go_on(3 * HOUR)
    await restored(desk, new)
    assert owed(desk) == {"2-0": ONE_DAY, "2-1": ONE_DAY}


async def test_what_was_merged_cut_and_split_off_was_out_since_it_failed_and_is_paid_once(desk: CreditDesk) -> None:
    await desk.room.deliver(await desk.room.open("1"))
    desk.clock.go_on(2 * HOUR)
    await desk.room.deliver(await desk.room.open("2"))
    await desk.room.reshaping.merge(1, MergeIncident(into=2), ANN)
    desk.clock.go_on(HOUR)
    await restored(desk, 2, part_sites=("1-0",))
    assert hours(desk) == [3]  # not since the other one began, one hour ago
    await restored(desk, 2, part=("1",))
    await out_again(desk, 2, part=("1",))
    new = await split(desk, 2, "1")
    desk.clock.go_on(3 * HOUR)
    await restored(desk, new)
    assert owed(desk) == {"1-0": ONE_DAY, "1-1": ONE_DAY}


async def test_another_day_of_outage_is_still_another_step(desk: CreditDesk) -> None:
    await out_for_three_hours(desk)
    await out_again(desk, part=("2",))
    desk.clock.go_on(DAY)
    await restored(desk, part=("2",))
    assert owed(desk) == EVERYBODY | {"2-0": 2 * ONE_DAY, "2-1": 2 * ONE_DAY}
