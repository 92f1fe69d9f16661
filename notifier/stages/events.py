"""Events: a commander opens a storm, puts incidents in and takes them out, says when the first estimate comes.

Comes in: what a person of the company asks. Goes out: the event with its incidents, an entry in the timeline of each
incident that it touches, and one in the audit log. Nobody is told by any of it but by `tell`, and that asks for the
number of customers first, like everything that sends.
"""

from datetime import datetime
from typing import Annotated, Protocol

from msgspec import Meta, Struct

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.broadcast import BroadcastState
from notifier.domain.errors import InvalidInput, Refused, nearest
from notifier.domain.event import NAME_LENGTH, EventKind, OpenEvent, check_estimate_by
from notifier.domain.incident import IncidentNumber
from notifier.domain.playbook import Playbook
from notifier.domain.region import RegionKinds
from notifier.domain.text import clean_line
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.queries import events as shown
from notifier.storage.repositories import audit, incidents, places, rounds
from notifier.storage.repositories import events as stored
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.views import EventCard, EventView


class OpenStorm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open an event."""

    name: Annotated[str, Meta(max_length=NAME_LENGTH)]
    kind: EventKind = EventKind.STORM
    service: str = ""  # may be left out where there is only one
    regions: tuple[str, ...] = ()  # "postal_code:94110"; nothing = wherever the service fails
    commander: Annotated[str, Meta(max_length=NAME_LENGTH)] = ""  # "" = who asks
    estimate_by: datetime | None = None


class OfIncident(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Name an incident."""

    incident: IncidentNumber


class EstimateBy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say by when the first estimate comes; null = nobody can say."""

    estimate_by: datetime | None


class Assessed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say which incidents somebody has assessed; nothing = all that are in it now."""

    incidents: tuple[IncidentNumber, ...] = ()


