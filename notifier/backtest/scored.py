"""Scores of a run, and how many incidents any threshold would have opened.

An incident of a cell begins with a score that reaches the threshold when none has for two hours; so one run at one
threshold says what every higher one would have done, cell by cell.
"""

from collections.abc import Mapping, Sequence

from notifier.backtest.complaint_stream import ComplaintStream
from notifier.backtest.running import SUBSIDES_AFTER_US, Run, Scores
from notifier.backtest.truth import Windows
from notifier.domain.detection import CellKey


class Scored:
    """The remembered scores of a run from a time on, with those that a truth explains."""

    def __init__(
        self, run: Run, stream: ComplaintStream, windows: Windows, *, from_us: int, until_us: int = 2**62
    ) -> None:
        self._cells: list[tuple[Sequence[int], Sequence[float], list[bool | None]]] = []
        for key, scores in sorted(run.scores.items()):
            self._cells.append(_judged(key, scores, stream, windows, from_us, until_us))

    def openings(self, threshold: float) -> list[tuple[int, bool]]:
        """Return when incidents would have been opened and whether the truth explains them, by time.

        Those opened in a time that is not judged are left out, with what goes on of them afterwards.
        """
        found: list[tuple[int, bool]] = []
        for times, scores, right in self._cells:
            last_us = -(2**62)
            for at_us, score, is_right in zip(times, scores, right, strict=True):
                if score >= threshold:
                    if at_us - last_us > SUBSIDES_AFTER_US and is_right is not None:
                        found.append((at_us, is_right))
                    last_us = at_us
        return sorted(found)

    def peaks(self) -> list[float]:
        """Return every score that the truth does not explain, highest first."""
        return sorted(
            (
                score
                for _, scores, right in self._cells
                for score, is_right in zip(scores, right, strict=True)
                if is_right is False
            ),
            reverse=True,
        )


def _judged(
    key: CellKey, scores: Scores, stream: ComplaintStream, windows: Windows, from_us: int, until_us: int
) -> tuple[Sequence[int], Sequence[float], list[bool | None]]:
    region = (stream.regions[key.region_id].code,)
    times, values = [], []
    right: list[bool | None] = []  # None: not judged
    for at_us, score in zip(scores.at_us, scores.score, strict=True):
        if from_us <= at_us < until_us:
            times.append(at_us)
            values.append(score)
            is_judged = windows.is_judged(key.service, at_us)
            right.append(windows.has(region, key.service, at_us) if is_judged else None)
    return times, values, right


def thresholds_of(grades: Mapping[str, float], peaks: Sequence[float], number: int = 24) -> list[float]:
    """Return thresholds to draw a curve at, from the lowest score to one that few reach, with those in force.

    Each is as many times higher than the one before: half of what matters lies below twice the lowest score.
    """
    if not peaks:
        return sorted(set(grades.values()))
    low, high = peaks[-1], max(peaks[min(len(peaks) - 1, 9)], *grades.values())
    return sorted({*grades.values(), *(round(low * (high / low) ** (step / number), 2) for step in range(number + 1))})
