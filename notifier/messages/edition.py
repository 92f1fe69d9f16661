"""An edition: everything that decides the words of a message in one locale, except the facts.

Templates, phrases, the company's own details and the advice of the playbooks are read once, kept together and named
by their hash: the template version. The store keeps each edition that was used, so that what was sent can be
rendered again exactly, also after a template or the company's phone number has changed.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from notifier.config import Alphabet, Config
from notifier.domain.errors import ConfigError
from notifier.domain.playbook import Playbook
from notifier.resources import resources

SHARED = "shared"  # the folder of templates for every locale; a locale's own file of the same name takes its place
VERSION_LENGTH = 16  # hexadecimal digits of SHA-256


class Company(Struct, frozen=True, kw_only=True):
    """In whose name a message speaks."""

    name: str
    phone: str
    postal_address: str


class Texts(Struct, frozen=True, kw_only=True):
    """What a text may take on the air."""

    alphabet: Alphabet = Alphabet.GSM7
    segments_at_most: int = 2


class Edition(Struct, frozen=True, kw_only=True):
    """The sources of every message in one locale."""

    locale: str
    templates: dict[str, str]  # path below the locale's folder -> source
    phrases: str  # source of the phrases file
    company: Company
    words: dict[str, str]  # service -> what customers call it
    safety: dict[str, tuple[str, ...]]  # service -> phrase codes, by its playbook
    self_help: dict[str, tuple[str, ...]]
    texts: Texts = Texts()
    country: str = ""  # of the company: completes a locale that names none

    @property
    def version(self) -> str:
        """Return the hash of the sources."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:VERSION_LENGTH]

    def to_json(self) -> str:
        """Return the edition as text that `from_json` reads back."""
        return msgspec.json.encode(self, order="sorted").decode()


def from_json(text: str) -> Edition:
    """Return the edition that `to_json` wrote."""
    return msgspec.json.decode(text, type=Edition)


def collect(config: Config, playbooks: Mapping[str, Playbook], locale: str) -> Edition:
    """Read the edition of a locale: the shipped files, with the operator's own in the place of those of the same name.

    `playbooks` are by service. Raises `ConfigError` when the locale has no templates or phrases.
    """
    own = _folder(config.templates.directory)
    shared, of_locale = (resources("templates", f"{folder}/**/*", own) for folder in (SHARED, locale))
    phrases = resources("config/phrases", f"{locale}.yaml", _folder(config.templates.phrases))
    if not of_locale or not phrases:
        missing = "phrases" if of_locale else "templates"
        raise ConfigError([f"locales.available: there are no {missing} for '{locale}'"])
    return Edition(
        locale=locale,
        templates={
            name.split("/", 1)[1]: path.read_text(encoding="utf-8")
            for name, path in (*shared.items(), *of_locale.items())
            if not path.name.startswith(".")
        },
        phrases=next(iter(phrases.values())).read_text(encoding="utf-8"),
        company=Company(
            name=config.sender.company, phone=config.sender.phone, postal_address=config.sender.postal_address
        ),
        words={service.name: service.words.get(locale, service.name) for service in config.services},
        safety={service: playbook.safety for service, playbook in playbooks.items()},
        self_help={service: playbook.self_help for service, playbook in playbooks.items()},
        texts=Texts(alphabet=config.sms.alphabet, segments_at_most=config.sms.segments_at_most),
        country=config.regions.country,
    )


def _folder(setting: str) -> Path | None:
    return Path(setting) if setting else None
