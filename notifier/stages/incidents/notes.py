"""What people of the company write down about an incident: notes, and who has it. Customers never see any of it.

Comes in: a person's words. Goes out: an entry of the timeline and of the audit log. It changes nothing that is told,
and keeps nobody asleep: an alarm goes on until somebody answers it or acts.
"""

from typing import Annotated

from msgspec import Meta

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.errors import InvalidInput
from notifier.domain.text import clean_line
from notifier.stages import Surroundings
from notifier.stages.incidents.requests import Request
from notifier.storage.database import Transaction
from notifier.storage.queries import incidents as shown
from notifier.storage.repositories import audit, incidents
from notifier.storage.views import IncidentCard, TimelineEntry

NOTE_LENGTH = 1_000
NAME_LENGTH = 100
NOTE, ASSIGNED = "note", "assigned"  # in the timeline


class AddNote(Request, frozen=True, kw_only=True):
    """Write something down."""

    text: Annotated[str, Meta(max_length=NOTE_LENGTH)]


class Assign(Request, frozen=True, kw_only=True):
    """Say who has an incident; "" = nobody any more."""

    to: Annotated[str, Meta(max_length=NAME_LENGTH)]


class Notes:
    """Keeps notes about incidents, and who has them."""

    def __init__(self, around: Surroundings) -> None:
        self._database, self._clock = around.database, around.clock
        self._names = {person.name.casefold(): person.name for person in around.config.on_call.people}

    async def note(self, incident_id: int, request: AddNote, actor: Actor) -> TimelineEntry:
        """Append a note to the timeline; raise `NotFound`, or `InvalidInput` when it says nothing."""
        actor.require(KeyRole.COMMANDER)
        text = clean_line(request.text)
        if not text:
            raise InvalidInput("the note is empty", field="text", expected="what is to be remembered")

        def save(tx: Transaction) -> TimelineEntry:
            now = self._clock.now()
            incidents.load(tx, incident_id)
            detail: dict[str, object] = {NOTE: text}
            incidents.record(tx, incident_id, at=now, event=NOTE, actor=actor.name, detail=detail)
            audit.record(tx, at=now, actor=actor, action="incidents.note", target=f"incident {incident_id}")
            return TimelineEntry(at=now, event=NOTE, actor=actor.name, detail=detail)

        return await self._database.write(save)

    async def assign(self, incident_id: int, request: Assign, actor: Actor) -> IncidentCard:
        """Note who has an incident; people on call are known by their names in any case. Raises `NotFound`."""
        actor.require(KeyRole.COMMANDER)
        name = clean_line(request.to)
        to = self._names.get(name.casefold(), name)

        def save(tx: Transaction) -> IncidentCard:
            now = self._clock.now()
            card = shown.card(tx, incident_id)
            if card.assigned_to == to:
                return card
            tx.run("UPDATE incidents SET assigned_to = :to WHERE id = :id", to=to or None, id=incident_id)
            detail = {"to": to} if to else {}
            incidents.record(tx, incident_id, at=now, event=ASSIGNED, actor=actor.name, detail=detail)
            target = f"incident {incident_id}"
            audit.record(tx, at=now, actor=actor, action="incidents.assign", target=target, detail={"to": to})
            return shown.card(tx, incident_id)

        return await self._database.write(save)
