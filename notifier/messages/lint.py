"""Lint: every message of an installation is rendered, and what a customer should not read is named with its place.

Each kind in each locale, by each channel, for each service and impact, also with the longest names, addresses and
times. In: wordings and configuration. Out: problems, one line each, at the file and line of the template where there
is one. `notifier check` asks for the same with fewer variants.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from notifier.config import Config
from notifier.domain.answer import AnswerKind, MessageKind
from notifier.domain.errors import NotifierError
from notifier.domain.incident import Impact
from notifier.domain.notification import Channel
from notifier.domain.segments import to_gsm7
from notifier.messages.phrases import ADVICE, GROUPS, Phrase, PhraseGroup
from notifier.messages.places import place_of
from notifier.messages.samples import LINK, Sample, samples, stretched
from notifier.messages.wording import CHANNELS, Rendered, Wording

_LINK_IN_TEXT = re.compile(r"https?://|www\.")
_LEFT_OVER = re.compile(r"[{}\ue000-\uf8ff]|\bNone\b|\bUndefined\b|(?<!\.)\.\.(?!\.)")


def problems(wording: Wording, config: Config, *, thorough: bool = False) -> Iterator[str]:
    """Yield one line per mistake that some sample shows; `thorough` tries every impact and the longest names."""
    seen = set[str]()
    for place, service in enumerate(config.services):
        every = _thorough(wording, service.name) if thorough else _quick(wording, service.name, few=place > 0)
        for sample in every:
            for channel in CHANNELS:
                for problem in _problems(wording, channel, sample):
                    if problem not in seen:
                        seen.add(problem)
                        yield f"{problem} ({channel}, {service.name}: {sample.name})"


def missing_phrases(wordings: Iterable[Wording]) -> list[str]:
    """Return a warning for each code that locales treat differently: worded in one only, or for other impacts."""
    every = list(wordings)
    return [*_missing(every), *_other_impacts(every)]


def _missing(every: Sequence[Wording]) -> list[str]:
    return [
        f"phrases/{wording.edition.locale}.yaml: {group}.{code} has no wording; its sentence is left out there"
        for group in GROUPS
        for code in dict.fromkeys(code for wording in every for code in wording.phrases.group(group))
        for wording in every
        if code not in wording.phrases.group(group)
    ]


def _other_impacts(every: Sequence[Wording]) -> list[str]:
    """Return advice that readers of one locale get for other impacts than those of the first that has it."""
    found = []
    for group in ADVICE:
        first: dict[str, Phrase] = {}
        for wording in every:
            for code, phrase in wording.phrases.group(group).items():
                if set(first.setdefault(code, phrase).impacts) != set(phrase.impacts):
                    where = f"phrases/{wording.edition.locale}.yaml: {group}.{code}.impacts"
                    found.append(f"{where} are not those of another locale")
    return found


def _thorough(wording: Wording, service: str) -> Iterator[Sample]:
    cause, crew = sample_phrases(wording, service)
    for impact in Impact:
        for sample in samples(service, cause=cause, crew=crew, locale=wording.edition.locale, impact=impact):
            yield sample
            yield stretched(sample)


def _quick(wording: Wording, service: str, *, few: bool) -> Iterator[Sample]:
    """Yield every variant once; for many sites, and of further services, one of each kind."""
    seen = set[tuple[MessageKind, int]]()
    cause, crew = sample_phrases(wording, service)
    for sample in samples(service, cause=cause, crew=crew, locale=wording.edition.locale):
        key = (sample.kind, len(sample.personal.sites))
        if key not in seen or (key[1] == 1 and not few):
            seen.add(key)
            yield sample


def sample_phrases(wording: Wording, service: str) -> tuple[str, str]:
    """Return the longest cause and crew status that fit a service."""

    def longest(group: PhraseGroup) -> str:
        known = wording.phrases.group(group)
        codes = wording.phrases.codes(group, service)
        return max(codes, key=lambda code: len(known[code].sms or known[code].text), default="")

    return longest("causes"), longest("crews")


def _problems(wording: Wording, channel: Channel, sample: Sample) -> Iterator[str]:
    try:
        rendered = wording.render(channel, sample.kind, sample.facts, sample.personal, LINK)
    except NotifierError as error:
        yield str(error)
        return
    where = f"templates/{wording.edition.locale}/{channel}/{sample.kind}.j2"
    found = _text(wording, sample, rendered) if channel is Channel.SMS else _mail(rendered)
    yield from (f"{where}: {wrong}" for wrong in found)
    if left := _LEFT_OVER.search(rendered.subject + "\n" + rendered.text):
        yield f"{where}: '{left[0]}' is left over in the message"


def _mail(rendered: Rendered) -> Iterator[str]:
    if not rendered.subject or "\n" in rendered.subject:
        yield "the subject is empty or has several lines"
    if not rendered.text.strip() or "<p>" not in rendered.html:
        yield "the message is empty"
    elif LINK not in rendered.text or LINK not in rendered.html:
        yield "the link to opt out is missing"


def _text(wording: Wording, sample: Sample, rendered: Rendered) -> Iterator[str]:
    if to_gsm7(wording.edition.company.name) not in to_gsm7(rendered.text):
        yield "does not say who writes: {{ company }}"
    if not isinstance(sample.kind, AnswerKind) and not _names_place(wording, sample, rendered):
        yield "does not say where: {{ place }}"
    if rendered.segments > wording.budget.segments_at_most:
        most = wording.budget.segments_at_most
        yield f"takes {rendered.segments} segments with everything optional left out; sms.segments_at_most is {most}"
    if _LINK_IN_TEXT.search(rendered.text):
        yield "has a link in it; a text with one looks like fraud"


def _names_place(wording: Wording, sample: Sample, rendered: Rendered) -> bool:
    times = wording.times(sample.personal, Channel.SMS)
    places = place_of(sample.personal, wording.phrases.words, times).texts
    return any(to_gsm7(place) in to_gsm7(rendered.text) for place in places)
