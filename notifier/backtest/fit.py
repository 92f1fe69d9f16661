"""Whether a truth is about the same time as a file of complaints: lost offsets shift all of it by whole hours.

In come the incidents of a run and the outages of a truth. Out comes, where next to nothing matches, what is wrong with
the truth as a whole. A detector that finds nothing is another matter: only a shift that explains most is spoken of.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notifier.backtest.complaint_stream import ComplaintStream, from_us
from notifier.backtest.rates import WARM_UP_US
from notifier.backtest.recording import regions_of
from notifier.backtest.running import Run
from notifier.backtest.truth import EVERYWHERE, Outage, Windows
from notifier.domain.local_time import US_PER_HOUR

NOTHING = 0.05  # of the outages and of the incidents: less is as good as none
MOST = 0.5
AT_LEAST = 3  # matches that a shift has to make: one or two may be chance
FARTHEST = 14  # hours between two clocks that people have
_NEAR_US = 2 * US_PER_HOUR  # farther from an onset an incident says nothing about a shift

Places = Mapping[tuple[str, str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Shift:
    """What all times of a truth would have to be moved by for it to fit, and what share would then match."""

    hours: float
    share: float


def outside(windows: Windows, stream: ComplaintStream) -> str:
    """Return that a truth has no outage in the time that is judged, or nothing when it has, or when none is judged."""
    from_, until = stream.at_us[0] + WARM_UP_US, stream.at_us[-1]
    outages = [one for one in windows.outages if one.region != EVERYWHERE]
    if from_ > until or not outages or any(one.from_us <= until and one.until_us >= from_ for one in outages):
        return ""
    first, last = min(one.onset_us for one in outages), max(one.onset_us for one in outages)
    return (
        f"no outage of the truth lies in the time that is judged, {_day(from_)} to {_day(until)}: "
        f"its outages are of {_day(first)} to {_day(last)}"
    )


def shift_of(run: Run, windows: Windows, stream: ComplaintStream) -> Shift | None:
    """Return by how much a truth of which next to nothing matches is shifted, if a shift makes most of it match."""
    from_, until = stream.at_us[0] + WARM_UP_US, stream.at_us[-1]
    far = FARTHEST * US_PER_HOUR
    outages = [one for one in windows.outages if one.region != EVERYWHERE and from_ <= one.onset_us + far]
    outages = [one for one in outages if one.onset_us - far <= until]
    incidents = [
        (regions_of(one, stream), one.finding.cell.service, one.finding.at_us)
        for one in run.incidents
        if one.finding.at_us >= from_
    ]
    if not outages or not incidents:
        return None
    times: dict[tuple[str, str], list[int]] = defaultdict(list)
    for regions, service, at_us in incidents:
        for region in regions:
            times[region, service].append(at_us)
            times[region, ""].append(at_us)

    def matching(shift_us: int) -> tuple[int, float]:
        right = sum(bool(windows.at(regions, service, at_us - shift_us)) for regions, service, at_us in incidents)
        found = sum(_is_found(one, times, shift_us) for one in outages)
        return min(right, found), max(right / len(incidents), found / len(outages))

    if matching(0)[1] >= NOTHING:
        return None
    halves = [half for half in range(-2 * FARTHEST, 2 * FARTHEST + 1) if half]
    best = max(halves, key=lambda half: (_closeness(outages, times, half * US_PER_HOUR // 2), -abs(half)))
    count, share = matching(best * US_PER_HOUR // 2)
    return Shift(best / 2, share) if count >= AT_LEAST and share >= MOST else None


def _is_found(outage: Outage, times: Places, shift_us: int) -> bool:
    of_cell = times.get((outage.region, outage.category), ())
    after = bisect_left(of_cell, outage.from_us + shift_us)
    return after < len(of_cell) and of_cell[after] <= outage.until_us + shift_us


def _closeness(outages: Sequence[Outage], times: Places, shift_us: int) -> float:
    """Return how near incidents are to the onsets; soon after is nearer than before, and clocks differ by hours."""
    total = 0.0
    for one in outages:
        of_cell, onset = times.get((one.region, one.category), ()), one.onset_us + shift_us
        after = bisect_left(of_cell, onset)
        late = of_cell[after] - onset if after < len(of_cell) else _NEAR_US
        early = 3 * (onset - of_cell[after - 1]) if after else _NEAR_US
        total += max(0.0, 1 - min(late, early) / _NEAR_US)
    return total * (1.1 if shift_us % US_PER_HOUR == 0 else 1.0)


def _day(at_us: int) -> str:
    return f"{from_us(at_us):%Y-%m-%d}"


def words(shift: Shift) -> str:
    """Return what is wrong, and what to look at."""
    way = "later" if shift.hours > 0 else "earlier"
    return (
        f"nothing of the truth matches; with its times {abs(shift.hours):g} h {way}, {shift.share:.0%} would: check "
        "the offsets of both files"
    )
