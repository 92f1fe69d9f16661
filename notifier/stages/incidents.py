"""Incidents: what commanders decide. Each action that tells leaves a draft; nothing has happened before `send`.

Comes in: a person's request. Goes out: a draft broadcast with the changes it will make, and its preview. Must never
tell anyone by itself, nor pass on a commander's own words: causes and crews are phrase codes.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from msgspec import Struct

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import (
    BroadcastKind,
    BroadcastReason,
    BroadcastState,
    Facts,
    check_eta,
    check_next_update,
    check_started,
    update_kind,
)
from notifier.domain.errors import InvalidInput, Refused, nearest
from notifier.domain.incident import (
    Action,
    Changes,
    DismissReason,
    Impact,
    IncidentState,
    PartState,
    require_action,
)
from notifier.domain.notification import Channel, NotificationFacts
from notifier.domain.playbook import Playbook
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.domain.region import RegionKinds
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.storage.database import Database, Transaction
from notifier.storage.queries import broadcasts as shown_broadcasts
from notifier.storage.queries import incidents as shown
from notifier.storage.queries.broadcasts import RenderedMessage
from notifier.storage.repositories import audit, broadcasts, incidents, places, promises, updates
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.views import Draft, IncidentCard, IncidentView

_UNSENT = (
    BroadcastState.DRAFT,
    BroadcastState.AWAITING_APPROVAL,
    BroadcastState.SENDING,
    BroadcastState.PAUSED,
)


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common options of what people ask for."""


class OpenIncident(Request, frozen=True, kw_only=True):
    """Open an incident by hand: a service, and its place as regions or as a list of sites."""

    service: str
    regions: tuple[str, ...] = ()  # "postal_code:94110", or "94110" where only one kind has it
    sites: tuple[str | tuple[str, ...], ...] = ()  # "C-1001", "C-1001,2" or ["C-1001", "2"]
    impact: Impact = Impact.DOWN
    cause: str = ""  # phrase code; "" = not known yet
    crew: str = ""  # phrase code; "" = nothing to say
    eta_at: datetime | None = None
    next_update_by: datetime | None = None
    started_at: datetime | None = None  # None = now
    may_delay: bool = True  # authorises an automatic `delayed` before the promise lapses


class ConfirmIncident(Request, frozen=True, kw_only=True):
    """Confirm what is suspected, and correct the proposal where it is wrong."""

    regions: tuple[str, ...] | None = None
    service: str | None = None
    impact: Impact | None = None
    cause: str | None = None
    crew: str | None = None
    eta_at: datetime | None = None
    next_update_by: datetime | None = None
    started_at: datetime | None = None
    may_delay: bool = True


class DismissIncident(Request, frozen=True, kw_only=True):
    """Say that it was nothing; the note is for the timeline only."""

    note: str = ""


class SetEta(Request, frozen=True, kw_only=True):
    """Tell when service will be back; null = nobody knows, or nobody knows any more."""

    eta_at: datetime | None
    cause: str | None = None
    crew: str | None = None
    next_update_by: datetime | None = None
    may_delay: bool = True


class RestoreIncident(Request, frozen=True, kw_only=True):
    """Say that service is back."""

    restored_at: datetime | None = None  # None = now


class ReopenIncident(Request, frozen=True, kw_only=True):
    """Say that it is out again."""

    reopened_at: datetime | None = None  # None = now
    cause: str | None = None
    crew: str | None = None
    eta_at: datetime | None = None
    next_update_by: datetime | None = None
    may_delay: bool = True


class Messages(Protocol):
    """What is needed of the messages: the phrases there are, and samples."""

    def phrase_codes(self, group: str, service: str = "", /) -> tuple[str, ...]:
        """Return the codes of `causes` or `crews`."""
        ...

    def render(
        self, channel: Channel, kind: BroadcastKind, facts: Facts, personal: NotificationFacts, /
    ) -> RenderedMessage:
        """Return a message as one reader sees it."""
        ...


