"""One cell: its recent complaints, and how surprising the newest of them are.

In come the times of counted complaints and the level and shape that are in force. Out comes the most surprising window
that ends now. Times are microseconds since 1970-01-01 UTC.

For every window that begins at a counted complaint t_j at most 90 minutes ago and ends at the newest one: n complaints
against mu = m r / (a + m_r) + 0.02; here m is what the baseline expects in the window, r = a + n_r, and n_r, m_r are
counted and expected over the 12 h before t_j; score = n ln(n / mu) - (n + r) ln((n + r) / (mu + r)). A companion for
slow rises compares the last hour with the mean of that hour of the day over all history: the mean day of the cell times
the hour of the day of the service, because most cells have too few complaints of their own to tell hours apart.
Formulas, parameters and what was tried: docs/detection.md.
"""

from bisect import bisect_left, bisect_right
from math import log, sqrt
from typing import NamedTuple, Protocol

from notifier.domain.local_time import US_PER_HOUR, LocalTime

SPAN_US = US_PER_HOUR * 3 // 2  # the longest window: what rises more slowly is the companion's
REFERENCE_US = 12 * US_PER_HOUR  # before a window, to learn what kind of day it is
KEEP_US = 28 * US_PER_HOUR  # older complaints decide nothing any more
LAST_HOUR_US = US_PER_HOUR  # the window of the companion
COMPLAINTS_AT_MOST = 400  # in a window
COMPLAINTS_AT_LEAST = 3  # in a window
PSEUDO_COMPLAINTS = 3.0  # `a`: how much the 12 h before a window are trusted less than the baseline
EXPECTED_AT_LEAST = 0.02  # no window is so short that nothing at all is expected
COMPANION_WEIGHT = 1.2  # of its z, beside the scores of windows
COMPANION_VARIANCE_AT_LEAST = 0.25
FORGET_AT_LEAST = 64  # old complaints are forgotten in lots
ONE_BY_ONE = 32  # windows that are looked at one by one, before whole blocks are passed over
BLOCK = 16  # windows in a block

_UNKNOWN = -1.0  # no integral and no factor is negative
_Z_PER_COMPLAINT = COMPANION_WEIGHT / sqrt(COMPANION_VARIANCE_AT_LEAST)  # what the companion says of one at most
CALM_AT_MOST = (COMPLAINTS_AT_LEAST - 1) * _Z_PER_COMPLAINT  # the score of a cell in which no window counts

BEGINNING_US = -(2**62)  # before every complaint


class Window(NamedTuple):
    """The most surprising window of a cell."""

    score: float
    from_us: int
    observed: int
    expected: float
    verified: int


NOTHING = Window(0.0, 0, 0, 0.0, 0)


class Rhythm(Protocol):
    """What a cell must know of the hours: a `notifier.domain.shape.Shape`, or what stands in its place."""

    @property
    def local(self) -> LocalTime:
        """Return the clock of the hours."""
        ...

    def of_hour(self, hour: int) -> float:
        """Return what an hour of the mean day weighs; 1 on average."""
        ...

    def integral(self, at_us: int) -> float:
        """Return the integral from a fixed origin up to an instant, in hours; only differences count."""
        ...


