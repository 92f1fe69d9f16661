"""A detector that is stopped anywhere and rebuilt from the store decides what one that was never stopped decides.

Streams are drawn at random: bursts and single calls about several services, repeats, strangers, complaints that come
late, nights, the Sunday on which clocks change, silences, dismissed and resolved incidents, imported history. Each is
played twice, once with a detector that is never stopped and decides all that waits at once; once with one that is
stopped before any event, between any two batches, and killed between a decision and its commit. What both leave in the
store is the same.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from notifier.domain.incident import DismissReason, IncidentState
from notifier.stages.detection import stream as stage
from notifier.storage.database import Database, Row, T, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.migrate import upgrade
from notifier.storage.repositories import incidents
from notifier.storage.sqlite import SqliteDatabase
from tests.complaint_desk import SYSTEM, Desk, request

MOMENT, MINUTE, HOUR = timedelta(milliseconds=1), timedelta(minutes=1), timedelta(hours=1)
CODES = ("94110", "94112")
HOUSEHOLDS = 12
SATURDAY = datetime(2026, 3, 8, 3, 0, tzinfo=UTC)  # 19:00 in California; at 2:00 clocks are put forward
PAST_DAYS = 35
FACTS = (
    *("incidents", "incident_regions", "place_doubts", "evidence"),
    *("baselines", "baseline_shapes", "detector", "timeline"),
)
IN_MEMORY = Path("/dev/shm")  # noqa: S108  # what is committed there is not waited for


@dataclass(frozen=True)
class Call:
    """One complaint."""

    ago: int  # minutes between the trouble and the report
    code: int
    household: int
    trusted: bool
    service: str


@dataclass(frozen=True)
class Event:
    """Something that happens, and complaints that come with it."""

    after: int  # minutes since the last one
    calls: tuple[Call, ...]
    also: str  # what people or the night do before the complaints come
    stop: str  # how the detector is stopped before them


CALLS = st.builds(
    Call,
    ago=st.one_of(st.integers(0, 3), st.integers(0, 20)),
    code=st.integers(0, len(CODES) - 1),
    household=st.integers(1, HOUSEHOLDS),
    trusted=st.integers(0, 9).map(bool),
    service=st.sampled_from(["power", "power", "internet", "water"]),
)
EVENTS = st.builds(
    Event,
    after=st.one_of(st.integers(0, 5), st.sampled_from([45, 130, 410, 700, 1500])),
    calls=st.lists(CALLS, min_size=1, max_size=6).map(tuple),
    also=st.sampled_from(["", "", "", "", "dismiss", "resolve", "night", "history"]),
    stop=st.sampled_from(["", "stop", "kill"]),
)


class Killed(Exception):
    """The process ended."""


class Mortal:
    """A database whose process is killed before its next commit, when it is told so."""

    def __init__(self, database: Database) -> None:
        self._database, self.dies = database, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run the work, and commit it while alive."""

        def last(tx: Transaction) -> T:
            work(tx)
            raise Killed

        return await self._database.write(last if self.dies else work)


