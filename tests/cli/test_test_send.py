"""`notifier test-send`: what is asked of the daemon, and each outcome as it is shown."""

import json

import pytest

from tests.cli.conftest import Run
from tests.fake_daemon import Answer, FakeDaemon, problem

PATH = "/v1/test-sends"


def tried(number: int, result: str = "accepted", **fields: object) -> dict[str, object]:
    said = {"kind": "eta_changed", "locale": "es", "channel": "email", "code": "250", "answer": "queued as 4F0"}
    return {"number": number, "of": 2, "result": result, "segments": 0, **said, **fields}


def lines(*values: dict[str, object]) -> Answer:
    return Answer(200, "".join(f"{json.dumps(value)}\n" for value in values).encode())


@pytest.fixture
def daemon_tries(daemon: FakeDaemon) -> FakeDaemon:
    daemon.on("POST", PATH, lines(tried(1), tried(2, segments=2), {"done": True, "accepted": 2, "of": 2}))
    return daemon


def test_each_outcome_is_shown_as_it_comes(notifier: Run, daemon_tries: FakeDaemon) -> None:
    result = notifier("test-send", "--to", "ann@valley.net", "--locale", "es")
    asked = daemon_tries.last("POST", PATH)
    assert asked.json() == {"to": "ann@valley.net", "kind": "", "locale": "es", "anybody": False}
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "1/2 eta changed (es): accepted, queued as 4F0",
        "2/2 eta changed (es, 2 segments): accepted, queued as 4F0",
        "2 of 2 messages accepted.",
    ]


def test_json_is_what_the_daemon_says(notifier: Run, daemon_tries: FakeDaemon) -> None:
    lines = notifier("test-send", "--to", "ann@valley.net", "--json").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [
        tried(1),
        tried(2, segments=2),
        {"done": True, "accepted": 2, "of": 2},
    ]


def test_what_was_not_accepted_is_said_with_its_code(notifier: Run, daemon: FakeDaemon) -> None:
    refused = tried(1, "ours", code="535 5.7.8", answer="authentication failed")
    daemon.on("POST", PATH, lines(refused, {"done": True, "accepted": 0, "of": 2}))
    result = notifier("test-send", "--to", "ann@valley.net")
    assert result.exit_code == 1
    assert "1/2 eta changed (es): ours, 535 5.7.8 authentication failed" in result.stdout
    assert "0 of 2 messages accepted." in result.stdout
    assert "check --online" in result.stdout


def test_an_address_on_no_list_is_the_daemons_to_refuse(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("POST", PATH, problem(409, "this address is neither on the guest list (delivery.only_to)"))
    result = notifier("test-send", "--to", "eve@valley.net")
    assert result.exit_code == 1
    assert "neither on the guest list" in result.stderr


def test_yes_means_also_anybody(notifier: Run, daemon_tries: FakeDaemon) -> None:
    notifier("test-send", "--to", "eve@valley.net", "--yes")
    assert daemon_tries.last("POST", PATH).json()["anybody"] is True
