"""One cell: its recent complaints, and how surprising the newest of them are.

In come the times of counted complaints and the level and shape that are in force. Out comes the most surprising window
that ends now. Times are microseconds since 1970-01-01 UTC.

The statistic is that of the issue on detection, section "Algorithm", steps 2 to 4. For every window that begins at a
counted complaint t_j at most 4 h ago and ends at the newest one: n complaints against mu = m r / (a + m_r) + 0.02;
here m is what the baseline expects in the window, r = a + n_r, and n_r, m_r are counted and expected over the 12 h
before t_j; score = n ln(n / mu) - (n + r) ln((n + r) / (mu + r)). A companion for slow rises compares the last hour
with the mean of that hour of the day over all history: the mean day of the cell times the hour of the day of the
service, because most cells have too few complaints of their own to tell hours apart.
"""

from bisect import bisect_left, bisect_right
from math import log, sqrt
from typing import NamedTuple

from notifier.domain.baseline import US_PER_HOUR, Shape

SPAN_US = 4 * US_PER_HOUR  # the longest window
REFERENCE_US = 12 * US_PER_HOUR  # before a window, to learn what kind of day it is
KEEP_US = 28 * US_PER_HOUR  # older complaints decide nothing any more
LAST_HOUR_US = US_PER_HOUR  # the window of the companion
COMPLAINTS_AT_MOST = 400  # in a window
COMPLAINTS_AT_LEAST = 3  # in a window
PSEUDO_COMPLAINTS = 3.0  # `a`: how much the 12 h before a window are trusted less than the baseline
EXPECTED_AT_LEAST = 0.02  # no window is so short that nothing at all is expected
COMPANION_WEIGHT = 1.5
COMPANION_VARIANCE_AT_LEAST = 0.25
FORGET_AT_LEAST = 64  # old complaints are forgotten in lots

BEGINNING_US = -(2**62)  # before every complaint


class Window(NamedTuple):
    """The most surprising window of a cell."""

    score: float
    from_us: int
    observed: int
    expected: float
    verified: int


NOTHING = Window(0.0, 0, 0, 0.0, 0)


