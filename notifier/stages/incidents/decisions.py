"""What commanders decide about incidents. Each action that tells leaves a draft; nothing has happened before `send`."""

from collections.abc import Sequence
from datetime import datetime

from notifier.domain.actor import DAEMON, Actor
from notifier.domain.broadcast import (
    BroadcastKind,
    BroadcastReason,
    BroadcastState,
    check_started,
    overrun_kind,
    update_kind,
)
from notifier.domain.errors import Refused
from notifier.domain.given import ABOUT_TIMES
from notifier.domain.incident import Action, Changes, DismissReason, IncidentState, PartState
from notifier.domain.planned import require_not_begun
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.stages.incidents.acting import Acting, Beginning, Decide, Messages, Place
from notifier.stages.incidents.checks import past
from notifier.stages.incidents.of_part import Chosen
from notifier.stages.incidents.requests import (
    ConfirmIncident,
    DismissIncident,
    InRound,
    OpenIncident,
    ReopenIncident,
    RestoreIncident,
    SetEta,
)
from notifier.storage.database import Transaction
from notifier.storage.queries import incidents as shown
from notifier.storage.repositories import (
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


class Incidents:
    """What commanders do with incidents."""

    def __init__(self, around: Surroundings, messages: Messages) -> None:
        self._database, self._queue = around.database, around.queue
        self._metrics, self._playbooks = around.metrics, around.playbooks
        self._acting = Acting(around, messages)
        self._kinds, self._checks, self._drafts = self._acting.kinds, self._acting.checks, self._acting.drafts

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

        def begin(tx: Transaction, place: Place, now: datetime) -> Beginning:
            playbook = self._checks.playbook(request.service)
            self._checks.words(request.cause, request.crew, request.service)
            started_at = check_started(request.started_at or now, now=now)
            eta_at = self._checks.eta(request.eta_at, playbook, now=now, started_at=started_at)
            places.require_free(tx, request.service, place.region_ids, place.site_ids)
            return Beginning(
                state=IncidentState.SUSPECTED,
                started_at=started_at,
                kind=BroadcastKind.ACKNOWLEDGED if eta_at is None else BroadcastKind.ETA,
                changes=Changes(
                    action=Action.CONFIRM,
                    cause=request.cause,
                    crew=request.crew,
                    eta_at=eta_at,
                    unknown=place.unknown,
                    next_update_given=request.next_update_by is not None,
                ),
                next_update_by=self._checks.next_update(request.next_update_by, eta_at, playbook, now),
            )

        return await self._acting.open(request, actor, begin, audited="incidents.open")

    async def confirm(self, incident_id: int, request: ConfirmIncident, actor: Actor) -> Draft:
        """Draft the first message of a suspected incident; sending it confirms the incident."""
        return await self._acting.act(Action.CONFIRM, incident_id, actor, self._confirming(request, actor))

    def _confirming(self, request: ConfirmIncident, actor: Actor, round_id: int | None = None) -> Decide:
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
            was_told = broadcasts.was_told(tx, incident_id)
            is_off = incident.state is IncidentState.DISMISSED  # the word of it was stopped on its way
            if incident.is_planned and not is_off and (was_told or incident.state is not IncidentState.SCHEDULED):
                require_not_begun(incident_id, incident.state, incident.window_from_at, now=now)
            if is_off and incident.window_until_at is not None and now >= incident.window_until_at:
                raise Refused(f"planned work {incident_id} is called off, and its time is over: nobody waits for it")
            if request.note:
                incidents.record(
                    tx, incident_id, at=now, event="note", actor=actor.name, detail={"note": request.note[:1000]}
                )
            if was_told or is_off:
                changes = Changes(action=Action.DISMISS)
                kind = BroadcastKind.PLANNED_CANCELLED if incident.is_planned else BroadcastKind.CORRECTION
                self._drafts.make(tx, incident, kind, changes, actor, wake_reason=request.wake_reason)
                return
            every = [part.id for part in parts.of_incident(tx, incident_id)]
            for unsent in [each for part in every for each in broadcasts.of_part(tx, part, incident_id, *_UNSENT)]:
                broadcasts.end(tx, unsent, BroadcastState.CANCELLED, BroadcastReason.INCIDENT_DISMISSED, now=now)
            incidents.dismiss(tx, incident_id, now=now, reason=DismissReason.BY_PERSON, actor=actor.name)
            dismissed = True

        draft = await self._acting.act(Action.DISMISS, incident_id, actor, decide)
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
        self._acting.decide(tx, action, incident.id, actor, decide, Chosen())

    # --- how it goes on ---------------------------------------------------------------------------------------------

    async def eta(self, incident_id: int, request: SetEta, actor: Actor) -> Draft:
        """Draft an update of the estimate: what kind it is follows from what customers were told before."""
        return await self._acting.act(Action.ETA, incident_id, actor, self._estimating(request, actor), request)

    def _estimating(self, request: SetEta, actor: Actor, round_id: int | None = None) -> Decide:
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
            told, rest_of = self._drafts.last_told(tx, incident), None
            try:
                kind = update_kind(
                    None if told is None else told.eta_at or told.window_until_at,
                    eta_at,
                    is_first=told is None,
                    new_cause=bool(told and request.cause is not None and request.cause != told.cause)
                    or bool(told and request.impact is not None and request.impact != told.impact),
                    new_crew=bool(told and request.crew is not None and request.crew != told.crew),
                )
                kind = overrun_kind(kind) if incident.is_planned else kind
            except Refused:
                rest_of = broadcasts.cut_short(tx, incident.part.id)
                if rest_of is None or rest_of.kind not in ABOUT_TIMES or rest_of.facts.eta_at != eta_at:
                    raise
                kind = rest_of.kind  # nothing is new but to those whom it did not reach
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
                rest_of=rest_of,
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

        return await self._acting.act(Action.RESTORED, incident_id, actor, decide, request)

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

        draft = await self._acting.act(Action.REOPEN, incident_id, actor, decide, request)
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

        return await self._acting.act(Action.CLOSE, incident_id, actor, decide)
