"""Every message of an installation: which wording a reader gets, and what is wrong with the wordings."""

from collections.abc import Mapping

from notifier.config import Config
from notifier.domain.answer import AnswerKind, MessageKind
from notifier.domain.broadcast import Facts
from notifier.domain.notification import Channel, NotificationFacts
from notifier.domain.playbook import Playbook
from notifier.domain.reply import ReplyWords
from notifier.messages import lint
from notifier.messages.edition import collect
from notifier.messages.mime import Encoded, encode
from notifier.messages.prepared import PreparedMessages
from notifier.messages.wording import Rendered, Wording, checked


class Messages:
    """Every message of this installation, in every locale it is configured for."""

    def __init__(self, config: Config, playbooks: Mapping[str, Playbook]) -> None:
        """Read and compile templates and phrases once; `playbooks` are by service. Raises `ConfigError`."""
        by_service = {service: playbook for playbook in playbooks.values() for service in playbook.services}
        self.config = config
        self._prepared = PreparedMessages()
        self._wordings = {
            locale: checked(collect(config, by_service, locale))
            for locale in dict.fromkeys((config.locales.default, *config.locales.available))
        }

    @property
    def locales(self) -> tuple[str, ...]:
        """Return every locale, the default first."""
        return tuple(self._wordings)

    def wording(self, locale: str) -> Wording:
        """Return the wording in which a reader of this locale is written to."""
        return self._wordings[self.language(locale)]

    def language(self, locale: str) -> str:
        """Return the configured locale for a contact point's own, such as `en` for `en-GB`; else the default."""
        for known in (locale.replace("_", "-"), _base(locale)):
            if known in self._wordings:
                return known
        return self.config.locales.default

    def reader_locale(self, locale: str) -> str:
        """Return the locale to freeze for a reader: its own where we can write it, else the default."""
        language = self.language(locale)
        return locale if _base(locale) == _base(language) else language

    def render(
        self,
        channel: Channel,
        kind: MessageKind,
        facts: Facts | None,
        personal: NotificationFacts,
        *,
        unsubscribe_url: str = "",
        preferences_url: str = "",
    ) -> Rendered:
        """Return the message for one reader; raise `RenderFailed` when it cannot be made."""
        wording = self.wording(personal.locale)
        if facts is None or isinstance(kind, AnswerKind):
            return wording.render(channel, kind, facts, personal, unsubscribe_url, preferences_url)
        return self._prepared.find(wording, channel, kind, facts, personal).render(
            personal, unsubscribe_url, preferences_url
        )

    def encode(
        self,
        channel: Channel,
        kind: MessageKind,
        facts: Facts | None,
        personal: NotificationFacts,
        *,
        unsubscribe_url: str,
        preferences_url: str = "",
    ) -> Encoded:
        """Return the message for one reader as the parts of a mail; raise `RenderFailed`."""
        wording = self.wording(personal.locale)
        if facts is None or isinstance(kind, AnswerKind):
            return encode(wording.render(channel, kind, facts, personal, unsubscribe_url, preferences_url))
        return self._prepared.find(wording, channel, kind, facts, personal).encode(
            personal, unsubscribe_url, preferences_url
        )

    def phrase_codes(self, group: str, service: str = "") -> tuple[str, ...]:
        """Return the codes of `causes`, `crews`, `safety` or `self_help` that have a wording in some locale.

        In a locale without one, its sentence is left out: `unworded` says where.
        """
        every = (wording.phrases.codes(group, service) for wording in self._wordings.values())
        return tuple(dict.fromkeys(code for codes in every for code in codes))

    def is_of_work(self, cause: str) -> bool:
        """Tell whether a cause is one of planned work alone."""
        found = (wording.phrases.causes.get(cause) for wording in self._wordings.values())
        return any(phrase.work for phrase in found if phrase is not None)

    def phrase_text(self, group: str, code: str) -> str:
        """Return what readers of the default locale see for a code; "" where it has no wording there."""
        phrase = self._wordings[self.config.locales.default].phrases.group(group).get(code)
        return "" if phrase is None else phrase.text

    def unworded(self, facts: Facts, by_locale: Mapping[str, int]) -> list[str]:
        """Return a warning for each phrase that some readers will not see, because their locale has no wording of it.

        `by_locale` counts the readers of an update by their own locale, "" for the default.
        """
        readers: dict[str, int] = {}
        for locale, count in by_locale.items():
            language = self.language(locale)
            readers[language] = readers.get(language, 0) + count
        return [
            f"the {name} '{code}' has no wording in {locale}: its sentence is left out of {count} messages"
            for name, group, code in (("cause", "causes", facts.cause), ("crew status", "crews", facts.crew))
            for locale, count in sorted(readers.items())
            if code and code not in self._wordings[locale].phrases.group(group)
        ]

    def reply_words(self) -> dict[str, ReplyWords]:
        """Return the words that customers may answer with, by locale."""
        return {locale: wording.phrases.replies for locale, wording in self._wordings.items()}

    def problems(self, *, thorough: bool = False) -> list[str]:
        """Return what is wrong with templates and phrases, one line each: everything is rendered with samples."""
        every = self._wordings.values()
        return [line for wording in every for line in lint.problems(wording, self.config, thorough=thorough)]

    def warnings(self) -> list[str]:
        """Return what is worth knowing and not wrong, one line each: phrases that some locale does not have."""
        return lint.missing_phrases(self._wordings.values())


def _base(locale: str) -> str:
    """Return the language of a locale: `en` for `en-GB` and `en_GB`."""
    return locale.replace("_", "-").split("-", maxsplit=1)[0]
