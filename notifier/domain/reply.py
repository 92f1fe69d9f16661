"""What a text from a customer means: an opt-out, a word we asked for, a question, a report, or anything else.

In: the text and the words of every locale (`replies:` of the phrases files). Out: one `Reply`. Nothing here knows who
wrote or what is out.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from notifier.domain.opt_out import is_about_one_incident, is_nearly_stop, is_opt_out, is_stop_word
from notifier.domain.outage_talk import asks_for_news, is_back, is_trouble, service_named
from notifier.domain.reply_text import Sentence, is_reaction, lookalikes, own_words, sentences
from notifier.domain.reply_words import (
    CHOICE,
    COURTESY,
    HELP_WORDS,
    NO_WORDS,
    NUMBERS,
    ON_CALL,
    PAUSE_WORDS,
    POLITE,
    PREPOSITIONS,
    START_WORDS,
    SWITCH,
    YES_WORDS,
    ReplyWords,
    ServiceReplies,
)

__all__ = ["Meaning", "Reader", "Reply", "ReplyWords", "ServiceReplies", "clashes"]

_STOP_SIGNS = frozenset("\N{OCTAGONAL SIGN}\N{NO ENTRY}\N{NO ENTRY SIGN}\N{NO MOBILE PHONES}")


class Meaning(StrEnum):
    """What a text means; stored with the reply."""

    STOP = "stop"  # no more messages
    START = "start"  # messages again
    PAUSE = "pause"  # nothing more about this incident
    OUT = "out"  # it is out here: the word, or as good as it
    ON = "on"  # it is back here
    STATUS = "status"  # when will it be back?
    HELP = "help"
    LANGUAGE = "language"
    CHOICE = "choice"  # a number, of the sites that were offered
    ON_CALL = "on_call"  # CODE SEND|YES|WAIT|NO: of the company's own people
    YES = "yes"  # to a question we never ask; for Twilio it means START
    NO = "no"
    COURTESY = "courtesy"  # thanks, or a thumb on one of our messages: nothing to do
    COMPLAINT = "complaint"  # reports trouble in its own words
    NOTE = "note"  # anything else


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A text that has been read."""

    meaning: Meaning
    service: str = ""  # that it is about; "" = any
    locale: str = ""  # language: the one asked for
    number: int = 0  # choice: from 1; out, on: the site that is named, from 1
    code: str = ""  # on_call
    decision: str = ""  # on_call: "send", "yes", "wait" or "no"


class Reader:
    """Reads texts with the words of every locale."""

    def __init__(self, words: Mapping[str, ReplyWords], services: Sequence[str] = ()) -> None:
        """Keep the words, by locale; `services` are the names that the company gives its own."""
        self._services = tuple(services)
        self._exact: dict[str, Reply] = {}
        self._languages: dict[str, str] = {}
        for locale, each in words.items():
            self._add(each.status, Reply(meaning=Meaning.STATUS))
            for names, meaning in ((each.out, Meaning.OUT), (each.on, Meaning.ON)):
                self._add(names, Reply(meaning=meaning))
            for service, own in each.services.items():
                self._add(own.out, Reply(meaning=Meaning.OUT, service=service))
                self._add(own.on, Reply(meaning=Meaning.ON, service=service))
            self._languages |= {_words_of(name): locale for name in (*each.language, locale)}
        for meaning, common in ((Meaning.HELP, HELP_WORDS), (Meaning.PAUSE, PAUSE_WORDS), (Meaning.START, START_WORDS)):
            own_words_of = [getattr(each, meaning) for each in words.values()]
            self._add((*common, *(word for each in own_words_of for word in each)), Reply(meaning=meaning))
        self._stop = frozenset(_words_of(word) for each in words.values() for word in each.stop)

    def _add(self, names: Iterable[str], reply: Reply) -> None:
        """Keep words; one that belongs to several services belongs to none."""
        for text in filter(None, map(_words_of, names)):
            known = self._exact.get(text)
            shared = known is not None and known.meaning is reply.meaning and known.service != reply.service
            self._exact[text] = Reply(meaning=reply.meaning) if shared else reply

    def read(self, text: str, sites: Sequence[str] = ()) -> Reply:
        """Return what a text means; `sites` are the names of the writer's own, for "out 12 oak st"."""
        own = own_words(text)
        if is_reaction(text):
            return Reply(meaning=Meaning.COURTESY)
        answer = ON_CALL.fullmatch(own)
        if answer and re.search(r"\d", answer[1]) and re.search(r"[a-z]", answer[1], re.IGNORECASE):
            return Reply(meaning=Meaning.ON_CALL, code=answer[1].upper(), decision=answer[2].lower())
        found = sentences(text)
        if (keyword := self._lookalike(text)) is not None:
            return keyword
        if not found:
            return Reply(meaning=_of_signs(own))
        return self._word(found, sites) or self._talk(found)

    def _lookalike(self, text: str) -> Reply | None:
        """Return what a word means, as the whole text, that is typed with letters of another script."""
        looks, sounds = map(sentences, lookalikes(text))
        for found in filter(None, (looks, sounds)):
            whole = " ".join(" ".join(each.words) for each in found)
            if is_stop_word(found) or {whole, _without_politeness(whole)} & self._stop:
                return Reply(meaning=Meaning.STOP)
        is_word = " ".join(" ".join(each.words) for each in looks) in self._exact
        return (self._word(looks, ()) or self._talk(looks)) if is_word else None

    def _word(self, found: Sequence[Sentence], sites: Sequence[str]) -> Reply | None:
        """Return what a text means that is one of our words, or as good as one."""
        whole = " ".join(" ".join(each.words) for each in found)
        short = _without_politeness(whole)
        if {whole, short} & self._stop or is_opt_out(found, trouble=is_trouble(found)):
            return Reply(meaning=Meaning.STOP)
        if is_about_one_incident(found):
            return Reply(meaning=Meaning.PAUSE)
        asks = any(each.asks for each in found)
        for text in (whole, short):
            exact = self._exact.get(text)
            if exact is not None and not (asks and exact.meaning in (Meaning.OUT, Meaning.ON)):
                return exact
        if is_nearly_stop(whole) or is_nearly_stop(short):
            return Reply(meaning=Meaning.STOP)
        if (choice := CHOICE.fullmatch(whole)) is not None:
            return Reply(meaning=Meaning.CHOICE, number=NUMBERS.get(choice[1]) or int(choice[1]))
        for meaning, words in ((Meaning.YES, YES_WORDS), (Meaning.NO, NO_WORDS)):
            if whole in words or short in words:
                return Reply(meaning=meaning)
        return self._language(whole) or (None if asks else self._about_a_site(short, sites))

    def _language(self, whole: str) -> Reply | None:
        """Return the language that is asked for, when nothing else is said."""
        tokens = whole.split()
        names = {
            self._languages[token]
            for token in tokens
            if token in self._languages and (len(token) > 2 or len(tokens) == 1)  # "en" and "es" are also small words
        }
        others = [token for token in tokens if token not in self._languages and token not in SWITCH]
        return Reply(meaning=Meaning.LANGUAGE, locale=names.pop()) if len(names) == 1 and not others else None

    def _about_a_site(self, short: str, sites: Sequence[str]) -> Reply | None:
        """Return "out 12 oak st", "barn out", "on 2" and their like, when the site is one of the writer's."""
        for word, reply in self._exact.items():
            if reply.meaning not in (Meaning.OUT, Meaning.ON):
                continue
            rest = short.removeprefix(f"{word} ") if short.startswith(f"{word} ") else short.removesuffix(f" {word}")
            if rest != short and (number := _site_named(rest, sites)):
                return Reply(meaning=reply.meaning, service=reply.service, number=number)
        return None

    def _talk(self, found: Sequence[Sentence]) -> Reply:
        """Return what a text means that says it in its own words."""
        service = service_named(found, self._services)
        if is_trouble(found):
            return Reply(meaning=Meaning.COMPLAINT, service=service)
        if is_back(found):
            return Reply(meaning=Meaning.ON, service=service)
        if asks_for_news(found):
            return Reply(meaning=Meaning.STATUS, service=service)
        whole = " ".join(" ".join(each.words) for each in found)
        is_courtesy = _only_courtesy(whole)
        return Reply(meaning=Meaning.COURTESY if is_courtesy else Meaning.NOTE, service=service)


