"""Where: which of the sites that are out, and which that are not, would have been told of an outage.

    python -m bench.where --data DIR [--episodes 40] [--seed 1] [--only node,zip] [--uneven]

Outages are drawn from real ones (entergy-zip-outages) and injected into a usual background of complaints; the
production detector decides from the store, complaint by complaint, on a clock that goes on minute by minute. Nobody
commands. At 10 and 30 minutes after the first suspicion, the sites in the places of all incidents opened since are
compared with the sites that are out: precision is the share of those told that are out, recall the share of those out
that are told. An outage that is never suspected has no place; how many those were is printed.
"""

import argparse
import asyncio
import logging
import math
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import mean, median

import structlog

from bench.set_clock import SetClock
from bench.where_town import KINDS, SERVICE, Episode, Town, episodes, make, poisson, store
from notifier.config import Config, Regions
from notifier.domain.local_time import LocalTime
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.detection import Detection
from notifier.storage.instants import to_json, to_micros
from notifier.storage.migrate import upgrade
from notifier.storage.sqlite import SqliteDatabase

PER_SITE_DAY = 0.001  # complaints when nothing is wrong
PAST_DAYS = 28
TODAY = datetime(2026, 3, 4, 8, 0, tzinfo=UTC)  # midnight in California
CALLERS = (0.005, 0.05)  # of the affected customers call, log-uniform
DELAY_MEDIANS = (10, 30)  # minutes from the outage to the call, gamma with shape 1.5
DELAY_SHAPE, MEDIAN_OF_SHAPE = 1.5, 1.183
CALLERS_AT_LEAST = 2  # of an outage, for a suspicion to be one of it
LOOKS = (10, 30)  # minutes after the first suspicion
LEAD, GIVE_UP = 720, 240  # minutes of background before; without a suspicion after
UNEVEN_SHAPE = 4.0  # with --uneven the propensity of each ZIP is gamma-distributed about that of its outage


@dataclass(frozen=True, slots=True)
class Part:
    """Nodes that go out together."""

    nodes: frozenset[int]
    at: float = 0.0  # minutes after the first
    has_nodes: bool = True  # False: the directory knows no nodes, and only part of the ZIP is out


@dataclass(slots=True)
class Outcome:
    """What would have been told, by look."""

    precision: list[float] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    incidents: list[int] = field(default_factory=list)
    apart: list[bool] = field(default_factory=list)  # whether every part has an incident of its own
    shown: bool = False  # whether every part has evidence of its own at the last look
    grown: bool = False  # whether a timeline says "now also"
    opened: float | None = None
    seconds: float = 0.0


