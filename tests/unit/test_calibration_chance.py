"""Calibration against made-up chance, whose true threshold is known: the value has no bias, the interval covers."""

from collections.abc import Callable
from math import exp, log
from random import Random
from statistics import median

import pytest

from notifier.backtest import calibration
from notifier.backtest.calibration import WEEK_US, Passed, calibrate
from notifier.backtest.rates import MONTH_US

WEEKS = 24
MONTHS = WEEKS * WEEK_US / MONTH_US
INCIDENTS = 24 * 40  # of any score, on average
LOWEST = 3.4
FILES = 100
Tail = tuple[Callable[[float], float], Callable[[float], float]]  # score by chance to pass it, and the other way round

EXPONENTIAL: Tail = (lambda chance: LOWEST - 1.5 * log(chance), lambda score: exp((LOWEST - score) / 1.5))
POWER: Tail = (lambda chance: LOWEST * chance**-0.4, lambda score: float((LOWEST / score) ** 2.5))


class Drawn:
    """Incidents drawn by chance, in the place of the scores of a run."""

    def __init__(self, tail: Tail, random: Random) -> None:
        self._incidents: list[tuple[int, float]] = []
        at_us = 0.0
        while (at_us := at_us + random.expovariate(INCIDENTS / (WEEKS * WEEK_US))) < WEEKS * WEEK_US:
            self._incidents.append((int(at_us), tail[0](1 - random.random())))

    def peaks(self) -> list[float]:
        return sorted((score for _, score in self._incidents), reverse=True)

    def openings(self, threshold: float) -> list[tuple[int, bool]]:
        return [(at_us, False) for at_us, score in self._incidents if score >= threshold]


@pytest.mark.parametrize("tail", [EXPONENTIAL, POWER], ids=["exponential", "power"])
@pytest.mark.parametrize("events", [0.7, 3, 20])
def test_the_true_threshold_lies_in_the_interval_and_the_rate_is_right_in_the_median(
    monkeypatch: pytest.MonkeyPatch, tail: Tail, events: float
) -> None:
    monkeypatch.setattr(calibration, "REPETITIONS", 60)
    truth = tail[0](events / INCIDENTS)
    random, covered, rates = Random(7), 0, []  # noqa: S311  # the same files every time
    for _ in range(FILES):
        passed = Passed(Drawn(tail, random), from_us=0, until_us=WEEKS * WEEK_US)
        found = calibrate(passed, events / MONTHS, has_truth=True).threshold
        covered += found.low <= truth <= found.high
        rates.append(INCIDENTS * tail[1](found.value) / events)
    assert covered >= 0.9 * FILES
    assert 1 / 1.5 < median(rates) < 1.5


def test_one_that_is_wanted_more_seldom_than_the_file_is_long_lies_beyond_all_it_holds() -> None:
    drawn = Drawn(POWER, Random(3))  # noqa: S311
    passed = Passed(drawn, from_us=0, until_us=WEEKS * WEEK_US)
    found = calibrate(passed, 0.1 / MONTHS, has_truth=True)
    assert found.extrapolated
    assert found.threshold.value > drawn.peaks()[0]
