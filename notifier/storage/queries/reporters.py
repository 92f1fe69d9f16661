"""Who complains, and where they are served: the directory as intake reads it. Functions of an open transaction."""

from collections.abc import Collection, Sequence

from msgspec import structs

from notifier.domain.complaint import CandidateSite, KnownCustomer, NotCounted, Region, Whereabouts, locate
from notifier.domain.errors import InvalidInput, nearest
from notifier.domain.region import RegionKinds, label
from notifier.storage.database import Transaction
from notifier.storage.repositories import directory
from notifier.storage.sets import look_up

SITE_REGIONS_AT_MOST = 5_000  # rows looked at for one reporter; an address shared by more says nothing about a place
SITES_AT_MOST = 1_000  # of all reporters of a batch; when there are more, each is looked up alone
HINTS_AT_MOST = 500  # codes compared with a wrong one
EXAMPLES = 5


def of_customer(
    tx: Transaction, reference: str, service: str, named: Region | None, kinds: Sequence[str]
) -> Whereabouts:
    """Return where a customer is served, by the company's reference; raise `InvalidInput` when there is none."""
    sites = _sites(tx.tuples(_SITES_OF_CUSTOMER, reference=reference, service=f"%|{service}|%"))
    if sites:
        return _located(sites, named, kinds, sites[0].customer)
    customer_id = directory.find_by_reference(tx, reference)
    if customer_id is None:
        raise InvalidInput(
            f"there is no customer '{reference}' in the directory",
            field="customer_id",
            value=reference,
            expected="a customer_id of the directory, or reporter (a phone number or mail address) and region",
        )
    return _located(sites, named, kinds, KnownCustomer(customer_id, reference))


class Served:
    """Where customers are served, looked up for many references at once.

    `regions` are those met before, by id; it grows.
    """

    def __init__(self, tx: Transaction, references: Sequence[str], regions: dict[int, Region]) -> None:
        self._tx, self._regions = tx, regions
        self._known: dict[str, KnownCustomer] = {}
        self._sites: dict[str, list[tuple[int, str, Sequence[int]]]] = {}  # id, services, regions
        found = look_up(
            tx,
            "reference, customer_id, site_id, services, json(regions)",
            _SERVED,
            [(one,) for one in set(references)],
        )
        if len(found) == SITES_AT_MOST:
            return
        for reference, customer_id, site_id, services, region_ids in found:
            if reference not in self._known:
                self._known[reference] = KnownCustomer(customer_id, reference)
                self._sites[reference] = []
            if site_id is not None:
                self._sites[reference].append((site_id, services, region_ids or ()))
        listed = [region_id for *_, region_ids in found for region_id in region_ids or ()]
        if len(found) + len(listed) >= SITE_REGIONS_AT_MOST:
            self._known.clear()
            return
        new = set(listed).difference(regions)
        if new:
            regions.update(_regions(tx, new))

    def of(self, reference: str, service: str, named: Region | None, kinds: Sequence[str]) -> Whereabouts:
        """Return where a customer is served; raise `InvalidInput` when there is none of this reference."""
        known = self._known.get(reference)
        if known is None:  # or there are too many sites in the batch to have them all
            return of_customer(self._tx, reference, service, named, kinds)
        name = f"|{service}|"
        sites = [
            CandidateSite(site_id, known, tuple([self._regions[region_id] for region_id in of_site]))
            for site_id, services, of_site in sorted(self._sites[reference])
            if name in services
        ]
        return _located(sites, named, kinds, known)


def _regions(tx: Transaction, region_ids: Collection[int]) -> dict[int, Region]:
    keys = [(region_id,) for region_id in region_ids]
    return {found[0]: Region(*found) for found in look_up(tx, "id, kind, code", _REGIONS, keys)}


def of_address(tx: Transaction, address: str, service: str, named: Region | None, kinds: Sequence[str]) -> Whereabouts:
    """Return where the customers behind a normalised address are served; a stranger is where the request says."""
    sites = _sites(tx.tuples(_SITES_OF_ADDRESS, address=address, service=f"%|{service}|%"))
    if sites:
        customers = {site.customer for site in sites}
        return _located(sites, named, kinds, customers.pop() if len(customers) == 1 else None)
    found = directory.find_by_address(tx, address)
    where = _located(sites, named, kinds, customer(tx, found[0]) if len(found) == 1 else None)
    if where.unknown is NotCounted.NO_REGION and found:  # several share the address, and none has the service
        where = structs.replace(where, unknown=NotCounted.NOT_SERVED)
    return where


def _located(
    sites: Sequence[CandidateSite] | None, named: Region | None, kinds: Sequence[str], known: KnownCustomer | None
) -> Whereabouts:
    if sites is None and named is None:
        return Whereabouts(customer=known, on_file=True, unknown=NotCounted.AMBIGUOUS_CUSTOMER)
    return locate(sites or (), named, kinds, known=known)


def customer(tx: Transaction, customer_id: int) -> KnownCustomer:
    """Return a customer by id."""
    reference = tx.scalar("SELECT reference FROM customers WHERE id = :id", id=customer_id)
    return KnownCustomer(customer_id, reference)


