"""What contact points said about being written to: the word in force per purpose, and every word in the log.

The log carries the keyed hash of the address beside the contact point, so that what was said outlives a deletion and
holds again when the address comes back. Nothing here decides; `domain.consent` does.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from notifier.domain.consent import SOURCE_LENGTH, WORDING_LENGTH, ConsentState, Purpose, StoredConsent
from notifier.domain.customer import SuppressionReason
from notifier.domain.text import clean_line
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories.audience import numbers


def put(
    tx: Transaction,
    contact_point_id: int,
    purpose: Purpose,
    state: ConsentState,
    *,
    source: str,
    basis: str = "",
    wording: str = "",
    actor: str,
    hashed: str,
    now: datetime,
) -> None:
    """Let a word about a purpose hold from now on, and log it."""
    values: dict[str, object] = {
        "id": contact_point_id,
        "purpose": purpose,
        "state": state,
        "basis": clean_line(basis)[:SOURCE_LENGTH],
        "source": clean_line(source)[:SOURCE_LENGTH],
        "wording": clean_line(wording)[:WORDING_LENGTH],
        "now": to_micros(now),
    }
    tx.run(
        """INSERT INTO consents (contact_point_id, purpose, state, basis, source, wording, changed_at)
           VALUES (:id, :purpose, :state, :basis, :source, :wording, :now)
           ON CONFLICT (contact_point_id, purpose) DO UPDATE SET state = excluded.state, basis = excluded.basis,
               source = excluded.source, wording = excluded.wording, changed_at = excluded.changed_at""",
        **values,
    )
    tx.run(
        """INSERT INTO consent_log (contact_point_id, address_hash, purpose, state, basis, source, wording, actor, at)
           VALUES (:id, :hash, :purpose, :state, :basis, :source, :wording, :actor, :now)""",
        hash=hashed,
        actor=actor,
        **values,
    )


def of_contact_point(tx: Transaction, contact_point_id: int) -> dict[Purpose, StoredConsent]:
    """Return the words in force, by purpose; those that were never said are not there."""
    return of_contact_points(tx, [contact_point_id]).get(contact_point_id, {})


def of_contact_points(tx: Transaction, contact_point_ids: Iterable[int]) -> dict[int, dict[Purpose, StoredConsent]]:
    """Return the words in force of several contact points."""
    ids = list(contact_point_ids)
    found: dict[int, dict[Purpose, StoredConsent]] = {}
    if not ids:
        return found
    for row in tx.rows(
        f"""SELECT contact_point_id, purpose, state, basis, source, wording, changed_at AS at
            FROM consents WHERE contact_point_id IN ({numbers(ids)}) ORDER BY contact_point_id, purpose"""
    ):
        stored = _stored(row)
        found.setdefault(row["contact_point_id"], {})[stored.purpose] = stored
    return found


def history(tx: Transaction, contact_point_id: int, *, most: int = 100) -> list[tuple[StoredConsent, str]]:
    """Return every word that was ever said, the newest first, each with who noted it."""
    return [
        (_stored(row), row["actor"])
        for row in tx.rows(
            """SELECT purpose, state, basis, source, wording, actor, at FROM consent_log
               WHERE contact_point_id = :id ORDER BY id DESC LIMIT :most""",
            id=contact_point_id,
            most=most,
        )
    ]


def _stored(row: Row) -> StoredConsent:
    return StoredConsent(
        purpose=Purpose(row["purpose"]),
        state=ConsentState(row["state"]),
        source=row["source"],
        basis=row["basis"],
        wording=row["wording"],
        changed_at=to_instant(row["at"]),
    )


# --- addresses that come back -----------------------------------------------------------------------------------------


def is_any_orphaned(tx: Transaction) -> bool:
    """Tell whether a word is kept of an address whose contact point was deleted."""
    return (
        tx.scalar(
            """SELECT 1 WHERE EXISTS (SELECT 1 FROM suppressions WHERE contact_point_id IS NULL AND lifted_at IS NULL)
                           OR EXISTS (SELECT 1 FROM consent_log WHERE contact_point_id IS NULL)"""
        )
        is not None
    )


def reattach(tx: Transaction, hashes: Mapping[str, int], *, now: datetime) -> int:
    """Let what was said of addresses hold for the contact points that have them again; return how many it concerns.

    `hashes` are keyed hashes of addresses with their contact points.
    """
    touched: set[int] = set()
    for hashed, contact_point_id in hashes.items():
        if _reattach_suppression(tx, hashed, contact_point_id) + _reattach_words(tx, hashed, contact_point_id, now):
            touched.add(contact_point_id)
    return len(touched)


def _reattach_suppression(tx: Transaction, hashed: str, contact_point_id: int) -> int:
    reasons = [
        reason
        for (reason,) in tx.tuples(
            """SELECT reason FROM suppressions
               WHERE address_hash = :hash AND contact_point_id IS NULL AND lifted_at IS NULL ORDER BY id""",
            hash=hashed,
        )
    ]
    if not reasons:
        return 0
    said = SuppressionReason.OPTED_OUT if SuppressionReason.OPTED_OUT in reasons else reasons[-1]
    tx.run(
        "UPDATE contact_points SET suppressed = :reason WHERE id = :id AND suppressed IS NULL",
        reason=said,
        id=contact_point_id,
    )
    return tx.run(
        "UPDATE suppressions SET contact_point_id = :id WHERE address_hash = :hash AND contact_point_id IS NULL",
        id=contact_point_id,
        hash=hashed,
    )


def _reattach_words(tx: Transaction, hashed: str, contact_point_id: int, now: datetime) -> int:
    """Let the last word per purpose hold again where it was no; a yes was given for what is deleted."""
    last = {
        row["purpose"]: row
        for row in tx.rows(
            """SELECT purpose, state, basis, source, wording, at FROM consent_log
               WHERE address_hash = :hash AND contact_point_id IS NULL ORDER BY id""",
            hash=hashed,
        )
    }
    if not last:
        return 0
    tx.run_many(
        """INSERT INTO consents (contact_point_id, purpose, state, basis, source, wording, changed_at)
           VALUES (:id, :purpose, 'refused', :basis, :source, :wording, :now)
           ON CONFLICT (contact_point_id, purpose) DO NOTHING""",
        [
            {
                "id": contact_point_id,
                "purpose": purpose,
                "basis": row["basis"],
                "source": row["source"],
                "wording": row["wording"],
                "now": to_micros(now),
            }
            for purpose, row in last.items()
            if row["state"] == ConsentState.REFUSED
        ],
    )
    return tx.run(
        "UPDATE consent_log SET contact_point_id = :id WHERE address_hash = :hash AND contact_point_id IS NULL",
        id=contact_point_id,
        hash=hashed,
    )


def opted_in_since(tx: Transaction, contact_point_id: int, at: datetime) -> bool:
    """Tell whether a contact point said yes to messages about outages at a time or after it, and means it still."""
    found = tx.scalar(
        f"""SELECT 1 FROM consents WHERE contact_point_id = :id AND purpose = '{Purpose.OUTAGE}'
              AND state = '{ConsentState.GRANTED}'
              AND (changed_at >= :at OR EXISTS (
                  SELECT 1 FROM suppressions AS s WHERE s.contact_point_id = :id AND s.lifted_at >= :at
                  AND s.reason = '{SuppressionReason.OPTED_OUT}'))""",
        id=contact_point_id,
        at=to_micros(at),
    )
    return found is not None
