"""What detection promises where the data are not as they should be.

No history, new and renamed regions, clocks that change, feeds that stop and come back, late and disordered complaints.
Each is defined in docs/detection-data.md.
"""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.domain.local_time import LocalTime
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries.needs import needs
from notifier.storage.repositories import directory
from tests.complaint_desk import NOON, SYSTEM, Desk, request

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CODE = "94110"


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place(households=30)
    made.place("94112")
    return made


def customer(number: int) -> str:
    return f"{CODE}-{1 + number % 30}"


async def past(desk: Desk, *, days: int, every: timedelta = HOUR, now: datetime = NOON) -> None:
    """Import some weeks in which somebody of 94110 complains every hour, each customer once in 24 hours."""
    number = int(days * DAY / every)
    rows = [request(customer_id=customer(n), occurred_at=now - n * every) for n in range(1, number)]
    await desk.import_history(rows)
    await desk.detection.refresh_baseline()


async def complain_hourly(desk: Desk, since: datetime, until: datetime) -> None:
    """Let somebody complain every hour, the detector looking after each."""
    number = 0
    while (at := since + number * HOUR) < until:
        await desk.complain(customer(number), at=at)
        await desk.decide()
        number += 1


def feed_needs(desk: Desk, at: datetime) -> list[str]:
    found = desk.database.read_now(lambda tx: needs(tx, at, {}, time_zone="America/Los_Angeles"))
    return [need.text for need in found if need.kind == "feed"]


# --- cold start -----------------------------------------------------------------------------------------------------


async def test_without_any_history_three_customers_are_enough_and_two_are_not(desk: Desk) -> None:
    await desk.complain(f"{CODE}-1", f"{CODE}-2")
    await desk.decide()
    assert desk.incidents() == []
    await desk.complain(f"{CODE}-3")
    await desk.decide()
    assert [state for _, _, state in desk.incidents()] == ["suspected"]
    assert desk.level() == 1.0  # one a day, until something is known


# --- regions --------------------------------------------------------------------------------------------------------


async def test_a_region_new_in_the_directory_begins_as_an_ordinary_one(desk: Desk) -> None:
    await past(desk, days=30)
    new = desk.database.write_now(lambda tx: directory.ensure_region(tx, "postal_code", "94199"))
    old = desk.rows("SELECT new_on FROM regions WHERE code = '94110'")[0]["new_on"]
    desk.town.household("94199-1", new)
    await desk.complain("94199-1", f"{CODE}-30")
    await desk.decide()
    (row,) = desk.rows("SELECT new_on FROM regions WHERE code = '94199'")
    assert (old, row["new_on"]) == (None, LocalTime("America/Los_Angeles").day(to_micros(NOON)))
    assert desk.level("94199") == pytest.approx(
        12, rel=0.1
    )  # the service's mean, over the regions there were this morning
    assert desk.level() == pytest.approx(24, rel=0.1)


async def test_another_name_changes_nothing_and_another_code_is_a_new_region(desk: Desk) -> None:
    await past(desk, days=30)
    before = desk.town.region(CODE)
    named = desk.database.write_now(lambda tx: directory.ensure_region(tx, "postal_code", CODE, name="The Mission"))
    assert named == before
    renamed = desk.database.write_now(lambda tx: directory.ensure_region(tx, "postal_code", "94110A"))
    desk.town.household("moved", renamed)
    await desk.complain("moved", f"{CODE}-30")
    await desk.decide()
    assert desk.level("94110A") == pytest.approx(12, rel=0.1)
    assert desk.level() == pytest.approx(24, rel=0.1)  # the old one keeps what was counted, and fades


# --- clocks that change ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("midnight", "hours"),
    [
        (datetime(2026, 3, 8, 8, tzinfo=UTC), 23),  # in spring an hour is skipped
        (datetime(2026, 11, 1, 7, tzinfo=UTC), 25),  # in autumn one comes twice
    ],
)
async def test_the_day_on_which_clocks_change_is_counted_and_learnt_at_its_length(
    desk: Desk, midnight: datetime, hours: int
) -> None:
    desk.clock.at = midnight
    await past(desk, days=30, now=midnight)
    await complain_hourly(desk, midnight, midnight + hours * HOUR)
    before = desk.level()
    assert desk.incidents() == []
    local = LocalTime("America/Los_Angeles")
    day = local.day(to_micros(midnight))
    assert local.day(to_micros(midnight + hours * HOUR)) == day + 1
    region = desk.town.region(CODE)
    (row,) = desk.rows(f"SELECT complaints FROM cell_days WHERE region_id = {region} AND day = {day}")
    assert row["complaints"] == hours
    (total,) = desk.rows(f"SELECT SUM(complaints) AS n FROM service_hours WHERE hour / 24 = {day}")
    assert total["n"] == hours
    await desk.complain(f"{CODE}-30", at=midnight + (hours + 1) * HOUR)
    await desk.decide()
    assert desk.level() == pytest.approx(before, rel=0.005)  # as an ordinary day, it would be 3 % off


