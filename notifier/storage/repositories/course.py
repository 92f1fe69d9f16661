"""What the course of an update does to its incident: when it starts, has been handed over, is stopped, or given up.

The decisions are those of `domain`; here they meet the rows of one incident, its part, its older broadcasts and its
promises, in one transaction. Shared by the stage of broadcasts and that of the watcher (`promises`).
"""

from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import ANNOUNCES, ONLY_TO_TOLD, SAYS_BACK, BroadcastKind, BroadcastReason, BroadcastState
from notifier.domain.incident import Action, DismissReason, IncidentState, PartState
from notifier.domain.promise import PromiseKind, PromiseState, ended_by_restoration, ended_by_update
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import broadcasts, incidents, joining, parts, planned, promises, updates
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import StoredIncident

Ended = tuple[tuple[PromiseKind, PromiseState], ...]
"""Which promises have ended, and how; for metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a start changed, for metrics."""

    broadcast: StoredBroadcast
    ended: Ended
    dismissed: bool


def start(tx: Transaction, found: StoredBroadcast, *, now: datetime, automatic_in_row: int = 0) -> Started:
    """Start a broadcast: its messages may leave, older ones of the part are superseded, its promises stand.

    Older promises stay open until it has been handed over; only a correction, or service that is back, ends them now.
    """
    incident = incidents.load(tx, found.incident_id, found.part_id)
    is_dismissal = found.changes is not None and found.changes.action is Action.DISMISS
    concerned = [found.part_id] if not is_dismissal else [part.id for part in parts.of_incident(tx, incident.id)]
    broadcasts.mark_started(tx, found.id, now)
    if found.kind in ONLY_TO_TOLD:
        broadcasts.plan_again(tx, found.id)  # who has been told is certain only now that nothing older is claimed
    for other in (
        each
        for part_id in concerned
        for each in broadcasts.of_part(tx, part_id, found.incident_id, BroadcastState.SENDING, BroadcastState.PAUSED)
    ):
        # what a person has authorised and has not started yet is news to come, not an older update of the daemon's
        is_older = other.started_at is not None or (other.id < found.id and not found.automatic)
        is_older = is_older and found.kind is not BroadcastKind.PLANNED_REMINDER  # who has no notice yet gets that
        if other.id != found.id and is_older:
            broadcasts.end(tx, other, BroadcastState.SUPERSEDED, BroadcastReason.NEWER_UPDATE, now=now)
        elif other.id != found.id and is_dismissal:  # there is no news to come of what was nothing
            broadcasts.end(tx, other, BroadcastState.CANCELLED, BroadcastReason.INCIDENT_DISMISSED, now=now)
    ended = []
    back_at = (incident.part.believed_back_at or now) if found.kind in SAYS_BACK else None
    for promise in promises.open_in(
        [each for part_id in concerned for each in promises.of_part(tx, found.incident_id, part_id)]
    ):
        if is_dismissal:
            state = PromiseState.VOID
        elif back_at is not None and promise.kind is PromiseKind.ETA:
            state = ended_by_restoration(promise.due_at, back_at=back_at)
        else:
            continue
        promises.end(tx, promise, state, now=now)
        ended.append((promise.kind, state))
    dismissed = False
    if is_dismissal:
        dismissed = _dismiss(tx, incident, found, now=now)
    elif found.kind in SAYS_BACK:
        _restore(tx, incident, now=now)
    else:
        if found.changes is not None and found.changes.action is Action.CHANGE:
            planned.set_window(tx, incident.id, found.facts.window_from_at, found.facts.window_until_at)
        _promise(tx, found, now=now, automatic_in_row=automatic_in_row)
        if found.changes is not None and found.changes.action is Action.EXTEND:
            joining.join_first(tx, found.incident_id, found.part_id, now=now)
    detail = {"broadcast": found.id, "kind": str(found.kind), "part": incident.part.name}
    incidents.record(tx, incident.id, at=now, event="telling", actor=found.sent_by or found.created_by, detail=detail)
    return Started(broadcast=found, ended=tuple(ended), dismissed=dismissed)


def handed_over(tx: Transaction, found: StoredBroadcast, *, at: datetime) -> Ended:
    """End the older promises of the part: the last message of a newer update was handed over at this time."""
    ended = []
    for promise in promises.open_in(promises.answered_by(tx, found)):
        if promise.broadcast_id != found.id:
            state = ended_by_update(promise.kind, promise.due_at, handed_over_at=at)
            promises.end(tx, promise, state, now=at)
            ended.append((promise.kind, state))
    return tuple(ended)


