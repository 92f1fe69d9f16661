"""The two databases every repository is tested on: SQLite, and a real PostgreSQL started for the session.

Both are migrated once per session. Each test begins with a database as good as new: a copy of the SQLite file, and the
one PostgreSQL database emptied (a new one per test costs a checkpoint and a thousand files). Connections to that one
are kept: a new one per test would prepare every statement again, at two thirds of the price of a usual test.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.storage.database import Database
from notifier.storage.migrate import upgrade
from notifier.storage.postgresql.database import PostgresDatabase
from notifier.storage.schema import metadata
from tests.postgres_server import PostgresServer, postgres_server
from tests.sqlite_file import sqlite_file


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite file."""
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


class KeptPostgres:
    """A database as a daemon has it open: the next test goes on with its connections and their plans."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._database: PostgresDatabase | None = None
        server.run("CREATE SCHEMA tests", EMPTY, database="notifier")

    def emptied(self) -> PostgresDatabase:
        """Return the database without a row and with every id at 1; opened anew where a test has closed it."""
        if self._database is None or self._database._closed:
            self._database = PostgresDatabase(self._server.url())
        self._database.write_now(lambda tx: tx.scalar("SELECT tests.empty()"))
        return self._database

    def close(self) -> None:
        """Close the database."""
        if self._database is not None:
            self._database.close()


EMPTY = f"""CREATE FUNCTION tests.empty() RETURNS void LANGUAGE plpgsql AS $$
DECLARE each text;
BEGIN
    SET LOCAL session_replication_role = replica; -- no foreign keys while all of it goes
    {" ".join(f"IF EXISTS (SELECT 1 FROM {table}) THEN DELETE FROM {table}; END IF;" for table in metadata.tables)}
    SET LOCAL session_replication_role = origin;
    FOR each IN SELECT quote_ident(sequencename) FROM pg_sequences WHERE last_value IS NOT NULL LOOP
        EXECUTE 'SELECT setval(' || quote_literal(each) || ', 1, false)';
    END LOOP;
END $$"""
"""In one question to the server, and only where there is something: most tests write to few tables."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start a PostgreSQL with a migrated database."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def kept_postgres(postgres: PostgresServer) -> Iterator[KeptPostgres]:
    """Keep its database open."""
    kept = KeptPostgres(postgres)
    try:
        yield kept
    finally:
        kept.close()


def _sqlite(request: pytest.FixtureRequest) -> Iterator[Database]:
    template: Path = request.getfixturevalue("sqlite_template")
    folder: Path = request.getfixturevalue("tmp_path")
    path = folder / "notifier.db"
    shutil.copyfile(template, path)
    database = sqlite_file(path)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give a fresh, migrated database: each test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield from _sqlite(request)
    else:
        yield request.getfixturevalue("kept_postgres").emptied()
