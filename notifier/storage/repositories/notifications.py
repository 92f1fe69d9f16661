"""Notifications in the store: claims with owner and lease, outcomes, settlement of what is in doubt, opt-outs.

`sending` is committed before a hand-over and the outcome after it. A claimed row is changed only by its owner, for the
try that is counted in it, and under a valid lease: whoever lost it changes nothing. Lists of ids come from the store
itself, never from outside.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import BroadcastReason, BroadcastState
from notifier.domain.customer import SuppressionReason
from notifier.domain.delivery import Next, Outcome
from notifier.domain.errors import NotFound
from notifier.domain.lease import Lease
from notifier.domain.notification import (
    NOTIFICATION,
    Channel,
    NotificationFacts,
    NotificationReason,
    NotificationState,
)
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_json, to_micros
from notifier.storage.repositories.audience import may_have_been_told, numbers

REGION_KINDS_UNKNOWN = 1_000  # order of a kind of region that the configuration does not name
_CANDIDATE = f"""
    SELECT n.id, n.contact_point_id, n.attempts, n.due_at, n.planned_at,
           c.address, c.locale, c.time_zone, c.suppressed,
           EXISTS (SELECT 1 FROM consents AS o WHERE o.contact_point_id = c.id
                   AND o.purpose = 'outage' AND o.state = 'refused'),
           EXISTS (SELECT 1 FROM notifications AS e JOIN broadcasts AS eb ON eb.id = e.broadcast_id
                   WHERE e.contact_point_id = n.contact_point_id AND e.id <> n.id
                   AND eb.incident_id = :incident AND {may_have_been_told("e")}),
           EXISTS (SELECT 1 FROM audience_notifications AS a
                   JOIN sites AS s ON s.id = a.site_id AND s.status = 'active'
                   JOIN links AS l ON l.site_id = s.id AND l.contact_point_id = a.contact_point_id
                   WHERE a.broadcast_id = n.broadcast_id AND a.contact_point_id = n.contact_point_id)
    FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingBroadcast:
    """A broadcast whose notifications may be claimed now."""

    id: int
    incident_id: int
    kind: str
    service: str
    facts: str
    started_at: datetime
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pending notification that is due, with its contact point as it is now."""

    id: int
    contact_point_id: int
    attempts: int
    due_at: int  # microseconds
    planned_at: int
    address: str
    locale: str
    time_zone: str
    suppressed: str | None
    refused: bool
    told_before: bool
    is_served: bool  # at least one of the sites it carries is active and still linked to it


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedSite:
    """A site that a notification is about."""

    id: int
    address: str
    label: str
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One hand-over and what becomes of its notification."""

    notification_id: int
    contact_point_id: int
    number: int
    provider: str
    began_at: datetime
    ended_at: datetime
    outcome: Outcome
    next: Next
    template_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """A notification in doubt, with what its settlement depends on."""

    id: int
    channel: Channel
    doubts: int  # tries of which nobody knows the outcome; those that were refused for the moment are none
    since: datetime
    service: str
    broadcast: BroadcastState


def sending_broadcasts(tx: Transaction) -> list[SendingBroadcast]:
    """Return the broadcasts that may be claimed from, the one that began first at the front."""
    return [
        SendingBroadcast(
            id=row["id"],
            incident_id=row["incident_id"],
            kind=row["kind"],
            service=row["service"],
            facts=row["facts"],
            started_at=to_instant(row["started_at"]),
            correlation_id=row["correlation_id"],
        )
        for row in tx.rows(
            """SELECT b.id, b.incident_id, b.kind, i.service, b.facts, b.started_at, b.correlation_id
               FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id
               WHERE b.state = 'sending' AND b.started_at IS NOT NULL ORDER BY b.started_at, b.id"""
        )
    ]


def candidates(
    tx: Transaction, broadcast: SendingBroadcast, channel: Channel, *, now: datetime, limit: int
) -> list[Candidate]:
    """Return pending notifications that are due, oldest first, with consent and suppression as they are now."""
    lock = "FOR UPDATE OF n SKIP LOCKED" if tx.dialect == "postgresql" else ""
    return [
        Candidate(*row)
        for row in tx.tuples(
            f"""{_CANDIDATE}
                WHERE n.broadcast_id = :broadcast AND n.channel = :channel AND n.state = 'pending'
                      AND n.due_at <= :now
                ORDER BY n.due_at, n.id LIMIT :limit {lock}""",
            incident=broadcast.incident_id,
            broadcast=broadcast.id,
            channel=channel,
            now=to_micros(now),
            limit=limit,
        )
    ]


