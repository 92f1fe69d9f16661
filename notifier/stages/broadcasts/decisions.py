"""What people do with broadcasts: look, send by count, approve, reject, pause, resume, take back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from msgspec.structs import replace as revise

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import (
    BROADCAST,
    BroadcastReason,
    BroadcastState,
    check_eta,
    check_next_update,
    not_before,
    not_possible,
)
from notifier.domain.errors import Forbidden, NotifierError, Refused
from notifier.domain.event import require_assessed
from notifier.domain.incident import Action, Changes, IncidentState, require_action
from notifier.domain.planned import require_lead
from notifier.domain.playbook import Playbook
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.domain.second_person import (
    authors,
    has_outgrown,
    is_same,
    reason_for_alone,
    require_alone,
    require_asked,
)
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.stages.broadcasts import alone
from notifier.storage.database import Transaction
from notifier.storage.queries import broadcasts as shown
from notifier.storage.queries.broadcasts import Words
from notifier.storage.repositories import (
    audience,
    audit,
    broadcasts,
    course,
    cutting,
    events,
    incidents,
    parts,
    places,
    updates,
)
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.views import BroadcastView, Preview

_NEVER_BEGINS = (BroadcastState.CANCELLED, BroadcastState.SUPERSEDED)
TAKES_A_PLACE = (Action.CONFIRM, Action.REOPEN, Action.EXTEND)


class Broadcasts:
    """What people do with broadcasts."""

    def __init__(self, around: Surroundings, words: Words) -> None:
        self._database, self._config, self._clock = around.database, around.config, around.clock
        self._queue, self._metrics, self._playbooks = around.queue, around.metrics, around.playbooks
        self._words = words
        self._people = around.config.on_call.people
        self._keys = {person.name: person.key for person in around.config.on_call.people}  # who answers by text, too

    # --- looking ----------------------------------------------------------------------------------------------------

    async def show(self, broadcast_id: int) -> BroadcastView:
        """Return one broadcast with its progress; raise `NotFound`."""
        return await self._database.read(lambda tx: shown.view(tx, broadcast_id))

    async def preview(self, broadcast_id: int, wake_reason: str = "", *, every_text: bool = False) -> Preview:
        """Return what a broadcast would do now, with a reason: if everyone was woken; writes nothing."""

        def look(tx: Transaction) -> Preview:
            playbook = self._playbook(broadcasts.load(tx, broadcast_id))
            outlook = shown.outlook(self._config, playbook, now=self._clock.now(), words=self._words)
            return shown.preview(tx, broadcast_id, outlook, wake_reason=wake_reason.strip(), every_text=every_text)

        return await self._database.read(look)

    async def foreseen(self, broadcast_id: int) -> Scope | None:
        """Return whom a broadcast is for that has not begun; None when its audience is stored. Raises `NotFound`."""

        def look(tx: Transaction) -> Scope | None:
            found = broadcasts.load(tx, broadcast_id)
            if found.started_at is not None or found.state in _NEVER_BEGINS:
                return None
            return shown.scope_of(tx, found, self._playbook(found), self._config.consent.covers())

        return await self._database.read(look)

    # --- what they do -----------------------------------------------------------------------------------------------

    async def send(
        self, broadcast_id: int, count: int, actor: Actor, *, wake_reason: str = "", alone_reason: str | None = None
    ) -> BroadcastView:
        """Authorise a draft for the customers that were counted, or put it before a second person.

        With a reason to wake, the night holds nobody up. With one to send alone, what waits for a second person goes
        without, once that person has had their time. Raises `Refused` when the count is not the one of now.
        """
        why_alone = None if alone_reason is None else reason_for_alone(alone_reason)
        counted = await self._count(broadcast_id)

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            if why_alone is not None:
                self._require_alone(found, counted, actor, now)
            else:
                _require(found, BroadcastState.DRAFT, "sent")
            _require_count(found, count, counted)
            if wake_reason.strip():
                found = replace(found, wake_reason=wake_reason.strip())
                broadcasts.wake_everyone(tx, found.id, found.wake_reason)
            limit = self._playbook(found).audience_limit
            if why_alone is not None:
                self._authorise(tx, found, counted, actor, now, is_alone=True)
                alone.stand(tx, found, actor, why_alone, customers=counted, limit=limit, people=self._people, now=now)
            elif counted > limit:
                self._require_possible(tx, found, now)
                broadcasts.wait_for_approval(tx, found, customers=counted, by=actor.name, now=now)
                detail = {"broadcast": found.id, "customers": counted, "limit": limit}
                incidents.record(tx, found.incident_id, at=now, event="approval_asked", actor=actor.name, detail=detail)
            else:
                self._authorise(tx, found, counted, actor, now)

        said = {"wake_reason": wake_reason.strip()} if wake_reason.strip() else {}
        if why_alone is not None:
            said["alone"] = why_alone
        view = await self._act("send", broadcast_id, actor, decide, detail={"count": count, **said})
        self._queue.wake(Topic.ON_CALL)  # a second person is asked, or the managers are told
        return view

    async def approve(self, broadcast_id: int, count: int, actor: Actor) -> BroadcastView:
        """Authorise what another key has sent; raises `Forbidden` for the key that sent it."""
        counted = await self._count(broadcast_id)

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            _require(found, BroadcastState.AWAITING_APPROVAL, "approved")
            self._require_second(found, actor)
            _require_count(found, count, counted)
            self._authorise(tx, found, counted, actor, now)

        return await self._act("approve", broadcast_id, actor, decide, detail={"count": count})

    async def approve_as_shown(self, broadcast_id: int, actor: Actor) -> BroadcastView:
        """Authorise what another person has sent, for the number that everybody was asked about.

        Where far more would hear of it by now, nobody is told: the number is corrected, and it waits to be asked again.
        """
        counted = await self._count(broadcast_id)

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            _require(found, BroadcastState.AWAITING_APPROVAL, "approved")
            self._require_second(found, actor)
            if has_outgrown(counted, shown=found.expected_customers):
                broadcasts.set_expected(tx, found.id, counted)
                detail = {"broadcast": found.id, "customers": counted, "before": found.expected_customers}
                incidents.record(tx, found.incident_id, at=now, event="outgrown", actor=actor.name, detail=detail)
            else:
                self._authorise(tx, found, counted, actor, now)

        return await self._act("approve", broadcast_id, actor, decide, detail={"count": counted})

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
            _require(found, BroadcastState.SENDING, "paused")
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
            is_rejected = found.reason is BroadcastReason.REJECTED
            if not is_rejected and not BROADCAST.may(found.state, BroadcastState.CANCELLED):
                raise Refused(not_possible(found.id, found.state, "cancelled"))
            authorised = found.state in (BroadcastState.SENDING, BroadcastState.PAUSED)
            taken_back = authorised and found.started_at is None
            reason = BroadcastReason.TAKEN_BACK if taken_back else BroadcastReason.BY_PERSON
            if not is_rejected:  # that one is cancelled; nobody needs to be told again
                broadcasts.end(tx, found, BroadcastState.CANCELLED, reason, now=now)
            if taken_back:
                updates.take_back(tx, found, now=now, by=actor.name)
            else:
                ended.extend(course.stop(tx, found, now=now, by=actor.name))

        ended: list[tuple[PromiseKind, PromiseState]] = []
        view = await self._act("cancel", broadcast_id, actor, decide)
        for kind, state in ended:
            self._metrics.promises.labels(kind, state).inc()
        return view

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
        """Count the audience of now, beside the writer: it may be large. Refuse a notice that would come too late."""

        def count(tx: Transaction) -> int:
            found = broadcasts.load(tx, broadcast_id)
            if found.facts.upcoming:
                self._require_in_time(tx, found)
            return audience.customers(tx, shown.scope_of(tx, found, self._playbook(found)))

        return await self._database.read(count)

    def _require_in_time(self, tx: Transaction, found: StoredBroadcast) -> None:
        """Raise `Refused` when the last customer would hear of planned work too late, with the time that would do."""
        playbook = self._playbook(found)
        outlook = shown.outlook(self._config, playbook, now=self._clock.now(), words=self._words)
        seen = shown.preview(tx, found.id, outlook)
        if not seen.fits and seen.done_at is not None and found.facts.window_from_at is not None:
            require_lead(found.facts.window_from_at, done_at=seen.done_at, lead=playbook.planned_notice_lead)

    def _require_second(self, found: StoredBroadcast, actor: Actor) -> None:
        """Raise `Forbidden` when this person has drafted or sent it, whichever way they act now."""
        for name in authors(found.created_by, found.sent_by):
            if is_same(actor.name, name, self._keys):
                done = "sent" if name == found.sent_by else "drafted"
                raise Forbidden(f"broadcast {found.id} was {done} by '{name}'; another key has to approve it")

    def _require_alone(self, found: StoredBroadcast, counted: int, actor: Actor, now: datetime) -> None:
        """Raise `Refused` unless this may go without a second person now."""
        playbook = self._playbook(found)
        wait = playbook.second_person_wait
        if found.state is BroadcastState.DRAFT:
            require_asked(counted, limit=playbook.audience_limit, wait=wait)
        _require(found, BroadcastState.AWAITING_APPROVAL, "sent alone")
        assert found.sent_by is not None and found.sent_at is not None  # noqa: S101, PT018 - else it does not wait
        require_alone(actor.name, sent_by=found.sent_by, asked_at=found.sent_at, wait=wait, now=now, keys=self._keys)

    def _playbook(self, found: StoredBroadcast) -> Playbook:
        playbook = self._playbooks.get(found.facts.service)
        if playbook is None:
            raise NotifierError(f"service '{found.facts.service}' has no playbook any more")
        return playbook

    def _in_force(self, tx: Transaction, found: StoredBroadcast, incident: StoredIncident, now: datetime) -> Playbook:
        return events.in_force(tx, incident.id, incident.started_at, self._playbook(found), now=now)

    def _require_possible(
        self, tx: Transaction, found: StoredBroadcast, now: datetime
    ) -> tuple[StoredIncident, Changes]:
        """Return incident and changes of a person's broadcast; raise when its time or the incident has moved on."""
        incident = incidents.load(tx, found.incident_id, found.part_id)
        if found.changes is None:
            raise Refused(f"broadcast {found.id} was made by the daemon; there is nothing to authorise")
        require_action(found.changes.action, incident.state, incident.part_state, which=incident.id)
        cutting.require_unchanged(tx, incident, found.changes.action)
        takes_place = found.changes.action in TAKES_A_PLACE or incident.state is IncidentState.SUSPECTED
        if takes_place:  # another incident may have been confirmed there meanwhile
            there = found.changes.regions or incidents.place_regions(tx, incident.id)
            listed = incidents.listed_site_ids(tx, incident.id)
            if found.changes.action is Action.EXTEND:
                there, listed = list(found.changes.regions), parts.listed_site_ids(tx, incident.part_id)
            places.require_free(tx, found.facts.service, there, listed, but=incident.id)
        playbook, take_back = self._in_force(tx, found, incident, now), self._config.delivery.take_back
        event = events.of_incident(tx, incident.id)
        if event is not None and found.facts.eta_at is not None and found.changes.action is not Action.EXTEND:
            require_assessed(event, incident.id, is_assessed=events.is_assessed(tx, incident.id))
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

    def _authorise(
        self,
        tx: Transaction,
        found: StoredBroadcast,
        customers: int,
        actor: Actor,
        now: datetime,
        *,
        is_alone: bool = False,
    ) -> None:
        """Apply the changes and let planning begin; the take-back time, or the hold, runs from now."""
        incident, changes = self._require_possible(tx, found, now)
        incident = cutting.cut(tx, incident, customers=customers, now=now, by=actor.name)
        playbook = self._in_force(tx, found, incident, now)
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
            by=None if is_alone else actor.name,
            now=now,
        )
        if found.wake_reason:
            detail = {"broadcast": found.id, "reason": found.wake_reason}
            incidents.record(tx, incident.id, at=now, event="wakes_everyone", actor=actor.name, detail=detail)


class _Decide(Protocol):
    def __call__(self, tx: Transaction, found: StoredBroadcast, now: datetime, /) -> None: ...


def _require(found: StoredBroadcast, state: BroadcastState, verb: str) -> None:
    if found.state is not state:
        raise Refused(not_possible(found.id, found.state, verb))


def _require_count(found: StoredBroadcast, typed: int, counted: int) -> None:
    if typed != counted:
        raise Refused(
            f"broadcast {found.id} is for {counted} customers now, and {typed} was typed: look at the preview again"
        )
