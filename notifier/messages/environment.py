"""The environment templates live in: sandboxed, strict about missing facts, escaping in HTML, blind to the disk.

One environment for each form of a message (subject, text, HTML); they differ in the layout a message extends.
"""

from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound
from jinja2.environment import Environment
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from notifier.domain.notification import Channel
from notifier.messages.edition import Edition

LAYOUTS = {"subject": "{{ self.subject() }}", "text": "layout.txt", "html": "layout.html"}


def environments(edition: Edition) -> dict[str, Environment]:
    """Return the environment of each form."""
    return {form: _environment(edition, form) for form in LAYOUTS}


class _EditionLoader(BaseLoader):
    """Finds templates in an edition: "layout" is that of the form, names without a path are the channel's."""

    def __init__(self, edition: Edition, layout: str) -> None:
        self._edition, self._layout = edition, layout

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, None]:  # noqa: ARG002
        if template == "layout" and self._layout.startswith("{"):
            return self._layout, None, None
        name = f"{Channel.EMAIL}/{self._layout}" if template == "layout" else template
        if "/" not in name:
            name = f"{Channel.EMAIL}/{name}.j2"
        try:
            return self._edition.templates[name], None, None
        except KeyError:
            raise TemplateNotFound(name) from None


def _environment(edition: Edition, form: str) -> Environment:
    is_html = form == "html"
    environment = ImmutableSandboxedEnvironment(
        loader=_EditionLoader(edition, LAYOUTS[form]),
        undefined=StrictUndefined,
        autoescape=is_html,
        auto_reload=False,
        cache_size=-1,
    )
    environment.filters["sentence"] = _sentence
    environment.filters["inner"] = _inner
    environment.filters["key"] = _strong if is_html else str
    return environment


def _sentence(text: str) -> str:
    """Return the text with a capital first letter, the rest untouched."""
    return text[:1].upper() + text[1:]


def _inner(text: str) -> str:
    """Return a sentence as it continues after a colon."""
    return text[:1].lower() + text[1:]


def _strong(text: str) -> Markup:
    return Markup("<strong>{}</strong>").format(escape(text))
