"""The company's own complaints, replayed every night where a playbook asks for mode `automatic`.

In come the stored complaints of customers, of the last eight weeks at most; through the production detector with the
thresholds in force; out goes one stored figure: how many incidents would have been confirmed by themselves in the last
four. It reads in short looks and plays in a thread: the daemon goes on meanwhile.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from notifier.backtest.complaint_stream import ComplaintStream
from notifier.backtest.running import Backtest, Run
from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.automatic import BACKTEST_DAYS, Backtested
from notifier.domain.baseline import LocalTime
from notifier.domain.complaint import Region
from notifier.domain.detection import Thresholds
from notifier.domain.playbook import Mode, Playbook
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import from_json, to_micros
from notifier.storage.repositories import automatic, detector

LOOKED_BACK = timedelta(days=2 * BACKTEST_DAYS)  # the first half is for the baseline to be learnt
AT_MOST = 500_000  # complaints: of more, the newest
READ_AT_ONCE = 20_000
log = structlog.get_logger(__name__)


class OwnBacktest:
    """Runs the backtest over the store's own complaints."""

    def __init__(self, database: Database, config: Config, clock: Clock, playbooks: Sequence[Playbook]) -> None:
        self._database, self._config, self._clock = database, config, clock
        self._wanted = any(playbook.mode is Mode.AUTOMATIC for playbook in playbooks)

    async def run(self) -> Backtested | None:
        """Replay what is stored and keep what was found; None when no playbook asks for it."""
        if not self._wanted:
            return None
        now = self._clock.now()
        stream = await self._read(now)
        limits = Thresholds(likely=self._config.detection.likely, certain=self._config.detection.certain)
        run = await asyncio.to_thread(_play, stream, self._config.regions.time_zone, limits)
        since_us = to_micros(now - timedelta(days=BACKTEST_DAYS))
        done = Backtested(
            ran_at=now,
            days=(stream.at_us[-1] - stream.at_us[0]) // _DAY_US if len(stream) else 0,
            complaints=run.counted,
            would_confirm=sum(one.highest >= limits.certain and one.finding.at_us >= since_us for one in run.incidents),
            likely=limits.likely,
            certain=limits.certain,
        )
        await self._database.write(lambda tx: automatic.save_backtest(tx, done))
        log.info("backtest over own complaints", days=done.days, complaints=done.complaints, certain=done.would_confirm)
        return done

    async def _read(self, now: datetime) -> ComplaintStream:
        """Read the newest complaints backwards, in short looks, into a stream."""
        filling = _Filling(self._config.regions.watched)
        position = await self._database.read(detector.newest_position)
        while position > 0 and len(filling.stream) < AT_MOST:
            first = max(position - READ_AT_ONCE, 0)
            await self._database.read(
                lambda tx, first=first, last=position: filling.take(tx, now - LOOKED_BACK, first, last)  # type: ignore[misc]
            )
            position = first
        return filling.stream.in_order()


_DAY_US = 24 * 3600 * 1_000_000


def _play(stream: ComplaintStream, time_zone: str, thresholds: Thresholds) -> Run:
    return Backtest(stream, LocalTime(time_zone), thresholds).play()


class _Filling:
    """Puts rows of the store into a stream."""

    def __init__(self, watched: Sequence[str]) -> None:
        self.stream = ComplaintStream()
        self._watched = frozenset(watched)
        self._services: dict[str, int] = {}
        self._places: dict[str, int] = {}  # by the regions as they are stored
        self._customers: dict[str, int] = {}

    def take(self, tx: Transaction, since: datetime, after: int, until: int) -> None:
        """Take the complaints of customers between two positions."""
        rows = tx.tuples(
            """SELECT id, effective_at, service, reporter, regions FROM complaints
               WHERE id > :after AND id <= :until AND effective_at >= :since AND regions <> '[]'
                 AND (verified = 1 OR not_counted = 'history')""",
            after=after,
            until=until,
            since=to_micros(since),
        )
        stream = self.stream
        for position, at_us, service, reporter, regions in rows:
            if (number := self._services.get(service)) is None:
                number = self._services[service] = len(stream.services)
                stream.services.append(service)
            if (place := self._places.get(regions)) is None:
                place = self._places[regions] = self._new_place(tx, from_json(regions, list[int]))
            stream.at_us.append(at_us)
            stream.offset_s.append(0)
            stream.service.append(number)
            stream.place.append(place)
            stream.customer.append(self._customers.setdefault(reporter, len(self._customers)))
            stream.line.append(position)

    def _new_place(self, tx: Transaction, region_ids: Sequence[int]) -> int:
        known = detector.regions(tx, set(region_ids))
        found = [Region(region_id, *known[region_id][:2]) for region_id in region_ids if region_id in known]
        watched = tuple(region for region in found if region.kind in self._watched)
        self.stream.regions.update({region.id: region for region in watched})
        self.stream.places.append(watched)
        return len(self.stream.places) - 1
