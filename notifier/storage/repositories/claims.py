"""Claims in the store: what may be handed over now, what a message about it says, and who holds it.

`sending` is committed before a hand-over and the outcome after it. A claimed row is changed only by its owner, for the
try that is counted in it, and under a valid lease: whoever lost it changes nothing. Lists of ids come from the store
itself, never from outside.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import SAYS_BACK, BroadcastKind
from notifier.domain.consent import Purpose, purpose_of
from notifier.domain.errors import NotFound
from notifier.domain.lease import Lease
from notifier.domain.notification import Channel, NotificationFacts, NotificationReason, NotificationState
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_json, to_micros
from notifier.storage.repositories import neighbours, parts
from notifier.storage.repositories.audience import may_have_been_told, numbers

MICROS_OF_ORDER = 1_000  # below a millisecond, due_at says who of a broadcast hears first
REGION_KINDS_UNKNOWN = 1_000  # order of a kind of region that the configuration does not name
_CANDIDATE = f"""
    SELECT n.id, n.contact_point_id, n.attempts, n.due_at, n.planned_at,
           c.address, c.locale, c.time_zone, c.suppressed,
           (SELECT o.state FROM consents AS o WHERE o.contact_point_id = c.id AND o.purpose = :purpose),
           c.channels_off,
           EXISTS (SELECT 1 FROM pauses AS z WHERE z.contact_point_id = c.id AND z.incident_id = :incident),
           EXISTS (SELECT 1 FROM notifications AS e JOIN broadcasts AS eb ON eb.id = e.broadcast_id
                   WHERE e.contact_point_id = n.contact_point_id AND e.id <> n.id
                   AND eb.incident_id IN (:incident{{also}}) AND {may_have_been_told("e")}),
           EXISTS (SELECT 1 FROM audience_notifications AS a
                   JOIN sites AS s ON s.id = a.site_id AND s.status = 'active'
                   JOIN links AS l ON l.site_id = s.id AND l.contact_point_id = a.contact_point_id
                   WHERE a.broadcast_id = n.broadcast_id AND a.contact_point_id = n.contact_point_id),
           n.reason,
           n.fallback_of IS NOT NULL AND EXISTS (
               SELECT 1 FROM notifications AS f
               WHERE f.id = n.fallback_of AND f.reason = '{NotificationReason.OVER_BEFORE_RELEASE}'),
           CASE WHEN n.attempts > 0 THEN
               (SELECT MIN(t.began_at) FROM attempts AS t WHERE t.notification_id = n.id) END
    FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id"""

_HEARS_ANOTHER = """AND NOT EXISTS (
    SELECT 1 FROM notifications AS h JOIN broadcasts AS hb ON hb.id = h.broadcast_id
    WHERE h.contact_point_id = n.contact_point_id AND h.id <> n.id AND h.state = 'sending'
      AND hb.incident_id = :incident)"""


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
    wakes_all: bool  # a person has decided so, and said why
    incident_state: str
    is_cut: bool  # sites were cut off from its part since, and may have been told something newer
    tells_for: tuple[int, ...]  # incidents of which customers here were told: over earlier, merged, or split off from


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
    consent: str | None  # what it said about the purpose of this update, if anything
    channels_off: str
    paused: bool  # wants nothing more about this incident
    told_before: bool
    is_served: bool  # at least one of the sites it carries is active and still linked to it
    reason: str  # why it is pending
    is_overnight: bool  # in the place of a text that was not worth waking somebody for: it is over
    first_try_at: int | None  # microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class AffectedSite:
    """A site that a notification is about."""

    id: int
    address: str
    label: str
    time_zone: str


def _candidate(tells_for: Sequence[int] = ()) -> str:
    return _CANDIDATE.format(also="".join(f", {incident_id}" for incident_id in tells_for))


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
            wakes_all=row["wake_reason"] != "",
            incident_state=row["incident_state"],
            is_cut=bool(row["is_cut"]),
            tells_for=(
                *(neighbours.told_for(tx, row["incident_id"]) if row["kind"] in SAYS_BACK else ()),
                *(parts.kin(tx, row["incident_id"]) if row["has_kin"] else ()),
            ),
        )
        for row in tx.rows(
            """SELECT b.id, b.incident_id, b.kind, i.service, b.facts, b.started_at, b.correlation_id, b.wake_reason,
                      i.state AS incident_state,
                      EXISTS (SELECT 1 FROM parts AS own JOIN parts AS k ON k.became = own.id
                              WHERE own.incident_id = b.incident_id) AS has_kin,
                      EXISTS (SELECT 1 FROM parts AS c WHERE c.incident_id = b.incident_id AND c.cut_at >= b.sent_at
                              AND c.id <> b.part_id AND c.joins = 0 AND b.kind <> 'correction') AS is_cut
               FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id
               WHERE b.state = 'sending' AND b.started_at IS NOT NULL ORDER BY b.started_at, b.id"""
        )
    ]


def candidates(
    tx: Transaction, broadcast: SendingBroadcast, channel: Channel, *, now: datetime, limit: int
) -> list[Candidate]:
    """Return pending notifications that are due, oldest first, with consent and suppression as they are now.

    A contact point to which another update of the incident is being handed over waits for what becomes of that: only
    then it is certain whether this is its first message, and the newer one never overtakes the older.
    """
    waits = _HEARS_ANOTHER if _is_another_in_hand(tx, broadcast) else ""
    lock = "FOR UPDATE OF n SKIP LOCKED" if tx.dialect == "postgresql" else ""
    return [
        Candidate(*row)
        for row in tx.tuples(
            f"""{_candidate(broadcast.tells_for)}
                WHERE n.broadcast_id = :broadcast AND n.channel = :channel AND n.state = 'pending'
                      AND n.due_at <= :now {waits}
                ORDER BY n.due_at, n.id LIMIT :limit {lock}""",
            incident=broadcast.incident_id,
            purpose=purpose_of(BroadcastKind(broadcast.kind)),
            broadcast=broadcast.id,
            channel=channel,
            now=within_millisecond(now),
            limit=limit,
        )
    ]


def within_millisecond(at: datetime) -> int:
    """Return the last microsecond of an instant's millisecond: what is due then is due, wherever it stands in line."""
    return to_micros(at) // MICROS_OF_ORDER * MICROS_OF_ORDER + MICROS_OF_ORDER - 1


