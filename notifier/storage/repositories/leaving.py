"""Older updates that still go out when a part is told something of its own: they say nothing more of its sites.

Functions of an open transaction. What is pending is superseded before the first update of the part begins, some at a
time; what a worker had then, when it comes back.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from notifier.domain.broadcast import BroadcastState
from notifier.domain.notification import NotificationReason, NotificationState
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audience, broadcasts, parts
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.parts import PartScope, StoredPart


def leaving(tx: Transaction, found: StoredBroadcast) -> dict[int, list[int]]:
    """Return, by older update of where a part came from, the pending messages that are about sites of the part."""
    mine = _scope_there(tx, found)
    if mine is None:
        return {}
    older = [each for each in broadcasts.told_to(tx, found.part_id, *BroadcastState) if each.part_id != found.part_id]
    leaves = {
        each.id: [
            int(id_)
            for (id_,) in tx.tuples(
                f"""SELECT n.id FROM notifications AS n WHERE n.broadcast_id = :id AND n.state = 'pending'
                    AND EXISTS (SELECT 1 FROM audience_notifications AS an
                                WHERE an.broadcast_id = n.broadcast_id AND an.contact_point_id = n.contact_point_id
                                  AND {mine.condition("an.site_id")})""",
                id=each.id,
            )
        ]
        for each in older
        if each.state in (BroadcastState.SENDING, BroadcastState.PAUSED)
    }
    return {broadcast_id: ids for broadcast_id, ids in leaves.items() if ids}


def leave(
    tx: Transaction, found: StoredBroadcast, older: int, notification_ids: Sequence[int], *, now: datetime
) -> Counter[str]:
    """Supersede some pending messages of an older update, or take the part's sites out of them; count by channel."""
    mine = _scope_there(tx, found)
    if mine is None or not notification_ids:
        return Counter()
    ids = audience.numbers(notification_ids)
    ended = tx.tuples(
        f"""UPDATE notifications SET state = '{NotificationState.SUPERSEDED}',
                   reason = '{NotificationReason.NEWER_UPDATE}', ended_at = :now
            WHERE id IN ({ids}) AND state = 'pending' AND NOT EXISTS (
                SELECT 1 FROM audience_notifications AS an
                WHERE an.broadcast_id = notifications.broadcast_id
                  AND an.contact_point_id = notifications.contact_point_id AND NOT ({mine.condition("an.site_id")}))
            RETURNING channel""",
        now=to_micros(now),
    )
    tx.run(
        f"""DELETE FROM audience_notifications WHERE broadcast_id = :older AND contact_point_id IN
                (SELECT contact_point_id FROM notifications WHERE id IN ({ids}) AND state = 'pending')
              AND {mine.condition("audience_notifications.site_id")}""",
        older=older,
    )
    return Counter(str(channel) for (channel,) in ended)


def leave_late(tx: Transaction, broadcast_id: int, notification_ids: Sequence[int]) -> set[int]:
    """Return which messages of an older update say nothing but what parts cut off since were told anew.

    They came back after the first update of the part began: a worker had them. From the others its sites are taken out.
    """
    found = broadcasts.load(tx, broadcast_id)
    told_anew = [
        f"({mine.condition('an.site_id')})"
        for part in parts.of_incident(tx, found.incident_id)
        if part.cut_at is not None and part.id != found.part_id and _comes_from(tx, part, found)
        if (mine := parts.scope_of(tx, found.incident_id, part.id)) is not None
    ]
    if not told_anew or not notification_ids:
        return set()
    ids, told = audience.numbers(notification_ids), " OR ".join(told_anew)
    carries = """FROM audience_notifications AS an WHERE an.broadcast_id = :broadcast
                 AND an.contact_point_id = n.contact_point_id"""
    whole = {
        int(id_)
        for (id_,) in tx.tuples(
            f"""SELECT n.id FROM notifications AS n WHERE n.id IN ({ids})
                AND EXISTS (SELECT 1 {carries}) AND NOT EXISTS (SELECT 1 {carries} AND NOT ({told}))""",
            broadcast=broadcast_id,
        )
    }
    others = [id_ for id_ in notification_ids if id_ not in whole]
    if others:
        tx.run(
            f"""DELETE FROM audience_notifications AS an WHERE an.broadcast_id = :broadcast AND ({told})
                  AND an.contact_point_id IN
                      (SELECT contact_point_id FROM notifications WHERE id IN ({audience.numbers(others)}))""",
            broadcast=broadcast_id,
        )
    return whole


def _comes_from(tx: Transaction, part: StoredPart, found: StoredBroadcast) -> bool:
    """Tell whether a part was cut off from that of an update since, and was told something newer, here or elsewhere."""
    now_is = part.id if part.became is None else part.became
    return any(source == found.part_id for _, source, _ in parts.lineage(tx, part.id)) and any(
        each.started_at is not None and found.started_at is not None and each.started_at > found.started_at
        for each in broadcasts.told_to(tx, now_is, *BroadcastState)
        if each.part_id in (part.id, now_is)
    )


def _scope_there(tx: Transaction, found: StoredBroadcast) -> PartScope | None:
    """Return which sites a part had where it comes from; None of one that was never cut off."""
    of_old = tx.row("SELECT id, incident_id FROM parts WHERE became = :id", id=found.part_id)
    incident_id, part_id = (
        (found.incident_id, found.part_id) if of_old is None else (of_old["incident_id"], of_old["id"])
    )
    mine = parts.scope_of(tx, incident_id, part_id)
    return None if mine is None or mine.named is None or mine.joins else mine
