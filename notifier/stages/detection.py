"""Detection: complaints are read from the store in the order they came, and cells that become anomalous open incidents.

In come counted complaints after the stored position. Out go suspected incidents and their evidence, saved in one
transaction with the new position: a crash at any point neither loses nor repeats an opening. What is in memory can be
made again from stored baselines and the complaints of the last 28 hours; the past is never decided again. Nobody is
told anything from here.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from notifier.clock import Clock, sleep
from notifier.config import Config
from notifier.domain.baseline import Baseline, Level, LocalTime, Shape
from notifier.domain.detection import (
    KEEP_US,
    SPAN_US,
    CellKey,
    CountedComplaint,
    Detector,
    Finding,
    Thresholds,
)
from notifier.domain.incident import DismissReason, Evidence, Impact, IncidentState
from notifier.domain.playbook import Mode, Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories import baselines, detector, incidents, overlaps, updates
from notifier.storage.repositories.baselines import BaselineState, NewDay
from notifier.storage.repositories.detector import StreamedComplaint
from notifier.storage.repositories.evidence import attach_evidence, narrow
from notifier.storage.views import CellScore

__all__ = ["CellScore", "Detection"]

BATCH = 500  # complaints between two saves of the position
SPAN = timedelta(microseconds=SPAN_US)  # evidence may reach this far back, so what ended since then still counts
BEHIND = timedelta(minutes=1)  # with older complaints to decide, nothing is said to have subsided
AFTER_AN_ERROR = 2.0  # real seconds before the next try
GATHER_SECONDS = 0.05  # complaints are looked at this much later at most: each look costs a commit of its position

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Batch:
    """What one look at the stream has decided; it becomes true when it is saved."""

    after: int  # the position it began at
    position: int
    more: bool  # there may be more behind it
    groups: list[tuple[list[Finding], str]] = field(default_factory=list)  # with the complaint's correlation id
    levels: dict[CellKey, Level] = field(default_factory=dict)
    days: list[NewDay] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """An incident that was opened, for the log and the metrics."""

    incident_id: int
    service: str
    correlation_id: str


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
        self._rank = {kind: rank for rank, kind in enumerate(config.regions.kinds) if kind in config.regions.watched}
        self._thresholds = Thresholds(likely=config.detection.likely, certain=config.detection.certain)
        self._local = LocalTime(config.regions.time_zone)
        self._regions: dict[int, tuple[str, str]] = {}  # id -> kind, code
        self._newest_region = 0
        self._lock = asyncio.Lock()  # one at a time: the stream, a rebuild, a new baseline
        self._stale = True  # memory must be made again before the next batch
        self._position = 0
        self._state = BaselineState()
        self._detector = self._empty()
        self._baseline = self._baseline_of(detector.NO_DAY, BaselineState(), {})
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
            batch = await self._database.read(self._decide)
            opened: list[_Opened] = []
            if batch.position != batch.after:
                opened = await self._database.write(lambda tx: self._save(tx, batch))
            self._position, self._stale = batch.position, False
        self._tell(batch, opened)
        return batch.more

    def _decide(self, tx: Transaction) -> _Batch:
        """Feed the next complaints to the detector; everything that must be stored goes into the batch."""
        now = self._clock.now()
        self._detector.ignore_before(detector.ended_since(tx, now - SPAN))
        complaints = detector.counted_after(tx, self._position, BATCH)
        more = len(complaints) == BATCH
        newest = complaints[-1].counted.position if more else detector.newest_position(tx)
        batch = _Batch(after=self._position, position=max(newest, self._position), more=more)
        for streamed in complaints:
            complaint = self._watched(tx, streamed)
            if complaint is None:
                continue
            day = self._local.day(complaint.at_us)
            if day > self._baseline.day:
                self._begin_day(tx, day, batch)
                self._detector.forget_idle(complaint.at_us)
            self._give_levels(tx, complaint, batch)
            findings = self._detector.feed(complaint)
            if findings:
                batch.groups.append((findings, streamed.correlation_id))
        return batch

    def _watched(self, tx: Transaction, streamed: StreamedComplaint) -> CountedComplaint | None:
        """Return the complaint with the regions that are watched, narrow before wide; None when there are none."""
        complaint = streamed.counted
        if complaint.service not in self._services:  # taken out of the configuration since
            return None
        watched = []
        for region_id in complaint.regions:
            kind, _ = self._region(tx, region_id)
            if kind in self._rank:
                watched.append((self._rank[kind], region_id))
        if not watched:
            return None
        return CountedComplaint(
            position=complaint.position,
            service=complaint.service,
            at_us=complaint.at_us,
            verified=complaint.verified,
            regions=[region_id for _, region_id in sorted(watched)],
        )

    def _region(self, tx: Transaction, region_id: int) -> tuple[str, str]:
        if region_id not in self._regions:
            for known, kind, code in detector.regions(tx, self._newest_region):
                self._regions[known] = (kind, code)
                self._newest_region = known
        return self._regions.get(region_id, ("", ""))

    # --- what is saved ----------------------------------------------------------------------------------------------

    def _save(self, tx: Transaction, batch: _Batch) -> list[_Opened]:
        """Store what a batch has decided, and the position up to which it holds."""
        if not detector.advance(tx, after=batch.after, to=batch.position):
            raise RuntimeError("the position of the detector was moved by somebody else")
        for new in batch.days:
            baselines.save_new_day(tx, new)
        baselines.save_levels(tx, batch.levels)
        opened = []
        for findings, correlation_id in batch.groups:
            one = self._attach_or_open(tx, findings, correlation_id)
            if one is not None:
                opened.append(one)
        return opened

    def _attach_or_open(self, tx: Transaction, findings: Sequence[Finding], correlation_id: str) -> _Opened | None:
        """Give the evidence of one complaint's cells to an incident; the narrowest of them says which, or where."""
        narrowest = findings[0]
        service = narrowest.cell.service
        playbook = self._playbooks[service]
        if playbook.mode is Mode.OBSERVE:
            for finding in findings:
                detector.record_evidence(tx, _evidence(finding))
            return None
        now = self._clock.now()
        incident_id = _standing(tx, narrowest, now)
        opened = None
        if incident_id is None:
            incident_id = incidents.open_incident(
                tx,
                service=service,
                impact=Impact.DOWN,
                playbook=playbook.name,
                state=IncidentState.SUSPECTED,
                region_ids=[narrowest.cell.region_id],
                started_at=to_instant(narrowest.window.from_us),
                now=now,
                by="daemon",
                correlation_id=correlation_id,
            )
            opened = _Opened(incident_id=incident_id, service=service, correlation_id=correlation_id)
        for finding in findings:
            evidence = _evidence(finding)
            attach_evidence(tx, incident_id, evidence, now=now)
            updates.doubt_restoration(tx, incident_id, evidence, now=now)
        narrow(tx, incident_id, kinds=tuple(self._rank), now=now)
        return opened

    def _tell(self, batch: _Batch, opened: Sequence[_Opened]) -> None:
        """Log and count what has been saved."""
        for one in opened:
            self._metrics.incidents_opened.labels(one.service, "daemon").inc()
            log.info(
                "incident suspected", incident=one.incident_id, service=one.service, correlation_id=one.correlation_id
            )
        for findings, _ in batch.groups:
            for finding in findings:
                self._metrics.evidence.labels(finding.cell.service, finding.grade).inc()
        for new in batch.days:
            _log_day(new)
        self._metrics.detector_cells.set(len(self._detector.cells))

    # --- the baseline -----------------------------------------------------------------------------------------------

    async def refresh_baseline(self) -> None:
        """Begin the baseline of today when no complaint has done so yet, and learn from imported history.

        Run every night, and after a history import. Decisions already made stay as they are.
        """
        async with self._lock:
            if self._stale:
                await self._rebuild()
            today = max(self._local.day(to_micros(self._clock.now())), self._baseline.day)
            self._stale = True
            new = await self._database.read(
                lambda tx: baselines.begin_day(tx, today, self._services, self._local, self._state)
            )
            await self._database.write(lambda tx: _save_new_day(tx, new))
            self._put_into_force(new)
            self._stale = False
        _log_day(new)

    def _begin_day(self, tx: Transaction, day: int, batch: _Batch) -> None:
        new = baselines.begin_day(tx, day, self._services, self._local, self._state)
        batch.days.append(new)
        batch.levels = {key: level for key, level in batch.levels.items() if key.service not in new.imported}
        self._put_into_force(new)

    def _put_into_force(self, new: NewDay) -> None:
        shapes = {service: self._baseline.shape(service) for service in self._state.services}
        for service, stored in new.shapes.items():
            shapes[service] = Shape(stored.weights, self._local)
            self._detector.set_shape(service, shapes[service])
        self._baseline = self._baseline_of(new.day, new.state, shapes)
        self._state = new.state
        for key, cell in self._detector.cells.items():
            if key.service in new.imported:
                cell.day = None  # its level is made anew when it is next complained about

    def _baseline_of(self, day: int, state: BaselineState, shapes: Mapping[str, Shape]) -> Baseline:
        histories = {service: stored.history() for service, stored in state.services.items()}
        return Baseline(day, self._local, histories=histories, regions=state.regions, shapes=shapes)

    def _give_levels(self, tx: Transaction, complaint: CountedComplaint, batch: _Batch) -> None:
        """Give the cells of a complaint the level of this day: the stored one, or a new one that is to be stored."""
        day = self._baseline.day
        for key in self._detector.needs_level(complaint, day):
            level = batch.levels.get(key) or baselines.level(tx, key)
            if level is None or level.through_day != day - 1 or self._is_forgotten(key, batch):
                days = baselines.cell_days(tx, key, self._baseline.first_learnt_day(key.service), day)
                level = batch.levels[key] = self._baseline.level(key.service, self._regions[key.region_id][0], days)
            self._detector.set_level(key, day, level)

    def _is_forgotten(self, key: CellKey, batch: _Batch) -> bool:
        """Tell whether the stored level of a cell is void in this batch, because history was imported."""
        return key not in batch.levels and any(key.service in new.imported for new in batch.days)

    # --- beginning again --------------------------------------------------------------------------------------------

    async def rebuild(self) -> None:
        """Make the state in memory from the store: what was decided stays decided."""
        async with self._lock:
            await self._rebuild()
        log.info("detector rebuilt", position=self._position, cells=len(self._detector.cells))

    async def _rebuild(self) -> None:
        self._stale = True
        await self._database.write(detector.ensure)
        await self._database.read(self._load)
        self._stale = False

    def _load(self, tx: Transaction) -> None:
        row = detector.load(tx)
        self._position, self._state = row.position, row.state
        shapes = {service: Shape(one.weights, self._local) for service, one in baselines.shapes(tx).items()}
        self._baseline = self._baseline_of(row.baseline_day, row.state, shapes)
        self._detector = self._empty()
        for service in self._services:
            self._detector.set_shape(service, self._baseline.shape(service))
        newest_us = detector.newest_effective(tx, row.position)
        if newest_us is None:
            return
        for streamed in detector.counted_since(tx, newest_us - KEEP_US, row.position):
            complaint = self._watched(tx, streamed)
            if complaint is not None:
                self._detector.remember(complaint)
        for key, cell in self._detector.cells.items():
            level = baselines.level(tx, key)
            if level is not None:
                cell.set_level(level.through_day + 1, level.per_hour, level.daily_mean)
        for key, at_us, grade in detector.newest_evidence(tx, newest_us - SPAN_US):
            if key.service in self._services:
                self._detector.mark_recorded(key, at_us, grade)
        self._detector.score_all()

    def _empty(self) -> Detector:
        wanted = {service: self._playbooks[service].minimum_customers for service in self._services}
        empty = Detector(self._local, self._thresholds, wanted)
        flat = Baseline(0, self._local, histories={}, regions={}, shapes={})
        for service in self._services:
            empty.set_shape(service, flat.shape(service))
        return empty

    # --- for people -------------------------------------------------------------------------------------------------

    async def scores(self, limit: int = 20) -> list[CellScore]:
        """Return the cells with the highest scores now; worked out only when somebody asks."""
        async with self._lock:
            return await asyncio.to_thread(self._highest, limit)

    def _highest(self, limit: int) -> list[CellScore]:
        shown = []
        for key, window in self._detector.highest(to_micros(self._clock.now()), limit):
            kind, code = self._regions[key.region_id]
            shown.append(
                CellScore(
                    region=f"{kind} {code}",
                    service=key.service,
                    observed=window.observed,
                    expected=window.expected,
                    score=window.score,
                    grade=self._thresholds.grade(window.score) or "",
                    window_from=to_instant(window.from_us),
                    verified=window.verified,
                )
            )
        return shown

    async def dismiss_subsided(self) -> None:
        """Dismiss suspected incidents that have had no new evidence for as long as their playbook says."""
        now = self._clock.now()
        by_time: dict[timedelta, list[str]] = {}
        for service in self._services:
            by_time.setdefault(self._playbooks[service].subsides_after, []).append(service)
        dismissed = await self._database.write(lambda tx: _dismiss_quiet(tx, by_time, now))
        for incident_id in dismissed:
            self._metrics.incidents_dismissed.labels(DismissReason.SUBSIDED).inc()
            log.info("incident subsided", incident=incident_id)


