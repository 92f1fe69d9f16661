"""Upkeep: what the daemon does for itself. Gauges are refreshed, old facts removed, ledger and audience compared.

The nightly comparison leaves its result in the store, so that it is shown to people until the next one is clean.
"""

import math
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.actor import DAEMON
from notifier.domain.broadcast import BroadcastState
from notifier.domain.incident import IncidentState
from notifier.domain.notification import Channel
from notifier.metrics import Metrics
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import from_json, to_instant, to_json, to_micros
from notifier.storage.queries import gauges, ledger
from notifier.storage.repositories import audit, control, mail_reports, signals, upkeep

CHECKED_BACK = timedelta(days=35)  # how old a broadcast may be that the nightly check still looks at
COMPLAINTS_KEPT = timedelta(days=2)  # whatever the configuration says: the detector is rebuilt from the last 28 hours
EVIDENCE_BEFORE = timedelta(hours=28)  # an open incident rests on complaints from before it began
ROWS_AT_FIRST = 100  # in the first transaction of each kind; later ones by how long it took
TRANSACTION_SECONDS = 0.1  # everything else that is stored waits meanwhile
DISAGREEMENTS = "ledger_disagreements"  # in `control`: what the last check found

log = structlog.get_logger(__name__)


class Removal(Protocol):
    """Removes some rows."""

    def __call__(self, tx: Transaction, /, *, before: datetime, at_most: int) -> int:
        """Remove at most so many that are older; return how many went."""
        ...


class Upkeep:
    """The daemon's own chores."""

    def __init__(self, database: Database, config: Config, clock: Clock, metrics: Metrics) -> None:
        self._database, self._config, self._clock, self._metrics = database, config, clock, metrics

    async def measure(self) -> None:
        """Refresh the gauges that are counts of what is stored."""
        found = await self._database.read(gauges.measure)
        metrics = self._metrics
        metrics.paused.set(found.paused)
        metrics.writer_waiting.set(self._database.waiting())
        metrics.detector_lag.set(found.detector_lag)
        for state in IncidentState:
            for service in self._config.services:
                metrics.incidents.labels(state, service.name).set(found.incidents.get((state, service.name), 0))
        for broadcast_state in BroadcastState:
            metrics.broadcasts.labels(broadcast_state).set(found.broadcasts.get(broadcast_state, 0))
        for channel in Channel:
            metrics.notifications_pending.labels(channel).set(found.pending.get(channel, 0))
            metrics.notifications_in_doubt.labels(channel).set(found.in_doubt.get(channel, 0))
        metrics.promises_open.set(found.promises_open)
        metrics.promise_due_seconds.set(_seconds_until(found.next_promise_at, self._clock.now()))

    async def check_ledger(self) -> dict[str, int]:
        """Compare ledger and audience; count, log and keep what disagrees."""
        now = self._clock.now()
        found = await self._database.read(lambda tx: ledger.disagreements(tx, since=now - CHECKED_BACK))
        self._metrics.ledger_disagreements.set(sum(found.values()))

        def save(tx: Transaction) -> None:
            if found:
                control.put(tx, DISAGREEMENTS, to_json(found), now=now, actor=DAEMON)
            else:
                control.clear(tx, DISAGREEMENTS)

        await self._database.write(save)
        if found:
            log.error("ledger and audience disagree", rules=found)
        else:
            log.info("ledger and audience agree")
        return found

    async def disagreements(self) -> dict[str, int]:
        """Return what the last check found."""
        text = await self._database.read(lambda tx: control.get(tx, DISAGREEMENTS))
        return {} if text is None else from_json(text, dict[str, int])

    async def retain(self) -> None:
        """Remove what is older than it is to be kept, but nothing that an open incident may rest on."""
        now, kept = self._clock.now(), self._config.retention
        removed = {}
        if kept.complaints:
            before = now - max(kept.complaints, COMPLAINTS_KEPT)
            oldest = await self._database.read(upkeep.oldest_open_at)
            if oldest is not None:
                before = min(before, to_instant(oldest) - EVIDENCE_BEFORE)
            removed["complaints"] = await self._remove(upkeep.remove_complaints, before=before)
        if kept.replies:
            removed["replies"] = await self._remove(upkeep.remove_replies, before=now - kept.replies)
        if kept.notifications:
            before = now - kept.notifications
            removed["ledger"] = await self._remove(upkeep.remove_ledger, before=before)
            removed["answers"] = await self._remove(upkeep.remove_answers, before=before)
            removed["mail"] = await self._remove(mail_reports.remove, before=before)
        if kept.calls:
            removed["calls"] = await self._remove(upkeep.remove_calls, before=now - kept.calls)
        if kept.signals:
            removed["signals"] = await self._remove(signals.remove, before=now - kept.signals)
        if kept.unused_addresses:
            removed["unused addresses"] = await self._remove_unused(before=now - kept.unused_addresses)
        if kept.former_customers:
            removed["former customers"] = await self._forget(before=now - kept.former_customers, now=now)
        if any(removed.values()):
            await self._database.write(
                lambda tx: audit.record(
                    tx, at=now, actor=DAEMON, action="retention", target="store", detail=dict(removed)
                )
            )
        log.info("removed what is old", removed=removed)

    async def _remove(self, some: Removal, *, before: datetime) -> int:
        """Remove in transactions that are each short until nothing is left; return how many rows went."""
        total, at_most = 0, ROWS_AT_FIRST

        def work(tx: Transaction) -> tuple[int, float]:
            began = self._clock.monotonic()
            return some(tx, before=before, at_most=at_most), self._clock.monotonic() - began

        while True:
            removed, seconds = await self._database.write(work)
            if not removed:
                return total
            total += removed
            fitting = int(at_most * TRANSACTION_SECONDS / max(seconds, TRANSACTION_SECONDS / 4))
            at_most = max(1, min(upkeep.ROWS_AT_MOST, fitting))

    async def _forget(self, *, before: datetime, now: datetime) -> int:
        """Forget former customers, found page by page and each in a transaction of its own; return how many."""
        total, after = 0, 0
        while True:
            page = partial(upkeep.former_customers, after=after, before=before)
            former, last = await self._database.read(page)
            for each in former:
                forget = partial(upkeep.forget_former_customer, customer_id=each, before=before, now=now)
                total += await self._database.write(forget)
            if last is None:
                return total
            after = last

    async def _remove_unused(self, *, before: datetime) -> int:
        """Remove addresses that the directory took away, found page by page; return how many."""
        total, after = 0, 0
        while True:
            unused, last = await self._database.read(partial(upkeep.unused_points, after=after, before=before))
            for at in range(0, len(unused), ROWS_AT_FIRST):
                some = unused[at : at + ROWS_AT_FIRST]
                total += await self._database.write(
                    lambda tx, some=some: sum(  # type: ignore[misc]
                        upkeep.remove_unused_point(tx, each, before=before) for each in some
                    )
                )
            if last is None:
                return total
            after = last

    async def last_run(self, job: str) -> datetime | None:
        """Return when a calendar job last ran, by the wall clock."""
        value = await self._database.read(lambda tx: control.get(tx, f"job {job}"))
        return None if value is None else to_instant(int(value))

    async def ran(self, job: str, at: datetime) -> None:
        """Remember that a calendar job ran."""
        value = str(to_micros(at))
        await self._database.write(lambda tx: control.put(tx, f"job {job}", value, now=at, actor=DAEMON))


def _seconds_until(due_at: datetime | None, now: datetime) -> float:
    return math.inf if due_at is None else (due_at - now).total_seconds()
