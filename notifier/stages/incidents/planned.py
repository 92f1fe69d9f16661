"""Planned work: announced days before, moved, or called off. Each of these leaves a draft like everything that tells.

The notice authorises what follows from it: the reminder, and the word that it takes longer. It begins by itself.
"""

import secrets
from datetime import datetime

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.errors import InvalidInput, Refused
from notifier.domain.incident import Action, Changes, Impact, IncidentState, require_action
from notifier.domain.planned import check_window, needs_notice, require_lead
from notifier.domain.playbook import Playbook
from notifier.domain.region import RegionKinds
from notifier.stages import Surroundings
from notifier.stages.incidents.checks import Checks
from notifier.stages.incidents.decisions import Messages
from notifier.stages.incidents.drafts import Drafts
from notifier.stages.incidents.requests import Telling
from notifier.storage.database import Transaction
from notifier.storage.repositories import audit, broadcasts, incidents, places, planned
from notifier.storage.views import Draft


class OpenPlanned(Telling, frozen=True, kw_only=True):
    """Announce planned work: a service, the place as regions or as a list of sites, from when until when."""

    service: str
    from_at: datetime
    until_at: datetime
    regions: tuple[str, ...] = ()  # "postal_code:94110", or "94110" where only one kind has it
    sites: tuple[str | tuple[str, ...], ...] = ()  # "C-1001", "C-1001,2" or ["C-1001", "2"]
    impact: Impact = Impact.DOWN
    cause: str = ""  # phrase code; "" = nothing is said of why
    may_delay: bool = True  # authorises the word that it takes longer, before the end that was announced lapses


class ChangePlanned(Telling, frozen=True, kw_only=True):
    """Give planned work another time; None leaves things as they are."""

    from_at: datetime
    until_at: datetime
    cause: str | None = None
    may_delay: bool = True


class PlannedWork:
    """What commanders do with planned work before it begins."""

    def __init__(self, around: Surroundings, messages: Messages) -> None:
        self._database, self._clock, self._metrics = around.database, around.clock, around.metrics
        self._take_back = around.config.delivery.take_back
        self._kinds = RegionKinds(around.config.regions.kinds, country=around.config.regions.country)
        self._checks = Checks(around.playbooks, messages.phrase_codes, self._take_back)
        self._drafts = Drafts(around, self._checks, messages)

    async def open(self, request: OpenPlanned, actor: Actor) -> Draft:
        """Store planned work, scheduled, and draft its notice; nobody hears of it before that is sent."""
        actor.require(KeyRole.COMMANDER)
        playbook = self._checks.playbook(request.service)
        self._checks.words(request.cause, None, request.service)
        if bool(request.regions) == bool(request.sites):
            raise InvalidInput("say where the work is", field="regions", expected="either regions or sites")

        def save(tx: Transaction) -> int:
            now = self._clock.now()
            from_at, until_at = check_window(request.from_at, request.until_at, now=now)
            self._require_lead(from_at, until_at, playbook, now)
            listed = places.SiteList(site_ids=(), unknown=())
            region_ids: tuple[int, ...] = ()
            if request.sites:
                lines = [line.split(",", 1) if isinstance(line, str) else line for line in request.sites]
                listed = places.sites(tx, lines)
            else:
                region_ids = places.regions(tx, request.regions, self._kinds)
            planned.require_no_other(
                tx, request.service, region_ids, listed.site_ids, from_at=from_at, until_at=until_at
            )
            incident_id = incidents.open_incident(
                tx,
                service=request.service,
                impact=request.impact,
                playbook=playbook.name,
                state=IncidentState.SCHEDULED,
                region_ids=region_ids,
                site_ids=listed.site_ids,
                started_at=from_at,
                now=now,
                by=actor.name,
                correlation_id=secrets.token_hex(8),
                window=(from_at, until_at),
            )
            self._drafts.make(
                tx,
                incidents.load(tx, incident_id),
                BroadcastKind.PLANNED_NOTICE,
                Changes(action=Action.ANNOUNCE, cause=request.cause, unknown=listed.unknown),
                actor,
                may_delay=request.may_delay,
                wake_reason=request.wake_reason,
            )
            audit.record(tx, at=now, actor=actor, action="planned.open", target=f"incident {incident_id}")
            return incident_id

        incident_id = await self._database.write(save)
        self._metrics.incidents_opened.labels(request.service, "person").inc()
        return await self._drafts.answer(incident_id)

    async def change(self, incident_id: int, request: ChangePlanned, actor: Actor) -> Draft:
        """Draft another time for work that has not begun; where nobody was told of it yet, its notice anew."""
        actor.require(KeyRole.COMMANDER)

        def save(tx: Transaction) -> None:
            now = self._clock.now()
            incident = incidents.load(tx, incident_id)
            require_action(Action.CHANGE, incident.state, incident.part.state, which=incident_id)
            self._checks.words(request.cause, None, incident.service)
            from_at, until_at = check_window(request.from_at, request.until_at, now=now)
            before = (incident.window_from_at, incident.window_until_at)
            if planned.has_news_to_come(tx, incident):
                raise Refused(f"incident {incident_id} has an update that has not begun: take it back, or wait for it")
            announced, same = planned.announced_by(tx, incident), before == (from_at, until_at)
            is_known = announced is not None or broadcasts.was_told(tx, incident_id)  # to some, where it was stopped
            told = None if announced is None or None in before else (before[0], before[1])
            if announced is not None and same and request.cause in (None, incident.part.cause):
                raise Refused(f"incident {incident_id} is announced for that time already")
            self._require_lead(from_at, until_at, self._checks.playbook(incident.service), now, told)  # type: ignore[arg-type]
            there, listed = incidents.place_regions(tx, incident_id), incidents.listed_site_ids(tx, incident_id)
            planned.require_no_other(
                tx, incident.service, there, listed, from_at=from_at, until_at=until_at, but=incident_id
            )
            if not is_known:
                planned.set_window(tx, incident_id, from_at, until_at)
                incident = incidents.load(tx, incident_id)
            moves = is_known and not (announced is None and same)
            action = Action.CHANGE if moves else Action.ANNOUNCE
            kind = BroadcastKind.PLANNED_CHANGED if moves else BroadcastKind.PLANNED_NOTICE
            self._drafts.make(
                tx,
                incident,
                kind,
                Changes(action=action, cause=request.cause, window_from_at=from_at, window_until_at=until_at),
                actor,
                may_delay=request.may_delay,
                wake_reason=request.wake_reason,
            )
            audit.record(tx, at=now, actor=actor, action="planned.change", target=f"incident {incident_id}")

        await self._database.write(save)
        return await self._drafts.answer(incident_id)

    async def require_planned(self, incident_id: int) -> None:
        """Raise `Refused` when an incident is no planned work, `NotFound` when there is none."""
        incident = await self._database.read(lambda tx: incidents.load(tx, incident_id))
        if not incident.is_planned:
            raise Refused(f"incident {incident_id} is no planned work")

    def _require_lead(
        self,
        from_at: datetime,
        until_at: datetime,
        playbook: Playbook,
        now: datetime,
        told: tuple[datetime, datetime] | None = None,
    ) -> None:
        """Raise `Refused` when even one message would come too late; how long all take is known when they are sent."""
        if needs_notice(from_at, until_at, told):
            require_lead(from_at, done_at=now + self._take_back, lead=playbook.planned_notice_lead)