def _is_another_in_hand(tx: Transaction, broadcast: SendingBroadcast) -> bool:
    """Tell whether messages of other updates of the incident are with a worker: seldom, and read from an index."""
    found = tx.scalar(
        """SELECT 1 FROM broadcasts AS o CROSS JOIN notifications AS e
           WHERE o.incident_id = :incident AND o.id <> :broadcast AND e.state = 'sending' AND e.broadcast_id = o.id
           LIMIT 1""",
        incident=broadcast.incident_id,
        broadcast=broadcast.id,
    )
    return found is not None


def as_candidate(tx: Transaction, notification_id: int, incident_id: int) -> Candidate:
    """Return one notification as a claim would see it, whatever its state; raise `NotFound`."""
    found = tx.tuples(
        f"{_candidate()} WHERE n.id = :id", id=notification_id, incident=incident_id, purpose=Purpose.OUTAGE
    )
    if not found:
        raise NotFound("notification", notification_id)
    return Candidate(*found[0])


def affected_sites(
    tx: Transaction, broadcast_id: int, contact_point_ids: Sequence[int]
) -> dict[int, list[AffectedSite]]:
    """Return, by contact point, the sites its notification carries, in the order they are listed.

    Sites that were muted since it was planned are left out; where all were, it is not handed over (`all_muted`), and
    whoever looks at it sees what it was about.
    """
    muted = _muted(tx, contact_point_ids)
    found: dict[int, list[AffectedSite]] = {id_: [] for id_ in contact_point_ids}
    for point, site, address, label, zone in tx.tuples(
        f"""SELECT an.contact_point_id, s.id, s.address, s.label, s.time_zone
            FROM audience_notifications AS an JOIN sites AS s ON s.id = an.site_id
            WHERE an.broadcast_id = :broadcast AND an.contact_point_id IN ({numbers(contact_point_ids)})
            ORDER BY an.contact_point_id, s.id""",
        broadcast=broadcast_id,
    ):
        found[point].append(AffectedSite(id=site, address=address, label=label, time_zone=zone))
    for point, sites in muted.items():
        found[point] = [site for site in found[point] if site.id not in sites] or found[point]
    return found


