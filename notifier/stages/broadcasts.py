"""Broadcasts: from a draft to the last message. Show, send by count, approve, take back, start, supersede, complete.

Comes in: a draft, and the number of customers a person has typed. Goes out: an authorised broadcast that planning and
delivery work on. Nothing is claimed before it has started; until then any key takes it back without a trace for
customers.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import structlog
from msgspec.structs import replace as revise

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import (
    BroadcastKind,
    BroadcastReason,
    BroadcastState,
    Facts,
    check_eta,
    check_next_update,
    is_overtaken,
    not_before,
)
from notifier.domain.errors import Forbidden, NotifierError, Refused
from notifier.domain.incident import Action, Changes, PartState, may_start, require_action
from notifier.domain.notification import Channel, NotificationFacts, NotificationReason, NotificationState
from notifier.domain.playbook import Playbook
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.queries import broadcasts as shown
from notifier.storage.queries.broadcasts import RenderedMessage
from notifier.storage.repositories import audience, audit, broadcasts, control, incidents, places, updates
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.repositories.updates import Ended, Started
from notifier.storage.views import BroadcastView, Preview

SWEPT_AT_MOST = 2_000  # notifications in one transaction
ENDED = (BroadcastState.SUPERSEDED, BroadcastState.CANCELLED)
TAKES_A_PLACE = (Action.CONFIRM, Action.REOPEN)

log = structlog.get_logger(__name__)


class Messages(Protocol):
    """What is needed of the messages: samples."""

    def render(
        self, channel: Channel, kind: BroadcastKind, facts: Facts, personal: NotificationFacts, /
    ) -> RenderedMessage:
        """Return a message as one reader sees it."""
        ...


class Broadcasts:
    """What people and time do with broadcasts."""

    def __init__(self, around: Surroundings, messages: Messages) -> None:
        self._database, self._config, self._clock = around.database, around.config, around.clock
        self._queue, self._metrics, self._playbooks = around.queue, around.metrics, around.playbooks
        self._messages = messages

    # --- looking ----------------------------------------------------------------------------------------------------

    async def show(self, broadcast_id: int) -> BroadcastView:
        """Return one broadcast with its progress; raise `NotFound`."""
        return await self._database.read(lambda tx: shown.view(tx, broadcast_id))

    async def preview(self, broadcast_id: int) -> Preview:
        """Return what a broadcast would do now; writes nothing."""

        def look(tx: Transaction) -> Preview:
            playbook = self._playbook(broadcasts.load(tx, broadcast_id))
            outlook = shown.outlook(self._config, playbook, now=self._clock.now(), render=self._messages.render)
            return shown.preview(tx, broadcast_id, outlook)

        return await self._database.read(look)

    # --- what people do ---------------------------------------------------------------------------------------------

    async def send(self, broadcast_id: int, count: int, actor: Actor) -> BroadcastView:
        """Authorise a draft for the customers that were counted, or put it before a second person.

        Raises `Refused` when the count is not the one of now.
        """
        counted = await self._count(broadcast_id)

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            _require(found, BroadcastState.DRAFT, "sent")
            _require_count(found, count, counted)
            limit = self._playbook(found).audience_limit
            if counted > limit:
                self._require_possible(tx, found, now)
                broadcasts.wait_for_approval(tx, found, customers=counted, by=actor.name, now=now)
                detail = {"broadcast": found.id, "customers": counted, "limit": limit}
                incidents.record(tx, found.incident_id, at=now, event="approval_asked", actor=actor.name, detail=detail)
            else:
                self._authorise(tx, found, counted, actor, now)

        return await self._act("send", broadcast_id, actor, decide, detail={"count": count})

    async def approve(self, broadcast_id: int, count: int, actor: Actor) -> BroadcastView:
        """Authorise what another key has sent; raises `Forbidden` for the key that sent it."""
        counted = await self._count(broadcast_id)

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            _require(found, BroadcastState.AWAITING_APPROVAL, "approved")
            if actor.name == found.sent_by:
                raise Forbidden(f"broadcast {found.id} was sent by '{actor.name}'; another key has to approve it")
            _require_count(found, count, counted)
            self._authorise(tx, found, counted, actor, now)

        return await self._act("approve", broadcast_id, actor, decide, detail={"count": count})

    async def reject(self, broadcast_id: int, reason: str, actor: Actor) -> BroadcastView:
        """Say no to what another key has sent; the reason is for the timeline only."""

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            _require(found, BroadcastState.AWAITING_APPROVAL, "rejected")
            broadcasts.end(tx, found, BroadcastState.CANCELLED, BroadcastReason.REJECTED, now=now)
            detail = {"broadcast": found.id, "reason": reason[:1000]}
            incidents.record(tx, found.incident_id, at=now, event="rejected", actor=actor.name, detail=detail)

        return await self._act("reject", broadcast_id, actor, decide)

    async def pause(self, broadcast_id: int, actor: Actor) -> BroadcastView:
        """Stop a broadcast for now: nothing more is claimed."""

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            del now
            broadcasts.pause(tx, found)

        return await self._act("pause", broadcast_id, actor, decide)

    async def resume(self, broadcast_id: int, actor: Actor) -> BroadcastView:
        """Let a paused broadcast go on."""

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            del now
            _require(found, BroadcastState.PAUSED, "resumed")
            broadcasts.resume(tx, found)

        return await self._act("resume", broadcast_id, actor, decide)

    async def cancel(self, broadcast_id: int, actor: Actor) -> BroadcastView:
        """Take a broadcast back before it has started, or stop what has not left yet; let a rejected one rest."""

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            authorised = found.state in (BroadcastState.SENDING, BroadcastState.PAUSED)
            taken_back = authorised and found.started_at is None
            reason = BroadcastReason.TAKEN_BACK if taken_back else BroadcastReason.BY_PERSON
            if found.reason is not BroadcastReason.REJECTED:  # that one is cancelled; nobody needs to be told again
                broadcasts.end(tx, found, BroadcastState.CANCELLED, reason, now=now)
            if taken_back:
                updates.take_back(tx, found, now=now, by=actor.name)
            else:
                ended.extend(updates.stop(tx, found, now=now, by=actor.name))

        ended: list[tuple[PromiseKind, PromiseState]] = []
        view = await self._act("cancel", broadcast_id, actor, decide)
        self._count_promises(ended)
        return view

    # --- what time does ---------------------------------------------------------------------------------------------

    async def start_due(self) -> int:
        """Start the broadcasts whose not-before time has passed; return how many. Waits while everything is paused."""
        now = self._clock.now()
        started = []
        for due in await self._database.read(lambda tx: broadcasts.due(tx, now)):
            try:
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
        ended = 0
        for each in await self._database.read(_to_sweep):
            ended += await self._sweep(each)
        return ended

    # --- parts ------------------------------------------------------------------------------------------------------

    async def _act(
        self,
        action: str,
        broadcast_id: int,
        actor: Actor,
        decide: "_Decide",
        *,
        detail: Mapping[str, object] | None = None,
    ) -> BroadcastView:
        actor.require(KeyRole.COMMANDER)

        def work(tx: Transaction) -> BroadcastView:
            now = self._clock.now()
            decide(tx, broadcasts.load(tx, broadcast_id), now)
            target = f"broadcast {broadcast_id}"
            audit.record(tx, at=now, actor=actor, action=f"broadcasts.{action}", target=target, detail=detail or {})
            return shown.view(tx, broadcast_id)

        view = await self._database.write(work)
        self._queue.recall()  # of what it has stopped, and of the older updates that a correction has paused
        self._queue.wake(Topic.BROADCASTS)
        return view

    async def _count(self, broadcast_id: int) -> int:
        """Count the audience of now, beside the writer: it may be large."""

        def count(tx: Transaction) -> int:
            found = broadcasts.load(tx, broadcast_id)
            return audience.customers(tx, shown.scope_of(tx, found, self._playbook(found)))

        return await self._database.read(count)

    def _playbook(self, found: StoredBroadcast) -> Playbook:
        playbook = self._playbooks.get(found.facts.service)
        if playbook is None:
            raise NotifierError(f"service '{found.facts.service}' has no playbook any more")
        return playbook

    def _require_possible(
        self, tx: Transaction, found: StoredBroadcast, now: datetime
    ) -> tuple[StoredIncident, Changes]:
        """Return incident and changes of a person's broadcast; raise when its time or the incident has moved on."""
        incident = incidents.load(tx, found.incident_id)
        if found.changes is None:
            raise Refused(f"broadcast {found.id} was made by the daemon; there is nothing to authorise")
        require_action(found.changes.action, incident.state, incident.part_state, which=incident.id)
        if found.changes.action in TAKES_A_PLACE:  # another incident may have been confirmed there meanwhile
            there = found.changes.regions or incidents.place_regions(tx, incident.id)
            listed = incidents.listed_site_ids(tx, incident.id)
            places.require_free(tx, found.facts.service, there, listed, but=incident.id)
        playbook, take_back = self._playbook(found), self._config.delivery.take_back
        started_at = found.facts.reopened_at or found.facts.started_at or incident.started_at
        if found.facts.eta_at is not None:
            check_eta(
                found.facts.eta_at, now=now, started_at=started_at, at_most=playbook.eta_at_most, take_back=take_back
            )
        if found.changes.next_update_given and found.facts.next_update_by is not None:
            check_next_update(
                found.facts.next_update_by, now=now, within=playbook.next_update_within, take_back=take_back
            )
        return incident, found.changes

    def _authorise(self, tx: Transaction, found: StoredBroadcast, customers: int, actor: Actor, now: datetime) -> None:
        """Apply the changes and let planning begin; the take-back time, or the hold, runs from now."""
        incident, changes = self._require_possible(tx, found, now)
        playbook = self._playbook(found)
        facts = revise(found.facts, customers=customers)
        if facts.next_update_by is not None and not changes.next_update_given:
            facts = revise(facts, next_update_by=now + playbook.next_update_within)
        applied = updates.apply(tx, incident, replace(found, facts=facts), changes, now=now, by=actor.name)
        broadcasts.authorise(
            tx,
            found,
            facts=facts,
            changes=applied,
            customers=customers,
            not_before_at=not_before(
                found.kind,
                now=now,
                take_back=self._config.delivery.take_back,
                hold_before_restored=playbook.hold_before_restored,
                back_at=changes.at,
            ),
            by=actor.name,
            now=now,
        )

    def _start(self, tx: Transaction, broadcast_id: int) -> Started | None:
        """Start a broadcast that was due a moment ago, unless it was paused, taken back or superseded since."""
        found, now = broadcasts.load(tx, broadcast_id), self._clock.now()
        if control.is_paused(tx) or found.state is not BroadcastState.SENDING or found.started_at is not None:
            return None
        if found.kind is BroadcastKind.RESTORED and not _is_believed_back(tx, found):
            broadcasts.end(tx, found, BroadcastState.CANCELLED, BroadcastReason.BACK_AGAIN_OUT, now=now)
            return None
        state = incidents.load(tx, found.incident_id).state
        if not may_start(None if found.changes is None else found.changes.action, state):
            updates.give_up(tx, found, now=now, why=f"the incident is {state}")
            return None
        if is_overtaken(found.facts, now):  # everything was paused, or the daemon was down; what is older stands
            updates.give_up(tx, found, now=now, why="a time it gives has passed")
            return None
        return updates.start(tx, found, now=now)

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

    def _count_promises(self, ended: Iterable[tuple[PromiseKind, PromiseState]]) -> None:
        for kind, state in ended:
            self._metrics.promises.labels(kind, state).inc()

    def _sweep_chunk(self, tx: Transaction, one: "_ToSweep") -> "_Swept":
        found, now = broadcasts.load(tx, one.broadcast_id), self._clock.now()
        swept: Counter[tuple[str, str, str]] = Counter()
        if found.state in ENDED:
            by_channel = broadcasts.sweep(tx, found, at_most=SWEPT_AT_MOST, now=now)
            state, reason = _END[found.state]
            swept = Counter({(channel, state, reason): number for channel, number in by_channel.items()})
        elif found.state is not BroadcastState.SENDING or found.started_at is None or found.planned_at is None:
            return _Swept()
        if sum(swept.values()) == SWEPT_AT_MOST or not broadcasts.is_settled(tx, found.id):
            return _Swept(notifications=swept)
        broadcasts.finish(tx, found, now=now)
        ended: Ended = ()
        if found.state is BroadcastState.SENDING and one.handed_over_at is not None:
            ended = updates.handed_over(tx, found, at=one.handed_over_at)
        return _Swept(notifications=swept, is_finished=True, promises=ended)


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


