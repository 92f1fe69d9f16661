"""Credits of parts on every database: each customer is out until their own part is back, wherever it came from."""

import pytest
from msgspec.structs import replace

from notifier.config import Config
from notifier.domain.consent import CONTRACT
from notifier.domain.tariff import Counts, OwedFor
from notifier.stages.credits import Because
from notifier.stages.directory import Directory, DirectoryRow
from notifier.stages.incidents import ReopenIncident, RestoreIncident
from notifier.stages.incidents.reshaping import MergeIncident, Reshaping, SplitIncident
from notifier.storage.database import Database, Transaction
from notifier.storage.queries import credits as shown
from notifier.storage.repositories import broadcasts, incidents, late_joiners
from tests.control_room import FakeMessages
from tests.credit_desk import ANN, DAILY, HOUR, MIA, CreditDesk

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


async def test_who_joins_until_it_is_told_that_service_is_back_is_counted_with_the_others(database: Database) -> None:
    desk = CreditDesk(database, HOURLY)
    desk.room.homes(1)
    await desk.credits.step()
    await desk.room.deliver(await desk.room.open())
    desk.clock.go_on(3 * HOUR)
    await desk.room.send(await desk.room.incidents.restored(1, RestoreIncident(), ANN))
    directory = Directory(database, Config(), desk.clock, desk.room.queue, {"power": desk.room.playbook})
    row = DirectoryRow(
        customer_id="new",
        site_id="1",
        address="9 Ash St",
        email="n@example.net",
        services="power",
        regions={"postal_code": "94110"},
    )
    assert (await directory.load([row])).rejected == []
    desk.clock.go_on(HOUR)
    await desk.room.work()
    await desk.count()
    assert hours(desk) == {"94110-0": 3, "new": 3}
    await directory.load([replace(row, customer_id="later")])
    await desk.count()
    assert "later" not in hours(desk)  # nobody knows whether they were served then


async def test_an_audience_that_grows_after_it_was_counted_is_counted_again(desk: CreditDesk) -> None:
    await begin(desk)
    desk.clock.go_on(3 * HOUR)
    await restored(desk, 1)
    await desk.count()
    before = desk.lines()
    desk.room.town.household("late", desk.room.town.region("1"))
    site = int(desk.room.rows("SELECT MAX(id) AS id FROM sites")[0]["id"])

    def join(tx: Transaction) -> None:
        incident, told = incidents.load(tx, 1), broadcasts.load(tx, 2)
        late_joiners.add(tx, incident, told, [site], desk.room.playbook, desk.clock.now(), CONTRACT)

    desk.database.write_now(join)
    await desk.count()
    assert hours(desk) == {"1-0": 3, "2-0": 3, "late": 3}
    assert set(before) < set(desk.lines())


# several sites of one customer


@pytest.fixture
def two_homes(database: Database) -> CreditDesk:
    """A customer with a home in each of two regions, and one with a home in the first."""
    desk = CreditDesk(database, replace(HOURLY, per=OwedFor.SITE), customer_baseline="1000")
    first, second = desk.room.homes(1, "1"), desk.room.town.region("2")
    both = desk.room.town.customer("both")
    for region in (first, second):
        site = desk.room.town.site(both, region, services="|power|", reference=f"home {region}")
        desk.room.town.contact(both, [site], f"both-{region}@example.net")
    return desk


def hours_of_sites(desk: CreditDesk) -> dict[str, int]:
    """Return how many hours each customer is paid for, by customer and the site's place among theirs."""
    found: dict[str, int] = {}
    for row in desk.room.rows(
        """SELECT c.reference, l.site_id, count(*) AS hours FROM credit_lines AS l JOIN customers AS c
           ON c.id = l.customer_id WHERE l.step > 0 GROUP BY c.reference, l.site_id ORDER BY c.reference, l.site_id"""
    ):
        found[f"{row['reference']} {1 + sum(name.startswith(row['reference']) for name in found)}"] = row["hours"]
    return found


async def test_by_a_tariff_per_site_each_is_paid_for_as_long_as_it_was_out(two_homes: CreditDesk) -> None:
    desk = two_homes
    await begin(desk)
    desk.clock.go_on(3 * HOUR)
    await restored(desk, 1, "1")
    desk.clock.go_on(4 * HOUR)
    await restored(desk, 1)
    await desk.count()
    assert hours_of_sites(desk) == {"1-0 1": 3, "both 1": 3, "both 2": 7}
    await desk.credits.counting.again(1, MIA)
    await desk.count()
    assert hours_of_sites(desk) == {"1-0 1": 3, "both 1": 3, "both 2": 7}


async def test_by_a_tariff_per_customer_two_homes_are_one(two_homes: CreditDesk) -> None:
    desk = two_homes
    desk.tariffs = (HOURLY,)
    desk.use(customer_baseline="1000")
    await begin(desk)
    desk.clock.go_on(3 * HOUR)
    await restored(desk, 1)
    await desk.count()
    assert hours(desk) == {"1-0": 3, "both": 3}


@pytest.mark.parametrize("first", [OwedFor.CUSTOMER, OwedFor.SITE])
async def test_a_tariff_that_is_changed_afterwards_pays_nothing_twice(two_homes: CreditDesk, first: OwedFor) -> None:
    desk = two_homes
    desk.tariffs = (replace(HOURLY, per=first),)
    desk.use(customer_baseline="1000")
    await begin(desk)
    desk.clock.go_on(3 * HOUR)
    await restored(desk, 1)
    await desk.count()
    before = desk.lines()
    other = OwedFor.SITE if first is OwedFor.CUSTOMER else OwedFor.CUSTOMER
    desk.tariffs = (replace(HOURLY, per=other),)
    desk.use(customer_baseline="1000")
    await desk.credits.counting.again(1, MIA)
    await desk.count()
    assert desk.lines() == before


async def test_a_site_that_was_made_later_was_not_out(two_homes: CreditDesk) -> None:
    desk = two_homes
    await begin(desk)
    desk.clock.go_on(3 * HOUR)
    await restored(desk, 1)
    await desk.count()
    both = int(desk.room.rows("SELECT id FROM customers WHERE reference = 'both'")[0]["id"])
    desk.room.town.site(both, desk.room.town.region("1"), services="|power|", reference="new")
    await desk.credits.counting.again(1, MIA)
    await desk.count()
    assert hours_of_sites(desk) == {"1-0 1": 3, "both 1": 3, "both 2": 3}


async def test_a_reversal_is_of_the_same_site_and_a_merge_moves_each(two_homes: CreditDesk) -> None:
    desk = two_homes
    await desk.credits.step()
    await desk.room.deliver(await desk.room.open("1"))
    desk.clock.go_on(HOUR)
    await desk.room.deliver(await desk.room.open("2"))
    desk.clock.go_on(HOUR)
    await restored(desk, 1)
    await desk.count()
    taken = desk.room.rows("SELECT MIN(id) AS id FROM credit_lines WHERE customer_id = 2")[0]["id"]
    line = await desk.credits.deciding.reverse(int(taken), Because(reason="empty"), MIA)
    assert line.site == (await desk.room.database.read(lambda tx: shown.line(tx, int(taken)))).site != ""
    await restored(desk, 2)
    await desk.count()
    assert hours_of_sites(desk) == {"1-0 1": 2, "both 1": 2, "both 2": 1}
