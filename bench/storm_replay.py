"""Replay a real storm through the daemon and judge its incidents by the outages that were.

    python -m bench.storm_replay --data DIR --from 2019-10-26 --to 2019-10-30 [--rate 1200 | --in-process]

A daemon is started on a clock that begins with the storm and runs `--rate` times as fast; customers, history and
tickets go in over HTTP, each ticket when its time has come. `--in-process` drives the same stages without HTTP and
without waiting, in under a minute. Nobody commands: a suspected incident stays open until it subsides, by the daemon's
own rule. Exits 1 when fewer than 9 in 10 outages had an incident in time.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import msgspec
import structlog

from bench.set_clock import SetClock
from bench.storm_data import Storm, Ticket, load
from bench.storm_score import WANTED, Opened, score, text
from notifier.config import Config, Regions
from notifier.domain.actor import DAEMON
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.sandbox.caller import Caller
from notifier.sandbox.processes import Process, Rehearsal
from notifier.stages.detection import Detection
from notifier.stages.directory import Directory, DirectoryRow
from notifier.stages.intake import ComplaintRequest, Intake
from notifier.storage.instants import to_instant
from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase

LINES_AT_ONCE = 2_000
MINUTE = timedelta(minutes=1)
DRAIN = timedelta(hours=3)  # after the last ticket, so that what subsides is dismissed
LEAD = timedelta(seconds=3)  # of real time for the daemon to start
IMPORT_AT_MOST = timedelta(minutes=10)  # of real time for customers and history


class Feed(Protocol):
    """A daemon that can be fed."""

    async def prepare(self, storm: Storm) -> None:
        """Import customers and history."""
        ...

    async def play(self, tickets: Sequence[Ticket], end: datetime) -> None:
        """Bring every ticket when its time comes, and go on until `end`."""
        ...

    async def incidents(self, storm: Storm) -> list[Opened]:
        """Return what was opened."""
        ...


class InProcess:
    """The stages without HTTP and without waiting, minute by minute."""

    def __init__(self, folder: Path, storm: Storm, watched: Sequence[str]) -> None:
        path = folder / "storm.db"
        upgrade(f"sqlite:///{path}")
        config = Config(regions=Regions(watched=tuple(watched)))
        metrics = Metrics(services=[one.name for one in config.services], sources=[one.name for one in config.sources])
        playbook = Playbook(name="storm", services=tuple(one.name for one in config.services))
        self._clock, queue = SetClock(storm.begin), EmbeddedQueue()
        self._database = SqliteDatabase(path)
        playbooks = dict.fromkeys(playbook.services, playbook)
        self._directory = Directory(self._database, config, self._clock, queue, playbooks)
        self._intake = Intake(self._database, config, self._clock, queue, metrics)
        self._detection = Detection(self._database, config, self._clock, queue, metrics, playbooks)

    async def prepare(self, storm: Storm) -> None:
        """Import customers and history."""
        rows = [msgspec.convert(row, DirectoryRow) for row in storm.customers()]
        for first in range(0, len(rows), LINES_AT_ONCE):
            result = await self._directory.load(rows[first : first + LINES_AT_ONCE], first_line=first + 1)
            assert not result.rejected, result.rejected[:3]
        requests = [_request(ticket) for ticket in storm.history]
        began = time.monotonic()
        for first in range(0, len(requests), LINES_AT_ONCE):
            results = await self._intake.submit_many(
                requests[first : first + LINES_AT_ONCE], actor=DAEMON, history=True
            )
            failed = [result for result in results if isinstance(result, Exception)]
            assert not failed, failed[:3]
        print(f"history: {len(requests) / (time.monotonic() - began):,.0f} complaints/s", flush=True)
        await self._detection.rebuild()
        await self._detection.refresh_baseline()

    async def play(self, tickets: Sequence[Ticket], end: datetime) -> None:
        """Bring the tickets of each minute, then let the detector and the pollers look."""
        waiting = list(reversed(tickets))
        while self._clock.at < end:
            self._clock.at += MINUTE
            due = []
            while waiting and waiting[-1].at <= self._clock.at:
                due.append(_request(waiting.pop()))
            if due:
                results = await self._intake.submit_many(due, actor=DAEMON)
                failed = [result for result in results if isinstance(result, Exception)]
                assert not failed, failed[:3]
                while await self._detection.step():
                    pass
            await self._detection.dismiss_subsided()

    async def incidents(self, storm: Storm) -> list[Opened]:
        """Read them from the store."""
        found = self._database.read_now(
            lambda tx: tx.rows(
                """SELECT i.id, i.place, i.started_at, i.opened_at, i.dismissed_at,
                          (SELECT MIN(grade) FROM evidence AS e WHERE e.incident_id = i.id) AS grade
                   FROM incidents AS i ORDER BY i.id"""
            )
        )
        places = self._database.read_now(
            lambda tx: tx.tuples(
                """SELECT ir.incident_id, r.kind, r.code FROM incident_regions AS ir
                   JOIN regions AS r ON r.id = ir.region_id WHERE ir.role = 'place'"""
            )
        )
        regions: dict[int, list[tuple[str, str]]] = {}
        for incident_id, kind, code in places:
            regions.setdefault(incident_id, []).append((kind, code))
        self._database.close()
        return [
            Opened(
                id=row["id"],
                place=row["place"],
                kinds=frozenset(kind for kind, _ in regions[row["id"]]),
                zips=_zips(storm, regions[row["id"]]),
                started_at=to_instant(row["started_at"]),
                opened_at=to_instant(row["opened_at"]),
                ended_at=to_instant(row["dismissed_at"]),
                grade=row["grade"],
            )
            for row in found
        ]


class Daemon:
    """A daemon as a process, fed over HTTP at the pace of its clock."""

    def __init__(self, folder: Path, rate: float, watched: Sequence[str]) -> None:
        self._rate = rate
        playbook = {"name": "storm", "services": [one.name for one in Config().services]}
        self._rehearsal = Rehearsal(folder, settings={"regions": {"watched": list(watched)}}, playbook=playbook)

    async def prepare(self, storm: Storm) -> None:
        """Import customers and history into a daemon that runs at real speed, then start it again at the storm's.

        No clock goes back: the import is over before the lead begins, and tickets of the lead are no history.
        """
        self._rehearsal.start_receiver()
        lead_begins = storm.begin - LEAD * self._rate
        importing = self._start(lead_begins - IMPORT_AT_MOST, 1)
        history = [one for one in storm.history if one.at <= lead_begins - IMPORT_AT_MOST]
        async with self._session() as session:
            began = time.monotonic()
            await self._send(session, "/v1/customers/bulk", list(storm.customers()))
            print(f"customers: {time.monotonic() - began:.1f} s", flush=True)
            began = time.monotonic()
            await self._send(session, "/v1/complaints/bulk?history=1", [_body(one) for one in history])
            print(f"history: {len(history) / (time.monotonic() - began):,.0f} complaints/s", flush=True)
        importing.stop()
        self._rehearsal.forget(importing)
        self._start(lead_begins, self._rate)

    def _start(self, at: datetime, rate: float) -> Process:
        start = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return self._rehearsal.start_daemon("--clock", f"{start},{rate:g}")

    def _session(self) -> aiohttp.ClientSession:
        headers = {"Authorization": f"Bearer {self._rehearsal.token}", "Content-Type": "application/x-ndjson"}
        return aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=600))

    async def _send(self, session: aiohttp.ClientSession, path: str, rows: Sequence[dict[str, Any]]) -> None:
        for first in range(0, len(rows), LINES_AT_ONCE):
            lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows[first : first + LINES_AT_ONCE])
            async with session.post(self._rehearsal.url + path, data=lines) as response:
                answer = await response.text()
                assert response.status == 200, answer[:500]
                bad = [line for line in answer.splitlines() if '"status":4' in line or '"reason"' in line]
                assert not bad, bad[:3]

    async def play(self, tickets: Sequence[Ticket], end: datetime) -> None:
        """Post every ticket when its time comes; those whose time came during a request go together in the next.

        They carry no `occurred_at`: a second of the wire would be ten minutes of the storm.
        """
        async with Caller(self._rehearsal.url, self._rehearsal.token) as daemon, self._session() as session:
            await daemon.follow_clock()
            print(f"the daemon's clock runs {daemon.rate:.0f} times as fast", flush=True)
            behind = timedelta(0)
            waiting = deque(tickets)
            while waiting:
                await daemon.sleep_until(waiting[0].at)
                now = daemon.now()
                behind = max(behind, now - waiting[0].at)
                due = []
                while waiting and waiting[0].at <= now:
                    due.append({**_body(waiting.popleft()), "occurred_at": None})
                await self._send(session, "/v1/complaints/bulk", due)
            print(f"tickets were at most {behind / MINUTE:.1f} min behind their time", flush=True)
            await daemon.sleep_until(end)

    async def incidents(self, storm: Storm) -> list[Opened]:
        """Read them over HTTP, one by one: the list of incidents shows only the newest."""
        async with Caller(self._rehearsal.url, self._rehearsal.token) as daemon:
            newest = max((card["id"] for card in await daemon.get("/v1/incidents")), default=0)
            views = [await daemon.get(f"/v1/incidents/{incident_id}") for incident_id in range(1, newest + 1)]
        return [_opened(storm, view) for view in views]

    def stop(self) -> None:
        """Stop the processes."""
        self._rehearsal.stop()


def _opened(storm: Storm, view: dict[str, Any]) -> Opened:
    card = view["card"]
    dismissed = view["dismissed_at"]
    place = [(one["kind"], one["code"]) for one in view["regions"] if one["role"] == "place"]
    return Opened(
        id=card["id"],
        place=card["place"],
        kinds=frozenset(kind for kind, _ in place),
        zips=_zips(storm, place),
        started_at=datetime.fromisoformat(card["started_at"]),
        opened_at=datetime.fromisoformat(card["opened_at"]),
        ended_at=None if dismissed is None else datetime.fromisoformat(dismissed),
        grade=card["grade"],
    )


def _zips(storm: Storm, regions: Sequence[tuple[str, str]]) -> frozenset[str]:
    """Return the ZIPs whose customers all lie in one of the regions."""
    found = set()
    for zip_, (city, area_code) in storm.places.items():
        own = {("postal_code", zip_), ("city", city), ("state", "CA")}
        if any(region in own or (region[0] == "area_code" and area_code in region[1].split("/")) for region in regions):
            found.add(zip_)
    return frozenset(found)


def _body(ticket: Ticket) -> dict[str, str]:
    return {
        "customer_id": ticket.customer,
        "service": "power",
        "occurred_at": ticket.at.astimezone(UTC).isoformat(),
        "external_id": ticket.id,
        "source": "import",
    }


def _request(ticket: Ticket) -> ComplaintRequest:
    return msgspec.convert(_body(ticket), ComplaintRequest)


async def replay(feed: Feed, storm: Storm) -> int:
    """Feed a storm and print the report; return the exit code."""
    await feed.prepare(storm)
    began = time.monotonic()
    await feed.play(storm.tickets, storm.end + DRAIN)
    print(f"played in {time.monotonic() - began:.0f} s", flush=True)
    report = score(storm, await feed.incidents(storm))
    print(text(storm, report))
    return 0 if report.recall >= WANTED else 1


def main() -> int:
    """Replay what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.storm_replay", description="Replay a real storm.")
    parser.add_argument("--data", type=Path, required=True, help="folder of pge-trouble-tickets")
    parser.add_argument("--from", dest="first", default="2019-10-26", help="first day, local (default 2019-10-26)")
    parser.add_argument("--to", dest="last", default="2019-10-30", help="last day, local (default 2019-10-30)")
    parser.add_argument("--rate", type=float, default=1200, help="how many times as fast the clock runs (default 1200)")
    parser.add_argument("--in-process", action="store_true", help="without HTTP and without waiting")
    parser.add_argument(
        "--watched", default="postal_code,city,area_code", help="kinds of region in which the detector looks"
    )
    arguments = parser.parse_args()
    watched = arguments.watched.split(",")
    storm = load(arguments.data, arguments.first, arguments.last)
    with tempfile.TemporaryDirectory(prefix="notifier-storm-") as folder:
        if arguments.in_process:
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
            return asyncio.run(replay(InProcess(Path(folder), storm, watched), storm))
        daemon = Daemon(Path(folder), arguments.rate, watched)
        try:
            return asyncio.run(replay(daemon, storm))
        finally:
            daemon.stop()


if __name__ == "__main__":
    sys.exit(main())