def as_candidate(tx: Transaction, notification_id: int, incident_id: int) -> Candidate:
    """Return one notification as a claim would see it, whatever its state; raise `NotFound`."""
    found = tx.tuples(f"{_CANDIDATE} WHERE n.id = :id", id=notification_id, incident=incident_id)
    if not found:
        raise NotFound("notification", notification_id)
    return Candidate(*found[0])


def affected_sites(
    tx: Transaction, broadcast_id: int, contact_point_ids: Sequence[int]
) -> dict[int, list[AffectedSite]]:
    """Return, by contact point, the sites its notification carries, in the order they are listed."""
    found: dict[int, list[AffectedSite]] = {id_: [] for id_ in contact_point_ids}
    for point, site, address, label, zone in tx.tuples(
        f"""SELECT an.contact_point_id, s.id, s.address, s.label, s.time_zone
            FROM audience_notifications AS an JOIN sites AS s ON s.id = an.site_id
            WHERE an.broadcast_id = :broadcast AND an.contact_point_id IN ({numbers(contact_point_ids)})
            ORDER BY an.contact_point_id, s.id""",
        broadcast=broadcast_id,
    ):
        found[point].append(AffectedSite(id=site, address=address, label=label, time_zone=zone))
    return found


def site_counts(tx: Transaction, contact_point_ids: Sequence[int]) -> dict[int, int]:
    """Return, by contact point, how many sites it hears about, affected or not."""
    return dict(
        tx.tuples(
            f"""SELECT l.contact_point_id, COUNT(DISTINCT l.site_id)
                FROM links AS l JOIN sites AS s ON s.id = l.site_id
                WHERE l.contact_point_id IN ({numbers(contact_point_ids)}) AND s.status <> 'ended'
                GROUP BY l.contact_point_id"""
        )
    )


def region_time_zones(tx: Transaction, site_ids: Sequence[int], kinds: Sequence[str]) -> dict[int, str]:
    """Return, by site, the time zone of its narrowest region that has one; `kinds` run from narrow to wide."""
    if not site_ids:
        return {}
    order = {kind: place for place, kind in enumerate(kinds)}
    rows = tx.tuples(
        f"""SELECT sr.site_id, r.kind, r.time_zone FROM site_regions AS sr JOIN regions AS r ON r.id = sr.region_id
            WHERE sr.site_id IN ({numbers(site_ids)}) AND r.time_zone <> ''"""
    )
    rows.sort(key=lambda row: order.get(row[1], REGION_KINDS_UNKNOWN), reverse=True)
    return {site: zone for site, _, zone in rows}


def claim(tx: Transaction, claims: Mapping[int, NotificationFacts], lease: Lease, *, now: datetime) -> None:
    """Mark pending notifications as being sent by the owner of the lease, with their facts frozen."""
    tx.run_many(
        f"""UPDATE notifications SET state = '{NotificationState.SENDING}', reason = '{NotificationReason.CLAIMED}',
                   owner = :owner, lease_until = :until, sending_at = :now, attempts = attempts + 1, facts = :facts
            WHERE id = :id AND state = '{NotificationState.PENDING}'""",
        [
            {"id": id_, "owner": lease.owner, "until": lease.until, "now": to_micros(now), "facts": to_json(facts)}
            for id_, facts in claims.items()
        ],
    )


def still_held(tx: Transaction, tries: Mapping[int, int], owner: str, *, monotonic: float) -> set[int]:
    """Return which of the notifications the owner still holds, each for the try of this number, under a valid lease."""
    if not tries:
        return set()
    return {
        id_
        for id_, number in tx.tuples(
            f"""SELECT id, attempts FROM notifications WHERE id IN ({numbers(list(tries))})
                AND state = 'sending' AND owner = :owner AND lease_until > :mono""",
            owner=owner,
            mono=monotonic,
        )
        if tries[id_] == number
    }


def renew(tx: Transaction, notification_ids: Sequence[int], lease: Lease) -> int:
    """Prolong the lease of those notifications that its owner still holds; return how many."""
    return tx.run(
        f"""UPDATE notifications SET lease_until = :until
            WHERE id IN ({numbers(notification_ids)}) AND state = 'sending' AND owner = :owner""",
        owner=lease.owner,
        until=lease.until,
    )


