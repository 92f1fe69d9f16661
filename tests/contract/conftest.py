"""The two databases every repository is tested on: SQLite, and a real PostgreSQL started for the session.

Both are migrated once per session. Each test begins with a database as good as new: a copy of the SQLite file, and the
one PostgreSQL database emptied (a new one per test costs a checkpoint and a thousand files).
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.storage.database import Database
from notifier.storage.migrate import upgrade
from notifier.storage.postgresql.database import PostgresDatabase
from notifier.storage.schema import metadata
from notifier.storage.sqlite import SqliteDatabase
from tests.postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite file."""
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start a PostgreSQL with a migrated database."""
    with postgres_server() as server:
        yield server


EMPTY = f"""DO $$
DECLARE each text;
BEGIN
    SET session_replication_role = replica; -- no foreign keys while all of it goes
    {" ".join(f"IF EXISTS (SELECT 1 FROM {table}) THEN DELETE FROM {table}; END IF;" for table in metadata.tables)}
    FOR each IN SELECT quote_ident(sequencename) FROM pg_sequences WHERE last_value IS NOT NULL LOOP
        EXECUTE 'SELECT setval(' || quote_literal(each) || ', 1, false)';
    END LOOP;
END $$"""
"""In one question to the server, and only where there is something: most tests write to few tables."""


def _empty(server: PostgresServer) -> None:
    """Delete every row a test before left and start every id at 1 again."""
    server.run(EMPTY, database="notifier")


def _sqlite(request: pytest.FixtureRequest) -> Iterator[Database]:
    template: Path = request.getfixturevalue("sqlite_template")
    folder: Path = request.getfixturevalue("tmp_path")
    path = folder / "notifier.db"
    shutil.copyfile(template, path)
    database = SqliteDatabase(path)
    try:
        yield database
    finally:
        database.close()


def _postgresql(request: pytest.FixtureRequest) -> Iterator[Database]:
    server: PostgresServer = request.getfixturevalue("postgres")
    _empty(server)
    database = PostgresDatabase(server.url())
    try:
        yield database
    finally:
        database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give a fresh, migrated database: each test runs once on SQLite and once on PostgreSQL."""
    yield from _sqlite(request) if request.param == "sqlite" else _postgresql(request)
