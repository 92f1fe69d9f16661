"""A detector that is stopped anywhere and rebuilt from the store opens the same incidents on the same evidence."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifier.storage.database import Row
from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase
from tests.complaint_desk import SYSTEM, Desk, request

MINUTE = timedelta(minutes=1)
CODES = ("94110", "94112")
HOUSEHOLDS = 12


@dataclass(frozen=True)
class Call:
    """One complaint, and what happens before it."""

    after: int  # minutes since the last one
    ago: int  # minutes between the trouble and the report
    code: int
    household: int
    trusted: bool
    stop: bool  # the detector is restarted before it


calls = st.builds(
    Call,
    after=st.one_of(st.integers(0, 5), st.sampled_from([45, 130, 700, 1500])),
    ago=st.integers(0, 20),
    code=st.integers(0, len(CODES) - 1),
    household=st.integers(1, HOUSEHOLDS),
    trusted=st.integers(0, 9).map(bool),
    stop=st.booleans(),
)


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    folder = Path(tempfile.mkdtemp(prefix="notifier-template-"))
    upgrade(f"sqlite:///{folder / 'notifier.db'}")
    database = SqliteDatabase(folder / "notifier.db")
    desk = Desk(database)
    for code in CODES:
        desk.place(code, households=HOUSEHOLDS)
    database.close()
    yield folder / "notifier.db"
    shutil.rmtree(folder)
    structlog.reset_defaults()


def play(template: Path, stream: list[Call], *, stops: bool) -> tuple[list[Row], list[Row], list[Row]]:
    """Return the incidents, the evidence and the baselines of a stream; with `stops` the detector is restarted."""
    with tempfile.TemporaryDirectory() as folder:
        database = SqliteDatabase(shutil.copyfile(template, Path(folder) / "notifier.db"))
        try:
            desk = Desk(database)
            asyncio.run(_play(desk, stream, stops=stops))
            return (
                desk.rows("SELECT id, service, state, place, started_at, opened_at, dismissed_at FROM incidents"),
                desk.rows("SELECT * FROM evidence ORDER BY id"),
                desk.rows("SELECT * FROM baselines ORDER BY region_id"),
            )
        finally:
            database.close()


async def _play(desk: Desk, stream: list[Call], *, stops: bool) -> None:
    for call in stream:
        desk.clock.at += call.after * MINUTE
        if stops and call.stop:
            desk.detection = desk.new_detection()
            await desk.detection.rebuild()
        complaint = request(
            customer_id=f"{CODES[call.code]}-{call.household}",
            occurred_at=desk.clock.at - call.ago * MINUTE,
            source="api" if call.trusted else "web",
        )
        await desk.intake.submit_many([complaint], actor=SYSTEM)
        await desk.decide()
        await desk.detection.dismiss_subsided()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(calls, min_size=5, max_size=60))
def test_stopped_anywhere_it_decides_the_same(template: Path, stream: list[Call]) -> None:
    assert play(template, stream, stops=True) == play(template, stream, stops=False)


def test_a_busy_stream_opens_something_to_compare(template: Path) -> None:
    stream = [Call(after=1, ago=0, code=0, household=n, trusted=True, stop=n % 3 == 0) for n in range(1, 9)]
    incidents, evidence, baselines = play(template, stream, stops=True)
    assert len(incidents) == 1
    assert len(evidence) > 4
    assert len(baselines) == 2
