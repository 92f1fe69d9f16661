"""A real storm for the replay: PG&E trouble tickets, generated customers in their ZIPs, and the outages that were.

In: the data folder and a stretch of days. Out: a town of customers, the tickets before the stretch (history), those in
it, each from a customer who did not report in the last 24 hours, and the outages by which the replay is judged.
"""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Los_Angeles")
CUSTOMERS_AT_LEAST = 20  # per ZIP
NOT_OUR_CONCERN = ("psps", "planned")  # causes that were announced: nobody had to detect them
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One customer's trouble ticket."""

    at: datetime
    zip: str
    id: str
    customer: str  # of the generated town


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One outage of at least two customers, as PG&E knew it."""

    at: datetime
    zip: str
    id: str
    customers: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What is replayed."""

    begin: datetime
    end: datetime
    history: tuple[Ticket, ...]
    tickets: tuple[Ticket, ...]
    outages: tuple[Outage, ...]  # of the stretch and the six hours before it, any cause
    places: dict[str, tuple[str, str]]  # ZIP -> city, area code
    population: dict[str, int]  # ZIP -> customers

    def customers(self) -> Iterator[dict[str, str | dict[str, str]]]:
        """Yield the rows of the directory, as the API takes them."""
        number = 0
        for zip_, size in sorted(self.population.items()):
            city, area_code = self.places[zip_]
            for index in range(size):
                number += 1
                yield {
                    "customer_id": customer_of(zip_, index),
                    "site_id": "1",
                    "address": f"{index + 1} Main Street, {city}",
                    "services": "power",
                    "status": "active",
                    "email": f"{customer_of(zip_, index).lower()}@example.net",
                    "regions": {"postal_code": zip_, "city": city, "area_code": area_code, "state": "CA"},
                }


def customer_of(zip_: str, index: int) -> str:
    """Return the reference of a generated customer."""
    return f"Z{zip_}-{index}"


def load(data: Path, first: str, last: str) -> Storm:
    """Read the days from `first` to `last` (both included, local) and everything before them."""
    begin = datetime.combine(datetime.fromisoformat(first).date(), time(), ZONE)
    end = datetime.combine(datetime.fromisoformat(last).date() + timedelta(days=1), time(), ZONE)
    rows = [(_instant(row["ts_iso"]), row["region"], row["id"]) for row in _rows(data / "tickets.csv.gz")]
    rows = sorted(row for row in rows if row[0] < end)
    places = _places(data / "zip_area_code.csv", {zip_ for _, zip_, _ in rows})
    population = _population(rows)
    tickets = list(_with_customers(rows, population))
    outages = tuple(
        Outage(
            at=_instant(row["ts_iso"]),
            zip=row["region"],
            id=row["id"],
            customers=int(row["est_customers"]),
            cause=row["final_cause"],
        )
        for row in _rows(data / "outages_truth.csv.gz")
        if begin - 6 * HOUR <= _instant(row["ts_iso"]) < end
    )
    return Storm(
        begin=begin.astimezone(UTC),
        end=end.astimezone(UTC),
        history=tuple(ticket for ticket in tickets if ticket.at < begin),
        tickets=tuple(ticket for ticket in tickets if ticket.at >= begin),
        outages=outages,
        places=places,
        population=population,
    )


def judged(storm: Storm, at_least: int) -> list[tuple[Outage, datetime]]:
    """Return the outages with enough tickets within the hour, each with the time of the ticket that made it enough."""
    by_zip: dict[str, list[datetime]] = defaultdict(list)
    for ticket in storm.tickets:
        by_zip[ticket.zip].append(ticket.at)
    found = []
    for outage in storm.outages:
        if outage.cause in NOT_OUR_CONCERN or outage.at < storm.begin:
            continue
        within = [at for at in by_zip[outage.zip] if outage.at <= at < outage.at + HOUR]
        if len(within) >= at_least:
            found.append((outage, within[at_least - 1]))
    return found


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _places(path: Path, zips: set[str]) -> dict[str, tuple[str, str]]:
    with path.open(newline="") as file:
        known = {row["zip"]: (row["city"], row["area_code"].split()[0]) for row in csv.DictReader(file)}
    return {zip_: known[zip_] for zip_ in zips if zip_ in known}


def _population(rows: Sequence[tuple[datetime, str, str]]) -> dict[str, int]:
    """Return how many customers each ZIP needs so that nobody reports twice within 24 hours."""
    by_day = Counter((zip_, at.date()) for at, zip_, _ in rows)
    busiest: dict[str, int] = defaultdict(int)
    for (zip_, _), tickets in by_day.items():
        busiest[zip_] = max(busiest[zip_], tickets)
    return {zip_: max(CUSTOMERS_AT_LEAST, 3 * tickets) for zip_, tickets in busiest.items()}


def _with_customers(rows: Sequence[tuple[datetime, str, str]], population: dict[str, int]) -> Iterator[Ticket]:
    """Give every ticket to the customer of its ZIP who has been silent longest."""
    turn: Counter[str] = Counter()
    for at, zip_, ticket_id in rows:
        yield Ticket(at=at, zip=zip_, id=ticket_id, customer=customer_of(zip_, turn[zip_] % population[zip_]))
        turn[zip_] += 1
