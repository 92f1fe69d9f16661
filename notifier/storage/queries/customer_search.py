"""Customers by words and by parts of addresses: one page of ids at a time, so that no look-up holds a reader for long.

Nothing here is indexed by letters: an index would cost every import more than agents save. A region that is typed with
the words is, and narrows ten million sites to some thousands. All take an open transaction.
"""

from collections.abc import Sequence
from typing import Any

from notifier.domain.customer_search import exact_pattern, has_all, pattern
from notifier.storage.database import Transaction
from notifier.storage.views import CustomerCard

_TEXT = "c.name || ' ' || c.reference || ' ' || COALESCE(s.address, '') || ' ' || COALESCE(s.label, '')"
_PAGE = f"""
SELECT c.id, {_TEXT} AS text FROM customers c LEFT JOIN sites s ON s.customer_id = c.id
WHERE c.id > :after AND c.id <= :upto
"""
_IN_REGION = f"""
SELECT c.id, {_TEXT} AS text FROM site_regions r JOIN sites s ON s.id = r.site_id
JOIN customers c ON c.id = s.customer_id WHERE r.region_id = :region AND r.site_id > :after
"""
_CONTACTS = """
SELECT DISTINCT l.customer_id FROM contact_points p JOIN links l ON l.contact_point_id = p.id
WHERE p.id > :after AND p.id <= :upto AND p.address LIKE :part ESCAPE '!' LIMIT :most
"""
_CARDS = """
SELECT c.id, c.reference, c.name, (SELECT count(*) FROM sites s WHERE s.customer_id = c.id) AS sites,
    COALESCE((SELECT s.address FROM sites s WHERE s.customer_id = c.id ORDER BY s.id LIMIT 1), '') AS address
FROM customers c WHERE c.id = :id
"""
_REGION_KINDS = ("postal_code", "city", "node")


def ends(tx: Transaction) -> tuple[int, int]:
    """Return the highest ids of customers and of contact points."""
    customers = tx.scalar("SELECT COALESCE(max(id), 0) FROM customers")
    return int(customers), int(tx.scalar("SELECT COALESCE(max(id), 0) FROM contact_points"))


def region_of(tx: Transaction, word: str) -> int | None:
    """Return the region that a word is the code of: a postal code, a city in any case, a node."""
    for kind in _REGION_KINDS:
        found = tx.scalar(
            "SELECT id FROM regions WHERE kind = :kind AND code = :code ORDER BY id LIMIT 1", kind=kind, code=word
        )
        if found is None and kind == "city":
            found = tx.scalar(
                "SELECT id FROM regions WHERE kind = 'city' AND lower(code) = :code ORDER BY id LIMIT 1",
                code=word.lower(),
            )
        if found is not None:
            return int(found)
    return None


def page(tx: Transaction, words: tuple[str, ...], after: int, upto: int) -> list[int]:
    """Return the customers of a range of ids whose name, reference or a site has all the words."""
    rows = tx.tuples(_PAGE + _likes(words), after=after, upto=upto, **_patterns(words))
    return [int(customer) for customer, text in rows if has_all(text, words)]


def in_region(
    tx: Transaction, region: int, words: tuple[str, ...], after: int, most: int
) -> tuple[list[int], int | None]:
    """Return such customers with a site in a region; and the site to go on after, or None at the end."""
    sites = tx.tuples(
        "SELECT site_id FROM site_regions WHERE region_id = :region AND site_id > :after ORDER BY site_id LIMIT :most",
        region=region,
        after=after,
        most=most,
    )
    if not sites:
        return [], None
    upto = sites[-1][0]
    rows = tx.tuples(
        _IN_REGION + "AND r.site_id <= :upto" + _likes(words),
        region=region,
        after=after,
        upto=upto,
        **_patterns(words),
    )
    return [int(customer) for customer, text in rows if has_all(text, words)], (
        int(upto) if len(sites) == most else None
    )


def by_contact(tx: Transaction, part: str, after: int, upto: int, most: int) -> list[int]:
    """Return the customers of a range of contact points whose address has a part."""
    found = tx.tuples(_CONTACTS, part=exact_pattern(part), after=after, upto=upto, most=most)
    return [int(customer) for (customer,) in found]


def cards(tx: Transaction, ids: Sequence[int]) -> list[CustomerCard]:
    """Return customers in a list, by reference."""
    rows = [row for each in ids if (row := tx.row(_CARDS, id=each)) is not None]
    found = [
        CustomerCard(
            id=row["id"], reference=row["reference"], name=row["name"], sites=row["sites"], address=row["address"]
        )
        for row in rows
    ]
    return sorted(found, key=lambda card: card.reference)


def _likes(words: tuple[str, ...]) -> str:
    return "".join(f" AND lower({_TEXT}) LIKE :word{at} ESCAPE '!'" for at in range(len(words)))


def _patterns(words: tuple[str, ...]) -> dict[str, Any]:
    return {f"word{at}": pattern(word) for at, word in enumerate(words)}
