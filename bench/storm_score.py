"""How a replayed storm is judged: outages that had an incident in time, and incidents that had no outage."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from bench.storm_data import Outage, Storm, judged

TICKETS_AT_LEAST = 5  # within the hour after the outage began, in its ZIP
IN_TIME = timedelta(minutes=30)  # after the fifth ticket
EXPLAINS = timedelta(hours=6)  # an outage that began up to this long before an incident explains it
WANTED = 0.9
NARROW_TO_WIDE = ("postal_code", "city", "area_code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """One incident of the replay."""

    id: int
    place: str
    kinds: frozenset[str]  # of the regions of its place
    zips: frozenset[str]  # that its place covers
    started_at: datetime
    opened_at: datetime
    ended_at: datetime | None  # dismissed, because it subsided
    grade: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it."""

    outages: int
    found: int
    already_open: int
    by_kind: Counter[str]  # of `found`: the narrowest kind of place that covered it
    minutes: tuple[float, ...]  # from the fifth ticket to the opening, of those that were not open before
    missed: tuple[tuple[Outage, datetime], ...]
    incidents: int
    without_outage: tuple[Opened, ...]

    @property
    def recall(self) -> float:
        """Return the share of outages that had an incident in time."""
        return self.found / self.outages if self.outages else 1.0


def score(storm: Storm, incidents: Sequence[Opened]) -> Report:
    """Judge a replay by the done-criterion: an incident covers the ZIP, already open or opened in time."""
    already = 0
    by_kind: Counter[str] = Counter()
    minutes: list[float] = []
    missed: list[tuple[Outage, datetime]] = []
    wanted = judged(storm, TICKETS_AT_LEAST)
    for outage, fifth in wanted:
        covering = [one for one in incidents if outage.zip in one.zips]
        before = [one for one in covering if one.opened_at <= fifth and (one.ended_at is None or one.ended_at > fifth)]
        after = [one for one in covering if fifth < one.opened_at <= fifth + IN_TIME]
        if before:
            already += 1
        elif after:
            minutes.append(min(one.opened_at - fifth for one in after) / timedelta(minutes=1))
        else:
            missed.append((outage, fifth))
            continue
        by_kind[min((kind for one in before or after for kind in one.kinds), key=NARROW_TO_WIDE.index)] += 1
    return Report(
        outages=len(wanted),
        found=by_kind.total(),
        by_kind=by_kind,
        already_open=already,
        minutes=tuple(minutes),
        missed=tuple(missed),
        incidents=len(incidents),
        without_outage=tuple(one for one in incidents if not _is_explained(storm, one)),
    )


def _is_explained(storm: Storm, incident: Opened) -> bool:
    until = incident.ended_at or storm.end
    return any(
        outage.zip in incident.zips and incident.started_at - EXPLAINS <= outage.at <= until for outage in storm.outages
    )


def text(storm: Storm, report: Report) -> str:
    """Return the report for people."""
    population = sum(storm.population.values())
    lines = [
        f"{storm.begin:%Y-%m-%d %H:%M} to {storm.end:%Y-%m-%d %H:%M} UTC",
        f"{len(storm.tickets):,} tickets, {len(storm.history):,} before as history, {population:,} customers",
        f"outages with {TICKETS_AT_LEAST} tickets within the hour: {report.outages}",
        f"  with an incident covering their ZIP in time: {report.found} = {report.recall:.3f} (wanted {WANTED})",
        "  narrowest place that covered it: " + ", ".join(f"{kind} {n}" for kind, n in report.by_kind.most_common()),
        f"  already open at the fifth ticket: {report.already_open}; opened later: {len(report.minutes)}"
        + (f", median {median(report.minutes):.1f} min after it" if report.minutes else ""),
        f"incidents: {report.incidents}; without an outage in their ZIPs: {len(report.without_outage)}",
    ]
    lines += [
        f"  missed: {outage.at:%m-%d %H:%M} ZIP {outage.zip}, {outage.customers} customers, {outage.cause},"
        f" fifth ticket {fifth:%H:%M}"
        for outage, fifth in report.missed
    ]
    lines += [
        f"  no outage: incident {one.id}, {one.place}, {one.opened_at:%m-%d %H:%M}, {one.grade}"
        for one in report.without_outage
    ]
    return "\n".join(lines)
