"""What commanders decide about incidents. Each action that tells leaves a draft; nothing has happened before `send`."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from notifier.domain.actor import DAEMON, Actor, KeyRole
from notifier.domain.broadcast import (
    BroadcastKind,
    BroadcastReason,
    BroadcastState,
    check_started,
    overrun_kind,
    update_kind,
)
from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.incident import Action, Changes, DismissReason, IncidentState, PartState, require_action
from notifier.domain.region import RegionKinds
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.stages.incidents.checks import Checks, past
from notifier.stages.incidents.drafts import Drafts
from notifier.stages.incidents.of_part import Chosen, PartChoices
from notifier.stages.incidents.requests import (
    ConfirmIncident,
    DismissIncident,
    InRound,
    OfPart,
    OpenIncident,
    ReopenIncident,
    RestoreIncident,
    SetEta,
)
from notifier.storage.database import Transaction
from notifier.storage.queries import incidents as shown
from notifier.storage.queries.previews import Words
from notifier.storage.repositories import (
    audit,
    automatic,
    broadcasts,
    events,
    incidents,
    parts,
    places,
    promises,
    updates,
)
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.views import Draft, IncidentCard, IncidentView

_UNSENT = (
    BroadcastState.DRAFT,
    BroadcastState.AWAITING_APPROVAL,
    BroadcastState.SENDING,
    BroadcastState.PAUSED,
)


class Messages(Words, Protocol):
    """What is needed of the messages: the phrases there are, and what previews need."""

    def phrase_codes(self, group: str, service: str = "", /) -> tuple[str, ...]:
        """Return the codes of `causes` or `crews`."""
        ...


class Incidents:
    """What commanders do with incidents."""

    def __init__(self, around: Surroundings, messages: Messages) -> None:
        self._database, self._clock, self._queue = around.database, around.clock, around.queue
        self._metrics, self._playbooks = around.metrics, around.playbooks
        self._kinds = RegionKinds(around.config.regions.kinds, country=around.config.regions.country)
        self._checks = Checks(around.playbooks, messages.phrase_codes, around.config.delivery.take_back)
        self._drafts = Drafts(around, self._checks, messages)
        self._parts = PartChoices(self._kinds)

    # --- looking ----------------------------------------------------------------------------------------------------

    async def show(self, incident_id: int) -> IncidentView:
        """Return one incident, whole; raise `NotFound`."""
        return await self._database.read(lambda tx: shown.view(tx, incident_id, self._playbooks))

    async def cards(self, states: Sequence[str] | None = None, *, before: int | None = None) -> list[IncidentCard]:
        """Return at most 200 incidents in these states, newest first; None = all. `before` is an id: older ones."""
        return await self._database.read(lambda tx: shown.cards(tx, states, before=before))

    # --- is it one? -------------------------------------------------------------------------------------------------

    async def open(self, request: OpenIncident, actor: Actor) -> Draft:
        """Store an incident that a person knows of, suspected until its first message is sent."""
        actor.require(KeyRole.COMMANDER)
        playbook = self._checks.playbook(request.service)
        self._checks.words(request.cause, request.crew, request.service)
        region_ids, listed = await self._database.read(lambda tx: self._place(tx, request))

        def save(tx: Transaction) -> int:
            now = self._clock.now()
            started_at = check_started(request.started_at or now, now=now)
            eta_at = self._checks.eta(request.eta_at, playbook, now=now, started_at=started_at)
            places.require_free(tx, request.service, region_ids, listed.site_ids)
            incident_id = incidents.open_incident(
                tx,
                service=request.service,
                impact=request.impact,
                playbook=playbook.name,
                state=IncidentState.SUSPECTED,
                region_ids=region_ids,
                site_ids=listed.site_ids,
                started_at=started_at,
                now=now,
                by=actor.name,
                correlation_id=secrets.token_hex(8),
            )
            changes = Changes(
                action=Action.CONFIRM,
                cause=request.cause,
                crew=request.crew,
                eta_at=eta_at,
                unknown=listed.unknown,
                next_update_given=request.next_update_by is not None,
            )
            incident = incidents.load(tx, incident_id)
            kind = BroadcastKind.ACKNOWLEDGED if eta_at is None else BroadcastKind.ETA
            next_update_by = self._checks.next_update(request.next_update_by, eta_at, playbook, now)
            self._drafts.make(
                tx,
                incident,
                kind,
                changes,
                actor,
                next_update_by=next_update_by,
                may_delay=request.may_delay,
                wake_reason=request.wake_reason,
            )
            audit.record(tx, at=now, actor=actor, action="incidents.open", target=f"incident {incident_id}")
            return incident_id

        incident_id = await self._database.write(save)
        self._metrics.incidents_opened.labels(request.service, "person").inc()
        return await self._drafts.answer(incident_id)

    async def confirm(self, incident_id: int, request: ConfirmIncident, actor: Actor) -> Draft:
        """Draft the first message of a suspected incident; sending it confirms the incident."""
        return await self._act(Action.CONFIRM, incident_id, actor, self._confirming(request, actor))

    def _confirming(self, request: ConfirmIncident, actor: Actor, round_id: int | None = None) -> "_Decide":
        """Return how the first message of a suspected incident is drafted."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            service = request.service or incident.service
            playbook = self._checks.playbook(service)
            self._checks.words(request.cause, request.crew, service)
            started_at = check_started(request.started_at or incident.started_at, now=now)
            playbook = events.in_force(tx, incident.id, started_at, playbook, now=now)
            eta_at = self._checks.eta(request.eta_at, playbook, now=now, started_at=started_at)
            region_ids = () if request.regions is None else places.regions(tx, request.regions, self._kinds)
            there = region_ids or incidents.place_regions(tx, incident.id)
            places.require_free(tx, service, there, (), but=incident.id)
            if actor.name == DAEMON.name and automatic.is_a_persons(tx, incident.id):
                raise Refused(
                    "somebody is working on it"
                )  # since the daemon looked: a draft takes the older one's place
            by_daemon = incident.opened_by == DAEMON.name  # its place may be chosen anew: what is previewed is sent
            changes = Changes(
                action=Action.CONFIRM,
                service=request.service or "",
                playbook=playbook.name,
                impact=request.impact,
                regions=tuple(there) if by_daemon else region_ids,
                started_at=request.started_at,
                cause=request.cause,
                crew=request.crew,
                eta_at=eta_at,
                next_update_given=request.next_update_by is not None,
            )
            kind = BroadcastKind.ACKNOWLEDGED if eta_at is None else BroadcastKind.ETA
            next_update_by = self._checks.next_update(request.next_update_by, eta_at, playbook, now)
            self._drafts.make(
                tx,
                incident,
                kind,
                changes,
                actor,
                next_update_by=next_update_by,
                may_delay=request.may_delay,
                wake_reason=request.wake_reason,
                round_id=round_id,
            )

        return decide

    async def dismiss(self, incident_id: int, request: DismissIncident, actor: Actor) -> Draft:
        """Dismiss what was nothing: at once when nobody was told, else by a correction to those who were."""
        dismissed = False

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            nonlocal dismissed
            if request.note:
                incidents.record(
                    tx, incident_id, at=now, event="note", actor=actor.name, detail={"note": request.note[:1000]}
                )
            if broadcasts.was_told(tx, incident_id):
                changes = Changes(action=Action.DISMISS)
                kind = BroadcastKind.PLANNED_CANCELLED if incident.is_planned else BroadcastKind.CORRECTION
                self._drafts.make(tx, incident, kind, changes, actor, wake_reason=request.wake_reason)
                return
            every = [part.id for part in parts.of_incident(tx, incident_id)]
            for unsent in [each for part in every for each in broadcasts.of_part(tx, part, incident_id, *_UNSENT)]:
                broadcasts.end(tx, unsent, BroadcastState.CANCELLED, BroadcastReason.INCIDENT_DISMISSED, now=now)
            incidents.dismiss(tx, incident_id, now=now, reason=DismissReason.BY_PERSON, actor=actor.name)
            dismissed = True

        draft = await self._act(Action.DISMISS, incident_id, actor, decide)
        if dismissed:
            self._metrics.incidents_dismissed.labels(DismissReason.BY_PERSON).inc()
            self._queue.wake(Topic.BROADCASTS)
        return draft

    def draft_in_round(self, tx: Transaction, request: InRound, actor: Actor) -> None:
        """Draft the next word of one incident, to be sent with others by one number; raise `Refused` where it cannot.

        The first message where it is suspected; else an update of its part, or of the rest where it has several.
        """
        incident = incidents.load(tx, request.incident_id)
        is_first = incident.state is IncidentState.SUSPECTED
        action, decide = (
            (Action.CONFIRM, self._confirming(request.confirmation(), actor, request.round_id))
            if is_first
            else (Action.ETA, self._estimating(request.estimate(), actor, request.round_id))
        )
        self._decide(tx, action, incident.id, actor, decide, Chosen(), self._clock.now())

    # --- how it goes on ---------------------------------------------------------------------------------------------

    async def eta(self, incident_id: int, request: SetEta, actor: Actor) -> Draft:
        """Draft an update of the estimate: what kind it is follows from what customers were told before."""
        return await self._act(Action.ETA, incident_id, actor, self._estimating(request, actor), request)

    def _estimating(self, request: SetEta, actor: Actor, round_id: int | None = None) -> "_Decide":
        """Return how an update of the estimate is drafted."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            playbook = self._checks.playbook(incident.service)
            playbook = events.in_force(tx, incident.id, incident.started_at, playbook, now=now)
            self._checks.words(request.cause, request.crew, incident.service)
            eta_at = self._checks.eta(request.eta_at, playbook, now=now, started_at=incident.started_at)
            changes = Changes(
                action=Action.ETA,
                impact=request.impact,
                cause=request.cause,
                crew=request.crew,
                eta_at=eta_at,
                next_update_given=request.next_update_by is not None,
            )
            told = self._drafts.last_told(tx, incident)
            kind = update_kind(
                None if told is None else told.eta_at or told.window_until_at,
                eta_at,
                is_first=told is None,
                new_cause=bool(told and request.cause is not None and request.cause != told.cause)
                or bool(told and request.impact is not None and request.impact != told.impact),
                new_crew=bool(told and request.crew is not None and request.crew != told.crew),
            )
            if incident.is_planned:
                kind = overrun_kind(kind)
            next_update_by = self._checks.next_update(request.next_update_by, eta_at, playbook, now)
            self._drafts.make(
                tx,
                incident,
                kind,
                changes,
                actor,
                next_update_by=next_update_by,
                may_delay=request.may_delay,
                wake_reason=request.wake_reason,
                round_id=round_id,
            )

        return decide

    async def restored(self, incident_id: int, request: RestoreIncident, actor: Actor) -> Draft:
        """Draft that service is back; sending it makes it believed back, and the message is held before it leaves."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            at = past(request.restored_at, "restored_at", now=now, after=incident.started_at)
            self._checks.may_be_restored(incident, at)
            changes = Changes(action=Action.RESTORED, at=at)
            kind = BroadcastKind.PLANNED_RESTORED if incident.is_planned else BroadcastKind.RESTORED
            self._drafts.make(tx, incident, kind, changes, actor, wake_reason=request.wake_reason)

        return await self._act(Action.RESTORED, incident_id, actor, decide, request)

    async def reopen(self, incident_id: int, request: ReopenIncident, actor: Actor) -> Draft:
        """Draft that it is out again; while "restored" was still held, nobody was told and there is nothing to send."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            if incident.part.state is PartState.BELIEVED_BACK:
                updates.out_again(tx, incident_id, incident.part.id, now=now, by=actor.name, why="a person says so")
                return
            playbook = self._checks.playbook(incident.service)
            playbook = events.in_force(tx, incident_id, incident.started_at, playbook, now=now)
            self._checks.words(request.cause, request.crew, incident.service)
            at = past(
                request.reopened_at, "reopened_at", now=now, after=incident.part.restored_at or incident.started_at
            )
            eta_at = self._checks.eta(request.eta_at, playbook, now=now, started_at=at)
            changes = Changes(
                action=Action.REOPEN,
                cause=request.cause,
                crew=request.crew,
                eta_at=eta_at,
                at=at,
                next_update_given=request.next_update_by is not None,
            )
            next_update_by = self._checks.next_update(request.next_update_by, eta_at, playbook, now)
            self._drafts.make(
                tx,
                incident,
                BroadcastKind.REOPENED,
                changes,
                actor,
                next_update_by=next_update_by,
                may_delay=request.may_delay,
                wake_reason=request.wake_reason,
            )

        draft = await self._act(Action.REOPEN, incident_id, actor, decide, request)
        self._queue.wake(Topic.BROADCASTS)
        return draft

    async def close(self, incident_id: int, actor: Actor) -> Draft:
        """Close what is resolved; tells nobody."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            own = [part.id for part in parts.own(tx, incident.id)]
            still = list(promises.open_in([each for part in own for each in promises.of_part(tx, incident.id, part)]))
            if still:
                raise Refused(f"incident {incident_id} has an open promise, due {still[0].due_at:%Y-%m-%d %H:%M} UTC")
            incidents.close(tx, incident_id, now=now, actor=actor.name)

        return await self._act(Action.CLOSE, incident_id, actor, decide)

    # --- parts of a decision ----------------------------------------------------------------------------------------

    async def _act(
        self, action: Action, incident_id: int, actor: Actor, decide: "_Decide", request: OfPart | None = None
    ) -> Draft:
        """Load, require that the action is possible, decide and save in one transaction; answer with the draft."""
        actor.require(KeyRole.COMMANDER)
        chosen = await self._database.read(lambda tx: self._parts.choose(tx, incident_id, action, request))
        chosen = await self._parts.listed(self._database, incident_id, chosen)
        part_id = await self._database.write(
            lambda tx: self._decide(tx, action, incident_id, actor, decide, chosen, self._clock.now())
        )
        return await self._drafts.answer(incident_id, part_id)

    def _decide(
        self,
        tx: Transaction,
        action: Action,
        incident_id: int,
        actor: Actor,
        decide: "_Decide",
        chosen: Chosen,
        now: datetime,
    ) -> int:
        """Decide about one part, and save; return the part."""
        part_id = self._parts.draft(tx, incident_id, action, chosen, now=now)
        incident = incidents.load(tx, incident_id, part_id)
        require_action(action, incident.state, incident.part.state, which=incident_id)
        if incident.is_planned and chosen.choice is not None:
            raise Refused(f"incident {incident_id} is planned work: it is told as a whole, not in parts")
        decide(tx, incident, now)
        if (choice := chosen.choice) is not None:
            self._drafts.leave_out(tx, incident, unknown=chosen.unknown, outside=choice.outside, elsewhere=choice.back)
        detail = {"part": incident.part.name} if incident.part.name else {}
        target = f"incident {incident_id}"
        audit.record(tx, at=now, actor=actor, action=f"incidents.{action}", target=target, detail=detail)
        return incident.part.id

    def _place(self, tx: Transaction, request: OpenIncident) -> tuple[tuple[int, ...], places.SiteList]:
        if request.regions and request.sites:
            raise InvalidInput("both regions and sites are given", field="sites", expected="one of the two")
        if request.sites:
            lines = [line.split(",", 1) if isinstance(line, str) else line for line in request.sites]
            return (), places.sites(tx, lines)
        return places.regions(tx, request.regions, self._kinds), places.SiteList(site_ids=(), unknown=())


class _Decide(Protocol):
    def __call__(self, tx: Transaction, incident: StoredIncident, now: datetime, /) -> None: ...
