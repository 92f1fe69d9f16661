"""A generated town: customers with names, addresses, plans and contact points, one row per site.

The same plan and seed give the same town on every machine. Postal codes lie in cities, cities in the regions of area
codes, and each postal code has its own network nodes. Only reserved addresses are used: mail at example.com, and
telephone numbers NPA-555-01XX. Of those there are only 100 per area code: once the town's own are given out, people
have kept a number of another area code from where they lived before, as many do.

In: `TownPlan`. Out: `TownSite` values, or the directory file of `notifier customers import`.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from notifier.domain.numbering import PUBLIC_PLAN

STATE = "CA"
FIRST_POSTAL_CODE = 94110
POSTAL_CODES_PER_CITY = 5
NODES_PER_POSTAL_CODE = 3
SHARED_AREA_CODES = ("415", "628")  # an overlay: two codes, one region
OTHER_AREA_CODES = ("650", "661", "831", "925")
PHONES_PER_AREA_CODE = 100  # 555-0100 to 555-0199 are reserved for fiction
COMPANY_AREA_CODE = "212"  # of the company's own people: no customer has a number there
CARER_PHONES = 10  # of those, the ones kept for carers
LOCALES = {"en": 74, "es": 22, "fr": 4}  # and how many of a hundred read it

PHONE_SHARE = 0.5  # of the customers, while there are phones left
PHONE_ONLY_SHARE = 0.25  # of those who have a phone
UNREACHABLE_SHARE = 0.02
SHARED_HOUSEHOLD_SHARE = 0.03  # live at the address of the customer before and share its mail address
PRIORITY_SHARE = 0.008

CITIES = ("Springfield", "Riverside", "Oakdale", "Harbor Point", "Mill Creek", "Fairview", "Cedar Falls", "Stonebridge")
STREETS = (
    *("Oak St", "Maple Ave", "Harbor Rd", "Mission St", "Valencia St", "Cedar Ln", "Mill Rd", "Hill St", "Park Ave"),
    *("Lake Dr", "River Rd", "Church St", "School St", "Bridge St", "Orchard Ln", "Sunset Blvd", "Pine St", "Elm St"),
    *("Walnut St", "Chestnut St", "Main St", "Market St", "Garden Ct", "Spring St", "Canyon Rd", "Meadow Ln"),
)
FIRST_NAMES = (
    *("Ana", "Ben", "Carla", "David", "Elena", "Frank", "Grace", "Henry", "Ines", "James", "Kim", "Luis", "Maria"),
    *("Noah", "Olga", "Peter", "Quinn", "Rosa", "Sam", "Tina", "Umar", "Vera", "Wei", "Xenia", "Yusuf", "Zoe"),
)
LAST_NAMES = (
    *("Adams", "Baker", "Chen", "Diaz", "Evans", "Fischer", "Garcia", "Hughes", "Ivanov", "Jones", "Kaya", "Lopez"),
    *("Moreno", "Nguyen", "Okafor", "Patel", "Quist", "Rossi", "Silva", "Tanaka", "Usman", "Vega", "Wong", "Young"),
)
TRADES = ("Bakery", "Dental", "Hardware", "Grocery", "Laundry", "Books", "Auto Repair", "Cafe")
LABELS = ("Barn", "Workshop", "Store 2", "Store 3", "Office", "Warehouse", "Cabin", "Studio", "Store 4", "Garage")
PLANS = (("Home 100", "39.90"), ("Home 500", "54.90"), ("Home 1000", "74.90"), ("Basic", "24.90"))
BUSINESS_PLAN = ("Business", "149.00")
SERVICES = (("internet", "power"), ("internet", "power"), ("internet", "power"), ("power",), ("internet",))

REGION_KINDS = ("node", "postal_code", "city", "area_code", "state")
COLUMNS = (
    *("customer_id", "site_id", "name", "label", "address", "services", "status", "account_type", "priority"),
    *("email", "phone", "phone2", "phone2_role", "phone_kind", "locale", "time_zone", "plan", "monthly_price"),
    *("currency", *(f"region.{kind}" for kind in REGION_KINDS)),
)
"""The columns of the directory file, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TownPlan:
    """How large a town is to be made; `seed` picks one of the many towns of that size."""

    customers: int = 20_000
    sites: int = 0  # 0 = 7.5 % more than customers, so 21,500 for 20,000
    postal_codes: int = 40
    seed: int = 1

    @property
    def site_count(self) -> int:
        """Return how many sites there are in all, at least one per customer."""
        return max(self.customers, self.sites or round(self.customers * 1.075))


