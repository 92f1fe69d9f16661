"""Credits of parts on every database: each customer is out until their own part is back, wherever it came from."""

import pytest
from msgspec.structs import replace

from notifier.domain.tariff import Counts
from notifier.stages.incidents import ReopenIncident, RestoreIncident
from notifier.stages.incidents.reshaping import MergeIncident, Reshaping, SplitIncident
from notifier.storage.database import Database
from tests.control_room import FakeMessages
from tests.credit_desk import ANN, DAILY, HOUR, CreditDesk

HOURLY = replace(DAILY, longer_than=HOUR, step=HOUR, counts=Counts.COMPLETED, amount="1.00")


@pytest.fixture
def desk(database: Database) -> CreditDesk:
    desk = CreditDesk(database, HOURLY)
    for code in ("1", "2"):
        desk.room.homes(1, code)
    return desk


def hours(desk: CreditDesk) -> dict[str, int]:
    """Return how many hours each customer is paid for."""
    found: dict[str, int] = {}
    for customer, *_ in desk.lines():
        found[customer] = found.get(customer, 0) + 1
    return found


def reshaping(desk: CreditDesk) -> Reshaping:
    return Reshaping(desk.room.around, FakeMessages())


async def restored(desk: CreditDesk, incident: int, *part: str) -> None:
    await desk.room.deliver(await desk.room.incidents.restored(incident, RestoreIncident(part=part), ANN))


async def begin(desk: CreditDesk) -> None:
    await desk.credits.step()
    await desk.room.deliver(await desk.room.open("1", "2"))


async def test_each_part_is_out_until_it_is_back(desk: CreditDesk) -> None:
    await begin(desk)
    desk.clock.go_on(3 * HOUR)
    await restored(desk, 1, "1")
    await desk.count()
    assert hours(desk) == {"1-0": 3}
    desk.clock.go_on(4 * HOUR)
    await restored(desk, 1)
    await desk.count()
    assert hours(desk) == {"1-0": 3, "2-0": 7}


async def test_a_part_that_fails_again_adds_up_for_its_own_customers_alone(desk: CreditDesk) -> None:
    await begin(desk)
    desk.clock.go_on(3 * HOUR)
    await restored(desk, 1, "1")
    await restored(desk, 1)
    desk.clock.go_on(5 * HOUR)
    await desk.count()
    await desk.room.deliver(await desk.room.incidents.reopen(1, ReopenIncident(part=("1",)), ANN))
    desk.clock.go_on(2 * HOUR)
    await restored(desk, 1, "1")
    await desk.count()
    assert hours(desk) == {"1-0": 5, "2-0": 3}


async def test_what_was_split_off_was_out_since_the_first_incident_began(desk: CreditDesk) -> None:
    await begin(desk)
    desk.clock.go_on(3 * HOUR)
    await reshaping(desk).split(1, SplitIncident(part=("1",)), ANN)
    desk.clock.go_on(2 * HOUR)
    await restored(desk, 2)
    await desk.count()
    assert hours(desk) == {"1-0": 5}
    desk.clock.go_on(HOUR)
    await restored(desk, 1)
    await desk.count()
    assert hours(desk) == {"1-0": 5, "2-0": 6}


async def test_what_was_merged_was_out_since_its_own_incident_began(desk: CreditDesk) -> None:
    await desk.credits.step()
    await desk.room.deliver(await desk.room.open("1"))
    desk.clock.go_on(4 * HOUR)
    await desk.room.deliver(await desk.room.open("2"))
    desk.clock.go_on(HOUR)
    await reshaping(desk).merge(1, MergeIncident(into=2), ANN)
    desk.clock.go_on(2 * HOUR)
    await restored(desk, 2, "1")
    await restored(desk, 2)
    await desk.count()
    assert hours(desk) == {"1-0": 7, "2-0": 3}
