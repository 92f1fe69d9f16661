"""`notifier check`: the answer is yes only when everything a daemon would read is good."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from notifier.cli.check import check
from tests.config_file import written


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOTIFIER_CONFIG", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(check, arguments)


def test_what_is_shipped_is_in_order() -> None:
    result = run()
    assert result.exit_code == 0
    assert "no file: the defaults" in result.output
    assert "playbook power, propose" in result.output
    assert result.output.endswith("Everything is in order; nothing leaves this machine.\n")


def test_a_person_reads_no_line_wider_than_a_phone() -> None:
    assert max(map(len, run().output.splitlines())) <= 72


def test_problems_are_listed_and_the_answer_is_no(tmp_path: Path) -> None:
    file = written(tmp_path, "server: {lissten: a}\nlog: {level: warn}\n")
    result = run("--config", str(file))
    assert result.exit_code == 1
    assert f"{file}:1: server.lissten: unknown key; did you mean 'listen'?" in result.output
    assert "2 problems found." in result.output


def test_scripts_get_everything_as_json(tmp_path: Path) -> None:
    file = written(tmp_path, "playbooks: {directory: plans}\n")
    written(tmp_path, "name: ours\nservices: [power]\nsafety: [wirez]\nself_help: []\n", "plans/power.yaml")
    result = run("--config", str(file), "--json")
    report = json.loads(result.output)
    assert result.exit_code == 1
    assert report["ok"] is False
    assert report["configuration"] == str(file)
    assert str(tmp_path / "plans/power.yaml") in report["playbooks"]
    assert [problem.partition(": ")[2] for problem in report["problems"]] == [
        "safety[0]: 'wirez' is no phrase of safety for power; did you mean 'wires'?"
    ]


def test_an_operators_template_is_rendered_too(tmp_path: Path) -> None:
    written(tmp_path, "{{ nothing_of_this_name }}", "own/en/email/eta.j2")
    file = written(tmp_path, "templates: {directory: own}\n")
    result = run("--config", str(file))
    assert result.exit_code == 1
    assert "nothing_of_this_name" in result.output


def test_phrases_of_the_operator_are_read_too(tmp_path: Path) -> None:
    written(tmp_path, "cause: {}\n", "own/en.yaml")
    file = written(tmp_path, "templates: {phrases: own}\n")
    result = run("--config", str(file))
    assert result.exit_code == 1
    assert "en.yaml" in result.output


def test_a_file_that_is_not_there_is_the_answer_no_and_an_unknown_option_is_wrong_usage(tmp_path: Path) -> None:
    assert run("--config", str(tmp_path / "none.yaml")).exit_code == 1
    assert run("--onlin").exit_code == 2


def test_a_relay_on_this_machine_is_not_said_to_leave_it(tmp_path: Path) -> None:
    file = written(tmp_path, "providers: [{name: relay, kind: smtp, host: 127.0.0.1}]\n")
    result = run("--config", str(file))
    assert result.output.endswith("Everything is in order; messages go to a relay on this machine.\n")


def test_a_warning_does_not_make_the_answer_no(tmp_path: Path) -> None:
    file = written(tmp_path, "providers: [{name: relay, kind: smtp, host: mx.valley.net}]\n")
    result = run("--config", str(file))
    assert result.exit_code == 0
    assert "warning: sender.public_url: is this machine" in result.output
    assert result.output.endswith("Everything is in order; messages leave this machine.\n")