def answers_promises(tx: Transaction, found: StoredBroadcast) -> bool:
    """Tell whether older promises of the part are open that this update answers."""
    every = promises.open_in(promises.answered_by(tx, found))
    return any(promise.broadcast_id != found.id for promise in every)


def stop(tx: Transaction, found: StoredBroadcast, *, now: datetime, by: str) -> Ended:
    """Stop a broadcast of which something may have left, or a draft; what it promised to nobody is void.

    What it promised to somebody stands, and so does what older ones promised to those it did not reach. Somebody may
    be reading what is in hand now: that is judged again when nothing is any more.
    """
    ended = void_unread(tx, found, now=now)
    incidents.record(tx, found.incident_id, at=now, event="cancelled", actor=by, detail={"broadcast": found.id})
    return ended


def void_unread(tx: Transaction, found: StoredBroadcast, *, now: datetime) -> Ended:
    """End what a stopped broadcast has promised, unless a message of it was handed over or may have been."""
    if broadcasts.was_told_by(tx, found.id):
        return ()
    ended = []
    for promise in promises.open_in(promises.of_broadcast(tx, found.id)):
        promises.end(tx, promise, PromiseState.VOID, now=now)
        ended.append((promise.kind, PromiseState.VOID))
    return tuple(ended)


def give_up(tx: Transaction, found: StoredBroadcast, *, now: datetime, why: str) -> None:
    """Cancel an authorised broadcast that is not true any more before it has started; what is older stands."""
    broadcasts.end(tx, found, BroadcastState.CANCELLED, BroadcastReason.NO_LONGER_TRUE, now=now)
    if found.kind in ONLY_TO_TOLD and found.changes is not None and found.changes.before is not None:
        updates.resume_older(tx, found.changes.before)
    if found.changes is not None and found.changes.action is Action.EXTEND:
        joining.leave_again(tx, found.incident_id, found.part_id, found.changes.regions)
    updates.bring_back_words(tx, found)
    detail = {"broadcast": found.id, "why": why}
    incidents.record(tx, found.incident_id, at=now, event="no_longer_true", actor="daemon", detail=detail)


def _dismiss(tx: Transaction, incident: StoredIncident, found: StoredBroadcast, *, now: datetime) -> bool:
    """Dismiss an incident; return False where it is already, and what was stopped on its way is only said again."""
    if incident.state is IncidentState.DISMISSED:
        return False
    incidents.dismiss(tx, incident.id, now=now, reason=DismissReason.BY_PERSON, actor=found.sent_by or found.created_by)
    return True


def _restore(tx: Transaction, incident: StoredIncident, *, now: datetime) -> None:
    """Let a part be restored, and the incident be resolved when it was the last one."""
    incidents.move_part(tx, incident, PartState.RESTORED, believed_back_at=incident.part.believed_back_at)
    tx.run(
        "UPDATE parts SET restored_at = :at, eta_at = NULL, next_update_by = NULL WHERE id = :id",
        at=to_micros(incident.part.believed_back_at or now),
        id=incident.part.id,
    )
    resolve_when_over(tx, incident.id, now=now)


def resolve_when_over(tx: Transaction, incident_id: int, *, now: datetime) -> None:
    """Resolve an incident when none of its parts is out or held any more."""
    if any(part.state is not PartState.RESTORED for part in parts.own(tx, incident_id)):
        return
    incidents.set_state(tx, incident_id, IncidentState.RESOLVED)
    tx.run("UPDATE incidents SET resolved_at = :now WHERE id = :id", now=to_micros(now), id=incident_id)


def _promise(tx: Transaction, found: StoredBroadcast, *, now: datetime, automatic_in_row: int) -> None:
    """Store every time that the broadcast gives."""
    work_ends = found.facts.window_until_at if found.kind in ANNOUNCES else None
    times = ((PromiseKind.ETA, found.facts.eta_at or work_ends), (PromiseKind.NEXT_UPDATE, found.facts.next_update_by))
    for kind, due_at in times:
        if due_at is not None:
            promises.make(
                tx,
                incident_id=found.incident_id,
                part_id=found.part_id,
                broadcast_id=found.id,
                kind=kind,
                due_at=due_at,
                now=now,
                automatic_in_row=automatic_in_row,
                may_delay=found.may_delay,
            )
