"""Wording: the facts of a broadcast and of one reader in, a message in words out, by one edition.

Templates see words only: instants are already in the reader's zone and locale, codes already phrases.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jinja2 import Template, TemplateError, TemplateNotFound
from jinja2.environment import Environment

from notifier.domain.broadcast import NEEDS_EARLIER_MESSAGE, SENDABLE_KINDS, BroadcastKind, Facts
from notifier.domain.errors import ConfigError, InvalidInput, NotifierError
from notifier.domain.notification import Channel, NotificationFacts
from notifier.messages import phrases as phrases_file
from notifier.messages.edition import Edition
from notifier.messages.environment import environments
from notifier.messages.phrases import Phrases
from notifier.messages.places import Place, place_of
from notifier.messages.times import ABOUT, ReaderTimes

CHANNELS = (Channel.EMAIL,)  # those with templates today
FEW_CUSTOMERS = 20  # below it the number of affected customers is not said: it could point at somebody


class RenderFailed(NotifierError):
    """A message could not be made: ours to mend, never the recipient's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A message in words; `text` has LF line ends and no line is wrapped."""

    subject: str
    text: str
    html: str
    template_version: str


class Wording:
    """The compiled templates and phrases of one edition."""

    def __init__(self, edition: Edition) -> None:
        self.edition = edition
        self.version = edition.version
        self.phrases: Phrases = phrases_file.parse(edition.phrases, place=f"phrases/{edition.locale}.yaml")
        self._templates = {
            (channel, kind, form): self._compile(environment, channel, kind)
            for form, environment in environments(edition).items()
            for channel in CHANNELS
            for kind in SENDABLE_KINDS
        }

    def _compile(self, environment: Environment, channel: Channel, kind: BroadcastKind) -> Template:
        name = f"{channel}/{kind}.j2"
        try:
            return environment.get_template(name)
        except TemplateNotFound as error:
            raise ConfigError([f"templates/{self.edition.locale}/{name}: {error.name} does not exist"]) from None
        except TemplateError as error:
            line = getattr(error, "lineno", None)
            raise ConfigError([f"templates/{self.edition.locale}/{name}, line {line}: {error}"]) from None

    def render(
        self, channel: Channel, kind: BroadcastKind, facts: Facts, personal: NotificationFacts, unsubscribe_url: str
    ) -> Rendered:
        """Return the message; raise `RenderFailed` naming template and cause."""
        times = self.times(personal)
        place = place_of(personal, self.phrases.words, times)
        return self.render_at(channel, kind, facts, personal, times, place, unsubscribe_url)

    def times(self, personal: NotificationFacts) -> ReaderTimes:
        """Return how this reader is told times."""
        at = personal.at or datetime.now(UTC)
        return ReaderTimes(self.phrases.words, personal.locale, personal.time_zone, at)

    def render_at(
        self,
        channel: Channel,
        kind: BroadcastKind,
        facts: Facts,
        personal: NotificationFacts,
        times: ReaderTimes,
        place: Place,
        unsubscribe_url: str,
    ) -> Rendered:
        """Return the message about a place that is in words already; raise `RenderFailed`."""
        try:
            words = self._words(kind, facts, personal, times, place) | {"unsubscribe_url": unsubscribe_url}
            subject = " ".join(self._templates[channel, kind, "subject"].render(words).split())
            return Rendered(
                subject=subject,
                text=tidy_text(self._templates[channel, kind, "text"].render(words)),
                html=tidy_html(self._templates[channel, kind, "html"].render(words)),
                template_version=self.version,
            )
        except KeyError as error:
            raise RenderFailed(f"there is no template for {kind} by {channel} in '{self.edition.locale}'") from error
        except (TemplateError, InvalidInput, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise RenderFailed(f"{channel}/{kind} in '{self.edition.locale}': {error}") from error

    def _words(
        self, kind: BroadcastKind, facts: Facts, personal: NotificationFacts, times: ReaderTimes, place: Place
    ) -> dict[str, object]:
        """Return what a template may say; "" and empty lists stand for what is not known."""
        phrases = self.phrases
        service = phrases.service(facts.service)
        impact = service.impact(facts.impact)
        moment = _moment(kind, first_contact=personal.first_contact)
        return {
            "language": str(times.locale).replace("_", "-"),
            "company": self.edition.company.name,
            "phone": self.edition.company.phone,
            "postal_address": self.edition.company.postal_address,
            "service": impact.word or self.edition.words.get(facts.service, facts.service),
            "state": impact.state,
            "began": impact.began,
            "back": impact.back,
            "ours": service.ours,
            "place": place.text,
            "sites": place.listed,
            "sites_more": times.number(place.unlisted) if place.unlisted else "",
            "customers": times.number(rounded(facts.customers)) if facts.customers >= FEW_CUSTOMERS else "",
            "cause": self._phrase("causes", facts.cause),
            "crew": self._phrase("crews", facts.crew),
            "safety": self._advice("safety", facts.service, moment),
            "self_help": self._advice("self_help", facts.service, moment),
            "started": times.about(facts.started_at),
            "reopened": times.about(facts.reopened_at, after=facts.told_at),
            "eta": times.moment(facts.eta_at),
            "next_update": times.brief(facts.next_update_by),
            "previous_eta": times.brief(facts.previous_eta_at),
            "previous_update": times.brief(facts.previous_update_by),
            "told": times.about(facts.told_at),  # when it began: somebody heard it later
            "restored": times.brief(facts.restored_at),
            "missed_eta": times.brief(facts.missed_eta_at),
            "lasted": times.duration(lasted(facts)),
            "is_earlier": bool(facts.eta_at and facts.previous_eta_at and facts.eta_at < facts.previous_eta_at),
            "automatic": facts.automatic,
            "late": facts.late,
            "first_contact": personal.first_contact,
        }

    def _phrase(self, group: str, code: str) -> str:
        return self._fill(self.phrases.find(group, code).text) if code else ""

    def _advice(self, group: str, service: str, moment: str) -> tuple[str, ...]:
        """Return what the playbook advises in the first message (`during`) or when service is back (`after`)."""
        if not moment:
            return ()
        codes = (self.edition.safety if group == "safety" else self.edition.self_help).get(service, ())
        found = (self.phrases.find(group, code) for code in codes)
        texts = (phrase.after if moment == "after" else phrase.during or phrase.text for phrase in found)
        return tuple(self._fill(text) for text in texts if text)

    def _fill(self, text: str) -> str:
        return text.replace("{phone}", self.edition.company.phone).replace("{company}", self.edition.company.name)


def tidy_text(text: str) -> str:
    """Return paragraphs with one empty line between them, each line without trailing spaces."""
    lines = [line.rstrip() for line in text.split("\n")]
    kept = [line for i, line in enumerate(lines) if line or (i and lines[i - 1])]
    return "\n".join(kept).strip() + "\n"


def tidy_html(html: str) -> str:
    """Return the HTML without paragraphs that say nothing and without empty lines."""
    return "\n".join(line for line in html.split("\n") if line.strip() and line.strip() != "<p></p>") + "\n"


def rounded(count: int) -> int:
    """Return a count to two significant digits: "about 1,200" promises no more than it knows."""
    step = int("1" + "0" * max(0, len(str(count)) - 2))
    return count // step * step


def lasted(facts: Facts) -> timedelta:
    """Return about how long it was out; nothing when a time is missing."""
    if facts.restored_at is None or facts.started_at is None or facts.reopened_at is not None:
        return timedelta()
    return max(timedelta(), round((facts.restored_at - facts.started_at) / ABOUT) * ABOUT)


def _moment(kind: BroadcastKind, *, first_contact: bool) -> str:
    """Return when in an incident a message is read: `during` in the first one, `after` when service is back."""
    if kind is BroadcastKind.RESTORED:
        return "after"
    return "during" if first_contact or kind is BroadcastKind.ACKNOWLEDGED else ""


def kinds_with_first_contact() -> Iterator[tuple[BroadcastKind, bool]]:
    """Yield every kind that has a template, with and without first contact where that changes the words."""
    for kind in SENDABLE_KINDS:
        yield kind, False
        if kind in NEEDS_EARLIER_MESSAGE or kind is BroadcastKind.ETA:
            yield kind, True
