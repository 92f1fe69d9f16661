"""The detector's rebuild at start with 10,000,000 complaints in the store, beside a bare SELECT of the rows it needs.

Every measurement is a process of its own, so that memory is that of a daemon which has just begun. `cold` means that
the store's pages were dropped from the machine's cache before. The bare SELECT reads the complaints of the last 28
hours through the index and keeps them; the rebuild besides makes 10,000 cells, their levels and scores. Midnight is
what it takes to decide about one complaint in every active cell just after a local day has begun, when each of them
needs its new level: first from up to 400 days of counts, as once a week, then from the sums of the night before. Beside
it stands the same number of complaints a minute later.

`python -m bench.rebuild [--complaints 10000000] [--rounds 3] [--keep FILE]`
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from statistics import median

import structlog

from bench.floors import Floor, Measured, ratio
from bench.rebuild_store import (
    HOUR_US,
    NOW,
    RECENT_HOURS,
    Size,
    build,
    midnight,
    new_detection,
    new_surveillance,
    undo_midnight,
)
from bench.set_clock import SetClock
from notifier.stages.detection.counts import Regions
from notifier.stages.detection.rebuilding import rebuild
from notifier.storage.sqlite import SqliteDatabase

SECONDS, BYTES = 5.0, 2048.0
MIDNIGHT = NOW + timedelta(minutes=1)


def run(rounds: int, size: Size | None = None, keep: Path | None = None) -> list[Measured]:
    """Build a store, or take the one that is there, and measure."""
    size = size or Size()
    with tempfile.TemporaryDirectory(prefix="notifier-bench-") as folder:
        path = keep or Path(folder) / "rebuild.db"
        if not path.exists():
            build(path, size)
        turns = [_turn(path) for _ in range(rounds)]
        traced = _measure("traced", path)
        nights = [_measure("midnight", path) for _ in range(min(rounds, 2))]
    return [_rebuilding(size, turns, traced), _midnight(size, nights)]


def _rebuilding(size: Size, turns: list[dict[str, dict[str, float]]], traced: dict[str, float]) -> Measured:
    figures: dict[str, Sequence[float]] = {name: [turn[name]["seconds"] for turn in turns] for name in turns[0]}
    warm, cold = median(figures["rebuild"]), median(figures["rebuild, cold"])
    times = ratio(figures["rebuild"], figures["bare SELECT"])
    grown = median(turn["rebuild"]["grown"] / traced["cells"] for turn in turns)
    return Measured(
        name=f"rebuild with {size.complaints:,} complaints stored",
        unit="seconds",
        figures=figures,
        floors=[
            Floor(text="rebuild, s", value=warm, limit=SECONDS, at_most=True),
            Floor(text="rebuild, cold cache, s", value=cold, limit=SECONDS, at_most=True),
            Floor(text="bytes per active cell", value=traced["per_cell"], limit=BYTES, at_most=True),
        ],
        notes=[
            f"{times:.1f} x the bare SELECT of {turns[0]['bare SELECT']['rows']:,.0f} rows",
            f"{traced['cells']:,.0f} active cells of {traced['times']:.1f} complaints, {traced['per_cell']:,.0f} bytes",
            f"resident memory grew by {grown:,.0f} bytes per cell",
        ],
    )


def _midnight(size: Size, nights: list[dict[str, float]]) -> Measured:
    return Measured(
        name=f"midnight: one complaint in each of {size.active_cells:,} cells",
        unit="seconds",
        figures={
            "first complaints of the day, levels made from all days": [night["first"] for night in nights],
            "the same a minute later": [night["again"] for night in nights],
            "the next day, levels going on": [night["next"] for night in nights],
        },
        floors=[],
        notes=[
            f"longest look: {max(night['longest'] for night in nights):.2f} s",
            f"the next day: {max(night['next longest'] for night in nights):.2f} s",
        ],
    )


def _turn(path: Path) -> dict[str, dict[str, float]]:
    """Measure both contenders, each with its pages in the machine's cache and without them."""
    found = {}
    for cold in (True, False):
        for name, what in (("bare SELECT", "bare"), ("rebuild", "rebuild")):
            if cold:
                _drop_from_cache(path)
            found[f"{name}, cold" if cold else name] = _measure(what, path)
    return found


