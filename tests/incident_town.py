"""A small town for tests of incidents, written with plain SQL: regions, customers with sites, and contact points."""

from collections.abc import Sequence
from datetime import UTC, datetime

from notifier.domain.incident import Evidence
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros

MORNING = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
AT = to_micros(MORNING)


class Town:
    """Build a directory row by row in one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def region(self, code: str, *, kind: str = "postal_code", name: str = "") -> int:
        """Add a region, or find it."""
        return self._scalar(
            """INSERT INTO regions (kind, code, name) VALUES (:kind, :code, :name)
               ON CONFLICT (kind, code) DO UPDATE SET code = excluded.code RETURNING id""",
            kind=kind,
            code=code,
            name=name,
        )

    def customer(self, reference: str) -> int:
        """Add a customer."""
        return self._scalar(
            "INSERT INTO customers (reference, created_at, updated_at) VALUES (:reference, :at, :at) RETURNING id",
            reference=reference,
            at=AT,
        )

    def site(
        self,
        customer: int,
        *regions: int,
        reference: str = "1",
        address: str = "12 Oak St, Springfield",
        status: str = "active",
        services: str = "|power|",
        priority: int = 0,
    ) -> int:
        """Add a site of a customer in some regions."""

        def add(tx: Transaction) -> int:
            site = int(
                tx.scalar(
                    """INSERT INTO sites (customer_id, reference, address, services, status, priority, updated_at)
                       VALUES (:customer, :reference, :address, :services, :status, :priority, :at) RETURNING id""",
                    customer=customer,
                    reference=reference,
                    address=address,
                    services=services,
                    status=status,
                    priority=priority,
                    at=AT,
                )
            )
            for region in regions:
                tx.run("INSERT INTO site_regions (region_id, site_id) VALUES (:r, :s)", r=region, s=site)
            return site

        return self.database.write_now(add)

    def contact(
        self,
        customer: int,
        sites: Sequence[int],
        address: str,
        *,
        kind: str = "email",
        role: str = "owner",
        position: int = 0,
        suppressed: str | None = None,
        refused: bool = False,
        locale: str = "",
    ) -> int:
        """Add a contact point, or find it, and link it to sites of a customer."""

        def add(tx: Transaction) -> int:
            point = int(
                tx.scalar(
                    """INSERT INTO contact_points (kind, address, suppressed, locale, created_at)
                       VALUES (:kind, :address, :suppressed, :locale, :at)
                       ON CONFLICT (address) DO UPDATE SET kind = excluded.kind RETURNING id""",
                    kind=kind,
                    address=address,
                    suppressed=suppressed,
                    locale=locale,
                    at=AT,
                )
            )
            for site in sites:
                tx.run(
                    """INSERT INTO links (contact_point_id, site_id, role, customer_id, position)
                       VALUES (:point, :site, :role, :customer, :position)""",
                    point=point,
                    site=site,
                    role=role,
                    customer=customer,
                    position=position,
                )
            if refused:
                tx.run(
                    """INSERT INTO consents (contact_point_id, purpose, state, source, changed_at)
                       VALUES (:point, 'outage', 'refused', 'link', :at)""",
                    point=point,
                    at=AT,
                )
            return point

        return self.database.write_now(add)

    def household(self, reference: str, *regions: int, services: str = "|power|", **site: object) -> int:
        """Add a customer with one site and one mail address."""
        customer = self.customer(reference)
        self.contact(
            customer,
            [self.site(customer, *regions, services=services, **site)],  # type: ignore[arg-type]
            f"{reference}@example.net",
        )
        return customer

    def _scalar(self, sql: str, **values: object) -> int:
        return self.database.write_now(lambda tx: int(tx.scalar(sql, **values)))


def evidence(region: int, *, grade: str = "likely", at: datetime = MORNING, service: str = "power") -> Evidence:
    """Return evidence for a cell."""
    return Evidence(
        region_id=region,
        service=service,
        at=at,
        window_from=at,
        observed=20,
        expected=1.3,
        score=17.5 if grade == "certain" else 9.5,
        grade=grade,
        distinct_customers=20,
        verified=18,
        position=7,
    )
