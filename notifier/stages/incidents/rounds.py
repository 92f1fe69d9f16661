"""Rounds: one word to the customers of several incidents of an event, drafted at once.

Comes in: an event, and perhaps which of its incidents. Goes out: a draft per incident, which one number sends. Nobody
is told before that; an incident that cannot be told now is named with the reason, and the others go on.
"""

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.errors import Refused
from notifier.domain.event import OpenEvent
from notifier.domain.incident import IncidentState
from notifier.domain.round import Selection, nothing_to_tell, select
from notifier.stages import Surroundings
from notifier.stages.incidents.decisions import Incidents
from notifier.stages.incidents.requests import InRound, TellEvent
from notifier.storage.database import Transaction
from notifier.storage.repositories import audit, events, incidents, overlaps, places, rounds
from notifier.storage.repositories.incidents import StoredIncident


class RoundDrafts:
    """Drafts rounds."""

    def __init__(self, around: Surroundings, incidents: Incidents) -> None:
        """Take how one incident is drafted."""
        self._database, self._clock, self._incidents = around.database, around.clock, incidents

    async def draft(self, event_id: int, request: TellEvent, actor: Actor) -> int:
        """Draft the next word of the incidents that are to be told, in one transaction; return the round.

        Raises `Refused` where there is nobody to tell. A draft takes the place of an older one of its incident.
        """
        actor.require(KeyRole.COMMANDER)
        return await self._database.write(lambda tx: self._draft(tx, event_id, request, actor))

    def _draft(self, tx: Transaction, event_id: int, request: TellEvent, actor: Actor) -> int:
        now, event = self._clock.now(), events.load(tx, event_id)
        standing, gives_time = rounds.standing(tx, event_id), request.eta_at is not None
        selection = select(standing, named=request.incidents, again=request.again, gives_time=gives_time)
        round_id = rounds.create(tx, event_id, more=selection.more, now=now, by=actor.name)
        drafted, left_out = self._draft_each(tx, selection, round_id, request, actor)
        if not drafted:
            why = _reasons(left_out) or nothing_to_tell(standing, gives_time=gives_time, event_id=event_id)
            raise Refused(f"{_name(event)} has nobody to tell now: {why}")
        rounds.leave_out(tx, round_id, left_out)
        detail = {"event": event_id, "incidents": drafted, "left_out": sorted(left_out)}
        audit.record(tx, at=now, actor=actor, action="rounds.draft", target=f"round {round_id}", detail=detail)
        return round_id

    def _draft_each(
        self, tx: Transaction, selection: Selection, round_id: int, request: TellEvent, actor: Actor
    ) -> tuple[list[int], dict[int, str]]:
        """Draft each incident; return those that are, and why the others are not."""
        drafted: list[int] = []
        suspected: list[int] = []
        left_out = dict(selection.left_out)
        for which in selection.incident_ids:
            incident = incidents.load(tx, which)
            try:
                if incident.state is IncidentState.SUSPECTED:
                    _require_apart(tx, incident, suspected)
                    suspected.append(which)
                self._incidents.draft_in_round(tx, InRound(incident_id=which, round_id=round_id, said=request), actor)
            except Refused as error:  # it has stored nothing yet
                left_out[which] = str(error)
            else:
                drafted.append(which)
        return drafted, left_out


def _require_apart(tx: Transaction, incident: StoredIncident, before: list[int]) -> None:
    """Raise `Refused` where a suspected incident of the round lies there already: nobody is told twice of one thing."""
    place, listed = incidents.place_regions(tx, incident.id), incidents.listed_site_ids(tx, incident.id)
    near = before if listed else overlaps.may_share(tx, incident.service, place, IncidentState.SUSPECTED)
    for other in (each for each in near if each in before):
        if places.lies_in(tx, other, incident.service, place, listed):
            raise Refused(f"incident {other} lies there already, and is told; merge or dismiss one of them")


def _reasons(left_out: dict[int, str]) -> str:
    return "; ".join(f"#{which}: {why}" for which, why in sorted(left_out.items()))


def _name(event: OpenEvent) -> str:
    return f"{event.kind} {event.id} ({event.name})"