class Events:
    """What people do with events."""

    def __init__(self, around: Surroundings) -> None:
        self._database, self._clock, self._playbooks = around.database, around.clock, around.playbooks
        self._take_back = around.config.delivery.take_back
        self._kinds = RegionKinds(around.config.regions.kinds, country=around.config.regions.country)
        people = around.config.on_call.people
        self._people = {person.name.casefold(): person.name for person in people}
        self._by_key = {person.key: person.name for person in people if person.key}

    # --- looking ----------------------------------------------------------------------------------------------------

    async def cards(self, *, closed: bool = False) -> list[EventCard]:
        """Return the open events, newest first; also closed ones when asked."""
        return await self._database.read(lambda tx: shown.cards(tx, closed=closed))

    async def show(self, event_id: int) -> EventView:
        """Return one event, whole; raise `NotFound`."""
        return await self._database.read(lambda tx: shown.view(tx, event_id))

    # --- deciding ---------------------------------------------------------------------------------------------------

    async def open(self, request: OpenStorm, actor: Actor) -> EventView:
        """Open an event and take in the incidents of its service, and place, that are open already."""
        actor.require(KeyRole.COMMANDER)
        name = clean_line(request.name)
        if not name:
            raise InvalidInput("the event has no name", field="name", expected="a name, such as Ada")
        playbook, service = self._playbook(request.service)
        commander = self._person(request.commander) or self._person(actor.name)

        def save(tx: Transaction) -> int:
            now = self._clock.now()
            estimate_by = self._estimate_by(request.estimate_by, playbook, now)
            event_id = stored.create(
                tx,
                kind=request.kind,
                name=name,
                service=service,
                regions=places.regions(tx, request.regions, self._kinds) if request.regions else (),
                commander=commander,
                estimate_by=estimate_by,
                now=now,
                by=actor.name,
            )
            event = stored.load(tx, event_id)
            for which in _open_incidents(tx, service):
                if stored.of_incident(tx, which) is None and stored.to_join(tx, which, service) == event:
                    self._put_in(tx, event, which, actor, now)
            detail = {"name": name, "service": service, "commander": commander}
            audit.record(tx, at=now, actor=actor, action="events.open", target=f"event {event_id}", detail=detail)
            return event_id

        return await self.show(await self._database.write(save))

    async def add(self, event_id: int, request: OfIncident, actor: Actor) -> EventView:
        """Put an incident into an event: its commander has it from here on."""

        def decide(tx: Transaction, event: OpenEvent, now: datetime) -> None:
            incident = incidents.load(tx, request.incident)
            inside = stored.of_incident(tx, incident.id)
            if inside is not None and inside.id == event.id:
                raise Refused(f"incident {incident.id} is in {event.kind} {event.id} ({event.name}) already")
            if inside is not None:
                raise Refused(
                    f"incident {incident.id} is in {inside.kind} {inside.id} ({inside.name}); take it out first:"
                    f" `event remove {inside.id} {incident.id}`"
                )
            if incident.service != event.service:
                raise Refused(f"incident {incident.id} is about {incident.service}, and {event.name} {event.service}")
            if incident.state not in stored.HELD:
                raise Refused(f"incident {incident.id} is {incident.state}: it comes into no event any more")
            if stored.is_planned(tx, incident.id):
                raise Refused(f"incident {incident.id} is planned work, which no {event.kind} has brought")
            self._put_in(tx, event, incident.id, actor, now)

        return await self._act("add", event_id, actor, decide, {"incident": request.incident})

    async def remove(self, event_id: int, request: OfIncident, actor: Actor) -> EventView:
        """Take an incident out of an event; what was promised stands, and who has it goes on having it."""

        def decide(tx: Transaction, event: OpenEvent, now: datetime) -> None:
            incident = self._inside(tx, event, request.incident)
            stored.take_out(tx, incident.id)
            _record(tx, incident.id, "left_event", event, actor, now)

        return await self._act("remove", event_id, actor, decide, {"incident": request.incident})

    async def estimate_by(self, event_id: int, request: EstimateBy, actor: Actor) -> EventView:
        """Keep by when the first estimate comes; it is told by the next update of each incident."""

        def decide(tx: Transaction, event: OpenEvent, now: datetime) -> None:
            playbook, _ = self._playbook(event.service)
            by = self._estimate_by(request.estimate_by, playbook, now)
            stored.set_estimate_by(tx, event.id, by)
            for which in shown.out(tx, event.id):
                _record(tx, which, "estimate_by", event, actor, now, by=by)

        said: dict[str, object] = {"estimate_by": request.estimate_by and request.estimate_by.isoformat()}
        return await self._act("estimate_by", event_id, actor, decide, said)

    async def assessed(self, event_id: int, request: Assessed, actor: Actor) -> EventView:
        """Note that somebody has assessed incidents of an event: from here on their customers may be given a time."""

        def decide(tx: Transaction, event: OpenEvent, now: datetime) -> None:
            chosen = request.incidents or shown.out(tx, event.id)
            if not chosen:
                raise Refused(f"{event.kind} {event.id} ({event.name}) has no incident that is out")
            for which in dict.fromkeys(chosen):
                incident = self._inside(tx, event, which)
                if not stored.is_assessed(tx, incident.id):
                    stored.assess(tx, incident.id, now=now)
                    _record(tx, incident.id, "assessed", event, actor, now)

        return await self._act("assessed", event_id, actor, decide, {"incidents": list(request.incidents)})

    async def close(self, event_id: int, actor: Actor) -> EventView:
        """Close an event: its incidents go on by themselves, with every promise that was given."""

        def decide(tx: Transaction, event: OpenEvent, now: datetime) -> None:
            if waiting := rounds.of_event(tx, event.id, BroadcastState.AWAITING_APPROVAL):
                raise Refused(
                    f"round {waiting[0]} of {event.kind} {event.id} ({event.name}) waits for a second person: `event"
                    f" approve {event.id}`, `event reject {event.id}` or `event take-back {event.id} --round"
                    f" {waiting[0]}` it first"
                )
            for which in shown.out(tx, event.id):
                _record(tx, which, "event_closed", event, actor, now)
            stored.close(tx, event.id, now=now, by=actor.name)

        return await self._act("close", event_id, actor, decide, {})

    # --- parts ------------------------------------------------------------------------------------------------------

    async def _act(
        self, action: str, event_id: int, actor: Actor, decide: "_Decide", detail: dict[str, object]
    ) -> EventView:
        """Decide and save in one transaction; answer with the event as it is then."""
        actor.require(KeyRole.COMMANDER)

        def work(tx: Transaction) -> None:
            now = self._clock.now()
            decide(tx, stored.load(tx, event_id), now)
            audit.record(tx, at=now, actor=actor, action=f"events.{action}", target=f"event {event_id}", detail=detail)

        await self._database.write(work)
        return await self.show(event_id)

    def _put_in(self, tx: Transaction, event: OpenEvent, incident_id: int, actor: Actor, now: datetime) -> None:
        stored.put_in(tx, event, incident_id)
        _record(tx, incident_id, "joined_event", event, actor, now, to=event.commander)

    def _inside(self, tx: Transaction, event: OpenEvent, incident_id: int) -> StoredIncident:
        incident = incidents.load(tx, incident_id)
        inside = stored.of_incident(tx, incident_id)
        if inside is None or inside.id != event.id:
            raise Refused(f"incident {incident_id} is not in {event.kind} {event.id} ({event.name})")
        return incident

    def _playbook(self, service: str) -> tuple[Playbook, str]:
        """Return the playbook of a service, and the service; of the only one there is when none is named."""
        known = tuple(self._playbooks)
        if not service and len(known) == 1:
            service = known[0]
        playbook = self._playbooks.get(service)
        if playbook is None:
            raise InvalidInput(
                f"service '{service}' has no playbook{nearest(service, known)}" if service else "no service is given",
                field="service",
                value=service,
                expected=" or ".join(known),
            )
        return playbook, service

    def _estimate_by(self, by: datetime | None, playbook: Playbook, now: datetime) -> datetime | None:
        return None if by is None else check_estimate_by(by, playbook, now=now, take_back=self._take_back)

    def _person(self, name: str) -> str:
        """Return a person on call by their name in any case, or by that of their key; else the name as it is."""
        said = clean_line(name)
        return self._by_key.get(said) or self._people.get(said.casefold(), said)


class _Decide(Protocol):
    def __call__(self, tx: Transaction, event: OpenEvent, now: datetime, /) -> None: ...


def _open_incidents(tx: Transaction, service: str) -> list[int]:
    rows = tx.tuples(
        "SELECT id FROM incidents WHERE service = :service AND state IN ('suspected', 'confirmed') ORDER BY id",
        service=service,
    )
    return [int(which) for (which,) in rows]


def _record(
    tx: Transaction,
    incident_id: int,
    what: str,
    event: OpenEvent,
    actor: Actor,
    now: datetime,
    **more: object,
) -> None:
    detail = {"number": event.id, "name": event.name, **more}
    incidents.record(tx, incident_id, at=now, event=what, actor=actor.name, detail=detail)