def all_muted(tx: Transaction, broadcast_id: int, contact_point_ids: Sequence[int]) -> set[int]:
    """Return which contact points want to hear nothing of any site that their notification carries."""
    return {
        point
        for (point,) in tx.tuples(
            f"""SELECT DISTINCT m.contact_point_id FROM muted_sites AS m
                WHERE m.contact_point_id IN ({numbers(contact_point_ids)})
                  AND NOT EXISTS (SELECT 1 FROM audience_notifications AS an
                                  LEFT JOIN muted_sites AS o ON o.contact_point_id = an.contact_point_id
                                                            AND o.site_id = an.site_id
                                  WHERE an.broadcast_id = :broadcast AND an.contact_point_id = m.contact_point_id
                                    AND o.site_id IS NULL)""",
            broadcast=broadcast_id,
        )
    }


def _muted(tx: Transaction, contact_point_ids: Sequence[int]) -> dict[int, set[int]]:
    """Return the sites that contact points want to hear nothing of; most have none."""
    found: dict[int, set[int]] = {}
    for point, site in tx.tuples(
        f"""SELECT contact_point_id, site_id FROM muted_sites
            WHERE contact_point_id IN ({numbers(contact_point_ids)})"""
    ):
        found.setdefault(point, set()).add(site)
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


def claim(
    tx: Transaction,
    claims: Mapping[int, NotificationFacts],
    lease: Lease,
    *,
    now: datetime,
    versions: Mapping[str, str],
) -> None:
    """Mark pending notifications as being sent by the owner of the lease, with what decides their words frozen.

    `versions` are those of the templates by locale: whatever becomes of the try, its words can be told again.
    """
    tx.run_many(
        f"""UPDATE notifications SET state = '{NotificationState.SENDING}', reason = '{NotificationReason.CLAIMED}',
                   owner = :owner, lease_until = :until, sending_at = :now, attempts = attempts + 1, facts = :facts,
                   template_version = :version
            WHERE id = :id AND state = '{NotificationState.PENDING}'""",
        [
            {
                "id": id_,
                "owner": lease.owner,
                "until": lease.until,
                "now": to_micros(now),
                "facts": to_json(facts),
                "version": versions[facts.locale],
            }
            for id_, facts in claims.items()
        ],
    )


def put_off(tx: Transaction, notification_ids: Sequence[int], *, until: datetime, reason: NotificationReason) -> None:
    """Let pending notifications wait; their order within the millisecond, which is that of hearing, stays."""
    if notification_ids:
        tx.run(
            f"""UPDATE notifications SET due_at = CAST(:until AS BIGINT) + due_at % {MICROS_OF_ORDER}, reason = :reason
                WHERE id IN ({numbers(notification_ids)}) AND state = '{NotificationState.PENDING}'""",
            until=to_micros(until.replace(microsecond=until.microsecond // MICROS_OF_ORDER * MICROS_OF_ORDER)),
            reason=reason,
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


def release(tx: Transaction, notification_ids: Iterable[int], *, reason: NotificationReason) -> int:
    """Give back claimed notifications that were not begun: as if they had not been claimed."""
    ids = list(notification_ids)
    if not ids:
        return 0
    return tx.run(
        f"""UPDATE notifications SET state = '{NotificationState.PENDING}', reason = :reason, owner = NULL,
                   lease_until = NULL, attempts = attempts - 1,
                   facts = CASE WHEN attempts > 1 OR in_doubt_at IS NOT NULL THEN facts END,
                   template_version = CASE WHEN attempts > 1 OR in_doubt_at IS NOT NULL THEN template_version END
            WHERE id IN ({numbers(ids)}) AND state = '{NotificationState.SENDING}'""",
        reason=reason,
    )
