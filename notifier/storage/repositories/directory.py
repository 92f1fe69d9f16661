"""The directory in the database: customers, sites, regions, contact points and the links between them.

Loading is set-wise: what is known of a batch goes through temporary tables, and only rows that differ are written.
Contact points are never deleted here: without links they are not written to, with links again they keep their
suppression. All functions take an open transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from notifier.domain.customer import ContactKind, SiteStatus
from notifier.domain.directory import SiteEntry
from notifier.domain.region import CITY, RegionKey
from notifier.storage.database import Parameters, Transaction
from notifier.storage.instants import to_micros


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


def region_id(tx: Transaction, kind: str, code: str) -> int | None:
    """Return the id of a region, or None; cities are found without regard to capitals."""
    found: int | None = tx.scalar("SELECT id FROM regions WHERE kind = :kind AND code = :code", kind=kind, code=code)
    if found is None and kind == CITY:
        found = tx.scalar("SELECT id FROM regions WHERE kind = 'city' AND lower(code) = lower(:code)", code=code)
    return found


def ensure_region(tx: Transaction, kind: str, code: str, *, name: str = "", time_zone: str = "") -> int:
    """Return the id of a region, creating it where it is new; a name or time zone given replaces the stored one."""
    known = region_id(tx, kind, code)
    if known is None:
        return int(
            tx.scalar(
                "INSERT INTO regions (kind, code, name, time_zone, new_on) VALUES (:kind, :code, :name, :time_zone, "
                "(SELECT baseline_day FROM detector WHERE id = 1 AND baseline_day >= 0)) "
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


# What a batch says, while it is being stored: a few thousand rows, gone when the connection closes. Filling them is
# most of the work, so a row is put in once: with its customer where it is the first of that customer in the batch, and
# with a set of regions that many sites of a batch share.
_WORK_TABLES = """
CREATE TEMPORARY TABLE IF NOT EXISTS loading_sites (n INTEGER PRIMARY KEY, customer TEXT, reference TEXT, label TEXT,
    address TEXT, services TEXT, status TEXT, priority SMALLINT, time_zone TEXT, region_set INTEGER,
    is_first SMALLINT, name TEXT, account_type TEXT, plan TEXT, price BIGINT, currency TEXT,
    customer_id BIGINT, site_id BIGINT);
CREATE TEMPORARY TABLE IF NOT EXISTS loading_links (n INTEGER, address TEXT, role TEXT, position SMALLINT,
    is_first SMALLINT, kind TEXT, is_kind_given SMALLINT, locale TEXT, PRIMARY KEY (n, position));
CREATE TEMPORARY TABLE IF NOT EXISTS loading_regions (region_set INTEGER, region_id BIGINT, derived SMALLINT,
    PRIMARY KEY (region_set, region_id));
DELETE FROM loading_sites;
DELETE FROM loading_links;
DELETE FROM loading_regions
"""

_FILL_SITES = """
INSERT INTO loading_sites (n, customer, reference, label, address, services, status, priority, time_zone, region_set,
    is_first, name, account_type, plan, price, currency)
VALUES (:n, :customer, :reference, :label, :address, :services, :status, :priority, :time_zone, :region_set,
    :is_first, :name, :account_type, :plan, :price, :currency)
"""

_UPSERT_CUSTOMERS = """
INSERT INTO customers (reference, name, account_type, plan, monthly_price_minor, currency, created_at, updated_at)
SELECT customer, name, account_type, plan, price, currency, CAST(:now AS BIGINT), CAST(:now AS BIGINT)
FROM loading_sites WHERE is_first = 1 ORDER BY n
ON CONFLICT (reference) DO UPDATE SET
    name = COALESCE(NULLIF(excluded.name, ''), customers.name),
    account_type = COALESCE(NULLIF(excluded.account_type, ''), customers.account_type),
    plan = COALESCE(NULLIF(excluded.plan, ''), customers.plan),
    monthly_price_minor = COALESCE(excluded.monthly_price_minor, customers.monthly_price_minor),
    currency = COALESCE(NULLIF(excluded.currency, ''), customers.currency),
    updated_at = excluded.updated_at
