"""Phrases: coded facts and their wording in one locale, from `phrases/LOCALE.yaml`.

Commanders and playbooks give codes; customers read the wording. A code without a wording never reaches a message.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct, field

from notifier.domain.errors import ConfigError, InvalidInput, nearest

PhraseGroup = Literal["causes", "crews", "safety", "self_help"]
GROUPS: tuple[PhraseGroup, ...] = ("causes", "crews", "safety", "self_help")


class Words(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Small words of the locale that sentences are built with."""

    today: str
    tomorrow: str
    yesterday: str
    other_day: str
    your_address: str
    some_sites: str
    all_sites: str
    clock: dict[str, str] = field(default_factory=dict)


class ImpactWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one impact is spoken of: it is STATE, it BEGAN, it is BACK."""

    state: str
    began: str
    back: str
    word: str = ""  # instead of the service's own word: "water pressure"


class ServiceWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one service is spoken of."""

    ours: str  # whose fault it is not
    down: ImpactWords
    degraded: ImpactWords
    intermittent: ImpactWords

    def impact(self, name: str) -> ImpactWords:
        """Return the words of one impact."""
        return {"down": self.down, "degraded": self.degraded, "intermittent": self.intermittent}[name]


class Phrase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One wording, or two: while it is out, and when it is back."""

    text: str = ""
    during: str = ""
    after: str = ""
    services: tuple[str, ...] = ()  # empty = all


class Phrases(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every phrase of one locale."""

    words: Words
    services: dict[str, ServiceWords]
    causes: dict[str, Phrase]
    crews: dict[str, Phrase]
    safety: dict[str, Phrase]
    self_help: dict[str, Phrase]

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
    problems = [] if "default" in phrases.services else [f"{place}: services.default is missing"]
    for group in GROUPS:
        for code, phrase in phrases.group(group).items():
            if not (phrase.text or phrase.during or phrase.after):
                problems.append(f"{place}: {group}.{code} has no wording")
    if problems:
        raise ConfigError(problems)
    return phrases
