"""How many in one place would hear of an outage of one service, as the directory is now. In an open transaction."""

import msgspec

from notifier.domain.customer import ContactKind, SiteStatus
from notifier.storage.database import Transaction


class PlaceReach(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an incident of a place would concern; nobody's night, consent or cap is asked."""

    region: str  # kind and code; "" where the directory has no such region
    sites: int = 0
    customers: int = 0
    reached: int = 0  # customers with a mail address or a mobile that may be written to
    emails: int = 0  # such addresses
    mobiles: int = 0


_COUNTS = """
SELECT count(DISTINCT s.id) AS sites, count(DISTINCT s.customer_id) AS customers,
    count(DISTINCT CASE WHEN p.kind <> :landline THEN s.customer_id END) AS reached,
    count(DISTINCT CASE WHEN p.kind = :email THEN p.id END) AS emails,
    count(DISTINCT CASE WHEN p.kind = :mobile THEN p.id END) AS mobiles
FROM site_regions r JOIN sites s ON s.id = r.site_id
LEFT JOIN links l ON l.site_id = s.id
LEFT JOIN contact_points p ON p.id = l.contact_point_id AND p.suppressed IS NULL
WHERE r.region_id = :region AND s.status = :active AND s.services LIKE :service ESCAPE '!'
"""


def place_reach(tx: Transaction, service: str, kinds: tuple[str, ...], code: str) -> PlaceReach:
    """Count for the first kind that has a region of this code."""
    for kind in kinds:
        region = tx.scalar("SELECT id FROM regions WHERE kind = :kind AND code = :code", kind=kind, code=code)
        if region is None:
            continue
        (row,) = tx.rows(
            _COUNTS,
            region=region,
            service=f"%|{service}|%",
            active=str(SiteStatus.ACTIVE),
            email=str(ContactKind.EMAIL),
            mobile=str(ContactKind.MOBILE),
            landline=str(ContactKind.LANDLINE),
        )
        counts = {name: int(row[name]) for name in ("sites", "customers", "reached", "emails", "mobiles")}
        return PlaceReach(region=f"{kind} {code}", **counts)
    return PlaceReach(region="")
