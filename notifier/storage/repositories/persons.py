"""One customer as a person with rights: held for the law, or forgotten.

Who is forgotten stays as a number: what was counted, told, promised and owed keeps its rows and its sums, without a
name, an address, a place or a word of theirs. Opt-outs and other suppressions stay under the keyed hash of the address,
and hold again if the address ever comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from notifier.domain.notification import NotificationFacts
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_json, to_micros

FORGOTTEN = "forgotten:"  # how the reference of a forgotten customer begins

_BUSY = (
    ("a message is being handed over; try again in a minute", "n.state = 'sending'"),
    (
        "a message is in doubt; settle it first (`notifier notifications resend` or `abandon`)",
        "n.state = 'in_doubt' OR n.state = 'held'",
    ),
)
# Whoever was written to had a link, and a directory that takes one away leaves a former one: so neither asks the
# audiences, which have no index by customer and may be many millions of rows.
_THEIR_MESSAGES = """
SELECT n.id FROM notifications n JOIN theirs t ON t.id = n.contact_point_id
UNION SELECT n.id FROM had h
JOIN notifications n ON n.contact_point_id = h.id
JOIN audience_notifications a ON a.broadcast_id = n.broadcast_id AND a.contact_point_id = n.contact_point_id
WHERE a.customer_id = :customer
UNION SELECT n.id FROM had h JOIN notifications n ON n.contact_point_id = h.id
JOIN replies r ON n.cause_kind = 'reply' AND r.id = n.cause_id WHERE r.customer_id = :customer
UNION SELECT n.id FROM had h JOIN notifications n ON n.contact_point_id = h.id
JOIN complaints c ON n.cause_kind = 'complaint' AND c.id = n.cause_id WHERE c.customer_id = :customer
"""
_THEIRS = """
WITH had AS (
    SELECT l.contact_point_id AS id FROM sites s CROSS JOIN links l WHERE s.customer_id = :customer AND l.site_id = s.id
    UNION SELECT contact_point_id FROM former_links WHERE customer_id = :customer
    UNION SELECT contact_point_id FROM replies WHERE customer_id = :customer AND contact_point_id IS NOT NULL
), theirs AS (
    SELECT h.id FROM had h WHERE NOT EXISTS (
        SELECT 1 FROM links o WHERE o.contact_point_id = h.id AND o.customer_id <> :customer)
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer, and why they may not be forgotten."""

    id: int
    reference: str
    name: str
    legal_hold: str


def find(tx: Transaction, reference: str) -> Person | None:
    """Return a customer by reference, or None."""
    row = tx.row(
        "SELECT id, reference, name, legal_hold FROM customers WHERE reference = :reference", reference=reference
    )
    return None if row is None else Person(**row)


def hold(tx: Transaction, customer_id: int, reason: str, *, now: datetime) -> None:
    """Keep everything about a customer until it is released; an empty reason releases it."""
    tx.run(
        "UPDATE customers SET legal_hold = :reason, updated_at = :now WHERE id = :id",
        reason=reason,
        now=to_micros(now),
        id=customer_id,
    )


def in_the_way(tx: Transaction, customer_id: int) -> str | None:
    """Return what must be settled before a customer can be forgotten, or None."""
    for what, condition in _BUSY:
        sql = f"{_THEIRS} SELECT 1 FROM notifications n WHERE n.id IN ({_THEIR_MESSAGES}) AND ({condition}) LIMIT 1"
        if tx.scalar(sql, customer=customer_id) is not None:
            return what
    owed = tx.scalar(
        """SELECT id FROM credit_lines WHERE customer_id = :customer
           AND state IN ('proposed', 'approved', 'posting', 'failed') ORDER BY id LIMIT 1""",
        customer=customer_id,
    )
    if owed is not None:
        return f"credit line {owed} is not settled: billing needs to know whose it is"
    case = tx.scalar(
        "SELECT id FROM cases WHERE customer_id = :customer AND state <> 'closed' LIMIT 1", customer=customer_id
    )
    return None if case is None else f"case {case} is not closed"


def forget(tx: Transaction, customer_id: int, *, now: datetime) -> dict[str, int]:
    """Replace a customer by a number everywhere; return how many rows of each kind that changed."""
    who, at = f"{FORGOTTEN}{customer_id}", to_micros(now)
    points = [
        (int(id_), str(address))
        for id_, address in tx.tuples(
            f"{_THEIRS} SELECT p.id, p.address FROM contact_points p JOIN theirs t ON t.id = p.id", customer=customer_id
        )
    ]
    messages = [id_ for (id_,) in tx.tuples(f"{_THEIRS} {_THEIR_MESSAGES}", customer=customer_id)]
    reference = tx.scalar("SELECT reference FROM customers WHERE id = :id", id=customer_id)
    changed = {
        "complaints": _complaints(tx, customer_id, [f"customer:{reference}", *(address for _, address in points)], who),
        "replies": _replies(tx, customer_id, [id_ for id_, _ in points], who),
        "messages": _messages(tx, messages, [id_ for id_, _ in points], at),
    }
    _stop_shared(tx, customer_id, messages, at)
    sites = "SELECT id FROM sites WHERE customer_id = :customer"
    tx.run(f"DELETE FROM links WHERE site_id IN ({sites})", customer=customer_id)
    tx.run("DELETE FROM former_links WHERE customer_id = :customer", customer=customer_id)
    changed["contact points"] = _points(tx, [id_ for id_, _ in points])
    changed["sites"] = tx.run(
        """UPDATE sites SET reference = CAST(id AS TEXT), label = '', address = '', status = 'ended', priority = 0,
               time_zone = '', updated_at = :at WHERE customer_id = :customer""",
        customer=customer_id,
        at=at,
    )
    for sql in (
        "DELETE FROM muted_sites WHERE site_id IN (SELECT id FROM sites WHERE customer_id = :customer)",
        "UPDATE follow_ups SET text = '' WHERE customer_id = :customer",
        "UPDATE cases SET detail = '{}' WHERE customer_id = :customer",
        "UPDATE credit_lines SET note = '' WHERE customer_id = :customer",
    ):
        tx.run(sql, customer=customer_id)
    tx.run(
        """UPDATE customers SET reference = :who, name = '', account_type = '', plan = '', monthly_price_minor = NULL,
               currency = '', updated_at = :at WHERE id = :customer""",
        who=who,
        at=at,
        customer=customer_id,
    )
    return changed


def _complaints(tx: Transaction, customer_id: int, reporters: Sequence[str], who: str) -> int:
    """Keep each complaint as one of this number, so that reporters can still be told apart and counted."""
    blank = """UPDATE complaints SET reporter = :who, text = '', written_from = NULL, idempotency_key = NULL,
                   body_hash = NULL, answer_to = CASE WHEN answer_to IS NULL THEN NULL ELSE '' END WHERE """
    changed = tx.run(blank + "customer_id = :customer", who=who, customer=customer_id)
    for each in reporters:
        for counted in ("counted_regions <> '[]'", "counted_regions = '[]'"):  # an index each
            changed += tx.run(f"{blank} reporter = :reporter AND {counted}", who=who, reporter=each)
    return changed


def _replies(tx: Transaction, customer_id: int, points: Sequence[int], who: str) -> int:
    blank = "UPDATE replies SET sender = :who, text = '', forward_due_at = NULL WHERE "
    changed = tx.run(blank + "customer_id = :customer", who=who, customer=customer_id)
    return changed + sum(
        tx.run(blank + "contact_point_id = :point AND sender <> :who", who=who, point=each) for each in points
    )


def _messages(tx: Transaction, messages: Sequence[int], points: Sequence[int], at: int) -> int:
    """Keep that there was a message and what became of it; stop what waits, and forget what places it named."""
    for point in points:
        tx.run(
            """UPDATE notifications SET state = 'suppressed', reason = 'suppressed', ended_at = :at
               WHERE contact_point_id = :point AND state = 'pending'""",
            point=point,
            at=at,
        )
    for id_ in messages:
        facts = tx.scalar("SELECT facts FROM notifications WHERE id = :id", id=id_)
        if facts is not None:
            blank = to_json(replace(from_json(facts, NotificationFacts), sites=()))
            tx.run("UPDATE notifications SET facts = :facts WHERE id = :id", facts=blank, id=id_)
        tx.run("UPDATE attempts SET answer = '' WHERE notification_id = :id", id=id_)
        tx.run("UPDATE receipts SET detail = '{}' WHERE notification_id = :id", id=id_)
        tx.run("UPDATE mail_reports SET words = '' WHERE notification_id = :id", id=id_)
    return len(messages)


def _stop_shared(tx: Transaction, customer_id: int, messages: Sequence[int], at: int) -> None:
    """Stop what waits for an address that is also others', where it is about nobody else."""
    tx.run_many(
        """UPDATE notifications SET state = 'suppressed', reason = 'suppressed', ended_at = :at
           WHERE id = :id AND state = 'pending' AND broadcast_id IS NOT NULL AND NOT EXISTS (
               SELECT 1 FROM audience_notifications a WHERE a.broadcast_id = notifications.broadcast_id
                   AND a.contact_point_id = notifications.contact_point_id AND a.customer_id <> :customer)""",
        [{"id": id_, "at": at, "customer": customer_id} for id_ in messages],
    )


def forget_words(tx: Transaction, point_id: int) -> None:
    """Keep what was said about consent under the keyed hash of the address alone, without the words."""
    for table in ("suppressions", "consent_log"):
        tx.run(f"UPDATE {table} SET contact_point_id = NULL, wording = '' WHERE contact_point_id = :id", id=point_id)


def _points(tx: Transaction, points: Sequence[int]) -> int:
    """Forget the addresses; why one must not be written to stays under its keyed hash."""
    for id_ in points:
        forget_words(tx, id_)
        for table in ("consents", "muted_sites", "pauses"):
            tx.run(f"DELETE FROM {table} WHERE contact_point_id = :id", id=id_)
        tx.run(
            """UPDATE contact_points SET address = :who, locale = '', time_zone = '', quiet_from = NULL,
                   quiet_until = NULL, channels_off = '', chosen = '', soft_bounces = 0, suppressed = 'by_person'
               WHERE id = :id""",
            who=f"{FORGOTTEN}{id_}",
            id=id_,
        )
    return len(points)
