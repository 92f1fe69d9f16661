"""Which intake sources say nothing for longer than they ever do: judged by what each has said in the last weeks.

At the start the last weeks are counted, a day at a time; then only what is new in the store is looked at, and once a
day each rhythm is learnt again from the counts. A silence counts from the start of this process at the earliest:
while the daemon was down nobody could be heard.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.silence import LEARNT_FROM, Rhythm, learn, slot_of
from notifier.storage.database import Database
from notifier.storage.queries import sources as heard
from notifier.storage.queries.sources import Said

LEARN_EVERY = timedelta(hours=24)
COUNTED_AT_ONCE = timedelta(days=1)


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
        self._slots: dict[str, Counter[int]] = {name: Counter() for name in self._names}
        self._last_at: dict[str, datetime] = {}
        self._rhythms: dict[str, Rhythm] = {}
        self._position: int | None = None
        self._learnt_at: datetime | None = None
        self._listening_since = clock.now()

    async def listen(self) -> None:
        """Note who has spoken since the last time, and learn when it is time to."""
        now = self._clock.now()
        if self._position is None:
            self._position = await self._count_the_past(now)
        while said := await self._database.read(lambda tx, after=self._position: heard.behind(tx, after)):  # type: ignore[misc]
            self._note(said)
            self._position = max(each.position for each in said)
        if self._learnt_at is None or now >= self._learnt_at + LEARN_EVERY:
            self._learn(now)

    async def _count_the_past(self, now: datetime) -> int:
        """Count the last weeks and return up to which position."""
        position = await self._database.read(heard.position)
        since = now - LEARNT_FROM
        while since <= now:
            until = since + COUNTED_AT_ONCE
            self._note(
                await self._database.read(
                    lambda tx, since=since, until=until: heard.between(tx, since, until, up_to=position)  # type: ignore[misc]
                )
            )
            since = until
        return position

    def _note(self, said: Iterable[Said]) -> None:
        for each in said:
            if each.source in self._slots:
                self._slots[each.source][each.slot] += each.complaints
                self._last_at[each.source] = max(each.last_at, self._last_at.get(each.source, each.last_at))

    def _learn(self, now: datetime) -> None:
        first = slot_of(now - LEARNT_FROM)
        for name, slots in self._slots.items():
            self._slots[name] = Counter({slot: count for slot, count in slots.items() if slot >= first})
        found = {name: learn(slots, self._zone, now=now) for name, slots in self._slots.items()}
        self._rhythms = {name: rhythm for name, rhythm in found.items() if rhythm is not None}
        self._learnt_at = now

    def silent(self) -> list[Silent]:
        """Return the sources that are silent for too long now."""
        now, found = self._clock.now(), []
        for name, rhythm in self._rhythms.items():
            since = max(self._last_at.get(name, self._listening_since), self._listening_since)
            news_at = rhythm.news_at(since)
            if now >= news_at:
                found.append(Silent(name=name, since=since, news_at=news_at))
        return found

    def has_spoken(self, name: str, *, since: datetime) -> bool:
        """Tell whether a source has spoken, or is listened to no more."""
        last = self._last_at.get(name)
        return name not in self._names or (last is not None and last > since)

    def judged(self) -> Mapping[str, Rhythm]:
        """Return the sources there is enough history of."""
        return self._rhythms
