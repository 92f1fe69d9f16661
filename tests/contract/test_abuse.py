"""What detection promises when somebody means ill: invented reporters, repeats, replays and impossible times.

Through intake and detection, as it comes from outside. A flood opens nothing, hides nothing beside it, and leaves no
mark on what is expected afterwards.
"""

from datetime import timedelta

import pytest

from notifier.domain.complaint import ComplaintRequest
from notifier.domain.errors import InvalidInput
from notifier.stages.intake import Accepted
from notifier.storage.database import Database
from tests.complaint_desk import NOON, SYSTEM, Desk, request

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HISTORY_DAYS = 40


@pytest.fixture
def desk(database: Database) -> Desk:
    made = Desk(database)
    made.place(households=40)
    made.place("94112")
    return made


async def ordinary_past(desk: Desk) -> None:
    """Import weeks of ordinary complaints: in each place one in two days."""
    rows = [
        request(customer_id=f"{code}-{1 + day % 8}", occurred_at=NOON - day * DAY - offset * HOUR)
        for day in range(1, HISTORY_DAYS)
        for offset, code in enumerate(("94110", "94112"))
        if (day + offset) % 2
    ]
    answers = await desk.import_history(rows)
    assert all(isinstance(answer, Accepted) for answer in answers)
    await desk.detection.refresh_baseline()


def strangers(number: int, *, region: str = "94110", first: int = 0, **fields: object) -> list[ComplaintRequest]:
    """Return complaints from invented telephone numbers."""
    return [
        request(reporter=f"+1415{5550000 + first + n}", region=region, source="web", **fields) for n in range(number)
    ]


async def flood(desk: Desk, requests: list[ComplaintRequest]) -> list[str | None]:
    """Send complaints, five a second, and return why each was not counted."""
    reasons: list[str | None] = []
    for first in range(0, len(requests), 50):
        desk.clock.at += timedelta(seconds=10)
        answers = await desk.intake.submit_many(requests[first : first + 50], actor=SYSTEM)
        reasons += [answer.not_counted for answer in answers if isinstance(answer, Accepted)]
    assert len(reasons) == len(requests)
    await desk.decide()
    return reasons


async def outage(desk: Desk, code: str) -> int:
    """Let customers complain a minute apart until an incident is open there; return how many it took."""
    before = len(desk.incidents())
    for number in range(1, 9):
        desk.clock.at += MINUTE
        await desk.complain(f"{code}-{number}")
        await desk.decide()
        if len(desk.incidents()) > before:
            return number
    return 99


async def level_tomorrow(desk: Desk, code: str = "94110", *, days: int = 1) -> float:
    """Return the complaints a day that are expected in a place when the next day begins, from the stored counts."""
    desk.clock.at += days * DAY
    await desk.detection.refresh_baseline()
    await desk.complain(f"{code}-8")
    await desk.decide()
    return desk.level(code)


# --- many reporters, few of them real -------------------------------------------------------------------------------


async def test_a_thousand_invented_numbers_open_nothing_and_count_twice(desk: Desk) -> None:
    reasons = await flood(desk, strangers(1000))
    assert reasons.count(None) == 2
    assert set(reasons) == {None, "unverified_cap"}
    assert desk.incidents() == []


async def test_a_thousand_invented_numbers_do_not_confirm_nor_strengthen_what_customers_said(desk: Desk) -> None:
    await ordinary_past(desk)
    await outage(desk, "94110")
    (before,) = desk.rows("SELECT MAX(score) AS score FROM evidence WHERE incident_id = 1")
    reasons = await flood(desk, strangers(1000))
    assert [state for _, _, state in desk.incidents()] == ["suspected"]
    assert reasons.count(None) == 2
    (after,) = desk.rows("SELECT MAX(score) AS score FROM evidence WHERE incident_id = 1")
    assert after["score"] < before["score"] + 10  # two strangers more, not a thousand


async def test_one_web_visitor_with_many_names_counts_three_times_over_all_places(desk: Desk) -> None:
    for code in ("94114", "94115", "94117"):
        desk.place(code, households=1)
    codes = ("94110", "94112", "94114", "94115", "94117")
    reports = [
        one
        for n, code in enumerate(codes)
        for one in strangers(2, region=code, first=10 * n, source_address="203.0.113.7")
    ]
    reasons = await flood(desk, reports)
    assert reasons.count(None) == 3
    other = await flood(desk, strangers(1, region="94117", first=90, source_address="203.0.113.8"))
    assert other == [None]
    assert not [row for row in desk.rows("SELECT written_from FROM complaints") if "203." in str(row["written_from"])]


async def test_rows_of_one_list_share_the_cap_of_their_address(desk: Desk) -> None:
    desk.place("94114", households=1)
    rows = [one for n, code in enumerate(("94110", "94112", "94114")) for one in strangers(2, region=code, first=9 * n)]
    rows = [request(**{**_fields(row), "source_address": "203.0.113.7"}) for row in rows]
    answers = await desk.intake.submit_many(rows, actor=SYSTEM)
    assert sum(isinstance(one, Accepted) and one.counted for one in answers) == 3