def _drop_from_cache(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _measure(what: str, path: Path) -> dict[str, float]:
    """Measure one thing in a new process."""
    command = [sys.executable, "-m", "bench.rebuild", "--measure", what, "--keep", str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _bare(path: Path) -> dict[str, float]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        began = time.perf_counter()
        rows = connection.execute(
            """SELECT id, service, effective_at, verified, counted_regions FROM complaints
               WHERE not_counted IS NULL AND effective_at > ?""",
            (int(NOW.timestamp()) * 1_000_000 - RECENT_HOURS * HOUR_US,),
        ).fetchall()
        return {"seconds": time.perf_counter() - began, "rows": len(rows)}


async def _rebuild(path: Path) -> dict[str, float]:
    database = SqliteDatabase(path)
    detection = new_detection(database, SetClock(NOW))
    database.read_now(lambda tx: tx.scalar("SELECT 1"))
    gc.collect()
    before, began = _resident(), time.perf_counter()
    await detection.rebuild()
    seconds = time.perf_counter() - began
    grown = _resident() - before
    database.close()
    return {"seconds": seconds, "grown": grown}


def _trace(path: Path) -> dict[str, float]:
    """Return how many bytes the rebuilt state takes, for each of its cells."""
    database = SqliteDatabase(path)
    surveillance, regions = new_surveillance(), Regions()
    gc.collect()
    tracemalloc.start()
    database.read_now(lambda tx: rebuild(tx, surveillance, regions))
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    database.close()
    cells = surveillance.detector.cells
    return {
        "cells": len(cells),
        "per_cell": size / len(cells),
        "times": sum(len(cell.times) for cell in cells.values()) / len(cells),
    }


def _resident() -> int:
    """Return the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _steps(path: Path) -> dict[str, float]:
    """Decide about a complaint in every active cell after midnight, a minute later, and after the next midnight."""
    database = SqliteDatabase(path)
    clock = SetClock(MIDNIGHT)
    detection = new_detection(database, clock)
    await detection.rebuild()
    state = str(database.read_now(lambda tx: tx.scalar("SELECT state FROM detector")))
    took: list[list[float]] = []
    try:
        for after in (timedelta(), timedelta(minutes=1), timedelta(days=1)):
            clock.at = MIDNIGHT + after
            database.write_now(lambda tx: midnight(tx, clock.at))
            steps, more = [], True
            while more:
                began = time.perf_counter()
                more = await detection.step()
                steps.append(time.perf_counter() - began)
            took.append(steps)
    finally:
        database.write_now(lambda tx: undo_midnight(tx, state))
        database.close()
    first, again, following = took
    return {
        "first": sum(first),
        "again": sum(again),
        "next": sum(following),
        "longest": max(first),
        "next longest": max(following),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--complaints", type=int, default=Size().complaints)
    parser.add_argument("--recent", type=int, default=Size().recent)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--measure", choices=("bare", "rebuild", "traced", "midnight"))
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if given.measure == "bare":
        print(json.dumps(_bare(given.keep)))
    elif given.measure == "midnight":
        print(json.dumps(asyncio.run(_steps(given.keep))))
    elif given.measure == "traced":
        print(json.dumps(_trace(given.keep)))
    elif given.measure == "rebuild":
        print(json.dumps(asyncio.run(_rebuild(given.keep))))
    else:
        for measured in run(given.rounds, Size(complaints=given.complaints, recent=given.recent), given.keep):
            print(f"\n{measured.table()}")
            print("\n".join(floor.line() for floor in measured.floors))


if __name__ == "__main__":
    main()
