"""Which sites an incident is about, changed while it goes on: sites join it, leave it, or go over to another one.

Who joins gets the first message, by a draft like every other that tells. What leaves or goes over is told nothing by
that: each customer keeps the promise that they were given.
"""

import secrets
from datetime import datetime, timedelta

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.incident import Action, Changes, IncidentNumber, require_action
from notifier.domain.region import RegionKinds
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.stages.incidents.acting import Messages
from notifier.stages.incidents.checks import Checks
from notifier.stages.incidents.drafts import Drafts
from notifier.stages.incidents.of_part import PartChoices, list_sites
from notifier.stages.incidents.requests import OfPart, Request, Telling, lines_of
from notifier.storage.database import Transaction
from notifier.storage.queries import incidents as shown
from notifier.storage.repositories import audit, cutting, incidents, joining, moving, places
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.repositories.joining import Joining
from notifier.storage.repositories.named_sites import Names
from notifier.storage.views import Draft, IncidentView


class ExtendIncident(Telling, frozen=True, kw_only=True):
    """Add sites to an incident: by regions, or by a list."""

    regions: tuple[str, ...] = ()  # "postal_code:94115"
    sites: tuple[str | tuple[str, ...], ...] = ()  # "C-1001", "C-1001,2" or ["C-1001", "2"]
    may_delay: bool = True


class SplitIncident(OfPart, frozen=True, kw_only=True):
    """Let sites leave as an incident of their own."""


class MergeIncident(Request, frozen=True, kw_only=True):
    """Let all sites of an incident go over to another one."""

    into: IncidentNumber


