"""Every message there is: each kind, locale, channel, service and impact can be made, and every text fits.

Also with the longest company, places and times: what nobody would think of trying by hand.
"""

import re

import pytest

from notifier.config import Config, Sender
from notifier.domain.notification import Channel
from notifier.messages import Messages
from notifier.messages.lint import problems
from notifier.messages.samples import LINK, samples
from notifier.messages.wording import CHANNELS, MESSAGE_KINDS
from notifier.resources import shipped
from notifier.settings import load_playbooks

CONFIG = Config(sender=Sender(company="Northern Valley Electric Cooperative Inc", phone="+1 800-555-0100"))
MESSAGES = Messages(CONFIG, load_playbooks(CONFIG))
SORRY = {"en": r"\bsorry\b", "es": r"\b(lo sentimos|lamentamos)\b", "fr": r"\bdésolés\b"}
each_locale = pytest.mark.parametrize("locale", MESSAGES.locales)


@each_locale
def test_every_message_can_be_made_and_every_text_fits(locale: str) -> None:
    assert list(problems(MESSAGES.wording(locale), CONFIG, thorough=True)) == []


def test_every_locale_has_the_same_templates_and_phrases() -> None:
    assert MESSAGES.locales == ("en", "es", "fr")
    assert MESSAGES.warnings() == []
    names = {
        locale: {path.name for path in (shipped("templates") / locale).rglob("*.j2")} for locale in MESSAGES.locales
    }
    assert names["en"] == names["es"] == names["fr"] == {"sentences.j2", *(f"{kind}.j2" for kind in MESSAGE_KINDS)}
    for locale in MESSAGES.locales:
        assert {folder.name for folder in (shipped("templates") / locale).iterdir()} == set(CHANNELS)


@each_locale
def test_every_mail_of_an_update_says_sorry_once_and_is_filled_in_as_in_full(locale: str) -> None:
    wording = MESSAGES.wording(locale)
    for sample in samples("power", cause="tree", crew="on-site", locale=locale):
        full = wording.render(Channel.EMAIL, sample.kind, sample.facts, sample.personal, LINK, LINK)
        said = MESSAGES.render(
            Channel.EMAIL, sample.kind, sample.facts, sample.personal, unsubscribe_url=LINK, preferences_url=LINK
        )
        assert said == full
        if sample.facts is not None and len(sample.kind) and sample.kind not in ("no_outage", "paused"):
            assert len(re.findall(SORRY[locale], full.text, re.IGNORECASE)) == 1, full.text
        assert "!" not in full.subject + full.text
        assert f'<html lang="{locale}">' in full.html


def test_spanish_has_one_word_for_planned_work() -> None:
    files = [path for path in shipped("templates").rglob("*") if "es" in (path.parent.parent.name, path.stem)]
    said = [path.read_text() for path in (*files, shipped("config") / "phrases" / "es.yaml") if path.is_file()]
    planned = re.compile(r"trabajos? (?:pr\w+|planific\w+)", re.IGNORECASE)
    found = [words.lower() for text in said for words in planned.findall(text)]
    assert set(found) == {"trabajos programados"}
    assert len(found) >= 10
