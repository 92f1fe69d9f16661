"""What a contact point chose for itself: language, hours, channels, sites, incidents it wants nothing more about.

A choice of its own is marked, so that no directory file takes it back. All functions take an open transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import BroadcastState
from notifier.domain.customer import ContactKind, SuppressionReason
from notifier.domain.delivery import Next
from notifier.domain.errors import NotFound
from notifier.domain.notification import Channel, NotificationReason, NotificationState
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import notifications
from notifier.storage.repositories.audience import numbers

LOCALE, QUIET = "locale", "quiet"  # what may be chosen, as it is marked
_STOPPED = Next(state=NotificationState.SUPPRESSED, reason=NotificationReason.OPTED_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactPoint:
    """One contact point with its own choices."""

    id: int
    kind: ContactKind
    address: str
    locale: str
    time_zone: str
    suppressed: SuppressionReason | None
    quiet_from: int | None  # minutes after local midnight
    quiet_until: int | None
    channels_off: frozenset[Channel]
    chosen: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedSite:
    """A site that a contact point is linked to."""

    id: int
    label: str
    address: str
    muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident:
    """An incident that a contact point hears about, or would if it had not paused it."""

    id: int
    service: str
    paused: bool


def load(tx: Transaction, contact_point_id: int, *, for_update: bool = False) -> ContactPoint:
    """Return a contact point; `for_update` makes others who would change it wait. Raises `NotFound`."""
    lock = " FOR UPDATE" if for_update and tx.dialect == "postgresql" else ""
    row = tx.row(
        f"""SELECT id, kind, address, locale, time_zone, suppressed, quiet_from, quiet_until, channels_off, chosen
            FROM contact_points WHERE id = :id{lock}""",
        id=contact_point_id,
    )
    if row is None:
        raise NotFound("contact point", contact_point_id)
    return ContactPoint(
        id=row["id"],
        kind=ContactKind(row["kind"]),
        address=row["address"],
        locale=row["locale"],
        time_zone=row["time_zone"],
        suppressed=None if row["suppressed"] is None else SuppressionReason(row["suppressed"]),
        quiet_from=row["quiet_from"],
        quiet_until=row["quiet_until"],
        channels_off=frozenset(Channel(name) for name in row["channels_off"].strip("|").split("|") if name),
        chosen=frozenset(name for name in row["chosen"].strip("|").split("|") if name),
    )


def choose_locale(tx: Transaction, point: ContactPoint, locale: str) -> None:
    """Write to a contact point in this language from now on, whatever the directory says."""
    tx.run(
        "UPDATE contact_points SET locale = :locale, chosen = :chosen WHERE id = :id",
        locale=locale,
        chosen=_joined(point.chosen | {LOCALE}),
        id=point.id,
    )


def choose_quiet_hours(tx: Transaction, point: ContactPoint, hours: tuple[int, int] | None) -> None:
    """Keep a contact point's own quiet hours, in minutes after midnight, or none, whatever the directory says."""
    begin, end = hours or (None, None)
    tx.run(
        "UPDATE contact_points SET quiet_from = :begin, quiet_until = :until, chosen = :chosen WHERE id = :id",
        begin=begin,
        until=end,
        chosen=_joined(point.chosen | {QUIET}),
        id=point.id,
    )


def choose_channels(tx: Transaction, contact_point_id: int, off: Collection[Channel]) -> None:
    """Switch channels off; the others are on."""
    tx.run("UPDATE contact_points SET channels_off = :off WHERE id = :id", off=_joined(off), id=contact_point_id)


def _joined(names: Collection[str]) -> str:
    return f"|{'|'.join(sorted(str(name) for name in names))}|" if names else ""


# --- sites ------------------------------------------------------------------------------------------------------------


def sites(tx: Transaction, contact_point_id: int) -> list[LinkedSite]:
    """Return the sites a contact point is linked to, in the order they are listed; ended ones are left out."""
    return [
        LinkedSite(id=row["id"], label=row["label"], address=row["address"], muted=bool(row["muted"]))
        for row in tx.rows(
            """SELECT DISTINCT s.id, s.label, s.address, CASE WHEN m.site_id IS NULL THEN 0 ELSE 1 END AS muted
               FROM links AS l JOIN sites AS s ON s.id = l.site_id
               LEFT JOIN muted_sites AS m ON m.contact_point_id = l.contact_point_id AND m.site_id = l.site_id
               WHERE l.contact_point_id = :id AND s.status <> 'ended' ORDER BY s.id""",
            id=contact_point_id,
        )
    ]


