"""Wording: the facts of a message and of one reader in, a message in words out, by one edition.

Templates see words only: instants are already in the reader's zone and locale, codes already phrases.
"""

import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from jinja2 import Template, TemplateError, TemplateNotFound

from notifier.domain.answer import AnswerKind, MessageKind
from notifier.domain.broadcast import NEEDS_EARLIER_MESSAGE, SENDABLE_KINDS, BroadcastKind, Facts
from notifier.domain.errors import ConfigError, InvalidInput, NotifierError
from notifier.domain.notification import Channel, NotificationFacts
from notifier.messages import phrases as phrases_file
from notifier.messages.edition import Edition
from notifier.messages.environment import FORMS, environments
from notifier.messages.fitting import Budget, Fitted, Sentences, fit
from notifier.messages.phrases import Phrases
from notifier.messages.places import Place, place_of
from notifier.messages.times import ReaderTimes
from notifier.messages.vocabulary import Vocabulary

CHANNELS = tuple(FORMS)
CHECKED_AT_MOST = 64  # wordings that are kept
MESSAGE_KINDS: tuple[MessageKind, ...] = (*SENDABLE_KINDS, *AnswerKind)
"""Every kind that has templates: one per locale and channel."""

WITH_FIRST_CONTACT = NEEDS_EARLIER_MESSAGE | {BroadcastKind.ETA}
"""Kinds that have other words for somebody who has heard nothing of the incident yet."""

_TWO_STOPS = re.compile(r"([ap]\.m)\.(</strong>)?\.")  # "by <strong>6:30 a.m.</strong>."


class RenderFailed(NotifierError):
    """A message could not be made: ours to mend, never the recipient's fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A message in words; `text` has LF line ends and no line is wrapped. A text (SMS) is all in `text`."""

    subject: str
    text: str
    html: str
    template_version: str
    segments: int = 0  # of a text


