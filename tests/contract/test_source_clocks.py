"""Sources whose clock is wrong: noticed from what comes in, said once, over when it is."""

from datetime import timedelta

import pytest

from notifier.stages.on_call.clocks import Clocks
from notifier.storage.database import Database
from tests.complaint_desk import NOON, Desk, request

HOUR = timedelta(hours=1)


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place(households=60)
    return made


@pytest.fixture
def clocks(desk: Desk) -> Clocks:
    return Clocks(desk.database, desk.config, desk.clock, desk.metrics)


async def hear(desk: Desk, *, ahead: timedelta, first: int = 1, number: int = 25, source: str = "api") -> None:
    for n in range(first, first + number):
        desk.clock.at += timedelta(seconds=10)
        await desk.complain(f"94110-{n}", source=source, occurred_at=desk.clock.at + ahead - timedelta(seconds=2))


async def test_a_clock_an_hour_behind_is_noticed_for_its_complaints_are_no_evidence(
    desk: Desk, clocks: Clocks, capsys: pytest.CaptureFixture[str]
) -> None:
    await hear(desk, ahead=-HOUR)
    await clocks.compare()
    assert list(clocks.wrong()) == ["api"]
    assert clocks.wrong()["api"].ahead == pytest.approx(-HOUR, abs=timedelta(seconds=5))
    assert desk.metrics.source_clock_ahead.labels("api")._value.get() == pytest.approx(-3602)
    assert {row["not_counted"] for row in desk.rows("SELECT not_counted FROM complaints")} == {"late"}
    await clocks.compare()
    assert capsys.readouterr().out.count("clock of a source is wrong") == 1


async def test_a_clock_ahead_is_noticed_and_its_complaints_count_as_of_now(desk: Desk, clocks: Clocks) -> None:
    await hear(desk, ahead=3 * HOUR, source="web")
    await hear(desk, ahead=timedelta(), first=30)
    await clocks.compare()
    assert [(name, skew.is_ahead) for name, skew in clocks.wrong().items()] == [("web", True)]


async def test_a_clock_set_right_is_right_within_a_day(desk: Desk, clocks: Clocks) -> None:
    await hear(desk, ahead=-HOUR)
    await clocks.compare()
    desk.clock.at = NOON + 25 * HOUR
    await hear(desk, ahead=timedelta(), first=30)
    await clocks.compare()
    assert clocks.wrong() == {}
    assert desk.metrics.source_clock_ahead.labels("api")._value.get() == 0


async def test_after_a_restart_the_last_complaints_are_enough(desk: Desk) -> None:
    await hear(desk, ahead=-HOUR)
    again = Clocks(desk.database, desk.config, desk.clock, desk.metrics)
    await again.compare()
    assert list(again.wrong()) == ["api"]


async def test_imported_history_says_nothing_about_a_clock(desk: Desk, clocks: Clocks) -> None:
    await desk.import_history([request(customer_id=f"94110-{n}", occurred_at=NOON - 5 * HOUR) for n in range(1, 40)])
    await clocks.compare()
    assert clocks.wrong() == {}