def mute(tx: Transaction, contact_point_id: int, site_ids: Collection[int], *, now: datetime) -> None:
    """Tell a contact point nothing more about these sites; what waits and is about nothing else is stopped."""
    tx.run_many(
        """INSERT INTO muted_sites (contact_point_id, site_id, created_at) VALUES (:id, :site, :now)
           ON CONFLICT (contact_point_id, site_id) DO NOTHING""",
        [{"id": contact_point_id, "site": site_id, "now": to_micros(now)} for site_id in site_ids],
    )
    waiting = tx.tuples(
        """SELECT n.id FROM notifications AS n
           WHERE n.contact_point_id = :id AND n.state = 'pending' AND n.broadcast_id IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM audience_notifications AS a
                             LEFT JOIN muted_sites AS m ON m.contact_point_id = a.contact_point_id
                                                       AND m.site_id = a.site_id
                             WHERE a.broadcast_id = n.broadcast_id AND a.contact_point_id = n.contact_point_id
                               AND m.site_id IS NULL)""",
        id=contact_point_id,
    )
    notifications.end(tx, {id_: _STOPPED for (id_,) in waiting}, from_state=NotificationState.PENDING, now=now)


def unmute(tx: Transaction, contact_point_id: int, site_ids: Collection[int]) -> None:
    """Tell a contact point about these sites again."""
    if site_ids:
        tx.run(
            f"DELETE FROM muted_sites WHERE contact_point_id = :id AND site_id IN ({numbers(list(site_ids))})",
            id=contact_point_id,
        )


# --- incidents --------------------------------------------------------------------------------------------------------

_OVER = ", ".join(f"'{state}'" for state in (BroadcastState.DRAFT, BroadcastState.AWAITING_APPROVAL))


def open_incidents(tx: Transaction, contact_point_id: int) -> list[OpenIncident]:
    """Return the incidents that a contact point hears about now, oldest first, and those of them it has paused."""
    return [
        OpenIncident(id=row["id"], service=row["service"], paused=bool(row["paused"]))
        for row in tx.rows(
            f"""SELECT i.id, i.service, CASE WHEN z.incident_id IS NULL THEN 0 ELSE 1 END AS paused
                FROM (SELECT b.incident_id AS id FROM notifications AS n JOIN broadcasts AS b ON b.id = n.broadcast_id
                      WHERE n.contact_point_id = :id AND b.state NOT IN ({_OVER})
                      UNION SELECT incident_id FROM pauses WHERE contact_point_id = :id) AS heard
                JOIN incidents AS i ON i.id = heard.id AND i.state IN ('scheduled', 'suspected', 'confirmed')
                LEFT JOIN pauses AS z ON z.contact_point_id = :id AND z.incident_id = i.id
                ORDER BY i.id""",
            id=contact_point_id,
        )
    ]


def pause(tx: Transaction, contact_point_id: int, incident_id: int, *, now: datetime) -> bool:
    """Tell a contact point nothing more about an incident; return False when it was so already."""
    added = tx.run(
        """INSERT INTO pauses (contact_point_id, incident_id, created_at) VALUES (:id, :incident, :now)
           ON CONFLICT (contact_point_id, incident_id) DO NOTHING""",
        id=contact_point_id,
        incident=incident_id,
        now=to_micros(now),
    )
    return added > 0


def unpause(tx: Transaction, contact_point_id: int, incident_id: int) -> bool:
    """Tell a contact point about an incident again; return False when it was not paused."""
    return (
        tx.run(
            "DELETE FROM pauses WHERE contact_point_id = :id AND incident_id = :incident",
            id=contact_point_id,
            incident=incident_id,
        )
        > 0
    )


def unpause_all(tx: Transaction, contact_point_id: int) -> bool:
    """Tell a contact point about every incident again; return False when none was paused."""
    return tx.run("DELETE FROM pauses WHERE contact_point_id = :id", id=contact_point_id) > 0
