"""`notifier templates`: messages are shown as they go out, and mistakes are named with file and line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from notifier.cli import main
from notifier.resources import shipped


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A configuration with folders of the operator's own; lint reads English alone, so that it is quick."""
    (tmp_path / "words" / "en" / "sms").mkdir(parents=True)
    (tmp_path / "words" / "en" / "email").mkdir()
    (tmp_path / "phrases").mkdir()
    (tmp_path / "notifier.yaml").write_text(
        "templates: {directory: words, phrases: phrases}\n"
        "locales: {available: [en]}\n"
        "services: [{name: power, words: {en: power, fr: courant}}]\n"
        "sender: {company: Valley Electric}\n"
    )
    return tmp_path


def run(*args: str, folder: Path | None = None) -> Result:
    where = ["--config", str(folder / "notifier.yaml")] if folder else []
    return CliRunner().invoke(main, ["templates", *args, *where], env={"NO_COLOR": "1", "COLUMNS": "72"})


def test_a_text_is_shown_on_its_grid(own: Path) -> None:
    shown = run("render", "--kind", "acknowledged", "--channel", "sms", folder=own)
    assert shown.exit_code == 0
    assert "en sms: acknowledged, power down" in shown.output
    assert "+ 1 of 2 --------------------------------+\n|Valley Electric: sorry, power at 12 Oak |" in shown.output
    assert " septets, GSM-7 +\n" in shown.output
    grid = [line for line in shown.output.splitlines() if line[:1] in "+|" and line]
    assert {len(line) for line in grid} == {42}


def test_a_mail_is_shown_with_its_subject(own: Path) -> None:
    shown = run("render", "--kind", "eta", "--channel", "email", folder=own)
    assert "Power at 12 Oak St: expected back by 6:30 am today" in shown.output
    assert shown.output.count("email: eta") == 2  # told before, and first contact


def test_everything_can_be_taken_as_json(own: Path) -> None:
    shown = json.loads(run("render", "--kind", "delayed", "--every", "--longest", "--json", folder=own).output)
    assert {each["channel"] for each in shown} == {"email", "sms"}
    assert {each["alphabet"] for each in shown} == {"", "GSM-7"}
    assert all(len(each["parts"]) <= 2 for each in shown)
    assert len(shown) > 20


def test_pages_can_be_written_for_a_browser(own: Path) -> None:
    done = run("render", "--kind", "restored", "--out", str(own / "pages"), folder=own)
    index = (own / "pages" / "index.html").read_text()
    assert str(own / "pages" / "index.html") in done.output
    assert 'src="0001-en-restored.html"' in index
    assert "<pre>Valley Electric: we believe power" in index
    assert (own / "pages" / "0001-en-restored.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("option", "value", "answer"),
    [
        ("--kind", "restore", "there is no kind 'restore'; did you mean 'restored'?"),
        ("--locale", "de", "there is no locale 'de'"),
        ("--service", "gas", "there is no service 'gas'"),
    ],
)
def test_what_there_is_not_is_named(own: Path, option: str, value: str, answer: str) -> None:
    shown = run("render", option, value, folder=own)
    assert shown.exit_code == 2
    assert answer in shown.output


def test_what_is_shipped_passes(own: Path) -> None:
    shown = run("lint", folder=own)
    assert shown.output == "Every message can be made in en; every text fits in 2 segments.\n"
    assert shown.exit_code == 0


@pytest.mark.parametrize(
    ("channel", "kind", "source", "problem"),
    [
        (
            "sms",
            "eta",
            '{% extends "sentences" %}\n{% block news %}{{ custmer }}{% endblock %}',
            ":2: 'custmer' is undef",
        ),
        (
            "sms",
            "eta",
            '{% extends "sentences" %}\n{% block news %}see https://x.y{% endblock %}',
            ": has a link in it",
        ),
        (
            "sms",
            "eta",
            '{% extends "sentences" %}\n{% block news %}{{ place }} ' + "blah " * 70 + "{% endblock %}",
            ": takes 3 segments with everything optional left out; sms.segments_at_most is 2",
        ),
        ("sms", "eta", '{% extends "sentences" %}\n{% optional %}', ":2: unexpected 'end of statement block'"),
        ("sms", "eta", "{{ company }}", ": does not say where: {{ place }}"),
        (
            "email",
            "eta",
            '{% extends "sentences" %}\n\n{% block subject %}{{ eta.x }}',
            ":3: Unexpected end of template",
        ),
        ("email", "eta", "{{ place }}", ": the message is empty"),
    ],
    ids=["unknown word", "link", "too long", "no rank", "no blocks in a text", "not closed", "no blocks in a mail"],
)
def test_a_mistake_is_found_at_its_line(own: Path, channel: str, kind: str, source: str, problem: str) -> None:
    file = own / "words" / "en" / channel / f"{kind}.j2"
    file.write_text(source)
    shown = run("lint", folder=own)
    assert shown.exit_code == 1, shown.output
    assert f"{file}" in shown.output
    if "|" not in problem and problem != ": does not say where: {{ place }}":
        assert f"{file}{problem}" in shown.output


def test_a_phrase_that_a_locale_lacks_is_a_warning(own: Path) -> None:
    config = (own / "notifier.yaml").read_text().replace("[en]", "[en, fr]")
    (own / "notifier.yaml").write_text(config)
    french = (shipped("config/phrases") / "fr.yaml").read_text()
    (own / "phrases" / "fr.yaml").write_text(french.replace("  burst-pipe:", "  burst-pipes:"))
    shown = run("lint", folder=own)
    assert shown.exit_code == 0
    warning = "causes.burst-pipe has no wording; its sentence is left out there"
    assert f"warning: {own}/phrases/fr.yaml: {warning}" in shown.output


def test_phrases_with_a_piece_of_a_sentence_missing_are_refused_at_their_line(own: Path) -> None:
    english = (shipped("config/phrases") / "en.yaml").read_text()
    (own / "phrases" / "en.yaml").write_text(english.replace("state: weak, began:", "stat: weak, began:"))
    shown = run("lint", folder=own)
    assert shown.exit_code == 1
    assert f"{own}/phrases/en.yaml:" in shown.output
    assert "services.power.degraded: the key 'state' is missing; services.default.down has it" in shown.output
    assert "services.power.degraded.stat: unknown key; did you mean 'state'?" in shown.output