class Reshaping:
    """Changes which sites incidents are about."""

    def __init__(self, around: Surroundings, messages: Messages) -> None:
        self._database, self._clock, self._queue = around.database, around.clock, around.queue
        self._metrics, self._playbooks = around.metrics, around.playbooks
        self._take_back = around.config.delivery.take_back
        self._kinds = RegionKinds(around.config.regions.kinds, country=around.config.regions.country)
        self._checks = Checks(around.playbooks, messages.phrase_codes, self._take_back)
        self._drafts = Drafts(around, self._checks, messages)
        self._parts = PartChoices(self._kinds)

    async def extend(self, incident_id: int, request: ExtendIncident, actor: Actor) -> Draft:
        """Draft the first message of those who join: with the times that the others were told, where they stand."""
        actor.require(KeyRole.COMMANDER)
        if bool(request.regions) == bool(request.sites):
            raise InvalidInput("say which sites join", field="regions", expected="either regions or sites")

        def look(tx: Transaction) -> tuple[Names, tuple[str, ...], Joining]:
            incident = self._extendable(tx, incident_id)
            names, unknown = self._names(tx, request)
            places.require_free(tx, incident.service, names.region_ids, names.site_ids, but=incident_id)
            return names, unknown, joining.look_for(tx, incident, names)

        def begin(tx: Transaction) -> int:
            return joining.begin(tx, self._extendable(tx, incident_id), found)

        def save(tx: Transaction) -> None:
            now = self._clock.now()
            incident = self._extendable(tx, incident_id)
            cutting.forget_drafts(tx, incident_id, found.called, now=now)
            self._draft(tx, incident, part_id, names, unknown, request, actor, now)
            audit.record(tx, at=now, actor=actor, action="incidents.extend", target=f"incident {incident_id}")

        names, unknown, found = await self._database.read(look)
        part_id = await self._database.write(begin)
        await list_sites(self._database, part_id, found.site_ids)
        await self._database.write(save)
        return await self._drafts.answer(incident_id, part_id)

    async def split(self, incident_id: int, request: SplitIncident, actor: Actor) -> IncidentView:
        """Let sites go on as a confirmed incident of their own, and return that; nobody is told."""
        actor.require(KeyRole.COMMANDER)
        if not (request.part or request.part_sites):
            raise InvalidInput("say which sites leave", field="part", expected="part or part_sites")
        chosen = await self._database.read(lambda tx: self._parts.choose(tx, incident_id, Action.SPLIT, request))
        chosen = await self._parts.listed(self._database, incident_id, chosen)

        def save(tx: Transaction) -> int:
            now = self._clock.now()
            part_id = self._parts.draft(tx, incident_id, Action.SPLIT, chosen, now=now)
            incident = incidents.load(tx, incident_id, part_id)
            require_action(Action.SPLIT, incident.state, incident.part.state, which=incident_id)
            cutting.require_unchanged(tx, incident, Action.SPLIT)
            _require_outage(incident)
            incident = cutting.cut(tx, incident, customers=0, now=now, by=actor.name)
            new_id = moving.split(tx, incident, now=now, by=actor.name, correlation_id=secrets.token_hex(8))
            detail = {"incident": new_id, "part": incident.part.name}
            audit.record(
                tx, at=now, actor=actor, action="incidents.split", target=f"incident {incident_id}", detail=detail
            )
            return new_id

        new_id = await self._database.write(save)
        return await self._shown(new_id)

    async def merge(self, incident_id: int, request: MergeIncident, actor: Actor) -> IncidentView:
        """Merge an incident into another one, and return that; nobody is told."""
        actor.require(KeyRole.COMMANDER)

        def save(tx: Transaction) -> list[tuple[str, str]]:
            now = self._clock.now()
            for each in (incident_id, request.into):
                _require_outage(incidents.load(tx, each))
            ended = moving.merge(tx, incident_id, into=request.into, now=now, by=actor.name)
            detail = {"into": request.into}
            audit.record(
                tx, at=now, actor=actor, action="incidents.merge", target=f"incident {incident_id}", detail=detail
            )
            return list(ended)

        for kind, state in await self._database.write(save):
            self._metrics.promises.labels(kind, state).inc()
        self._queue.recall()  # of what it has stopped
        self._queue.wake(Topic.BROADCASTS)
        return await self._shown(request.into)

    # --- parts of it --------------------------------------------------------------------------------------------------

    async def _shown(self, incident_id: int) -> IncidentView:
        return await self._database.read(lambda tx: shown.view(tx, incident_id, self._playbooks))

    def _extendable(self, tx: Transaction, incident_id: int) -> StoredIncident:
        incident = incidents.load(tx, incident_id)
        require_action(Action.EXTEND, incident.state, incident.part.state, which=incident_id)
        _require_outage(incident)
        return incident

    def _names(self, tx: Transaction, request: ExtendIncident) -> tuple[Names, tuple[str, ...]]:
        if request.regions:
            return Names(region_ids=tuple(places.regions(tx, request.regions, self._kinds))), ()
        listed = places.sites(tx, lines_of(request.sites))
        return Names(site_ids=tuple(listed.site_ids)), listed.unknown

    def _draft(
        self,
        tx: Transaction,
        incident: StoredIncident,
        part_id: int,
        names: Names,
        unknown: tuple[str, ...],
        request: ExtendIncident,
        actor: Actor,
        now: datetime,
    ) -> None:
        eta_at, told_by = incident.part.eta_at, incident.part.next_update_by
        if eta_at is not None and not self._is_ahead(eta_at, now):
            eta_at = None
        kept = told_by is not None and self._is_ahead(told_by, now)
        playbook = self._checks.playbook(incident.service)
        changes = Changes(
            action=Action.EXTEND,
            regions=names.region_ids,
            eta_at=eta_at,
            unknown=unknown,
            next_update_given=kept and eta_at is None,
        )
        self._drafts.make(
            tx,
            incidents.load(tx, incident.id, part_id),
            BroadcastKind.ACKNOWLEDGED if eta_at is None else BroadcastKind.ETA,
            changes,
            actor,
            next_update_by=self._checks.next_update(
                told_by if kept and eta_at is None else None, eta_at, playbook, now
            ),
            may_delay=request.may_delay,
            wake_reason=request.wake_reason,
        )

    def _is_ahead(self, at: datetime, now: datetime) -> bool:
        return at > now + self._take_back + timedelta(minutes=1)


def _require_outage(incident: StoredIncident) -> None:
    """Raise `Refused` for planned work: those affected by it were told days before."""
    if incident.is_planned:
        raise Refused(f"incident {incident.id} is planned work: its sites stay as they were announced")