def record(tx: Transaction, tried: Sequence[Tried]) -> None:
    """Append the attempts and bring their notifications, which the caller holds, into the next state."""
    tx.run_many(
        """INSERT INTO attempts (notification_id, number, provider, began_at, ended_at, outcome, code, answer,
                                 provider_id, bytes)
           VALUES (:id, :number, :provider, :began, :ended, :outcome, :code, :answer, :provider_id, :bytes)""",
        [
            {
                "id": one.notification_id,
                "number": one.number,
                "provider": one.provider,
                "began": to_micros(one.began_at),
                "ended": to_micros(one.ended_at),
                "outcome": one.outcome.result,
                "code": one.outcome.code,
                "answer": one.outcome.answer,
                "provider_id": one.outcome.provider_id,
                "bytes": one.outcome.size,
            }
            for one in tried
        ],
    )
    tx.run_many(
        """UPDATE notifications SET state = :state, reason = :reason, due_at = COALESCE(:due, due_at),
                  ended_at = :ended, provider = :provider, provider_id = :provider_id, template_version = :version,
                  in_doubt_at = COALESCE(in_doubt_at, :doubt), owner = NULL, lease_until = NULL
           WHERE id = :id""",
        [
            {
                "id": one.notification_id,
                "state": one.next.state,
                "reason": one.next.reason,
                "due": to_micros(one.next.due_at),
                "ended": _ended(one.next, one.ended_at),
                "provider": one.provider,
                "provider_id": one.outcome.provider_id or None,
                "version": one.template_version or None,
                "doubt": to_micros(one.ended_at) if one.next.state is NotificationState.IN_DOUBT else None,
            }
            for one in tried
        ],
    )


def release(tx: Transaction, notification_ids: Iterable[int], *, reason: NotificationReason) -> int:
    """Give back claimed notifications that were not begun: as if they had not been claimed."""
    ids = list(notification_ids)
    if not ids:
        return 0
    return tx.run(
        f"""UPDATE notifications SET state = '{NotificationState.PENDING}', reason = :reason, owner = NULL,
                   lease_until = NULL, attempts = attempts - 1,
                   facts = CASE WHEN attempts > 1 OR in_doubt_at IS NOT NULL THEN facts END
            WHERE id IN ({numbers(ids)}) AND state = '{NotificationState.SENDING}'""",
        reason=reason,
    )


def end(tx: Transaction, ends: Mapping[int, Next], *, from_state: NotificationState, now: datetime) -> None:
    """Bring notifications from one state into another; those that are in it no more stay as they are."""
    for next_ in ends.values():
        NOTIFICATION.require(from_state, next_.state)
    tx.run_many(
        """UPDATE notifications SET state = :state, reason = :reason, due_at = COALESCE(:due, due_at),
                  ended_at = :ended, owner = NULL, lease_until = NULL
           WHERE id = :id AND state = :from_state""",
        [
            {
                "id": id_,
                "state": next_.state,
                "reason": next_.reason,
                "due": to_micros(next_.due_at),
                "ended": _ended(next_, now),
                "from_state": from_state,
            }
            for id_, next_ in ends.items()
        ],
    )


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


def in_doubt(tx: Transaction, *, limit: int) -> list[Doubtful]:
    """Return notifications that wait for their settlement."""
    return [
        Doubtful(
            id=row["id"],
            channel=Channel(row["channel"]),
            doubts=row["doubts"],
            since=to_instant(row["since"]),
            service=row["service"],
            broadcast=BroadcastState(row["state"]),
        )
        for row in tx.rows(
            """SELECT n.id, n.channel, i.service, b.state,
                      n.attempts - (SELECT COUNT(*) FROM attempts AS a
                                    WHERE a.notification_id = n.id AND a.outcome <> 'unknown') AS doubts,
                      CASE WHEN b.started_at > n.planned_at THEN b.started_at ELSE n.planned_at END AS since
               FROM notifications AS n JOIN broadcasts AS b ON b.id = n.broadcast_id
               JOIN incidents AS i ON i.id = b.incident_id
               WHERE n.state = 'in_doubt' ORDER BY n.id LIMIT :limit""",
            limit=limit,
        )
    ]


