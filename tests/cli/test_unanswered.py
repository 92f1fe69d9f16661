"""Every command that asks: without a terminal, or interrupted, it says what was not done and which option answers."""

import click
import pytest

from notifier.cli import main
from notifier.storage.views import CreditsView
from tests.cli.conftest import Run
from tests.cli_views import asker, broadcast, card, draft, incident, preview, progress
from tests.fake_daemon import FakeDaemon

WAITING = CreditsView(
    incident_id=42,
    enabled=True,
    counted=True,
    currency="USD",
    owed="40.00",
    budget="100.00",
    waiting="30.00",
    waiting_lines=2,
    within="30.00",
    within_lines=2,
    over="30.00",
    over_lines=2,
    sums=[],
)
ASKING = {
    "credits approve --incident 42": "--total 30.00",
    "customers forget C-1 --reason x": "--confirm C-1",
    "notifications resend --broadcast 17 --all": "--count 3",
    "notifications abandon --broadcast 17 --all": "--count 3",
    "oops 42": "--yes or --count N",
    "tell 42": "--count 1214",
    "eta 42 +2h": "--count 1214",
    "restored 42": "--count 1214",
    "reopen 42": "--count 1214",
    "dismiss 42": "--count 1214",
    "confirm 42": "--count 1214",
    "open --service power --regions postal_code:94110": "--count 1214",
    "extend 42 --regions postal_code:94110": "--count 1214",
    "broadcasts send 18": "--count 1214",
    "broadcasts approve 19": "--count 1214",
}


@pytest.mark.parametrize("command", ASKING)
def test_without_a_terminal_it_is_said_what_to_pass_instead(notifier: Run, daemon: FakeDaemon, command: str) -> None:
    held = broadcast(state="completed", progress=progress(states={"held": 3}))
    daemon.on("GET", "/v1/incidents/42", incident(card=card(state="confirmed", told=12)))
    daemon.on("GET", "/v1/incidents/42/credits", WAITING)
    daemon.on("GET", "/v1/customers/C-1/export", {"customers": [{"name": "Maria Quirke"}]})
    daemon.on("GET", "/v1/broadcasts/17", held)
    daemon.on("GET", "/v1/me", asker(name="bert"))
    daemon.on("GET", "/v1/broadcasts/18", draft().broadcast)
    daemon.on("GET", "/v1/broadcasts/18/preview", preview(broadcast_id=18))
    daemon.on("GET", "/v1/broadcasts/19", broadcast(state="awaiting_approval", started_at=None))
    daemon.on("GET", "/v1/broadcasts/19/preview", preview(broadcast_id=19))
    daemon.on("POST", "/v1/broadcasts/17/cancel", broadcast(state="cancelled"))
    daemon.on("POST", "/v1/incidents", draft())
    for action in ("eta", "restored", "reopen", "dismiss", "confirm", "extend"):
        daemon.on("POST", f"/v1/incidents/42/{action}", draft())
    result = notifier(*command.split(" "))
    assert result.exit_code != 0
    assert "Aborted" not in result.output
    assert ASKING[command] in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (KeyboardInterrupt(), "interrupted; what the daemon was asked before is done: `notifier status`"),
        (EOFError(), "nothing more was done; `notifier status --help` names the option"),
        (click.Abort(), "nothing more was done; `notifier status --help` names the option"),
    ],
)
def test_what_ends_without_an_answer_is_never_just_aborted(
    notifier: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, ended: BaseException, said: str
) -> None:
    def end(*_: object) -> None:
        raise ended

    command = main.get_command(click.Context(main), "status")
    assert command is not None
    monkeypatch.setattr(command, "invoke", end)
    result = notifier("status")
    assert result.exit_code == 1
    assert said in " ".join(result.stderr.split())
