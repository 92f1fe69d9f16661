"""The company's own complaints, replayed every night, unless every playbook only observes.

In come the stored complaints of customers, of the last eight weeks at most; through the production detector with the
thresholds in force; out goes one stored figure: how many incidents would have been confirmed by themselves in the last
four: mode `automatic` asks for it, and so does who looks whether detection fits. It reads in short looks and plays in a
thread: the daemon goes on meanwhile.
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
from notifier.domain.complaint import Region
from notifier.domain.detection import Thresholds
from notifier.domain.local_time import LocalTime
from notifier.domain.playbook import Mode, Playbook
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import from_json, to_micros
from notifier.storage.repositories import automatic, detector

LOOKED_BACK = timedelta(days=2 * BACKTEST_DAYS)  # the first half is for the baseline to be learnt
NEEDED = timedelta(days=BACKTEST_DAYS + 1)  # so that the first and the last lie that far apart
ENOUGH = 500_000  # complaints: with so many, nothing is read from before what is needed
AT_MOST = (
    2_000_000  # some 200 MB and a minute: a company with more in 28 days is told that mode automatic is not for it
)
READ_AT_ONCE = timedelta(hours=1)
log = structlog.get_logger(__name__)


class OwnBacktest:
    """Runs the backtest over the store's own complaints."""

    def __init__(self, database: Database, config: Config, clock: Clock, playbooks: Sequence[Playbook]) -> None:
        self._database, self._config, self._clock = database, config, clock
        self._wanted = any(playbook.mode is not Mode.OBSERVE for playbook in playbooks)

    async def run(self) -> Backtested | None:
        """Replay what is stored and keep what was found; None when nothing is proposed anyway."""
        if not self._wanted:
            return None
        now = self._clock.now()
        stream, is_cut = await self._read(now)
        limits = Thresholds(likely=self._config.detection.likely, certain=self._config.detection.certain)
        run = await asyncio.to_thread(_play, stream, self._config.regions.time_zone, limits)
        since_us = to_micros(now - timedelta(days=BACKTEST_DAYS))
        done = Backtested(
            ran_at=now,
            days=(stream.at_us[-1] - stream.at_us[0]) // _DAY_US if len(stream) else 0,
            complaints=sum(at_us >= since_us for at_us in run.counted_at),
            would_confirm=sum(one.highest >= limits.certain and one.finding.at_us >= since_us for one in run.incidents),
            likely=limits.likely,
            certain=limits.certain,
            cut=is_cut,
        )
        await self._database.write(lambda tx: automatic.save_backtest(tx, done))
        log.info("backtest over own complaints", days=done.days, complaints=done.complaints, certain=done.would_confirm)
        return done

    async def _read(self, now: datetime) -> tuple[ComplaintStream, bool]:
        """Read the newest complaints hour by hour, in short looks; tell whether even what is needed is too much."""
        filling, until = _Filling(self._config.regions.watched), now + READ_AT_ONCE
        for most, since in ((AT_MOST, now - NEEDED), (ENOUGH, now - LOOKED_BACK)):
            while until > since and len(filling.stream) < most:
                begin = max(until - READ_AT_ONCE, since)
                await self._database.read(
                    lambda tx, begin=begin, until=until: filling.take(tx, begin, until)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
                )
                until = begin
        return filling.stream.in_order(), until > now - NEEDED


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

    def take(self, tx: Transaction, since: datetime, until: datetime) -> None:
        """Take the complaints of customers between two times."""
        rows = tx.tuples(
            """SELECT id, effective_at, service, reporter, regions FROM complaints
               WHERE effective_at >= :since AND effective_at < :until AND regions <> '[]'
                 AND (verified = 1 OR not_counted = 'history')
               ORDER BY effective_at, id""",
            since=to_micros(since),
            until=to_micros(until),
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
