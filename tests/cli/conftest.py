"""Commands run in this process against a fake daemon, by a commander in Los Angeles at 03:39, 72 columns wide."""

import time
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from notifier.cli import main
from tests.cli.terminal import Terminal
from tests.cli_views import asker, broadcast, draft, incident, preview, status, within_take_back
from tests.fake_daemon import TOKEN, FakeDaemon

Run = Callable[..., Result]
At = Callable[..., Terminal]


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    """Run a fake daemon."""
    with FakeDaemon() as fake:
        yield fake


@pytest.fixture
def commander(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the environment of a commander."""
    for name, value in {
        "NOTIFIER_URL": daemon.url,
        "NOTIFIER_TOKEN": TOKEN,
        "TZ": "America/Los_Angeles",
        "COLUMNS": "72",
    }.items():
        monkeypatch.setenv(name, value)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def notifier(commander: None) -> Run:
    """Return a function that runs `notifier ARGUMENTS` without a terminal."""

    def run(*arguments: str, given: str | bytes = "") -> Result:
        result = CliRunner().invoke(main, list(arguments), input=given, prog_name="notifier", terminal_width=72)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def at(daemon: FakeDaemon) -> At:
    """Return a function that runs `notifier ARGUMENTS` at a terminal."""

    def run(*arguments: str, columns: str = "72") -> Terminal:
        environment = {
            "NOTIFIER_URL": daemon.url,
            "NOTIFIER_TOKEN": TOKEN,
            "TZ": "America/Los_Angeles",
            "COLUMNS": columns,
            "NO_COLOR": "1",
            "TERM": "xterm",
        }
        return Terminal(list(arguments), environment)

    return run


@pytest.fixture
def outage(daemon: FakeDaemon) -> None:
    """Let the daemon have incident 42, whose confirmation is broadcast 17."""
    daemon.on("GET", "/v1/status", status())
    daemon.on("GET", "/v1/me", asker(name="bert"))
    daemon.on("GET", "/v1/incidents/42", incident())
    daemon.on("POST", "/v1/incidents/42/confirm", draft())
    daemon.on("GET", "/v1/broadcasts/17/preview", preview())
    daemon.on("POST", "/v1/broadcasts/17/send", within_take_back())
    daemon.on("POST", "/v1/broadcasts/17/approve", within_take_back())
    daemon.on("POST", "/v1/broadcasts/17/cancel", broadcast(state="cancelled", started_at=None))
    daemon.on("GET", "/v1/broadcasts/17", within_take_back())
