"""Planned work as it is stored: its window, what is due of it by now, and which other work shares sites with it.

Functions of an open transaction. Planned work is an incident of its own kind; what is said about it are broadcasts.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from notifier.domain.broadcast import ANNOUNCES, BroadcastKind, BroadcastState
from notifier.domain.errors import Refused
from notifier.domain.incident import IncidentState
from notifier.domain.planned import Window, needs_notice
from notifier.domain.promise import PromiseKind
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import broadcasts, incidents, overlaps, places, promises
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import StoredIncident

_COMING = (BroadcastState.SENDING, BroadcastState.PAUSED)


def set_window(tx: Transaction, incident_id: int, from_at: datetime | None, until_at: datetime | None) -> None:
    """Give planned work another time; it counts as failed service from when it begins."""
    tx.run(
        """UPDATE incidents SET window_from_at = :from_at, window_until_at = :until_at, started_at = :from_at
           WHERE id = :id""",
        from_at=to_micros(from_at),
        until_at=to_micros(until_at),
        id=incident_id,
    )


def scheduled(tx: Transaction) -> list[StoredIncident]:
    """Return the planned work that has not begun, oldest first."""
    return incidents.with_state(tx, IncidentState.SCHEDULED)


def announced_by(tx: Transaction, incident: StoredIncident) -> StoredBroadcast | None:
    """Return the newest announcement that has started; None when nobody was told of the work, or it was stopped."""
    newest = _newest(tx, incident)
    return None if newest is None or newest.state is BroadcastState.CANCELLED else newest


def stopped(tx: Transaction, incident: StoredIncident) -> StoredBroadcast | None:
    """Return the newest announcement where somebody stopped it on its way, and nothing has been sent in its place."""
    newest = _newest(tx, incident)
    if newest is None or newest.state is not BroadcastState.CANCELLED or has_news_to_come(tx, incident):
        return None
    waits = broadcasts.of_part(tx, incident.part.id, incident.id, BroadcastState.AWAITING_APPROVAL)
    return None if waits else newest


def told_before(tx: Transaction, incident: StoredIncident, window: Window) -> Window | None:
    """Return which other time those who know of the work have in mind; None where it is this one.

    Of a change that was stopped on its way everybody knows the time before; this one, at most, of some.
    """
    if incident.window_from_at is None or incident.window_until_at is None:
        return None
    current, newest = (incident.window_from_at, incident.window_until_at), _newest(tx, incident)
    if newest is not None and newest.state is BroadcastState.CANCELLED and newest.kind is BroadcastKind.PLANNED_CHANGED:
        from_at, until_at = newest.facts.previous_window_from_at, newest.facts.previous_window_until_at
        if from_at is not None and until_at is not None and (from_at, until_at) != window:
            return from_at, until_at
        if not broadcasts.was_told_by(tx, newest.id):
            return None
    return current if current != window else None


def cut_calling_off(tx: Transaction, incident: StoredIncident) -> StoredBroadcast | None:
    """Return the word that work is called off, where it was the last one and was stopped on its way: some lack it."""
    if not incident.is_planned or incident.state is not IncidentState.DISMISSED:
        return None
    every = broadcasts.of_part(tx, incident.part.id, incident.id, *BroadcastState)
    said = [each for each in every if each.kind is BroadcastKind.PLANNED_CANCELLED and each.started_at is not None]
    return said[-1] if said and said[-1].state is BroadcastState.CANCELLED else None


def called_off(tx: Transaction, now: datetime) -> list[StoredIncident]:
    """Return the work that was called off and whose time is not over, oldest first."""
    rows = tx.tuples(
        """SELECT id FROM incidents WHERE kind = 'planned' AND state = 'dismissed' AND window_until_at > :now
           ORDER BY id""",
        now=to_micros(now),
    )
    return [incidents.load(tx, incident_id) for (incident_id,) in rows]


def _newest(tx: Transaction, incident: StoredIncident) -> StoredBroadcast | None:
    """Return the newest announcement that has started, stopped or not; a reminder that was stopped is none."""
    started = broadcasts.of_part(
        tx, incident.part.id, incident.id, *_COMING, BroadcastState.COMPLETED, BroadcastState.CANCELLED
    )
    for each in reversed(started):
        is_void = each.kind is BroadcastKind.PLANNED_REMINDER and each.state is BroadcastState.CANCELLED
        if each.kind in ANNOUNCES and each.started_at is not None and not is_void:
            return each
    return None


def has_news_to_come(tx: Transaction, incident: StoredIncident) -> bool:
    """Tell whether a person has authorised something about the work that has not started."""
    coming = broadcasts.of_part(tx, incident.part.id, incident.id, *_COMING)
    return any(each.started_at is None for each in coming)


def is_being_called_off(tx: Transaction, incident: StoredIncident) -> bool:
    """Tell whether a person has called the work off, and the word of it has not started: then it does not begin."""
    coming = broadcasts.of_part(tx, incident.part.id, incident.id, *_COMING)
    return any(each.kind is BroadcastKind.PLANNED_CANCELLED and each.started_at is None for each in coming)


def is_reminded(tx: Transaction, incident: StoredIncident) -> bool:
    """Tell whether a reminder of the work was sent, or called off, since its newest time was announced."""
    every = broadcasts.of_part(tx, incident.part.id, incident.id, *BroadcastState)
    said = [each.kind for each in every if each.kind in ANNOUNCES and each.started_at is not None]
    return bool(said) and said[-1] is BroadcastKind.PLANNED_REMINDER


def promise_next_word(tx: Transaction, incident_id: int, *, now: datetime, within: timedelta) -> None:
    """Promise when customers hear next of work that goes on, where every time that they were given has passed.

    Whoever asks then is given that time, so it is kept like every other: the daemon speaks before, or calls a person.
    """
    incident = incidents.load(tx, incident_id)
    newest = broadcasts.newest_told(tx, incident.part.id) if incident.is_planned else None
    end = None if newest is None else newest.facts.window_until_at
    if newest is None or end is None or end > now or newest.facts.restored_at is not None:
        return
    if any(promises.open_in(promises.of_part(tx, incident_id, incident.part.id))):
        return
    promises.make(
        tx,
        incident_id=incident_id,
        part_id=incident.part.id,
        broadcast_id=newest.id,
        kind=PromiseKind.NEXT_UPDATE,
        due_at=now + within,
        now=now,
        automatic_in_row=max((each.automatic_in_row for each in promises.of_broadcast(tx, newest.id)), default=0),
        may_delay=newest.may_delay,
    )


def next_word_at(tx: Transaction, incident_id: int, now: datetime) -> datetime | None:
    """Return when customers of planned work hear next, as that was promised; None where nothing was."""
    every = promises.of_part(tx, incident_id, incidents.load(tx, incident_id).part.id)
    due = (each.due_at for each in promises.open_in(every) if each.kind is PromiseKind.NEXT_UPDATE)
    return min((at for at in due if at > now), default=None)


def notice_due_at(tx: Transaction, found: StoredBroadcast, lead: timedelta) -> datetime | None:
    """Return by when an announcement must have been handed over; None where its time lies inside the one told."""
    from_at, until_at = found.facts.window_from_at, found.facts.window_until_at
    if from_at is None or until_at is None or found.changes is None:
        return None
    incident = incidents.load(tx, found.incident_id)
    told = None
    is_told = announced_by(tx, incident) is not None
    if is_told and incident.window_from_at is not None and incident.window_until_at is not None:
        told = incident.window_from_at, incident.window_until_at
    return from_at - lead if needs_notice(from_at, until_at, told) else None


def require_no_other(
    tx: Transaction,
    service: str,
    region_ids: Sequence[int],
    site_ids: Sequence[int],
    window: Window,
    *,
    but: int = 0,
) -> None:
    """Raise `Refused` when other planned work of the service shares a site and part of its time."""
    from_at, until_at = window
    for state in (IncidentState.SCHEDULED, IncidentState.CONFIRMED):
        for other in incidents.with_state(tx, state):
            is_other = other.is_planned and other.id != but and other.service == service
            if not is_other or other.window_from_at is None or other.window_until_at is None:
                continue
            if other.window_from_at >= until_at or other.window_until_at <= from_at:
                continue
            there = tuple(incidents.place_regions(tx, other.id))
            scope = Scope(incident_id=other.id, service=service, region_ids=there, channels=())
            if overlaps.overlaps(tx, other.id, service, region_ids) or places.is_any_in_place(tx, site_ids, scope):
                raise Refused(
                    f"planned work {other.id} ({service}, {other.place}) is from {other.window_from_at:%Y-%m-%d %H:%M}"
                    f" UTC to {other.window_until_at:%Y-%m-%d %H:%M} UTC and shares sites: change that one"
                )
