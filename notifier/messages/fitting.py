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
_LOOSE = re.compile(" +([.,;])")
_TWO_STOPS = re.compile(r"(?<!\.)\.\.(?!\.)")  # "by 6:30 a.m." at the end of a sentence


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
    found = []
    for index in [None, *sorted(range(len(ranks)), key=lambda index: (ranks[index], -index))]:
        if index is not None:
            left_out.add(index)
        kept = ["" if each in left_out else sentence for each, sentence in enumerate(optional)]
        found.append(_tidy("".join(part for pair in zip(fixed, [*kept, ""], strict=True) for part in pair)))
    return tuple(dict.fromkeys(found))


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


def _tidy(text: str) -> str:
    """Return the text in one line, with nothing that a missing sentence leaves behind."""
    return _TWO_STOPS.sub(".", _LOOSE.sub(r"\1", " ".join(text.split())))
