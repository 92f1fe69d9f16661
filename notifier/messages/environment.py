"""The environment templates live in: sandboxed, strict about missing facts, escaping in HTML, blind to the disk.

One environment for each form of a message (subject, text, HTML, SMS); they differ in the layout a message extends.
"""

from collections.abc import Callable, Mapping

from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound, nodes
from jinja2.environment import Environment
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from notifier.domain.notification import Channel
from notifier.messages.compiled import Compiled
from notifier.messages.edition import Edition
from notifier.messages.fitting import mark

LAYOUTS: Mapping[str, tuple[Channel, str]] = {
    "subject": (Channel.EMAIL, "{{ self.subject() }}"),
    "text": (Channel.EMAIL, "layout.txt"),
    "html": (Channel.EMAIL, "layout.html"),
    "sms": (Channel.SMS, "layout.txt"),
}
"""Form -> channel, and the file a message extends as "layout", or its source."""
_COMPILED = {form: Compiled() for form in LAYOUTS}

FORMS: Mapping[Channel, tuple[str, ...]] = {Channel.EMAIL: ("subject", "text", "html"), Channel.SMS: ("sms",)}


def environments(edition: Edition) -> dict[str, Environment]:
    """Return the environment of each form."""
    return {form: _environment(edition, form) for form in LAYOUTS}


class _EditionLoader(BaseLoader):
    """Finds templates in an edition: "layout" is that of the form, names without a path are the channel's."""

    def __init__(self, edition: Edition, channel: Channel, layout: str) -> None:
        self._edition, self._channel, self._layout = edition, channel, layout

    def get_source(
        self,
        environment: Environment,  # noqa: ARG002 - the signature of Jinja
        template: str,
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        if template == "layout" and self._layout.startswith("{"):
            return self._layout, None, None
        name = f"{self._channel}/{self._layout}" if template == "layout" else template
        if "/" not in name:
            name = f"{self._channel}/{name}.j2"
        try:
            return self._edition.templates[name], f"templates/{self._edition.locale}/{name}", None
        except KeyError:
            raise TemplateNotFound(name) from None


class _OptionalSentence(Extension):
    """`{% optional 3 %} ... {% endoptional %}`: a sentence that may be left out of a text."""

    tags = {"optional"}  # noqa: RUF012 - Jinja's own type

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        rank = parser.parse_expression()
        body = parser.parse_statements(("name:endoptional",), drop_needle=True)
        marked = nodes.Filter(None, "may_be_left_out", [rank], [], None, None)
        return nodes.FilterBlock(body, marked).set_lineno(line)


def _environment(edition: Edition, form: str) -> Environment:
    is_html = form == "html"
    environment = ImmutableSandboxedEnvironment(
        loader=_EditionLoader(edition, *LAYOUTS[form]),
        undefined=StrictUndefined,
        autoescape=is_html,
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=_COMPILED[form],
        extensions=[_OptionalSentence],
    )
    environment.filters["sentence"] = sentence
    environment.filters["inner"] = inner
    environment.filters["clause"] = _clause
    environment.filters["call"] = _call if is_html else str
    environment.filters["calls"] = _calls if is_html else _as_it_is
    environment.filters["key"] = _strong if is_html else str
    environment.filters["may_be_left_out"] = _may_be_left_out if form == "sms" else _kept
    return environment


def sentence(text: str) -> str:
    """Return the text with a capital first letter, the rest untouched."""
    return text[:1].upper() + text[1:]


def inner(text: str) -> str:
    """Return a sentence as it continues after a colon."""
    return text[:1].lower() + text[1:]


def _clause(text: str) -> str:
    """Return a sentence as a part of another one."""
    return inner(text).removesuffix(".")


def _call(phone: str) -> Markup:
    """Return a number to tap on."""
    digits = "".join(sign for sign in phone if sign.isdigit() or sign in "+*#")
    link = '<a href="tel:{}" style="color:#0b57d0;white-space:nowrap">{}</a>'
    return Markup(link).format(digits, phone)  # noqa: S704 - both are escaped by `format`


def _calls(text: str, phone: str) -> Markup:
    """Return a sentence with the number in it, if it is there, to tap on."""
    return _call(phone).join(escape(part) for part in text.split(phone)) if phone else escape(text)


def _as_it_is(text: str, phone: str) -> str:  # noqa: ARG001 - plain text has nothing to tap on
    return text


def _strong(text: str) -> Markup:
    return Markup("<strong>{}</strong>").format(escape(text))


def _may_be_left_out(text: str, rank: int) -> str:
    return mark(text, rank) if text.strip() else ""


def _kept(text: str, rank: int) -> str:  # noqa: ARG001 - a mail has room for every sentence
    return text
