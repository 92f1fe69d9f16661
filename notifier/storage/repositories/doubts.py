"""Notifications in doubt: how they come to be, and what their settlement depends on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import BroadcastState
from notifier.domain.delivery import Next
from notifier.domain.errors import NotFound
from notifier.domain.notification import Channel, NotificationReason, NotificationState
from notifier.domain.on_call import Route
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories.audience import numbers
from notifier.storage.repositories.notifications import ended

NEWS_SINCE = """COALESCE((SELECT MIN(t.began_at) FROM attempts AS t WHERE t.notification_id = n.id), n.sending_at,
                       b.started_at, n.planned_at)"""
"""SQL of when a message could first have gone out: what waited for the end of a night is as young as its first try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """A notification in doubt, with what its settlement depends on."""

    id: int
    channel: Channel
    doubts: int  # tries of which nobody knows the outcome; those that were refused for the moment are none
    since: datetime
    service: str
    broadcast: BroadcastState


def doubt_others(tx: Transaction, owner: str, *, now: datetime) -> dict[Channel, int]:
    """Put in doubt what owners before this one left in `sending`; the lock of the store proves them dead."""
    return _doubt(tx, "owner <> :owner", {"owner": owner, "now": to_micros(now)})


def doubt_lapsed(tx: Transaction, owner: str, *, monotonic: float, now: datetime) -> dict[Channel, int]:
    """Put in doubt what this owner holds under a lease that has lapsed."""
    return _doubt(
        tx, "owner = :owner AND lease_until < :mono", {"owner": owner, "mono": monotonic, "now": to_micros(now)}
    )


