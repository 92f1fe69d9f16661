"""How everything is done that commanders do with incidents: load, require that it is possible, decide, save, answer.

Comes in: an action with its decision as a function. Goes out: the draft it has made. One transaction decides and saves;
what walks many sites is looked up beside it. Outages and planned work differ in what they decide, never in this.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.event import require_no_time
from notifier.domain.incident import Action, Changes, Impact, IncidentState, require_action
from notifier.domain.region import RegionKinds
from notifier.stages import Surroundings
from notifier.stages.incidents.checks import Checks
from notifier.stages.incidents.drafts import Drafts
from notifier.stages.incidents.of_part import Chosen, PartChoices
from notifier.stages.incidents.requests import OfPart, lines_of
from notifier.storage.database import Transaction
from notifier.storage.queries.previews import Words
from notifier.storage.repositories import audit, events, incidents, places, planned
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.views import Draft

Decide = Callable[[Transaction, StoredIncident, datetime], None]
"""Decide about one part of an incident at a time, and make the draft."""


class Messages(Words, Protocol):
    """What is needed of the messages: the phrases there are, and what previews need."""

    def phrase_codes(self, group: str, service: str = "", /) -> tuple[str, ...]:
        """Return the codes of `causes` or `crews`."""
        ...


class Opens(Protocol):
    """A request for a new incident."""

    @property
    def service(self) -> str:
        """What is out, or will be."""

    @property
    def impact(self) -> Impact:
        """How bad it is for a customer."""

    @property
    def regions(self) -> tuple[str, ...]:
        """Where it is, or nothing."""

    @property
    def sites(self) -> tuple[str | tuple[str, ...], ...]:
        """Where it is, as a list, or nothing."""

    @property
    def may_delay(self) -> bool:
        """Whether the daemon may say by itself that it takes longer."""

    @property
    def wake_reason(self) -> str:
        """Why the night holds nobody up; "" = it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a new incident is: regions, or a list of sites."""

    region_ids: tuple[int, ...] = ()
    site_ids: tuple[int, ...] = ()
    unknown: tuple[str, ...] = ()  # lines of the list that nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What is decided about a new incident, and its first draft."""

    state: IncidentState
    started_at: datetime
    kind: BroadcastKind
    changes: Changes
    next_update_by: datetime | None = None
    window: tuple[datetime, datetime] | None = None


Begin = Callable[[Transaction, Place, datetime], Beginning]
"""Decide about a new incident at a place at a time."""


class Acting:
    """Does what commanders decide."""

    def __init__(self, around: Surroundings, messages: Messages) -> None:
        self._database, self._clock, self._metrics = around.database, around.clock, around.metrics
        self.kinds = RegionKinds(around.config.regions.kinds, country=around.config.regions.country)
        self.checks = Checks(around.playbooks, messages.phrase_codes, around.config.delivery.take_back)
        self.drafts = Drafts(around, self.checks, messages)
        self._parts = PartChoices(self.kinds)

    async def open(self, request: Opens, actor: Actor, begin: Begin, *, audited: str) -> Draft:
        """Store a new incident with its first draft; nobody hears of it before that is sent."""
        actor.require(KeyRole.COMMANDER)
        playbook = self.checks.playbook(request.service)
        place = await self._database.read(lambda tx: self._place(tx, request))

        def save(tx: Transaction) -> int:
            now = self._clock.now()
            begins = begin(tx, place, now)
            incident_id = incidents.open_incident(
                tx,
                service=request.service,
                impact=request.impact,
                playbook=playbook.name,
                state=begins.state,
                region_ids=place.region_ids,
                site_ids=place.site_ids,
                started_at=begins.started_at,
                now=now,
                by=actor.name,
                correlation_id=secrets.token_hex(8),
                window=begins.window,
            )
            if (event := events.of_incident(tx, incident_id)) is not None:
                require_no_time(event, begins.changes.eta_at)
            self.drafts.make(
                tx,
                incidents.load(tx, incident_id),
                begins.kind,
                begins.changes,
                actor,
                next_update_by=begins.next_update_by,
                may_delay=request.may_delay,
                wake_reason=request.wake_reason,
            )
            audit.record(tx, at=now, actor=actor, action=audited, target=f"incident {incident_id}")
            return incident_id

        incident_id = await self._database.write(save)
        self._metrics.incidents_opened.labels(request.service, "person").inc()
        return await self.drafts.answer(incident_id)

    def _place(self, tx: Transaction, request: Opens) -> Place:
        if request.regions and request.sites:
            raise InvalidInput("both regions and sites are given", field="sites", expected="one of the two")
        if request.sites:
            listed = places.sites(tx, lines_of(request.sites))
            return Place(site_ids=listed.site_ids, unknown=listed.unknown)
        return Place(region_ids=places.regions(tx, request.regions, self.kinds))

    async def act(
        self,
        action: Action,
        incident_id: int,
        actor: Actor,
        decide: Decide,
        request: OfPart | None = None,
        *,
        audited: str = "",
    ) -> Draft:
        """Do one thing with an incident, or with the part that a request names; answer with the draft."""
        actor.require(KeyRole.COMMANDER)
        chosen = await self._database.read(lambda tx: self._parts.choose(tx, incident_id, action, request))
        chosen = await self._parts.listed(self._database, incident_id, chosen)
        part_id = await self._database.write(
            lambda tx: self.decide(tx, action, incident_id, actor, decide, chosen, audited=audited)
        )
        return await self.drafts.answer(incident_id, part_id)

    def decide(
        self,
        tx: Transaction,
        action: Action,
        incident_id: int,
        actor: Actor,
        decide: Decide,
        chosen: Chosen,
        *,
        audited: str = "",
    ) -> int:
        """Decide about one part, and save; return the part."""
        now = self._clock.now()
        part_id = self._parts.draft(tx, incident_id, action, chosen, now=now)
        incident = incidents.load(tx, incident_id, part_id)
        if action is not Action.DISMISS or planned.cut_calling_off(tx, incident) is None:  # that is said again
            require_action(action, incident.state, incident.part.state, which=incident_id)
        if incident.is_planned and chosen.choice is not None:
            raise Refused(f"incident {incident_id} is planned work: it is told as a whole, not in parts")
        decide(tx, incident, now)
        if (choice := chosen.choice) is not None:
            self.drafts.leave_out(tx, incident, unknown=chosen.unknown, outside=choice.outside, elsewhere=choice.back)
        detail = {"part": incident.part.name} if incident.part.name else {}
        target, what = f"incident {incident_id}", audited or f"incidents.{action}"
        audit.record(tx, at=now, actor=actor, action=what, target=target, detail=detail)
        return incident.part.id
