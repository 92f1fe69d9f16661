"""The detector's loop: it wakes for complaints, survives errors, and ends when it is told to."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from notifier.stages.detection import stream as stage
from notifier.storage.migrate import upgrade
from notifier.storage.repositories import detector
from notifier.storage.sqlite import SqliteDatabase
from tests.complaint_desk import Desk


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def desk(template: Path, tmp_path: Path) -> Iterator[Desk]:
    database = SqliteDatabase(shutil.copyfile(template, tmp_path / "notifier.db"))
    made = Desk(database)
    made.place()
    yield made
    database.close()


@asynccontextmanager
async def running(desk: Desk) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(desk.detection.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 5)


async def until_incident(desk: Desk, seconds: float = 5) -> None:
    for _ in range(int(seconds / 0.01)):
        if desk.incidents():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"no incident within {seconds} s")


async def test_it_wakes_for_complaints_and_ends_when_told(desk: Desk) -> None:
    async with running(desk):
        await asyncio.sleep(0.05)
        await desk.complain("94110-1", "94110-2", "94110-3")
        await until_incident(desk, seconds=1.5)  # less than a poll interval: it was woken


async def test_it_decides_what_was_stored_before_it_began(desk: Desk) -> None:
    await desk.complain("94110-1", "94110-2", "94110-3")
    async with running(desk):
        await until_incident(desk)


async def test_an_error_ends_one_look_and_nothing_is_lost(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "AFTER_AN_ERROR", 0.01)
    read, failures = detector.counted_after, iter([OSError("disk"), OSError("disk again")])

    def fail_twice(*arguments: object) -> object:
        if (error := next(failures, None)) is not None:
            raise error
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(detector, "counted_after", fail_twice)
    await desk.complain("94110-1", "94110-2", "94110-3")
    async with running(desk):
        await until_incident(desk)
    failed = {"job": "detection", "outcome": "failed"}
    assert desk.metrics.registry.get_sample_value("notifier_job_runs_total", failed) == 2


async def test_services_and_kinds_taken_out_of_the_configuration_are_passed_over(desk: Desk) -> None:
    for number in range(1, 4):
        desk.town.household(f"gone-{number}", desk.town.region("N1", kind="node"))
    await desk.complain("gone-1", "gone-2", "gone-3")
    desk.database.write_now(
        lambda tx: tx.run("UPDATE complaints SET service = 'telegraph' WHERE reporter = 'customer:gone-1'")
    )
    await desk.decide()
    assert desk.incidents() == []
    assert desk.rows("SELECT position FROM detector")[0]["position"] == 3
