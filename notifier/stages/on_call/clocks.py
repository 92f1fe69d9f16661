"""The clocks of intake sources: how the times that complaints claim compare with when they came.

Only the newest complaints are looked at, and only those that name a time. A clock that is wrong is said once in the
log, shown by a metric, and stays among the needs while it lasts.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from datetime import datetime

import structlog

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.skew import COMPLAINTS_KEPT, WITHIN, Skew, skew
from notifier.metrics import Metrics
from notifier.storage.database import Database
from notifier.storage.queries import sources as heard
from notifier.storage.queries.sources import Delay

log = structlog.get_logger(__name__)


class Clocks:
    """Compares the clocks of sources with ours."""

    def __init__(self, database: Database, config: Config, clock: Clock, metrics: Metrics) -> None:
        self._database, self._clock, self._metrics = database, clock, metrics
        self._names = tuple(source.name for source in config.sources)
        self._delays: defaultdict[str, deque[Delay]] = defaultdict(lambda: deque(maxlen=COMPLAINTS_KEPT))
        self._wrong: dict[str, Skew] = {}
        self._position: int | None = None

    async def compare(self) -> None:
        """Look at the complaints that came since the last time; at first, at the last ones there are."""
        position = await self._database.read(heard.position)
        if position == self._position:
            return
        after = max(self._position or 0, position - heard.DELAYS_AT_ONCE)
        self._note(await self._database.read(lambda tx: heard.delays(tx, after)))
        self._position = position
        self._judge(self._clock.now())

    def wrong(self) -> Mapping[str, Skew]:
        """Return the sources whose clock is wrong."""
        return self._wrong

    def _note(self, delays: Iterable[Delay]) -> None:
        for each in delays:
            if each.source in self._names:
                self._delays[each.source].append(each)

    def _judge(self, now: datetime) -> None:
        for name, delays in self._delays.items():
            while delays and delays[0].received_at < now - WITHIN:
                delays.popleft()
            found = skew([each.delay for each in delays])
            self._metrics.source_clock_ahead.labels(name).set(found.ahead.total_seconds() if found else 0)
            if found is None:
                if self._wrong.pop(name, None) is not None:
                    log.info("the clock of a source agrees with ours again", source=name)
                continue
            if name not in self._wrong:
                log.warning("the clock of a source is wrong", source=name, ahead_seconds=found.ahead.total_seconds())
            self._wrong[name] = found
