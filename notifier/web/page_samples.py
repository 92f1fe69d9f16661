"""Every page once with everything on it, so that `notifier check` finds what customers would otherwise find."""

from collections.abc import Iterator
from typing import Any

from jinja2 import TemplateError

from notifier.config import Config
from notifier.domain.consent import Purpose
from notifier.domain.errors import ConfigError
from notifier.domain.notification import Channel
from notifier.domain.preferences import Incident, Mistake, Preferences, Site
from notifier.web.pages import Pages
from notifier.web.preferences import Form


def page_problems(config: Config) -> list[str]:
    """Return what is wrong with the pages that customers see, one line each."""
    try:
        pages = Pages(config)
    except ConfigError as error:
        return list(error.problems)
    problems = []
    for language in pages.locales:
        for name, values in _samples(pages, language, config):
            try:
                pages.page(name, language, **values)
            except (TemplateError, LookupError, TypeError, ValueError) as error:
                problems.append(f"templates/pages/{name}.html in '{language}': {error}")
    return problems


def _samples(pages: Pages, language: str, config: Config) -> Iterator[tuple[str, dict[str, Any]]]:
    words = pages.words(language)
    yield "message", {"heading": words["broken"], "lines": [words["broken_text"]], "preferences_url": "/p/TOKEN"}
    yield "unsubscribe", {"effect": words["unsubscribe_outage"], "preferences_url": "/p/TOKEN"}
    for stopped, blocked in ((False, False), (True, False), (False, True)):
        settings = Preferences(
            contact_point_id=1,
            masked="j***@example.com",
            locale=language,
            language=language,
            stopped=stopped,
            blocked=blocked,
            purposes=frozenset(Purpose),
            channels=tuple(Channel),
            channels_off=frozenset(),
            quiet=(1320, 420),
            sites=(Site(id=1, name="12 Oak St", heard_of=True), Site(id=2, name="", heard_of=False)),
            incidents=tuple(
                Incident(id=number, service=service.name, paused=False)
                for number, service in enumerate(config.services)
            ),
        )
        form = Form(
            locale=language,
            purposes=frozenset(Purpose),
            channels=frozenset(Channel),
            quiet_from="22:00",
            quiet_until="07:00",
            sites=frozenset({1}),
            paused=frozenset(),
        )
        yield (
            "preferences",
            {
                "settings": settings,
                "form": form,
                "form_token": "TOKEN",
                "stop_token": "TOKEN",
                "done": words["saved"],
                "mistakes": [words[mistake] for mistake in Mistake] if stopped else [],
                "wrong_hours": stopped,
                "purposes": tuple(Purpose),
                "languages": {language: language},
                "services": {service.name: service.name for service in config.services},
            },
        )