class Cell:
    """The recent complaints of one cell, oldest first.

    What belongs to a window that begins at a complaint (integral, reference, factor) is made when it is first needed:
    most complaints of quiet cells never begin a window that counts.
    """

    __slots__ = (
        "_factors",
        "_made_from",
        "_per_hour",
        "_references",
        "_until",
        "_verified",
        "daily_mean",
        "day",
        "recorded_grade",
        "recorded_us",
        "score",
        "shape",
        "times",
    )

    def __init__(self, shape: Rhythm) -> None:
        self.shape = shape
        self.day: int | None = None  # the local day its level is for; None = no level yet
        self._per_hour = 0.0
        self.daily_mean = 0.0
        self.times: list[int] = []
        self._until: list[float] = []  # integral of the shape up to a complaint; for the first of `times`, no others
        self._references: list[float] = []  # r = a + n_r of the window that begins there
        self._factors: list[float] = []  # per_hour x r / (a + m_r): expected complaints per hour of average weight
        self._made_from = 0  # what belongs to the windows that begin there and later is made, as far as it reaches
        self._verified = bytearray()
        self.score = 0.0  # at its newest complaint, as far as it was worth working out
        self.recorded_us = BEGINNING_US  # the newest evidence stored for it
        self.recorded_grade = ""

    def set_level(self, day: int, per_hour: float, daily_mean: float) -> None:
        """Put a level into force."""
        self.day, self.daily_mean = day, daily_mean
        if per_hour != self._per_hour:
            self._per_hour = per_hour
            if self._factors:
                self._make_anew_from(0)

    def forget_level(self) -> None:
        """Take the level out of force: it is made anew when it is needed."""
        self.day = None

    def set_shape(self, shape: Rhythm) -> None:
        """Put a new shape into force."""
        self.shape = shape
        self._make_anew_from(0)

    def add(self, at_us: int, *, verified: bool) -> None:
        """Take in a complaint; one that is older than the newest is put where it belongs."""
        times = self.times
        if not times or at_us >= times[-1]:
            times.append(at_us)
            self._verified.append(verified)
        else:
            place = bisect_right(times, at_us)
            times.insert(place, at_us)
            self._verified.insert(place, verified)
            self._make_anew_from(place)
        if len(times) > FORGET_AT_LEAST and times[FORGET_AT_LEAST - 1] < times[-1] - KEEP_US:
            self._forget(bisect_left(times, times[-1] - KEEP_US))

    def customers(self, since_us: int) -> list[int]:
        """Return when verified customers counted since a time, oldest first."""
        first = bisect_left(self.times, since_us)
        return [at_us for at_us, verified in zip(self.times[first:], self._verified[first:], strict=True) if verified]

    @property
    def per_hour(self) -> float:
        """Return how many complaints are expected per hour of average weight."""
        return self._per_hour

    def is_calm(self) -> bool:
        """Tell whether its newest complaint ends no window that counts; it scores `CALM_AT_MOST` at most."""
        times = self.times
        return len(times) < COMPLAINTS_AT_LEAST or times[-COMPLAINTS_AT_LEAST] < times[-1] - SPAN_US

    def stirs_with(self, at_us: int, *, others: int = 0) -> bool:
        """Tell whether a complaint may end a window that counts, when it comes together with `others`.

        Before that nobody needs to know what is expected in the cell.
        """
        times, since_us = self.times, max(at_us, self.times[-1] if self.times else at_us) - SPAN_US
        wanted = COMPLAINTS_AT_LEAST - 1 - others
        return wanted <= 0 or (len(times) >= wanted and times[-wanted] >= since_us)

    def evaluate(
        self, at_us: int, *, verified_at_least: int = 0, since_us: int = BEGINNING_US, at_least: float = 0.0
    ) -> Window:
        """Return the most surprising window that ends at `at_us`, which is not before the newest complaint.

        Only windows that begin at or after `since_us`, hold `verified_at_least` verified complaints and score
        `at_least` count.
        """
        times = self.times
        newest = len(times) - 1
        start = newest + 1 - COMPLAINTS_AT_LEAST  # the first complaint of the shortest window that counts
        if verified_at_least > 0:
            start = min(start, self._start_of_verified(verified_at_least))
        oldest = max(at_us - SPAN_US, since_us)
        window = NOTHING
        if start >= 0 and times[start] >= oldest:
            stop = max(bisect_left(times, oldest, 0, start + 1), newest + 1 - COMPLAINTS_AT_MOST)
            window = self._most_surprising(at_us, start, stop, at_least)
        return self._companion(at_us, window, since_us, verified_at_least, max(window.score, at_least))

    def _most_surprising(self, at_us: int, start: int, stop: int, at_least: float) -> Window:
        """Return the window with the highest score of those that begin at the complaints from `stop` to `start`."""
        self._make(stop, start)
        times, until, factors = self.times, self._until, self._factors
        now, number = self.shape.integral(at_us), len(times)
        best, best_at, best_mu = at_least, -1, 0.0
        i, block_from = start, start - ONE_BY_ONE
        while i >= stop:
            if i <= block_from and i - BLOCK >= stop:
                mu = (now - until[i]) * min(factors[i - BLOCK + 1 : i + 1]) + EXPECTED_AT_LEAST
                excess = number - i + BLOCK - 1 - mu  # of no window of the block more
                if excess <= 0 or excess * excess < 2 * mu * best:
                    i -= BLOCK
                    continue
                block_from = i - BLOCK
            n = number - i
            mu = (now - until[i]) * factors[i] + EXPECTED_AT_LEAST
            excess = n - mu
            # The score is at most that of Poisson with known mu, which is at most (n - mu)^2 / (2 mu).
            if excess > 0 and excess * excess >= 2 * mu * best:
                r = self._references[i]
                score = n * log(n / mu) - (n + r) * log((n + r) / (mu + r))
                if score >= best:
                    best, best_at, best_mu = score, i, mu
            i -= 1
        if best_at < 0:
            return NOTHING
        verified = self._verified.count(1, best_at)
        return Window(best, times[best_at], number - best_at, best_mu - EXPECTED_AT_LEAST, verified)

    def _companion(self, at_us: int, window: Window, since_us: int, verified_at_least: int, at_least: float) -> Window:
        """Return the last hour, when it is more surprising than `window`; a daily rhythm is all it knows."""
        times, begins_us = self.times, max(at_us - LAST_HOUR_US, since_us - 1)
        too_few = int(at_least / _Z_PER_COMPLAINT)
        if len(times) <= too_few or times[-1 - too_few] <= begins_us:
            return window
        first = bisect_right(times, begins_us)
        observed = len(times) - first
        hour = self.shape.local.hour(at_us) % 24
        expected = self.daily_mean / 24 * self.shape.of_hour(hour)
        score = COMPANION_WEIGHT * (observed - expected) / sqrt(max(expected, COMPANION_VARIANCE_AT_LEAST))
        if score < at_least or score <= window.score:
            return window
        verified = self._verified.count(1, first)
        if verified < verified_at_least:
            return window
        return Window(score, times[first], observed, expected, verified)

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
        return Window(score, from_us, observed, expected, self._verified.count(1, first, end))

    def last_hour(self, at_us: int) -> Window:
        """Return what the companion for slow rises says, the most surprising window or not."""
        first, end = bisect_right(self.times, at_us - LAST_HOUR_US), bisect_right(self.times, at_us)
        expected = self.daily_mean / 24 * self.shape.of_hour(self.shape.local.hour(at_us) % 24)
        z = (end - first - expected) / sqrt(max(expected, COMPANION_VARIANCE_AT_LEAST))
        score = max(COMPANION_WEIGHT * z, 0.0)
        return Window(score, at_us - LAST_HOUR_US, end - first, expected, self._verified.count(1, first, end))

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

    def _make(self, stop: int, start: int) -> None:
        """Make what belongs to the windows that begin at the complaints from `stop` to `start`."""
        factors = self._factors
        unneeded = stop - len(factors)
        if unneeded > 0:
            for column in (self._until, self._references, factors):
                column.extend([_UNKNOWN] * unneeded)
            self._made_from = stop
        for i in range(stop, self._made_from):  # nothing, unless an earlier moment is asked for
            self._until[i], self._references[i], factors[i] = self._of_window_from(i)
        self._made_from = min(self._made_from, stop)
        for i in range(len(factors), start + 1):
            until, reference, factor = self._of_window_from(i)
            self._until.append(until)
            self._references.append(reference)
            factors.append(factor)

    def _of_window_from(self, i: int) -> tuple[float, float, float]:
        times, before_us = self.times, self.times[i] - REFERENCE_US
        until = self.shape.integral(times[i])
        reference = PSEUDO_COMPLAINTS + (i - bisect_left(times, before_us, 0, i))
        return until, reference, self._factor(reference, until - self.shape.integral(before_us))

    def _make_anew_from(self, place: int) -> None:
        for column in (self._until, self._references, self._factors):
            del column[place:]
        self._made_from = min(self._made_from, place)

    def _forget(self, number: int) -> None:
        columns: tuple[list[int] | list[float] | bytearray, ...] = (
            self.times,
            self._until,
            self._references,
            self._factors,
            self._verified,
        )
        for column in columns:
            del column[:number]
        self._made_from = max(self._made_from - number, 0)
