"""The watch: needs become alarms, alarms become calls, calls are handed over, until somebody answers or it is over.

Comes in: what the store and this process know to need a person. Goes out: calls, each with its routes committed before
anything is handed over. Every step looks at what is stored and does what is missing, so that it may be killed anywhere:
people are called twice rather than not at all. It asks neither `pause-all` nor the hour.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex
from typing import assert_never
from zoneinfo import ZoneInfo

import structlog

from notifier.domain.delivery import Outcome, Result
from notifier.domain.errors import NotifierError
from notifier.domain.on_call import (
    GATHER,
    CallOutcome,
    CallReason,
    NextCall,
    RouteState,
    Says,
    Verb,
    alarm_key,
    answers_of,
    asked_again_at,
    gathered,
    most_urgent,
    next_call,
    tried_until,
    try_again_after,
)
from notifier.domain.one_time_code import code_of
from notifier.domain.text import lasting
from notifier.messages.on_call import Notice
from notifier.stages import Surroundings
from notifier.stages.on_call.carriers import Carriers
from notifier.stages.on_call.ending import Settled, sweep
from notifier.stages.on_call.people import People
from notifier.stages.on_call.sources import Sources
from notifier.storage.database import Transaction
from notifier.storage.queries.needs import waking
from notifier.storage.queries.needs.waking import Waking
from notifier.storage.repositories import incidents
from notifier.storage.repositories import on_call as stored
from notifier.storage.repositories.on_call import DueRoute, StoredAlarm, Tried

STOPPED = "stopped"  # how the state of a provider begins that does not work
STOPPED_FOR = timedelta(minutes=1)  # before somebody is woken: most stops are shorter
TOUCHED_BEFORE = timedelta(
    minutes=5
)  # who has just worked on an incident is awake, and is not called about its promise
HAND_OVERS_AT_ONCE = 16
FOLLOW_UPS_AT_MOST = 5  # tries to say that something is over

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A call to be made."""

    person: str
    alarms: tuple[StoredAlarm, ...]
    text: str