@pytest.fixture(scope="module")
def templates() -> Iterator[tuple[Path, Path]]:
    """A store without any history, and one with five weeks of it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with _folder() as folder:
        empty, known = folder / "empty.db", folder / "known.db"
        upgrade(f"sqlite:///{empty}")
        database = SqliteDatabase(empty)
        desk = Desk(database)
        for code in CODES:
            desk.place(code, households=HOUSEHOLDS, services="|internet|power|water|")
        database.close()
        shutil.copyfile(empty, known)
        database = SqliteDatabase(known)
        asyncio.run(_have_a_past(_desk(database)))
        database.close()
        yield empty, known
    structlog.reset_defaults()


async def _have_a_past(desk: Desk) -> None:
    """Let somebody have complained every hour, each customer once in 24 hours, and twice as many by day."""
    rows = [
        request(customer_id=f"{CODES[n % 2]}-{1 + n // 2 % HOUSEHOLDS}", occurred_at=SATURDAY - n * HOUR)
        for n in range(1, PAST_DAYS * 24)
        if n % 24 < 12 or n % 2
    ]
    await desk.import_history(rows)
    await desk.detection.refresh_baseline()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    where = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="notifier-rebuild-", dir=where) as name:
        yield Path(name)


def _desk(database: Database) -> Desk:
    desk = Desk(database)
    desk.clock.at = SATURDAY
    return desk


def play(template: Path, events: Sequence[Event], *, stops: bool) -> dict[str, list[Row]]:
    """Return what a stream leaves in the store."""
    with _folder() as folder, pytest.MonkeyPatch.context() as patch:
        if stops:
            patch.setattr(stage, "BATCH", 2)
        database = SqliteDatabase(shutil.copyfile(template, folder / "notifier.db"))
        try:
            desk = _desk(database)
            asyncio.run(_play(desk, events, stops=stops))
            return {table: _rows(desk, table) for table in FACTS}
        finally:
            database.close()


def _rows(desk: Desk, table: str) -> list[Row]:
    rows = desk.rows(f"SELECT * FROM {table} ORDER BY 1, 2")
    return [{name: value for name, value in row.items() if name != "correlation_id"} for row in rows]


async def _play(desk: Desk, events: Sequence[Event], *, stops: bool) -> None:
    await desk.detection.rebuild()
    for number, event in enumerate(events):
        desk.clock.at += event.after * MINUTE
        if stops and event.stop == "stop":
            await _restart(desk)
        await _do(desk, event.also, number)
        desk.clock.at += MOMENT
        complaints = [
            request(
                customer_id=f"{CODES[call.code]}-{call.household}",
                occurred_at=desk.clock.at - call.ago * MINUTE,
                source="api" if call.trusted else "web",
                service=call.service,
            )
            for call in event.calls
        ]
        await desk.intake.submit_many(complaints, actor=SYSTEM)
        if stops and event.stop == "kill":
            await _be_killed(desk)
        while await desk.detection.step():
            if stops and event.stop:
                await _restart(desk)
        await desk.detection.dismiss_subsided()


async def _restart(desk: Desk) -> None:
    """Put a rebuilt detector in the place of the one that ran; both say the same of every cell."""
    seen = await desk.detection.scores(limit=100)
    desk.detection = desk.new_detection()
    await desk.detection.rebuild()
    assert await desk.detection.scores(limit=100) == seen


async def _be_killed(desk: Desk) -> None:
    """Decide about the next complaints, and die before it is stored."""
    mortal = Mortal(desk.database)
    detection = desk.new_detection(cast("Database", mortal))
    await detection.rebuild()
    mortal.dies = True
    with contextlib.suppress(Killed):
        await detection.step()
    desk.detection = desk.new_detection()
    await desk.detection.rebuild()


async def _do(desk: Desk, what: str, number: int) -> None:
    now = desk.clock.at
    match what:
        case "night":
            await desk.detection.refresh_baseline()
        case "dismiss" | "resolve":
            for incident_id, _, state in desk.incidents():
                if state == IncidentState.SUSPECTED:
                    desk.database.write_now(partial(_end, incident_id=incident_id, how=what, now=now))
        case "history":
            rows = [
                request(
                    customer_id=f"94112-{1 + n % HOUSEHOLDS}", occurred_at=now - (40 + number) * 24 * HOUR - n * HOUR
                )
                for n in range(30)
            ]
            await desk.import_history(rows)
            await desk.detection.refresh_baseline()


def _end(tx: Transaction, *, incident_id: int, how: str, now: datetime) -> None:
    if how == "dismiss":
        incidents.dismiss(tx, incident_id, now=now, reason=DismissReason.BY_PERSON, actor="ana")
    else:
        tx.run(
            "UPDATE incidents SET state = 'resolved', resolved_at = :at WHERE id = :id",
            at=to_micros(now),
            id=incident_id,
        )


def _call(household: int, service: str = "power", *, code: int = 0, trusted: bool = True) -> Call:
    return Call(ago=0, code=code, household=household, trusted=trusted, service=service)


A_SERVICE_FIRST_HEARD_LATER_IN_THE_BATCH = [
    Event(0, (_call(5), _call(7), _call(1, "internet")), "", ""),
    Event(3, (_call(1, trusted=False), _call(1, code=1), _call(1, "water", trusted=False)), "", ""),
    Event(0, (_call(1, trusted=False),), "", ""),
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1), st.lists(EVENTS, min_size=3, max_size=20))
@example(0, A_SERVICE_FIRST_HEARD_LATER_IN_THE_BATCH)
def test_stopped_anywhere_it_decides_the_same(templates: tuple[Path, Path], which: int, events: list[Event]) -> None:
    assert play(templates[which], events, stops=True) == play(templates[which], events, stops=False)
