"""Complaints as people are shown them: how many by hour, and what they say."""

from datetime import datetime, timedelta

from notifier.domain.complaint import NotCounted
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.views import ComplaintView

HOUR = timedelta(hours=1)


def per_hour(tx: Transaction, service: str, *, now: datetime, hours: int) -> list[int]:
    """Return how many complaints of a service took effect in each of the last `hours` hours, oldest first."""
    rows = tx.tuples(
        """SELECT (:now - effective_at) / :hour AS ago, COUNT(*) FROM complaints
           WHERE service = :service AND effective_at > :since AND effective_at <= :now
             AND (not_counted IS NULL OR not_counted <> :history)
           GROUP BY 1""",
        now=to_micros(now),
        hour=HOUR // timedelta(microseconds=1),
        since=to_micros(now - hours * HOUR),
        service=service,
        history=NotCounted.HISTORY,
    )
    found = {int(ago): int(complaints) for ago, complaints in rows}
    return [found.get(ago, 0) for ago in reversed(range(hours))]


def of_incident(tx: Transaction, incident_id: int, *, at_most: int) -> list[ComplaintView]:
    """Return the newest complaints that count in the place of an incident since it began, with their text."""
    rows = tx.rows(
        """SELECT c.id, c.service, c.source, c.occurred_at, c.received_at, c.not_counted, c.text
           FROM incidents AS i JOIN complaints AS c ON c.service = i.service AND c.effective_at >= i.started_at
           WHERE i.id = :incident AND c.not_counted IS NULL
             AND EXISTS (SELECT 1 FROM incident_regions AS r WHERE r.incident_id = i.id AND r.role = 'place'
                           AND (c.counted_regions LIKE '[' || r.region_id || ']'
                                OR c.counted_regions LIKE '[' || r.region_id || ',%'
                                OR c.counted_regions LIKE '%,' || r.region_id || ']'
                                OR c.counted_regions LIKE '%,' || r.region_id || ',%'))
           ORDER BY c.id DESC LIMIT :most""",
        incident=incident_id,
        most=at_most,
    )
    return [view(row) for row in rows]


def view(row: Row) -> ComplaintView:
    """Return a complaint of a row with its id, service, source, both times, why it does not count, and its text."""
    return ComplaintView(
        id=row["id"],
        service=row["service"],
        source=row["source"],
        occurred_at=to_instant(row["occurred_at"]),
        received_at=to_instant(row["received_at"]),
        counted=row["not_counted"] is None,
        not_counted=row["not_counted"],
        text=row["text"],
    )
