"""The next channel: another message to the same customer in the same role, because the one before did not get there.

Comes in: notifications that ended `failed` or `undelivered`, or texts in whose place a mail goes by night. Goes out:
pending notifications on the next contact point by the same order and consent as planning (`audience.reach`), carrying
the same sites. The unique keys of notifications stop doubles, whatever is repeated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import SAYS_BACK, BroadcastKind, BroadcastState, is_overtaken
from notifier.domain.consent import CONTRACT, Basis, purpose_of
from notifier.domain.incident import IncidentState
from notifier.domain.notification import Channel, NotificationReason
from notifier.domain.playbook import Playbook
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audience, broadcasts, doubts, incidents, parts
from notifier.storage.repositories.audience import POINT, POSITION, UNREACHED, Scope, numbers
from notifier.storage.repositories.broadcasts import StoredBroadcast, noticed_since, part_told_by

_GOES_ON = (BroadcastState.SENDING, BroadcastState.PAUSED, BroadcastState.COMPLETED)
_SAYS_THE_END = SAYS_BACK | {BroadcastKind.CORRECTION, BroadcastKind.PLANNED_CANCELLED}
_GOES_ON_IN = (IncidentState.CONFIRMED, IncidentState.SCHEDULED)


@dataclass(frozen=True, slots=True)
class NextStep:
    """A contact point that may be told in the place of another one, about one site."""

    site_id: int
    customer_id: int
    contact_point_id: int
    channel: Channel


def fall_back(
    tx: Transaction,
    notification_ids: Sequence[int],
    playbooks: Mapping[str, Playbook],
    *,
    now: datetime,
    basis: Basis = CONTRACT,
) -> int:
    """Make notifications on the next channel for those that failed, where the news is still true; return how many.

    Those in another state, or that were tried until they were no news, are left alone. `playbooks` are by service.
    """
    made = 0
    for broadcast_id, failed in _failed(tx, notification_ids).items():
        found = broadcasts.load(tx, broadcast_id)
        playbook = playbooks.get(found.facts.service)
        if playbook is None or not _is_still_true(tx, found, now):
            continue
        for channel, ids in failed.items():
            following = _after(playbook.channels, channel)
            if not following:
                continue
            scope = scope_of(tx, found, following, basis)
            made += tell_instead(tx, found.id, find_next(tx, scope, ids), now=now)
        if made and found.state is BroadcastState.COMPLETED:
            broadcasts.send_again(tx, found)
    return made


def scope_of(tx: Transaction, found: StoredBroadcast, channels: tuple[Channel, ...], basis: Basis) -> Scope:
    """Return the scope by which the next contact points of a broadcast are judged."""
    return Scope(
        incident_id=found.incident_id,
        service=found.facts.service,
        region_ids=(),
        channels=channels,
        but=found.id,
        purpose=purpose_of(found.kind),
        basis=basis,
        part=parts.scope_of(tx, found.incident_id, part_told_by(found)),
        noticed_since=noticed_since(found),
    )


def find_next(tx: Transaction, scope: Scope, notification_ids: Sequence[int]) -> dict[int, list[NextStep]]:
    """Return, by notification, who of the same customer and role may be told of each of its sites instead."""
    if not notification_ids:
        return {}
    found: dict[int, list[NextStep]] = {}
    for id_, site, customer, reach in tx.tuples(
        f"""SELECT n.id, an.site_id, an.customer_id, MIN({audience.reach(scope, link="x")})
            FROM notifications AS n
            JOIN audience_notifications AS an
              ON an.broadcast_id = n.broadcast_id AND an.contact_point_id = n.contact_point_id
            JOIN links AS l ON l.contact_point_id = n.contact_point_id AND l.site_id = an.site_id
            JOIN links AS x ON x.site_id = an.site_id AND x.role = l.role
            JOIN contact_points AS c ON c.id = x.contact_point_id
            {audience.wishes(scope, link="x")}
            WHERE n.id IN ({numbers(notification_ids)}){audience.in_part(scope, "an.site_id")}
            GROUP BY n.id, an.site_id, an.customer_id ORDER BY n.id, an.site_id"""
    ):
        if reach < UNREACHED:
            step = NextStep(site, customer, reach % POINT, scope.channels[reach // POSITION])
            found.setdefault(id_, []).append(step)
    return found


def tell_instead(tx: Transaction, broadcast_id: int, steps: Mapping[int, Sequence[NextStep]], *, now: datetime) -> int:
    """Make a notification for each of these contact points, in the place of the one that is named; return how many.

    One that is there already and has not been made into a message carries the new sites too.
    """
    points = {(one.contact_point_id, one.channel): id_ for id_, listed in steps.items() for one in listed}
    before = _count(tx, broadcast_id, points)
    tx.run_many(
        f"""INSERT INTO notifications (broadcast_id, contact_point_id, channel, reason, fallback_of, due_at, planned_at)
            VALUES (:broadcast, :point, :channel, '{NotificationReason.FALLBACK}', :instead, :now, :now)
            ON CONFLICT (broadcast_id, contact_point_id) DO NOTHING""",
        [
            {"broadcast": broadcast_id, "point": point, "channel": channel, "instead": id_, "now": to_micros(now)}
            for (point, channel), id_ in points.items()
        ],
    )
    tx.run_many(
        """INSERT INTO audience_notifications (broadcast_id, contact_point_id, site_id, customer_id)
           SELECT n.broadcast_id, n.contact_point_id, CAST(:site AS BIGINT), CAST(:customer AS BIGINT)
           FROM notifications AS n
           WHERE n.broadcast_id = :broadcast AND n.contact_point_id = :point AND n.state = 'pending' AND n.facts IS NULL
           ON CONFLICT (broadcast_id, contact_point_id, site_id) DO NOTHING""",
        [
            {
                "broadcast": broadcast_id,
                "point": one.contact_point_id,
                "site": one.site_id,
                "customer": one.customer_id,
            }
            for listed in steps.values()
            for one in listed
        ],
    )
    return _count(tx, broadcast_id, points) - before


def _failed(tx: Transaction, notification_ids: Sequence[int]) -> dict[int, dict[Channel, list[int]]]:
    """Return those that failed for good, by broadcast and channel."""
    if not notification_ids:
        return {}
    failed: dict[int, dict[Channel, list[int]]] = {}
    for id_, broadcast_id, channel in tx.tuples(
        f"""SELECT id, broadcast_id, channel FROM notifications
            WHERE id IN ({numbers(notification_ids)}) AND broadcast_id IS NOT NULL
              AND (state = 'undelivered' OR (state = 'failed' AND reason <> '{NotificationReason.STALE}'))
            ORDER BY id"""
    ):
        failed.setdefault(broadcast_id, {}).setdefault(Channel(channel), []).append(id_)
    return failed


def _is_still_true(tx: Transaction, found: StoredBroadcast, now: datetime) -> bool:
    """Tell whether what a broadcast says is what a customer would be told now."""
    if found.state not in _GOES_ON or is_overtaken(found.facts, now):
        return False
    if doubts.newer_update(tx, found.id) is not None:
        return False
    return found.kind in _SAYS_THE_END or incidents.load(tx, found.incident_id).state in _GOES_ON_IN


def _after(channels: tuple[Channel, ...], failed: Channel) -> tuple[Channel, ...]:
    """Return the channels that come after the one that failed, in the playbook's order."""
    return channels[channels.index(failed) + 1 :] if failed in channels else ()


def _count(tx: Transaction, broadcast_id: int, points: Mapping[tuple[int, Channel], int]) -> int:
    if not points:
        return 0
    ids = numbers([point for point, _ in points])
    return int(
        tx.scalar(
            f"SELECT count(*) FROM notifications WHERE broadcast_id = :b AND contact_point_id IN ({ids})",
            b=broadcast_id,
        )
    )
