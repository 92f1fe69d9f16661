"""The two stores a daemon under test can have. A test runs on SQLite, unless it is marked `ON_BOTH` (see `stores`)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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