def _doubt(tx: Transaction, which: str, values: Mapping[str, object]) -> dict[Channel, int]:
    counts: dict[Channel, int] = {}
    for (channel,) in tx.tuples(
        f"""UPDATE notifications SET state = '{NotificationState.IN_DOUBT}',
                   reason = '{NotificationReason.OWNER_GONE}', in_doubt_at = COALESCE(in_doubt_at, :now),
                   owner = NULL, lease_until = NULL
            WHERE state = 'sending' AND {which} RETURNING channel""",
        **values,
    ):
        counts[Channel(channel)] = counts.get(Channel(channel), 0) + 1
    return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A notification in doubt, with what its provider can find it by."""

    doubtful: Doubtful
    contact_point_id: int
    address: str
    attempt: int  # the try in doubt
    began_at: datetime  # when it was claimed


_IN_DOUBT = f"""
    SELECT n.id, n.channel, i.service, b.state, n.contact_point_id, c.address, n.attempts, n.sending_at,
           n.attempts - (SELECT COUNT(*) FROM attempts AS a
                         WHERE a.notification_id = n.id AND a.outcome <> 'unknown') AS doubts,
           {NEWS_SINCE} AS since
    FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id
    LEFT JOIN broadcasts AS b ON b.id = n.broadcast_id LEFT JOIN incidents AS i ON i.id = b.incident_id
    WHERE n.state = 'in_doubt'"""


def in_doubt(tx: Transaction, *, limit: int, but: Iterable[Channel] = ()) -> list[Doubtful]:
    """Return notifications that wait for their settlement, but those of some channels."""
    others = "".join(f" AND n.channel <> '{channel}'" for channel in sorted(but))
    rows = tx.rows(f"{_IN_DOUBT}{others} ORDER BY n.id LIMIT :limit", limit=limit)
    return [_doubtful(row) for row in rows]


def to_ask(tx: Transaction, channels: Iterable[Channel], *, limit: int) -> list[Question]:
    """Return notifications of these channels that wait for their settlement, with what they can be found by."""
    among = ", ".join(f"'{channel}'" for channel in sorted(channels))
    return [
        Question(
            doubtful=_doubtful(row),
            contact_point_id=row["contact_point_id"],
            address=row["address"],
            attempt=row["attempts"],
            began_at=to_instant(row["sending_at"]),
        )
        for row in tx.rows(f"{_IN_DOUBT} AND n.channel IN ({among}) ORDER BY n.id LIMIT :limit", limit=limit)
    ]


_NOTICES = f"""SELECT provider_id FROM call_routes
    WHERE route = '{Route.SMS}' AND provider_id <> '' AND handed_over_at >= :since"""


def known_messages(tx: Transaction, contact_point_ids: Sequence[int], *, since: datetime) -> dict[int, frozenset[str]]:
    """Return, by contact point, what the provider calls the messages to it that were answered or reported.

    A customer may be on call as well, so the notices to people on call count for every number.
    """
    notices = {provider_id for (provider_id,) in tx.tuples(_NOTICES, since=to_micros(since))}
    found: dict[int, set[str]] = {point: set(notices) for point in contact_point_ids}
    points = numbers(contact_point_ids)
    for point, provider_id in tx.tuples(
        f"""SELECT n.contact_point_id, a.provider_id FROM notifications AS n
            JOIN attempts AS a ON a.notification_id = n.id
            WHERE n.contact_point_id IN ({points}) AND a.provider_id <> ''
            UNION SELECT n.contact_point_id, r.provider_id FROM notifications AS n
            JOIN receipts AS r ON r.notification_id = n.id WHERE n.contact_point_id IN ({points})"""
    ):
        found.setdefault(point, set()).add(provider_id)
    return {point: frozenset(ids) for point, ids in found.items()}


def may_be_of_another(tx: Transaction, one: Question, provider_id: str) -> bool:
    """Tell whether a message that a provider has may be that of another hand-over to the same contact point.

    One that is under way is in `sending` until what its provider calls it is stored.
    """
    found = tx.scalar(
        """SELECT 1 FROM notifications AS n WHERE n.contact_point_id = :point AND n.id <> :id
           AND (n.state = 'sending'
                OR EXISTS (SELECT 1 FROM attempts AS a WHERE a.notification_id = n.id AND a.provider_id = :provider_id)
                OR EXISTS (SELECT 1 FROM receipts AS r WHERE r.notification_id = n.id AND r.provider_id = :provider_id))
           LIMIT 1""",
        point=one.contact_point_id,
        id=one.doubtful.id,
        provider_id=provider_id,
    )
    return found is not None


def _doubtful(row: Row) -> Doubtful:
    return Doubtful(
        id=row["id"],
        channel=Channel(row["channel"]),
        doubts=row["doubts"],
        since=to_instant(row["since"]),
        service=row["service"] or "",
        broadcast=BroadcastState(row["state"] or BroadcastState.SENDING),  # an answer has none to end with
    )


def held(tx: Transaction, broadcast_id: int) -> int:
    """Return how many messages of a broadcast wait for a person's decision."""
    return int(
        tx.scalar("SELECT COUNT(*) FROM notifications WHERE state = 'held' AND broadcast_id = :id", id=broadcast_id)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What one chunk of held messages came to: how many per channel, and the last of them."""

    by_channel: Counter[Channel]
    upto: int | None  # None: there was nothing more to settle


def settle_held(tx: Transaction, broadcast_id: int, next_: Next, *, after: int, at_most: int, now: datetime) -> Settled:
    """Bring the next held messages of a broadcast, those with ids from `after` on, into the next state."""
    rows = tx.tuples(
        """UPDATE notifications SET state = :state, reason = :reason, due_at = COALESCE(:due, due_at),
                  ended_at = :ended
           WHERE id IN (SELECT id FROM notifications WHERE state = 'held' AND broadcast_id = :id AND id > :after
                        ORDER BY id LIMIT :most)
           RETURNING id, channel""",
        state=next_.state,
        reason=next_.reason,
        due=to_micros(next_.due_at),
        ended=ended(next_, now),
        id=broadcast_id,
        after=after,
        most=at_most,
    )
    by_channel = Counter(Channel(channel) for _, channel in rows)
    return Settled(by_channel=by_channel, upto=max((int(id_) for id_, _ in rows), default=None))


def newer_update(tx: Transaction, broadcast_id: int) -> int | None:
    """Return the broadcast that has told the same part something newer, or None."""
    found: int | None = tx.scalar(
        """SELECT MAX(newer.id) FROM broadcasts AS b
           JOIN broadcasts AS newer ON newer.incident_id = b.incident_id AND newer.part_id = b.part_id
           WHERE b.id = :id AND newer.started_at > b.started_at""",
        id=broadcast_id,
    )
    return found


def state_of(tx: Transaction, notification_id: int) -> tuple[NotificationState, int, Channel]:
    """Return the state of a notification, its broadcast (0 for an answer) and its channel; raise `NotFound`."""
    row = tx.row("SELECT state, broadcast_id, channel FROM notifications WHERE id = :id", id=notification_id)
    if row is None:
        raise NotFound("notification", notification_id)
    return NotificationState(row["state"]), row["broadcast_id"] or 0, Channel(row["channel"])
