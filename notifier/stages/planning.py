"""Planning: the audience of a broadcast becomes notifications, chunk by chunk, from the moment it is authorised.

Each chunk commits by itself and is safe to repeat, so sending starts after the first one and a killed daemon goes on
where it stopped. Chunks adapt to the machine: no write transaction is meant to take longer than 200 ms.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.broadcast import ONLY_TO_TOLD
from notifier.domain.consent import purpose_of
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import broadcasts, incidents, neighbours, parts, planning
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast, noticed_since, part_told_by
from notifier.storage.repositories.neighbours import NONE, Neighbours
from notifier.storage.repositories.planning import Chunk, Cursor

FIRST_CHUNK = 2_000  # ids; small, so that the first message leaves at once
SMALLEST_CHUNK = 100
LARGEST_CHUNK = 50_000
CHUNK_SECONDS = 0.1  # aimed at, with its commit; well below the 0.2 s that a write transaction may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step planned."""

    chunk: Chunk
    is_started: bool


def next_size(size: int, seconds: float) -> int:
    """Return how many ids the next chunk takes, from how long the last one took."""
    wanted = size * CHUNK_SECONDS / max(seconds, 0.001)
    return int(min(max(wanted, SMALLEST_CHUNK, size / 4), size * 2, LARGEST_CHUNK))


class Planning:
    """Plans the broadcasts that are authorised, oldest first."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        queue: EmbeddedQueue,
        metrics: Metrics,
        playbooks: Mapping[str, Playbook],
    ) -> None:
        self._database, self._config, self._clock = database, config, clock
        self._queue, self._metrics, self._playbooks = queue, metrics, playbooks
        self._size = FIRST_CHUNK
        self._near: tuple[int, Neighbours] = (0, NONE)  # of the broadcast that is being planned

    async def step(self) -> bool:
        """Plan one chunk of one broadcast; return whether there may be more to plan."""
        size, began = self._size, self._clock.monotonic()
        await self._database.read(self._look_around)
        step = await self._database.write(lambda tx: self._plan(tx, size))
        if step is None:
            self._size = min(self._size, FIRST_CHUNK)
            return False
        seconds = self._clock.monotonic() - began
        self._metrics.planning_seconds.observe(seconds)
        self._size = next_size(size, seconds)
        if step.is_started and step.chunk.notifications:
            self._queue.wake(Topic.NOTIFICATIONS)
        if step.chunk.upto is None:
            self._size = FIRST_CHUNK
            self._queue.wake(Topic.BROADCASTS)  # it may be complete
        return True

    def _look_around(self, tx: Transaction) -> None:
        """Find out beside the writer, once for each broadcast, which other incidents share sites with it."""
        found = broadcasts.to_plan(tx)
        if found is not None:
            self._neighbours(tx, found)

    def _neighbours(self, tx: Transaction, found: StoredBroadcast) -> Neighbours:
        known, near = self._near
        if known != found.id:
            near = neighbours.of(tx, incidents.load(tx, found.incident_id), found.kind)
            self._near = (found.id, near)
        return near

    def _plan(self, tx: Transaction, size: int) -> Step | None:
        found = broadcasts.to_plan(tx)
        if found is None:
            return None
        now = self._clock.now()
        incident = incidents.load(tx, found.incident_id)
        near = self._neighbours(tx, found)
        neighbours.leave_to(tx, near, incident.id, now)
        scope = Scope(
            incident_id=incident.id,
            service=incident.service,
            region_ids=tuple(incidents.place_regions(tx, incident.id)),
            channels=self._channels(incident.service),
            only_told=found.kind in ONLY_TO_TOLD,
            but=found.id,
            purpose=purpose_of(found.kind),
            basis=self._config.consent.covers(),
            neighbours=near,
            part=parts.scope_of(tx, incident.id, part_told_by(found)),
            noticed_since=noticed_since(found),
            kin=parts.kin(tx, incident.id),
            rest_of=found.facts.rest_of,
        )
        chunk = planning.plan_chunk(
            tx,
            found.id,
            scope,
            Cursor(source=found.plan_source, after=found.plan_after),
            at_most=size,
            due_at=found.not_before_at or now,  # one time for all: its microseconds say who hears first
            now=now,
        )
        broadcasts.save_progress(tx, found.id, chunk.upto, now=now)
        return Step(chunk=chunk, is_started=found.started_at is not None)

    def _channels(self, service: str) -> tuple[Channel, ...]:
        """Return the channels of a service; one that was taken out of the configuration meanwhile is told by mail."""
        playbook = self._playbooks.get(service)
        return (Channel.EMAIL,) if playbook is None else playbook.channels
