"""Evidence in words, the same on a card, in a text, in the timeline and in an explanation.

In come the figures of a window: how many different people, in which time, where how many were to be expected. Out comes
a line or a sentence for somebody who is woken. The score is not said: it means something only beside the thresholds.
"""

from datetime import timedelta

from notifier.domain.text import expectation, figure, lasting

NEXT_TO_NONE = 0.05  # expected complaints that are said as "hardly any"
_MINUTE = timedelta(minutes=1)


def seen(observed: int, lasted: timedelta, expected: float, grade: str = "") -> str:
    """Return evidence as one line: `20 people in 11 min, 1.3 expected: certain`; each of them counts once."""
    people = "1 person" if observed == 1 else f"{figure(observed)} people"
    line = f"{people} in {lasting(max(lasted, _MINUTE))}, {expectation(expected)} expected"
    return f"{line}: {grade}" if grade else line


def opening_words(observed: int, verified: int, expected: float, lasted: timedelta) -> str:
    """Return evidence as a sentence: `6 different customers in 12 minutes, where 0.4 are normal at this hour.`"""
    return f"{callers(observed, verified)} {_within(lasted)}, where {_normal(expected)} at this hour."


def callers(observed: int, verified: int) -> str:
    """Return who complained: customers, or callers of whom so many are on file."""
    if verified == observed:
        return f"{figure(observed)} different customers" if observed != 1 else "1 customer"
    return f"{figure(observed)} different callers ({figure(verified)} of them on file)" if observed != 1 else "1 caller"


def usual(expected: float) -> str:
    """Return how many would be normal: `where 0.4 are normal at this hour`."""
    return f"where {_normal(expected)} at this hour"


def _within(lasted: timedelta) -> str:
    minutes = round(lasted / _MINUTE)
    if minutes < 1:
        return "within a minute"
    if minutes < 60:
        return f"in {minutes} minutes" if minutes > 1 else "in 1 minute"
    if minutes % 60 == 0:
        return "in an hour" if minutes == 60 else f"in {minutes // 60} hours"
    return f"in {lasting(lasted)}"


def _normal(expected: float) -> str:
    if expected < NEXT_TO_NONE:
        return "hardly any are normal"
    rounded = round(expected, 1)
    return f"{figure(rounded)} {'is' if rounded == 1 else 'are'} normal"
