"""Planned work that a person should have in mind: it begins soon, or its notice is not sent, or was stopped."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.domain.broadcast import BroadcastState
from notifier.domain.playbook import Playbook
from notifier.storage.database import Transaction
from notifier.storage.queries.needs.subject import Subject, clock, customers, words
from notifier.storage.repositories import broadcasts, planned
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.views import Need

SOON = timedelta(hours=2)
LATE_SOON = timedelta(hours=24)


def needs(tx: Transaction, now: datetime, zone: ZoneInfo, playbooks: Mapping[str, Playbook]) -> Iterator[Need]:
    """Return what planned work needs, the oldest first."""
    for work in planned.scheduled(tx):
        from_at = work.window_from_at
        if from_at is None:
            continue
        subject = Subject.of_incident(work)
        lead = timedelta() if (playbook := playbooks.get(work.service)) is None else playbook.planned_notice_lead
        if (cut := planned.stopped(tx, work)) is not None:
            yield _cut_short(tx, subject, cut, now, from_at - lead, zone)
        elif planned.announced_by(tx, work) is None and not planned.has_news_to_come(tx, work):
            if now >= from_at - lead:
                said = "nobody was told, and it is too late for the time that it was to begin"
            elif now >= from_at - lead - LATE_SOON:
                said = f"nobody was told yet; the notice has to be there by {clock(from_at - lead, zone)}"
            else:
                continue
            yield subject.need("planned", said, f"incidents {work.id}", f"planned cancel {work.id}", due_at=from_at)
        elif from_at - SOON <= now < from_at:
            said = f"planned work begins at {clock(from_at, zone)}"
            yield subject.need("planned", said, f"incidents {work.id}", f"planned cancel {work.id}", due_at=from_at)
    yield from _not_all_know(tx, now, zone)


def _not_all_know(tx: Transaction, now: datetime, zone: ZoneInfo) -> Iterator[Need]:
    """Return what work needs that was called off, and the word of that was stopped: some still wait for the work."""
    for work in planned.called_off(tx, now):
        cut = planned.cut_calling_off(tx, work)
        if cut is None or work.window_from_at is None or planned.is_being_called_off(tx, work):
            continue
        if broadcasts.of_part(tx, work.part.id, work.id, BroadcastState.AWAITING_APPROVAL):
            continue
        missing = max(0, cut.expected_customers - broadcasts.customers_told(tx, cut.id))
        if missing:
            yield Subject.of_incident(work).need(
                "cut_short",
                f"{words(cut.kind)} was cancelled on its way: {missing:,} of {customers(cut.expected_customers)} still"
                f" expect the work from {clock(work.window_from_at, zone)}",
                f"planned cancel {work.id}",
                broadcast_id=cut.id,
                due_at=work.window_from_at,
            )


def _cut_short(
    tx: Transaction, subject: Subject, cut: StoredBroadcast, now: datetime, due_at: datetime, zone: ZoneInfo
) -> Need:
    """Return what a notice needs that was stopped on its way: to be sent again, for its time while that is possible."""
    unreached = int(
        tx.scalar("SELECT count(*) FROM audience WHERE broadcast_id = :id AND outcome <> 'told'", id=cut.id)
    )
    reachable = max(0, cut.expected_customers - unreached)
    missing = max(0, reachable - broadcasts.customers_told(tx, cut.id))
    from_at, until_at = (cut.facts.window_from_at, cut.facts.window_until_at) if now < due_at else (None, None)
    again = f"planned change {subject.id} --from {_typed(from_at, zone)} --until {_typed(until_at, zone)}"
    until = f"; it has to be there by {clock(due_at, zone)}" if now < due_at else "; it is too late for that time"
    return subject.need(
        "cut_short",
        f"{words(cut.kind)} was cancelled on its way: {missing:,} of {customers(reachable)} were not told{until}",
        again,
        f"planned cancel {subject.id}",
        broadcast_id=cut.id,
        due_at=due_at,
    )


def _typed(at: datetime | None, zone: ZoneInfo) -> str:
    """Return an instant as a person types it."""
    return "TIME" if at is None else f"{at.astimezone(zone):%Y-%m-%dT%H:%M}"