WHERE excluded.name NOT IN ('', customers.name)
    OR excluded.account_type NOT IN ('', customers.account_type)
    OR excluded.plan NOT IN ('', customers.plan)
    OR excluded.monthly_price_minor <> COALESCE(customers.monthly_price_minor, -1)
    OR excluded.currency NOT IN ('', customers.currency)
"""

_FIND_CUSTOMERS = """
UPDATE loading_sites SET customer_id = (SELECT id FROM customers c WHERE c.reference = loading_sites.customer)
"""

_UPSERT_SITES = """
INSERT INTO sites (customer_id, reference, label, address, services, status, priority, time_zone, updated_at)
SELECT customer_id, reference, label, address, services, status, priority, time_zone, CAST(:now AS BIGINT)
FROM loading_sites WHERE true ORDER BY n
ON CONFLICT (customer_id, reference) DO UPDATE SET
    label = excluded.label, address = excluded.address, services = excluded.services, status = excluded.status,
    priority = excluded.priority, time_zone = excluded.time_zone, updated_at = excluded.updated_at
WHERE excluded.label <> sites.label OR excluded.address <> sites.address OR excluded.services <> sites.services
    OR excluded.status <> sites.status OR excluded.priority <> sites.priority OR excluded.time_zone <> sites.time_zone
"""

_FIND_SITES = """
UPDATE loading_sites SET site_id = (SELECT id FROM sites s
    WHERE s.customer_id = loading_sites.customer_id AND s.reference = loading_sites.reference)
"""

_FILL_LINKS = """
INSERT INTO loading_links (n, address, role, position, is_first, kind, is_kind_given, locale)
VALUES (:n, :address, :role, :position, :is_first, :kind, :is_kind_given, :locale)
"""

# A suppression is none of a directory file's business: it stays whatever the file says. So does a kind that was learnt,
# and a language that somebody chose for themselves.
_INSERT_CONTACT_POINTS = """
INSERT INTO contact_points (kind, address, locale, created_at)
SELECT kind, address, locale, CAST(:now AS BIGINT) FROM loading_links WHERE is_first = 1 ORDER BY n, position
ON CONFLICT (address) DO UPDATE SET locale = excluded.locale
WHERE excluded.locale NOT IN ('', contact_points.locale) AND contact_points.chosen NOT LIKE '%|locale|%'
"""

_CHANGE_KINDS = """
UPDATE contact_points SET kind = :kind WHERE kind <> :kind AND address IN (
    SELECT address FROM loading_links WHERE is_kind_given = 1 AND kind = :kind)
"""

# CROSS JOIN makes SQLite begin with the batch, of which it has no statistics.
_DELETE_OLD_LINKS = """
DELETE FROM links WHERE (contact_point_id, site_id, role) IN (
    SELECT o.contact_point_id, o.site_id, o.role FROM loading_sites n CROSS JOIN links o CROSS JOIN contact_points p
    LEFT JOIN loading_links k ON k.n = n.n AND k.role = o.role AND k.address = p.address
    WHERE o.site_id = n.site_id AND p.id = o.contact_point_id AND k.n IS NULL)
RETURNING contact_point_id, customer_id
"""

_REMEMBER_LINKS = """
INSERT INTO former_links (contact_point_id, customer_id, left_at) VALUES (:point, :customer, :now)
ON CONFLICT (contact_point_id, customer_id) DO UPDATE SET left_at = excluded.left_at
"""

_INSERT_LINKS = """
INSERT INTO links (contact_point_id, site_id, role, customer_id, position)
SELECT p.id, n.site_id, k.role, n.customer_id, k.position
FROM loading_links k CROSS JOIN loading_sites n CROSS JOIN contact_points p WHERE n.n = k.n AND p.address = k.address
ON CONFLICT (contact_point_id, site_id, role) DO UPDATE SET position = excluded.position
WHERE excluded.position <> links.position
"""

_DELETE_OLD_REGIONS = """
DELETE FROM site_regions WHERE (region_id, site_id) IN (
    SELECT o.region_id, o.site_id FROM loading_sites n CROSS JOIN site_regions o
    LEFT JOIN loading_regions r ON r.region_set = n.region_set AND r.region_id = o.region_id
    WHERE o.site_id = n.site_id AND r.region_id IS NULL)