class Incidents:
    """What commanders do with incidents."""

    def __init__(
        self,
        database: Database,
        config: Config,
        clock: Clock,
        queue: EmbeddedQueue,
        metrics: Metrics,
        playbooks: Mapping[str, Playbook],
        messages: Messages,
    ) -> None:
        self._database, self._config, self._clock = database, config, clock
        self._queue, self._metrics = queue, metrics
        self._playbooks, self._messages = playbooks, messages
        self._kinds = RegionKinds(config.regions.kinds, country=config.regions.country)

    # --- looking ----------------------------------------------------------------------------------------------------

    async def show(self, incident_id: int) -> IncidentView:
        """Return one incident, whole; raise `NotFound`."""
        return await self._database.read(lambda tx: shown.view(tx, incident_id, self._playbooks))

    async def cards(self, states: Sequence[str] | None = None, *, before: int | None = None) -> list[IncidentCard]:
        """Return at most 200 incidents in these states, newest first; None = all. `before` is an id: older ones."""
        return await self._database.read(lambda tx: shown.cards(tx, states, before=before))

    # --- actions ----------------------------------------------------------------------------------------------------

    async def open(self, request: OpenIncident, actor: Actor) -> Draft:
        """Store an incident that a person knows of, suspected until its first message is sent."""
        actor.require(KeyRole.COMMANDER)
        playbook = self._playbook(request.service)
        self._check_words(request.cause, request.crew, request.service)

        def save(tx: Transaction) -> int:
            now = self._clock.now()
            started_at = check_started(request.started_at or now, now=now)
            eta_at = self._eta(request.eta_at, playbook, now=now, started_at=started_at)
            region_ids, listed = self._place(tx, request)
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
            next_update_by = self._next_update(request.next_update_by, eta_at, playbook, now)
            self._draft(tx, incident, kind, changes, actor, next_update_by=next_update_by, may_delay=request.may_delay)
            audit.record(tx, at=now, actor=actor, action="incidents.open", target=f"incident {incident_id}")
            return incident_id

        incident_id = await self._database.write(save)
        self._metrics.incidents_opened.labels(request.service, "person").inc()
        return await self._answer(incident_id)

    async def confirm(self, incident_id: int, request: ConfirmIncident, actor: Actor) -> Draft:
        """Draft the first message of a suspected incident; sending it confirms the incident."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            service = request.service or incident.service
            playbook = self._playbook(service)
            self._check_words(request.cause, request.crew, service)
            started_at = check_started(request.started_at or incident.started_at, now=now)
            eta_at = self._eta(request.eta_at, playbook, now=now, started_at=started_at)
            region_ids = () if request.regions is None else places.regions(tx, request.regions, self._kinds)
            there = region_ids or incidents.place_regions(tx, incident_id)
            places.require_free(tx, service, there, (), but=incident_id)
            changes = Changes(
                action=Action.CONFIRM,
                service=request.service or "",
                playbook=playbook.name,
                impact=request.impact,
                regions=region_ids,
                started_at=request.started_at,
                cause=request.cause,
                crew=request.crew,
                eta_at=eta_at,
                next_update_given=request.next_update_by is not None,
            )
            kind = BroadcastKind.ACKNOWLEDGED if eta_at is None else BroadcastKind.ETA
            next_update_by = self._next_update(request.next_update_by, eta_at, playbook, now)
            self._draft(tx, incident, kind, changes, actor, next_update_by=next_update_by, may_delay=request.may_delay)

        return await self._act(Action.CONFIRM, incident_id, actor, decide)

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
                self._draft(tx, incident, BroadcastKind.CORRECTION, changes, actor)
                return
            for unsent in broadcasts.of_part(tx, incident.part_id, incident_id, *_UNSENT):
                broadcasts.end(tx, unsent, BroadcastState.CANCELLED, BroadcastReason.INCIDENT_DISMISSED, now=now)
            incidents.dismiss(tx, incident_id, now=now, reason=DismissReason.BY_PERSON, actor=actor.name)
            dismissed = True

        draft = await self._act(Action.DISMISS, incident_id, actor, decide)
        if dismissed:
            self._metrics.incidents_dismissed.labels(DismissReason.BY_PERSON).inc()
            self._queue.wake(Topic.BROADCASTS)
        return draft

    async def eta(self, incident_id: int, request: SetEta, actor: Actor) -> Draft:
        """Draft an update of the estimate: what kind it is follows from what customers were told before."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            playbook = self._playbook(incident.service)
            self._check_words(request.cause, request.crew, incident.service)
            eta_at = self._eta(request.eta_at, playbook, now=now, started_at=incident.started_at)
            changes = Changes(
                action=Action.ETA,
                cause=request.cause,
                crew=request.crew,
                eta_at=eta_at,
                next_update_given=request.next_update_by is not None,
            )
            told = self._last_told(tx, incident)
            kind = update_kind(
                None if told is None else told.eta_at,
                eta_at,
                is_first=told is None,
                new_cause=bool(told and request.cause is not None and request.cause != told.cause),
                new_crew=bool(told and request.crew is not None and request.crew != told.crew),
            )
            next_update_by = self._next_update(request.next_update_by, eta_at, playbook, now)
            self._draft(tx, incident, kind, changes, actor, next_update_by=next_update_by, may_delay=request.may_delay)

        return await self._act(Action.ETA, incident_id, actor, decide)

    async def restored(self, incident_id: int, request: RestoreIncident, actor: Actor) -> Draft:
        """Draft that service is back; sending it makes it believed back, and the message is held before it leaves."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            at = _past(request.restored_at, "restored_at", now=now, after=incident.started_at)
            self._draft(tx, incident, BroadcastKind.RESTORED, Changes(action=Action.RESTORED, at=at), actor)

        return await self._act(Action.RESTORED, incident_id, actor, decide)

    async def reopen(self, incident_id: int, request: ReopenIncident, actor: Actor) -> Draft:
        """Draft that it is out again; while "restored" was still held, nobody was told and there is nothing to send."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            if incident.part_state is PartState.BELIEVED_BACK:
                updates.out_again(tx, incident_id, now=now, by=actor.name, why="a person says so")
                return
            playbook = self._playbook(incident.service)
            self._check_words(request.cause, request.crew, incident.service)
            at = _past(request.reopened_at, "reopened_at", now=now, after=incident.restored_at or incident.started_at)
            eta_at = self._eta(request.eta_at, playbook, now=now, started_at=at)
            changes = Changes(
                action=Action.REOPEN,
                cause=request.cause,
                crew=request.crew,
                eta_at=eta_at,
                at=at,
                next_update_given=request.next_update_by is not None,
            )
            next_update_by = self._next_update(request.next_update_by, eta_at, playbook, now)
            self._draft(
                tx,
                incident,
                BroadcastKind.REOPENED,
                changes,
                actor,
                next_update_by=next_update_by,
                may_delay=request.may_delay,
            )

        draft = await self._act(Action.REOPEN, incident_id, actor, decide)
        self._queue.wake(Topic.BROADCASTS)
        return draft

    async def close(self, incident_id: int, actor: Actor) -> Draft:
        """Close what is resolved; tells nobody."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            still = list(promises.open_in(promises.of_part(tx, incident_id, incident.part_id)))
            if still:
                raise Refused(f"incident {incident_id} has an open promise, due {still[0].due_at:%Y-%m-%d %H:%M} UTC")
            incidents.close(tx, incident_id, now=now, actor=actor.name)

        return await self._act(Action.CLOSE, incident_id, actor, decide)

    async def _act(self, action: Action, incident_id: int, actor: Actor, decide: "_Decide") -> Draft:
        """Load, require that the action is possible, decide and save in one transaction; answer with the draft."""
        actor.require(KeyRole.COMMANDER)

        def work(tx: Transaction) -> None:
            now = self._clock.now()
            incident = incidents.load(tx, incident_id)
            require_action(action, incident.state, incident.part_state, which=incident_id)
            decide(tx, incident, now)
            audit.record(tx, at=now, actor=actor, action=f"incidents.{action}", target=f"incident {incident_id}")

        await self._database.write(work)
        return await self._answer(incident_id)

    async def _answer(self, incident_id: int) -> Draft:
        """Return the incident and its draft, if it has one, with the preview; keep what the preview counted."""

        def look(tx: Transaction) -> Draft:
            incident = incidents.load(tx, incident_id)
            drafts = broadcasts.of_part(tx, incident.part_id, incident_id, BroadcastState.DRAFT)
            view = shown.view(tx, incident_id, self._playbooks)
            if not drafts:
                return Draft(incident=view, broadcast=None, preview=None)
            found = drafts[-1]
            outlook = shown_broadcasts.outlook(
                self._config,
                self._playbook(found.facts.service),
                now=self._clock.now(),
                render=self._messages.render,
            )
            preview = shown_broadcasts.preview(tx, found.id, outlook)
            return Draft(incident=view, broadcast=shown_broadcasts.view(tx, found.id), preview=preview)

        draft = await self._database.read(look)
        if draft.broadcast is None or draft.preview is None:
            return draft
        broadcast_id, customers = draft.broadcast.id, draft.preview.customers
        await self._database.write(lambda tx: broadcasts.set_expected(tx, broadcast_id, customers))
        expected = msgspec.structs.replace(draft.broadcast, expected_customers=customers)
        return msgspec.structs.replace(draft, broadcast=expected)

    # --- parts of a decision ----------------------------------------------------------------------------------------

    def _draft(
        self,
        tx: Transaction,
        incident: StoredIncident,
        kind: BroadcastKind,
        changes: Changes,
        actor: Actor,
        *,
        next_update_by: datetime | None = None,
        may_delay: bool = False,
    ) -> None:
        now = self._clock.now()
        facts = self._facts(tx, incident, kind, changes, next_update_by)
        broadcast_id = broadcasts.create(
            tx,
            incident_id=incident.id,
            part_id=incident.part_id,
            kind=kind,
            facts=facts,
            changes=changes,
            now=now,
            by=actor.name,
            correlation_id=incident.correlation_id,
            may_delay=may_delay and (facts.next_update_by is not None or facts.eta_at is not None),
        )
        detail = {"broadcast": broadcast_id, "kind": str(kind)}
        incidents.record(tx, incident.id, at=now, event="drafted", actor=actor.name, detail=detail)

    def _facts(
        self,
        tx: Transaction,
        incident: StoredIncident,
        kind: BroadcastKind,
        changes: Changes,
        next_update_by: datetime | None,
    ) -> Facts:
        """Return what the update says, from the incident as it is, the changes, and what was told before."""
        told = self._last_told(tx, incident)
        still_open = list(promises.open_in(promises.of_part(tx, incident.id, incident.part_id)))
        facts = Facts(
            service=changes.service or incident.service,
            impact=changes.impact or incident.impact,
            started_at=changes.started_at or incident.started_at,
            cause=incident.cause if changes.cause is None else changes.cause,
            crew=incident.crew if changes.crew is None else changes.crew,
            eta_at=changes.eta_at,
            next_update_by=next_update_by,
            previous_eta_at=None if told is None else told.eta_at,
            previous_update_by=next(  # of the newest: an older one may be open while its answer goes out
                (promise.due_at for promise in reversed(still_open) if promise.kind is PromiseKind.NEXT_UPDATE), None
            ),
        )
        match kind:
            case BroadcastKind.RESTORED:
                missed = self._missed_eta(tx, incident, changes.at or self._clock.now())
                return msgspec.structs.replace(facts, restored_at=changes.at, missed_eta_at=missed)
            case BroadcastKind.REOPENED:
                told_at = broadcasts.first_told_at(tx, incident.id, BroadcastKind.RESTORED)
                return msgspec.structs.replace(
                    facts, told_at=told_at, reopened_at=changes.at, restored_at=incident.restored_at
                )
            case BroadcastKind.CORRECTION:
                return msgspec.structs.replace(facts, told_at=broadcasts.first_told_at(tx, incident.id))
            case _:
                return facts

    def _last_told(self, tx: Transaction, incident: StoredIncident) -> Facts | None:
        """Return what customers were told last, or None when nobody was told anything."""
        for each in reversed(broadcasts.of_part(tx, incident.part_id, incident.id, *BroadcastState)):
            stopped = each.state is BroadcastState.CANCELLED and not broadcasts.was_told_by(tx, each.id)
            if each.started_at is not None and not stopped:
                return each.facts
        return None

    def _missed_eta(self, tx: Transaction, incident: StoredIncident, back_at: datetime) -> datetime | None:
        """Return the first ETA told that service did not keep, also when it was revised in time."""
        told = (
            promise.due_at
            for promise in promises.of_part(tx, incident.id, incident.part_id)
            if promise.kind is PromiseKind.ETA and promise.state is not PromiseState.VOID
        )
        return min((due_at for due_at in told if due_at < back_at), default=None)

    def _place(self, tx: Transaction, request: OpenIncident) -> tuple[tuple[int, ...], places.SiteList]:
        if request.regions and request.sites:
            raise InvalidInput("both regions and sites are given", field="sites", expected="one of the two")
        if request.sites:
            lines = [line.split(",", 1) if isinstance(line, str) else line for line in request.sites]
            return (), places.sites(tx, lines)
        return places.regions(tx, request.regions, self._kinds), places.SiteList(site_ids=(), unknown=())

    def _playbook(self, service: str) -> Playbook:
        playbook = self._playbooks.get(service)
        if playbook is None:
            known = tuple(self._playbooks)
            raise InvalidInput(
                f"service '{service}' has no playbook{nearest(service, known)}",
                field="service",
                value=service,
                expected=" or ".join(known),
            )
        return playbook

    def _check_words(self, cause: str | None, crew: str | None, service: str) -> None:
        """Raise `InvalidInput` when a cause or crew status is no phrase: customers read phrases only."""
        for field, group, code in (("cause", "causes", cause), ("crew", "crews", crew)):
            if not code:
                continue
            known = self._messages.phrase_codes(group, service)
            if code not in known:
                raise InvalidInput(
                    f"'{code}' is no phrase of {group}{nearest(code, known)}",
                    field=field,
                    value=code,
                    expected=" or ".join(known),
                )

    def _eta(
        self, eta_at: datetime | None, playbook: Playbook, *, now: datetime, started_at: datetime
    ) -> datetime | None:
        if eta_at is None:
            return None
        return check_eta(
            _aware(eta_at, "eta_at"),
            now=now,
            started_at=started_at,
            at_most=playbook.eta_at_most,
            take_back=self._config.delivery.take_back,
        )

    def _next_update(
        self, given: datetime | None, eta_at: datetime | None, playbook: Playbook, now: datetime
    ) -> datetime | None:
        """Return when customers hear next: as given, else the playbook's time where there is no ETA to wait for."""
        if given is not None:
            return check_next_update(
                _aware(given, "next_update_by"),
                now=now,
                within=playbook.next_update_within,
                take_back=self._config.delivery.take_back,
            )
        return None if eta_at is not None else now + playbook.next_update_within


class _Decide(Protocol):
    def __call__(self, tx: Transaction, incident: StoredIncident, now: datetime, /) -> None: ...


def _past(given: datetime | None, field: str, *, now: datetime, after: datetime) -> datetime:
    """Return a time that has been, or `now`; raise `InvalidInput` for one before the outage or to come."""
    at = now if given is None else _aware(given, field)
    if after <= at <= now:
        return at
    raise InvalidInput(
        f"{at:%Y-%m-%d %H:%M} UTC is not between {after:%Y-%m-%d %H:%M} and now",
        field=field,
        value=f"{at:%Y-%m-%d %H:%M} UTC",
        expected=f"a time up to {now:%Y-%m-%d %H:%M} UTC",
    )


def _aware(instant: datetime, field: str) -> datetime:
    if instant.tzinfo is None:
        raise InvalidInput(
            "the time has no zone", field=field, value=instant.isoformat(), expected="2026-03-02T06:30:00-08:00"
        )
    return instant
