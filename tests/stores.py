"""Where a daemon under test keeps its facts, as seen from outside."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.postgres_server import PostgresServer

ON_BOTH = pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
"""Run a test once on each database."""


class TestStore(Protocol):
    """An address, and what is stored there."""

    __test__ = False
    url: str
    name: str  # as the daemon shows it

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        ...


class SqliteTestStore:
    """A file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url, self.name = f"sqlite:///{path}", str(path)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Read on a connection of its own."""
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(sql).fetchall()


class PostgresTestStore:
    """A database of its own on a server of the tests."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self.database = server.new_database(migrated=False)
        self.url = server.url(self.database)
        self.name = "postgresql://"  # and the folder of its socket

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Read on a connection of its own."""
        return self.server.run(sql, database=self.database)


def new_store(request: pytest.FixtureRequest, kind: str, folder: Path) -> TestStore:
    """Return a store without a schema; one of PostgreSQL is on the server of the fixture `postgres`."""
    if kind == "sqlite":
        return SqliteTestStore(folder / "notifier.db")
    return PostgresTestStore(request.getfixturevalue("postgres"))
