"""Alarms become calls: whom to call about what, now, in one text.

Comes in: the alarms that stand, and what wakes. Goes out: calls, each stored with its routes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex

from notifier.domain.on_call import (
    GATHER,
    CallOutcome,
    CallReason,
    NextCall,
    Says,
    Verb,
    answers_of,
    gathered,
    most_urgent,
    next_call,
)
from notifier.stages import Surroundings
from notifier.stages.on_call.ending import Settled
from notifier.stages.on_call.people import People
from notifier.storage.database import Transaction
from notifier.storage.queries.needs import waking
from notifier.storage.queries.needs.waking import Waking
from notifier.storage.repositories import automatic, call_routes, incidents
from notifier.storage.repositories import on_call as stored
from notifier.storage.repositories.on_call import StoredAlarm


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A call to be made."""

    person: str
    alarms: tuple[StoredAlarm, ...]
    text: str
    may_send: bool = True  # by text, without having looked


class Calling:
    """Calls whoever is next."""

    def __init__(self, around: Surroundings, people: People) -> None:
        self._database, self._clock, self._people = around.database, around.clock, people
        self._certain = around.config.detection.certain

    async def call(self, found: Mapping[str, Waking]) -> Sequence[Settled]:
        """Make the calls that are due about what wakes; return how the calls before them ended."""
        now = self._clock.now()
        placings = await self._database.read(lambda tx: self._due(tx, found, now))
        return await self._database.write(lambda tx: self._place(tx, placings, now)) if placings else ()

    def _due(self, tx: Transaction, found: Mapping[str, Waking], now: datetime) -> list[Placing]:
        """Return whom to call about what; the texts are made here, beside the writer: they count customers."""
        alarms = {alarm.key: alarm for alarm in stored.open_alarms(tx) if alarm.key in found}  # a test is no need
        following = {key: self._next(tx, alarm, found[key]) for key, alarm in alarms.items()}
        waiting = {key: each for key, each in following.items() if each is not None}
        calls = gathered(waiting, stored.last_called(tx, since=now - GATHER), now=now) if waiting else {}
        return [self._placing(tx, person, [alarms[key] for key in keys], found) for person, keys in calls.items()]

    def _next(self, tx: Transaction, alarm: StoredAlarm, need: Waking) -> NextCall | None:
        roster = self._people.roster
        if alarm.reason is CallReason.APPROVAL_WAITING:
            roster = roster.without(name for name in roster.people if self._is_author(tx, name, alarm))
        first = self._people.behind(alarm.answered_by) or need.person
        return next_call(stored.turns(tx, alarm), roster, since=alarm.since, first=first)

    def _is_author(self, tx: Transaction, name: str, alarm: StoredAlarm) -> bool:
        """Tell whether a person has drafted or sent what waits for a second one."""
        return any(self._people.is_same(name, author) for author in waking.authors(tx, alarm.broadcast_id))

    def _placing(
        self, tx: Transaction, person: str, alarms: Sequence[StoredAlarm], found: Mapping[str, Waking]
    ) -> Placing:
        texts = [waking.describe(tx, found[alarm.key]) for alarm in alarms]
        if len(texts) > 1:
            return Placing(person=person, alarms=tuple(alarms), text=waking.together(texts))
        if self._may_send(tx, alarms[0]):
            return Placing(person=person, alarms=tuple(alarms), text=texts[0])
        look = f"{texts[0]}. Its place is not certain: look first, notifier tell {alarms[0].incident_id}"
        return Placing(person=person, alarms=tuple(alarms), text=look, may_send=False)

    def _may_send(self, tx: Transaction, alarm: StoredAlarm) -> bool:
        """Tell whether what is suspected may be told by an answer: what decides is what the daemon itself may do."""
        if alarm.reason is not CallReason.SUSPECTED or alarm.incident_id is None:
            return True
        return automatic.is_place_settled(tx, alarm.incident_id, now=self._clock.now(), certain=self._certain)

    def _place(self, tx: Transaction, placings: Sequence[Placing], now: datetime) -> list[Settled]:
        settled: list[Settled] = []
        standing = {alarm.id: alarm for alarm in stored.open_alarms(tx)}
        for each in placings:
            # somebody may have answered while the text was made
            alarms = [alarm for alarm in each.alarms if standing.get(alarm.id) == alarm]
            if not alarms:
                continue
            settled += _passed_on(tx, alarms)
            may_approve = not any(self._is_author(tx, each.person, alarm) for alarm in alarms)
            self.place(
                tx,
                person=each.person,
                alarms=alarms,
                text=each.text,
                verbs=answers_of([alarm.reason for alarm in alarms], may_approve=may_approve, may_send=each.may_send),
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
            now=now,
        )
        for route in self._people.routes(person):
            call_routes.to_hand_over(tx, call_id, route, Says.CALL, "", now=now)
        for alarm in alarms:
            if alarm.incident_id is not None:
                incidents.record(
                    tx, alarm.incident_id, at=now, event="called", actor="daemon", detail={"person": person}
                )
        return call_id


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
