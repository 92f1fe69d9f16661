"""Who complains at the sites that an alarm lists; read only while such an alarm is open."""

from collections.abc import Sequence

from notifier.storage.database import Transaction


def customers_of(tx: Transaction, site_ids: Sequence[int]) -> tuple[int, ...]:
    """Return the customers of some sites."""
    rows = tx.tuples(f"SELECT DISTINCT customer_id FROM sites WHERE id IN ({_listed(site_ids)}) ORDER BY customer_id")
    return tuple(int(customer_id) for (customer_id,) in rows)


def regions_of(tx: Transaction, site_ids: Sequence[int]) -> list[list[int]]:
    """Return the regions of each of some sites."""
    found: dict[int, list[int]] = {}
    listed = _listed(site_ids)
    for site_id, region_id in tx.tuples(
        f"SELECT site_id, region_id FROM site_regions WHERE site_id IN ({listed}) ORDER BY site_id, region_id"
    ):
        found.setdefault(site_id, []).append(region_id)
    return list(found.values())


def callers(
    tx: Transaction,
    service: str,
    customers: Sequence[int],
    *,
    since_us: int,
    until_us: int,
    position: int,
) -> int:
    """Return how many of some customers have a verified complaint that counts, within a time and up to a position."""
    if not customers:
        return 0
    found = tx.scalar(
        f"""SELECT COUNT(DISTINCT customer_id) FROM complaints
            WHERE effective_at >= :since AND effective_at <= :until AND id <= :position AND service = :service
              AND verified = 1 AND not_counted IS NULL AND customer_id IN ({_listed(customers)})""",
        since=since_us,
        until=until_us,
        position=position,
        service=service,
    )
    return int(found)


def _listed(ids: Sequence[int]) -> str:
    return ", ".join(str(int(each)) for each in ids)
