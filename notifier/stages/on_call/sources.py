"""Which intake sources say nothing for longer than they ever do: judged by what each has said in the last weeks.

What is learnt is kept in memory and learnt again once a day; between, only what is new in the store is looked at. A
silence counts from the start of this process at the earliest: while the daemon was down nobody could be heard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.silence import LEARNT_FROM, Rhythm, learn
from notifier.storage.database import Database
from notifier.storage.queries import sources as heard
from notifier.storage.queries.sources import Heard

LEARN_EVERY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A source that has been silent for too long."""

    name: str
    since: datetime
    news_at: datetime  # when that became too long


class Sources:
    """Listens to the intake sources."""

    def __init__(self, database: Database, config: Config, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._names = tuple(source.name for source in config.sources)
        self._zone = ZoneInfo(config.regions.time_zone)
        self._rhythms: dict[str, Rhythm] = {}
        self._heard = Heard(position=0, last_at={})
        self._learnt_at: datetime | None = None
        self._listening_since = clock.now()

    async def listen(self) -> None:
        """Learn when it is time to, and note who has spoken since the last time."""
        now = self._clock.now()
        if self._learnt_at is None or now >= self._learnt_at + LEARN_EVERY:
            await self._learn(now)
        since = self._heard
        found = await self._database.read(lambda tx: heard.since(tx, since.position))
        self._heard = Heard(position=max(since.position, found.position), last_at={**since.last_at, **found.last_at})

    async def _learn(self, now: datetime) -> None:
        slots, known = await self._database.read(
            lambda tx: (heard.slots(tx, since=now - LEARNT_FROM), heard.last(tx, since=now - LEARNT_FROM))
        )
        found = {name: learn(slots.get(name, {}), self._zone, now=now) for name in self._names}
        self._rhythms = {name: rhythm for name, rhythm in found.items() if rhythm is not None}
        self._heard, self._learnt_at = known, now

    def silent(self) -> list[Silent]:
        """Return the sources that are silent for too long now."""
        now, found = self._clock.now(), []
        for name, rhythm in self._rhythms.items():
            since = max(self._heard.last_at.get(name, self._listening_since), self._listening_since)
            news_at = rhythm.news_at(since)
            if now >= news_at:
                found.append(Silent(name=name, since=since, news_at=news_at))
        return found

    def has_spoken(self, name: str, *, since: datetime) -> bool:
        """Tell whether a source has spoken, or is listened to no more."""
        last = self._heard.last_at.get(name)
        return name not in self._names or (last is not None and last > since)

    def judged(self) -> Mapping[str, Rhythm]:
        """Return the sources there is enough history of."""
        return self._rhythms
