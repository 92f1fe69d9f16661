"""What time does with broadcasts: they start when their not-before time has passed, and end when all is settled."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from notifier.clock import Clock
from notifier.domain.broadcast import SAYS_BACK, BroadcastReason, BroadcastState, is_overtaken
from notifier.domain.incident import Action, IncidentState, PartState, may_start
from notifier.domain.notification import NotificationReason, NotificationState
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.repositories import broadcasts, control, course, incidents, leaving, planned
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.course import Ended, Started

SWEPT_AT_MOST = 2_000  # notifications in one transaction
ENDED = (BroadcastState.SUPERSEDED, BroadcastState.CANCELLED)

log = structlog.get_logger(__name__)


class Course:
    """Starts, sweeps and completes broadcasts."""

    def __init__(self, around: Surroundings) -> None:
        self._database, self._clock = around.database, around.clock
        self._queue, self._metrics = around.queue, around.metrics

    async def start_due(self) -> int:
        """Start the broadcasts whose not-before time has passed; return how many. Waits while everything is paused."""
        now = self._clock.now()
        started = []
        all_due = await self._database.read(lambda tx: broadcasts.due(tx, now))
        if all_due:  # what is settled ends older promises, which it would not any more once it is superseded
            await self._sweep_all(BroadcastState.SENDING)
        for due in all_due:
            try:
                await self._let_leave(due)
                each = await self._database.write(lambda tx, which=due.id: self._start(tx, which))  # type: ignore[misc]
            except Exception:  # one that cannot start must not hold up the others
                log.exception("a broadcast could not be started", broadcast=due.id)
                continue
            if each is not None:
                started.append(each)
        for each in started:
            self._metrics.broadcasts_sent.labels(each.broadcast.kind).inc()
            self._count_promises(each.ended)
            if each.dismissed:
                self._metrics.incidents_dismissed.labels("by_person").inc()
        if started:
            self._queue.recall()  # of what they supersede
            self._queue.wake(Topic.BROADCASTS)
            self._queue.wake(Topic.NOTIFICATIONS)
        return len(started)

    async def sweep(self) -> int:
        """Settle what ended broadcasts left pending, a chunk at a time, and complete those that are done.

        Return how many notifications and broadcasts were brought to an end.
        """
        return await self._sweep_all(BroadcastState.SENDING, *ENDED)

    async def _sweep_all(self, *states: BroadcastState) -> int:
        ended = 0
        now = self._clock.now()
        for each in await self._database.read(lambda tx: _to_sweep(tx, states, now)):
            ended += await self._sweep(each)
        return ended

    async def _let_leave(self, due: StoredBroadcast) -> None:
        """Let older updates say nothing more of sites that were cut off, before the first one of their own part."""
        older_ones = await self._database.read(lambda tx: {} if control.is_paused(tx) else leaving.leaving(tx, due))
        for older, ids in older_ones.items():
            for some in (ids[start : start + SWEPT_AT_MOST] for start in range(0, len(ids), SWEPT_AT_MOST)):
                work = partial(_leave, self._clock, due, older, some)
                for channel, number in (await self._database.write(work)).items():
                    end = NotificationState.SUPERSEDED, NotificationReason.NEWER_UPDATE
                    self._metrics.notifications.labels(channel, *end).inc(number)

    def _start(self, tx: Transaction, broadcast_id: int) -> Started | None:
        """Start a broadcast that was due a moment ago, unless it was paused, taken back or superseded since."""
        found, now = broadcasts.load(tx, broadcast_id), self._clock.now()
        if control.is_paused(tx) or found.state is not BroadcastState.SENDING or found.started_at is not None:
            return None
        if found.kind in SAYS_BACK and not _is_believed_back(tx, found):
            broadcasts.end(tx, found, BroadcastState.CANCELLED, BroadcastReason.BACK_AGAIN_OUT, now=now)
            return None
        incident = incidents.load(tx, found.incident_id)
        state, action = incident.state, None if found.changes is None else found.changes.action
        calls_off = incident.is_planned and action is Action.DISMISS
        again = calls_off and planned.cut_calling_off(tx, incident) is not None
        has_begun = calls_off and state is IncidentState.CONFIRMED
        if has_begun or not (again or may_start(action, state)):
            course.give_up(tx, found, now=now, why="the work has begun" if has_begun else f"the incident is {state}")
            return None
        if is_overtaken(found.facts, now):  # everything was paused, or the daemon was down; what is older stands
            course.give_up(tx, found, now=now, why="a time it gives has passed")
            return None
        return course.start(tx, found, now=now)

    async def _sweep(self, one: "_ToSweep") -> int:
        """Sweep one broadcast until nothing of it is pending, then finish it when it is settled."""
        total = 0
        while True:
            swept = await self._database.write(lambda tx: self._sweep_chunk(tx, one))
            for (channel, state, reason), number in swept.notifications.items():
                self._metrics.notifications.labels(channel, state, reason).inc(number)
            self._count_promises(swept.promises)
            total += swept.number + int(swept.is_finished)
            if swept.number < SWEPT_AT_MOST:
                return total

    def _sweep_chunk(self, tx: Transaction, one: "_ToSweep") -> "_Swept":
        found, now = broadcasts.load(tx, one.broadcast_id), self._clock.now()
        swept: Counter[tuple[str, str, str]] = Counter()
        if found.state in ENDED:
            by_channel = broadcasts.sweep(tx, found, at_most=SWEPT_AT_MOST, now=now)
            state, reason = _END[found.state]
            swept = Counter({(channel, state, reason): number for channel, number in by_channel.items()})
        elif found.state is not BroadcastState.SENDING or found.started_at is None or found.planned_at is None:
            return _Swept()
        if sum(swept.values()) == SWEPT_AT_MOST:
            return _Swept(notifications=swept)
        if not broadcasts.is_settled(tx, found.id):
            return _Swept(notifications=swept, promises=_answered(tx, found, one, now))
        broadcasts.finish(tx, found, now=now)
        ended: Ended = ()
        if found.state is BroadcastState.SENDING and one.handed_over_at is not None:
            ended = course.handed_over(tx, found, at=one.handed_over_at)
        elif found.state is BroadcastState.CANCELLED:
            ended = course.void_unread(tx, found, now=now)  # what was in hand when it was stopped went back
        return _Swept(notifications=swept, is_finished=True, promises=ended)

    def _count_promises(self, ended: Iterable[tuple[PromiseKind, PromiseState]]) -> None:
        for kind, state in ended:
            self._metrics.promises.labels(kind, state).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToSweep:
    """A broadcast that has ended, or is settled; `handed_over_at`: when its last message had its outcome."""

    broadcast_id: int
    handed_over_at: datetime | None = None  # None: not one was handed over


@dataclass(frozen=True, slots=True, kw_only=True)
class _Swept:
    """What one transaction brought to an end: notifications by (channel, state, reason), and promises."""

    notifications: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    is_finished: bool = False
    promises: Ended = ()

    @property
    def number(self) -> int:
        """How many notifications."""
        return sum(self.notifications.values())


_END: Mapping[BroadcastState, tuple[str, str]] = {
    BroadcastState.SUPERSEDED: (NotificationState.SUPERSEDED, NotificationReason.NEWER_UPDATE),
    BroadcastState.CANCELLED: (NotificationState.CANCELLED, NotificationReason.BROADCAST_CANCELLED),
}


def _leave(clock: Clock, due: StoredBroadcast, older: int, ids: Sequence[int], tx: Transaction) -> Counter[str]:
    found = broadcasts.load(tx, due.id)
    if found.state is not BroadcastState.SENDING or found.started_at is not None:
        return Counter()  # taken back a moment ago
    return leaving.leave(tx, found, older, ids, now=clock.now())


def _is_believed_back(tx: Transaction, found: StoredBroadcast) -> bool:
    return incidents.load(tx, found.incident_id, found.part_id).part.state is PartState.BELIEVED_BACK


def _answered(tx: Transaction, found: StoredBroadcast, one: _ToSweep, now: datetime) -> Ended:
    """End what an update answers though some sleep: they were promised nothing for their night."""
    if one.handed_over_at is None or found.state in ENDED or not broadcasts.is_handed_over(tx, found.id, now):
        return ()
    return course.handed_over(tx, found, at=one.handed_over_at)


def _to_sweep(tx: Transaction, states: Collection[BroadcastState], now: datetime) -> list[_ToSweep]:
    """Return the broadcasts in these states that have ended, or are planned and handed over: only these need a write.

    One of which messages wait for the morning is swept only while it has promises to answer.
    """
    found = []
    for each in broadcasts.unfinished(tx):
        if each.state not in states:
            continue
        if each.state in ENDED:
            found.append(_ToSweep(broadcast_id=each.id))
        elif each.planned_at is not None and (
            broadcasts.is_settled(tx, each.id)
            or (course.answers_promises(tx, each) and broadcasts.is_handed_over(tx, each.id, now))
        ):
            # beside the writer: it walks every message
            found.append(_ToSweep(broadcast_id=each.id, handed_over_at=broadcasts.handed_over_at(tx, each)))
    return found
