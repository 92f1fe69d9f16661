"""Planned work that a person should have in mind: it begins soon, or its notice is not sent and will be late."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.domain.playbook import Playbook
from notifier.storage.database import Transaction
from notifier.storage.queries.needs.subject import Subject, clock
from notifier.storage.repositories import planned
from notifier.storage.views import Need

SOON = timedelta(hours=2)
LATE_SOON = timedelta(hours=24)


def needs(tx: Transaction, now: datetime, zone: ZoneInfo, playbooks: Mapping[str, Playbook]) -> Iterator[Need]:
    """Return what planned work needs, the oldest first."""
    for work in planned.scheduled(tx):
        from_at, playbook = work.window_from_at, playbooks.get(work.service)
        if from_at is None:
            continue
        subject = Subject.of_incident(work)
        if planned.announced_by(tx, work) is None and not planned.has_news_to_come(tx, work):
            lead = timedelta() if playbook is None else playbook.planned_notice_lead
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
