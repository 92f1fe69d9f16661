"""Fitting: a text loses its least important sentences, then room for its place, and never what is essential."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.config import Alphabet
from notifier.domain.segments import segments, to_gsm7
from notifier.messages.fitting import Budget, Fitted, Sentences, fit, mark

TWO = Budget(alphabet=Alphabet.GSM7, segments_at_most=2)
ONE = Budget(alphabet=Alphabet.GSM7, segments_at_most=1)
UNICODE = Budget(alphabet=Alphabet.UNICODE, segments_at_most=1)


def levels(marked: str) -> list[str]:
    """Return a text in full, then with one sentence less each time."""
    sentences = Sentences(marked)
    return [sentences.text(frozenset(sentences.order[:count])) for count in range(len(sentences.order) + 1)]


def test_the_least_important_sentence_goes_first_and_of_the_same_the_last() -> None:
    assert levels(f"Sorry. {mark('Cause.', 5)} {mark('Crew.', 2)} {mark('Phone.', 2)} Reply ON.") == [
        "Sorry. Cause. Crew. Phone. Reply ON.",
        "Sorry. Cause. Crew. Reply ON.",
        "Sorry. Cause. Reply ON.",
        "Sorry. Reply ON.",
    ]


def test_a_part_of_a_sentence_leaves_no_gap_behind() -> None:
    assert levels(f"Back since 9{mark(', after 7 h', 1)}.\n\nWell  then {mark('really', 2)}, bye") == [
        "Back since 9, after 7 h. Well then really, bye",
        "Back since 9. Well then really, bye",
        "Back since 9. Well then, bye",
    ]


def test_an_optional_sentence_within_another_is_refused() -> None:
    with pytest.raises(ValueError, match="within another"):
        Sentences(mark(f"a {mark('b', 1)} c", 2))


def fitted(budget: Budget, *places: str, optional: str = "", essential: str = "out at {place}") -> Fitted:
    def sentences_at(place: str) -> Sentences:
        text = essential.format(place=place)
        return Sentences(f"{text} {mark(optional, 1)}" if optional else text)

    return fit(places, sentences_at, budget)


def test_sentences_go_before_the_place_is_shortened() -> None:
    assert fitted(ONE, "x" * 100, "here", optional="y" * 60).text == f"out at {'x' * 100}"
    assert fitted(ONE, "x" * 160, "here", optional="y" * 60).text == f"out at here {'y' * 60}"
    assert fitted(TWO, "x" * 160, "here", optional="y" * 60).segments == 2


def test_what_can_never_fit_is_sent_as_short_as_it_can_be() -> None:
    assert fitted(ONE, "there", "x", essential="z" * 200 + " {place}") == Fitted(text="z" * 200 + " x", segments=2)


def test_accents_stay_in_unicode_while_there_is_room_and_go_otherwise() -> None:
    assert fitted(ONE, "Calle Álvarez").text == "out at Calle Alvarez"
    assert fitted(UNICODE, "Calle A\u0301lvarez").text == "out at Calle Álvarez"
    assert fitted(UNICODE, "Calle Álvarez", essential="{place} " + "x" * 70).text == "Calle Alvarez " + "x" * 70


def test_what_still_finds_room_comes_back() -> None:
    long, short = "y" * 120, "z" * 50
    sentences = Sentences(f"out. {mark(short, 1)} {mark(long, 2)} {mark('Bye.', 3)}")
    assert fit(("",), lambda _: sentences, ONE).text == f"out. {long} Bye."
    sentences = Sentences(f"out. {mark(short, 1)} {mark(long * 2, 2)} {mark('Bye.', 3)}")
    assert fit(("",), lambda _: sentences, ONE).text == f"out. {short} Bye."


PLACES = st.text(st.characters(exclude_categories=("Cs", "Co")), max_size=60)
SENTENCES = st.lists(st.tuples(st.integers(-3, 9), st.text(st.characters(exclude_categories=("Cs", "Co")))), max_size=6)


@given(PLACES, SENTENCES, st.integers(1, 4))
def test_a_text_that_can_fit_does_and_nothing_more_would(
    place: str, optional: list[tuple[int, str]], most: int
) -> None:
    sentences = Sentences("Sorry, @ " + " ".join(mark(text, rank) for rank, text in optional) + " bye.")
    budget = Budget(alphabet=Alphabet.GSM7, segments_at_most=most)
    found = fit((place,), lambda _: sentences, budget, mark="@")
    assert found.segments == segments(found.text).count

    def written(left_out: frozenset[int]) -> str:
        return to_gsm7(sentences.text(left_out).replace("@", place))

    every = [frozenset(some) for count in range(7) for some in combinations(sentences.order, count)]
    texts = {left_out: written(left_out) for left_out in every}
    chosen = [left_out for left_out, text in texts.items() if text == found.text]
    assert chosen
    if any(segments(text).count <= most for text in texts.values()):
        assert found.segments <= most
        assert any(all(segments(texts[left_out - {one}]).count > most for one in left_out) for left_out in chosen)
