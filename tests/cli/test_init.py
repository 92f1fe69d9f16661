"""The first configuration: six questions, never over a file, and never one that `notifier check` would refuse."""

import os
from pathlib import Path

import pytest

from notifier.cli.check import examine
from notifier.settings import load
from tests.cli.conftest import At, Run
from tests.cli.test_imports import written


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


ANSWERS = """\
company: "O'Neill & Sons: Power"
services: [water, power]
place: US America/New_York
complaints: files, web
mails: smtp.example.com:465 outages@example.com
on_call: Anna Lee (415) 555-0101, Bert bert@example.com
"""


def test_a_person_answers_six_questions_and_a_wrong_answer_is_asked_again(at: At, tmp_path: Path) -> None:
    with at("init", "--to", str(tmp_path / "own.yaml")) as terminal:
        for question, answer in (
            ("1 Your company", ""),
            ("is empty", "Valley Electric"),
            ("2 What it serves", "gas"),
            ("there is no recovery plan for 'gas'", "power"),
            ("3 Country and time zone", "US"),
            ("has no time zone", ""),
            ("4 Complaints come from", ""),
            ("5 Mails go to", ""),
            ("6 Who is woken", "Anna"),
            ("'Anna' is no name with an address", "Anna +14155550101"),
        ):
            terminal.sees(question)
            terminal.sees("]: " if question[0] in "23456" else ": ")
            terminal.type(f"{answer}\n")
        terminal.sees("is written, and `notifier check`")
        assert terminal.ends() == 0
    config = load(tmp_path / "own.yaml", {})
    assert (config.sender.company, config.regions.time_zone) == ("Valley Electric", "America/Los_Angeles")
    assert [(person.name, person.sms) for person in config.on_call.people] == [("Anna", "+14155550101")]
    assert [service.name for service in config.services] == ["power"]
    assert [provider.kind for provider in config.providers] == ["file", "file"]


def test_a_person_who_leaves_has_written_nothing(at: At, tmp_path: Path) -> None:
    with at("init", "--to", str(tmp_path / "own.yaml")) as terminal:
        terminal.sees("1 Your company")
        terminal.type("\x04")
        assert terminal.ends() == 1
    assert list(tmp_path.iterdir()) == []


def test_answers_may_come_from_a_file(notifier: Run, tmp_path: Path) -> None:
    result = notifier("init", "--answers", str(written(tmp_path, ANSWERS, "a.yaml")))
    assert result.exit_code == 0, result.output
    config = load(Path("config/notifier.yaml"), {})
    assert config.sender.company == "O'Neill & Sons: Power"
    assert [service.name for service in config.services] == ["power", "water"]
    assert [(source.name, source.trusted) for source in config.sources] == [("import", True), ("web", False)]
    relay = config.providers[0]
    assert (relay.host, relay.port, relay.tls) == ("smtp.example.com", 465, "implicit")
    assert config.delivery.only_to == ("outages@example.com",)  # nobody else, while it is tried
    assert [(person.name, person.sms or person.email) for person in config.on_call.people] == [
        ("Anna Lee", "+14155550101"),
        ("Bert", "bert@example.com"),
    ]
    assert max(map(len, result.stdout.splitlines())) <= 72


def test_the_defaults_are_a_configuration_that_check_accepts(notifier: Run) -> None:
    assert notifier("init", "--yes").exit_code == 0
    report = examine(Path("config/notifier.yaml"), {})
    assert (report.ok, report.leaves_this_machine) == (True, False)


def test_a_company_elsewhere_has_no_area_codes(notifier: Run, tmp_path: Path) -> None:
    answers = "company: Luz\nplace: MX America/Mexico_City\non_call: Ana +52 55 5555 0101\n"
    assert notifier("init", "--answers", str(written(tmp_path, answers, "a.yaml"))).exit_code == 0
    assert "area_code" not in load(Path("config/notifier.yaml"), {}).regions.kinds


def test_all_wrong_answers_of_a_file_are_said_and_nothing_is_written(notifier: Run, tmp_path: Path) -> None:
    wrong = "compnay: x\nservices: gas\nplace: Nowhere\ncomplaints: pigeon\nmails: mail\non_call: Anna 12\n"
    result = notifier("init", "--answers", str(written(tmp_path, wrong, "a.yaml")))
    assert result.exit_code == 2
    for words in ("did you mean 'company'", "company: ", "'gas'", "'Nowhere'", "'pigeon'", "mails: ", "on_call: "):
        assert words in result.stderr
    assert not Path("config/notifier.yaml").exists()


@pytest.mark.parametrize("answers", ["- a\n", "company: {a: b}\n", "company: [\n", ""])
def test_a_file_of_answers_that_is_none_is_wrong_usage(notifier: Run, tmp_path: Path, answers: str) -> None:
    assert notifier("init", "--answers", str(written(tmp_path, answers, "a.yaml"))).exit_code == 2


def test_a_file_that_is_there_is_not_overwritten(notifier: Run, tmp_path: Path) -> None:
    own = written(tmp_path, "mine\n", "own.yaml")
    result = notifier("init", "--yes", "--to", str(own))
    assert (result.exit_code, own.read_text()) == (2, "mine\n")


def test_where_nobody_can_be_asked_it_says_how(notifier: Run) -> None:
    result = notifier("init")
    assert result.exit_code == 2
    assert "use --answers FILE or --yes" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_said(notifier: Run, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "cannot write" in notifier("init", "--yes", "--to", str(tmp_path / "locked" / "n.yaml")).stderr
