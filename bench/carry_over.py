"""Thresholds that carry over: set by `calibrate` on one half of a suite, held against the other. For `bench.detection`.

A suite is halved in time, each of its sources in the middle of its own time: of the four side by side one has three
months, and its end is no news about thresholds. Beside that it is halved by weeks, every other one: there the world
does not change between the halves, so what is off is the method, or chance. How many false incidents are seen is
chance in any case: the interval of the ratio is that of a Poisson count, the narrowest there can be. The threshold is
chance, too: what is seen at the ends of its interval is printed beside it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from notifier.backtest.calibration import WEEK_US, Calibrated, Passed, calibrate
from notifier.backtest.clock import clock_of
from notifier.backtest.complaint_stream import ComplaintStream, Reader, wrong_header
from notifier.backtest.rates import MONTH_US, WARM_UP_US, bounds
from notifier.backtest.recording import Exposure
from notifier.backtest.running import Backtest, Run
from notifier.backtest.scored import Scored
from notifier.backtest.truth import Outage, Windows, read_outages
from notifier.cli.calibrate import SCORES_FROM
from notifier.cli.csv_file import Row, read_rows
from notifier.config import Detection
from notifier.domain.detection import Thresholds
from notifier.domain.errors import InvalidInput

WANTED = (0.01, 0.1)  # false incidents per cell and month
FACTOR = 1.5  # by which the second half may differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """Scores of one half, in the place of `Scored`, and how long its cells were watched."""

    scored: Sequence[Scored]
    cell_months: float

    def openings(self, threshold: float) -> list[tuple[int, bool]]:
        """Return when incidents would have been opened and whether the truth explains them."""
        return sorted(opening for one in self.scored for opening in one.openings(threshold))

    def peaks(self) -> list[float]:
        """Return every score that the truth does not explain, highest first."""
        return sorted((peak for one in self.scored for peak in one.peaks()), reverse=True)

    def false(self, threshold: float) -> int:
        """Return how many false incidents there would have been."""
        return sum(not is_right for _, is_right in self.openings(threshold))


def show(folder: Path, suites: Sequence[str], seeds: Sequence[int]) -> None:
    """Print what thresholds set on one half of each suite do on the other, as it is and with injected outages."""
    print("\nThresholds set on one half of a suite: false incidents on the other, as a multiple of those wanted")
    titles = ["suite", "seed", "per cell-month", "halves", "threshold", "95 %", "wanted", "seen", "ratio", "chance"]
    titles += ["seen at the ends of 95 %", "says"]
    print(f"| {' | '.join(titles)} |\n{'|---' * len(titles)}|")
    for suite in suites:
        ends = _ends(load(folder, suite)[0])
        for seed in ("", *map(str, seeds)):
            for line in _lines(folder, f"{suite}-{seed}" if seed else suite, ends):
                print(f"| {suite} | {seed} | {line} |", flush=True)


def load(folder: Path, suite: str) -> tuple[ComplaintStream, Windows]:
    """Return a suite and the times in it that are not judged."""
    reader = Reader(datetime.now(UTC))
    with (folder / f"{suite}.csv").open("rb") as source:
        for refused in reader.take(each for each in read_rows(source, wrong_header) if isinstance(each, Row)):
            raise AssertionError(refused)
    with (folder / f"{suite}.truth.csv").open("rb") as source:
        rows = [each for each in read_rows(source, lambda _: "") if isinstance(each, Row)]
    return reader.stream.in_order(), Windows([one for one in read_outages(rows) if isinstance(one, Outage)])


def thresholds() -> Thresholds:
    """Return the thresholds as shipped."""
    shipped = Detection()
    return Thresholds(likely=shipped.likely, certain=shipped.certain)


def _ends(stream: ComplaintStream) -> dict[str, int]:
    """Return when each service was last complained about: outages are injected later, too."""
    ends: dict[str, int] = {}
    for complaint in stream:
        ends[complaint.service] = complaint.at_us
    return ends


def _lines(folder: Path, suite: str, ends: Mapping[str, int]) -> Iterator[str]:
    stream, windows = load(folder, suite)
    lowest = SCORES_FROM * thresholds().likely
    backtest = Backtest(stream, clock_of("", stream.at_us, stream.offset_s), thresholds(), scores_from=lowest)
    run = backtest.play()
    exposed = Exposure(stream, run.times, windows)
    first, second, until_us = _halves(run, stream, windows, exposed, ends)
    whole = Scored(run, stream, windows, from_us=exposed.from_us)
    weeks = Passed(whole, from_us=exposed.from_us, until_us=exposed.until_us)
    months = first.cell_months / exposed.cells
    early = Passed(first, from_us=exposed.from_us, until_us=until_us, judged=lambda _from, _until: months)
    for per_cell in WANTED:
        yield f"{per_cell} | first, second | " + _line(
            early, per_cell * exposed.cells, per_cell * second.cell_months, second.false
        )
        even = _weeks(weeks, 0)
        odd_months = even.months * (weeks.weeks // 2) / even.weeks
        yield f"{per_cell} | every other week | " + _line(
            even,
            per_cell * exposed.cells,
            per_cell * exposed.cells * odd_months,
            lambda threshold: sum(
                not is_right and (week := (at_us - exposed.from_us) // WEEK_US) % 2 == 1 and week < weeks.weeks
                for at_us, is_right in whole.openings(threshold)
            ),
        )


def _line(passed: Passed, per_month: float, wanted: float, seen: Callable[[float], int]) -> str:
    """Return one row: the threshold, how many are wanted where it is held against, how many there are."""
    try:
        found: Calibrated = calibrate(passed, per_month, has_truth=True)
    except InvalidInput:
        return f"chance makes fewer at any threshold | | {wanted:.1f} | | | | | "
    at, count = found.threshold, seen(found.threshold.value)
    fewest, most = seen(at.high), seen(at.low)
    low, high = (bound / wanted for bound in bounds(count))
    ratio = count / wanted
    if 1 / FACTOR <= ratio <= FACTOR:
        says = "within 1.5"
    elif low <= FACTOR and high >= 1 / FACTOR:
        says = "chance may do it"
    elif bounds(fewest)[0] / wanted <= FACTOR and bounds(most)[1] / wanted >= 1 / FACTOR:
        says = "within the interval of the threshold"
    else:
        says = "more" if ratio > 1 else "fewer"
    return " | ".join(
        [
            f"{at.value:.1f}",
            f"{at.low:.1f} to {at.high:.1f}",
            f"{wanted:.1f}",
            f"{count}",
            f"{ratio:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{fewest} to {most}",
            says,
        ]
    )


def _halves(
    run: Run, stream: ComplaintStream, windows: Windows, exposed: Exposure, ends: Mapping[str, int]
) -> tuple[Half, Half, int]:
    """Return both halves in time, each service in the middle of its own time, and the end of the last first half."""
    halves: tuple[list[Scored], list[Scored]] = ([], [])
    cell_months, until_us = 0.0, 0
    for service in stream.services:
        cells = [key for key in run.times if key.service == service]
        end_us = ends[service]
        if exposed.until_us - end_us < WARM_UP_US:
            end_us = exposed.until_us
        middle_us = (exposed.from_us + end_us) // 2
        own = Run(times=run.times)
        own.scores.update({key: scores for key, scores in run.scores.items() if key.service == service})
        halves[0].append(Scored(own, stream, windows, from_us=exposed.from_us, until_us=middle_us))
        halves[1].append(Scored(own, stream, windows, from_us=middle_us, until_us=end_us))
        cell_months += len(cells) * (middle_us - exposed.from_us) / MONTH_US
        until_us = max(until_us, middle_us)
    return Half(scored=halves[0], cell_months=cell_months), Half(scored=halves[1], cell_months=cell_months), until_us


def _weeks(passed: Passed, first: int) -> Passed:
    """Return every other week of a file."""
    part = copy(passed)
    part.counts = [row[first::2] for row in passed.counts]
    part.weeks = len(range(first, passed.weeks, 2))
    part.months = passed.months * part.weeks / passed.weeks
    return part
