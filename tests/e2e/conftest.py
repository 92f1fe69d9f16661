"""The two stores a daemon under test can have, and a rehearsal whose texts a receiver takes.

A test runs on SQLite, unless it is marked `ON_BOTH` (see `stores`).
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.sandbox.processes import Rehearsal
from tests.postgres_server import PostgresServer, postgres_server
from tests.stores import TestStore, new_store


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start a PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TestStore:
    """Give an address where no schema is yet, and a way to look at what the daemon stored there."""
    return new_store(request, getattr(request, "param", "sqlite"), tmp_path)


@pytest.fixture
def rehearse(tmp_path: Path, store: TestStore) -> Iterator[Callable[..., Rehearsal]]:
    """Give a function that starts the receivers of mails and texts for a daemon; everything stops with the test.

    It takes the playbook, what is to be set of the `twilio` provider, and sections of the settings.
    """
    started: list[Rehearsal] = []

    def start(playbook: dict[str, Any], *, twilio: dict[str, Any] | None = None, **settings: Any) -> Rehearsal:
        sections = {"storage": {"url": store.url}, "delivery": {"take_back": "0 s"}, **settings}
        rehearsal = Rehearsal(tmp_path / "rehearsal", settings=sections, playbook=playbook, with_texts=True)
        started.append(rehearsal)
        config = json.loads(rehearsal.config.read_text())
        for provider in config["providers"]:
            if provider["kind"] == "twilio":
                provider |= twilio or {}
        rehearsal.config.write_text(json.dumps(config))
        rehearsal.start_receiver()
        rehearsal.start_texts()
        return rehearsal

    yield start
    for rehearsal in started:
        rehearsal.stop()
