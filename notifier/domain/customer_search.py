"""What an agent types to find a customer: words of a name or a street line, or a part of a number or mail address.

In: what was typed. Out: `Wanted`, patterns for LIKE (escaped with `!`), and whether a text has all the words, accents
and capitals aside. Patterns may find too much; what is shown has been matched here.
"""

import unicodedata
from dataclasses import dataclass

from notifier.domain.text import clean_line

WORDS_AT_MOST = 6
LETTERS_AT_LEAST = 3  # in all: fewer would find everybody
DIGITS_AT_LEAST = 4  # of a part of a number

_MAY_HAVE_ACCENTS = frozenset("aceinosuyzACEINOSUYZ")
_OF_NUMBERS = frozenset("0123456789+()-./ ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to look for; all the words, or a part of an address."""

    words: tuple[str, ...] = ()
    part: str = ""  # of a mail address or number, as it is stored

    @property
    def is_nothing(self) -> bool:
        """Tell whether there is too little to look for."""
        return not self.words and not self.part


def wanted(text: str) -> Wanted:
    """Return what a text asks for; a number may be a part of a telephone number, and of a street line."""
    line = clean_line(text)
    words = tuple(dict.fromkeys(word for word in line.replace(",", " ").split() if word.strip(".;:-")))[:WORDS_AT_MOST]
    if sum(len(word) for word in words) < LETTERS_AT_LEAST:
        words = ()
    if "@" in line:
        return Wanted(part=line.lower() if " " not in line and len(line) > LETTERS_AT_LEAST else "")
    digits = "".join(c for c in line if c.isdigit())
    if set(line) <= _OF_NUMBERS and len(digits) >= DIGITS_AT_LEAST:
        return Wanted(words=words, part=digits)
    return Wanted(words=words)


def pattern(word: str) -> str:
    """Return a LIKE pattern (with ESCAPE '!') of everything that has a word, in small letters, with any accents."""
    letters = [_letter(c) for c in word.lower()]
    if sum(letter != "_" for letter in letters) < 2:  # nothing would be left to tell by
        letters = [_escaped(c) if c.isascii() else "_" for c in word.lower()]
    return f"%{''.join(letters)}%"


def exact_pattern(part: str) -> str:
    """Return a LIKE pattern (with ESCAPE '!') of everything that has a part, letter by letter."""
    return f"%{''.join(map(_escaped, part))}%"


def folded(text: str) -> str:
    """Return a text as it is compared: small letters without accents."""
    bare = unicodedata.normalize("NFKD", text)
    return "".join(c for c in bare if not unicodedata.combining(c)).casefold()


def has_all(text: str, words: tuple[str, ...]) -> bool:
    """Tell whether a text has every word, in any order."""
    plain = folded(text)
    return all(folded(word) in plain for word in words)


def _letter(c: str) -> str:
    return "_" if not c.isascii() or c in _MAY_HAVE_ACCENTS else _escaped(c)


def _escaped(c: str) -> str:
    return f"!{c}" if c in "%_!" else c
