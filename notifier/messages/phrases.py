"""Phrases: coded facts and their wording in one locale, from `phrases/LOCALE.yaml`.

Commanders and playbooks give codes; customers read the wording. A code without a wording never reaches a message: its
sentence is left out. The file also holds how services are spoken of and the words that customers may answer with.
"""

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct, field

from notifier.domain.errors import ConfigError, InvalidInput, nearest
from notifier.domain.incident import Impact
from notifier.domain.reply import ReplyWords, clashes

PhraseGroup = Literal["causes", "crews", "safety", "self_help"]
GROUPS: tuple[PhraseGroup, ...] = ("causes", "crews", "safety", "self_help")
ADVICE: tuple[PhraseGroup, ...] = ("safety", "self_help")
IMPACTS = tuple(str(impact) for impact in Impact)
OPTIONAL_PIECES = frozenset({"word"})  # instead of the service's own word: "water pressure"


class Words(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Small words of the locale that sentences are built with."""

    today: str  # a time as it stands after "by" and "since"; the day is said with it
    tomorrow: str
    yesterday: str
    other_day: str
    your_address: str
    some_sites: str
    all_sites: str
    day_today: str = "today"
    day_tomorrow: str = "tomorrow"
    day_other: str = "on {date}"
    window: str = "{day} from {from} to {until}"
    window_of_days: str = "from {from} to {until}"
    at: str = "at {moment}"  # a time as it stands alone: "we told you AT 3:20 AM"
    at_other_day: str = ""  # the same on another day than today; "" = as `at`
    hour: str = "{time}"  # with the article of the hour, where the language has one
    hour_one: str = ""  # with that of one o'clock; "" = as `hour`
    date: str = ""  # pattern of CLDR; "" = day of the week, month and day as the locale writes them
    date_sms: str = ""
    clock: dict[str, str] = field(default_factory=dict)  # what replaces the locale's own signs in times
    clock_sms: dict[str, str] = field(default_factory=dict)  # empty = as `clock`
    street: str = "{place}"  # a place that begins with a number, as it stands in a sentence
    label: str = "{place}"  # any other place
    no_break_before: str = ""  # signs that stay on one line with the word before them, in mails


class ServiceWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one service is spoken of: the pieces of sentences that the templates of this locale ask for, per impact."""

    ours: str  # whose fault it is not
    ours_sms: str = ""
    down: dict[str, str]
    degraded: dict[str, str]
    intermittent: dict[str, str]

    def impact(self, name: str) -> dict[str, str]:
        """Return the words of one impact."""
        return {"down": self.down, "degraded": self.degraded, "intermittent": self.intermittent}[name]


class Phrase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One wording, or two: while it is out, and when it is back; shorter ones for texts."""

    text: str = ""
    during: str = ""
    after: str = ""
    sms: str = ""  # a cause or crew status without it is told in its `text`; advice is not told by SMS
    after_sms: str = ""
    services: tuple[str, ...] = ()  # empty = all
    impacts: tuple[Impact, ...] = ()  # advice: told for these only; empty = all
    work: bool = False  # a cause of planned work: no answer that is offered about an outage


class Phrases(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every phrase of one locale."""

    words: Words
    services: dict[str, ServiceWords]
    causes: dict[str, Phrase]
    crews: dict[str, Phrase]
    safety: dict[str, Phrase]
    self_help: dict[str, Phrase]
    replies: ReplyWords

    def group(self, name: str) -> Mapping[str, Phrase]:
        """Return the phrases of one group by code; raise `InvalidInput` when there is no such group."""
        match name:
            case "causes":
                return self.causes
            case "crews":
                return self.crews
            case "safety":
                return self.safety
            case "self_help":
                return self.self_help
            case _:
                raise InvalidInput(f"there is no group of phrases '{name}'", expected=", ".join(GROUPS))

    def codes(self, group: str, service: str = "") -> tuple[str, ...]:
        """Return the codes of a group, in file order; with a service, only those that fit it."""
        return tuple(
            code
            for code, phrase in self.group(group).items()
            if not service or not phrase.services or service in phrase.services
        )

    def find(self, group: str, code: str) -> Phrase:
        """Return one phrase; raise `InvalidInput` naming the nearest code when there is none."""
        phrases = self.group(group)
        try:
            return phrases[code]
        except KeyError:
            raise InvalidInput(
                f"'{code}' is no phrase of {group}{nearest(code, tuple(phrases))}",
                field=group,
                value=code,
                expected=", ".join(phrases),
            ) from None

    def service(self, name: str) -> ServiceWords:
        """Return how a service is spoken of; services not listed share the words of `default`."""
        return self.services.get(name) or self.services["default"]


def parse(source: str, *, place: str) -> Phrases:
    """Parse the text of a phrases file; raise `ConfigError` naming the file (`place`) and the key."""
    try:
        phrases = msgspec.yaml.decode(source, type=Phrases)
    except msgspec.MsgspecError as error:
        raise ConfigError([f"{place}: {error}"]) from error
    problems = [f"{place}: {key}: {reason}" for key, reason in problems_of(phrases)]
    if problems:
        raise ConfigError(problems)
    return phrases


def problems_of(phrases: Phrases) -> list[tuple[str, str]]:
    """Return what is wrong with phrases as a whole: the key, and the reason."""
    problems = [*_incomplete(phrases), *(("replies", problem) for problem in clashes(phrases.replies))]
    for group in GROUPS:
        for code, phrase in phrases.group(group).items():
            if not (phrase.text or phrase.during or phrase.after):
                problems.append((f"{group}.{code}", "has no wording"))
            if phrase.impacts and group not in ADVICE:
                problems.append((f"{group}.{code}.impacts", f"only {' and '.join(ADVICE)} are told by impact"))
    return problems


def _incomplete(phrases: Phrases) -> Iterator[tuple[str, str]]:
    """Yield each impact of a service that lacks a piece of a sentence, or has one that no other has."""
    default = phrases.services.get("default")
    if default is None:
        yield "services", "the key 'default' is missing"
        return
    asked = default.down.keys() - OPTIONAL_PIECES
    for name, service in phrases.services.items():
        for impact in IMPACTS:
            pieces = service.impact(impact)
            for piece in sorted(asked - pieces.keys()):
                yield f"services.{name}.{impact}", f"the key '{piece}' is missing; services.default.down has it"
            for piece in sorted(pieces.keys() - asked - OPTIONAL_PIECES):
                yield f"services.{name}.{impact}.{piece}", f"unknown key{nearest(piece, tuple(asked))}"
