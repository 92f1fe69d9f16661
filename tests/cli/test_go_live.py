"""`notifier go-live`: the page, the exit code, and what is looked up from here beside what the daemon knows."""

import json
from pathlib import Path

import pytest

from notifier.cli import online
from notifier.cli.online import Finding, State
from notifier.domain.go_live import GoLiveCheck, GoLiveView, Standing
from tests.cli.conftest import Run
from tests.config_file import written
from tests.fake_daemon import NOON, FakeDaemon

WELL = [
    GoLiveCheck(name="providers", state=Standing.OK, why="relay (email) leave this machine"),
    GoLiveCheck(name="public_url", state=Standing.OK, why="links lead to https://valley.net"),
    GoLiveCheck(name="backup", state=Standing.OK, why="monday.backup, made today"),
]
SILENT = GoLiveCheck(
    name="on_call",
    state=Standing.MISSING,
    why="Ann, Bo and Christopher of the network desk answered no test within 90 days",
    do="notifier on-call test",
)
FOUND = [
    Finding(what="database", state=State.WARNING, found="there is no file", do="start the daemon"),
    Finding(what="SPF of valley.net", state=State.OK, found="v=spf1 -all"),
    Finding(what="DKIM of valley.net", state=State.WARNING, found="the selector is not known", do="set it"),
    Finding(what="public URL", state=State.OK, found="https://valley.net leads to this daemon"),
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """Stand where the configuration is, with names that answer what the list says."""
    file, found = written(tmp_path, "sender: {company: Valley}\n"), list(FOUND)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOTIFIER_CONFIG", str(file))
    monkeypatch.setattr(online, "examine_online", lambda _config, *, dns_server: [*found] if not dns_server else [])
    return found


def knows(daemon: FakeDaemon, *checks: GoLiveCheck) -> None:
    ready = all(each.state is not Standing.MISSING for each in checks)
    daemon.on("GET", "/v1/go-live", GoLiveView(now=NOON, ready=ready, checks=list(checks)))


def test_what_is_missing_is_said_with_its_command(notifier: Run, daemon: FakeDaemon, here: list[Finding]) -> None:
    knows(daemon, *WELL[:2], SILENT)
    result = notifier("go-live")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "ok           providers: relay (email) leave this machine",
        "ok           public url: https://valley.net leads to this daemon",
        "ok           SPF of valley.net: v=spf1 -all",
        "CANNOT TELL  DKIM of valley.net: the selector is not known: set it",
        "             -> notifier check --online",
        "MISSING      on call: Ann, Bo and Christopher of the network desk",
        "             answered no test within 90 days",
        "             -> notifier on-call test",
        "",
        "1 of 5 missing: customers should not hear from you yet; 1 thing cannot",
        "be told from here: look yourself.",
    ]


def test_with_nothing_missing_the_answer_is_yes(notifier: Run, daemon: FakeDaemon, here: list[Finding]) -> None:
    knows(daemon, *WELL)
    here[2] = Finding(what="DKIM of valley.net", state=State.OK, found="there is a key")
    result = notifier("go-live")
    assert (result.exit_code, result.output.splitlines()[-1]) == (0, "Nothing is missing.")


def test_a_problem_found_from_here_is_missing(notifier: Run, daemon: FakeDaemon, here: list[Finding]) -> None:
    knows(daemon, *WELL)
    here[3] = Finding(what="public URL", state=State.PROBLEM, found="another daemon answers", do="see the proxy")
    here.append(Finding(what="time", state=State.PROBLEM, found="the checks were not done within 60 s"))
    result = notifier("go-live", "--json")
    said = {each["name"]: each["state"] for each in json.loads(result.output)["checks"]}
    assert (result.exit_code, json.loads(result.output)["ready"]) == (1, False)
    assert (said["public_url"], said["time"], said["backup"]) == ("missing", "missing", "ok")
    assert "database" not in said


def test_what_the_daemon_calls_missing_stays_missing(notifier: Run, daemon: FakeDaemon, here: list[Finding]) -> None:
    plain = GoLiveCheck(name="public_url", state=Standing.MISSING, why="is not https", do="notifier check --online")
    knows(daemon, plain)
    result = notifier("go-live")
    assert (result.exit_code, "MISSING      public url: is not https" in result.output) == (1, True)


def test_where_no_configuration_is_nothing_was_looked_up(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOTIFIER_CONFIG", raising=False)
    knows(daemon, *WELL)
    result = notifier("go-live")
    assert result.exit_code == 1
    assert "MISSING      names: SPF, DKIM, DMARC and the public URL were not looked" in result.output
    written(tmp_path, "sender: {nonsense: 1}\n")
    broken = notifier("go-live", "--config", str(tmp_path / "notifier.yaml"))
    assert (broken.exit_code, "-> notifier check" in broken.output) == (1, True)
    assert max(map(len, (result.output + broken.output).splitlines())) <= 72


def test_the_names_are_really_asked(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "server: {listen: '127.0.0.1:1'}\nsender: {public_url: 'http://127.0.0.1:1'}\n"
    knows(daemon, *WELL)
    result = notifier("go-live", "--config", str(written(tmp_path, text)))
    assert (result.exit_code, "MISSING      public url: no daemon answers" in result.output) == (1, True)
