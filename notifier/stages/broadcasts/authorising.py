"""Authorising: what has to hold before customers may be told, and what is done to the incident when they are.

Comes in: a draft, or an update that waits for a second person, and who acts. Goes out: permission, or why not; then the
changes of the incident, with planning allowed to begin. Functions of an open transaction.
"""

from dataclasses import replace
from datetime import datetime

from msgspec.structs import replace as revise

from notifier.domain.actor import Actor
from notifier.domain.broadcast import BroadcastState, check_eta, check_next_update, not_before, not_possible
from notifier.domain.errors import Forbidden, Refused
from notifier.domain.event import require_assessed
from notifier.domain.incident import Action, Changes, IncidentState, require_action
from notifier.domain.planned import require_not_begun
from notifier.domain.playbook import Playbook
from notifier.domain.second_person import authors, is_same, require_alone, require_asked
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.repositories import broadcasts, cutting, events, incidents, parts, places, planned, updates
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import StoredIncident

_TAKES_A_PLACE = (Action.CONFIRM, Action.REOPEN, Action.EXTEND)


def require_state(found: StoredBroadcast, state: BroadcastState, verb: str) -> None:
    """Raise `Refused` when a broadcast is in another state."""
    if found.state is not state:
        raise Refused(not_possible(found.id, found.state, verb))


class Authorising:
    """Lets broadcasts go."""

    def __init__(self, around: Surroundings) -> None:
        self._playbooks, self._take_back = around.playbooks, around.config.delivery.take_back
        self._keys = {person.name: person.key for person in around.config.on_call.people}  # who answers by text, too

    def require_second(self, found: StoredBroadcast, actor: Actor) -> None:
        """Raise `Forbidden` when this person has drafted or sent it, whichever way they act now."""
        for name in authors(found.created_by, found.sent_by):
            if is_same(actor.name, name, self._keys):
                done = "sent" if name == found.sent_by else "drafted"
                raise Forbidden(f"broadcast {found.id} was {done} by '{name}'; another key has to approve it")

    def require_alone_now(self, found: StoredBroadcast, counted: int, actor: Actor, now: datetime) -> None:
        """Raise `Refused` unless this may go without a second person now."""
        playbook = self.playbook(found)
        wait = playbook.second_person_wait
        if found.state is BroadcastState.DRAFT:
            require_asked(counted, limit=playbook.audience_limit, wait=wait)
        require_state(found, BroadcastState.AWAITING_APPROVAL, "sent alone")
        assert found.sent_by is not None and found.sent_at is not None  # noqa: S101, PT018 - else it does not wait
        require_alone(actor.name, sent_by=found.sent_by, asked_at=found.sent_at, wait=wait, now=now, keys=self._keys)

    def playbook(self, found: StoredBroadcast) -> Playbook:
        """Return the playbook of what a broadcast is about; raise `Refused` when there is none any more."""
        playbook = self._playbooks.get(found.facts.service)
        if playbook is None:
            raise Refused(f"service '{found.facts.service}' has no playbook any more")
        return playbook

    def in_force(self, tx: Transaction, found: StoredBroadcast, incident: StoredIncident, now: datetime) -> Playbook:
        """Return the playbook by which its incident is told now."""
        return events.in_force(tx, incident.id, incident.started_at, self.playbook(found), now=now)

    def require_possible(
        self, tx: Transaction, found: StoredBroadcast, now: datetime
    ) -> tuple[StoredIncident, Changes]:
        """Return incident and changes of a person's broadcast; raise when its time or the incident has moved on."""
        incident = incidents.load(tx, found.incident_id, found.part_id)
        if found.changes is None:
            raise Refused(f"broadcast {found.id} was made by the daemon; there is nothing to authorise")
        calls_off = incident.is_planned and found.changes.action is Action.DISMISS
        if not calls_off or planned.cut_calling_off(tx, incident) is None:
            require_action(found.changes.action, incident.state, incident.part.state, which=incident.id)
            if calls_off:
                require_not_begun(incident.id, incident.state, incident.window_from_at, now=now)
        cutting.require_unchanged(tx, incident, found.changes.action)
        takes_place = found.changes.action in _TAKES_A_PLACE or incident.state is IncidentState.SUSPECTED
        if takes_place:  # another incident may have been confirmed there meanwhile
            there = found.changes.regions or incidents.place_regions(tx, incident.id)
            listed = incidents.listed_site_ids(tx, incident.id)
            if found.changes.action is Action.EXTEND:
                there, listed = list(found.changes.regions), parts.listed_site_ids(tx, incident.part.id)
            places.require_free(tx, found.facts.service, there, listed, but=incident.id)
        playbook, take_back = self.in_force(tx, found, incident, now), self._take_back
        event = events.of_incident(tx, incident.id)
        if event is not None and found.facts.eta_at is not None and found.changes.action is not Action.EXTEND:
            require_assessed(event, incident.id, is_assessed=events.is_assessed(tx, incident.id))
        started_at = found.facts.reopened_at or found.facts.started_at or incident.started_at
        if found.facts.eta_at is not None:
            check_eta(
                found.facts.eta_at, now=now, started_at=started_at, at_most=playbook.eta_at_most, take_back=take_back
            )
        if found.changes.next_update_given and found.facts.next_update_by is not None:
            check_next_update(
                found.facts.next_update_by, now=now, within=playbook.next_update_within, take_back=take_back
            )
        return incident, found.changes

    def authorise(
        self,
        tx: Transaction,
        found: StoredBroadcast,
        customers: int,
        actor: Actor,
        now: datetime,
        *,
        is_alone: bool = False,
    ) -> None:
        """Apply the changes and let planning begin; the take-back time, or the hold, runs from now."""
        incident, changes = self.require_possible(tx, found, now)
        incident = cutting.cut(tx, incident, customers=customers, now=now, by=actor.name)
        playbook = self.in_force(tx, found, incident, now)
        facts = revise(found.facts, customers=customers)
        if facts.next_update_by is not None and not changes.next_update_given:
            facts = revise(facts, next_update_by=now + playbook.next_update_within)
        applied = updates.apply(tx, incident, replace(found, facts=facts), changes, now=now, by=actor.name)
        broadcasts.authorise(
            tx,
            found,
            facts=facts,
            changes=applied,
            customers=customers,
            not_before_at=not_before(
                found.kind,
                now=now,
                take_back=self._take_back,
                hold_before_restored=playbook.hold_before_restored,
                back_at=changes.at,
            ),
            by=None if is_alone else actor.name,
            now=now,
        )
        if found.wake_reason:
            detail = {"broadcast": found.id, "reason": found.wake_reason}
            incidents.record(tx, incident.id, at=now, event="wakes_everyone", actor=actor.name, detail=detail)
