"""The pages that customers see: templates and one catalogue of words per locale, each file replaceable by operators.

In: the name of a page, a locale and values. Out: a response that no browser stores, indexes or frames, and that needs
no script. Values are data: everything is escaped, and the templates are sandboxed.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from jinja2 import BaseLoader, StrictUndefined, TemplateError, TemplateNotFound, pass_context
from jinja2.environment import Environment
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notifier.config import Config
from notifier.domain.errors import ConfigError
from notifier.messages.compiled import Compiled
from notifier.resources import resources

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}
COMPLETE = "en"  # the catalogue that has every word; another may lack some
ACCEPTED_AT_MOST = 20  # languages of a request that are looked at
_COMPILED = Compiled()
_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BLANK = re.compile(r"\{(\w+)\}")

Words = Mapping[str, str]


class Pages:
    """Every page of this installation, read once."""

    def __init__(self, config: Config) -> None:
        """Read templates and words; raise `ConfigError` when one of them cannot be used."""
        own = Path(config.templates.directory) if config.templates.directory else None
        files = resources("templates", "pages/**/*", own)
        self._default, self._company, self._phone = config.locales.default, config.sender.company, config.sender.phone
        self._words = _catalogues({name: path for name, path in files.items() if name.endswith(".yaml")})
        sources = {
            name.removeprefix("pages/"): path.read_text(encoding="utf-8")
            for name, path in files.items()
            if name.endswith(".html")
        }
        self._environment = _environment(sources)
        for name in sources:
            try:
                self._environment.get_template(name)
            except TemplateError as error:
                raise ConfigError([f"templates/pages/{name}, line {getattr(error, 'lineno', None)}: {error}"]) from None

    @property
    def locales(self) -> tuple[str, ...]:
        """Return the locales that have a catalogue."""
        return tuple(self._words)

    def language(self, *wanted: str) -> str:
        """Return the first of the wanted locales that has a catalogue, by its language at least; else the default."""
        for locale in (*wanted, self._default):
            normal = locale.strip().replace("_", "-")
            for known in (normal, normal.partition("-")[0].lower()):
                if known in self._words:
                    return known
        return COMPLETE

    def words(self, language: str) -> Words:
        """Return the catalogue of a language that `language` gave."""
        return self._words[language]

    def fill(self, text: str, **values: object) -> str:
        """Return words with the company, its number and other values filled in."""
        return _filled(text, {"company": self._company, "phone": self._phone, **values})

    def page(self, name: str, language: str, *, status: int = 200, **values: object) -> web.Response:
        """Return a page."""
        text = self._environment.get_template(f"{name}.html").render(
            language=language,
            words=self._words[language],
            company=self._company,
            phone=self._phone,
            **values,
        )
        return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)

    def broken(self, request: web.Request) -> web.Response:
        """Return the page behind a link that is not ours, or is no more, in a language its reader accepts."""
        language = self.language(*accepted(request.headers.get("Accept-Language", "")))
        words = self._words[language]
        lines = [self.fill(words["broken_text"])]
        return self.page("message", language, status=404, heading=words["broken"], lines=lines, preferences_url="")


def accepted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the most wanted first."""
    found: list[tuple[float, str]] = []
    for part in header.split(",")[:ACCEPTED_AT_MOST]:
        name, _, weight = part.strip().partition(";")
        try:
            wanted = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        if name and wanted > 0:
            found.append((wanted, name.strip()))
    return [name for _, name in sorted(found, key=lambda each: -each[0])]


def _catalogues(files: Mapping[str, Path]) -> dict[str, Words]:
    found: dict[str, dict[str, str]] = {}
    problems = []
    for name, path in files.items():
        try:
            read = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe one
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            problems.append(f"templates/{name}: {' '.join(str(error).split())}")
            continue
        if not isinstance(read, dict) or not all(isinstance(word, str) for word in read.values()):
            problems.append(f"templates/{name}: is no list of words; expected NAME: TEXT")
            continue
        found[path.stem] = {str(key): word for key, word in read.items()}
    if problems:
        raise ConfigError(problems)
    complete = found.get(COMPLETE, {})
    return {locale: complete | words for locale, words in found.items()}


class _Sources(BaseLoader):
    """Finds templates among those that were read."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:  # noqa: ARG002
        try:
            return self._sources[template], None, None
        except KeyError:
            raise TemplateNotFound(template) from None


def _environment(sources: Mapping[str, str]) -> Environment:
    environment = ImmutableSandboxedEnvironment(
        loader=_Sources(sources),
        undefined=StrictUndefined,
        autoescape=True,
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=_COMPILED,
    )
    environment.filters["fill"] = _fill
    return environment


@pass_context
def _fill(context: Context, text: str, **values: object) -> str:
    """Return words with the company, its number and other values filled in; the result is escaped like any other."""
    return _filled(text, {"company": context["company"], "phone": context["phone"], **values})


def _filled(text: str, values: Mapping[str, object]) -> str:
    return _BLANK.sub(lambda blank: str(values.get(blank[1], blank[0])), text)
