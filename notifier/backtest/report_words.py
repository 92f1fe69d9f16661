"""The sentences of a report: what was found, what it was held against, what one opening rested on."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from notifier.backtest.record import Interval, Opening, Record, Verdict
from notifier.domain.evidence_words import opening_words
from notifier.domain.explanation import reasons
from notifier.domain.text import clean_line, figure, lasting

WANTED = {"likely": 0.1, "certain": 0.01}  # false incidents per cell and month that the grades are meant to cost
SHOWN_CHARACTERS = 80
TOO_SHORT = "The file is not longer than the 28 days in which the baseline is learnt: nothing can be judged."
WARM_UP, NOT_TO_JUDGE = "warm-up", "not to judge"
_MINUTE = timedelta(minutes=1)


def shown(text: str) -> str:
    """Return text of the file as one line without marks that hide or turn round what follows."""
    clean = clean_line(text)
    if not clean:
        return "(no name)"
    return clean if len(clean) <= SHOWN_CHARACTERS else clean[:SHOWN_CHARACTERS] + "..."


def summary(found: Record) -> list[str]:
    """Return what a commander asks first: how many incidents, of which right, how fast."""
    if found.first_at is None or found.last_at is None:
        return ["There are no complaints in the file."]
    judged = judged_openings(found)
    grade = f" ({found.grade})" if found.grade else ""
    complaints = f"{_many(found.complaints, 'complaint')} about {_many(len(found.cells), 'cell')}"
    period = f"from {day(found.first_at)} to {day(found.last_at)}"
    opened = f"{_many(len(judged), 'incident')} at a score of {found.threshold:g}{grade}"
    said = [f"{complaints} {period} would have opened {opened}."]
    if is_too_short(found):
        said = [TOO_SHORT, f"It holds {complaints} {period}."]
    early = len(found.openings) - len(judged)
    if early:
        said.append(
            f"{_many(early, 'more')} in the first 28 days, while the baseline was learnt, {_is(early)} not judged."
        )
    said += _against(found.verdict, found.grade) if found.verdict is not None else _alone(found, len(judged))
    if left := sum(found.not_counted.values()):
        said.append(f"{figure(left)} of the complaints did not count: {reasons(found.not_counted)}.")
    if found.refused:
        said.append(f"{_many(found.refused, 'row')} could not be read.")
    return said


def judged_openings(found: Record) -> list[Opening]:
    """Return the openings after the warm-up."""
    return [one for one in found.openings if found.warm_up_until is not None and one.detected_at >= found.warm_up_until]


def is_too_short(found: Record) -> bool:
    """Tell whether the whole file lies in the warm-up."""
    return found.warm_up_until is None or found.last_at is None or found.last_at <= found.warm_up_until


def judged(opening: Opening, found: Record) -> str:
    """Return whether an incident was judged, and if not, why: `yes`, `warm-up`, or `not to judge` by the truth."""
    if found.warm_up_until is None or opening.detected_at < found.warm_up_until:
        return WARM_UP
    return NOT_TO_JUDGE if found.verdict is not None and opening.is_false is None else "yes"


def few(value: float) -> str:
    """Write how many were expected, where next to nothing need not be told apart."""
    return figure(float(f"{value:.2g}")) if value >= 0.01 else "<0.01" if value > 0 else "0"


def evidence(opening: Opening) -> str:
    """Return what an opening rested on."""
    lasted = opening.detected_at - opening.window_from
    return opening_words(opening.observed, opening.observed, opening.expected, lasted)


def picture(opening: Opening, most: int) -> str:
    """Return what the picture of an opening shows, for people who do not see it."""
    normal = max(opening.expected_around, default=0.0)
    usual = f"where at most {figure(float(f'{normal:.2g}'))} are expected"
    return f"At most {_many(most, 'complaint')} in 10 minutes, {usual}, from 6 hours before to 6 hours after."


def verdict_of(opening: Opening) -> tuple[str, str]:
    """Return (code, word) of how an opening was judged."""
    if opening.is_false is None:
        return "open", "not judged"
    return ("false", "false") if opening.is_false else ("right", "right")


def rate(interval: Interval) -> str:
    """Write a rate with its interval."""
    return f"{short(interval.value)} (95 in 100: {short(interval.low)} to {short(interval.high)})"


def minutes(delay: timedelta) -> str:
    """Write a delay."""
    return f"{delay / _MINUTE:.1f} min" if delay < 10 * _MINUTE else lasting(delay)


def day(at: datetime) -> str:
    """Write a date for people."""
    return f"{at.day} {at:%B %Y}"


def _against(verdict: Verdict, grade: str) -> list[str]:
    said = []
    if verdict.recall is not None:
        found = f"They found {figure(verdict.found)} of {_many(verdict.outages, 'known outage')} ({verdict.recall:.0%})"
        said.append(found + (f", {_speed(verdict.delays)}." if verdict.delays else "."))
    wanted = f"; wanted for {grade}: at most {WANTED[grade]:g}" if grade in WANTED else ""
    said.append(
        f"{_many(verdict.false, 'incident')} {'was' if verdict.false == 1 else 'were'} false: "
        f"{rate(verdict.false_per_month)} a month over all cells, {rate(verdict.false_per_cell_month)} per cell and "
        f"month{wanted}."
    )
    return said


def _alone(found: Record, judged: int) -> list[str]:
    assert found.warm_up_until is not None  # noqa: S101 - there are complaints
    assert found.last_at is not None  # noqa: S101 - there are complaints
    months = (found.last_at - found.warm_up_until) / timedelta(days=30)
    if months <= 0:
        return []
    each = f"That is {short(judged / months)} a month"
    return [f"{each}. Which of them were right, people who were there can say, or a file given as --truth."]


def _speed(delays: Sequence[timedelta]) -> str:
    ordered = sorted(delays)
    half, nine = ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))]
    return f"half of them within {minutes(half)} and 9 in 10 within {minutes(nine)}"


def short(value: float) -> str:
    """Write a rate; with a digit more where two would make it what is wanted: 0.0102, not 0.01."""
    said = figure(float(f"{value:.3g}"))
    return f"{value:.3g}" if said in {figure(wanted) for wanted in WANTED.values()} else said


def _many(count: int, one: str) -> str:
    return f"{figure(count)} {one if count == 1 or one == 'more' else one + 's'}"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