class Watch:
    """Wakes people on call."""

    def __init__(
        self,
        around: Surroundings,
        people: People,
        carriers: Carriers,
        sources: Sources,
        *,
        secret: str,
        provider_states: Callable[[], Mapping[str, str]],
    ) -> None:
        self._database, self._clock, self._metrics = around.database, around.clock, around.metrics
        self._playbooks, self._zone = around.playbooks, ZoneInfo(around.config.regions.time_zone)
        self._people, self._carriers, self._sources, self._secret = people, carriers, sources, secret
        self._provider_states = provider_states
        self._stopped_since: dict[str, datetime] = {}
        self._began_at = self._clock.now()

    async def step(self) -> None:
        """Do what this moment asks for. When nobody is configured, only the sources are listened to."""
        await self._sources.listen()
        if not self._people:
            return
        await self._look()
        for _ in range(len(self._people.roster.people) + 1):
            await self._call()
            if not await self._hand_over_due():  # somebody was out of reach: the next one is called at once
                break
        ringing = await self._database.read(stored.ringing)
        self._metrics.calls_open.set(ringing)

    # --- needs become alarms ----------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Begin alarms, note who has acted, and end what is over."""
        now = self._clock.now()
        found = await self._database.read(lambda tx: self._found(tx, now))
        if not await self._database.read(lambda tx: self._bring_up_to_date(tx, found, now, write=False)):
            return
        settled = await self._database.write(lambda tx: self._bring_up_to_date(tx, found, now, write=True))
        self.count(settled.settled)

    def _found(self, tx: Transaction, now: datetime) -> dict[str, Waking]:
        standing = {alarm.key: alarm for alarm in stored.open_alarms(tx)}
        each = [
            *waking.waking(tx, now, self._zone, self._playbooks),
            *self._stopped(now, standing),
            *self._silent(standing),
        ]
        return {one.key: one for one in each}

    def _stopped(self, now: datetime, standing: Mapping[str, StoredAlarm]) -> Iterable[Waking]:
        """Yield the providers that have been stopped for long enough, and after a start those that were."""
        states = self._provider_states()
        stopped = {name: state for name, state in states.items() if state.startswith(STOPPED)}
        self._stopped_since = {name: self._stopped_since.get(name, now) for name in stopped}
        just_began = now < self._began_at + 2 * STOPPED_FOR
        for name in states:
            key = alarm_key(CallReason.PROVIDER_STOPPED, name)
            state = stopped.get(name, "stopped before this daemon was started")
            is_long = name in stopped and now >= self._stopped_since[name] + STOPPED_FOR
            if is_long or (key in standing and (name in stopped or just_began)):
                why = state.partition("; tried again")[0]
                yield Waking(
                    key=key,
                    reason=CallReason.PROVIDER_STOPPED,
                    text=f"provider {name} is {why}. Messages wait. Look: notifier status",
                )

    def _silent(self, standing: Mapping[str, StoredAlarm]) -> Iterable[Waking]:
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
        for alarm in standing.values():
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
        if alarm.incident_id is None or alarm.reason is CallReason.APPROVAL_WAITING:
            return 0
        is_suspected = alarm.reason is CallReason.SUSPECTED
        since = incidents.load(tx, alarm.incident_id).opened_at if is_suspected else alarm.opened_at - TOUCHED_BEFORE
        act = waking.acted(tx, alarm.incident_id, since=since)
        if act is None or (alarm.answered_at is not None and act.at <= alarm.answered_at):
            return 0
        until = asked_again_at(act.at, need.due_at)
        if until <= now:
            return 0
        if write:
            stored.answer(tx, alarm.id, by=act.by, said="acted", rests_until=until, now=now)
        return 1

    # --- alarms become calls ----------------------------------------------------------------------------------------

    async def _call(self) -> None:
        """Make the calls that are due."""
        now = self._clock.now()
        placings = await self._database.read(lambda tx: self._due(tx, now))
        if placings:
            settled = await self._database.write(lambda tx: self._place(tx, placings, now))
            self.count(settled)

    def _due(self, tx: Transaction, now: datetime) -> list[Placing]:
        """Return whom to call about what; the texts are made here, beside the writer: they count customers."""
        alarms = {alarm.key: alarm for alarm in stored.open_alarms(tx) if alarm.reason is not CallReason.TEST}
        if not alarms:
            return []
        waiting = {key: each for key, alarm in alarms.items() if (each := self._next(tx, alarm)) is not None}
        last = stored.last_called(tx, since=now - GATHER)
        calls = gathered(waiting, last, now=now)
        if not calls:
            return []
        found = self._found(tx, now)
        return [self._placing(tx, person, [alarms[key] for key in keys], found) for person, keys in calls.items()]

    def _next(self, tx: Transaction, alarm: StoredAlarm) -> NextCall | None:
        roster = self._people.roster
        if alarm.reason is CallReason.APPROVAL_WAITING:
            author = waking.author(tx, alarm.broadcast_id)
            roster = roster.without(name for name in roster.people if self._people.is_same(name, author))
        first = self._people.behind(alarm.answered_by)
        return next_call(stored.turns(tx, alarm), roster, since=alarm.since, first=first)

    def _placing(
        self, tx: Transaction, person: str, alarms: Sequence[StoredAlarm], found: Mapping[str, Waking]
    ) -> Placing:
        texts = [waking.describe(tx, found[alarm.key]) for alarm in alarms if alarm.key in found]
        return Placing(
            person=person,
            alarms=tuple(alarms),
            text=texts[0] if len(texts) == 1 else waking.together(texts),
        )

    def _place(self, tx: Transaction, placings: Sequence[Placing], now: datetime) -> list[Settled]:
        settled: list[Settled] = []
        standing = {alarm.id: alarm for alarm in stored.open_alarms(tx)}
        for each in placings:
            # somebody may have answered while the text was made
            alarms = [alarm for alarm in each.alarms if standing.get(alarm.id) == alarm]
            if not alarms:
                continue
            settled += _passed_on(tx, alarms)
            may_approve = not any(
                self._people.is_same(each.person, waking.author(tx, alarm.broadcast_id)) for alarm in alarms
            )
            self.place(
                tx,
                person=each.person,
                alarms=alarms,
                text=each.text,
                verbs=answers_of([alarm.reason for alarm in alarms], may_approve=may_approve),
                now=now,
            )
        return settled

    def place(
        self,
        tx: Transaction,
        *,
        person: str,
        alarms: Sequence[StoredAlarm],
        text: str,
        verbs: Sequence[Verb],
        now: datetime,
    ) -> int:
        """Store a call of a person by all their routes."""
        call_id = stored.place(
            tx,
            person=person,
            reason=most_urgent(alarm.reason for alarm in alarms),
            text=text,
            verbs=verbs,
            code_salt=token_hex(16),
            alarm_ids=[alarm.id for alarm in alarms],
            routes=self._people.routes(person),
            now=now,
        )
        for alarm in alarms:
            if alarm.incident_id is not None:
                incidents.record(
                    tx, alarm.incident_id, at=now, event="called", actor="daemon", detail={"person": person}
                )
        return call_id

    # --- calls are handed over --------------------------------------------------------------------------------------

    async def _hand_over_due(self) -> bool:
        """Hand over everything that is due, beside each other; tell whether somebody turned out to be out of reach."""
        now = self._clock.now()
        due = await self._database.read(lambda tx: stored.due(tx, now=now))
        room = asyncio.Semaphore(HAND_OVERS_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for each in due:
                tasks.create_task(self._hand_over(each, room), name=f"call {each.call.id} by {each.route}")
        calls = {each.call.id for each in due if each.says is Says.CALL}
        return await self._database.read(lambda tx: any(stored.is_lost(tx, call_id) for call_id in calls))

    async def _hand_over(self, due: DueRoute, room: asyncio.Semaphore) -> None:
        person = self._people.find(due.call.person)
        if person is None or due.route not in self._people.routes(due.call.person):
            outcome = Outcome(result=Result.PERMANENT, answer="this route is not configured any more")
        else:
            async with room:
                outcome = await self._carriers.hand_over(self._notice(due), person, due.route, attempt=due.attempts + 1)
        now = self._clock.now()
        tried = _judged(due, outcome, now=now, answer_within=self._people.roster.answer_within)
        try:
            await self._database.write(lambda tx: stored.record(tx, tried, now=now))
        except NotifierError:  # it is handed over again: twice is better than that the others are cut off
            log.exception("what became of an on-call notice could not be stored", call=due.call.id)
        say = log.info if tried.state is RouteState.HANDED_OVER else log.error
        say(
            "on-call notice",
            call=due.call.id,
            route=str(due.route),
            says=str(due.says),
            result=str(outcome.result),
            code=outcome.code,
            attempt=due.attempts + 1,
        )

    def _notice(self, due: DueRoute) -> Notice:
        call = due.call
        return Notice(
            id=call.id,
            route_id=due.id,
            says=due.says,
            reason=call.reason,
            text=due.text or call.text,
            verbs=call.verbs,
            code=code_of(self._secret, call.code_salt) if self._people.number(call.person) else "",
            answer_within=self._people.roster.answer_within,
            others=len(self._people.roster.people) - 1,
            at=call.called_at,
        )

    def count(self, settled: Iterable[Settled]) -> None:
        """Count how calls ended."""
        for reason, outcome in settled:
            self._metrics.calls.labels(reason, outcome).inc()


@dataclass(slots=True)
class _Settling:
    """What changed."""

    changes: int = 0
    settled: tuple[Settled, ...] = ()

    def __bool__(self) -> bool:
        return self.changes > 0


def _passed_on(tx: Transaction, alarms: Sequence[StoredAlarm]) -> list[Settled]:
    """Settle the calls about these alarms that nobody answered: the next one is called now."""
    settled = []
    for call in stored.unfinished(tx):
        about = {alarm.id for alarm in stored.alarms_of(tx, call.id)}
        if call.outcome is None and about & {alarm.id for alarm in alarms}:
            outcome = CallOutcome.UNREACHABLE if stored.is_lost(tx, call.id) else CallOutcome.UNANSWERED
            if stored.settle(tx, call.id, outcome):
                settled.append((call.reason, outcome))
    return settled


def _judged(due: DueRoute, outcome: Outcome, *, now: datetime, answer_within: timedelta) -> Tried:
    """Decide whether a hand-over is tried again."""
    provider = str(due.route)
    match outcome.result:
        case Result.ACCEPTED:
            return Tried(
                route_id=due.id, state=RouteState.HANDED_OVER, provider=provider, provider_id=outcome.provider_id
            )
        case Result.PERMANENT | Result.RENDER_FAILED:
            again = None
        case Result.TEMPORARY | Result.OURS | Result.UNKNOWN:  # unknown too: called twice is better than not called
            wait = max(try_again_after(due.attempts + 1), outcome.retry_after or timedelta())
            is_call = due.says is Says.CALL
            late = now + wait > tried_until(due.call.called_at, answer_within)
            given_up = late if is_call else due.attempts + 1 >= FOLLOW_UPS_AT_MOST
            again = None if given_up else now + wait
        case _:
            assert_never(outcome.result)
    problem = f"{outcome.code} {outcome.answer}".strip() or str(outcome.result)
    state = RouteState.FAILED if again is None else RouteState.WAITING
    return Tried(route_id=due.id, state=state, provider=provider, problem=problem, due_at=again)