class World:
    """A store with the town, in which one outage after the other is played."""

    def __init__(self, folder: Path, town: Town) -> None:
        self.town = town
        upgrade(f"sqlite:///{folder / 'where.db'}")
        self.database = SqliteDatabase(folder / "where.db")
        self.config = Config(regions=Regions(kinds=KINDS, watched=KINDS))
        local = LocalTime(self.config.regions.time_zone)
        self.noon = TODAY + timedelta(hours=12)
        first = local.day(to_micros(self.noon)) - PAST_DAYS
        store(self.database, town, first_day=first, days=PAST_DAYS, per_site_day=PER_SITE_DAY)
        self.clock = SetClock(self.noon)

    def detection(self) -> Detection:
        """Return a detector that knows what the store knows."""
        services = tuple(service.name for service in self.config.services)
        playbooks = dict.fromkeys(services, Playbook(name="standard", services=services))
        metrics = Metrics(services=services, sources=("api",))
        return Detection(self.database, self.config, self.clock, EmbeddedQueue(), metrics, playbooks)

    def clear(self) -> None:
        """Forget the outage played last."""
        tables = ("evidence", "timeline", "place_doubts", "incident_regions", "parts", "incidents", "complaints")
        made = ("baselines", "baseline_shapes", "detector")
        self.database.write_now(lambda tx: [tx.run(f"DELETE FROM {table}") for table in (*tables, *made)])

    async def play(self, parts: Sequence[Part], random: Random, *, uneven: bool) -> Outcome:
        """Play one outage, and compare what would be told with what is out."""
        self.clear()
        detection, outcome = self.detection(), Outcome()
        await detection.rebuild()
        injected = self._calls(parts, random, uneven=uneven)
        own = [minutes for minutes, _ in injected]
        calls = sorted(self._background(parts, random) + injected)
        at, looks, sent = -float(LEAD), list(LOOKS), 0
        last = max(part.at for part in parts)
        while looks and at < GIVE_UP + LOOKS[-1]:
            at = 0.0 if at < 0 else at + 1
            until = sent
            while until < len(calls) and calls[until][0] <= at:
                until += 1
            self._store(calls[sent:until])
            sent = until
            self.clock.at = self.noon + timedelta(minutes=at)
            began = time.perf_counter()
            while await detection.step():
                pass
            outcome.seconds = max(outcome.seconds, time.perf_counter() - began)
            if at == 0:
                self._ignore_noise()
            if outcome.opened is None and self._incidents():
                outcome.opened = at
                if sum(minutes <= at for minutes in own) < CALLERS_AT_LEAST:
                    return outcome  # a false incident came first: that is the detector's
            if outcome.opened is not None and at >= max(outcome.opened, last) + looks[0]:
                looks.pop(0)
                self._look(parts, outcome)
            if outcome.opened is None and at > GIVE_UP:
                break
        return outcome

    def _ignore_noise(self) -> None:
        """Dismiss what opened before the outage: false incidents are the detector's, not the place's."""
        at = to_micros(self.clock.at)
        sql = "UPDATE incidents SET state = 'dismissed', dismissed_at = :at WHERE state = 'suspected'"
        self.database.write_now(lambda tx: tx.run(sql, at=at))

    def _look(self, parts: Sequence[Part], outcome: Outcome) -> None:
        out = set().union(*(part.nodes for part in parts))
        places = [self.town.all_nodes(place) for place in self._incidents().values()]
        told = set().union(*places)
        size = self.town.size(told)
        both = self.town.size(told & out)
        outcome.precision.append(both / size if size else 0.0)
        outcome.recall.append(both / self.town.size(out))
        outcome.incidents.append(len(places))
        holders = [[n for n, place in enumerate(places) if place & part.nodes] for part in parts]
        outcome.apart.append(all(holders) and len({tuple(each) for each in holders}) == len(parts))
        seen = [self.town.nodes[region] for region in self._regions_with_evidence()]
        outcome.shown = all(any(nodes <= part.nodes for nodes in seen) for part in parts)
        outcome.grown = bool(self._scalar("SELECT count(*) FROM timeline WHERE event = 'now_also'"))

    def _incidents(self) -> dict[int, list[int]]:
        rows = self.database.read_now(
            lambda tx: tx.tuples(
                """SELECT i.id, r.region_id FROM incidents AS i JOIN incident_regions AS r ON r.incident_id = i.id
                   WHERE i.state = 'suspected' AND r.role = 'place' ORDER BY i.id, r.region_id"""
            )
        )
        found: dict[int, list[int]] = {}
        for incident, region in rows:
            found.setdefault(int(incident), []).append(int(region))
        return found

    def _regions_with_evidence(self) -> list[int]:
        sql = """SELECT DISTINCT e.region_id FROM evidence AS e
                 JOIN incidents AS i ON i.id = e.incident_id AND i.state = 'suspected' ORDER BY e.region_id"""
        return [int(region) for (region,) in self.database.read_now(lambda tx: tx.tuples(sql))]

    def _scalar(self, sql: str) -> int:
        return int(self.database.read_now(lambda tx: tx.scalar(sql)))

    def _background(self, parts: Sequence[Part], random: Random) -> list[tuple[float, tuple[int, ...]]]:
        minutes = LEAD + 2 * GIVE_UP
        hidden = {self.town.path[node][1] for part in parts if not part.has_nodes for node in part.nodes}
        return [
            (random.uniform(-LEAD, 2 * GIVE_UP), path[1:] if path[1] in hidden else path)
            for node, path in self.town.path.items()
            for _ in range(poisson(random, self.town.sites[node] * PER_SITE_DAY * minutes / 1440))
        ]

    def _calls(self, parts: Sequence[Part], random: Random, *, uneven: bool) -> list[tuple[float, tuple[int, ...]]]:
        share = math.exp(random.uniform(math.log(CALLERS[0]), math.log(CALLERS[1])))
        scale = random.choice(DELAY_MEDIANS) / MEDIAN_OF_SHAPE
        factor: dict[int, float] = {}
        found = []
        for part in parts:
            for node in sorted(part.nodes):
                path = self.town.path[node]
                of_zip = factor.setdefault(
                    path[1], random.gammavariate(UNEVEN_SHAPE, 1 / UNEVEN_SHAPE) if uneven else 1
                )
                for _ in range(self.town.sites[node]):
                    if random.random() < share * of_zip:
                        at = part.at + random.gammavariate(DELAY_SHAPE, scale)
                        found.append((at, path if part.has_nodes else path[1:]))
        return found

    def _store(self, calls: Sequence[tuple[float, tuple[int, ...]]]) -> None:
        columns = (
            *("source", "reporter", "service", "occurred_at", "received_at", "effective_at", "verified"),
            *("regions", "counted_regions", "place_region_id", "correlation_id"),
        )
        rows = []
        for minutes, path in calls:
            at, regions = to_micros(self.noon + timedelta(minutes=minutes)), to_json(path)
            rows.append(("api", "customer:1", SERVICE, at, at, at, 1, regions, regions, path[0], "bench"))
        self.database.write_now(lambda tx: tx.insert_many("complaints", columns, rows))


