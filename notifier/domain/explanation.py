"""Explanation: why a cell is evidence of an incident, or why it is none, in figures and in plain sentences.

In come a cell as the detector has it at some moment, what an incident needs, and how many complaints did not count and
why. Out come windows with their scores, stretches of a plot, and sentences for a person who is woken at 03:00. Nothing
is decided here: the figures are those of `notifier.domain.cell`. Times are microseconds since 1970-01-01 UTC.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import log

from notifier.domain.cell import BEGINNING_US, NOTHING, SPAN_US, Cell, Rhythm, Window
from notifier.domain.complaint import NotCounted
from notifier.domain.detection import Grade, Thresholds
from notifier.domain.evidence_words import callers, opening_words, usual
from notifier.domain.feed import Silence
from notifier.domain.local_time import US_PER_HOUR
from notifier.domain.surge import WEIGHT
from notifier.domain.text import figure

US_PER_MINUTE = US_PER_HOUR // 60
WINDOWS_MINUTES = (5, 15, 30, 60, 90, 240)  # the last is for looking at: it is longer than any that decides
STEPS_MINUTES = (5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440)  # of a plot
STEPS_AT_MOST = 60
SURGE_WORTH_A_WORD = 0.1  # of the score
ALL_OVER_BONUS = WEIGHT * log(2)  # twice as many complaints of the service as usual ...
ALL_OVER_PLACES = 5  # ... from so many other places at least


class WindowKind(StrEnum):
    """What a window of an explanation is."""

    LAST = "last"  # so and so many minutes up to the moment
    COMPANION = "companion"  # the last hour against the usual hour of the day: sees what rises slowly
    MOST_SURPRISING = "most_surprising"  # the one that decides


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What an incident needs to be opened."""

    thresholds: Thresholds
    customers_at_least: int  # verified ones
    since_us: int = BEGINNING_US  # an incident there ended then: what came before is no evidence any more
    bonus: float = 0.0  # what a surge of the whole service adds to the score
    places: int = 0  # other places that complained of the service while it was looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A window that ends at the moment in question."""

    kind: WindowKind
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """How surprising a cell is at a moment."""

    at_us: int
    best: Window | None  # the most surprising window, whoever is in it; None when nothing is more than expected
    evidence: Window | None  # the one that has what an incident needs, of grade likely at least
    windows: list[Measured]

    @property
    def shown(self) -> Window | None:
        """Return the window that explains it: the evidence, or what comes nearest to it."""
        return self.evidence or self.best


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stretch of a plot."""

    from_us: int
    observed: int
    expected: float


def surprise(cell: Cell, at_us: int, needed: Needed) -> Surprise:
    """Return what the detector sees in a cell at a moment, which is not before its newest complaint."""
    best = cell.evaluate(at_us) if cell.times else None
    best = _with_bonus(best, needed) if best is not None and best.score > 0 else None
    evidence = best
    if best is not None and (best.verified < needed.customers_at_least or best.from_us < needed.since_us):
        evidence = cell.evaluate(at_us, verified_at_least=needed.customers_at_least, since_us=needed.since_us)
        evidence = _with_bonus(evidence, needed) if evidence.observed else None
    if evidence is not None and needed.thresholds.grade(evidence.score) is None:
        evidence = None
    windows = [_last(cell, at_us, minutes * US_PER_MINUTE) for minutes in WINDOWS_MINUTES]
    windows.append(Measured(kind=WindowKind.COMPANION, window=cell.last_hour(at_us)))
    shown = evidence or best
    if shown is not None:
        windows.append(Measured(kind=WindowKind.MOST_SURPRISING, window=shown))
    return Surprise(at_us=at_us, best=best, evidence=evidence, windows=windows)


def _last(cell: Cell, at_us: int, length_us: int) -> Measured:
    window = cell.window(at_us - length_us, at_us)
    return Measured(
        kind=WindowKind.LAST, window=window if length_us <= SPAN_US else window._replace(score=NOTHING.score)
    )


def _with_bonus(window: Window, needed: Needed) -> Window:
    return window._replace(score=window.score + needed.bonus)


def steps(times: Sequence[int], shape: Rhythm, per_hour: float, from_us: int, until_us: int) -> list[Step]:
    """Return a plot of complaints beside the baseline, at most 60 steps of a handy length; the last ends at the end.

    `times` ascend; `per_hour` are complaints per hour of average weight.
    """
    minutes = next((m for m in STEPS_MINUTES if (until_us - from_us) <= m * US_PER_MINUTE * STEPS_AT_MOST), None)
    length = (minutes or STEPS_MINUTES[-1]) * US_PER_MINUTE
    number = min(max(1, -((from_us - until_us) // length)), STEPS_AT_MOST)
    found = []
    for step in range(number, 0, -1):
        start, end = until_us - step * length, until_us - (step - 1) * length
        observed = bisect_left(times, end + (step == 1)) - bisect_left(times, start)
        expected = per_hour * (shape.integral(end) - shape.integral(start))
        found.append(Step(from_us=start, observed=observed, expected=expected))
    return found


# --- in words -------------------------------------------------------------------------------------------------------

_NOT_COUNTED: Mapping[str, tuple[str, str]] = {
    NotCounted.REPEAT: ("repeat within 24 hours", "repeats within 24 hours"),
    NotCounted.LATE: ("that came too late", "that came too late"),
    NotCounted.HISTORY: ("imported as history", "imported as history"),
    "duplicate": ("sent twice", "sent twice"),
    NotCounted.UNVERIFIED_CAP: ("by a stranger over the cap", "by strangers over the cap"),
    NotCounted.PLANNED_WORK: ("explained by planned work", "explained by planned work"),
}


def words(found: Surprise, needed: Needed, not_counted: Mapping[str, int]) -> list[str]:
    """Return what a cell shows at a moment: how many where how many are normal, what that is worth, who is left out."""
    return [_headline(found), *_worth(found, needed), *_surge(found, needed), *left_out(not_counted)]


def since_words(ago: str, more: int, hour: Window) -> str:
    """Return what came after an incident was opened: `Since then (40 min) 11 more; in the last hour 5, ...`."""
    counted = f"{figure(more)} more counted" if more else "none counted"
    return f"Since then ({ago}) {counted}; in the last hour {figure(hour.observed)}, {usual(hour.expected)}."


def now_words(then: Surprise, now: Surprise, thresholds: Thresholds) -> list[str]:
    """Return how a cell is now, when that differs from then: `Now: certain, score 52.8.`"""
    said = _now(now, thresholds)
    return [] if said == _now(then, thresholds) else [said]


def unheard_words(service: str, silence: Silence, first_heard_us: int | None) -> str:
    """Return why windows of different lengths have the same normal number: in a silence nothing was to be expected."""
    if first_heard_us is not None and silence.until_us <= first_heard_us:
        began = f"{service} was first heard live at {_utc(first_heard_us)}; before it nothing counts as normal"
    else:
        when = f"From {_utc(silence.from_us)} to {_utc(silence.until_us)}"
        began = f"{when} nothing was heard of {service}: nothing counts as normal then"
    return f"{began}, and windows that reach further back show the same NORMAL."


def left_out(not_counted: Mapping[str, int]) -> list[str]:
    """Return how many complaints of a cell were no evidence, and why; nothing when all of them were."""
    total = sum(not_counted.values())
    if not total:
        return []
    complaints = "1 more complaint did not count" if total == 1 else f"{figure(total)} more complaints did not count"
    return [f"{complaints}: {reasons(not_counted)}."]


def reasons(not_counted: Mapping[str, int]) -> str:
    """Return why complaints did not count, the most frequent reason first."""
    ordered = sorted(not_counted.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{figure(number)} {_reason(why, number)}" for why, number in ordered if number)


def _headline(found: Surprise) -> str:
    hour = next(each.window for each in found.windows if each.kind is WindowKind.COMPANION)
    window = found.shown
    if window is None:
        return f"Nothing unusual: {callers(hour.observed, hour.verified)} in the last hour, {usual(hour.expected)}."
    lasted = timedelta(microseconds=found.at_us - window.from_us)
    return opening_words(window.observed, window.verified, window.expected, lasted)


def _worth(found: Surprise, needed: Needed) -> list[str]:
    thresholds = needed.thresholds
    if found.evidence is not None:
        grade = thresholds.grade(found.evidence.score)
        begins = f"from {figure(thresholds.likely)}; certain from {figure(thresholds.certain)}"
        if grade is Grade.CERTAIN:
            begins = f"from {figure(thresholds.certain)}"
        return [f"The score is {found.evidence.score:.1f}: {grade} ({begins})."]
    if found.best is None:
        return []
    if thresholds.grade(found.best.score) is None:
        return [f"The score is {found.best.score:.1f}, below {figure(thresholds.likely)}: no evidence of an incident."]
    return [f"The score of {found.best.score:.1f} would do, and yet it is no evidence: {_lacks(found.best, needed)}."]


def _now(found: Surprise, thresholds: Thresholds) -> str:
    if found.shown is None:
        return "Now: nothing unusual."
    grade = None if found.evidence is None else thresholds.grade(found.evidence.score)
    return f"Now: {grade or 'no evidence'}, score {found.shown.score:.1f}."


def _surge(found: Surprise, needed: Needed) -> list[str]:
    if found.best is None or needed.bonus < SURGE_WORTH_A_WORD or not needed.places:
        return []
    why = "other places complain, too"
    if needed.bonus >= ALL_OVER_BONUS and needed.places >= ALL_OVER_PLACES:
        why = "the service is complained about all over, as in a storm"
    return [f"{needed.bonus:.1f} of the score is there because {why}."]


def _lacks(best: Window, needed: Needed) -> str:
    if best.verified < needed.customers_at_least:
        return (
            f"{best.verified or 'none'} of them {'is a customer' if best.verified == 1 else 'are customers'} on file, "
            f"and the playbook wants {needed.customers_at_least}"
        )
    return f"an incident here ended at {_utc(needed.since_us)}, and only what came after it counts"


def _reason(why: str, number: int) -> str:
    one, many = _NOT_COUNTED.get(why, (why.replace("_", " "),) * 2)
    return one if number == 1 else many


def _utc(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us / 1_000_000, UTC):%Y-%m-%d %H:%M} UTC"
