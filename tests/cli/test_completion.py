"""Shell completion: commands, options and the ids of what is open; silence where no daemon answers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from notifier.cli import COMMANDS, main
from notifier.cli.completion import VARIABLE
from tests.cli.conftest import Run
from tests.cli_views import card, need
from tests.fake_daemon import TOKEN, FakeDaemon

pytestmark = pytest.mark.usefixtures("commander")


@pytest.fixture(autouse=True)
def _open(daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents", [card(), card(id=41, place="Riverside"), card(id=7)])
    daemon.on("GET", "/v1/needs", [need(kind="draft", broadcast_id=17), need()])


def offered(*typed: str, incomplete: str = "") -> dict[str, str | None]:
    """Return what is offered after some words, with what is said of each."""
    found = ShellComplete(main, {}, "notifier", VARIABLE).get_completions(list(typed), incomplete)
    return {item.value: item.help for item in found}


def test_commands_are_offered_from_the_table_without_importing_them() -> None:
    for module in [name for name in sys.modules if name == "notifier.cli.tell"]:
        del sys.modules[module]
    every = {name for section in COMMANDS.values() for name in section}
    assert set(offered()) == every
    assert set(offered(incomplete="re")) == {name for name in every if name.startswith("re")}
    assert "notifier.cli.tell" not in sys.modules


def test_ids_of_open_incidents_are_offered_with_what_they_are(daemon: FakeDaemon) -> None:
    assert offered("tell", incomplete="4") == {
        "42": "suspected power, 94110, 94112",
        "41": "suspected power, Riverside",
    }
    assert daemon.last("GET", "/v1/incidents").query == {"state": "scheduled,suspected,confirmed,resolved"}
    assert set(offered("eta")) == {"42", "41", "7"}


def test_updates_that_wait_are_offered() -> None:
    assert offered("broadcasts", "send") == {"17": "draft of #42"}


def test_options_and_their_values_are_offered() -> None:
    assert {"--cause", "--impact", "--wake"} <= set(offered("tell", "42", incomplete="--"))
    assert set(offered("brief", "42", "--for")) == {"agent", "ivr", "social", "web", "stakeholders"}
    assert set(offered("broadcasts", incomplete="pre")) == {"preview"}


def test_where_no_daemon_answers_nothing_is_offered_and_nothing_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOTIFIER_URL", "http://127.0.0.1:1")
    assert offered("tell") == {}
    monkeypatch.setenv("NOTIFIER_URL", "nonsense")
    assert offered("tell") == {}
    monkeypatch.delenv("NOTIFIER_TOKEN")
    monkeypatch.setenv("NOTIFIER_CONFIG", "/nowhere/at/all.yaml")
    assert offered("tell") == {}
    assert capfd.readouterr() == ("", "")


def test_a_key_that_is_not_good_offers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFIER_TOKEN", "ntf_wrong")
    assert offered("tell") == {}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(notifier: Run, shell: str) -> None:
    result = notifier("completion", shell)
    assert result.exit_code == 0
    assert f"{VARIABLE}={shell}_complete" in result.stdout
    assert notifier("completion", "cmd").exit_code == 2
    assert notifier("completion").exit_code == 2


def test_the_script_completes_in_a_real_shell(daemon: FakeDaemon, notifier: Run, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    command = tmp_path / "notifier"
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c \'from notifier.cli import main; main(prog_name="notifier")\' "$@"\n'
    )
    command.chmod(0o755)
    (tmp_path / "script").write_text(notifier("completion", "bash").stdout)
    typed = "COMP_WORDS=(notifier tell 4) COMP_CWORD=2"
    asked = f'source script; {typed}; _notifier_completion notifier; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        [bash, "--noprofile", "--norc", "-c", asked],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            **os.environ,
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "NOTIFIER_URL": daemon.url,
            "NOTIFIER_TOKEN": TOKEN,
        },
    )
    assert done.stdout.split() == ["42", "41"], done.stderr