@dataclass(frozen=True, slots=True, kw_only=True)
class TownSite:
    """One site with its customer: one row of the directory file."""

    customer_id: str
    site_id: str
    name: str
    label: str
    address: str
    services: tuple[str, ...]
    status: str
    account_type: str
    priority: bool
    email: str
    phone: str
    phone2: str
    phone2_role: str
    phone_kind: str
    locale: str
    plan: str
    monthly_price: str
    regions: tuple[str, ...]  # codes, in the order of REGION_KINDS

    def is_served(self, service: str) -> bool:
        """Tell whether an outage of `service` here is felt by this site."""
        return self.status == "active" and service in self.services

    def region(self, kind: str) -> str:
        """Return the code of its region of a kind."""
        return self.regions[REGION_KINDS.index(kind)]

    def row(self) -> tuple[str, ...]:
        """Return the values in the order of `COLUMNS`."""
        return (
            *(self.customer_id, self.site_id, self.name, self.label, self.address, "|".join(self.services)),
            *(self.status, self.account_type, "yes" if self.priority else "no", self.email, self.phone),
            *(self.phone2, self.phone2_role, self.phone_kind, self.locale, "", self.plan, self.monthly_price, "USD"),
            *self.regions,
        )


def sites_of(plan: TownPlan) -> Iterator[TownSite]:
    """Yield every site of the town, the sites of one customer after each other."""
    random = Random(f"town:{plan.seed}")
    places = _Places(plan, random)
    phones = _Phones(random)
    extra = _extra_sites(plan, random)
    before: TownSite | None = None
    for number in range(1, plan.customers + 1):
        if before is not None and random.random() < SHARED_HOUSEHOLD_SHARE and number not in extra:
            first = _same_household(number, before, random)
        else:
            first = _customer(number, places, phones, random, is_business=number in extra)
        yield first
        yield from (_further_site(first, index, places, random) for index in range(extra.get(number, 0)))
        before = first if first.account_type == "residential" and first.email else None


