"""Commands run in this process against a fake daemon, as a commander in Los Angeles at 03:39 with a 72-column window."""

import time
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from notifier.cli import main
from tests.fake_daemon import TOKEN, FakeDaemon

Run = Callable[..., Result]


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
        result = CliRunner().invoke(main, list(arguments), input=given, prog_name="notifier")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
