"""What a preview needs to know besides the store: the playbook, the configuration, the words and what time it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from notifier.config import Config
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.caps import Caps
from notifier.domain.consent import CONTRACT, Basis
from notifier.domain.notification import Channel, NotificationFacts
from notifier.domain.playbook import Playbook
from notifier.storage.queries import texts
from notifier.storage.queries.texts import Terms


class RenderedMessage(Protocol):
    """What rendering gives."""

    @property
    def subject(self) -> str:
        """The subject."""
        ...

    @property
    def text(self) -> str:
        """The plain text."""
        ...


class Words(Protocol):
    """What a preview needs of the messages."""

    def render(
        self, channel: Channel, kind: BroadcastKind, facts: Facts, personal: NotificationFacts, /
    ) -> RenderedMessage:
        """Return a message as one reader sees it."""
        ...

    def unworded(self, facts: Facts, by_locale: Mapping[str, int], /) -> list[str]:
        """Return a warning for each phrase that readers of some locale will not see, because it has no wording."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a preview needs to know besides the store."""

    playbook: Playbook
    rates: Mapping[Channel, float]  # messages a second per channel; 0 = no configured rate
    take_back: timedelta
    time_zone: str  # of sites without one
    kinds: tuple[str, ...]  # of region, from narrow to wide
    default_locale: str
    now: datetime
    words: Words
    terms: Terms
    caps: Caps
    basis: Basis = CONTRACT
    people: Mapping[str, str] = field(default_factory=dict)  # on call, in order -> the name of their key


def outlook(config: Config, playbook: Playbook, *, now: datetime, words: Words) -> Outlook:
    """Return what previews need from the configuration; of several providers of a channel the first is used."""
    rates: dict[Channel, float] = {}
    for provider in config.providers:
        rates.setdefault(provider.channel, provider.rate)
    return Outlook(
        playbook=playbook,
        rates=rates,
        take_back=config.delivery.take_back,
        time_zone=config.regions.time_zone,
        kinds=config.regions.kinds,
        default_locale=config.locales.default,
        now=now,
        words=words,
        terms=texts.terms(config),
        basis=config.consent.covers(),
        caps=Caps(every=config.caps.every, sms_per_day=config.caps.sms_per_day),
        people={person.name: person.key for person in config.on_call.people},
    )
