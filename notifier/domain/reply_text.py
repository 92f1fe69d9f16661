"""A text as somebody typed it, made plain enough to be compared: what is theirs, in sentences of plain words.

Left out: quotations of our own message, signatures, accents, case, emoji, punctuation. Kept: where a sentence ends and
whether it asks something, because "back?" is not "back".
"""

import re
import unicodedata
from dataclasses import dataclass

READ_AT_MOST = 1_600  # characters: what an SMS can hold; more of a mail says nothing about its meaning

_LOOKS_LIKE = str.maketrans(  # Cyrillic, Greek and others, small letters: U+0430 is an "a", U+043E an "o"
    "\u0430\u0432\u0435\u0456\u0458\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u051b\u051d\u0501\u04cf"
    "\u03b1\u03b2\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0131\u0251\u0261\u00f8$0135",
    "abeijkmhopctyxsqwdl" + "abeniknoptuxiagosoies",
)
_SOUNDS_LIKE = str.maketrans("\u0441\u043f\u03c3\u03c0\u0440\u043d", "spsprn")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bc\u00b4`\u2032\uff07", "'"))
_BREAK = r"(?:^|\n)[ \t]*"
_QUOTED_LINE = re.compile(r"(?m)^[ \t]*>.*$")
_LONG_QUOTE = re.compile(r"[\"\u201c\u201d\u201e\u00ab]([^\"\u201c\u201d\u00ab\u00bb]{25,})[\"\u201c\u201d\u00bb]")
_HEADER_OF_A_QUOTE = re.compile(
    _BREAK
    + r"(?:on\b[^\n]{6,120}\bwrote:|el\b[^\n]{6,120}\bescribi[o\u00f3]:|le\b[^\n]{6,120}a [e\u00e9]crit\s?:"
    + r"|-{2,}\s*(?:original message|mensaje original|message d'origine|forwarded message)\b"
    + r"|(?:from|de)\s?:[^\n]*\n[ \t]*(?:sent|to|enviado|para|envoy[e\u00e9]|[a\u00e0])\s?:|_{5,}[ \t]*\n)",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(
    _BREAK
    + r"(?:--[ \t]*(?:\n|$)|(?:sent (?:from|via|with)|get outlook for|enviado (?:desde|con)"
    + r"|envoy[e\u00e9] (?:de|depuis|a partir))\b)",
    re.IGNORECASE,
)
_REACTION = re.compile(
    r"^\s*(?:liked|loved|disliked|laughed at|emphasized|questioned|removed an? \w+ from|reacted .{1,24}? to|le gust[oó]"
    r"|le encant[oó]|no le gust[oó]|reaccion[oó] .{1,24}? a"
    r"|a aim[eé]|a ador[eé]|n'a pas aim[eé]|a r[eé]agi .{1,24}? [aà])\s*:?\s*"
    '["“„«]',
    re.IGNORECASE,
)
_ENDS = re.compile(r"([.!?;\n\u2026\u061f\u00bf\u00a1]+)")
_WORD = re.compile(r"[a-z0-9]+|,")
_ELISION = re.compile(r"\b(l|d|n|j|m|s|t|c|qu|jusqu|lorsqu|puisqu)'(?=[a-z])")  # l'eau, n'est: two words
_SPELLED = re.compile(r"\b(?:[a-z][ .\-*_]+){3,}[a-z]\b")  # s t o p, s.t.o.p
_STRETCHED = re.compile(r"([a-z])\1{2,}")  # stoooop


@dataclass(frozen=True, slots=True)
class Sentence:
    """Plain words up to a full stop."""

    words: tuple[str, ...]
    clauses: tuple[str, ...]  # the same, split at commas, each with one space between its words
    asks: bool

    @property
    def text(self) -> str:
        """Return its words with one space between them, and commas."""
        return " , ".join(self.clauses)


def is_reaction(text: str) -> bool:
    """Tell whether a telephone wrote this: somebody put a heart on a message, which is quoted in full."""
    return _REACTION.match(text.translate(_APOSTROPHES)) is not None


def own_words(text: str) -> str:
    """Return what somebody wrote themselves: without quotations of an earlier message and without a signature."""
    text = text[:READ_AT_MOST].translate(_APOSTROPHES).replace("\r", "\n")
    for pattern in (_HEADER_OF_A_QUOTE, _SIGNATURE):
        found = pattern.search(text)
        if found and (pattern is _HEADER_OF_A_QUOTE or text[: found.start()].strip()):
            text = text[: found.start()]
    text = _QUOTED_LINE.sub("", text)
    return _LONG_QUOTE.sub(" ", text).strip() or text.strip()


def plain(text: str) -> str:
    """Return text in lower case without accents."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold()
    return "".join(
        each for each in decomposed if not unicodedata.combining(each) and unicodedata.category(each) != "Cf"
    )


def lookalikes(text: str) -> tuple[str, str]:
    """Return what a text with letters of another script, or signs for letters, looks like in ours, and sounds like.

    Each is "" when there is no such letter, or when one of them is like none of ours.
    """
    own = plain(own_words(text))
    looks, sounds = own.translate(_LOOKS_LIKE), own.translate(_LOOKS_LIKE | _SOUNDS_LIKE)
    return _if_latin(looks, own), _if_latin(sounds, own)


def _if_latin(text: str, typed: str) -> str:
    return "" if text == typed or any(each.isalpha() and not each.isascii() for each in text) else text


def sentences(text: str) -> list[Sentence]:
    """Return the sentences of a text in plain words; those without a word are left out."""
    pieces = _ENDS.split(_unspelled(plain(own_words(text))))
    found = []
    for place in range(0, len(pieces), 2):
        pieces_of = _WORD.findall(pieces[place])
        end = pieces[place + 1] if place + 1 < len(pieces) else ""
        clauses = tuple(each.strip() for each in " ".join(pieces_of).split(",") if each.strip())
        if clauses:
            words = tuple(each for each in pieces_of if each != ",")
            found.append(Sentence(words=words, clauses=clauses, asks="?" in end or "\u061f" in end))
    return found


def _unspelled(text: str) -> str:
    """Write together what is one word: s t o p, stoooop, don't."""
    text = _SPELLED.sub(lambda match: re.sub(r"[^a-z]", "", match[0]), text)
    return _ELISION.sub(r"\1 ", _STRETCHED.sub(r"\1", text)).replace("'", "")
