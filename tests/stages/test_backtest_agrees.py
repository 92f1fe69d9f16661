"""The daemon and a backtest find the same evidence in the same complaints."""

import asyncio
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from notifier.backtest.running import Backtest
from notifier.config import Detection
from notifier.domain.any_service import ANY
from notifier.domain.detection import CountedComplaint, Finding, Thresholds
from notifier.domain.local_time import LocalTime
from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase
from tests.complaint_desk import NOON, Desk
from tests.past_complaints import Past, stream_of

SHIPPED = Detection()
CODES, HOUSEHOLDS, CITY = ("94110", "94112"), 30, "San Francisco"
Found = list[tuple[str, str, int, int, float, float, str]]


class Noted(Backtest):
    """A backtest that keeps every finding."""

    def _attach_or_open(self, findings: Sequence[Finding], index: int) -> None:
        super()._attach_or_open(findings, index)
        self.found: list[Finding] = [*getattr(self, "found", []), *findings]

    def _attach_or_open_of_any(self, findings: Sequence[Finding], complaint: CountedComplaint) -> None:
        super()._attach_or_open_of_any(findings, complaint)
        self.found = [*getattr(self, "found", []), *findings]


def calls(seed: int) -> list[tuple[datetime, str, str, int]]:
    """Return (when, service, code, household) of weeks with a rhythm, outages, and people who call again."""
    random = Random(seed)  # noqa: S311  # the same stream every time
    made = [
        (NOON, service, code, 1) for service in ("internet", "power") for code in CODES
    ]  # in this order, as configured
    for day in range(24):
        for _ in range(random.randrange(8)):
            at = NOON + timedelta(days=day, minutes=random.randrange(900))
            made.append((at, random.choice(("power", "internet")), random.choice(CODES), random.randint(1, HOUSEHOLDS)))
        if day % 5 == 4:
            code, service = random.choice(CODES), random.choice(("power", "internet"))
            onset = NOON + timedelta(days=day, minutes=random.randrange(900))
            for household in random.sample(range(1, HOUSEHOLDS + 1), 9):
                made.append((onset + timedelta(seconds=random.randrange(900)), service, code, household))
        if day % 5 == 2:  # a cable is cut: they name one service or the other, and some of them both
            code, onset = random.choice(CODES), NOON + timedelta(days=day, minutes=random.randrange(900))
            for n, household in enumerate(random.sample(range(1, HOUSEHOLDS + 1), 4)):
                for service in ("power", "internet")[n % 2 :]:
                    made.append((onset + timedelta(seconds=random.randrange(900)), service, code, household))
    return sorted(made)


async def told_to_the_daemon(desk: Desk, made: Sequence[tuple[datetime, str, str, int]]) -> Found:
    for n, (at, service, code, household) in enumerate(made):
        await desk.complain(f"{code}-{household}", at=at, service=service)
        if n % 7 == 0:
            await desk.decide()
    await desk.decide()
    return [
        (
            *(f"{row['kind']}:{row['code']}", row["service"], row["at"], row["observed"]),
            *(row["expected"], row["score"], row["grade"]),
        )
        for row in desk.rows(
            """SELECT r.kind, r.code, e.service, e.at, e.observed, e.expected, e.score, e.grade
               FROM evidence AS e JOIN regions AS r ON r.id = e.region_id ORDER BY e.id"""
        )
    ]


def found_in_the_file(made: Sequence[tuple[datetime, str, str, int]]) -> Found:
    rows: list[Past] = [
        (at.isoformat(), f"postal_code:{code}|city:{CITY}", service, f"{code}-{household}")
        for at, service, code, household in made
    ]
    stream = stream_of(rows)
    backtest = Noted(
        stream, LocalTime("America/Los_Angeles"), Thresholds(likely=SHIPPED.likely, certain=SHIPPED.certain)
    )
    backtest.play()
    return [
        (
            *(stream.regions[one.cell.region_id].code, one.cell.service, one.at_us, one.window.observed),
            *(one.window.expected, one.window.score, one.grade),
        )
        for one in backtest.found
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_file_and_the_daemon_find_the_same(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, seed: int
) -> None:
    template = tmp_path_factory.getbasetemp() / "backtest-template.db"
    if not template.exists():
        upgrade(f"sqlite:///{template}")
    database = SqliteDatabase(shutil.copyfile(template, tmp_path / "notifier.db"))
    desk = Desk(database)
    for code in CODES:
        regions = desk.town.region(code), desk.town.region(CITY, kind="city")
        for number in range(1, HOUSEHOLDS + 1):
            desk.town.household(f"{code}-{number}", *regions, services="|internet|power|")
    made = calls(seed)
    told = asyncio.run(told_to_the_daemon(desk, made))
    database.close()
    assert len({row[:2] for row in told}) >= 2
    assert {row[-1] for row in told} == {"likely", "certain"}
    assert ANY in {row[1] for row in told}
    assert found_in_the_file(made) == told
