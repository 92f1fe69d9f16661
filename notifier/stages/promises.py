"""Promises: nothing told to customers is forgotten. Warn, send the authorised `delayed` in time, or say it was missed.

Looks at every open promise each time it is called. The `delayed` it sends gives no new time of its own: only the
playbook's next update; after `automatic_delays` in a row, or while everything is paused, only a person can go on. What
lapsed while the daemon was down is recorded as missed, and the `delayed` goes out late and says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from msgspec.structs import replace

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.broadcast import BroadcastKind, BroadcastReason, Facts, time_to_finish
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.domain.promise import Answer, Promise, PromiseKind, PromiseState, Verdict, unread, watch
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.storage.database import Database, Transaction
from notifier.storage.queries import broadcasts as shown
from notifier.storage.repositories import (
    broadcasts,
    control,
    course,
    events,
    incidents,
    mornings,
    named_sites,
    parts,
    promises,
)
from notifier.storage.repositories.course import Ended
from notifier.storage.repositories.promises import Watched

_log = structlog.get_logger(__name__)
WATCHER = "daemon"
SAID_AFRESH_BEFORE = timedelta(minutes=1)  # the end of a night
_EVENTS = {
    Verdict.WARN: "promise_due_soon",
    Verdict.PERSON: "promise_needs_a_person",
    Verdict.LATE: "promise_missed",
    Verdict.MISSED: "promise_missed",
}
_ENDS = {
    Verdict.MISSED: PromiseState.MISSED,
    Verdict.LATE: PromiseState.MISSED,
    Verdict.VOID: PromiseState.VOID,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Acted:
    """What the watcher did about one promise, for metrics and the log."""

    promise: Promise
    verdict: Verdict
    ended: Ended = ()


class Promises:
    """Watches every promise."""

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
        self._rates: dict[Channel, float] = {}
        for provider in config.providers:
            self._rates.setdefault(provider.channel, provider.rate)

    async def watch(self) -> None:
        """Do what this minute asks for."""
        now = self._clock.now()
        for broadcast_id in await self._database.read(lambda tx: self._look_at_mornings(tx, now)):
            number = await self._database.read(partial(_count, broadcast_id=broadcast_id))
            said = await self._database.write(partial(self._say_afresh, broadcast_id=broadcast_id, customers=number))
            if said:
                self._tell_of_update()
        due = await self._database.read(lambda tx: self._look(tx, now))
        numbers = await self._database.read(lambda tx: _counts(tx, due)) if due else {}
        for promise_id, number in numbers.items():
            acted = await self._database.write(partial(self._act, promise_id=promise_id, customers=number))
            if acted is not None:
                self._tell(acted)

    def _look(self, tx: Transaction, now: datetime) -> list[int]:
        """Return the ids of the open promises that something is to be done about."""
        paused = control.is_paused(tx)
        return [
            each.promise.id
            for each in promises.open_ones(tx, now)
            if self._verdict(tx, each, now, paused) is not Verdict.NOTHING
        ]

    def _verdict(self, tx: Transaction, watched: Watched, now: datetime, paused: bool) -> Verdict:
        playbook = self._playbooks.get(watched.service)
        if playbook is None:
            has_lapsed = now >= watched.promise.due_at and watched.answer is not Answer.HANDED_OVER
            return Verdict.MISSED if has_lapsed else Verdict.NOTHING
        far = watched.promise.due_at - max(playbook.warn_before, playbook.delay_before) * 2
        to_finish = timedelta() if now < far else self._to_finish(tx, watched.promise)
        verdict = watch(
            watched.promise,
            watched.part_state,
            now=now,
            playbook=playbook,
            to_finish=to_finish,
            update_at=watched.update_at,
            answer=watched.answer,
            paused=paused,
        )
        if verdict is Verdict.NOTHING or not broadcasts.is_read_by_nobody(tx, watched.promise.broadcast_id, now):
            return verdict
        return unread(verdict, watched.promise, now=now)

    def _to_finish(self, tx: Transaction, promise: Promise) -> timedelta:
        """Return how long an update to those who were given the promise takes."""
        return time_to_finish(shown.by_channel(tx, promise.broadcast_id), self._rates)

    def _act(self, tx: Transaction, promise_id: int, customers: int) -> Acted | None:
        """Decide again on what is stored now, then do it."""
        now = self._clock.now()
        watched = next(iter(promises.open_ones(tx, now, only=promise_id)), None)
        if watched is None:
            return None
        promise = watched.promise
        verdict = self._verdict(tx, watched, now, control.is_paused(tx))
        match verdict:
            case Verdict.NOTHING:
                return None
            case Verdict.WARN | Verdict.PERSON:
                promises.mark_warned(tx, promise.id, now)
            case Verdict.MISSED:
                promises.end(tx, promise, PromiseState.MISSED, now=now)
            case Verdict.LATE:
                promises.end(tx, promise, PromiseState.MISSED, now=now)
                self._delay(tx, promise, self._playbooks[watched.service], customers, now, late=True)
            case Verdict.DELAY:
                self._delay(tx, promise, self._playbooks[watched.service], customers, now)
            case Verdict.VOID:
                promises.end(tx, promise, PromiseState.VOID, now=now)
        if verdict in _EVENTS:
            detail = {"promise": promise.id, "kind": str(promise.kind), "due_at": promise.due_at}
            incidents.record(tx, promise.incident_id, at=now, event=_EVENTS[verdict], actor=WATCHER, detail=detail)
        ended = _ENDS.get(verdict)
        return Acted(promise=promise, verdict=verdict, ended=() if ended is None else ((promise.kind, ended),))

    def _delay(
        self,
        tx: Transaction,
        promise: Promise,
        playbook: Playbook,
        customers: int,
        now: datetime,
        *,
        late: bool = False,
    ) -> None:
        """Send the `delayed` that was authorised with the promise: it starts at once and supersedes what is older."""
        told = broadcasts.load(tx, promise.broadcast_id)
        playbook = _in_force(tx, promise.incident_id, playbook, now)
        eta = _told_eta(tx, promise)
        stands = promise.kind is not PromiseKind.ETA and eta is not None and _stands(eta, promise, playbook, now)
        standing = eta if stands else None  # a person's word: it is kept
        lapsed_eta = None if stands else eta
        facts = Facts(
            service=told.facts.service,
            impact=told.facts.impact,
            started_at=told.facts.started_at,
            cause=told.facts.cause,  # what was told: a person's update that has not started may yet be taken back
            crew=told.facts.crew,
            next_update_by=now + playbook.next_update_within,
            eta_at=standing,
            previous_eta_at=lapsed_eta,
            previous_update_by=None if lapsed_eta else promise.due_at,
            customers=customers,
            automatic=True,
            late=late,
        )
        if told.facts.window_until_at is not None:  # planned work that goes on after its end
            window = (told.facts.window_from_at, told.facts.window_until_at)
            facts = replace(facts, window_from_at=window[0], window_until_at=window[1])
        _send(tx, facts, part_id=promise.part_id, now=now, automatic_in_row=promise.automatic_in_row + 1)

    # --- mornings

    def _look_at_mornings(self, tx: Transaction, now: datetime) -> list[int]:
        """Return the updates that are released in a moment, after a night in which their times have passed."""
        if control.is_paused(tx):
            return []
        return [each.id for each in mornings.to_say_afresh(tx, released_by=now + SAID_AFRESH_BEFORE)]

    def _say_afresh(self, tx: Transaction, broadcast_id: int, customers: int) -> bool:
        """Say once more what was held, with the facts of this minute: no time of its own but that of the next word."""
        now = self._clock.now()
        told = broadcasts.load(tx, broadcast_id)
        playbook = self._playbooks.get(told.facts.service)
        if playbook is None or control.is_paused(tx) or not mornings.may_say_afresh(tx, broadcast_id):
            return False
        playbook = _in_force(tx, told.incident_id, playbook, now)
        was_told = broadcasts.was_told_by(tx, broadcast_id)  # by mail: then its promises were read, and lapsed
        eta = told.facts.eta_at
        stands = eta is not None and eta > now + playbook.warn_before
        lapsed_eta = eta if was_told and not stands else None
        facts = Facts(
            service=told.facts.service,
            impact=told.facts.impact,
            started_at=told.facts.started_at,
            cause=told.facts.cause,
            crew=told.facts.crew,
            next_update_by=now + playbook.next_update_within,
            eta_at=eta if stands else None,
            previous_eta_at=lapsed_eta,
            previous_update_by=told.facts.next_update_by if was_told and lapsed_eta is None else None,
            customers=customers,
            automatic=True,
            late=was_told,
        )
        made = [each.automatic_in_row for each in promises.of_broadcast(tx, broadcast_id)]
        _send(tx, facts, part_id=told.part_id, now=now, automatic_in_row=max(made, default=0) + 1)
        return True

    def _tell(self, acted: Acted) -> None:
        for kind, state in acted.ended:
            self._metrics.promises.labels(kind, state).inc()
        if acted.verdict is Verdict.VOID:
            return  # nobody was promised anything
        if acted.verdict in (Verdict.DELAY, Verdict.LATE):
            self._tell_of_update()
        _log.warning(
            "a promise needed attention",
            incident=acted.promise.incident_id,
            promise=acted.promise.id,
            kind=str(acted.promise.kind),
            verdict=str(acted.verdict),
        )

    def _tell_of_update(self) -> None:
        self._metrics.broadcasts_sent.labels(BroadcastKind.DELAYED).inc()
        self._queue.recall()  # of what it supersedes
        self._queue.wake(Topic.BROADCASTS)
        self._queue.wake(Topic.NOTIFICATIONS)


def _count(tx: Transaction, broadcast_id: int) -> int:
    """Count whom a `delayed` would be for that says an update afresh, beside the writer."""
    found = broadcasts.load(tx, broadcast_id)
    return named_sites.customers_of(tx, found.part_id, found)


def _counts(tx: Transaction, promise_ids: Sequence[int]) -> dict[int, int]:
    """Count whom a `delayed` would be for, by promise, beside the writer: one walk for all parts of an incident."""
    found: dict[int, int] = {}
    walked: dict[int, dict[int, int]] = {}
    for promise_id in promise_ids:
        promise = promises.load(tx, promise_id)
        told = broadcasts.load(tx, promise.broadcast_id)
        part = parts.load(tx, promise.part_id)
        if not part.is_own or not parts.are_several(tx, part.incident_id):
            found[promise_id] = named_sites.customers_of(tx, part.id, told)
            continue
        if part.incident_id not in walked:
            walked[part.incident_id] = named_sites.customers_by_part(tx, incidents.load(tx, part.incident_id))
        found[promise_id] = walked[part.incident_id].get(part.id, 0)
    return found


def _send(tx: Transaction, facts: Facts, *, part_id: int, now: datetime, automatic_in_row: int) -> None:
    """Send a `delayed` to a part in the place of what was told: it starts at once and supersedes what is older."""
    incident = incidents.load(tx, parts.load(tx, part_id).incident_id, part_id)
    broadcast_id = broadcasts.create(
        tx,
        incident_id=incident.id,
        part_id=part_id,
        kind=BroadcastKind.PLANNED_OVERRUN if incident.is_planned else BroadcastKind.DELAYED,
        facts=facts,
        changes=None,
        now=now,
        by=WATCHER,
        correlation_id=incident.correlation_id,
        may_delay=True,
        automatic=True,
    )
    broadcasts.authorise(
        tx,
        broadcasts.load(tx, broadcast_id),
        facts=facts,
        changes=None,
        customers=facts.customers,
        not_before_at=now,
        by=WATCHER,
        now=now,
        reason=BroadcastReason.BY_PROMISE,
    )
    incidents.set_times(tx, part_id, eta_at=facts.eta_at, next_update_by=facts.next_update_by)
    course.start(tx, broadcasts.load(tx, broadcast_id), now=now, automatic_in_row=automatic_in_row)


def _in_force(tx: Transaction, incident_id: int, playbook: Playbook, now: datetime) -> Playbook:
    """Return the playbook with the cadence of the event that an incident is in."""
    return events.in_force(tx, incident_id, incidents.load(tx, incident_id).started_at, playbook, now=now)


def _told_eta(tx: Transaction, promise: Promise) -> datetime | None:
    """Return the ETA itself, or the one that was told with a "next update by" and is open too."""
    if promise.kind is PromiseKind.ETA:
        return promise.due_at
    told = promises.open_in(promises.of_part(tx, promise.incident_id, promise.part_id))
    return next(
        (one.due_at for one in told if one.kind is PromiseKind.ETA and one.broadcast_id == promise.broadcast_id), None
    )


def _stands(eta: datetime, promise: Promise, playbook: Playbook, now: datetime) -> bool:
    """Tell whether an ETA told with a "next update by" that lapses will not be in danger itself soon after."""
    return eta > max(now, promise.due_at) + playbook.warn_before