# --- what goes out --------------------------------------------------------------------------------------------------


class Drawing:
    """Outages of every level, drawn from real ones."""

    def __init__(self, town: Town, known: list[Episode], random: Random) -> None:
        self.town, self.random = town, random
        self._whole = [each for each in known if each.share >= 0.8]
        self._nodes = [each for each in known if 60 <= each.peak <= 0.5 * each.served]
        self._partial = [each for each in known if each.peak >= 200 and 0.02 < each.share < 0.8]

    def node(self) -> list[Part]:
        """One node, of the size of a real outage in its ZIP."""
        return [Part(frozenset({self._a_node(self.random.choice(self._nodes))}))]

    def zip(self) -> list[Part]:
        """A ZIP that has been out whole."""
        return [self._out(self._a_zip())]

    def zips(self) -> list[Part]:
        """Two to five ZIPs of one city, but not all of them."""
        return [self._out(*self._some_zips())]

    def city(self) -> list[Part]:
        """A whole city."""
        return [self._out(self.town.path[next(iter(self.town.nodes[self._a_zip()]))][2])]

    def area(self) -> list[Part]:
        """A whole area code."""
        return [self._out(self.random.choice([id_ for id_, kind in self.town.kind.items() if kind == "area_code"]))]

    def two_causes(self) -> list[Part]:
        """Two nodes in different ZIPs of a city, at once."""
        first = self._a_node(self.random.choice(self._nodes))
        path = self.town.path[first]
        others = [id_ for id_ in self.town.inside(path[2], "postal_code") if id_ != path[1]]
        if not others:
            return self.two_causes()
        inside = sorted(self.town.nodes[self.random.choice(others)], key=lambda node: -self.town.sites[node])
        return [Part(frozenset({first})), Part(frozenset({inside[0]}))]

    def later_cause(self) -> list[Part]:
        """A ZIP, and two hours later another one of the same city."""
        one, other = self._some_zips()[:2]
        return [self._out(one), self._out(other, at=120.0)]

    def growing(self) -> list[Part]:
        """A ZIP, and after 15 to 45 minutes another one of the same city."""
        one, other = self._some_zips()[:2]
        return [self._out(one), self._out(other, at=self.random.uniform(15, 45))]

    def partial(self) -> list[Part]:
        """Part of a ZIP as it was, on nodes drawn at random."""
        return [Part(self._some_nodes(self.random.choice(self._partial)))]

    def partial_unknown(self) -> list[Part]:
        """Part of a ZIP as it was, where the directory knows no nodes."""
        return [Part(self._some_nodes(self.random.choice(self._partial)), has_nodes=False)]

    def _out(self, *regions: int, at: float = 0.0) -> Part:
        return Part(frozenset(self.town.all_nodes(list(regions))), at)

    def _a_zip(self) -> int:
        return self.town.of_code["postal_code", self.random.choice(self._whole).zip]

    def _some_zips(self) -> list[int]:
        while True:
            first = self._a_zip()
            city = self.town.path[next(iter(self.town.nodes[first]))][2]
            others = [id_ for id_ in self.town.inside(city, "postal_code") if id_ != first]
            if len(others) >= 2:
                return [first, *self.random.sample(others, self.random.randint(1, min(4, len(others) - 1)))]

    def _a_node(self, episode: Episode) -> int:
        inside = sorted(self.town.nodes[self.town.of_code["postal_code", episode.zip]])
        return min(inside, key=lambda node: abs(self.town.sites[node] - episode.peak))

    def _some_nodes(self, episode: Episode) -> frozenset[int]:
        inside = sorted(self.town.nodes[self.town.of_code["postal_code", episode.zip]])
        self.random.shuffle(inside)
        taken, size = {inside[0]}, self.town.sites[inside[0]]
        for node in inside[1:]:
            if size + self.town.sites[node] <= 1.2 * episode.peak:
                taken.add(node)
                size += self.town.sites[node]
        return frozenset(taken)


