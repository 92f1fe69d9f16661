"""Readers as a claim must know them beside their address: do they sleep, did they write, what have they heard.

Set-wise look-ups for the notifications of one claim; nothing is written. Lists of ids come from the store itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.caps import Heard
from notifier.domain.night import Hours
from notifier.domain.notification import Channel, NotificationReason
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories.audience import TOLD, numbers


@dataclass(frozen=True, slots=True)
class Sleeper:
    """What the night must know of the reader of one notification, beside the zones."""

    own: Hours | None
    is_priority: bool
    wrote: bool  # itself, or the customer with a complaint that was verified
    was_woken: bool  # heard of this incident a moment ago


def sleepers(
    tx: Transaction, notification_ids: Sequence[int], *, incident_id: int, wrote_since: datetime, woken_since: datetime
) -> dict[int, Sleeper]:
    """Return, by notification, what the night must know."""
    if not notification_ids:
        return {}
    rows = tx.tuples(
        f"""SELECT n.id, c.quiet_from, c.quiet_until,
                   EXISTS (SELECT 1 FROM audience_notifications AS a
                           JOIN sites AS s ON s.id = a.site_id AND s.priority = 1
                           WHERE a.broadcast_id = n.broadcast_id AND a.contact_point_id = n.contact_point_id),
                   n.reason = '{NotificationReason.WROTE}'
                   OR EXISTS (SELECT 1 FROM replies AS r
                           WHERE r.contact_point_id = n.contact_point_id AND r.received_at >= :wrote)
                   OR EXISTS (SELECT 1 FROM audience_notifications AS a
                              JOIN complaints AS k ON k.customer_id = a.customer_id AND k.received_at >= :wrote
                                AND k.occurred_at >= :wrote AND k.verified = 1
                              WHERE a.broadcast_id = n.broadcast_id AND a.contact_point_id = n.contact_point_id),
                   EXISTS (SELECT 1 FROM notifications AS e
                           JOIN broadcasts AS b ON b.id = e.broadcast_id AND b.incident_id = :incident
                           WHERE e.contact_point_id = n.contact_point_id AND e.id <> n.id
                             AND e.sending_at >= :woken AND e.state IN ({TOLD}))
            FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
            WHERE n.id IN ({numbers(notification_ids)})""",
        wrote=to_micros(wrote_since),
        woken=to_micros(woken_since),
        incident=incident_id,
    )
    return {
        id_: Sleeper(
            own=None if begins is None or ends is None else Hours(begins, ends),
            is_priority=bool(priority),
            wrote=bool(wrote),
            was_woken=bool(woken),
        )
        for id_, begins, ends, priority, wrote, woken in rows
    }


def heard(tx: Transaction, contact_point_ids: Sequence[int], *, since: datetime) -> dict[int, list[Heard]]:
    """Return, by contact point, the updates it was handed since then, or may have been; answers do not count."""
    if not contact_point_ids:
        return {}
    found: dict[int, list[Heard]] = {}
    for point, at, channel in tx.tuples(
        f"""SELECT contact_point_id, sending_at, channel FROM notifications
            WHERE contact_point_id IN ({numbers(contact_point_ids)}) AND sending_at > :since
              AND broadcast_id IS NOT NULL AND state IN ({TOLD})""",
        since=to_micros(since),
    ):
        found.setdefault(point, []).append(Heard(to_instant(at), Channel(channel)))
    return found
