"""Planned work: announced days before, moved, or called off. Each of these leaves a draft like everything that tells.

The notice authorises what follows from it: the reminder, and the word that it takes longer. It begins by itself.
"""

from datetime import datetime

from notifier.domain.actor import Actor
from notifier.domain.broadcast import BroadcastKind
from notifier.domain.errors import Refused
from notifier.domain.incident import Action, Changes, Impact, IncidentState
from notifier.domain.planned import Window, check_window, needs_notice, require_lead
from notifier.domain.playbook import Playbook
from notifier.stages import Surroundings
from notifier.stages.incidents.acting import Acting, Beginning, Messages, Place
from notifier.stages.incidents.requests import Telling
from notifier.storage.database import Transaction
from notifier.storage.repositories import broadcasts, incidents, planned
from notifier.storage.repositories.incidents import StoredIncident
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
        self._database, self._take_back = around.database, around.config.delivery.take_back
        self._acting = Acting(around, messages)
        self._checks, self._drafts = self._acting.checks, self._acting.drafts

    async def open(self, request: OpenPlanned, actor: Actor) -> Draft:
        """Store planned work, scheduled, and draft its notice; nobody hears of it before that is sent."""

        def begin(tx: Transaction, place: Place, now: datetime) -> Beginning:
            self._checks.words(request.cause, None, request.service)
            window = check_window(request.from_at, request.until_at, now=now)
            self._require_lead(window, self._checks.playbook(request.service), now)
            planned.require_no_other(tx, request.service, place.region_ids, place.site_ids, window)
            return Beginning(
                state=IncidentState.SCHEDULED,
                started_at=window[0],
                kind=BroadcastKind.PLANNED_NOTICE,
                changes=Changes(action=Action.ANNOUNCE, cause=request.cause, unknown=place.unknown),
                window=window,
            )

        return await self._acting.open(request, actor, begin, audited="planned.open")

    async def change(self, incident_id: int, request: ChangePlanned, actor: Actor) -> Draft:
        """Draft another time for work that has not begun; where nobody was told of it yet, its notice anew."""

        def decide(tx: Transaction, incident: StoredIncident, now: datetime) -> None:
            self._checks.words(request.cause, None, incident.service)
            window = check_window(request.from_at, request.until_at, now=now)
            before = _window(incident)
            if planned.has_news_to_come(tx, incident):
                raise Refused(f"incident {incident_id} has an update that has not begun: take it back, or wait for it")
            announced, same = planned.announced_by(tx, incident), before == window
            is_known = announced is not None or broadcasts.was_told(tx, incident_id)  # to some, where it was stopped
            if announced is not None and same and request.cause in (None, incident.part.cause):
                raise Refused(f"incident {incident_id} is announced for that time already")
            told = None if announced is None else before
            self._require_lead(window, self._checks.playbook(incident.service), now, told)
            there, listed = incidents.place_regions(tx, incident_id), incidents.listed_site_ids(tx, incident_id)
            planned.require_no_other(tx, incident.service, there, listed, window, but=incident_id)
            if not is_known:
                planned.set_window(tx, incident_id, *window)
                incident = incidents.load(tx, incident_id)
            moves = is_known and (announced is not None or planned.told_before(tx, incident, window) is not None)
            self._drafts.make(
                tx,
                incident,
                BroadcastKind.PLANNED_CHANGED if moves else BroadcastKind.PLANNED_NOTICE,
                Changes(
                    action=Action.CHANGE if moves or (is_known and not same) else Action.ANNOUNCE,
                    cause=request.cause,
                    window_from_at=window[0],
                    window_until_at=window[1],
                ),
                actor,
                may_delay=request.may_delay,
                wake_reason=request.wake_reason,
            )

        return await self._acting.act(Action.CHANGE, incident_id, actor, decide, audited="planned.change")

    async def require_planned(self, incident_id: int) -> None:
        """Raise `Refused` when an incident is no planned work, `NotFound` when there is none."""
        incident = await self._database.read(lambda tx: incidents.load(tx, incident_id))
        if not incident.is_planned:
            raise Refused(f"incident {incident_id} is no planned work")

    def _require_lead(self, window: Window, playbook: Playbook, now: datetime, told: Window | None = None) -> None:
        """Raise `Refused` when even one message would come too late; how long all take is known when they are sent."""
        if needs_notice(*window, told):
            require_lead(window[0], done_at=now + self._take_back, lead=playbook.planned_notice_lead)


def _window(incident: StoredIncident) -> Window | None:
    if incident.window_from_at is None or incident.window_until_at is None:
        return None
    return incident.window_from_at, incident.window_until_at