def clashes(words: ReplyWords) -> list[str]:
    """Return which words would mean something else by law, by Twilio's habit, or twice: for whoever writes them."""
    reader, problems = Reader({}), []
    seen: dict[str, str] = {}
    own = {"out": words.out, "on": words.on} | {f"services.{name}.out": one.out for name, one in words.services.items()}
    own |= {f"services.{name}.on": one.on for name, one in words.services.items()}
    own |= {"pause": words.pause, "status": words.status, "help": words.help, "start": words.start}
    for key, names in own.items():
        for name in names:
            meaning, text = reader.read(name).meaning, _words_of(name)
            side = key.rpartition(".")[2]
            if not text:
                problems.append(f"{key}: '{name}' has no letters")
            elif meaning is Meaning.STOP or (meaning in (Meaning.YES, Meaning.NO, Meaning.START) and side != "start"):
                problems.append(f"{key}: '{name}' means {meaning}")
            elif seen.setdefault(text, side) != side:
                problems.append(f"{key}: '{name}' is also a word for {seen[text]}")
    return problems


def _of_signs(own: str) -> Meaning:
    """Return what a text without a letter of ours means: a question mark, an emoji, another script."""
    if _STOP_SIGNS & set(own) and not any(each.isalnum() for each in own):
        return Meaning.STOP
    if own.strip() and set(own.strip()) <= {"?", "\N{INVERTED QUESTION MARK}", " ", "!"} and "?" in own:
        return Meaning.HELP
    return Meaning.NOTE if any(each.isalnum() for each in own) else Meaning.COURTESY


def _words_of(name: str) -> str:
    """Return a word as it looks in a text that has been made plain."""
    return " ".join(" ".join(each.words) for each in sentences(name))


def _without_politeness(whole: str) -> str:
    return " ".join(word for word in whole.split() if word not in POLITE)


def _only_courtesy(whole: str) -> bool:
    place = 0
    while place < len(whole) and (match := COURTESY.match(whole, place)):
        place = match.end()
    return place >= len(whole)


def _site_named(rest: str, sites: Sequence[str]) -> int:
    """Return which site some words name, from 1: by its number in the list, its street line or its label; 0 = none."""
    tokens = [word for word in rest.split() if word not in PREPOSITIONS]
    if len(tokens) == 1 and tokens[0].isdigit() and int(tokens[0]) <= len(sites) and int(tokens[0]) > 0:
        return int(tokens[0])
    named = [
        number
        for number, site in enumerate(sites, start=1)
        if tokens and set(tokens) <= set(_words_of(site).split()) and any(len(token) > 1 for token in tokens)
    ]
    return named[0] if len(named) == 1 else 0
