"""A town for the benchmark of place: sizes from real outages, a directory in the store, and a past of complaints.

In: `episodes.csv.gz` of entergy-zip-outages (ZIP, peak customers out, customers served). Nodes are as large as outages
have been in their ZIP; ZIPs hold as many customers as are served there; neighbouring ZIPs make cities of two to eight;
cities lie in the area codes of Louisiana. Out: `Town`, and a store that knows it.
"""

import csv
import gzip
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from notifier.storage.database import Transaction
from notifier.storage.sqlite import SqliteDatabase

AREA_CODES = {"703": "985", "704": "985", "705": "337", "706": "337"}  # by the first digits of a ZIP
KINDS = ("node", "postal_code", "city", "area_code")
NODE_SITES = (40, 3_000)  # an outage of this size was one of a node
SERVED_AT_LEAST = 100
CITY_SIZES = (2, 3, 3, 4, 5, 6, 8)  # ZIPs
OWN_SIZES = 0.7  # of the nodes are sized after outages in their own ZIP, the others after any
SERVICE = "power"


@dataclass(frozen=True, slots=True)
class Episode:
    """An outage that was."""

    zip: str
    peak: int
    served: int

    @property
    def share(self) -> float:
        """Return which share of the ZIP was out at its peak."""
        return self.peak / max(self.served, 1)


@dataclass(slots=True)
class Town:
    """Nodes with their sizes and the regions they lie in; a region is known by its id in the store."""

    sites: dict[int, int] = field(default_factory=dict)  # by region
    path: dict[int, tuple[int, ...]] = field(default_factory=dict)  # of a node: narrow before wide
    nodes: dict[int, set[int]] = field(default_factory=dict)  # of a region
    kind: dict[int, str] = field(default_factory=dict)
    code: dict[int, str] = field(default_factory=dict)
    of_code: dict[tuple[str, str], int] = field(default_factory=dict)

    def region(self, kind: str, code: str) -> int:
        """Return the id of a region, a new one when there is none."""
        known = self.of_code.get((kind, code))
        if known is None:
            known = self.of_code[kind, code] = len(self.of_code) + 1
            self.kind[known], self.code[known], self.sites[known], self.nodes[known] = kind, code, 0, set()
        return known

    def add(self, path: tuple[int, ...], sites: int) -> None:
        """Add a node with some sites."""
        self.path[path[0]] = path
        for region in path:
            self.sites[region] += sites
            self.nodes[region].add(path[0])

    def all_nodes(self, regions: list[int]) -> set[int]:
        """Return the nodes that lie in some regions."""
        return {node for region in regions for node in self.nodes[region]}

    def size(self, nodes: set[int]) -> int:
        """Return the sites of some nodes."""
        return sum(self.sites[node] for node in nodes)

    def inside(self, region: int, kind: str) -> list[int]:
        """Return the regions of a kind in a wider one, in order."""
        rank = KINDS.index(kind)
        return sorted({self.path[node][rank] for node in self.nodes[region]})


def episodes(folder: Path) -> list[Episode]:
    """Return the outages in the ZIPs of two area codes."""
    with gzip.open(folder / "episodes.csv.gz", "rt") as file:
        return [
            Episode(row["region"], int(row["peak_customers"]), int(row["served"] or 0))
            for row in csv.DictReader(file)
            if row["region"][:3] in AREA_CODES and int(row["served"] or 0) >= SERVED_AT_LEAST
        ]


def make(known: list[Episode], seed: int = 1) -> Town:
    """Make the town."""
    random, town = Random(f"where:{seed}"), Town()  # noqa: S311 - to be repeated
    served = {each.zip: each.served for each in known}
    peaks: dict[str, list[int]] = {}
    for each in known:
        if NODE_SITES[0] <= each.peak <= NODE_SITES[1]:
            peaks.setdefault(each.zip, []).append(each.peak)
    every = [peak for some in peaks.values() for peak in some]
    city, left, district = 0, 0, ""
    for code in sorted(served):
        if left == 0 or district != code[:3]:
            city, left, district = city + 1, random.choice(CITY_SIZES), code[:3]
        left -= 1
        above = (
            town.region("postal_code", code),
            town.region("city", f"City {city}"),
            town.region("area_code", AREA_CODES[district]),
        )
        rest, number = served[code], 0
        while rest:
            own = peaks.get(code, every) if random.random() < OWN_SIZES else every
            size = min(random.choice(own), rest)
            size = rest if rest - size < NODE_SITES[0] else size
            number += 1
            town.add((town.region("node", f"{code}-{number}"), *above), size)
            rest -= size
    return town


def store(database: SqliteDatabase, town: Town, *, first_day: int, days: int, per_site_day: float) -> None:
    """Write the directory, and the counts of a past in which complaints came at their usual rate."""
    database.write_now(lambda tx: _write(tx, town, first_day, days, per_site_day))


def _write(tx: Transaction, town: Town, first_day: int, days: int, per_site_day: float) -> None:
    random = Random("past")  # noqa: S311 - to be repeated
    tx.run("INSERT INTO customers (id, reference, created_at, updated_at) VALUES (1, 'everybody', 0, 0)")
    tx.insert_many("regions", ("id", "kind", "code"), [(id_, town.kind[id_], town.code[id_]) for id_ in town.kind])
    site = 0
    for node, path in town.path.items():
        numbers = range(site + 1, site + town.sites[node] + 1)
        site += town.sites[node]
        columns = ("id", "customer_id", "reference", "services", "status", "updated_at")
        tx.insert_many("sites", columns, [(n, 1, str(n), f"|{SERVICE}|", "active", 0) for n in numbers])
        tx.insert_many("site_regions", ("region_id", "site_id"), [(region, n) for n in numbers for region in path])
    hours: dict[int, int] = {}
    cells: dict[tuple[int, int], int] = {}
    for node, path in town.path.items():
        for _ in range(poisson(random, town.sites[node] * per_site_day * days)):
            hour = random.randrange(first_day * 24, (first_day + days) * 24)
            hours[hour] = hours.get(hour, 0) + 1
            for region in path:
                cells[region, hour // 24] = cells.get((region, hour // 24), 0) + 1
    tx.insert_many("service_hours", ("service", "hour", "complaints"), [(SERVICE, *each) for each in hours.items()])
    rows = [(region, SERVICE, day, number) for (region, day), number in cells.items()]
    tx.insert_many("cell_days", ("region_id", "service", "day", "complaints"), rows)


def poisson(random: Random, mean: float) -> int:
    """Return a Poisson number."""
    number, at = 0, random.expovariate(1.0)
    while at < mean:
        number, at = number + 1, at + random.expovariate(1.0)
    return number
