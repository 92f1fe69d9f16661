"""Detection: complaints are read from the store in the order they came, and cells that become anomalous open incidents.

In come counted complaints after the stored position. Out go suspected incidents and their evidence, saved in one
transaction with the new position: a crash at any point neither loses nor repeats an opening. What is in memory can be
made again from stored baselines and the complaints of the last 28 hours; the past is never decided again. Nobody is
told anything from here.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

import structlog

from notifier.clock import Clock, sleep
from notifier.config import Config
from notifier.domain.baseline_day import NewDay
from notifier.domain.detection import Thresholds
from notifier.domain.incident import DismissReason
from notifier.domain.local_time import LocalTime
from notifier.domain.playbook import Playbook
from notifier.domain.surveillance import Changes, Surveillance, ranks
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.stages.detection import alarms, people
from notifier.stages.detection.alarms import Alarmed, Alarms
from notifier.stages.detection.any_service import apart
from notifier.stages.detection.attaching import SPAN
from notifier.stages.detection.counts import Regions, StoredCounts
from notifier.stages.detection.opening import Group, Opened
from notifier.stages.detection.rebuilding import rebuild
from notifier.stages.detection.saving import Batch, save, save_changes
from notifier.stages.detection.surroundings import Surroundings
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories import detector
from notifier.storage.views import CellScore

BATCH = 500  # complaints between two saves of the position
FIRST_OF_DAY = 50  # of a new local day: each may ask for levels that are made from 400 days
LONG_LOOK = 0.5  # seconds; after a longer one the next look is at fewer complaints, after one much shorter at more
AFTER_AN_ERROR = 2.0  # real seconds before the next try
GATHER_SECONDS = 0.05  # complaints are looked at this much later at most: each look costs a commit of its position

log = structlog.get_logger(__name__)


class Detection:
    """Watches cells and opens suspected incidents."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        queue: EmbeddedQueue,
        metrics: Metrics,
        playbooks: Mapping[str, Playbook],
    ) -> None:
        self._database, self._clock, self._queue, self._metrics = database, clock, queue, metrics
        self._playbooks = playbooks  # by service
        self._services = tuple(service.name for service in config.services)
        self._kinds = ranks(config.regions.kinds, config.regions.watched)
        self._thresholds = Thresholds(likely=config.detection.likely, certain=config.detection.certain)
        self._local = LocalTime(config.regions.time_zone)
        self._regions = Regions()
        self._around = Surroundings(self._regions, self._kinds)
        self._alarms = Alarms(self._around, reports=config.signals.reports)
        self._lock = asyncio.Lock()  # one at a time: the stream, a rebuild, a new baseline
        self._stale = True  # memory must be made again before the next batch
        self._position = 0
        self._at_once = BATCH  # complaints in the next look
        self._surveillance = self._empty()
        for outcome in ("ok", "failed"):
            metrics.job_runs.labels("detection", outcome)

    # --- the stream -------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Decide about complaints as they are stored, until `stop` is set."""
        while not stop.is_set():
            try:
                more = await self.step()
            except Exception:  # the edge of the loop: nothing is lost, the position has not moved
                log.exception("detection failed and will try again")
                self._metrics.job_runs.labels("detection", "failed").inc()
                await sleep(AFTER_AN_ERROR, stop)
                continue
            if not more and not await sleep(GATHER_SECONDS, stop):
                await self._wait(stop)

    async def _wait(self, stop: asyncio.Event) -> None:
        """Wait for a complaint or the end, whichever comes first, at most one poll interval."""
        wake = asyncio.create_task(self._queue.wait(Topic.COMPLAINTS), name="wait for complaints")
        end = asyncio.create_task(stop.wait(), name="wait for stop")
        try:
            await asyncio.wait((wake, end), return_when=asyncio.FIRST_COMPLETED)
        finally:
            wake.cancel()
            end.cancel()
            await asyncio.gather(wake, end, return_exceptions=True)

    async def step(self) -> bool:
        """Decide about the next complaints; return whether there may be more at once."""
        async with self._lock:
            if self._stale:
                await self._rebuild()
            self._stale = True  # until what is in memory is also in the store
            began = self._clock.monotonic()
            batch = await self._database.read(self._decide)
            took = self._clock.monotonic() - began
            if took > LONG_LOOK:
                self._at_once = max(self._at_once // 2, 1)
            elif took < LONG_LOOK / 4:
                self._at_once *= 2
            opened: list[Opened] = []
            if batch.position != batch.after or batch.groups:
                opened = await self._database.write(lambda tx: self._save(tx, batch))
            self._position, self._stale = batch.position, False
            self._tell(batch, opened)
        return batch.more

    def _decide(self, tx: Transaction) -> Batch:
        """Feed the next complaints to surveillance; everything that must be stored goes into the batch."""
        now = self._clock.now()
        counts = StoredCounts(tx, self._regions)
        self._surveillance.detector.ignore_before(detector.ended_since(tx, now - SPAN))
        at_once = self._at_once = min(self._at_once, BATCH)
        complaints = detector.counted_after(tx, self._position, at_once)
        more = len(complaints) == at_once
        if len(complaints) > FIRST_OF_DAY and self._begins_day(complaints[0].counted.at_us):
            complaints, more, self._at_once = complaints[:FIRST_OF_DAY], True, FIRST_OF_DAY
        newest = complaints[-1].counted.position if more else detector.newest_position(tx)
        batch = Batch(after=self._position, position=max(newest, self._position), more=more)
        self._regions.expect(tx, (region_id for one in complaints for region_id in one.counted.regions))
        counts.expect(self._surveillance.without_level(counts, [one.counted for one in complaints]))
        self._alarms.refresh(tx)
        self._add(batch, self._alarms.look(tx, self._surveillance, self._position))
        begun = self._surveillance.baseline.day
        for number, streamed in enumerate(complaints):
            if (
                number and self._local.day(streamed.counted.at_us) > begun
            ):  # one batch, one baseline, also when repeated
                batch.position, batch.more = complaints[number - 1].counted.position, True
                break
            batch.newest_us = max(batch.newest_us, streamed.counted.at_us)
            findings = self._surveillance.observe(counts, streamed.counted)
            for alike in apart(findings):
                batch.groups.append(Group(alike, streamed.correlation_id, streamed.counted.regions))
            batch.alarmed += self._alarms.of(findings)
            self._add(batch, self._alarms.beside(tx, self._surveillance, streamed.counted))
            begun = self._surveillance.baseline.day
        batch.changes = self._surveillance.take_changes()
        return batch

    @staticmethod
    def _add(batch: Batch, found: Iterable[tuple[Group, Alarmed]]) -> None:
        for group, alarmed in found:
            batch.groups.append(group)
            batch.alarmed.append(alarmed)

    def _begins_day(self, at_us: int) -> bool:
        return self._local.day(at_us) > self._surveillance.baseline.day

    def _save(self, tx: Transaction, batch: Batch) -> list[Opened]:
        now = self._clock.now()
        opened = save(
            tx,
            batch,
            playbooks=self._playbooks,
            around=self._around,
            surveillance=self._surveillance,
            likely=self._thresholds.likely,
            now=now,
        )
        alarms.link(tx, batch.alarmed, now)
        return opened

    def _tell(self, batch: Batch, opened: Sequence[Opened]) -> None:
        """Log and count what has been saved."""
        for one in opened:
            self._metrics.incidents_opened.labels(one.service, "daemon").inc()
            log.info(
                "incident suspected", incident=one.incident_id, service=one.service, correlation_id=one.correlation_id
            )
        for group in batch.groups:
            for finding in group.findings:
                self._metrics.evidence.labels(finding.cell.service, finding.grade).inc()
        self._tell_days(batch.changes)

    def _tell_days(self, changes: Changes) -> None:
        """Log the days that have begun, and forget the regions of cells that were forgotten."""
        self._metrics.detector_cells.set(len(self._surveillance.detector.cells))
        for new in changes.days:
            _log_day(new)
        for service, silence in changes.silences:
            self._metrics.feed_silences.labels(service).inc()
            log.warning(
                "nothing was heard for longer than usual: taken for a broken feed, not for quiet",
                service=service,
                since=to_instant(silence.from_us).isoformat(),
                until=to_instant(silence.until_us).isoformat(),
            )
        if changes.days:
            self._regions.forget_all_but({key.region_id for key in self._surveillance.detector.cells})

    # --- the nights -------------------------------------------------------------------------------------------------

    async def refresh_baseline(self) -> None:
        """Begin the baseline of today when no complaint has done so yet, and learn from imported history.

        Run every night, and after a history import. Decisions already made stay as they are.
        """
        async with self._lock:
            if self._stale:
                await self._rebuild()
            today = max(self._local.day(to_micros(self._clock.now())), self._surveillance.baseline.day)
            self._stale = True
            changes = await self._database.read(lambda tx: self._begin_day(tx, today))
            await self._database.write(lambda tx: _save_new_day(tx, changes))
            self._stale = False
            self._tell_days(changes)

    def _begin_day(self, tx: Transaction, day: int) -> Changes:
        self._surveillance.begin_day(StoredCounts(tx, self._regions), day)
        return self._surveillance.take_changes()

    async def dismiss_subsided(self) -> None:
        """Dismiss suspected incidents that have had no new evidence for as long as their playbook says.

        Those that have been certain wait for a person, a day at least.
        """
        now = self._clock.now()
        by_time: dict[timedelta, list[str]] = {}
        for service in self._services:
            by_time.setdefault(self._playbooks[service].subsides_after, []).append(service)
        dismissed = await self._database.write(lambda tx: people.dismiss_quiet(tx, by_time, now))
        for incident_id in dismissed:
            self._metrics.incidents_dismissed.labels(DismissReason.SUBSIDED).inc()
            log.info("incident subsided", incident=incident_id)

    # --- beginning again --------------------------------------------------------------------------------------------

    async def rebuild(self) -> None:
        """Make the state in memory from the store: what was decided stays decided."""
        async with self._lock:
            await self._rebuild()
        log.info("detector rebuilt", position=self._position, cells=len(self._surveillance.detector.cells))

    async def _rebuild(self) -> None:
        self._stale = True
        await self._database.write(detector.ensure)
        self._surveillance = self._empty()
        self._position = await self._database.read(lambda tx: rebuild(tx, self._surveillance, self._regions))
        self._stale = False

    def _empty(self) -> Surveillance:
        wanted = {service: self._playbooks[service].minimum_customers for service in self._services}
        return Surveillance(self._local, self._thresholds, wanted, self._kinds)

    # --- for people -------------------------------------------------------------------------------------------------

    async def scores(self, limit: int = 20) -> list[CellScore]:
        """Return the cells with the highest scores now; worked out only when somebody asks."""
        async with self._lock:
            return await self._database.read(lambda tx: self._highest(tx, limit))

    def _highest(self, tx: Transaction, limit: int) -> list[CellScore]:
        now = self._clock.now()
        return people.highest(tx, self._surveillance, self._regions, self._thresholds, now=now, limit=limit)


def _save_new_day(tx: Transaction, changes: Changes) -> None:
    detector.ensure(tx)
    save_changes(tx, changes)


def _log_day(new: NewDay) -> None:
    log.info("baseline begun", day=new.day, shapes=sorted(new.shapes), imported=list(new.imported))
    for service, days in new.new_gaps.items():
        log.warning(
            "no complaints where some were expected: the feed was broken and is not learnt from",
            service=service,
            days=list(days),
        )
    for service, stretches in new.new_silent.items():
        log.warning(
            "no complaints in hours where many were due: the feed was broken and is not learnt from",
            service=service,
            hours=[f"{until - first} h of day {first // 24}" for first, until in stretches],
        )