def region(tx: Transaction, region_id: int) -> Region | None:
    """Return a region by id."""
    row = tx.row("SELECT id, kind, code FROM regions WHERE id = :id", id=region_id)
    return None if row is None else Region(row["id"], row["kind"], row["code"])


def region_named(tx: Transaction, text: str, kinds: RegionKinds) -> Region:
    """Return the region written as `KIND:CODE`, or as the code alone where only one kind has it.

    Raises `InvalidInput` with the nearest codes when the directory has no such region.
    """
    meanings = _meanings(text, kinds)
    found = []
    for kind, code in meanings:
        region_id = directory.region_id(tx, kind, code)
        if region_id is not None and (known := region(tx, region_id)) is not None:
            found.append(known)
    if len(found) == 1:
        return found[0]
    if found:
        choices = " or ".join(f"{one.kind}:{one.code}" for one in found)
        raise InvalidInput(f"'{text}' may be several regions", field="region", value=text, expected=choices)
    code = text.partition(":")[2] or text
    codes = [like for kind, written in meanings for like in _codes_like(tx, kind, written)]
    what = label(meanings[0][0]) if len(meanings) == 1 else "region"
    raise InvalidInput(
        f"there is no {what} '{code.strip()}' in the directory{nearest(code.strip(), codes)}",
        field="region",
        value=text,
        expected="one of " + ", ".join(codes[:EXAMPLES]) if codes else "a region of the directory",
    )


def _meanings(text: str, kinds: RegionKinds) -> list[tuple[str, str]]:
    """Return the (kind, code) pairs that a region may mean, as the directory writes them."""
    if ":" in text:
        key = kinds.parse(text)
        return [(key.kind, key.code)]
    meanings = []
    for kind in kinds.kinds:
        try:
            meanings.append((kind, kinds.key(kind, text).code))
        except InvalidInput:  # not written like a code of this kind
            continue
    return meanings


def _codes_like(tx: Transaction, kind: str, code: str) -> list[str]:
    """Return codes of a kind that begin like this one, for a hint; the first of all when none does."""
    sql = "SELECT code FROM regions WHERE kind = :kind AND code LIKE :start ORDER BY code LIMIT :most"
    start = code[:1].replace("%", "").replace("_", "")
    found = tx.tuples(sql, kind=kind, start=f"{start}%", most=HINTS_AT_MOST)
    return [row[0] for row in found or tx.tuples(sql, kind=kind, start="%", most=EXAMPLES)]


# SQLite prepares a statement anew at every execution when LIKE has a bare parameter on its right: 13 us, hence '' ||.
_SITES = """SELECT s.customer_id, c.reference, s.id, r.id, r.kind, r.code
            FROM sites AS s JOIN customers AS c ON c.id = s.customer_id
            LEFT JOIN site_regions AS sr ON sr.site_id = s.id LEFT JOIN regions AS r ON r.id = sr.region_id
            WHERE s.status = 'active' AND s.services LIKE '' || :service"""
_SITES_OF_ADDRESS = f"""{_SITES}
            AND s.id IN (SELECT l.site_id FROM contact_points AS p JOIN links AS l ON l.contact_point_id = p.id
                         WHERE p.address = :address) LIMIT {SITE_REGIONS_AT_MOST}"""
_SITES_OF_CUSTOMER = f"{_SITES} AND c.reference = :reference LIMIT {SITE_REGIONS_AT_MOST}"


_SERVED = f"""SELECT c.reference, c.id AS customer_id, s.id AS site_id, s.services,
                     (SELECT {{array}}(sr.region_id) FROM site_regions AS sr WHERE sr.site_id = s.id) AS regions
              FROM {{each}} CROSS JOIN customers AS c
              LEFT JOIN sites AS s ON s.customer_id = c.id AND s.status = 'active'
              WHERE c.reference = k.value ->> 0 LIMIT {SITES_AT_MOST}"""
_REGIONS = """SELECT r.id, r.kind, r.code FROM {each} CROSS JOIN regions AS r
              WHERE r.id = CAST(k.value ->> 0 AS BIGINT)"""


def _sites(rows: list[tuple[int, str, int, int | None, str, str]]) -> list[CandidateSite] | None:
    if len(rows) == SITE_REGIONS_AT_MOST:
        return None
    customers: dict[int, KnownCustomer] = {}
    regions: dict[int, Region] = {}
    sites: dict[int, tuple[int, list[Region]]] = {}
    for customer_id, reference, site_id, region_id, kind, code in rows:
        if customer_id not in customers:
            customers[customer_id] = KnownCustomer(customer_id, reference)
        of_site = sites.setdefault(site_id, (customer_id, []))[1]
        if region_id is not None:
            if region_id not in regions:
                regions[region_id] = Region(region_id, kind, code)
            of_site.append(regions[region_id])
    return [
        CandidateSite(site_id, customers[customer_id], tuple(of_site))
        for site_id, (customer_id, of_site) in sorted(sites.items())
    ]
