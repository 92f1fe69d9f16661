"""Telling one customer personally: how they can be reached, how far they have been told, and whose turn it is.

Functions of an open transaction; lists of ids come from the store itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.audience import AudienceOutcome
from notifier.domain.consent import Basis, Purpose
from notifier.domain.customer import ContactKind
from notifier.domain.incident import PartState
from notifier.domain.notification import Channel, NotificationReason, NotificationState
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories import broadcasts, parts
from notifier.storage.repositories.audience import may_have_been_told, numbers, refused

SITES_AT_MOST = 200  # of one customer
_CARRIES = {ContactKind.EMAIL: Channel.EMAIL, ContactKind.MOBILE: Channel.SMS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachable:
    """A contact point of a customer that may be written to now."""

    contact_point_id: int
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldIncident:
    """An open incident of which customers have been told, and its newest update to the part of some of their sites."""

    id: int
    broadcast_id: int
    site_ids: tuple[int, ...]  # those in that part


def reachable(tx: Transaction, site_ids: Sequence[int], customer_id: int, basis: Basis) -> list[Reachable]:
    """Return the contact points of a customer that hear about some sites and may be written to, in their order."""
    rows = tx.rows(
        f"""SELECT c.id, c.kind, c.channels_off, MIN(l.position) AS place
            FROM links AS l JOIN contact_points AS c ON c.id = l.contact_point_id
            LEFT JOIN consents AS o ON o.contact_point_id = c.id AND o.purpose = '{Purpose.OUTAGE}'
            LEFT JOIN muted_sites AS m ON m.contact_point_id = c.id AND m.site_id = l.site_id
            WHERE l.site_id IN ({numbers(site_ids) or "NULL"}) AND l.customer_id = :customer
              AND c.suppressed IS NULL AND m.site_id IS NULL AND NOT {refused("o.state", Purpose.OUTAGE, basis)}
            GROUP BY c.id, c.kind, c.channels_off ORDER BY place, c.id""",
        customer=customer_id,
    )
    found = []
    for row in rows:
        channel = _CARRIES.get(row["kind"])
        if channel is not None and f"|{channel}|" not in row["channels_off"]:
            found.append(Reachable(contact_point_id=row["id"], channels=(channel,)))
    return found


def told_at(tx: Transaction, site_ids: Sequence[int], service: str) -> ToldIncident | None:
    """Return the newest open incident of a service at some sites of which their customers have been told."""
    ids = numbers(site_ids) or "NULL"
    rows = tx.tuples(
        f"""SELECT i.id FROM incidents AS i
            WHERE i.service = :service AND i.state = 'confirmed'
              AND (EXISTS (SELECT 1 FROM incident_regions AS r JOIN site_regions AS s ON s.region_id = r.region_id
                           WHERE r.incident_id = i.id AND r.role = 'place' AND s.site_id IN ({ids}))
                   OR EXISTS (SELECT 1 FROM incident_sites AS t WHERE t.incident_id = i.id AND t.site_id IN ({ids})))
            ORDER BY CASE i.kind WHEN 'planned' THEN 1 ELSE 0 END, i.id DESC""",
        service=service,
    )
    found = [each for row in rows if (each := _told(tx, int(row[0]), site_ids)) is not None]
    there = (each for each in found if len(found) == 1 or not _hears_of_another(tx, each))
    return next(there, found[0] if found else None)


def _hears_of_another(tx: Transaction, told: ToldIncident) -> bool:
    """Tell whether an update left out who lives there, because they hear of another incident."""
    found = tx.scalar(
        f"""SELECT 1 FROM audience AS a JOIN sites AS s ON s.customer_id = a.customer_id
            WHERE a.broadcast_id = :id AND s.id IN ({numbers(told.site_ids)})
              AND a.outcome = '{AudienceOutcome.HEARS_OF_ANOTHER}' LIMIT 1""",
        id=told.broadcast_id,
    )
    return found is not None


def _told(tx: Transaction, incident_id: int, site_ids: Sequence[int]) -> ToldIncident | None:
    """Return the newest update of the part in which some of the sites lie; of several, one that is not over."""
    own = parts.own(tx, incident_id)
    owners = parts.of_site(tx, incident_id, site_ids)
    for part in sorted(own, key=lambda each: each.state is PartState.RESTORED):
        there = tuple(site for site in site_ids if owners.get(site) == part.id)
        newest = broadcasts.newest_told(tx, part.id) if there else None
        if newest is not None:
            return ToldIncident(id=incident_id, broadcast_id=newest.id, site_ids=there)
    return None


def is_in_audience(tx: Transaction, broadcast_id: int, customer_id: int) -> bool:
    """Tell whether an update is told to a customer."""
    found = tx.scalar(
        "SELECT 1 FROM audience WHERE broadcast_id = :id AND customer_id = :customer AND outcome = 'told'",
        id=broadcast_id,
        customer=customer_id,
    )
    return found is not None


def release(tx: Transaction, broadcast_id: int, contact_point_ids: Sequence[int], *, now: datetime) -> int:
    """Let what waits of an update for some contact points be due now, because they wrote; return how many waited."""
    return tx.run(
        f"""UPDATE notifications SET due_at = :now, reason = '{NotificationReason.WROTE}'
            WHERE broadcast_id = :id AND contact_point_id IN ({numbers(contact_point_ids) or "NULL"})
              AND state = 'pending' AND due_at > :now""",
        now=to_micros(now),
        id=broadcast_id,
    )


def heard(tx: Transaction, broadcast_id: int, contact_point_ids: Sequence[int]) -> dict[int, NotificationState]:
    """Return, by contact point, how far an update has come to it."""
    return {
        point: NotificationState(state)
        for point, state in tx.tuples(
            f"""SELECT contact_point_id, state FROM notifications
                WHERE broadcast_id = :id AND contact_point_id IN ({numbers(contact_point_ids) or "NULL"})""",
            id=broadcast_id,
        )
    }


def has_heard(tx: Transaction, contact_point_id: int, incident_id: int, *, since: datetime) -> bool:
    """Tell whether a contact point was handed an update of an incident since a time, or may have been."""
    found = tx.scalar(
        f"""SELECT 1 FROM notifications AS n JOIN broadcasts AS b ON b.id = n.broadcast_id
            WHERE n.contact_point_id = :point AND b.incident_id = :incident AND n.sending_at > :since
              AND {may_have_been_told("n")} LIMIT 1""",
        point=contact_point_id,
        incident=incident_id,
        since=to_micros(since),
    )
    return found is not None


# --- those who complained ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporter:
    """A complaint whose reporter may hear back."""

    complaint_id: int
    customer_id: int
    service: str
    address: str  # it came from; "" = only the customer is known
    received_at: datetime


def newest_complaint(tx: Transaction) -> int:
    """Return the id of the newest complaint, 0 when there is none."""
    return int(tx.scalar("SELECT MAX(id) FROM complaints") or 0)


def is_anybody_told(tx: Transaction) -> bool:
    """Tell whether there is an open incident of which customers have been told."""
    found = tx.scalar(
        """SELECT 1 FROM incidents AS i JOIN broadcasts AS b ON b.incident_id = i.id
           WHERE i.state = 'confirmed' AND b.started_at IS NOT NULL LIMIT 1"""
    )
    return found is not None


def reporters(tx: Transaction, *, after: int, read: int, at_most: int) -> tuple[list[Reporter], int]:
    """Return the next complaints whose reporters may hear back, and the position up to which was looked."""
    found: list[Reporter] = []
    position = after
    for id_, customer, service, address, received in tx.tuples(
        """SELECT id, customer_id, service, answer_to, received_at FROM complaints WHERE id > :after
           ORDER BY id LIMIT :read""",
        after=after,
        read=read,
    ):
        if address is not None and customer is not None:
            if len(found) == at_most:
                break
            found.append(
                Reporter(
                    complaint_id=id_,
                    customer_id=customer,
                    service=service,
                    address=address,
                    received_at=to_instant(received),
                )
            )
        position = id_
    return found, position


def site_ids_of(tx: Transaction, customer_id: int, service: str) -> list[int]:
    """Return the active sites of a customer with a service."""
    return [
        site
        for (site,) in tx.tuples(
            """SELECT id FROM sites WHERE customer_id = :customer AND status = 'active'
               AND services LIKE '' || :pattern ORDER BY id LIMIT :most""",
            customer=customer_id,
            pattern=f"%|{service}|%",
            most=SITES_AT_MOST,
        )
    ]
