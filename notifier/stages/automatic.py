"""Mode `automatic`: what is certain is confirmed by the daemon itself, where people have shown that it may be.

In come suspected incidents with evidence of grade `certain`. Out goes what a commander's plain confirm would have sent,
through the same stages and with all their guards, or a note that a person has to decide and why. Whether the gate is
open is worked out anew each time and stored for people to see; while it is closed nothing here touches an incident.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from notifier.domain.actor import DAEMON, Actor, KeyRole
from notifier.domain.automatic import closed_because, left_because
from notifier.domain.errors import NotifierError
from notifier.domain.incident import IncidentState
from notifier.domain.playbook import Mode, Playbook
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.instants import to_json
from notifier.storage.queries import incidents as shown
from notifier.storage.repositories import automatic as stored
from notifier.storage.repositories import control, events, incidents
from notifier.storage.views import BroadcastView, Draft

BY_ITSELF = Actor(name=DAEMON.name, role=KeyRole.COMMANDER)
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What a commander does, for the daemon to do the same."""

    confirm: Callable[[int, Actor], Awaitable[Draft]]
    send: Callable[[int, int, Actor], Awaitable[BroadcastView]]  # broadcast, customers
    cancel: Callable[[int, Actor], Awaitable[BroadcastView]]


class Automatic:
    """Confirms what is certain, where it may."""

    def __init__(self, around: Surroundings, acting: Acting) -> None:
        self._around, self._acting = around, acting
        self._database, self._clock = around.database, around.clock
        plans = {playbook.name: playbook for playbook in around.playbooks.values()}
        self._plans = [plan for plan in plans.values() if plan.mode is Mode.AUTOMATIC]

    async def step(self) -> None:
        """Look whether the gate is open, and decide about every proposal that may be confirmed."""
        closed = await self._database.read(self._closed)
        await self._publish(closed)
        for plan in self._plans:
            if closed[plan.name]:
                continue
            found = await self._database.read(lambda tx, plan=plan: self._proposals(tx, plan))  # type: ignore[misc]
            for incident_id in found:
                await self._decide(incident_id, plan)

    # --- the gate ---------------------------------------------------------------------------------------------------

    def _closed(self, tx: Transaction) -> dict[str, list[str]]:
        """Return, by playbook that asks for it, why nothing is confirmed by itself; an empty list where it may."""
        if not self._plans:
            return {}
        now, config = self._clock.now(), self._around.config
        backtest = stored.backtest(tx)
        here = []
        if backtest is not None and (backtest.likely, backtest.certain) != (
            config.detection.likely,
            config.detection.certain,
        ):
            here.append("the last backtest was run with other thresholds; it is run again every night")
        if not config.on_call.people:
            here.append("nobody is on call who could be told (on_call.people)")
        return {
            plan.name: [*closed_because(backtest, stored.record(tx, plan.services, now=now), now=now), *here]
            for plan in self._plans
        }

    async def _publish(self, closed: Mapping[str, Sequence[str]]) -> None:
        """Keep what people are shown up to date."""
        value = to_json(dict(closed)) if closed else None
        if await self._database.read(lambda tx: control.get(tx, stored.GATE)) == value:
            return

        def save(tx: Transaction) -> None:
            if value is None:
                control.clear(tx, stored.GATE)
            else:
                control.put(tx, stored.GATE, value, now=self._clock.now(), actor=DAEMON)

        await self._database.write(save)
        for name, reasons in closed.items():
            log.info("mode automatic", playbook=name, confirms_by_itself=not reasons, because=list(reasons))

    # --- one proposal -----------------------------------------------------------------------------------------------

    async def _decide(self, incident_id: int, plan: Playbook) -> None:
        paused, why = await self._database.read(
            lambda tx: (control.is_paused(tx), self._left_because(tx, incident_id, plan))
        )
        if paused:
            return  # nothing goes out; it is looked at again when it goes on
        if why:
            await self._leave(incident_id, why)
            return
        try:
            await self._confirm(incident_id, plan)
        except NotifierError as error:  # a person was faster, or another incident has the place
            await self._leave(incident_id, str(error))

    def _proposals(self, tx: Transaction, plan: Playbook) -> list[int]:
        certain = self._around.config.detection.certain
        return stored.proposals(tx, plan.services, now=self._clock.now(), certain=certain)

    def _left_because(self, tx: Transaction, incident_id: int, plan: Playbook) -> str:
        now = self._clock.now()
        if (event := events.of_incident(tx, incident_id)) is not None:
            return f"it is in {event.kind} {event.id} ({event.name}), in which a person decides"
        return left_because(
            stored.candidate(
                tx,
                incident_id,
                shown.card(tx, incident_id).customers,
                now=now,
                certain=self._around.config.detection.certain,
            ),
            now=now,
            minimum_customers=plan.minimum_customers,
            audience_limit=plan.audience_limit,
            lately=stored.lately(tx, now),
            per_hour_at_most=self._around.config.detection.automatic_per_hour_at_most,
        )

    async def _confirm(self, incident_id: int, plan: Playbook) -> None:
        """Confirm as a commander would, unless the preview says something that a person should read."""
        draft = await self._acting.confirm(incident_id, BY_ITSELF)
        preview, broadcast = draft.preview, draft.broadcast
        if preview is None or broadcast is None:
            await self._leave(incident_id, "there is nothing to send")
            return
        doubts = [
            *(["it would not be finished before its promise falls due"] if not preview.fits else []),
            *(["nobody can be reached"] if not preview.notifications else []),
            *(["it needs a second person"] if preview.needs_approval else []),
            *preview.warnings,
            *(f"{each.region.replace('_', ' ', 1)} has weak support" for each in preview.doubts if each.named),
        ]
        if doubts:
            await self._acting.cancel(broadcast.id, BY_ITSELF)
            await self._leave(incident_id, "; ".join(doubts))
            return
        await self._acting.send(broadcast.id, preview.customers, BY_ITSELF)
        evidence = max(draft.incident.evidence, key=lambda each: each.score)
        detail = {
            "customers": preview.customers,
            "observed": evidence.observed,
            "expected": round(evidence.expected, 2),
            "verified": evidence.verified,
            "score": round(evidence.score, 1),
        }
        now = self._clock.now()
        await self._database.write(
            lambda tx: incidents.record(
                tx, incident_id, at=now, event=stored.CONFIRMED, actor=DAEMON.name, detail=detail
            )
        )
        log.warning("incident confirmed by itself", incident=incident_id, playbook=plan.name, **detail)

    async def _leave(self, incident_id: int, why: str) -> None:
        """Say once why a person has to decide."""
        now = self._clock.now()

        def note(tx: Transaction) -> None:
            if incidents.load(tx, incident_id).state is IncidentState.SUSPECTED:
                incidents.record(tx, incident_id, at=now, event=stored.LEFT, actor=DAEMON.name, detail={"because": why})

        await self._database.write(note)
        log.info("incident left to a person", incident=incident_id)
