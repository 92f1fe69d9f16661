"""How many segments a text takes on the air, and where it is cut.

A text of GSM-7 characters has 160 septets in one segment, or 153 in each of several; with one character outside of it
all of it becomes UCS-2, with 70 code units in one segment, or 67 in each of several (3GPP TS 23.038 and 23.040: six
bytes of every part are a header that joins them). An extension character is two septets and a surrogate pair two
units; neither is ever split, so a part may end one short.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from notifier.domain.gsm7 import BASIC, EXTENSION, written

BODY_AT_MOST = 1600  # characters of one message, before it is cut (Twilio's error 21617)


class Alphabet(StrEnum):
    """What a text is encoded in on the air."""

    GSM7 = "GSM-7"
    UCS2 = "UCS-2"

    @property
    def bits(self) -> int:
        """Return the bits of one unit: a septet, or a code unit."""
        return 7 if self is Alphabet.GSM7 else 16

    @property
    def alone(self) -> int:
        """Return how many units a single segment holds."""
        return 160 if self is Alphabet.GSM7 else 70

    @property
    def in_part(self) -> int:
        """Return how many units each of several segments holds."""
        return 153 if self is Alphabet.GSM7 else 67


HEADER_BITS = 48  # of each of several segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """What a text takes on the air."""

    alphabet: Alphabet
    count: int
    units: int  # septets or code units of the text, without headers

    @property
    def bits(self) -> int:
        """Return the bits of the text."""
        return self.units * self.alphabet.bits

    @property
    def bits_sent(self) -> int:
        """Return the bits of the text and of the headers that join its parts."""
        return self.bits + (HEADER_BITS * self.count if self.count > 1 else 0)


_ALL = BASIC | EXTENSION


class _Table(dict[int, str]):
    """What each character is written with, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        if len(self) >= 4_096:  # text from outside does not fill the memory
            self.clear()
        self[code] = found = written(chr(code))
        return found


_TABLE = _Table()


def to_gsm7(text: str) -> str:
    """Return the text with nothing but GSM-7 characters: composed first, then written with what the alphabet has."""
    return unicodedata.normalize("NFC", text).translate(_TABLE)


def alphabet_of(text: str) -> Alphabet:
    """Return the alphabet that the whole text needs."""
    return Alphabet.GSM7 if _ALL.issuperset(text) else Alphabet.UCS2


def segments(text: str) -> Segments:
    """Return what a text takes on the air, as it stands: normalise it before."""
    alphabet = alphabet_of(text)
    units = _units(text, alphabet)
    count = 1 if units <= alphabet.alone else sum(1 for _ in _cut(text, alphabet))
    return Segments(alphabet=alphabet, count=count, units=units)


def split(text: str) -> list[str]:
    """Return the parts of a text as they go over the air; together they are the text."""
    alphabet = alphabet_of(text)
    return [text] if _units(text, alphabet) <= alphabet.alone else list(_cut(text, alphabet))


def _units(text: str, alphabet: Alphabet) -> int:
    if alphabet is Alphabet.GSM7:
        return len(text) + sum(map(text.count, EXTENSION))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _sizes(text: str, alphabet: Alphabet) -> Iterable[int]:
    if alphabet is Alphabet.GSM7:
        return (2 if char in EXTENSION else 1 for char in text)
    return (2 if ord(char) > 0xFFFF else 1 for char in text)


def _cut(text: str, alphabet: Alphabet) -> Iterator[str]:
    most, used, start = alphabet.in_part, 0, 0
    for place, size in enumerate(_sizes(text, alphabet)):
        if used + size > most:
            yield text[start:place]
            used, start = 0, place
        used += size
    yield text[start:]
