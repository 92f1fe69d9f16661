"""Whether a text asks us not to write any more, in any reasonable wording of English, Spanish and French.

47 CFR 64.1200(a)(10), in force since 2025-04-11: an opt-out counts in any reasonable wording; stop, quit, end, revoke,
opt out, cancel and unsubscribe count by themselves. Yet "my internet stopped" or "stop this outage" is a complaint, and
whoever is silenced for it misses the news. So: the bare words, alone or with politeness around them; or a word of
ending together with a word for what we send. A word of ending about the service is never enough; beside words that all
is well it is.
"""

from collections.abc import Iterable, Sequence

from notifier.domain.opt_out_words import (
    BARE,
    FIRST_WORDS,
    NONE_OF_IT,
    NOT_THAT,
    ONE_INCIDENT,
    PATTERNS,
    STRONG,
    UNWANTED,
    WANTS_SERVICE,
)
from notifier.domain.outage_talk import is_back, is_trouble
from notifier.domain.reply_text import Sentence

# --- words that a finger on a telephone makes others of
_TYPED_WRONG = ("stop", "unsubscribe")
_OTHER_WORDS = frozenset({"shop", "slop", "step", "stomp", "stow", "strop", "swop", "top"})
"""Words of their own, one letter from STOP. What is none ("stoop", "stp") stops: it is undone with one word, and a STOP
that is missed is not."""
_NOT_IT = frozenset({"unsubscribed", "unsubscribes", "unsubscriber"})  # one letter more, and they report it
_NO = frozenset({"no", "non"})
"""Before "stop texting me": an answer, not "do not stop"."""


def is_opt_out(found: Sequence[Sentence], *, trouble: bool) -> bool:
    """Tell whether a text asks for no more messages at all.

    `trouble` says that it reports a service out: then a bare word inside it is no opt-out unless it stands by itself
    as the first or the last sentence.
    """
    if not found:
        return False
    whole = " ".join(" ".join(each.words) for each in found)
    if is_stop_word(found) or UNWANTED.fullmatch(whole):
        return True
    if not any(each.asks for each in found) and NONE_OF_IT.fullmatch(whole):
        return True
    if any(STRONG.fullmatch(" ".join(each.words)) for each in (found[0], found[-1])):
        return True
    clauses = [clause for each in found for clause in each.clauses]
    if not trouble and any(STRONG.fullmatch(clause) for clause in (clauses[0], clauses[-1])):
        return True
    if any(map(_stops_and_is_back, found)):
        return True
    return _asks_for_silence(found) is not None and not is_about_one_incident(found)


def is_stop_word(found: Sequence[Sentence]) -> bool:
    """Tell whether a text is a word of ending and politeness, or begins with UNSUBSCRIBE, whatever follows."""
    whole = " ".join(" ".join(each.words) for each in found)
    first = found[0].words[0]
    return (
        BARE.fullmatch(whole) is not None
        or STRONG.fullmatch(whole) is not None
        or FIRST_WORDS.match(whole) is not None
        or (first not in _NOT_IT and len(first) > 9 and _is_one_slip(first, "unsubscribe"))
    )


def _stops_and_is_back(each: Sentence) -> bool:
    """Tell whether a sentence is "stop" before or behind words that say that all is well: "stop it my power is on"."""
    words = each.words
    ends = 0 if is_trouble([each]) else min(len(words), 8)
    cuts = [(words[:place], words[place:]) for place in range(1, ends)]
    cuts += [(words[place:], words[:place]) for place in range(max(2, len(words) - 8), len(words))]
    return any(
        STRONG.fullmatch(" ".join(order)) and is_back([Sentence(words=rest, clauses=(" ".join(rest),), asks=each.asks)])
        for order, rest in cuts
    )


def is_nearly_stop(whole: str) -> bool:
    """Tell whether a text (plain words, nothing else) is STOP or UNSUBSCRIBE with one slip: "sotp", "stpo", "s top"."""
    return whole not in _OTHER_WORDS and any(_is_one_slip(whole, word) for word in _TYPED_WRONG)


def is_about_one_incident(found: Sequence[Sentence]) -> bool:
    """Tell whether a text asks for silence about one incident only."""
    matched = _asks_for_silence(found)
    return matched is not None and ONE_INCIDENT.search(matched) is not None


def _is_one_slip(typed: str, word: str) -> bool:
    """Tell whether one letter is missing, too many, another one, or two neighbours are swapped."""
    if abs(len(typed) - len(word)) > 1 or typed == word:
        return False
    same = next((at for at, (one, other) in enumerate(zip(typed, word, strict=False)) if one != other), len(word))
    rest, wanted = typed[same:], word[same:]
    return rest[1:] == wanted or rest == wanted[1:] or rest[1:] == wanted[1:] or rest == _swapped(wanted)


def _swapped(letters: str) -> str:
    return letters[1::-1] + letters[2:]


def _asks_for_silence(found: Iterable[Sentence]) -> str | None:
    """Return the sentence that asks for no more of what we send, if one does."""
    for each in found:
        for text in (each.text, *each.clauses):
            for pattern in PATTERNS:
                match = pattern.search(text)
                if match is None or WANTS_SERVICE.search(text):
                    continue
                before = text[: match.start()].rstrip()
                if not NOT_THAT.search(before) or (before in _NO and match[0].startswith(("stop", "quit "))):
                    return text
    return None
