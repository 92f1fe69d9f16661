"""What people write back, stored once, and how far it has been dealt with.

A reply is stored before anything follows from it, and marked when everything that follows is stored too: whatever is
interrupted in between is found again here. Functions of an open transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from notifier.domain.complaint import clean_text
from notifier.domain.reply import Meaning
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories.audience import numbers


class StoredReply(Struct, frozen=True, kw_only=True):
    """One text, as it is stored."""

    id: int
    source: str  # "sms" or "email"
    external_id: str
    sender: str  # normalised address
    contact_point_id: int | None  # None: not on file
    meaning: Meaning
    text: str
    received_at: datetime


class Understood(Struct, frozen=True, kw_only=True):
    """What a reply was understood to be about, once it has been dealt with."""

    meaning: Meaning
    service: str = ""
    customer_id: int | None = None
    site_id: int | None = None
    incident_id: int | None = None


def store(
    tx: Transaction,
    *,
    source: str,
    external_id: str,
    sender: str,
    contact_point_id: int | None,
    meaning: Meaning,
    text: str,
    now: datetime,
) -> int | None:
    """Store a reply and return its id, or None when it was stored before."""
    found = tx.scalar(
        """INSERT INTO replies (source, external_id, sender, contact_point_id, meaning, text, received_at)
           VALUES (:source, :external_id, :sender, :point, :meaning, :text, :now)
           ON CONFLICT (source, external_id) DO NOTHING RETURNING id""",
        source=source,
        external_id=clean_text(external_id),
        sender=sender,
        point=contact_point_id,
        meaning=meaning,
        text=clean_text(text),
        now=to_micros(now),
    )
    return None if found is None else int(found)


def contact_point_of(tx: Transaction, address: str) -> int | None:
    """Return the contact point of a normalised address, or None."""
    found = tx.scalar("SELECT id FROM contact_points WHERE address = :address", address=address)
    return None if found is None else int(found)


def is_newer(tx: Transaction, contact_point_id: int, meaning: Meaning, at: datetime) -> bool:
    """Tell whether something of this meaning came from a contact point after a time."""
    found = tx.scalar(
        """SELECT 1 FROM replies WHERE contact_point_id = :id AND received_at > :at AND meaning = :meaning LIMIT 1""",
        id=contact_point_id,
        at=to_micros(at),
        meaning=meaning,
    )
    return found is not None


def unhandled(tx: Transaction, *, at_most: int) -> list[StoredReply]:
    """Return replies of which not everything that follows is stored yet, oldest first."""
    rows = tx.rows(f"{_SELECT} WHERE handled_at IS NULL ORDER BY id LIMIT :most", most=at_most)
    return [_reply(row) for row in rows]


def load(tx: Transaction, reply_id: int) -> StoredReply | None:
    """Return one reply."""
    row = tx.row(f"{_SELECT} WHERE id = :id", id=reply_id)
    return None if row is None else _reply(row)


def finish(
    tx: Transaction, reply_id: int, understood: Understood, *, forward_at: datetime | None = None, now: datetime
) -> bool:
    """Mark a reply as dealt with; return False when it was already."""
    return (
        tx.run(
            """UPDATE replies SET meaning = :meaning, service = :service, customer_id = :customer, site_id = :site,
                      incident_id = :incident, forward_due_at = :forward, handled_at = :now
               WHERE id = :id AND handled_at IS NULL""",
            meaning=understood.meaning,
            service=understood.service,
            customer=understood.customer_id,
            site=understood.site_id,
            incident=understood.incident_id,
            forward=to_micros(forward_at),
            now=to_micros(now),
            id=reply_id,
        )
        > 0
    )


def answered(tx: Transaction, contact_point_id: int, meaning: Meaning) -> frozenset[int]:
    """Return the incidents of which a contact point has said this, and was answered about it."""
    return frozenset(
        incident
        for (incident,) in tx.tuples(
            """SELECT DISTINCT r.incident_id FROM replies AS r
               JOIN notifications AS n ON n.cause_kind = 'reply' AND n.cause_id = r.id
                AND n.contact_point_id = r.contact_point_id
               WHERE r.contact_point_id = :id AND r.meaning = :meaning AND r.incident_id IS NOT NULL""",
            id=contact_point_id,
            meaning=meaning,
        )
    )


def said_still_out(tx: Transaction, contact_point_id: int) -> frozenset[int]:
    """Return the incidents of which a contact point has said, after they were over, that it is out."""
    return frozenset(
        incident
        for (incident,) in tx.tuples(
            f"""SELECT DISTINCT i.id FROM replies AS r JOIN incidents AS i ON i.id = r.incident_id
                WHERE r.contact_point_id = :id AND r.meaning IN ('{Meaning.OUT}', '{Meaning.COMPLAINT}')
                  AND i.resolved_at IS NOT NULL AND r.received_at >= i.resolved_at""",
            id=contact_point_id,
        )
    )


def counts(tx: Transaction, incident_id: int) -> dict[str, int]:
    """Return how many people said each thing of an incident, by meaning."""
    return dict(
        tx.tuples(
            """SELECT meaning, COUNT(DISTINCT COALESCE(contact_point_id, -id)) FROM replies
               WHERE incident_id = :id GROUP BY meaning ORDER BY meaning""",
            id=incident_id,
        )
    )


# --- to the helpdesk --------------------------------------------------------------------------------------------------


def to_forward(tx: Transaction, *, now: datetime, at_most: int) -> list[tuple[StoredReply, str]]:
    """Return replies that a person shall see, oldest first, each with the customer's reference ("" = not known)."""
    rows = tx.rows(
        f"""{_SELECT_WITH_CUSTOMER} WHERE r.forward_due_at IS NOT NULL AND r.forward_due_at <= :now
            ORDER BY r.forward_due_at, r.id LIMIT :most""",
        now=to_micros(now),
        most=at_most,
    )
    return [(_reply(row), row["reference"] or "") for row in rows]


def set_forward(tx: Transaction, reply_ids: Sequence[int], due_at: datetime | None) -> None:
    """Forward these replies at another time, or, with None, not any more."""
    tx.run(
        f"UPDATE replies SET forward_due_at = :due WHERE id IN ({numbers(reply_ids) or 'NULL'})", due=to_micros(due_at)
    )


# --- showing ----------------------------------------------------------------------------------------------------------


def of_contact_points(tx: Transaction, contact_point_ids: Iterable[int], *, at_most: int) -> list[Row]:
    """Return what came from some contact points, newest first."""
    ids = numbers(sorted(set(contact_point_ids))) or "NULL"
    return tx.rows(
        f"""SELECT r.id, r.source, r.sender, r.meaning, r.service, r.text, r.received_at, r.incident_id
            FROM replies AS r WHERE r.contact_point_id IN ({ids}) ORDER BY r.received_at DESC, r.id DESC LIMIT :most""",
        most=at_most,
    )


_COLUMNS = "r.id, r.source, r.external_id, r.sender, r.contact_point_id, r.meaning, r.text, r.received_at"
_SELECT = f"SELECT {_COLUMNS} FROM replies AS r"
_SELECT_WITH_CUSTOMER = f"""SELECT {_COLUMNS}, c.reference FROM replies AS r
                            LEFT JOIN customers AS c ON c.id = r.customer_id"""


def _reply(row: Row) -> StoredReply:
    return StoredReply(
        id=row["id"],
        source=row["source"],
        external_id=row["external_id"],
        sender=row["sender"],
        contact_point_id=row["contact_point_id"],
        meaning=Meaning(row["meaning"]),
        text=row["text"],
        received_at=to_instant(row["received_at"]),
    )
