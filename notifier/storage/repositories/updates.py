"""What people decide meets an incident: when an update is sent or taken back, or service is not back after all.

The decisions are those of `domain`; here they meet one incident, its part and its older broadcasts, in one transaction.
Nobody has been told yet; what telling does is in `course`.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from notifier.domain.actor import DAEMON
from notifier.domain.broadcast import SAYS_BACK, BroadcastKind, BroadcastReason, BroadcastState
from notifier.domain.incident import (
    INCIDENT,
    PART,
    Action,
    Before,
    Changes,
    Evidence,
    IncidentState,
    PartState,
    merged_by,
)
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import automatic, broadcasts, incidents, joining, named_sites, overlaps, parts
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import StoredIncident

_FINAL = (BroadcastState.COMPLETED, BroadcastState.CANCELLED, BroadcastState.SUPERSEDED)
_UNSENT = tuple(state for state in BroadcastState if state not in _FINAL)


def apply(
    tx: Transaction, incident: StoredIncident, found: StoredBroadcast, changes: Changes, *, now: datetime, by: str
) -> Changes:
    """Apply what a person decided; return the changes with how things stood before, for taking it back.

    A dismissal is not applied yet: it takes effect when its correction starts. Until then the older broadcasts pause.
    """
    paused: tuple[int, ...] = ()
    match changes.action:
        case Action.CONFIRM:
            _confirm(tx, incident, changes, now=now, by=by)
        case Action.ETA:
            pass
        case Action.RESTORED:
            if incident.state is IncidentState.SUSPECTED:  # a blink: who reported it hears that it is over
                _confirm(tx, incident, changes, now=now, by=by)
            incidents.move_part(tx, incident, PartState.BELIEVED_BACK, believed_back_at=changes.at or now)
        case Action.REOPEN:
            _reopen(tx, incident)
            paused = _pause_older(tx, found)  # "it is back" is not said while we know better
        case Action.DISMISS:
            paused = _pause_older(tx, found)
        case Action.EXTEND:
            listed_by = None if changes.regions else incident.part.id
            incidents.extend_place(tx, incident.id, changes.regions, listed_by=listed_by)
        case Action.ANNOUNCE | Action.CHANGE:
            pass  # it begins by itself; another time holds from when it is told
        case Action.CLOSE | Action.SPLIT | Action.MERGE:
            pass
    if changes.action is not Action.DISMISS:
        _save_words(tx, incident, changes, next_update_by=found.facts.next_update_by)
    detail = {"broadcast": found.id, "part": incident.part.name}
    incidents.record(tx, incident.id, at=now, event=f"{changes.action}_sent", actor=by, detail=detail)
    return msgspec.structs.replace(changes, before=_before(incident, paused))


def take_back(tx: Transaction, found: StoredBroadcast, *, now: datetime, by: str) -> None:
    """Bring back how an incident stood before a broadcast that has not started; a confirmed one stays confirmed."""
    if found.changes is None or found.changes.before is None:
        return
    before = found.changes.before
    resume_older(tx, before)
    if found.changes.action is Action.EXTEND:
        joining.leave_again(tx, found.incident_id, found.part_id, found.changes.regions)
    incident = incidents.load(tx, found.incident_id, found.part_id)
    if incident.part.state is PartState.OUT and before.part_state is PartState.RESTORED:
        _back_to_resolved(tx, incident, before)
    elif found.changes.action is Action.RESTORED and incident.part.state is PartState.BELIEVED_BACK:
        incidents.move_part(tx, incident, PartState.OUT, believed_back_at=None)
    bring_back_words(tx, found)
    incidents.record(tx, incident.id, at=now, event="taken_back", actor=by, detail={"broadcast": found.id})


def bring_back_words(tx: Transaction, found: StoredBroadcast) -> None:
    """Let an incident say again what it said before a broadcast that nobody has been told, unless a newer one says."""
    if found.changes is not None and found.changes.before is not None and not _is_overtaken(tx, found):
        _bring_back_words(tx, incidents.load(tx, found.incident_id, found.part_id), found.changes.before)


def _is_overtaken(tx: Transaction, found: StoredBroadcast) -> bool:
    """Tell whether a newer update was authorised: how things stand is its word, not that of an older one."""
    authorised = (BroadcastState.SENDING, BroadcastState.PAUSED, BroadcastState.COMPLETED)
    others = broadcasts.of_part(tx, found.part_id, found.incident_id, *authorised)
    return any(other.id > found.id for other in others)


def resume_older(tx: Transaction, before: Before) -> None:
    """Let what was paused for a broadcast go on, unless something else has become of it."""
    for broadcast_id in before.paused:
        older = broadcasts.load(tx, broadcast_id)
        if older.state is BroadcastState.PAUSED:
            broadcasts.resume(tx, older)


def _bring_back_words(tx: Transaction, incident: StoredIncident, before: Before) -> None:
    tx.run(
        """UPDATE parts SET cause = :cause, crew = :crew, eta_at = :eta, next_update_by = :next WHERE id = :part""",
        cause=before.cause,
        crew=before.crew,
        eta=to_micros(before.eta_at),
        next=to_micros(before.next_update_by),
        part=incident.part.id,
    )
    tx.run(
        "UPDATE incidents SET impact = :impact, started_at = :started WHERE id = :id",
        impact=before.impact,
        started=to_micros(before.started_at),
        id=incident.id,
    )


def doubt_restoration(tx: Transaction, incident_id: int, evidence: Evidence, *, now: datetime) -> bool:
    """Put a part out again when fresh evidence says that it is not back; tell whether it was.

    Only evidence whose whole window lies after the moment it was believed back: older complaints say nothing new. Nor
    does a region with sites in another part that is still out.
    """
    doubted = False
    for part in parts.own(tx, incident_id):
        back_at = part.believed_back_at
        if part.state is not PartState.BELIEVED_BACK or back_at is None or evidence.window_from < back_at:
            continue
        if named_sites.is_all_of(tx, incident_id, evidence.region_id, part):
            out_again(tx, incident_id, part.id, now=now, by="daemon", why="complaints go on")
            doubted = True
    return doubted


def out_again(tx: Transaction, incident_id: int, part_id: int, *, now: datetime, by: str, why: str) -> None:
    """Put a part that was believed back out again; the message that it is back is cancelled before anyone read it."""
    incident = incidents.load(tx, incident_id, part_id)
    incidents.move_part(tx, incident, PartState.OUT, believed_back_at=None)
    for held in broadcasts.of_part(tx, incident.part.id, incident_id, *_UNSENT):
        if held.kind in SAYS_BACK and held.started_at is None:
            broadcasts.end(tx, held, BroadcastState.CANCELLED, BroadcastReason.BACK_AGAIN_OUT, now=now)
            if held.changes is not None and held.changes.before is not None:  # what was promised before it holds again
                resume_older(tx, held.changes.before)
                _bring_back_words(tx, incident, held.changes.before)
    detail = {"why": why, "part": incident.part.name}
    incidents.record(tx, incident_id, at=now, event="out_again", actor=by, detail=detail)


def _confirm(tx: Transaction, incident: StoredIncident, changes: Changes, *, now: datetime, by: str) -> None:
    incidents.set_state(tx, incident.id, IncidentState.CONFIRMED)
    tx.run(
        """UPDATE incidents SET service = :service, confirmed_at = :now, confirmed_by = :by,
                  playbook = CASE WHEN :playbook = '' THEN playbook ELSE :playbook END WHERE id = :id""",
        service=changes.service or incident.service,
        playbook=changes.playbook,
        now=to_micros(now),
        by=by,
        id=incident.id,
    )
    if changes.regions:
        incidents.set_place(tx, incident.id, changes.regions)
    covered = overlaps.outside_of(tx, incident.id)
    for other in merged_by(covered):
        if by == DAEMON.name and automatic.is_a_persons(tx, other):
            continue  # the daemon cancels no draft of a person's
        incidents.merge(tx, other, into=incident.id, now=now, actor=by)


def _reopen(tx: Transaction, incident: StoredIncident) -> None:
    if incident.state is not IncidentState.CONFIRMED:  # other parts may be out
        incidents.set_state(tx, incident.id, IncidentState.CONFIRMED)
    if incident.part.state is not PartState.OUT:
        incidents.move_part(tx, incident, PartState.OUT, believed_back_at=None)
    tx.run("UPDATE incidents SET resolved_at = NULL, closed_at = NULL WHERE id = :id", id=incident.id)
    tx.run("UPDATE parts SET restored_at = NULL, eta_at = NULL WHERE id = :id", id=incident.part.id)


def _back_to_resolved(tx: Transaction, incident: StoredIncident, before: Before) -> None:
    """Undo a reopening, along the arrows; while another part is out, the incident goes on."""
    PART.require(incident.part.state, PartState.BELIEVED_BACK, which=incident.part.id)
    tx.run(
        "UPDATE parts SET state = :state, believed_back_at = :back, restored_at = :restored WHERE id = :id",
        state=before.part_state,
        back=to_micros(before.believed_back_at),
        restored=to_micros(before.restored_at),
        id=incident.part.id,
    )
    others = [part for part in parts.own(tx, incident.id) if part.id != incident.part.id]
    if before.state is incident.state or any(part.state is not PartState.RESTORED for part in others):
        return
    INCIDENT.require(incident.state, IncidentState.RESOLVED, which=incident.id)
    tx.run(
        "UPDATE incidents SET state = :state, resolved_at = :resolved, closed_at = :closed WHERE id = :id",
        state=before.state,
        resolved=to_micros(before.resolved_at),
        closed=to_micros(before.closed_at),
        id=incident.id,
    )


def _pause_older(tx: Transaction, found: StoredBroadcast) -> tuple[int, ...]:
    """Stop telling what is about to be corrected."""
    concerned = [found.part_id]
    if found.kind is BroadcastKind.CORRECTION:  # of every part
        concerned = [part.id for part in parts.of_incident(tx, found.incident_id)]
    older = [
        each
        for part_id in concerned
        for each in broadcasts.of_part(tx, part_id, found.incident_id, BroadcastState.SENDING)
    ]
    paused = [each for each in older if each.id < found.id]
    for each in paused:
        broadcasts.pause(tx, each)
    return tuple(each.id for each in paused)


def _save_words(
    tx: Transaction, incident: StoredIncident, changes: Changes, *, next_update_by: datetime | None
) -> None:
    tx.run(
        "UPDATE incidents SET impact = :impact, started_at = :started WHERE id = :id",
        impact=changes.impact or incident.impact,
        started=to_micros(changes.started_at or incident.started_at),
        id=incident.id,
    )
    tx.run(
        "UPDATE parts SET cause = :cause, crew = :crew, eta_at = :eta, next_update_by = :next WHERE id = :id",
        cause=incident.part.cause if changes.cause is None else changes.cause,
        crew=incident.part.crew if changes.crew is None else changes.crew,
        eta=to_micros(changes.eta_at),
        next=to_micros(next_update_by),
        id=incident.part.id,
    )


def _before(incident: StoredIncident, paused: Iterable[int]) -> Before:
    return Before(
        state=incident.state,
        part_state=incident.part.state,
        impact=incident.impact,
        started_at=incident.started_at,
        cause=incident.part.cause,
        crew=incident.part.crew,
        eta_at=incident.part.eta_at,
        next_update_by=incident.part.next_update_by,
        believed_back_at=incident.part.believed_back_at,
        restored_at=incident.part.restored_at,
        resolved_at=incident.resolved_at,
        closed_at=incident.closed_at,
        paused=tuple(paused),
    )