class _Decide(Protocol):
    def __call__(self, tx: Transaction, found: StoredBroadcast, now: datetime, /) -> None: ...


_END: Mapping[BroadcastState, tuple[str, str]] = {
    BroadcastState.SUPERSEDED: (NotificationState.SUPERSEDED, NotificationReason.NEWER_UPDATE),
    BroadcastState.CANCELLED: (NotificationState.CANCELLED, NotificationReason.BROADCAST_CANCELLED),
}


def _require(found: StoredBroadcast, state: BroadcastState, verb: str) -> None:
    if found.state is not state:
        said, wanted = (each.replace("_", " ") for each in (found.state, state))
        raise Refused(f"broadcast {found.id} is {said}: only one that is {wanted} can be {verb}")


def _require_count(found: StoredBroadcast, typed: int, counted: int) -> None:
    if typed != counted:
        raise Refused(
            f"broadcast {found.id} is for {counted} customers now, and {typed} was typed: look at the preview again"
        )


def _is_believed_back(tx: Transaction, found: StoredBroadcast) -> bool:
    return incidents.load(tx, found.incident_id).part_state is PartState.BELIEVED_BACK


def _to_sweep(tx: Transaction) -> list[_ToSweep]:
    """Return the broadcasts that have ended, or are planned and settled: only these are worth a write."""
    found = []
    for each in broadcasts.unfinished(tx):
        if each.state in ENDED:
            found.append(_ToSweep(broadcast_id=each.id))
        elif each.planned_at is not None and broadcasts.is_settled(tx, each.id):
            # beside the writer: it walks every message
            found.append(_ToSweep(broadcast_id=each.id, handed_over_at=broadcasts.handed_over_at(tx, each)))
    return found
