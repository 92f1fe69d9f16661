"""Who complains at the sites that an alarm lists; read only while such an alarm is open."""

from collections.abc import Sequence

from notifier.storage.database import Transaction

AT_ONCE = 1_000  # sites or customers in one statement


def customers_of(tx: Transaction, site_ids: Sequence[int]) -> tuple[int, ...]:
    """Return the customers of some sites."""
    found: set[int] = set()
    for listed in _listed(site_ids):
        rows = tx.tuples(f"SELECT DISTINCT customer_id FROM sites WHERE id IN ({listed})")
        found.update(int(customer_id) for (customer_id,) in rows)
    return tuple(sorted(found))


def regions_of(tx: Transaction, site_ids: Sequence[int]) -> list[tuple[int, ...]]:
    """Return in which regions some sites lie, each combination once."""
    found: dict[int, list[int]] = {}
    for listed in _listed(site_ids):
        for site_id, region_id in tx.tuples(
            f"SELECT site_id, region_id FROM site_regions WHERE site_id IN ({listed}) ORDER BY site_id, region_id"
        ):
            found.setdefault(site_id, []).append(region_id)
    return list(dict.fromkeys(tuple(regions) for regions in found.values()))


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
    return sum(
        int(
            tx.scalar(
                f"""SELECT COUNT(DISTINCT customer_id) FROM complaints
                    WHERE effective_at >= :since AND effective_at <= :until AND id <= :position AND service = :service
                      AND verified = 1 AND not_counted IS NULL AND customer_id IN ({listed})""",
                since=since_us,
                until=until_us,
                position=position,
                service=service,
            )
        )
        for listed in _listed(customers)
    )


def _listed(ids: Sequence[int]) -> list[str]:
    """Return lists in SQL, each of which a statement can hold."""
    pieces = (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
    return [", ".join(str(int(each)) for each in some) for some in pieces]