def _standing(tx: Transaction, finding: Finding, now: datetime) -> int | None:
    """Return the incident that evidence belongs to.

    The one that has its region, else the newest that overlaps it, else a suspected one that a wider cell
    around it has opened.
    """
    cell = finding.cell
    known = detector.incident_of_region(tx, cell.service, cell.region_id, now - SPAN)
    if known is not None:
        return known
    overlapping = overlaps.overlapping(
        tx, service=cell.service, region_ids=[cell.region_id], now=now, resolved_within=SPAN
    )
    if overlapping:
        return overlapping[-1]
    return overlaps.suspected_around(tx, service=cell.service, region_id=cell.region_id)


def _dismiss_quiet(tx: Transaction, by_time: Mapping[timedelta, Sequence[str]], now: datetime) -> list[int]:
    waiting = detector.waiting_since(tx)
    if waiting is not None and now - waiting > BEHIND:
        return []  # what has not been decided yet may be evidence
    dismissed = []
    for subsides_after, services in by_time.items():
        for incident_id in detector.quiet_since(tx, services, now - subsides_after):
            incidents.dismiss(tx, incident_id, now=now, reason=DismissReason.SUBSIDED, actor="daemon")
            dismissed.append(incident_id)
    return dismissed


def _save_new_day(tx: Transaction, new: NewDay) -> None:
    detector.ensure(tx)
    baselines.save_new_day(tx, new)


def _log_day(new: NewDay) -> None:
    log.info("baseline begun", day=new.day, shapes=sorted(new.shapes), imported=list(new.imported))
    for service, days in new.new_gaps.items():
        log.warning(
            "no complaints where some were expected: the feed was broken and is not learnt from",
            service=service,
            days=list(days),
        )


def _evidence(finding: Finding) -> Evidence:
    window = finding.window
    return Evidence(
        region_id=finding.cell.region_id,
        service=finding.cell.service,
        at=to_instant(finding.at_us),
        window_from=to_instant(window.from_us),
        observed=window.observed,
        expected=window.expected,
        score=window.score,
        grade=finding.grade,
        distinct_customers=window.observed,
        verified=window.verified,
        position=finding.position,
    )
