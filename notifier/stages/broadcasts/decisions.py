"""What people do with broadcasts: look, send by count, approve, reject, pause, resume, take back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import (
    BroadcastReason,
    BroadcastState,
)
from notifier.domain.errors import Refused
from notifier.domain.planned import require_lead
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.domain.second_person import (
    has_outgrown,
    reason_for_alone,
)
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.stages.broadcasts import alone
from notifier.stages.broadcasts.authorising import Authorising, require_state
from notifier.stages.broadcasts.stopping import stop
from notifier.storage.database import Transaction
from notifier.storage.queries import broadcasts as shown
from notifier.storage.queries import previews
from notifier.storage.queries.previews import Words
from notifier.storage.repositories import (
    audience,
    audit,
    broadcasts,
    incidents,
)
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.views import BroadcastView, Preview

_NEVER_BEGINS = (BroadcastState.CANCELLED, BroadcastState.SUPERSEDED)


class Broadcasts:
    """What people do with broadcasts."""

    def __init__(self, around: Surroundings, words: Words) -> None:
        self._database, self._config, self._clock = around.database, around.config, around.clock
        self._queue, self._metrics = around.queue, around.metrics
        self._words, self._authorising = words, Authorising(around)
        self._people = around.config.on_call.people

    # --- looking ----------------------------------------------------------------------------------------------------

    async def show(self, broadcast_id: int) -> BroadcastView:
        """Return one broadcast with its progress; raise `NotFound`."""
        return await self._database.read(lambda tx: shown.view(tx, broadcast_id))

    async def preview(self, broadcast_id: int, wake_reason: str = "", *, every_text: bool = False) -> Preview:
        """Return what a broadcast would do now, with a reason: if everyone was woken; writes nothing."""

        def look(tx: Transaction) -> Preview:
            playbook = self._authorising.playbook(broadcasts.load(tx, broadcast_id))
            outlook = previews.outlook(self._config, playbook, now=self._clock.now(), words=self._words)
            return previews.preview(tx, broadcast_id, outlook, wake_reason=wake_reason.strip(), every_text=every_text)

        return await self._database.read(look)

    async def foreseen(self, broadcast_id: int) -> Scope | None:
        """Return whom a broadcast is for that has not begun; None when its audience is stored. Raises `NotFound`."""

        def look(tx: Transaction) -> Scope | None:
            found = broadcasts.load(tx, broadcast_id)
            if found.started_at is not None or found.state in _NEVER_BEGINS:
                return None
            return previews.scope_of(tx, found, self._authorising.playbook(found), self._config.consent.covers())

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
                self._authorising.require_alone_now(found, counted, actor, now)
            else:
                require_state(found, BroadcastState.DRAFT, "sent")
            _require_by_itself(found)
            _require_count(found, count, counted)
            if wake_reason.strip():
                found = replace(found, wake_reason=wake_reason.strip())
                broadcasts.wake_everyone(tx, found.id, found.wake_reason)
            limit = self._authorising.playbook(found).audience_limit
            if why_alone is not None:
                self._authorising.authorise(tx, found, counted, actor, now, is_alone=True)
                alone.stand(tx, found, actor, why_alone, customers=counted, limit=limit, people=self._people, now=now)
            elif counted > limit:
                self._authorising.require_possible(tx, found, now)
                broadcasts.wait_for_approval(tx, found, customers=counted, by=actor.name, now=now)
                detail = {"broadcast": found.id, "customers": counted, "limit": limit}
                incidents.record(tx, found.incident_id, at=now, event="approval_asked", actor=actor.name, detail=detail)
            else:
                self._authorising.authorise(tx, found, counted, actor, now)

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
            require_state(found, BroadcastState.AWAITING_APPROVAL, "approved")
            _require_by_itself(found)
            self._authorising.require_second(found, actor)
            _require_count(found, count, counted)
            self._authorising.authorise(tx, found, counted, actor, now)

        return await self._act("approve", broadcast_id, actor, decide, detail={"count": count})

    async def approve_as_shown(self, broadcast_id: int, actor: Actor) -> BroadcastView:
        """Authorise what another person has sent, for the number that everybody was asked about.

        Where far more would hear of it by now, nobody is told: the number is corrected, and it waits to be asked again.
        """
        counted = await self._count(broadcast_id)

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            require_state(found, BroadcastState.AWAITING_APPROVAL, "approved")
            _require_by_itself(found)
            self._authorising.require_second(found, actor)
            if has_outgrown(counted, shown=found.expected_customers):
                broadcasts.set_expected(tx, found.id, counted)
                detail = {"broadcast": found.id, "customers": counted, "before": found.expected_customers}
                incidents.record(tx, found.incident_id, at=now, event="outgrown", actor=actor.name, detail=detail)
            else:
                self._authorising.authorise(tx, found, counted, actor, now)

        return await self._act("approve", broadcast_id, actor, decide, detail={"count": counted})

    async def reject(self, broadcast_id: int, reason: str, actor: Actor) -> BroadcastView:
        """Say no to what another key has sent; the reason is for the timeline only."""

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            require_state(found, BroadcastState.AWAITING_APPROVAL, "rejected")
            _require_by_itself(found)
            broadcasts.end(tx, found, BroadcastState.CANCELLED, BroadcastReason.REJECTED, now=now)
            detail = {"broadcast": found.id, "reason": reason[:1000]}
            incidents.record(tx, found.incident_id, at=now, event="rejected", actor=actor.name, detail=detail)

        return await self._act("reject", broadcast_id, actor, decide)

    async def pause(self, broadcast_id: int, actor: Actor) -> BroadcastView:
        """Stop a broadcast for now: nothing more is claimed."""

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            del now
            require_state(found, BroadcastState.SENDING, "paused")
            broadcasts.pause(tx, found)

        return await self._act("pause", broadcast_id, actor, decide)

    async def resume(self, broadcast_id: int, actor: Actor) -> BroadcastView:
        """Let a paused broadcast go on."""

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            del now
            require_state(found, BroadcastState.PAUSED, "resumed")
            broadcasts.resume(tx, found)

        return await self._act("resume", broadcast_id, actor, decide)

    async def cancel(self, broadcast_id: int, actor: Actor) -> BroadcastView:
        """Take a broadcast back before it has started, or stop what has not left yet; let a rejected one rest."""

        def decide(tx: Transaction, found: StoredBroadcast, now: datetime) -> None:
            ended.extend(stop(tx, found, now=now, by=actor.name))

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
            return audience.customers(tx, previews.scope_of(tx, found, self._authorising.playbook(found)))

        return await self._database.read(count)

    def _require_in_time(self, tx: Transaction, found: StoredBroadcast) -> None:
        """Raise `Refused` when the last customer would hear of planned work too late, with the time that would do."""
        playbook = self._authorising.playbook(found)
        outlook = previews.outlook(self._config, playbook, now=self._clock.now(), words=self._words)
        seen = previews.preview(tx, found.id, outlook)
        if not seen.fits and seen.done_at is not None and found.facts.window_from_at is not None:
            require_lead(found.facts.window_from_at, done_at=seen.done_at, lead=playbook.planned_notice_lead)


class _Decide(Protocol):
    def __call__(self, tx: Transaction, found: StoredBroadcast, now: datetime, /) -> None: ...


def _require_by_itself(found: StoredBroadcast) -> None:
    """Raise `Refused` for one of several that one number sends: their customers together are what counts."""
    if found.round_id is not None:
        raise Refused(
            f"broadcast {found.id} goes with others, in round {found.round_id}: send, approve or reject all of them by"
            f" `event tell`, `event approve` or `event reject`; leave this one out by `broadcasts cancel {found.id}`"
        )


def _require_count(found: StoredBroadcast, typed: int, counted: int) -> None:
    if typed != counted:
        raise Refused(
            f"broadcast {found.id} is for {counted} customers now, and {typed} was typed: look at the preview again"
        )