def broadcast_states(tx: Transaction, broadcast_ids: Iterable[int]) -> dict[int, BroadcastState]:
    """Return the state of each broadcast."""
    ids = list(broadcast_ids)
    if not ids:
        return {}
    return {
        id_: BroadcastState(state)
        for id_, state in tx.tuples(f"SELECT id, state FROM broadcasts WHERE id IN ({numbers(ids)})")
    }


def newer_update(tx: Transaction, broadcast_id: int) -> int | None:
    """Return the broadcast that has told the same part something newer, or None."""
    found: int | None = tx.scalar(
        """SELECT MAX(newer.id) FROM broadcasts AS b
           JOIN broadcasts AS newer ON newer.incident_id = b.incident_id AND newer.part_id = b.part_id
           WHERE b.id = :id AND newer.started_at > b.started_at""",
        id=broadcast_id,
    )
    return found


def extend_broadcast(tx: Transaction, broadcast_id: int, *, reason: BroadcastReason) -> None:
    """Let a completed broadcast send again."""
    tx.run(
        "UPDATE broadcasts SET state = 'sending', reason = :reason, finished_at = NULL"
        " WHERE id = :id AND state = 'completed'",
        reason=reason,
        id=broadcast_id,
    )


def state_of(tx: Transaction, notification_id: int) -> tuple[NotificationState, int, Channel]:
    """Return the state of a notification, its broadcast (0 for an answer) and its channel; raise `NotFound`."""
    row = tx.row("SELECT state, broadcast_id, channel FROM notifications WHERE id = :id", id=notification_id)
    if row is None:
        raise NotFound("notification", notification_id)
    return NotificationState(row["state"]), row["broadcast_id"] or 0, Channel(row["channel"])


def suppress(
    tx: Transaction, contact_point_id: int, reason: SuppressionReason, *, source: str, hashed: str, now: datetime
) -> bool:
    """Stop writing to a contact point, and log why; return False when it is stopped for a reason at least as strong.

    An opt-out replaces any other reason: it is the customer's own word.
    """
    weaker = "suppressed IS NULL"
    if reason is SuppressionReason.OPTED_OUT:
        weaker += f" OR suppressed <> '{SuppressionReason.OPTED_OUT}'"
    changed = tx.run(
        f"UPDATE contact_points SET suppressed = :reason WHERE id = :id AND ({weaker})",
        reason=reason,
        id=contact_point_id,
    )
    if changed:
        tx.run(
            """INSERT INTO suppressions (contact_point_id, address_hash, reason, source, created_at)
               VALUES (:id, :hash, :reason, :source, :now)""",
            id=contact_point_id,
            hash=hashed,
            reason=reason,
            source=source,
            now=to_micros(now),
        )
    return changed > 0


def count_soft_bounce(tx: Transaction, contact_point_id: int) -> int:
    """Note that a provider called the mailbox disabled; return how often it has by now."""
    return int(
        tx.scalar(
            "UPDATE contact_points SET soft_bounces = soft_bounces + 1 WHERE id = :id RETURNING soft_bounces",
            id=contact_point_id,
        )
        or 0
    )


def address_of(tx: Transaction, contact_point_id: int) -> str:
    """Return the address of a contact point; raise `NotFound`."""
    address = tx.scalar("SELECT address FROM contact_points WHERE id = :id", id=contact_point_id)
    if address is None:
        raise NotFound("contact point", contact_point_id)
    return str(address)


def keep_edition(tx: Transaction, version: str, content: str, *, now: datetime) -> None:
    """Keep the sources of a template version; the same version is kept once."""
    tx.run(
        """INSERT INTO editions (version, content, first_used_at) VALUES (:version, :content, :now)
           ON CONFLICT (version) DO NOTHING""",
        version=version,
        content=content,
        now=to_micros(now),
    )


def edition(tx: Transaction, version: str) -> str | None:
    """Return the sources of a template version, or None when they were never kept."""
    content = tx.scalar("SELECT content FROM editions WHERE version = :version", version=version)
    return None if content is None else str(content)


def _ended(next_: Next, at: datetime) -> int | None:
    """Return when it ended: handed over, or at its end state; None while it goes on."""
    is_over = next_.state is NotificationState.SENT or NOTIFICATION.is_final(next_.state)
    return to_micros(at) if is_over else None