"""

_INSERT_REGIONS = """
INSERT INTO site_regions (region_id, site_id, derived)
SELECT r.region_id, n.site_id, r.derived
FROM loading_sites n JOIN loading_regions r ON r.region_set = n.region_set WHERE true
ON CONFLICT (region_id, site_id) DO UPDATE SET derived = excluded.derived
WHERE excluded.derived <> site_regions.derived
"""


def save(
    tx: Transaction, entries: Sequence[SiteEntry], now: datetime, known: Mapping[RegionKey, int]
) -> dict[RegionKey, int]:
    """Store rows: each site as its row says, with its links and regions in place of those it had.

    Of entries for the same site the last one holds, as if each was saved by itself: what the others say of the customer
    and of contact points stands. Contact points that lose their last link stay for a while, with their suppression, and
    whose they were is remembered. `known` are regions whose ids need not be looked up; those that had to be are
    returned, to be known from the commit on.
    """
    for statement in _WORK_TABLES.split(";"):
        tx.run(statement)
    at = to_micros(now)
    found: dict[RegionKey, int] = {}
    region_sets = _fill_regions(tx, entries, known, found)
    tx.run_many(_FILL_SITES, _sites(entries, region_sets))
    tx.run_many(_FILL_LINKS, _links(entries))
    tx.run(_UPSERT_CUSTOMERS, now=at)
    tx.run(_FIND_CUSTOMERS)
    tx.run(_UPSERT_SITES, now=at)
    tx.run(_FIND_SITES)
    tx.run(_INSERT_CONTACT_POINTS, now=at)
    for kind in (ContactKind.MOBILE, ContactKind.LANDLINE):
        tx.run(_CHANGE_KINDS, kind=str(kind))
    gone = set(tx.tuples(_DELETE_OLD_LINKS))
    if gone:  # most rows of most files take none away
        tx.run_many(_REMEMBER_LINKS, [{"point": point, "customer": of, "now": at} for point, of in sorted(gone)])
    tx.run(_INSERT_LINKS)
    tx.run(_DELETE_OLD_REGIONS)
    tx.run(_INSERT_REGIONS)
    return found


def stored_sites(tx: Transaction) -> list[int]:
    """Return the ids of the sites of the rows that were just stored in this transaction."""
    return [int(site_id) for (site_id,) in tx.tuples("SELECT site_id FROM loading_sites ORDER BY site_id")]


_OF_CUSTOMER = ("name", "account_type", "plan", "price", "currency")
_RegionSets = dict[int, int]
"""Number of a set of regions, by the identity of its tuple: most sites of a place share one, and a set taken for two is
only put in twice."""


def _fill_regions(
    tx: Transaction, entries: Iterable[SiteEntry], known: Mapping[RegionKey, int], found: dict[RegionKey, int]
) -> _RegionSets:
    """Put every set of regions into its work table, creating regions that are new; return the number of each set."""
    sets: _RegionSets = {}
    rows: list[Parameters] = []
    for entry in entries:
        if id(entry.regions) in sets:
            continue
        sets[id(entry.regions)] = number = len(sets)
        members: dict[int, int] = {}
        for region in entry.regions:
            key = region.key
            region_id = known.get(key) or found.get(key)
            if region_id is None:
                region_id = ensure_region(tx, key.kind, key.code, name=region.name, time_zone=region.time_zone)
                found[key] = region_id
            members[region_id] = int(region.derived)
        rows += [
            {"region_set": number, "region_id": region_id, "derived": derived} for region_id, derived in members.items()
        ]
    tx.run_many(
        "INSERT INTO loading_regions (region_set, region_id, derived) VALUES (:region_set, :region_id, :derived)", rows
    )
    return sets


def _sites(entries: Sequence[SiteEntry], region_sets: _RegionSets) -> list[Parameters]:
    """Return what is put in per site, its last entry; what is said last of a customer is gathered in its first row."""
    rows: list[Parameters] = []
    last = {(entry.customer, entry.site): n for n, entry in enumerate(entries)}
    put_in = set(last.values())
    customers: dict[str, dict[str, object]] = {}
    for n, entry in enumerate(entries):
        customer = customers.get(entry.customer)
        row: dict[str, object] = {
            "n": n,
            "customer": entry.customer,
            "reference": entry.site,
            "label": entry.label,
            "address": entry.address,
            "services": entry.services,
            "status": str(entry.status),
            "priority": int(entry.priority),
            "time_zone": entry.time_zone,
            "region_set": region_sets[id(entry.regions)],
            "is_first": int(customer is None),
            "name": entry.name,
            "account_type": entry.account_type,
            "plan": entry.plan,
            "price": entry.price_minor,
            "currency": entry.currency,
        }
        if n in put_in:
            rows.append(row)
        if customer is None:
            customers[entry.customer] = row
            continue
        for column in _OF_CUSTOMER:
            if row[column] not in ("", None):
                customer[column] = row[column]
        if n in put_in and customer["n"] not in put_in:
            row.update({column: customer[column] for column in _OF_CUSTOMER}, is_first=1)
            customers[entry.customer] = row
    return rows


def _links(entries: Iterable[SiteEntry]) -> list[Parameters]:
    """Return what is put in per link; an address given twice is a contact point once, with what is said of it last.

    A link of an entry that does not hold has no site, and becomes nothing but its contact point.
    """
    rows: list[Parameters] = []
    points: dict[str, dict[str, object]] = {}
    for n, entry in enumerate(entries):
        for contact in entry.contacts:
            point = points.get(contact.address)
            row: dict[str, object] = {
                "n": n,
                "address": contact.address,
                "role": str(contact.role),
                "position": contact.position,
                "is_first": int(point is None),
                "kind": str(contact.kind),
                "is_kind_given": int(contact.is_kind_given),
                "locale": entry.locale,
            }
            rows.append(row)
            if point is None:
                points[contact.address] = row
                continue
            row["is_kind_given"] = 0
            if entry.locale:
                point["locale"] = entry.locale
            if contact.is_kind_given:
                point["kind"], point["is_kind_given"] = str(contact.kind), 1
    return rows


_REACH = """
SELECT best, sum(suppressed), count(*) FROM (
    SELECT s.customer_id,
        min(CASE WHEN p.id IS NULL OR p.suppressed IS NOT NULL THEN 4
            WHEN p.kind = :email THEN 1 WHEN p.kind = :mobile THEN 2 ELSE 3 END) AS best,
        max(CASE WHEN p.suppressed IS NOT NULL THEN 1 ELSE 0 END) AS suppressed
    FROM sites s LEFT JOIN links l ON l.site_id = s.id LEFT JOIN contact_points p ON p.id = l.contact_point_id
    WHERE s.status = :active GROUP BY s.customer_id) AS customers_reached
GROUP BY best
"""


def reach(tx: Transaction) -> dict[int, tuple[int, int]]:
    """Return customers with an active site by their best channel: 1 mail, 2 mobile, 3 landline only, 4 none.

    Each with how many of them have a contact point that must not be written to.
    """
    found = tx.tuples(_REACH, email=ContactKind.EMAIL, mobile=ContactKind.MOBILE, active=SiteStatus.ACTIVE)
    return {int(best): (int(customers), int(suppressed)) for best, suppressed, customers in found}
