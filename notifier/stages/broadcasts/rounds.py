"""What people do with rounds: one number sends the drafts of several incidents, and one yes approves them.

Comes in: a round, the incidents that were shown, and the number of their customers, each once. Goes out: all of them
authorised, all before a second person, or none of them: it is one transaction. What has changed since it was shown is
named, and nobody is told.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from msgspec.structs import replace as revise

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import BroadcastReason, BroadcastState
from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.domain.second_person import has_outgrown, reason_for_alone
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.stages.broadcasts import alone
from notifier.stages.broadcasts.authorising import Authorising
from notifier.stages.broadcasts.decisions import Broadcasts
from notifier.stages.broadcasts.stopping import may_stop, stop
from notifier.storage.database import Transaction
from notifier.storage.queries import previews
from notifier.storage.queries import rounds as shown
from notifier.storage.queries.previews import Words
from notifier.storage.repositories import audience, audit, broadcasts, events, incidents, rounds
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.views import BroadcastView, RoundPreview, RoundView


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """The customers of a round: all, each once, and those of each broadcast."""

    all: int
    of: Mapping[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Act:
    """A round that something is done with, in an open transaction."""

    tx: Transaction
    round_id: int
    found: Sequence[StoredBroadcast]  # those that may still be sent
    counted: _Counted
    actor: Actor
    now: datetime


class Rounds:
    """What people do with rounds."""

    def __init__(self, around: Surroundings, words: Words, broadcasts: Broadcasts) -> None:
        """Take what people do with broadcasts that go by themselves."""
        self._database, self._config, self._clock = around.database, around.config, around.clock
        self._queue, self._metrics, self._words = around.queue, around.metrics, words
        self._people = around.config.on_call.people
        self._authorising, self._single = Authorising(around), broadcasts

    # --- looking ----------------------------------------------------------------------------------------------------

    async def show(self, round_id: int) -> RoundView:
        """Return one round with its progress; raise `NotFound`."""
        return await self._database.read(lambda tx: shown.view(tx, round_id))

    async def preview(self, round_id: int, wake_reason: str = "", *, every_text: bool = False) -> RoundPreview:
        """Return what a round would do now; raise `Refused` when nothing of it waits to be sent."""

        def look(tx: Transaction) -> RoundPreview:
            playbook = self._authorising.playbook(shown.undecided(tx, round_id)[0])
            outlook = previews.outlook(self._config, playbook, now=self._clock.now(), words=self._words)
            return shown.preview(tx, round_id, outlook, wake_reason=wake_reason.strip(), every_text=every_text)

        return await self._database.read(look)

    # --- what they do -----------------------------------------------------------------------------------------------

    async def send(
        self,
        round_id: int,
        count: int,
        seen: Sequence[int],
        actor: Actor,
        *,
        wake_reason: str = "",
        alone_reason: str | None = None,
    ) -> RoundView:
        """Authorise all drafts of a round, or put all of them before a second person.

        `count` is the number of customers, each once; `seen` are the incidents that were shown. With a reason to send
        alone, what waits for a second person goes without, once that person has had their time. Raises `Refused` when
        the number or the incidents are others by now, or one of them cannot be told any more: then nobody is told.
        """
        why_alone = None if alone_reason is None else reason_for_alone(alone_reason)
        why_wake = wake_reason.strip()

        def decide(act: _Act) -> None:
            if why_alone is not None:
                for each in act.found:
                    self._authorising.require_alone_now(each, act.counted.all, actor, act.now)
            elif any(each.state is not BroadcastState.DRAFT for each in act.found):
                raise Refused(f"round {round_id} waits for a second person already: approve it, or send it alone")
            self._require_as_shown(act, count, seen)
            if why_wake:
                act = replace(act, found=[_woken(act.tx, each, why_wake) for each in act.found])
            limit = self._authorising.playbook(act.found[0]).audience_limit
            if why_alone is None and act.counted.all > limit:
                self._ask(act, limit)
                return
            self._authorise(act, is_alone=why_alone is not None)
            if why_alone is not None:
                self._stand(act, why_alone, limit)

        said: dict[str, object] = {"count": count, "incidents": list(seen)}
        said |= {"wake_reason": why_wake} if why_wake else {}
        said |= {} if why_alone is None else {"alone": why_alone}
        return await self._act("send", round_id, actor, decide, said)

    async def approve(self, round_id: int, count: int, seen: Sequence[int], actor: Actor) -> RoundView:
        """Authorise what another key has sent; raises `Forbidden` for the key that sent it."""

        def decide(act: _Act) -> None:
            self._require_may_approve(act)
            self._require_as_shown(act, count, seen)
            self._authorise(act)

        return await self._act("approve", round_id, actor, decide, {"count": count, "incidents": list(seen)})

    async def reject(self, round_id: int, reason: str, actor: Actor) -> RoundView:
        """Say no to all that another key has sent; the reason is for the timelines only."""

        def decide(act: _Act) -> None:
            _require_asked(act)
            for each in act.found:
                broadcasts.end(act.tx, each, BroadcastState.CANCELLED, BroadcastReason.REJECTED, now=act.now)
                detail = {"broadcast": each.id, "reason": reason[:1000]}
                incidents.record(
                    act.tx, each.incident_id, at=act.now, event="rejected", actor=actor.name, detail=detail
                )

        return await self._act("reject", round_id, actor, decide, {"reason": reason[:1000]})

    async def cancel(self, round_id: int, actor: Actor) -> RoundView:
        """Take all of a round back before it has started, or stop what has not left yet; let a rejected one rest."""
        actor.require(KeyRole.COMMANDER)

        def work(tx: Transaction) -> tuple[RoundView, list[tuple[PromiseKind, PromiseState]]]:
            now, stored = self._clock.now(), rounds.load(tx, round_id)
            found = [each for each in broadcasts.of_round(tx, stored.id) if may_stop(each)]
            if not found:
                stands = shown.state(broadcasts.of_round(tx, round_id))
                raise Refused(f"round {round_id} is {stands}: nothing of it can be cancelled")
            ended = [each for one in found for each in stop(tx, one, now=now, by=actor.name)]
            self._audit(tx, "cancel", round_id, actor, {"broadcasts": [each.id for each in found]}, now)
            return shown.view(tx, round_id), ended

        view, ended = await self._database.write(work)
        for kind, state in ended:
            self._metrics.promises.labels(kind, state).inc()
        self._wake()
        return view

    # --- answers of people on call, who know one broadcast of it ----------------------------------------------------

    async def approve_as_shown(self, broadcast_id: int, actor: Actor) -> BroadcastView:
        """Authorise what another person has sent, for the number everybody was asked about: all of its round.

        Where far more would hear of it by now, nobody is told: the number is corrected, and it waits to be asked again.
        """
        view = await self._single.show(broadcast_id)
        if view.round_id is None:
            return await self._single.approve_as_shown(broadcast_id, actor)

        def decide(act: _Act) -> None:
            self._require_may_approve(act)
            before = rounds.load(act.tx, act.round_id).expected_customers
            if not has_outgrown(act.counted.all, shown=before):
                self._require_still_there(act)
                self._authorise(act)
                return
            rounds.set_expected(act.tx, act.round_id, act.counted.all)
            for each in act.found:
                broadcasts.set_expected(act.tx, each.id, act.counted.of[each.id])
                detail = {"broadcast": each.id, "customers": act.counted.all, "before": before}
                incidents.record(
                    act.tx, each.incident_id, at=act.now, event="outgrown", actor=actor.name, detail=detail
                )

        done = await self._act("approve", view.round_id, actor, decide, {"as_shown": True})
        return revise(await self._single.show(broadcast_id), expected_customers=done.expected_customers)

    async def reject_asked(self, broadcast_id: int, reason: str, actor: Actor) -> BroadcastView:
        """Say no to what another person has sent: to all of its round."""
        view = await self._single.show(broadcast_id)
        if view.round_id is None:
            return await self._single.reject(broadcast_id, reason, actor)
        await self.reject(view.round_id, reason, actor)
        return await self._single.show(broadcast_id)

    # --- parts ------------------------------------------------------------------------------------------------------

    async def _act(
        self,
        action: str,
        round_id: int,
        actor: Actor,
        decide: Callable[[_Act], None],
        said: Mapping[str, object],
    ) -> RoundView:
        """Count beside the writer, then decide and save in one transaction: all of a round, or nothing."""
        actor.require(KeyRole.COMMANDER)
        counted = await self._database.read(lambda tx: self._count(tx, round_id))

        def work(tx: Transaction) -> RoundView:
            now, found = self._clock.now(), shown.undecided(tx, round_id)
            decide(_Act(tx=tx, round_id=round_id, found=found, counted=counted, actor=actor, now=now))
            detail = {**said, "broadcasts": [each.id for each in found]}
            self._audit(tx, action, round_id, actor, detail, now)
            return shown.view(tx, round_id)

        view = await self._database.write(work)
        self._wake()
        return view

    def _count(self, tx: Transaction, round_id: int) -> _Counted:
        found = shown.undecided(tx, round_id)
        scopes = {each.id: previews.scope_of(tx, each, self._authorising.playbook(each)) for each in found}
        of = {which: audience.customers(tx, scope) for which, scope in scopes.items()}
        return _Counted(all=shown.customers(tx, scopes.values()), of=of)

    def _require_may_approve(self, act: _Act) -> None:
        _require_asked(act)
        for each in act.found:
            self._authorising.require_second(each, act.actor)

    def _require_as_shown(self, act: _Act, count: int, seen: Sequence[int]) -> None:
        """Raise `Refused` when the incidents, or the number of their customers, are others than a person has seen."""
        now_in_it = {each.incident_id for each in act.found}
        gone = sorted(set(seen) - now_in_it)
        if now_in_it != set(seen):
            why = {each.incident_id: each.why for each in shown.view(act.tx, act.round_id).left_out}
            named = [f"#{which}: {why.get(which, 'it is not in it')}" for which in gone]
            named += [f"#{which}: it was not shown" for which in sorted(now_in_it - set(seen))]
            raise Refused(
                f"round {act.round_id} has changed since it was shown: {'; '.join(named)}. Nobody was told;"
                " look at the preview again"
            )
        self._require_still_there(act)
        if count != act.counted.all:
            raise Refused(
                f"round {act.round_id} is for {act.counted.all} customers now, and {count} was typed. Nobody was told;"
                " look at the preview again"
            )

    def _require_still_there(self, act: _Act) -> None:
        """Raise `Refused` when the event is closed, or an incident has left it."""
        event = events.load(act.tx, rounds.load(act.tx, act.round_id).event_id)
        for each in act.found:
            inside = events.of_incident(act.tx, each.incident_id)
            if inside is None or inside.id != event.id:
                raise _cannot(each, f"it is not in {event.kind} {event.id} ({event.name}) any more")

    def _ask(self, act: _Act, limit: int) -> None:
        """Put all of it before a second person."""
        rounds.set_expected(act.tx, act.round_id, act.counted.all)
        for each in act.found:
            with _naming(each):
                self._authorising.require_possible(act.tx, each, act.now)
            broadcasts.wait_for_approval(
                act.tx, each, customers=act.counted.of[each.id], by=act.actor.name, now=act.now
            )
            detail = {"broadcast": each.id, "customers": act.counted.all, "limit": limit}
            incidents.record(
                act.tx, each.incident_id, at=act.now, event="approval_asked", actor=act.actor.name, detail=detail
            )

    def _authorise(self, act: _Act, *, is_alone: bool = False) -> None:
        rounds.set_expected(act.tx, act.round_id, act.counted.all)
        for each in act.found:
            with _naming(each):
                self._authorising.authorise(
                    act.tx, each, act.counted.of[each.id], act.actor, act.now, is_alone=is_alone
                )

    def _stand(self, act: _Act, reason: str, limit: int) -> None:
        event = events.load(act.tx, rounds.load(act.tx, act.round_id).event_id)
        number = f"{len(act.found)} incident{'' if len(act.found) == 1 else 's'}"
        name = f"{event.kind} {event.id} {event.name} ({event.service})"
        what = f"{name}: {act.actor.name} sends round {act.round_id} ({number})"
        alone.stand_together(
            act.tx,
            act.found,
            what,
            act.actor,
            reason,
            customers=act.counted.all,
            limit=limit,
            people=self._people,
            now=act.now,
        )

    def _audit(
        self, tx: Transaction, action: str, round_id: int, actor: Actor, detail: Mapping[str, object], now: datetime
    ) -> None:
        target = f"round {round_id}"
        audit.record(tx, at=now, actor=actor, action=f"rounds.{action}", target=target, detail=detail)

    def _wake(self) -> None:
        self._queue.recall()  # of what it has stopped, and of older updates
        self._queue.wake(Topic.BROADCASTS)
        self._queue.wake(Topic.ON_CALL)  # a second person is asked, or the managers are told


@contextmanager
def _naming(found: StoredBroadcast) -> Iterator[None]:
    """Name the incident of a round that cannot be told; nothing of the round is stored then."""
    try:
        yield
    except (Refused, InvalidInput) as error:
        raise _cannot(found, str(error)) from error


def _cannot(found: StoredBroadcast, why: str) -> Refused:
    return Refused(
        f"#{found.incident_id} cannot be told now: {why}. Nobody was told, of none of them; leave it out by"
        f" `broadcasts cancel {found.id}`"
    )


def _require_asked(act: _Act) -> None:
    if any(each.state is not BroadcastState.AWAITING_APPROVAL for each in act.found):
        raise Refused(f"round {act.round_id} was not sent yet: there is nothing to approve or reject")


def _woken(tx: Transaction, found: StoredBroadcast, reason: str) -> StoredBroadcast:
    broadcasts.wake_everyone(tx, found.id, reason)
    return replace(found, wake_reason=reason)
