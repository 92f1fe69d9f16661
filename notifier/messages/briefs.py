"""Briefs in words: one template for each reader (`templates/briefs/LOCALE/FOR.j2`), the phrases of the locale.

Facts come in, plain text goes out. The same vocabulary as of messages is used, so that nobody is told another time or
another cause than customers; what is not known is left out or said to be so.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date
from jinja2 import DictLoader, StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from notifier.domain.brief import PUBLIC, BriefFor, Figures, PartFacts, Standing
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.errors import ConfigError
from notifier.domain.notification import Channel, NotificationFacts
from notifier.messages.compiled import Compiled
from notifier.messages.environment import inner, sentence
from notifier.messages.places import Place, cut
from notifier.messages.render import Messages
from notifier.messages.times import babel_locale
from notifier.messages.vocabulary import Vocabulary
from notifier.messages.wording import RenderFailed, Wording, one_stop, tidy_text
from notifier.resources import resources

FOLDER = "briefs"
FALLBACK = "en"
SAMPLE = Figures(incident=42, affected=1214, told=166, priority=9, assigned_to="Ann")
_NOON = datetime(2026, 6, 27, 12, tzinfo=UTC)
WHERE_AT_MOST = 60  # characters of a place
POST_AT_MOST = 280  # characters of a post
_COMPILED = Compiled()


class Briefs:
    """The words of every brief."""

    def __init__(self, messages: Messages) -> None:
        """Read and parse the templates once; raises `ConfigError` naming the file of a mistake."""
        self._messages = messages
        own = Path(messages.config.templates.directory) if messages.config.templates.directory else None
        sources = {
            name.removeprefix(f"{FOLDER}/"): path.read_text(encoding="utf-8")
            for name, path in resources("templates", f"{FOLDER}/**/*.j2", own).items()
        }
        environment = ImmutableSandboxedEnvironment(  # plain text
            loader=DictLoader(sources),
            undefined=StrictUndefined,
            autoescape=False,
            auto_reload=False,
            bytecode_cache=_COMPILED,
        )
        environment.filters |= {"sentence": sentence, "inner": inner}
        self._templates: dict[str, Template] = {}
        problems = []
        for name in sources:
            try:
                self._templates[name] = environment.get_template(name)
            except TemplateError as error:
                problems.append(f"templates/{FOLDER}/{name}, line {getattr(error, 'lineno', None)}: {error}")
        if problems:
            raise ConfigError(problems)

    def locales(self, reader: BriefFor) -> tuple[str, ...]:
        """Return the locales in which a brief is written: all of ours that there is a template of."""
        found = tuple(locale for locale in self._messages.locales if f"{locale}/{reader}.j2" in self._templates)
        return found or (FALLBACK,)

    def write(self, reader: BriefFor, parts: Sequence[PartFacts], figures: Figures, *, now: datetime) -> dict[str, str]:
        """Return the brief by locale; the figures are said only to colleagues. Raises `RenderFailed`."""
        return {
            locale: self._written(
                locale, reader, parts, {} if reader in PUBLIC else self._about(figures, locale, now), now
            )
            for locale in self.locales(reader)
        }

    def problems(self) -> list[str]:
        """Return what is wrong with the templates, one line each: every brief is written with sample facts."""
        services = [service.name for service in self._messages.config.services][:1] or ["power"]
        found: list[str] = []
        for reader in BriefFor:
            for part in (each for service in services for each in _samples(service)):
                try:
                    self.write(reader, [part, part], SAMPLE, now=_NOON)
                except RenderFailed as error:
                    found.append(str(error))
        return list(dict.fromkeys(found))

    def _written(
        self, locale: str, reader: BriefFor, parts: Sequence[PartFacts], about: Mapping[str, object], now: datetime
    ) -> str:
        wording = self._messages.wording(locale)
        vocabulary = Vocabulary(wording.edition, wording.phrases)
        told = [self._words(part, wording, vocabulary, locale, now) for part in parts]
        try:
            text = self._templates[f"{locale}/{reader}.j2"].render(parts=told, first=told[0], **about)
        except (KeyError, TemplateError, LookupError, TypeError, ValueError) as error:
            raise RenderFailed(f"templates/{FOLDER}/{locale}/{reader}.j2: {error}") from error
        return one_stop(tidy_text(text)).rstrip("\n")

    def _about(self, figures: Figures, locale: str, now: datetime) -> dict[str, object]:
        """Return what colleagues are told beside the facts, numbers and date as their language writes them."""
        zone = self._messages.config.regions.time_zone
        personal = NotificationFacts(sites=(), locale=locale, time_zone=zone, at=now)
        wording = self._messages.wording(locale)
        times, local = wording.times(personal), now.astimezone(ZoneInfo(zone))
        counted = {name: times.number(getattr(figures, name)) for name in ("affected", "told", "priority")}
        day = format_date(local.date(), "long", locale=babel_locale(locale, wording.edition.country))
        return {
            **counted,
            "incident": figures.incident,
            "assigned_to": figures.assigned_to,
            "now": f"{local:%H:%M %Z}, {day}",
        }

    def _words(
        self, part: PartFacts, wording: Wording, vocabulary: Vocabulary, locale: str, now: datetime
    ) -> dict[str, object]:
        kind = BroadcastKind.RESTORED if part.standing is Standing.BACK else BroadcastKind.ACKNOWLEDGED
        zone = self._messages.config.regions.time_zone
        personal = NotificationFacts(sites=(), locale=locale, time_zone=zone, at=now, first_contact=True)
        where = cut(part.where, WHERE_AT_MOST) if part.where else ""
        words = vocabulary.words(Channel.EMAIL, kind, part.facts, personal, wording.times(personal), Place(text=where))
        begins_at, ends_at = part.facts.window_from_at, part.facts.window_until_at
        return {
            **words,
            "where": where,
            "standing": str(part.standing),
            "is_pending": part.is_pending,
            "has_begun": begins_at is not None and begins_at <= now,
            "has_lapsed": ends_at is not None and ends_at <= now,
        }


def _samples(service: str) -> Iterator[PartFacts]:
    """Yield facts of each standing, with all that may be known and with nothing of it."""
    hour = timedelta(hours=1)
    much = Facts(
        service=service,
        started_at=_NOON - hour,
        eta_at=_NOON + hour,
        next_update_by=_NOON + hour,
        restored_at=_NOON,
        missed_eta_at=_NOON - hour,
        window_from_at=_NOON + hour,
        window_until_at=_NOON + 2 * hour,
        customers=1214,
    )
    for standing in Standing:
        yield PartFacts(where="94110, 94112", standing=standing, facts=much, is_pending=True)
        yield PartFacts(where="", standing=standing, facts=Facts(service=service))
