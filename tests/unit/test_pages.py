"""Pages of customers: complete in every language, replaceable file by file, and nothing from outside is markup."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from notifier.config import Config, Locales, Sender, Templates
from notifier.domain.consent import Purpose
from notifier.domain.errors import ConfigError
from notifier.domain.notification import Channel
from notifier.domain.preferences import Mistake
from notifier.messages.proof import idle_files
from notifier.web.page_samples import page_problems
from notifier.web.pages import Pages, accepted
from notifier.web.preferences import DONE

SHIPPED = sorted(Path("templates/pages/words").glob("*.yaml"))


def words(path: Path) -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load(path.read_text("utf-8"))
    return found


def pages(folder: Path | None = None, **sections: Any) -> Pages:
    return Pages(Config(templates=Templates(directory=str(folder or "")), **sections))


def test_there_are_words_for_every_shipped_language() -> None:
    assert [path.stem for path in SHIPPED] == ["en", "es", "fr"]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_catalogue_has_every_word_with_the_same_blanks(path: Path) -> None:
    english, other = words(SHIPPED[0]), words(path)
    assert list(other) == list(english)
    for name, text in other.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english[name])), name


def test_every_word_that_is_asked_for_is_there() -> None:
    english = words(SHIPPED[0])
    assert set(Mistake) <= set(english)
    assert set(DONE.values()) <= set(english)
    for purpose in (*Purpose, "all"):
        assert {f"unsubscribe_{purpose}", f"unsubscribe_done_{purpose}"} <= set(english)
    assert {f"purpose_{purpose}" for purpose in Purpose} | {f"channel_{channel}" for channel in Channel} <= set(english)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        (("es-MX",), "es"),
        (("es_MX",), "es"),
        (("de", "fr"), "fr"),
        (("de",), "en"),
        ((), "en"),
        (("FR-ca",), "fr"),
    ],
)
def test_a_reader_gets_the_nearest_language_there_is(wanted: tuple[str, ...], language: str) -> None:
    assert pages().language(*wanted) == language


def test_without_a_language_the_default_holds() -> None:
    assert pages(locales=Locales(default="fr", available=("fr",))).language("de") == "fr"


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", []),
        ("es-MX,es;q=0.9,en;q=0.8", ["es-MX", "es", "en"]),
        ("en;q=0.1, fr", ["fr", "en"]),
        ("en;q=0, fr;q=x, *;q=0.5", ["*"]),
        ("a," * 500, ["a"] * 20),
    ],
)
def test_accept_language_is_read_the_most_wanted_first(header: str, languages: list[str]) -> None:
    assert accepted(header) == languages


def test_an_operators_file_takes_the_place_of_one_and_the_others_stay(tmp_path: Path) -> None:
    own = tmp_path / "pages" / "words"
    own.mkdir(parents=True)
    (own / "de.yaml").write_text("title: Ihre Nachrichten von {company}\n")
    (tmp_path / "pages" / "message.html").write_text("<p>ours: {{ heading }}</p>")
    found = pages(tmp_path)
    assert found.language("de") == "de"
    assert found.words("de")["save"] == "Save settings", "a word that is missing is the English one"
    assert found.page("message", "de", heading="<b>").text == "<p>ours: &lt;b&gt;</p>"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("words/de.yaml", "- a list", "templates/pages/words/de.yaml: is no list of words"),
        ("words/de.yaml", "a: [", "templates/pages/words/de.yaml: "),
        ("message.html", "{% if %}", "templates/pages/message.html, line 1"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, text: str, problem: str) -> None:
    path = tmp_path / "pages" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(problem)):
        pages(tmp_path)


def test_the_shipped_pages_render_in_every_language() -> None:
    assert page_problems(Config()) == []


def test_a_page_that_would_fail_its_readers_is_found_beforehand(tmp_path: Path) -> None:
    path = tmp_path / "pages" / "preferences.html"
    path.parent.mkdir(parents=True)
    path.write_text("{{ settings.maskd }}")
    found = page_problems(Config(templates=Templates(directory=str(tmp_path))))
    assert "templates/pages/preferences.html in 'en': " in found[0]
    assert "maskd" in found[0]


def test_words_of_one_more_language_are_no_idle_file(tmp_path: Path) -> None:
    path = tmp_path / "pages" / "words" / "de.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("title: Ihre Nachrichten\n")
    (tmp_path / "pages" / "preferenses.html").write_text("")
    (warning,) = idle_files(Config(templates=Templates(directory=str(tmp_path))))
    assert "preferenses.html" in warning


def test_the_companys_name_is_text() -> None:
    found = pages(sender=Sender(company="A <b> & {phone} Co"))
    text = found.page("message", "en", heading=found.fill("{company}"), lines=[], preferences_url="").text
    assert text is not None
    assert "<b>" not in text.partition("</style>")[2]
