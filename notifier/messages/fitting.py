"""Fitting a text into its segments: optional sentences are left out, least important first, and a place is shortened.

A template marks what may be left out, `{% optional 3 %} ... {% endoptional %}`: the lowest number goes first, and of
the same number what comes last. Once the text fits, what still finds room comes back, most important first. What is
not marked always stays.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from notifier.config import Alphabet
from notifier.domain.segments import segments, to_gsm7

OPEN, AFTER_RANK, CLOSE = "\ue002", "\ue003", "\ue004"  # private use: never part of a wording

_OPTIONAL = re.compile(f"{OPEN}(-?[0-9]+){AFTER_RANK}(.*?){CLOSE}", re.DOTALL)
_CLINGS = (".", ",", ";", ":", ")")
_NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a text may take on the air."""

    alphabet: Alphabet
    segments_at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A text as it goes out."""

    text: str
    segments: int


def mark(sentence: str, rank: int) -> str:
    """Return a sentence marked as one that may be left out."""
    return f"{OPEN}{rank}{AFTER_RANK}{sentence}{CLOSE}"


class Sentences:
    """A text whose optional sentences can be left out."""

    def __init__(self, marked: str) -> None:
        """Read a marked text; raise `ValueError` when one optional sentence stands within another."""
        pieces = _OPTIONAL.split(marked)
        self._fixed, ranks, self._optional = pieces[0::3], [int(rank) for rank in pieces[1::3]], pieces[2::3]
        if any(sign in piece for piece in (*self._fixed, *self._optional) for sign in (OPEN, CLOSE)):
            raise ValueError("an optional sentence stands within another one")
        self.order = tuple(sorted(range(len(ranks)), key=lambda index: (ranks[index], -index)))
        """The optional sentences, least important first."""
        self._texts: dict[frozenset[int], str] = {}

    def text(self, left_out: frozenset[int] = _NOTHING) -> str:
        """Return the text in one line; nothing is left of a sentence that is left out."""
        found = self._texts.get(left_out)
        if found is None:
            found = self._texts[left_out] = self._joined(left_out)
        return found

    def _joined(self, left_out: frozenset[int]) -> str:
        text = self._fixed[0]
        for index, after in enumerate(self._fixed[1:]):
            kept = "" if index in left_out else self._optional[index]
            if not kept and after.startswith(_CLINGS):
                text = text.rstrip()
            text += kept + after
        return " ".join(text.split())


def fit(places: Sequence[str], sentences_at: Callable[[str], Sentences], budget: Budget, *, mark: str = "") -> Fitted:
    """Return the fullest text that fits; where none does, the shortest.

    `places` are names of the place, the shortest last; `sentences_at` gives the text with one of them, which stands
    for `mark` in it where that is given. With the alphabet `unicode` letters lose their accents only where the text
    would not fit otherwise.
    """
    alphabets = (_composed, to_gsm7) if budget.alphabet is Alphabet.UNICODE else (to_gsm7,)
    shortest: Fitted | None = None
    for write in alphabets:
        for place in places:
            sentences = sentences_at(place)

            def fitted(left_out: frozenset[int]) -> Fitted:
                text = sentences.text(left_out)  # noqa: B023 - called within this round only
                written = write(text.replace(mark, place) if mark else text)  # noqa: B023
                return Fitted(text=written, segments=segments(written).count)

            shortest = _fullest(sentences.order, fitted, budget.segments_at_most)
            if shortest.segments <= budget.segments_at_most:
                return shortest
    if shortest is None:
        raise ValueError("there is no place to name")
    return shortest


def _fullest(order: Sequence[int], fitted: Callable[[frozenset[int]], Fitted], at_most: int) -> Fitted:
    """Leave out sentences until the text fits, then take back what finds room; the shortest when it never fits."""
    left_out, best = _NOTHING, fitted(_NOTHING)
    for index in order:
        if best.segments <= at_most:
            break
        left_out |= {index}
        best = fitted(left_out)
    if best.segments > at_most or not left_out:
        return best
    for index in reversed([each for each in order if each in left_out]):
        fuller = fitted(left_out - {index})
        if fuller.segments <= at_most:
            left_out, best = left_out - {index}, fuller
    return best


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)
