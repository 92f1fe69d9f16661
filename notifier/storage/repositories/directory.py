"""The directory in the database: customers, sites, regions, contact points and the links between them.

Loading is set-wise: what is known of a batch goes through temporary tables, and only rows that differ are written.
Contact points are never deleted here: without links they are not written to, with links again they keep their
suppression. All functions take an open transaction.
"""

from collections.abc import Sequence

from notifier.domain.customer import SiteStatus
from notifier.storage.database import Transaction


def find_by_address(tx: Transaction, address: str) -> list[int]:
    """Return the ids of the customers that a normalised address belongs to, oldest first."""
    found = tx.tuples(
        "SELECT DISTINCT l.customer_id FROM contact_points p JOIN links l ON l.contact_point_id = p.id "
        "WHERE p.address = :address ORDER BY l.customer_id",
        address=address,
    )
    return [customer_id for (customer_id,) in found]


def find_by_reference(tx: Transaction, reference: str) -> int | None:
    """Return the id of the customer with this reference of the company, or None."""
    found: int | None = tx.scalar("SELECT id FROM customers WHERE reference = :reference", reference=reference)
    return found


def regions_of_customer(tx: Transaction, customer_id: int, service: str, kinds: Sequence[str]) -> list[int]:
    """Return the region ids of a customer's active sites with this service, narrowest kind first.

    `kinds` is the configured order from narrow to wide; regions of other kinds come last.
    """
    found = tx.tuples(
        "SELECT DISTINCT r.kind, r.id FROM sites s JOIN site_regions sr ON sr.site_id = s.id "
        "JOIN regions r ON r.id = sr.region_id "
        "WHERE s.customer_id = :customer_id AND s.status = :active AND s.services LIKE :service",
        customer_id=customer_id,
        active=SiteStatus.ACTIVE,
        service=f"%|{service}|%",
    )
    order = {kind: place for place, kind in enumerate(kinds)}
    return [region for _, region in sorted((order.get(kind, len(order)), region) for kind, region in found)]


def region_id(tx: Transaction, kind: str, code: str) -> int | None:
    """Return the id of a region, or None; cities are found without regard to capitals."""
    found: int | None = tx.scalar("SELECT id FROM regions WHERE kind = :kind AND code = :code", kind=kind, code=code)
    if found is None and kind == "city":
        found = tx.scalar("SELECT id FROM regions WHERE kind = 'city' AND lower(code) = lower(:code)", code=code)
    return found


def ensure_region(tx: Transaction, kind: str, code: str, *, name: str = "", time_zone: str = "") -> int:
    """Return the id of a region, creating it where it is new; a name or time zone given replaces the stored one."""
    known = region_id(tx, kind, code)
    if known is None:
        return int(
            tx.scalar(
                "INSERT INTO regions (kind, code, name, time_zone) VALUES (:kind, :code, :name, :time_zone) "
                "ON CONFLICT (kind, code) DO UPDATE SET code = excluded.code RETURNING id",
                kind=kind,
                code=code,
                name=name,
                time_zone=time_zone,
            )
        )
    if name or time_zone:
        tx.run(
            "UPDATE regions SET name = COALESCE(NULLIF(:name, ''), name), "
            "time_zone = COALESCE(NULLIF(:time_zone, ''), time_zone) "
            "WHERE id = :id AND ((:name <> '' AND name <> :name) OR (:time_zone <> '' AND time_zone <> :time_zone))",
            id=known,
            name=name,
            time_zone=time_zone,
        )
    return known
