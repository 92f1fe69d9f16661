"""How long after the end of an outage "looks over" is suggested, and how often while it still lasts.

No public data have both complaints and the end of the outage, so two sets are put together: the background is PG&E's
real tickets, by postal code; an outage begins at a random moment, lasts as long as a real one of Entergy's (50
customers and more), and draws callers at the rate at which PG&E's tickets follow its own large outages. The rule looks
every ten minutes for two days, without any reply of customers, which is the hard case.

    python -m bench.looks_over DATA [--outages 400] [--seed 1]
"""

import argparse
import csv
import gzip
import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from notifier.domain.looks_over import Heard, is_suggested, outlook

SIZES = (5, 10, 20, 50, 100)  # callers in the first four hours, were it to last
LOOK_EVERY = timedelta(minutes=10)
LOOKED_FOR = timedelta(hours=48)
# Tickets an hour above the background after PG&E's outages of 200 customers and more, by minutes since they began.
PROFILE = ((0, 5, 21.0), (5, 15, 4.0), (15, 60, 3.0), (60, 120, 2.3), (120, 240, 1.0), (240, 2880, 0.4))
BACKGROUND_DAYS = 28


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder with pge-trouble-tickets and entergy-zip-outages")
    parser.add_argument("--outages", type=int, default=400, help="of each size")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311  # a simulation
    tickets, durations = read_tickets(options.data), read_durations(options.data)
    print("callers | suggested within 48 h | while still out | minutes after the end: median | 9 in 10")
    for size in SIZES:
        results = [one(chance, tickets, durations, size) for _ in range(options.outages)]
        found = [late for late in results if late is not None]
        right = sorted(late for late in found if late >= 0)
        print(
            f"{size:7} | {len(found) / len(results):21.1%} | {1 - len(right) / max(len(found), 1):15.1%} |"
            f" {median(right):29.0f} | {right[int(len(right) * 0.9)]:7.0f}"
        )


def one(
    chance: random.Random, tickets: Sequence[Sequence[datetime]], durations: Sequence[timedelta], size: int
) -> float | None:
    """Return minutes from the end of one outage to the suggestion, below 0 while it lasts; None when there is none."""
    region = chance.choice(tickets)
    started_at = chance.choice(region[len(region) // 4 : -len(region) // 4]) + chance.random() * timedelta(hours=24)
    ends_at = started_at + chance.choice(durations)
    first = bisect_left(region, started_at - timedelta(days=BACKGROUND_DAYS))
    here, last = bisect_left(region, started_at), bisect_left(region, started_at + LOOKED_FOR)
    per_hour = (here - first) / (BACKGROUND_DAYS * 24)
    calls = sorted([*region[here:last], *(at for at in callers(chance, started_at, size) if at < ends_at)])
    now, until = started_at, started_at + LOOKED_FOR
    while now < until:
        now += LOOK_EVERY
        heard = Heard(started_at=started_at, complaints=calls[: bisect_left(calls, now)])
        found = outlook(heard, lambda since, to: per_hour * ((to - since) / timedelta(hours=1)), now=now)
        if is_suggested(found, before=False):
            return (now - ends_at) / timedelta(minutes=1)
    return None


def callers(chance: random.Random, started_at: datetime, size: int) -> Iterator[datetime]:
    """Yield when people call about an outage that does not end."""
    whole = sum(rate * (min(until, 240) - since) for since, until, rate in PROFILE if since < 240)
    for since, until, rate in PROFILE:
        at = since + chance.expovariate(rate * size / whole)
        while at < until:
            yield started_at + timedelta(minutes=at)
            at += chance.expovariate(rate * size / whole)


def read_tickets(data: Path) -> list[list[datetime]]:
    """Return the times of tickets of each postal code that has 100 or more."""
    by_region: defaultdict[str, list[datetime]] = defaultdict(list)
    for row in _rows(data / "pge-trouble-tickets" / "tickets.csv.gz"):
        by_region[row["region"]].append(datetime.fromisoformat(row["ts_iso"]).astimezone(UTC))
    return [sorted(times) for _, times in sorted(by_region.items()) if len(times) >= 100]


def read_durations(data: Path) -> list[timedelta]:
    """Return how long Entergy's outages lasted."""
    return [
        datetime.fromisoformat(row["end_iso"]) - datetime.fromisoformat(row["ts_iso"])
        for row in _rows(data / "entergy-zip-outages" / "episodes.csv.gz")
        if row["end_iso"] and int(row["peak_customers"]) >= 50
    ]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    main()