def write_town(path: Path, sites: Iterable[TownSite]) -> int:
    """Write the directory file and return its number of rows."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for site in sites:
            writer.writerow(site.row())
            count += 1
    return count


class _Places:
    """Where sites can be: postal codes with unequal numbers of homes, their nodes, city and area codes."""

    def __init__(self, plan: TownPlan, random: Random) -> None:
        self._codes = [str(FIRST_POSTAL_CODE + index) for index in range(plan.postal_codes)]
        weights = [random.uniform(0.5, 1.5) for _ in self._codes]
        self._cumulative = [sum(weights[: index + 1]) for index in range(len(weights))]
        self._numbers = dict.fromkeys(self._codes, 0)

    def draw(self, random: Random) -> tuple[str, tuple[str, ...]]:
        """Return the address and the region codes of one more site somewhere in town."""
        (code,) = random.choices(self._codes, cum_weights=self._cumulative)
        return self.draw_in(code, random)

    def draw_in(self, code: str, random: Random) -> tuple[str, tuple[str, ...]]:
        """Return the address and the region codes of one more site in a postal code."""
        index = self._codes.index(code)
        city = _city(index // POSTAL_CODES_PER_CITY)
        self._numbers[code] += 1
        house, street = divmod(self._numbers[code], len(STREETS))
        address = f"{2 * house + 2} {STREETS[street]}, {city}, {STATE} {code}"
        node = f"OLT-{code[-3:]}-{random.randint(1, NODES_PER_POSTAL_CODE)}"
        return address, (node, code, city, _area_code(index, len(self._codes), random), STATE)


def _city(number: int) -> str:
    """Return the name of a city; after the eight names come `Springfield 2` and so on."""
    again, name = divmod(number, len(CITIES))
    return CITIES[name] + (f" {again + 1}" if again else "")


def _area_code(index: int, count: int, random: Random) -> str:
    """Return the area code of a postal code: the first fifth of the town has an overlay of two."""
    part = index * (1 + len(OTHER_AREA_CODES)) // count
    return random.choice(SHARED_AREA_CODES) if part == 0 else OTHER_AREA_CODES[part - 1]


class _Phones:
    """The reserved telephone numbers, each given out once: those of the town first, then those brought along."""

    def __init__(self, random: Random) -> None:
        self._left: dict[str, list[int]] = {}
        for code in (*SHARED_AREA_CODES, *OTHER_AREA_CODES):
            self._left[code] = list(range(CARER_PHONES, PHONES_PER_AREA_CODE))
            random.shuffle(self._left[code])
        self._carers = {code: list(range(CARER_PHONES)) for code in self._left}
        taken = {*self._left, COMPANY_AREA_CODE}
        elsewhere = sorted(
            known.code for known in PUBLIC_PLAN if known.in_service and known.is_geographic and known.code not in taken
        )
        self._brought = [f"+1{code}55501{line:02d}" for code in elsewhere for line in range(PHONES_PER_AREA_CODE)]
        random.shuffle(self._brought)

    def draw(self, area_code: str) -> str:
        """Return a number nobody has yet, or nothing when they have run out."""
        return self._take(self._left, area_code) or self._another()

    def draw_carer(self, area_code: str) -> str:
        """Return a number for a carer, or nothing when they have run out."""
        return self._take(self._carers, area_code) or self._another()

    def _take(self, pool: dict[str, list[int]], area_code: str) -> str:
        return f"+1{area_code}55501{pool[area_code].pop():02d}" if pool[area_code] else ""

    def _another(self) -> str:
        return self._brought.pop() if self._brought else ""


def _extra_sites(plan: TownPlan, random: Random) -> dict[int, int]:
    """Return how many further sites which customers have: mostly one or two, a few have a dozen."""
    left, extra = plan.site_count - plan.customers, dict[int, int]()
    while left > 0:
        number = random.randint(1, plan.customers)
        more = min(left, random.choice((1, 1, 1, 1, 2, 2, 3, 4, 11)))
        extra[number] = extra.get(number, 0) + more
        left -= more
    return extra


def _customer(number: int, places: _Places, phones: _Phones, random: Random, *, is_business: bool) -> TownSite:
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    address, regions = places.draw(random)
    area_code = regions[REGION_KINDS.index("area_code")]
    phone = phones.draw(area_code) if random.random() < PHONE_SHARE else ""
    email = f"{first}.{last}.{number}@example.com".lower()
    if phone and random.random() < PHONE_ONLY_SHARE:
        email = ""
    if random.random() < UNREACHABLE_SHARE:
        email = phone = ""
    carer = phones.draw_carer(area_code) if phone and random.random() < 0.3 else ""
    plan, price = BUSINESS_PLAN if is_business else random.choice(PLANS)
    return TownSite(
        customer_id=f"C{number:06d}",
        site_id="1",
        name=f"{last} {random.choice(TRADES)}" if is_business else f"{first} {last}",
        label="Main" if is_business else "",
        address=address,
        services=random.choice(SERVICES),
        status=random.choices(("active", "paused", "ended"), weights=(970, 15, 15))[0],
        account_type="business" if is_business else "residential",
        priority=random.random() < PRIORITY_SHARE,
        email=email,
        phone=phone,
        phone2=carer,
        phone2_role="carer" if carer else "",
        phone_kind="" if not phone else random.choice(("mobile", "mobile", "mobile", "landline")),
        locale=_locale(random),
        plan=plan,
        monthly_price=price,
        regions=regions,
    )


def _locale(random: Random) -> str:
    return random.choices(tuple(LOCALES), weights=tuple(LOCALES.values()))[0]


def _same_household(number: int, before: TownSite, random: Random) -> TownSite:
    """Return a customer with a contract of its own at the address of the one before, reading the same mailbox."""
    plan, price = random.choice(PLANS)
    return TownSite(
        customer_id=f"C{number:06d}",
        site_id="1",
        name=f"{random.choice(FIRST_NAMES)} {before.name.split()[-1]}",
        label="",
        address=before.address,
        services=random.choice(SERVICES),
        status="active",
        account_type="residential",
        priority=False,
        email=before.email,
        phone="",
        phone2="",
        phone2_role="",
        phone_kind="",
        locale=before.locale,
        plan=plan,
        monthly_price=price,
        regions=before.regions,
    )


def _further_site(first: TownSite, index: int, places: _Places, random: Random) -> TownSite:
    """Return one more site of a customer, a third of them in the postal code of the first."""
    near = random.random() < 1 / 3
    address, regions = places.draw_in(first.region("postal_code"), random) if near else places.draw(random)
    return TownSite(
        customer_id=first.customer_id,
        site_id=str(index + 2),
        name=first.name,
        label=LABELS[index % len(LABELS)],
        address=address,
        services=random.choice(SERVICES),
        status=random.choices(("active", "paused", "ended"), weights=(970, 15, 15))[0],
        account_type=first.account_type,
        priority=False,
        email=first.email,
        phone=first.phone,
        phone2=first.phone2,
        phone2_role=first.phone2_role,
        phone_kind=first.phone_kind,
        locale=first.locale,
        plan=first.plan,
        monthly_price=first.monthly_price,
        regions=regions,
    )