class Wording:
    """The templates and phrases of one edition; a template is compiled when it is first used."""

    def __init__(self, edition: Edition) -> None:
        self.edition = edition
        self.version = edition.version
        self.phrases: Phrases = phrases_file.parse(edition.phrases, place=f"phrases/{edition.locale}.yaml")
        self.budget = Budget(alphabet=edition.texts.alphabet, segments_at_most=edition.texts.segments_at_most)
        self._vocabulary = Vocabulary(edition, self.phrases)
        self._environments = environments(edition)
        self._templates: dict[tuple[Channel, str, str], Template] = {}

    def check(self) -> None:
        """Raise `ConfigError` with every template that is missing or that cannot be parsed.

        An edition kept from an older release may lack kinds that came later, and is not checked.
        """
        where = f"templates/{self.edition.locale}"
        names = [f"{channel}/{kind}.j2" for channel in CHANNELS for kind in MESSAGE_KINDS]
        problems = [f"{where}/{name} does not exist" for name in names if name not in self.edition.templates]
        for name, source in self.edition.templates.items():
            form = "sms" if name.startswith(f"{Channel.SMS}/") else "text"
            try:
                self._environments[form].parse(source, name)
            except TemplateError as error:
                problems.append(f"{where}/{name}, line {getattr(error, 'lineno', None)}: {error}")
        if problems:
            raise ConfigError(problems)

    def render(
        self,
        channel: Channel,
        kind: MessageKind,
        facts: Facts | None,
        personal: NotificationFacts,
        unsubscribe_url: str = "",
        preferences_url: str = "",
    ) -> Rendered:
        """Return the message; raise `RenderFailed` naming template and cause. An answer may have no facts."""
        times = self.times(personal, channel)
        place = place_of(personal, self.phrases.words, times)
        return self.render_at(channel, kind, facts, personal, times, place, unsubscribe_url, preferences_url)

    def times(self, personal: NotificationFacts, channel: Channel = Channel.EMAIL) -> ReaderTimes:
        """Return how this reader is told times."""
        return ReaderTimes(
            self.phrases.words,
            personal.locale,
            personal.time_zone,
            personal.at or datetime.now(UTC),
            country=self.edition.country,
            sms=channel is Channel.SMS,
        )

    def render_at(
        self,
        channel: Channel,
        kind: MessageKind,
        facts: Facts | None,
        personal: NotificationFacts,
        times: ReaderTimes,
        place: Place,
        unsubscribe_url: str,
        preferences_url: str,
    ) -> Rendered:
        """Return the message about a place that is in words already; raise `RenderFailed`."""
        if channel is Channel.SMS:

            def sentences_at(text: str) -> Sentences:
                return self.sentences(kind, facts, personal, times, Place(text=text))

            return self.as_text(fit(place.texts or (place.text,), sentences_at, self.budget))
        words = self._words(channel, kind, facts, personal, times, place)
        words |= {"unsubscribe_url": unsubscribe_url, "preferences_url": preferences_url}
        return Rendered(
            subject=one_stop(" ".join(self._form(channel, kind, "subject", words).split())),
            text=self._tidy(tidy_text(self._form(channel, kind, "text", words))),
            html=self._tidy(tidy_html(self._form(channel, kind, "html", words))),
            template_version=self.version,
        )

    def sentences(
        self,
        kind: MessageKind,
        facts: Facts | None,
        personal: NotificationFacts,
        times: ReaderTimes,
        place: Place,
    ) -> Sentences:
        """Return a text whose optional sentences can still be left out; raise `RenderFailed`."""
        words = self._words(Channel.SMS, kind, facts, personal, times, place)
        try:
            return Sentences(self._form(Channel.SMS, kind, "sms", words))
        except ValueError as error:
            raise RenderFailed(f"{Channel.SMS}/{kind} in '{self.edition.locale}': {error}") from error

    def as_text(self, fitted: Fitted) -> Rendered:
        """Return a text that has been fitted into its segments."""
        return Rendered(subject="", text=fitted.text, html="", template_version=self.version, segments=fitted.segments)

    def _words(
        self,
        channel: Channel,
        kind: MessageKind,
        facts: Facts | None,
        personal: NotificationFacts,
        times: ReaderTimes,
        place: Place,
    ) -> dict[str, object]:
        try:
            return self._vocabulary.words(channel, kind, facts, personal, times, place)
        except (InvalidInput, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise RenderFailed(f"{channel}/{kind} in '{self.edition.locale}': {error}") from error

    def _form(self, channel: Channel, kind: MessageKind, form: str, words: dict[str, object]) -> str:
        """Render one form of a message; raise `RenderFailed` with the file and line of the mistake."""
        try:
            template = self._templates.get((channel, kind, form))
            if template is None:
                template = self._environments[form].get_template(f"{channel}/{kind}.j2")
                self._templates[channel, kind, form] = template
            return template.render(words)
        except KeyError as error:
            raise RenderFailed(f"there is no template for {kind} by {channel} in '{self.edition.locale}'") from error
        except TemplateNotFound as error:
            if error.name == f"{channel}/{kind}.j2":
                raise RenderFailed(
                    f"there is no template for {kind} by {channel} in '{self.edition.locale}'"
                ) from error
            raise RenderFailed(f"{self._place(error, channel, kind)}: {error.name} does not exist") from error
        except (TemplateError, InvalidInput, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise RenderFailed(f"{self._place(error, channel, kind)}: {error}") from error

    def _place(self, error: Exception, channel: Channel, kind: MessageKind) -> str:
        """Return the file and line of a template in which an error arose."""
        start = f"templates/{self.edition.locale}/"
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(start)]
        if not frames:
            return f"{start}{channel}/{kind}.j2"
        return f"{frames[-1].filename}, line {frames[-1].lineno}"

    def _tidy(self, text: str) -> str:
        for sign in self.phrases.words.no_break_before:
            text = text.replace(f" {sign}", f"\u00a0{sign}")
        return one_stop(text)


def tidy_text(text: str) -> str:
    """Return paragraphs with one empty line between them, each line without trailing spaces."""
    lines = [line.strip() for line in text.split("\n")]
    kept = [line for i, line in enumerate(lines) if line or (i and lines[i - 1])]
    return "\n".join(kept).strip() + "\n"


def tidy_html(html: str) -> str:
    """Return the HTML without paragraphs that say nothing and without empty lines."""
    return "\n".join(line for line in html.split("\n") if line.strip() and line.strip() != "<p></p>") + "\n"


def kinds_with_first_contact() -> Iterator[tuple[MessageKind, bool]]:
    """Yield every kind that has a template, with and without first contact where that changes the words."""
    for kind in MESSAGE_KINDS:
        yield kind, False
        if kind in WITH_FIRST_CONTACT:
            yield kind, True


def one_stop(text: str) -> str:
    """Return the text with one full stop where a time ends the sentence: "by 6:30 a.m." and not two."""
    return _TWO_STOPS.sub(r"\1.\2", text)


_checked: dict[str, Wording] = {}  # by version: the same sources need no second look


def checked(edition: Edition) -> Wording:
    """Return the wording of an edition after everything in it was parsed; raise `ConfigError`."""
    version = edition.version
    if version not in _checked:
        wording = Wording(edition)
        wording.check()
        if len(_checked) >= CHECKED_AT_MOST:
            _checked.clear()
        _checked[version] = wording
    return _checked[version]
