"""The gallery: messages made of sample facts, as customers would read them, for people who judge the wording."""

from collections.abc import Iterator
from dataclasses import dataclass

from notifier.config import Config
from notifier.domain.errors import InvalidInput, nearest
from notifier.domain.incident import Impact
from notifier.domain.notification import Channel
from notifier.domain.segments import segments, split
from notifier.messages.lint import sample_phrases
from notifier.messages.render import Messages
from notifier.messages.samples import LINK, Sample, samples, stretched
from notifier.messages.wording import CHANNELS, MESSAGE_KINDS, Rendered


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One message; what is about the air is of texts only."""

    kind: str
    locale: str
    channel: str
    service: str
    impact: str
    sample: str  # what it is about: "first contact, with cause, 1 site"
    subject: str
    text: str
    html: str
    alphabet: str = ""
    units: int = 0  # septets or code units
    parts: tuple[str, ...] = ()  # one per segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which messages to show."""

    kinds: tuple[str, ...]
    locales: tuple[str, ...]
    channels: tuple[str, ...]
    services: tuple[str, ...]
    impacts: tuple[str, ...]
    every_variant: bool = False
    longest: bool = False  # places and times


def choose(
    config: Config,
    *,
    kinds: tuple[str, ...] = (),
    locales: tuple[str, ...] = (),
    channels: tuple[str, ...] = (),
    services: tuple[str, ...] = (),
    impacts: tuple[str, ...] = (),
    every_variant: bool = False,
    longest: bool = False,
) -> Choice:
    """Return what was asked for; what is not given is all there is, of services and impacts the first.

    Raises `InvalidInput` naming what there is.
    """
    known_services = tuple(service.name for service in config.services)
    known_locales = tuple(dict.fromkeys((config.locales.default, *config.locales.available)))
    return Choice(
        kinds=_known("kind", kinds, tuple(map(str, MESSAGE_KINDS))),
        locales=_known("locale", locales, known_locales),
        channels=_known("channel", channels, tuple(map(str, CHANNELS))),
        services=_known("service", services or known_services[:1], known_services),
        impacts=_known("impact", impacts or (str(Impact.DOWN),), tuple(map(str, Impact))),
        every_variant=every_variant,
        longest=longest,
    )


def gallery(messages: Messages, choice: Choice) -> Iterator[Shown]:
    """Yield the chosen messages; raise `RenderFailed` at the first that cannot be made."""
    for locale in choice.locales:
        wording = messages.wording(locale)
        for service in choice.services:
            for impact in choice.impacts:
                cause, crew = sample_phrases(wording, service)
                every = samples(service, cause=cause, crew=crew, locale=locale, impact=Impact(impact))
                for sample in _picked(every, choice):
                    for channel in choice.channels:
                        rendered = wording.render(
                            Channel(channel), sample.kind, sample.facts, sample.personal, LINK, LINK
                        )
                        yield _shown(channel, service, impact, sample, rendered)


def _picked(every: Iterator[Sample], choice: Choice) -> Iterator[Sample]:
    """Yield the wanted samples: of each kind, with and without first contact, all variants or the first one."""
    seen = set[tuple[str, bool]]()
    for sample in every:
        key = (str(sample.kind), sample.personal.first_contact)
        if key[0] in choice.kinds and (choice.every_variant or key not in seen):
            seen.add(key)
            yield stretched(sample) if choice.longest else sample


def _shown(channel: str, service: str, impact: str, sample: Sample, rendered: Rendered) -> Shown:
    is_text = channel == Channel.SMS
    on_air = segments(rendered.text)
    return Shown(
        kind=str(sample.kind),
        locale=sample.personal.locale,
        channel=channel,
        service=service,
        impact=impact,
        sample=sample.name.partition(", ")[2],
        subject=rendered.subject,
        text=rendered.text,
        html=rendered.html,
        alphabet=on_air.alphabet if is_text else "",
        units=on_air.units if is_text else 0,
        parts=tuple(split(rendered.text)) if is_text else (),
    )


def _known(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    for each in given:
        if each not in known:
            raise InvalidInput(
                f"there is no {name} '{each}'{nearest(each, known)}", field=name, value=each, expected=", ".join(known)
            )
    return given or known
