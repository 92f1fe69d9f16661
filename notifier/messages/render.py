"""Every message of an installation: which wording a reader gets, and what is wrong with the wordings."""

from collections.abc import Mapping

from notifier.config import Config
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.notification import Channel, NotificationFacts
from notifier.domain.playbook import Playbook
from notifier.messages.edition import collect
from notifier.messages.mime import Encoded
from notifier.messages.prepared import PreparedMessages
from notifier.messages.samples import problems
from notifier.messages.wording import Rendered, Wording


class Messages:
    """Every message of this installation, in every locale it is configured for."""

    def __init__(self, config: Config, playbooks: Mapping[str, Playbook]) -> None:
        """Read and compile templates and phrases once; `playbooks` are by service. Raises `ConfigError`."""
        by_service = {service: playbook for playbook in playbooks.values() for service in playbook.services}
        self.config = config
        self._prepared = PreparedMessages()
        self._wordings = {
            locale: Wording(collect(config, by_service, locale))
            for locale in dict.fromkeys((config.locales.default, *config.locales.available))
        }

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
        kind: BroadcastKind,
        facts: Facts,
        personal: NotificationFacts,
        *,
        unsubscribe_url: str = "",
    ) -> Rendered:
        """Return the message for one reader; raise `RenderFailed` when it cannot be made."""
        prepared = self._prepared.find(self.wording(personal.locale), channel, kind, facts, personal)
        return prepared.render(personal, unsubscribe_url)

    def encode(
        self,
        channel: Channel,
        kind: BroadcastKind,
        facts: Facts,
        personal: NotificationFacts,
        *,
        unsubscribe_url: str,
    ) -> Encoded:
        """Return the message for one reader as the parts of a mail; raise `RenderFailed`."""
        prepared = self._prepared.find(self.wording(personal.locale), channel, kind, facts, personal)
        return prepared.encode(personal, unsubscribe_url)

    def phrase_codes(self, group: str, service: str = "") -> tuple[str, ...]:
        """Return the codes of `causes`, `crews`, `safety` or `self_help` that have a wording in every locale."""
        first, *others = (wording.phrases.codes(group, service) for wording in self._wordings.values())
        return tuple(code for code in first if all(code in other for other in others))

    def problems(self) -> list[str]:
        """Return what is wrong with templates and phrases, one line each: everything is rendered with samples."""
        return [line for wording in self._wordings.values() for line in problems(wording, self.config)]


def _base(locale: str) -> str:
    """Return the language of a locale: `en` for `en-GB` and `en_GB`."""
    return locale.replace("_", "-").split("-", maxsplit=1)[0]