class Cell:
    """The recent complaints of one cell, oldest first, with what does not change about each window start."""

    __slots__ = (
        "_expected_until",
        "_factors",
        "_per_hour",
        "_references",
        "_references_expected",
        "_verified",
        "daily_mean",
        "day",
        "recorded_grade",
        "recorded_us",
        "score",
        "shape",
        "times",
    )

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.day: int | None = None  # the local day its level is for; None = no level yet
        self._per_hour = 0.0
        self.daily_mean = 0.0
        self.times: list[int] = []
        self._expected_until: list[float] = []  # integral of the shape up to each complaint
        self._references: list[float] = []  # r = a + n_r of the window that begins there
        self._references_expected: list[float] = []  # integral of the shape over the 12 h before it
        self._factors: list[float] = []  # per_hour x r / (a + m_r): expected complaints per hour of average weight
        self._verified = bytearray()
        self.score = 0.0  # at its newest complaint
        self.recorded_us = BEGINNING_US  # the newest evidence stored for it
        self.recorded_grade = ""

    def set_level(self, day: int, per_hour: float, daily_mean: float) -> None:
        """Put a level into force."""
        self.day, self.daily_mean = day, daily_mean
        if per_hour != self._per_hour:
            self._per_hour = per_hour
            self._factors = [
                self._factor(*pair) for pair in zip(self._references, self._references_expected, strict=True)
            ]

    def set_shape(self, shape: Shape) -> None:
        """Put a new shape into force."""
        self.shape = shape
        integral = shape.integral
        self._expected_until = [integral(at_us) for at_us in self.times]
        self._references_expected = [
            until - integral(at_us - REFERENCE_US)
            for at_us, until in zip(self.times, self._expected_until, strict=True)
        ]
        self._factors = [self._factor(*pair) for pair in zip(self._references, self._references_expected, strict=True)]

    def add(self, at_us: int, *, verified: bool) -> None:
        """Take in a complaint; one that is older than the newest is put where it belongs."""
        times = self.times
        place = len(times) if not times or at_us >= times[-1] else bisect_right(times, at_us)
        until = self.shape.integral(at_us)
        before = until - self.shape.integral(at_us - REFERENCE_US)
        reference = PSEUDO_COMPLAINTS + (place - bisect_left(times, at_us - REFERENCE_US, 0, place))
        if place == len(times):
            times.append(at_us)
            self._expected_until.append(until)
            self._references.append(reference)
            self._references_expected.append(before)
            self._factors.append(self._factor(reference, before))
            self._verified.append(verified)
        else:
            times.insert(place, at_us)
            self._expected_until.insert(place, until)
            self._references.insert(place, reference)
            self._references_expected.insert(place, before)
            self._factors.insert(place, self._factor(reference, before))
            self._verified.insert(place, verified)
            self._count_in_later_references(place)
        if len(times) > FORGET_AT_LEAST and times[FORGET_AT_LEAST - 1] < times[-1] - KEEP_US:
            self._forget(bisect_left(times, times[-1] - KEEP_US))

    def evaluate(self, at_us: int, *, verified_at_least: int = 0, since_us: int = BEGINNING_US) -> Window:
        """Return the most surprising window that ends at `at_us`, which is not before the newest complaint.

        Only windows that begin at or after `since_us` and hold `verified_at_least` verified complaints count.
        """
        times, until, factors = self.times, self._expected_until, self._factors
        now = until[-1] if at_us == times[-1] else self.shape.integral(at_us)
        oldest = max(at_us - SPAN_US, since_us)
        newest = len(times) - 1
        stop = max(bisect_left(times, oldest), newest + 1 - COMPLAINTS_AT_MOST)
        start = newest + 1 - COMPLAINTS_AT_LEAST  # the first complaint of the shortest window that counts
        if verified_at_least > 0:
            start = min(start, self._start_of_verified(verified_at_least))
        best, best_at, best_mu = 0.0, -1, 0.0
        for i in range(start, stop - 1, -1):
            n = newest + 1 - i
            mu = (now - until[i]) * factors[i] + EXPECTED_AT_LEAST
            excess = n - mu
            # The score is at most that of Poisson with known mu, which is at most (n - mu)^2 / (2 mu).
            if excess > 0 and excess * excess > 2 * mu * best:
                r = self._references[i]
                score = n * log(n / mu) - (n + r) * log((n + r) / (mu + r))
                if score > best:
                    best, best_at, best_mu = score, i, mu
        window = NOTHING
        if best_at >= 0:
            window = Window(
                best, times[best_at], newest + 1 - best_at, best_mu - EXPECTED_AT_LEAST, sum(self._verified[best_at:])
            )
        return self._companion(at_us, window, since_us, verified_at_least)

    def _companion(self, at_us: int, window: Window, since_us: int, verified_at_least: int) -> Window:
        """Return the last hour, when it is more surprising than `window`; a daily rhythm is all it knows."""
        first = bisect_right(self.times, max(at_us - LAST_HOUR_US, since_us - 1))
        observed = len(self.times) - first
        if not observed:
            return window
        hour = self.shape.local.hour(at_us) % 24
        expected = self.daily_mean / 24 * self.shape.hours_of_day[hour]
        z = (observed - expected) / sqrt(max(expected, COMPANION_VARIANCE_AT_LEAST))
        if COMPANION_WEIGHT * z <= window.score:
            return window
        verified = sum(self._verified[first:])
        if verified < verified_at_least:
            return window
        return Window(COMPANION_WEIGHT * z, self.times[first], observed, expected, verified)

    def window(self, from_us: int, at_us: int) -> Window:
        """Return what one window says, the most surprising one or not; fewer than three complaints score nothing."""
        first, end = bisect_left(self.times, from_us), bisect_right(self.times, at_us)
        observed, until = end - first, self.shape.integral(from_us)
        reference = PSEUDO_COMPLAINTS + (first - bisect_left(self.times, from_us - REFERENCE_US))
        factor = self._factor(reference, until - self.shape.integral(from_us - REFERENCE_US))
        expected = (self.shape.integral(at_us) - until) * factor
        mu = expected + EXPECTED_AT_LEAST
        score = 0.0
        if observed >= COMPLAINTS_AT_LEAST and observed > mu:
            both = observed + reference
            score = observed * log(observed / mu) - both * log(both / (mu + reference))
        return Window(score, from_us, observed, expected, sum(self._verified[first:end]))

    def last_hour(self, at_us: int) -> Window:
        """Return what the companion for slow rises says, the most surprising window or not."""
        first, end = bisect_right(self.times, at_us - LAST_HOUR_US), bisect_right(self.times, at_us)
        expected = self.daily_mean / 24 * self.shape.hours_of_day[self.shape.local.hour(at_us) % 24]
        z = (end - first - expected) / sqrt(max(expected, COMPANION_VARIANCE_AT_LEAST))
        score = max(COMPANION_WEIGHT * z, 0.0)
        return Window(score, at_us - LAST_HOUR_US, end - first, expected, sum(self._verified[first:end]))

    def _start_of_verified(self, wanted: int) -> int:
        """Return the latest window start from which on `wanted` verified complaints were counted; -1 for none."""
        place = len(self._verified)
        for _ in range(wanted):
            place = self._verified.rfind(1, 0, place)
            if place < 0:
                return -1
        return place

    def _factor(self, reference: float, before: float) -> float:
        return self._per_hour * reference / (PSEUDO_COMPLAINTS + self._per_hour * before)

    def _count_in_later_references(self, place: int) -> None:
        limit = self.times[place] + REFERENCE_US
        for later in range(place + 1, len(self.times)):
            if self.times[later] > limit:
                return
            self._references[later] += 1
            self._factors[later] = self._factor(self._references[later], self._references_expected[later])

    def _forget(self, number: int) -> None:
        columns: tuple[list[int] | list[float] | bytearray, ...] = (
            self.times,
            self._expected_until,
            self._references,
            self._references_expected,
            self._factors,
            self._verified,
        )
        for column in columns:
            del column[:number]
