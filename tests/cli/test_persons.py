"""Export, forget, hold and release: what is typed, what is asked, what is shown."""

from pathlib import Path

import pytest

from notifier.storage.views import ForgottenView, HeldPersonView
from tests.cli.conftest import Run
from tests.fake_daemon import FakeDaemon

KEPT = {
    "customers": [{"name": "Maria Quirke"}],
    "sites": [{}],
    "contact_points": [{}, {}],
    "complaints": [],
    "replies": [],
    "notifications": [{}] * 12,
    "credit_lines": [],
}
FORGOTTEN = ForgottenView(id=7, pseudonym="forgotten:7", changed={"complaints": 0, "messages": 12})


def answer(monkeypatch: pytest.MonkeyPatch, *typed: str) -> None:
    given = iter(typed)
    monkeypatch.setattr("builtins.input", lambda _: next(given))


def test_an_export_is_written_to_a_new_file_for_one_alone(notifier: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    daemon.on("GET", "/v1/customers/C-1/export", KEPT)
    file = tmp_path / "c.json"
    assert notifier("customers", "export", "C-1", "--to", str(file)).exit_code == 0
    assert "Maria Quirke" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert notifier("customers", "export", "C-1", "--to", str(file)).exit_code == 1
    assert '"name": "Maria Quirke"' in notifier("customers", "export", "C-1").stdout


def test_forgetting_shows_what_there_is_and_asks_twice(
    notifier: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.on("GET", "/v1/customers/C-1/export", KEPT)
    daemon.on("POST", "/v1/customers/C-1/forget", FORGOTTEN)
    answer(monkeypatch, "C-1", "forget")
    done = notifier("customers", "forget", "C-1", "--reason", "their letter")
    assert "C-1 Maria Quirke: 1 site, 2 addresses, 12 messages." in done.stdout
    assert "Forgotten; from here on forgotten:7. Changed: 12 messages." in done.stdout
    assert daemon.asked[-1].json() == {"confirm": "C-1", "reason": "their letter"}


@pytest.mark.parametrize("typed", [("C-2",), ("C-1", "yes"), ("",)])
def test_another_answer_forgets_nothing(
    notifier: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...]
) -> None:
    daemon.on("GET", "/v1/customers/C-1/export", KEPT)
    answer(monkeypatch, *typed)
    done = notifier("customers", "forget", "C-1", "--reason", "x")
    assert (done.exit_code, "nothing was forgotten" in done.stderr) == (1, True)
    assert [asked.method for asked in daemon.asked] == ["GET"]


def test_without_a_terminal_nothing_is_forgotten_and_scripts_learn_how(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/customers/C 1/export", KEPT)
    daemon.on("GET", "/v1/customers/C%201/export", KEPT)
    done = notifier("customers", "forget", "C 1", "--reason", "x")
    assert done.exit_code == 1
    assert "nothing was forgotten; for scripts: --confirm 'C 1'" in done.stderr
    as_json = notifier("customers", "forget", "C 1", "--reason", "x", "--json")
    assert (as_json.exit_code, as_json.stdout) == (2, "")
    assert "--confirm 'C 1'" in as_json.stderr


def test_a_program_says_the_reference_twice(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/customers/C-1/forget", FORGOTTEN)
    done = notifier("customers", "forget", "C-1", "--reason", "x", "--confirm", "C-1", "--json")
    assert '"pseudonym"' in done.stdout


def test_a_hold_is_set_and_released_with_a_reason(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/customers/C-1/hold", HeldPersonView(id=7, reference="C-1", legal_hold="case 12"))
    daemon.on("POST", "/v1/customers/C-1/release", HeldPersonView(id=7, reference="C-1", legal_hold=""))
    assert "under a legal hold: case 12" in notifier("customers", "hold", "C-1", "--reason", "case 12").stdout
    assert "no legal hold" in notifier("customers", "release", "C-1", "--reason", "closed").stdout
    assert notifier("customers", "hold", "C-1").exit_code == 2