@pytest.mark.parametrize("change", [datetime(2026, 3, 8, 10, tzinfo=UTC), datetime(2026, 11, 1, 9, tzinfo=UTC)])
async def test_an_outage_is_found_while_clocks_change(desk: Desk, change: datetime) -> None:
    desk.clock.at = change - 2 * HOUR
    await past(desk, days=30, every=12 * HOUR, now=desk.clock.at)
    for number in range(4):
        await desk.complain(f"94112-{number + 1}", at=change + (2 * number - 3) * MINUTE)
        await desk.decide()
    assert [place for _, place, _ in desk.incidents()] == ["94112"]
    (evidence,) = desk.rows("SELECT window_from_at, at FROM evidence WHERE incident_id = 1 ORDER BY id DESC LIMIT 1")
    assert evidence["at"] - evidence["window_from_at"] == 6 * 60 * 1_000_000  # six minutes are six minutes


# --- feeds that stop ------------------------------------------------------------------------------------------------


async def test_a_feed_that_stopped_for_a_part_of_a_day_is_noticed_at_once_and_not_learnt(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await past(desk, days=36)
    await complain_hourly(desk, NOON, NOON + 2 * HOUR)
    stopped_for = 20 * HOUR
    await complain_hourly(desk, NOON + 2 * HOUR + stopped_for, NOON + 40 * HOUR)
    assert "taken for a broken feed" in capsys.readouterr().out
    assert desk.metrics.feed_silences.labels("power")._value.get() == 1
    (said,) = feed_needs(desk, NOON + 2 * HOUR + stopped_for)
    assert said.startswith("power: nothing was heard from Mon 2 Mar 13:00 PST to Tue 3 Mar 12:00 PST, longer than ever")
    assert feed_needs(desk, NOON + 40 * HOUR) == []
    await complain_hourly(desk, NOON + 40 * HOUR, NOON + 60 * HOUR)
    assert desk.level() == pytest.approx(24, rel=0.03)
    assert desk.incidents() == []


async def test_what_is_known_of_a_silence_survives_a_restart(desk: Desk) -> None:
    await past(desk, days=36)
    await complain_hourly(desk, NOON, NOON + 2 * HOUR)
    await complain_hourly(desk, NOON + 20 * HOUR, NOON + 24 * HOUR)
    before = await desk.detection.scores()
    restarted = desk.new_detection()
    await restarted.rebuild()
    assert await restarted.scores() == before
    assert "silences" in str(desk.rows("SELECT state FROM detector")[0]["state"])


@pytest.mark.parametrize(("ended", "today"), [(6 * HOUR, 0), (6 * HOUR, 4), (40 * HOUR, 0)])
async def test_a_service_that_was_never_heard_live_has_no_silence(
    desk: Desk, ended: timedelta, today: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A first start: history is imported, with complaints of today or without any, then the first ones come live."""
    await past(desk, days=36, now=NOON - ended)
    await desk.import_history(
        [request(customer_id=customer(n), occurred_at=NOON - n * 20 * MINUTE) for n in range(1, today + 1)]
    )
    await complain_hourly(desk, NOON, NOON + 2 * HOUR)
    assert feed_needs(desk, NOON + 2 * HOUR) == []
    assert "taken for a broken feed" not in capsys.readouterr().out
    assert desk.metrics.feed_silences.labels("power")._value.get() == 0


async def test_a_silence_after_the_first_complaint_is_said_also_after_a_restart(desk: Desk) -> None:
    await past(desk, days=36)
    await desk.complain(customer(0))
    await desk.complain(customer(2), at=NOON + 39 * HOUR, service="water")
    await desk.decide()
    desk.detection = desk.new_detection()  # what it makes again begins after the complaint about power
    await desk.complain(customer(1), at=NOON + 40 * HOUR)
    await desk.decide()
    (said,) = feed_needs(desk, NOON + 40 * HOUR)
    assert said.startswith("power: nothing was heard from Tue 3 Mar 00:00 PST to Wed 4 Mar 04:00 PST")
    assert desk.metrics.feed_silences.labels("power")._value.get() == 1


async def test_a_silence_of_today_is_said_by_the_clock_and_not_any_more_once_it_was_imported(desk: Desk) -> None:
    await past(desk, days=36, now=NOON - 10 * HOUR)
    start = NOON - 10 * HOUR  # two at night in California
    await desk.complain(customer(0), at=start)
    await desk.decide()
    await desk.complain(customer(1), at=start + 18 * HOUR)
    await desk.decide()
    (said,) = feed_needs(desk, start + 19 * HOUR)
    assert said.startswith("power: nothing was heard from 02:00 PST to 20:00 PST, longer than ever")
    (tomorrow,) = feed_needs(desk, start + 24 * HOUR)
    assert "from Mon 2 Mar 02:00 PST to Mon 2 Mar 20:00 PST" in tomorrow
    await desk.import_history([request(service="water", customer_id=customer(25), occurred_at=NOON)])
    assert feed_needs(desk, start + 19 * HOUR) == [said]
    await desk.import_history([request(customer_id=customer(26), occurred_at=NOON)])
    assert feed_needs(desk, start + 19 * HOUR) == []


async def test_history_that_was_imported_in_a_silence_was_heard(desk: Desk) -> None:
    await past(desk, days=36, now=NOON - 10 * HOUR)
    await desk.complain(customer(0), at=NOON - 10 * HOUR)
    await desk.decide()
    desk.clock.at = NOON + HOUR
    await desk.import_history([request(customer_id=customer(26), occurred_at=NOON)])
    await desk.complain(customer(1), at=NOON + 8 * HOUR)
    await desk.decide()
    assert feed_needs(desk, NOON + 8 * HOUR) == []
    assert desk.metrics.feed_silences.labels("power")._value.get() == 0


# --- late and out of order ------------------------------------------------------------------------------------------


async def test_the_order_of_arrival_within_a_quarter_of_an_hour_does_not_matter(desk: Desk) -> None:
    for minutes in (0, 10, 3, 12, 6):
        desk.clock.at = NOON + 13 * MINUTE
        await desk.complain(f"{CODE}-{minutes + 1}", occurred_at=NOON + minutes * MINUTE)
    await desk.decide()
    (row,) = desk.rows("SELECT started_at FROM incidents")
    assert row["started_at"] == to_micros(NOON)


async def test_a_backlog_after_an_outage_of_the_intake_feeds_the_baseline_and_opens_nothing(desk: Desk) -> None:
    desk.clock.at = NOON + 5 * HOUR
    rows = [request(customer_id=customer(n), occurred_at=NOON + n * MINUTE) for n in range(20)]
    await desk.intake.submit_many(rows, actor=SYSTEM)
    await desk.decide()
    assert desk.incidents() == []
    assert desk.rows("SELECT SUM(complaints) AS n FROM service_hours")[0]["n"] == 20


# --- one feed of several --------------------------------------------------------------------------------------------


def heard(desk: Desk, days: int, *, silent_on: int) -> None:
    """Let two sources bring two complaints an hour each for some days; `web` is silent on one of them."""
    today = LocalTime("America/Los_Angeles").day(to_micros(desk.clock.at))
    region = desk.town.region(CODE)
    rows: list[tuple[str, int, str, int]] = []
    cells = []
    for day in range(today - days, today):
        sources = ("api",) if day == today - silent_on else ("api", "web")
        rows += [("power", day * 24 + hour, source, 2) for hour in range(24) for source in sources]
        cells.append((region, "power", day, 48 * len(sources)))

    def store(tx: Transaction) -> None:
        tx.insert_many("service_hours", ("service", "hour", "source", "complaints"), rows)
        tx.insert_many("cell_days", ("region_id", "service", "day", "complaints"), cells)

    desk.database.write_now(store)


@pytest.mark.parametrize("silent_on", [1, 2])
async def test_a_day_on_which_one_of_two_sources_was_silent_does_not_lower_what_is_expected(
    desk: Desk, silent_on: int
) -> None:
    heard(desk, 35, silent_on=silent_on)
    await desk.detection.refresh_baseline()
    await desk.complain(customer(1))
    await desk.decide()
    assert desk.level() == pytest.approx(96, rel=0.05)


async def test_of_every_complaint_it_is_counted_by_which_source_it_came_but_history(desk: Desk) -> None:
    await desk.import_history([request(customer_id=customer(1), occurred_at=NOON - 2 * DAY)])
    await desk.complain(customer(2))
    rows = desk.rows("SELECT source, SUM(complaints) AS n FROM service_hours GROUP BY source ORDER BY source")
    assert [(row["source"], row["n"]) for row in rows] == [("", 1), ("api", 1)]