async def test_one_customer_over_ten_channels_is_one(desk: Desk) -> None:
    town, customer = desk.town, "94110-1"
    site = desk.rows("SELECT s.id, s.customer_id FROM sites AS s JOIN customers AS c ON c.id = s.customer_id"
                     f" WHERE c.reference = '{customer}'")[0]  # fmt: skip
    ways: list[dict[str, object]] = [{"customer_id": customer}]
    for number in range(5):
        town.contact(site["customer_id"], [site["id"]], f"+1415555010{number}", kind="mobile")
        ways.append({"reporter": f"(415) 555-010{number}"})
    for number in range(4):
        town.contact(site["customer_id"], [site["id"]], f"ann{number}@example.net")
        ways.append({"reporter": f"Ann{number}@Example.net"})
    answers = []
    for way in ways * 3:
        desk.clock.at += MINUTE
        answers.append(await desk.intake.submit(request(**way), actor=SYSTEM))
    await desk.decide()
    assert [answer.counted for answer in answers].count(True) == 1
    assert {answer.not_counted for answer in answers} == {None, "repeat"}
    assert desk.incidents() == []


# --- the same again -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ids", [True, False])
async def test_a_replayed_file_adds_nothing(desk: Desk, ids: bool) -> None:
    rows = [
        request(
            customer_id=f"94110-{number}",
            occurred_at=NOON - number * timedelta(seconds=30),
            external_id=f"t{number}" if ids else "",
        )
        for number in range(1, 9)
    ]
    await desk.intake.submit_many(rows, actor=SYSTEM)
    await desk.decide()
    tallies = desk.rows("SELECT * FROM cell_days ORDER BY region_id, day")
    evidence = desk.rows("SELECT * FROM evidence")
    for minutes in (1, 20, 60 * 23, 60 * 24 * 9):
        desk.clock.at = NOON + minutes * MINUTE
        again = await desk.intake.submit_many(rows, actor=SYSTEM)
        await desk.decide()
        assert all(isinstance(one, Accepted) and (one.duplicate or not one.counted) for one in again)
    assert desk.rows("SELECT * FROM cell_days ORDER BY region_id, day") == tallies
    assert desk.rows("SELECT * FROM evidence") == evidence
    assert len(desk.incidents()) == 1


# --- impossible times -----------------------------------------------------------------------------------------------


async def test_a_time_in_the_future_is_now_and_one_beyond_a_day_is_refused(desk: Desk) -> None:
    ahead = NOON + 20 * HOUR
    await desk.complain(*[f"94110-{n}" for n in range(1, 4)], occurred_at=ahead)
    await desk.decide()
    assert desk.rows("SELECT MAX(effective_at) AS at FROM complaints WHERE effective_at > received_at")[0]["at"] is None
    assert len(desk.incidents()) == 1  # it has happened: by a clock that is wrong
    with pytest.raises(InvalidInput):
        await desk.complain("94110-4", occurred_at=NOON + 25 * HOUR)


async def test_a_time_in_the_future_does_not_begin_tomorrow_and_blind_today(desk: Desk) -> None:
    await ordinary_past(desk)
    day = desk.rows("SELECT baseline_day FROM detector")[0]["baseline_day"]
    await desk.complain("94112-1", occurred_at=NOON + 23 * HOUR)
    await desk.decide()
    assert desk.rows("SELECT baseline_day FROM detector")[0]["baseline_day"] == day
    assert await outage(desk, "94110") == 2  # the city has three


async def test_old_times_open_nothing_and_one_customer_cannot_write_a_past(desk: Desk) -> None:
    await ordinary_past(desk)
    before = await level_tomorrow(desk)
    times = [desk.clock.at - back * DAY + 5 * MINUTE for back in range(1, 400)]
    await desk.intake.submit_many([request(customer_id="94110-1", occurred_at=at) for at in times], actor=SYSTEM)
    await desk.decide()
    assert desk.incidents() == []
    assert await level_tomorrow(desk) == pytest.approx(before, abs=0.3)  # one complaint at most


async def test_strangers_cannot_write_a_past(desk: Desk) -> None:
    await ordinary_past(desk)
    days = desk.rows("SELECT SUM(complaints) AS n FROM cell_days")
    rows = [one for back in range(1, 30) for one in strangers(3, first=3 * back, occurred_at=NOON - back * DAY)]
    assert set(await flood(desk, rows)) == {"late"}
    assert desk.rows("SELECT SUM(complaints) AS n FROM cell_days") == days


# --- what a flood leaves behind, and what it hides ------------------------------------------------------------------


@pytest.mark.parametrize("flooded", [False, True])
async def test_a_week_of_floods_does_not_raise_what_is_expected(desk: Desk, flooded: bool) -> None:
    await ordinary_past(desk)
    before = await level_tomorrow(desk)
    for day in range(7):
        for turn in range(5):
            desk.clock.at = NOON + (day + 1) * DAY + turn * 4.2 * HOUR
            if flooded:
                await flood(desk, strangers(20, first=1000 * day + 30 * turn))
    after = await level_tomorrow(desk)
    assert after < before  # a quiet week, and no more than one stranger
    assert await outage(desk, "94110") <= 4  # 94110-8 complained a moment ago


async def test_a_flood_delays_a_real_outage_neither_next_to_it_nor_in_the_same_place(desk: Desk) -> None:
    await ordinary_past(desk)
    for turn in range(4):
        desk.clock.at = NOON + turn * 3 * HOUR
        await flood(desk, strangers(250, first=1000 * turn))
    assert await outage(desk, "94112") == 3
    desk.clock.at += DAY
    await flood(desk, strangers(250, first=5000))
    assert await outage(desk, "94110") == 3
    for number in range(4, 9):
        desk.clock.at += MINUTE
        await desk.complain(f"94110-{number}")
        await desk.decide()
    assert [place for _, place, _ in desk.incidents()] == ["94112", "94110"]


def _fields(row: ComplaintRequest) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}
