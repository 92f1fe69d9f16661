"""Needs become alarms: what is new begins one, what somebody works on rests, what is gone ends it.

Comes in: what the store knows to need a person, and what only this process knows (stopped providers, silent sources).
Goes out: alarms. What only a process knows is not taken for over just because the process is a new one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.domain.on_call import CallReason, alarm_key, asked_again_at
from notifier.domain.text import lasting
from notifier.stages import Surroundings
from notifier.stages.on_call.ending import Settled, sweep
from notifier.stages.on_call.people import People
from notifier.stages.on_call.sources import Sources
from notifier.storage.database import Transaction
from notifier.storage.queries.needs import waking
from notifier.storage.queries.needs.waking import Waking
from notifier.storage.repositories import incidents
from notifier.storage.repositories import on_call as stored
from notifier.storage.repositories.on_call import StoredAlarm

STOPPED = "stopped"  # how the state of a provider begins that does not work
STOPPED_FOR = timedelta(minutes=1)  # before somebody is woken: most stops are shorter
TOUCHED_BEFORE = timedelta(minutes=5)  # who has just worked on an incident is awake: no call about its promise


class Noticing:
    """Keeps the alarms up to date."""

    def __init__(
        self,
        around: Surroundings,
        people: People,
        sources: Sources,
        provider_states: Callable[[], Mapping[str, str]],
    ) -> None:
        self._database, self._clock = around.database, around.clock
        self._playbooks, self._zone = around.playbooks, ZoneInfo(around.config.regions.time_zone)
        self._people, self._sources, self._provider_states = people, sources, provider_states
        self._stopped_since: dict[str, datetime] = {}
        self._began_at = self._clock.now()

    async def look(self) -> tuple[dict[str, Waking], Sequence[Settled]]:
        """Begin alarms, note who has acted, and end what is over; return what wakes now, and how calls ended."""
        now = self._clock.now()
        standing = await self._database.read(stored.open_alarms)
        here = [*self._stopped(now, standing), *self._silent(standing)]
        found = await self._database.read(lambda tx: self._with_stored(tx, here, now))
        if not await self._database.read(lambda tx: self._bring_up_to_date(tx, found, now, write=False)):
            return found, ()
        done = await self._database.write(lambda tx: self._bring_up_to_date(tx, found, now, write=True))
        return found, done.settled

    def _with_stored(self, tx: Transaction, here: Sequence[Waking], now: datetime) -> dict[str, Waking]:
        return {each.key: each for each in (*waking.waking(tx, now, self._zone, self._playbooks), *here)}

    def _stopped(self, now: datetime, standing: Sequence[StoredAlarm]) -> Iterator[Waking]:
        """Yield the providers that have been stopped for long enough, and after a start those that were."""
        states = self._provider_states()
        stopped = {name: state for name, state in states.items() if state.startswith(STOPPED)}
        self._stopped_since = {name: self._stopped_since.get(name, now) for name in stopped}
        just_began = now < self._began_at + 2 * STOPPED_FOR
        known = {alarm.key for alarm in standing}
        for name in states:
            key = alarm_key(CallReason.PROVIDER_STOPPED, name)
            state = stopped.get(name, "stopped before this daemon was started")
            is_long = name in stopped and now >= self._stopped_since[name] + STOPPED_FOR
            if is_long or (key in known and (name in stopped or just_began)):
                why = state.partition("; tried again")[0]
                yield Waking(
                    key=key,
                    reason=CallReason.PROVIDER_STOPPED,
                    text=f"provider {name} is {why}. Messages wait. Look: notifier status",
                )

    def _silent(self, standing: Sequence[StoredAlarm]) -> Iterator[Waking]:
        """Yield the sources that are silent for too long, and those that were and have not spoken since."""
        silent = {each.name: each for each in self._sources.silent()}
        for name, each in silent.items():
            usual, lasts = lasting(each.news_at - each.since), lasting(self._clock.now() - each.since)
            yield Waking(
                key=alarm_key(CallReason.SOURCE_SILENT, name),
                reason=CallReason.SOURCE_SILENT,
                text=(
                    f"source {name}: nothing came in for {lasts}; at this time it is never silent for more than"
                    f" {usual}. Complaints may be lost: look at its intake"
                ),
            )
        for alarm in standing:
            name = alarm.key.removeprefix(alarm_key(CallReason.SOURCE_SILENT, ""))
            if alarm.reason is not CallReason.SOURCE_SILENT or name in silent:
                continue
            if not self._sources.has_spoken(name, since=alarm.opened_at):
                yield Waking(
                    key=alarm.key,
                    reason=alarm.reason,
                    text=f"source {name}: still silent. Complaints may be lost: look at its intake",
                )

    def _bring_up_to_date(
        self, tx: Transaction, found: Mapping[str, Waking], now: datetime, *, write: bool
    ) -> "_Settling":
        """Compare alarms with needs; with `write`, store what has changed. Tells whether there was anything."""
        done = _Settling()
        standing = {alarm.key: alarm for alarm in stored.open_alarms(tx)}
        for key, each in found.items():
            if key not in standing:
                done.changes += 1
                if write:
                    alarm = stored.begin(
                        tx,
                        key=key,
                        reason=each.reason,
                        now=now,
                        incident_id=each.incident_id,
                        broadcast_id=each.broadcast_id,
                    )
                    self._note_act(tx, alarm, each, now, write=True)
        for key, alarm in standing.items():
            if self._is_over(alarm, found, now):
                done.changes += 1
                if write:
                    stored.end(tx, alarm.id, now=now)
            elif key in found:
                done.changes += self._note_act(tx, alarm, found[key], now, write=write)
        if write and done.changes:
            done.settled += sweep(tx, self._people, self._zone, now=now)
        return done

    def _is_over(self, alarm: StoredAlarm, found: Mapping[str, Waking], now: datetime) -> bool:
        if alarm.reason is CallReason.TEST:
            return now >= alarm.opened_at + self._people.roster.answer_within
        return alarm.key not in found

    def _note_act(self, tx: Transaction, alarm: StoredAlarm, need: Waking, now: datetime, *, write: bool) -> int:
        """Let an alarm rest while somebody works on its incident; return 1 when that is new."""
        if alarm.reason is CallReason.APPROVAL_WAITING:
            return 0
        if need.event_id is not None:
            act = waking.acted_in_event(tx, need.event_id, since=alarm.opened_at - TOUCHED_BEFORE)
        elif alarm.incident_id is None:
            return 0
        else:
            is_suspected = alarm.reason is CallReason.SUSPECTED
            opened_at = incidents.load(tx, alarm.incident_id).opened_at
            since = opened_at if is_suspected else alarm.opened_at - TOUCHED_BEFORE
            act = waking.acted(tx, alarm.incident_id, since=since)
        if act is None or (alarm.answered_at is not None and act.at <= alarm.answered_at):
            return 0
        until = asked_again_at(act.at, need.due_at)
        if until <= now:
            return 0
        if write:
            stored.answer(tx, alarm.id, by=act.by, said="acted", rests_until=until, now=now)
        return 1


@dataclass(slots=True)
class _Settling:
    """What changed."""

    changes: int = 0
    settled: tuple[Settled, ...] = ()

    def __bool__(self) -> bool:
        return self.changes > 0
