"""The watch: needs become alarms, alarms become calls, calls are handed over, until somebody answers or it is over.

Every step looks at what is stored and does what is missing, so that it may be killed anywhere: people are called twice
rather than not at all. It asks neither `pause-all` nor the hour.
"""

from collections.abc import Iterable

from notifier.metrics import Metrics
from notifier.stages.on_call.calling import Calling
from notifier.stages.on_call.clocks import Clocks
from notifier.stages.on_call.ending import Settled
from notifier.stages.on_call.handing_over import HandingOver
from notifier.stages.on_call.noticing import Noticing
from notifier.stages.on_call.people import People
from notifier.stages.on_call.sources import Sources
from notifier.storage.database import Database
from notifier.storage.repositories import on_call as stored


class Watch:
    """Wakes people on call."""

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        people: People,
        *,
        sources: Sources,
        clocks: Clocks,
        noticing: Noticing,
        calling: Calling,
        handing_over: HandingOver,
    ) -> None:
        self._database, self._metrics, self._people, self._sources = database, metrics, people, sources
        self._clocks = clocks
        self._noticing, self._calling, self._handing_over = noticing, calling, handing_over

    async def step(self) -> None:
        """Do what this moment asks for. When nobody is configured, the sources and their clocks are still watched."""
        await self._sources.listen()
        await self._clocks.compare()
        if not self._people:
            return
        found, settled = await self._noticing.look()
        self.count(settled)
        for _ in range(len(self._people.roster.people) + 1):
            self.count(await self._calling.call(found))
            if not await self._handing_over.hand_over_due():  # somebody is out of reach: the next one is called at once
                break
        self._metrics.calls_open.set(await self._database.read(stored.ringing))

    def count(self, settled: Iterable[Settled]) -> None:
        """Count how calls ended."""
        for reason, outcome in settled:
            self._metrics.calls.labels(reason, outcome).inc()
