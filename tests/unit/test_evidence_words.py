"""Evidence in words: the line of cards, texts and timelines, and the sentence of explanations."""

from datetime import timedelta

import pytest

from notifier.domain.evidence_words import opening_words, seen


@pytest.mark.parametrize(
    ("observed", "minutes", "expected", "grade", "said"),
    [
        (20, 11, 1.3, "certain", "20 people in 11 min, 1.3 expected: certain"),
        (1_204, 90, 12.0, "likely", "1,204 people in 1 h 30 min, 12 expected: likely"),
        (3, 0, 0.0042, "likely", "3 people in 1 min, under 0.1 expected: likely"),
        (1, 5, 0.5, "", "1 person in 5 min, 0.5 expected"),
    ],
)
def test_the_line_says_who_in_which_time_and_how_many_are_usual(
    observed: int, minutes: float, expected: float, grade: str, said: str
) -> None:
    assert seen(observed, timedelta(minutes=minutes), expected, grade) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "within a minute"),
        (61, "in 1 minute"),
        (720, "in 12 minutes"),
        (3600, "in an hour"),
        (9000, "in 2 h 30 min"),
        (7190, "in 2 hours"),
    ],
)
def test_how_long_it_took_is_said_as_people_do(seconds: int, said: str) -> None:
    assert opening_words(6, 6, 0.44, timedelta(seconds=seconds)) == (
        f"6 different customers {said}, where 0.4 are normal at this hour."
    )
