"""Sites join an incident, leave it or go over: each becomes one request, and what is shown is where they are now."""

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli_views import card, draft, incident
from tests.fake_daemon import FakeDaemon, problem

WRONG_USAGE = 2


@pytest.mark.parametrize(
    ("command", "typed", "body"),
    [
        ("extend", ("--regions", "postal_code:94115, OLT-9"), {"regions": ["postal_code:94115", "OLT-9"]}),
        ("extend", ("--sites", "FILE", "--no-delay"), {"sites": ["C-1", "C-2,7"], "may_delay": False}),
        ("split", ("--regions", "94112"), {"part": ["94112"]}),
        ("split", ("--sites", "FILE"), {"part_sites": ["C-1", "C-2,7"]}),
        ("merge", ("--into", "43"), {"into": 43}),
    ],
)
def test_what_is_typed_becomes_one_request(
    notifier: Run, daemon: FakeDaemon, tmp_path: Path, command: str, typed: tuple[str, ...], body: dict[str, object]
) -> None:
    file = tmp_path / "sites.csv"
    file.write_text("C-1\nC-2,7\n")
    daemon.on("POST", f"/v1/incidents/42/{command}", draft() if command == "extend" else incident(card=card(id=43)))
    result = notifier(command, "42", *(str(file) if each == "FILE" else each for each in typed))
    assert daemon.last("POST", f"/v1/incidents/42/{command}").json() == body
    if command != "extend":
        assert result.exit_code == 0
        assert "Nobody was told." in result.stdout
        assert "#43 power" in result.stdout


@pytest.mark.parametrize("command", ["extend", "split"])
def test_which_sites_must_be_said_in_one_way(notifier: Run, daemon: FakeDaemon, command: str) -> None:
    assert notifier(command, "42").exit_code == WRONG_USAGE
    assert notifier(command, "42", "--regions", "1", "--sites", "-", given="C-1\n").exit_code == WRONG_USAGE
    assert daemon.asked == []


def test_what_is_refused_is_said(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", "/v1/incidents/42/merge", problem(409, "incident 42 cannot be merged into itself"))
    result = notifier("merge", "42", "--into", "42")
    assert result.exit_code == 1
    assert "cannot be merged into itself" in result.stderr


def test_json_is_the_answer_of_the_daemon(notifier: Run, daemon: FakeDaemon) -> None:
    for command, typed in (("split", ("--regions", "94112")), ("merge", ("--into", "43"))):
        daemon.on("POST", f"/v1/incidents/42/{command}", incident(card=card(id=43)))
        assert '"id":43' in notifier(command, "42", *typed, "--json").stdout.replace(" ", "")
