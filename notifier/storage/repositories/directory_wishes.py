"""What a directory file says about consent and quiet hours, and what was said of addresses that come back with it.

A file is repeated every night, so only what is new in it acts: a word that the file said before changes nothing. A "no"
that is new is always taken. A "yes" never takes back a customer's own "no", nor do hours replace those somebody chose.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from notifier.domain.consent import ConsentState
from notifier.domain.directory import SiteEntry, WishEntry
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import consents
from notifier.storage.repositories.contact_points import QUIET

BY_FILE = "directory"  # the actor of what a file says, and its source where the file gives none

Hashes = Callable[[str], list[str]]
"""The keyed hashes under which an address may have been kept, the present one first."""


def save(tx: Transaction, entries: Iterable[SiteEntry], hashes: Hashes, *, now: datetime) -> None:
    """Note what the rows that have just been stored say; of two rows about one address the later one holds."""
    if consents.is_any_orphaned(tx):
        consents.reattach(tx, _new_addresses(tx, hashes, now), now=now)
    wishes = {wish.address: wish for entry in entries for wish in entry.wishes}
    if wishes:
        _save_wishes(tx, list(wishes.values()), hashes, now)


def _new_addresses(tx: Transaction, hashes: Hashes, now: datetime) -> dict[str, int]:
    """Return the hashes of the addresses that came with this batch, with their contact points."""
    rows = tx.tuples(
        """SELECT p.id, p.address FROM loading_links AS k JOIN contact_points AS p ON p.address = k.address
           WHERE k.is_first = 1 AND p.created_at = :now""",
        now=to_micros(now),
    )
    return {hashed: id_ for id_, address in rows for hashed in hashes(address)}


def _save_wishes(tx: Transaction, wishes: Sequence[WishEntry], hashes: Hashes, now: datetime) -> None:
    for wish in wishes:
        point = tx.row("SELECT id, chosen FROM contact_points WHERE address = :address", address=wish.address)
        if point is None:
            continue
        if wish.quiet is not None and f"|{QUIET}|" not in point["chosen"]:
            begin, end = wish.quiet
            tx.run(
                """UPDATE contact_points SET quiet_from = :begin, quiet_until = :until
                   WHERE id = :id AND (quiet_from IS NULL OR quiet_from <> :begin OR quiet_until <> :until)""",
                begin=begin,
                until=end,
                id=point["id"],
            )
        if wish.consents:
            _save_consents(tx, point["id"], wish, hashes, now)


def _save_consents(tx: Transaction, contact_point_id: int, wish: WishEntry, hashes: Hashes, now: datetime) -> None:
    last: dict[str, tuple[str, str]] = {}
    before: dict[str, str] = {}  # by the file
    for purpose, said, actor in tx.tuples(
        "SELECT purpose, state, actor FROM consent_log WHERE contact_point_id = :id ORDER BY id", id=contact_point_id
    ):
        last[purpose] = said, actor
        if actor == BY_FILE:
            before[purpose] = said
    for purpose, state in wish.consents:
        said, actor = last.get(purpose, ("", ""))
        is_own_no = said == ConsentState.REFUSED and actor != BY_FILE
        if before.get(purpose) == state or (state is ConsentState.GRANTED and is_own_no):
            continue
        consents.put(
            tx,
            contact_point_id,
            purpose,
            state,
            source=wish.source or BY_FILE,
            basis=wish.basis,
            actor=BY_FILE,
            hashed=(hashes(wish.address) or [""])[0],
            now=now,
        )
