"""Proof-reading: what rendering with samples cannot show is found in the files themselves, with file and line."""

import shutil
from pathlib import Path

import pytest

from notifier.config import Config, Locales, Templates
from notifier.domain.errors import ConfigError
from notifier.messages import Messages
from notifier.messages.proof import idle_files, located, proofread
from notifier.resources import shipped
from notifier.settings import load_playbooks

SHIPPED = (shipped("config/phrases") / "en.yaml").read_text(encoding="utf-8")


def own_phrases(folder: Path, text: str) -> Config:
    (folder / "en.yaml").write_text(text, encoding="utf-8")
    return Config(templates=Templates(phrases=str(folder)))


def test_what_is_shipped_needs_no_correction() -> None:
    assert proofread(Config()) == []
    assert idle_files(Config()) == []


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ("causes:", "cuases:", "cuases: unknown key; did you mean 'causes'?"),
        ("text: The storm", "txt: The storm", "causes.storm.txt: unknown key; did you mean 'text'?"),
        ("crews:", "causes: {}\ncrews:", "causes: is given twice, first in line "),
        ("{phone}.", "{fone}.", "'{fone}' stands for nothing; expected {phone} or {company}; did you mean 'phone'?"),
        ('tomorrow: "{time}', 'tomorrow: "{phone}', "words.tomorrow: '{phone}' stands for nothing; expected {time}"),
    ],
)
def test_a_mistake_in_phrases_has_its_file_line_and_key(tmp_path: Path, before: str, after: str, wrong: str) -> None:
    assert before in SHIPPED
    found = proofread(own_phrases(tmp_path, SHIPPED.replace(before, after)))
    assert any(wrong in line and line.startswith(f"{tmp_path}/en.yaml:") for line in found)


def test_a_template_that_is_no_text_is_named(tmp_path: Path) -> None:
    file = tmp_path / "en" / "email" / "eta.j2"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xff\xfe")
    assert proofread(Config(templates=Templates(directory=str(tmp_path)))) == [
        f"{file}: is not in UTF-8: line 1 holds the byte 0xff"
    ]


def test_a_file_that_takes_the_place_of_nothing_is_warned_about(tmp_path: Path) -> None:
    template, phrases = tmp_path / "templates/en/email/etaa.j2", tmp_path / "phrases/en.yml"
    for file in (template, phrases):
        file.parent.mkdir(parents=True)
        file.touch()
    config = Config(templates=Templates(directory=str(tmp_path / "templates"), phrases=str(tmp_path / "phrases")))
    assert idle_files(config) == [
        f"{template}: takes the place of no shipped template; did you mean 'en/email/eta.j2'?",
        f"{phrases}: is not read: no available locale has its name; did you mean 'en.yaml'?",
    ]


def test_a_language_of_the_operators_own_is_a_folder_and_a_file(tmp_path: Path) -> None:
    shutil.copytree(shipped("templates") / "en", tmp_path / "templates" / "de")
    (tmp_path / "phrases").mkdir()
    shutil.copy(shipped("config/phrases") / "en.yaml", tmp_path / "phrases" / "de.yaml")
    config = Config(
        locales=Locales(default="de", available=("de",)),
        templates=Templates(directory=str(tmp_path / "templates"), phrases=str(tmp_path / "phrases")),
    )
    assert idle_files(config) == []
    assert proofread(config) == []
    assert Messages(config, load_playbooks(config)).problems() == []
    (tmp_path / "templates" / "de" / "sms" / "eta.j2").unlink()
    with pytest.raises(ConfigError, match=r"templates/de/sms/eta\.j2 does not exist"):
        Messages(config, load_playbooks(config))


def test_a_problem_gets_its_place_on_disk(tmp_path: Path) -> None:
    (tmp_path / "en" / "sms").mkdir(parents=True)
    own = tmp_path / "en" / "sms" / "eta.j2"
    own.touch()
    found = located(
        Config(templates=Templates(directory=str(tmp_path))),
        [
            "templates/en/sms/eta.j2, line 3: wrong",
            "templates/en/email/layout.html, line 7: wrong",
            "phrases/fr.yaml: causes.tree: wrong",
            "something else: wrong",
        ],
    )
    assert found == [
        f"{own}:3: wrong",
        f"{shipped('templates')}/shared/email/layout.html:7: wrong",
        f"{shipped('config/phrases')}/fr.yaml: causes.tree: wrong",
        "something else: wrong",
    ]
