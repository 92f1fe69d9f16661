"""From a decision to a draft: what the update will say, what sending it will change, and how it is shown.

A draft says what was told before, so it reads promises and older broadcasts of the part. It changes nothing.
"""

from datetime import datetime

import msgspec

from notifier.domain.actor import Actor
from notifier.domain.broadcast import ANNOUNCES, BroadcastKind, BroadcastState, Facts, is_blink
from notifier.domain.event import OpenEvent, cadence, estimate_ahead, kind_in_event, require_assessed
from notifier.domain.incident import Action, Changes
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.stages import Surroundings
from notifier.stages.incidents.checks import Checks
from notifier.storage.database import Transaction
from notifier.storage.queries import broadcasts as shown_broadcasts
from notifier.storage.queries import incidents as shown
from notifier.storage.queries import previews
from notifier.storage.queries.previews import Words
from notifier.storage.repositories import broadcasts, events, incidents, planned, promises
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.views import Draft


class Drafts:
    """Makes drafts and shows them with their preview."""

    def __init__(self, around: Surroundings, checks: Checks, words: Words) -> None:
        self._database, self._config, self._clock = around.database, around.config, around.clock
        self._playbooks, self._checks, self._words = around.playbooks, checks, words

    def make(
        self,
        tx: Transaction,
        incident: StoredIncident,
        kind: BroadcastKind,
        changes: Changes,
        actor: Actor,
        *,
        next_update_by: datetime | None = None,
        may_delay: bool = False,
        wake_reason: str = "",
        round_id: int | None = None,
        rest_of: StoredBroadcast | None = None,
    ) -> None:
        """Store a draft in place of an older one of the part; with `rest_of` for those whom that did not reach."""
        now = self._clock.now()
        facts = self._facts(tx, incident, kind, changes, next_update_by)
        if rest_of is not None:
            before = rest_of.facts.previous_eta_at  # what it was compared with, not what it said itself
            facts = msgspec.structs.replace(facts, previous_eta_at=before, rest_of=(*rest_of.facts.rest_of, rest_of.id))
        event = events.of_incident(tx, incident.id)
        if event is not None and changes.action is not Action.EXTEND:  # who joins hears what the others were told
            kind, facts, changes = self._in_event(tx, event, incident, kind, facts, changes, now)
        broadcast_id = broadcasts.create(
            tx,
            incident_id=incident.id,
            part_id=incident.part.id,
            kind=kind,
            facts=facts,
            changes=changes,
            now=now,
            by=actor.name,
            correlation_id=incident.correlation_id,
            may_delay=may_delay and _gives_a_time(facts),
            wake_reason=wake_reason.strip(),
            round_id=round_id,
        )
        detail = {"broadcast": broadcast_id, "kind": str(kind)}
        incidents.record(tx, incident.id, at=now, event="drafted", actor=actor.name, detail=detail)

    def _in_event(
        self,
        tx: Transaction,
        event: OpenEvent,
        incident: StoredIncident,
        kind: BroadcastKind,
        facts: Facts,
        changes: Changes,
        now: datetime,
    ) -> tuple[BroadcastKind, Facts, Changes]:
        """Return what an update is and says in an event; raise `Refused` for a time that nobody can stand behind."""
        is_assessed = events.is_assessed(tx, incident.id)
        if facts.eta_at is not None:
            require_assessed(event, incident.id, is_assessed=is_assessed)
        kind = kind_in_event(kind, facts, is_assessed=is_assessed)
        if facts.next_update_by is None or changes.next_update_given:
            return kind, facts, changes
        playbook = self._checks.playbook(facts.service)
        within = cadence(playbook, started_at=incident.started_at, now=now)
        by = None
        if kind is BroadcastKind.ASSESSING:
            by = estimate_ahead(event, now=now, within=within, take_back=self._config.delivery.take_back)
        facts = msgspec.structs.replace(facts, next_update_by=by or now + within, assessment_by=by)
        return kind, facts, msgspec.structs.replace(changes, next_update_given=by is not None)

    def leave_out(
        self, tx: Transaction, incident: StoredIncident, *, unknown: tuple[str, ...], outside: int, elsewhere: int
    ) -> None:
        """Keep with the draft of a part what was named and is none of its sites, for the preview."""
        for each in broadcasts.of_part(tx, incident.part.id, incident.id, BroadcastState.DRAFT):
            if each.changes is not None:
                changes = msgspec.structs.replace(each.changes, unknown=unknown, outside=outside, elsewhere=elsewhere)
                broadcasts.set_changes(tx, each.id, changes)

    async def answer(self, incident_id: int, part_id: int | None = None) -> Draft:
        """Return the incident and the draft of a part, if there is one, with the preview; keep what that counted."""

        def look(tx: Transaction) -> Draft:
            incident = incidents.load(tx, incident_id, part_id)
            drafts = broadcasts.of_part(tx, incident.part.id, incident_id, BroadcastState.DRAFT)
            view = shown.view(tx, incident_id, self._playbooks)
            if not drafts:
                return Draft(incident=view, broadcast=None, preview=None)
            found = drafts[-1]
            outlook = previews.outlook(
                self._config,
                self._checks.playbook(found.facts.service),
                now=self._clock.now(),
                words=self._words,
            )
            preview = previews.preview(tx, found.id, outlook)
            return Draft(incident=view, broadcast=shown_broadcasts.view(tx, found.id), preview=preview)

        draft = await self._database.read(look)
        if draft.broadcast is None or draft.preview is None:
            return draft
        broadcast_id, customers = draft.broadcast.id, draft.preview.customers
        await self._database.write(lambda tx: broadcasts.set_expected(tx, broadcast_id, customers))
        expected = msgspec.structs.replace(draft.broadcast, expected_customers=customers)
        return msgspec.structs.replace(draft, broadcast=expected)

    def last_told(self, tx: Transaction, incident: StoredIncident) -> Facts | None:
        """Return what customers were told last, or None when nobody was told anything."""
        for each in reversed(broadcasts.told_to(tx, incident.part.id, *BroadcastState)):
            stopped = each.state is BroadcastState.CANCELLED and not broadcasts.was_told_by(tx, each.id)
            if each.started_at is not None and not stopped:
                return each.facts
        return None

    def _facts(
        self,
        tx: Transaction,
        incident: StoredIncident,
        kind: BroadcastKind,
        changes: Changes,
        next_update_by: datetime | None,
    ) -> Facts:
        """Return what the update says, from the incident as it is, the changes, and what was told before."""
        is_first = changes.action is Action.EXTEND  # of those who join
        told = None if is_first else self.last_told(tx, incident)
        still_open = [] if is_first else list(promises.open_in(promises.standing(tx, incident)))
        facts = Facts(
            service=changes.service or incident.service,
            impact=changes.impact or incident.impact,
            started_at=changes.started_at or incident.started_at,
            cause=incident.part.cause if changes.cause is None else changes.cause,
            crew=incident.part.crew if changes.crew is None else changes.crew,
            eta_at=changes.eta_at,
            next_update_by=next_update_by,
            previous_eta_at=None if told is None else told.eta_at or told.window_until_at,
            previous_update_by=next(  # of the newest: an older one may be open while its answer goes out
                (promise.due_at for promise in reversed(still_open) if promise.kind is PromiseKind.NEXT_UPDATE), None
            ),
        )
        if incident.is_planned:
            facts = _of_work(tx, facts, incident, kind, changes)
        match kind:
            case BroadcastKind.RESTORED | BroadcastKind.PLANNED_RESTORED:
                back_at = changes.at or self._clock.now()
                missed = self._missed_eta(tx, incident, back_at)
                after = self._checks.playbook(facts.service).tell_after
                blink = not incident.is_planned and is_blink(incident.started_at, back_at, tell_after=after)
                return msgspec.structs.replace(facts, restored_at=changes.at, missed_eta_at=missed, blink=blink)
            case BroadcastKind.REOPENED:
                told_at = broadcasts.last_told_at(tx, incident.part.id, BroadcastKind.RESTORED)
                return msgspec.structs.replace(
                    facts, told_at=told_at, reopened_at=changes.at, restored_at=incident.part.restored_at
                )
            case BroadcastKind.CORRECTION:
                return msgspec.structs.replace(facts, told_at=broadcasts.first_told_at(tx, incident.id))
            case _:
                return facts

    def _missed_eta(self, tx: Transaction, incident: StoredIncident, back_at: datetime) -> datetime | None:
        """Return the first ETA told that service did not keep, also when it was revised in time."""
        told = (
            promise.due_at
            for promise in promises.ever_given(tx, incident.part.id)
            if promise.kind is PromiseKind.ETA and promise.state is not PromiseState.VOID
        )
        return min((due_at for due_at in told if due_at < back_at), default=None)


def _gives_a_time(facts: Facts) -> bool:
    return facts.next_update_by is not None or facts.eta_at is not None or facts.upcoming


def _of_work(tx: Transaction, facts: Facts, incident: StoredIncident, kind: BroadcastKind, changes: Changes) -> Facts:
    """Return the facts of an update of planned work, with its time, and the one that was announced where it moves."""
    from_at = changes.window_from_at or incident.window_from_at
    until_at = changes.window_until_at or incident.window_until_at
    before: tuple[datetime | None, datetime | None] = (None, None)
    if kind is BroadcastKind.PLANNED_CHANGED and from_at is not None and until_at is not None:
        before = planned.told_before(tx, incident, (from_at, until_at)) or (from_at, until_at)  # its cause alone is new
    return msgspec.structs.replace(
        facts,
        window_from_at=from_at,
        window_until_at=until_at,
        previous_window_from_at=before[0],
        previous_window_until_at=before[1],
        previous_eta_at=None if kind in ANNOUNCES else facts.previous_eta_at,
        started_at=changes.window_from_at or incident.started_at,
        upcoming=kind in ANNOUNCES,
    )
