"""Sites that a full list of the directory does not have: read in pages, ended by id. All take an open transaction."""

from collections.abc import Sequence
from datetime import datetime

from notifier.domain.customer import SiteStatus
from notifier.storage.database import Transaction
from notifier.storage.instants import to_json, to_micros

_PAGE = """
SELECT s.id, c.reference, s.reference, s.updated_at FROM sites s JOIN customers c ON c.id = s.customer_id
WHERE s.id > :after AND s.status <> :ended ORDER BY s.id LIMIT :most
"""

_IDS = {
    "sqlite": "SELECT value FROM json_each(:ids)",
    "postgresql": "SELECT CAST(value AS bigint) FROM json_array_elements_text(CAST(:ids AS json))",
}


def count(tx: Transaction) -> int:
    """Return how many sites have not ended."""
    return int(tx.scalar("SELECT count(*) FROM sites WHERE status <> :ended", ended=str(SiteStatus.ENDED)))


def page(tx: Transaction, after: int, most: int) -> list[tuple[int, str, str, int]]:
    """Return sites that have not ended, by id: id, customer, site, when they last changed (microseconds)."""
    return tx.tuples(_PAGE, after=after, most=most, ended=str(SiteStatus.ENDED))


def end(tx: Transaction, ids: Sequence[int], *, began: datetime, now: datetime) -> int:
    """End the sites that nobody has changed since the list began; return how many."""
    found = tx.tuples(
        "UPDATE sites SET status = :ended, updated_at = :now WHERE status <> :ended AND updated_at <= :began "
        f"AND id IN ({_IDS[tx.dialect]}) RETURNING id",
        ended=str(SiteStatus.ENDED),
        now=to_micros(now),
        began=to_micros(began),
        ids=to_json(list(ids)),
    )
    return len(found)
