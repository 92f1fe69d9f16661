"""The price of a threshold: at which caller, and after how many minutes, a typical small outage opens an incident.

Callers of made-up outages are fed to the production detector, in cells of the file on the day after it, on top of the
complaints that are expected there anyway, on a day on which nothing else is wrong. As in the public benchmark, the time
to call is gamma distributed with shape 1.5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from statistics import median

from notifier.backtest.running import CUSTOMERS_AT_LEAST, Backtest
from notifier.domain.cell import REFERENCE_US, SPAN_US
from notifier.domain.detection import CellKey, CountedComplaint
from notifier.domain.level import Level
from notifier.domain.local_time import US_PER_DAY, US_PER_HOUR

CALLERS = 10
HALF_WITHIN = timedelta(minutes=10)  # half of them call in this time
TRIALS = 25
SHARES = (("quiet", 0.1), ("typical", 0.5), ("busy", 0.9))  # which cells, by their complaints

_SHAPE, _MEDIAN_OF_SHAPE = 1.5, 1.183  # gamma(1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a threshold costs in one cell."""

    cell: str  # quiet | typical | busy
    per_day: float  # complaints expected there
    found: float  # share of the outages that open an incident at all
    callers: float | None  # of the callers, at which one; the median of those found
    delay: timedelta | None


def prices(backtest: Backtest, thresholds: Sequence[float]) -> list[list[Price]]:
    """Return what each threshold costs in a quiet, a typical and a busy cell; the backtest has been played."""
    ordered = sorted(backtest.run.times, key=lambda key: (len(backtest.run.times[key]), key))
    every: list[list[Price]] = [[] for _ in thresholds]
    for name, share in SHARES:
        key = ordered[round(share * (len(ordered) - 1))]
        level = backtest.surveillance.changes.levels.get(key) or backtest.tallies.level(key)
        if level is None:
            continue
        trials = [_trial(backtest, key, level, Random(trial)) for trial in range(TRIALS)]  # noqa: S311  # the same trials every time
        for row, threshold in zip(every, thresholds, strict=True):
            row.append(_price(name, level, trials, threshold))
    return every


def _price(name: str, level: Level, trials: Sequence[Sequence[tuple[int, float]]], threshold: float) -> Price:
    crossed = []
    for trial in trials:
        first = next((n for n, (_, score) in enumerate(trial) if score >= threshold), None)
        if first is not None:
            crossed.append((first + 1, trial[first][0]))
    return Price(
        cell=name,
        per_day=level.per_hour * 24,
        found=len(crossed) / len(trials),
        callers=median(callers for callers, _ in crossed) if crossed else None,
        delay=timedelta(microseconds=round(median(after for _, after in crossed))) if crossed else None,
    )


def _trial(backtest: Backtest, key: CellKey, level: Level, random: Random) -> list[tuple[int, float]]:
    """Return (microseconds after the onset, score) at each caller of one outage that begins around noon."""
    local, detector = backtest.local, backtest.surveillance.detector
    day = backtest.surveillance.baseline.day + 1
    noon_us = local.instant(day * US_PER_DAY + 12 * US_PER_HOUR)
    detector.cells.pop(key, None)
    detector.set_level(key, day, level)
    shape, owed, at_us = detector.shape(key.service), random.random(), noon_us - REFERENCE_US - SPAN_US
    while at_us < noon_us:  # what is expected anyway
        owed += level.per_hour * (shape.integral(at_us + US_PER_HOUR // 4) - shape.integral(at_us))
        at_us += US_PER_HOUR // 4
        while owed >= 1:
            owed -= 1
            detector.remember(_complaint(key, at_us))
    scale_us = HALF_WITHIN / timedelta(microseconds=1) / _MEDIAN_OF_SHAPE
    calls = sorted(round(random.gammavariate(_SHAPE, scale_us)) for _ in range(CALLERS))
    seen = []
    for after_us in calls:
        detector.feed(_complaint(key, noon_us + 1 + after_us))
        window = detector.cells[key].evaluate(noon_us + 1 + after_us, verified_at_least=CUSTOMERS_AT_LEAST)
        seen.append((after_us, window.score))  # without what a surge adds: to it, the trials are one storm
    detector.cells.pop(key)
    return seen


def _complaint(key: CellKey, at_us: int) -> CountedComplaint:
    return CountedComplaint(position=-1, service=key.service, at_us=at_us, verified=True, regions=[key.region_id])
