"""Fitting a text into its segments: optional sentences are left out, least important first, and a place is shortened.

A template marks what may be left out, `{% optional 3 %} ... {% endoptional %}`: the lowest number goes first, and of
the same number what comes last. What is not marked always stays.
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


def levels(marked: str) -> tuple[str, ...]:
    """Return a marked text with everything in it, then with one sentence less each time; raise `ValueError`."""
    pieces = _OPTIONAL.split(marked)
    fixed, ranks, optional = pieces[0::3], [int(rank) for rank in pieces[1::3]], pieces[2::3]
    if any(sign in piece for piece in (*fixed, *optional) for sign in (OPEN, CLOSE)):
        raise ValueError("an optional sentence stands within another one")
    left_out: set[int] = set()
    found = [_joined(fixed, optional, left_out)]
    for index in sorted(range(len(ranks)), key=lambda index: (ranks[index], -index)):
        left_out.add(index)
        found.append(_joined(fixed, optional, left_out))
    return tuple(found)


def fit(places: Sequence[str], levels_at: Callable[[str], Sequence[str]], budget: Budget) -> Fitted:
    """Return the fullest text that fits; where none does, the shortest.

    `places` are names of the place, the shortest last; `levels_at` gives the levels of the text with one of them.
    With the alphabet `unicode` letters lose their accents only where the text would not fit otherwise.
    """
    alphabets = (_composed, to_gsm7) if budget.alphabet is Alphabet.UNICODE else (to_gsm7,)
    shortest: Fitted | None = None
    for write in alphabets:
        for place in places:
            for text in levels_at(place):
                written = write(text)
                shortest = Fitted(text=written, segments=segments(written).count)
                if shortest.segments <= budget.segments_at_most:
                    return shortest
    if shortest is None:
        raise ValueError("there is no text")
    return shortest


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _joined(fixed: Sequence[str], optional: Sequence[str], left_out: set[int]) -> str:
    """Return the pieces in one line; nothing is left of a sentence that is left out, no space before a comma either."""
    text = fixed[0]
    for index, after in enumerate(fixed[1:]):
        kept = "" if index in left_out else optional[index]
        if not kept and after.startswith(_CLINGS):
            text = text.rstrip()
        text += kept + after
    return " ".join(text.split())