LEVELS = ("node", "zip", "zips", "city", "area", "partial", "partial_unknown", "growing", "two_causes", "later_cause")


async def run(
    world: World, known: list[Episode], levels: Sequence[str], number: int, seed: int, *, uneven: bool
) -> bool:
    """Play outages of each level and print a line for each; return whether the target is reached at the four levels."""
    reached = True
    print(f"{'':16}{'':>9}{'':>7}|{'10 minutes':^27}|{'30 minutes':^27}| incidents  now also  slowest look")
    print(f"{'outage':16}{'seen/of':>9}{'after':>7}" + f"|{'precision':>14}{'recall':>13}" * 2 + "| at 30 min")
    for level in levels:
        random = Random(f"{seed}:{level}")  # noqa: S311 - to be repeated
        draw: Callable[[], list[Part]] = getattr(Drawing(world.town, known, random), level)
        seen: list[Outcome] = []
        tried = 0
        while len(seen) < number and tried < 6 * number:
            tried += 1
            outcome = await world.play(draw(), random, uneven=uneven)
            if len(outcome.precision) == len(LOOKS):
                seen.append(outcome)
        if not seen:
            continue
        print(_line(level, seen, tried), flush=True)
        if level in ("node", "zip", "zips", "area"):
            reached &= median(one.precision[1] for one in seen) >= 0.9 and median(one.recall[1] for one in seen) >= 0.95
    return reached


def _line(level: str, seen: Sequence[Outcome], tried: int) -> str:
    looks = [
        f"{median(values):.2f} ({mean(values):.2f})"
        for look in range(len(LOOKS))
        for values in ([one.precision[look] for one in seen], [one.recall[look] for one in seen])
    ]
    after = median(one.opened or 0.0 for one in seen)
    several = mean(one.incidents[1] for one in seen)
    said = f"{level.replace('_', ' '):16}{len(seen):>5}/{tried:<3}{after:>5.0f}m"
    said += f"|{looks[0]:>14}{looks[1]:>13}|{looks[2]:>14}{looks[3]:>13}|{several:>6.2f}"
    if level in ("two_causes", "later_cause", "growing"):
        shown = [one for one in seen if one.shown]
        said += f", apart {sum(one.apart[1] for one in seen)}, of {len(shown)} with evidence of both "
        said += f"{sum(one.apart[1] for one in shown)}"
    return f"{said}  {mean(one.grown for one in seen):>6.0%}  {1000 * max(one.seconds for one in seen):>6.0f} ms"


def main() -> int:
    """Run what was asked for; return 1 when the target is not reached."""
    parser = argparse.ArgumentParser(prog="python -m bench.where", description="Which sites would have been told.")
    parser.add_argument("--data", type=Path, required=True, help="the folder of entergy-zip-outages")
    parser.add_argument("--episodes", type=int, default=40, help="outages of each level (default 40)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=",".join(LEVELS), help=f"some of {','.join(LEVELS)}")
    parser.add_argument("--uneven", action="store_true", help="each ZIP calls at a rate of its own")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    known = episodes(arguments.data)
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), make(known))
        counts = ", ".join(f"{len([1 for k in world.town.kind.values() if k == kind]):,} {kind}s" for kind in KINDS)
        print(f"{sum(world.town.sites[node] for node in world.town.path):,} sites, {counts}; median (mean)")
        levels = [level for level in LEVELS if level in arguments.only.split(",")]
        reached = asyncio.run(run(world, known, levels, arguments.episodes, arguments.seed, uneven=arguments.uneven))
        world.database.close()
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
