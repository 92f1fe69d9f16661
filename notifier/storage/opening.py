"""From an address to a store: whose turn it is, its schema, and the database that is open while the daemon runs.

What the two kinds of store do differently at the start is here; everything after it sees a `Database`.
"""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from notifier.domain.errors import NotifierError
from notifier.storage import migrate
from notifier.storage.backup import Copy, Restored, note_copy
from notifier.storage.database import Database
from notifier.storage.migrate_apart import upgrade_apart
from notifier.storage.postgresql.address import is_postgresql, shown
from notifier.storage.sqlite_file import exclusive, sqlite_path

TRY_SECONDS = 5.0
_CHANGES_NOTHING = "UPDATE control SET value = value WHERE name = ''"


class Store(Protocol):
    """Where an address leads."""

    name: str  # as it may be shown

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Keep daemons away; raise `NotifierError` naming the one that is there."""
        ...

    def revision(self) -> str | None:
        """Return the revision of its schema, or None when it has none."""
        ...

    def upgrade(self) -> str:
        """Bring the schema to the newest revision and return that."""
        ...

    def try_write(self) -> None:
        """See that it takes writes, changing nothing; raise `NotifierError` when it does not."""
        ...

    def back_up(self, target: Path) -> Copy:
        """Copy it into a new file, beside a daemon if need be; raise `NotifierError` when that fails."""
        ...

    def note_copy(self, copy: Copy, *, now: datetime) -> None:
        """Note in it that a copy was made, beside a daemon if need be; raise `NotifierError` when that fails."""
        ...

    def restore(self, source: Path, *, now: datetime) -> Restored:
        """Make it a copy again, paused; raise `NotifierError` when a daemon has it or the copy is none of ours."""
        ...

    def daemon(self, *, migrate: bool) -> contextlib.AbstractContextManager[Database]:
        """Open it for a daemon, and close it at the end.

        Raises `NotifierError` when another daemon has it, and when its schema is older and may not be upgraded; a newer
        one serves this program too.
        """
        ...


def store_at(url: str) -> Store:
    """Return the store of an address; raise `ConfigError` when it is none."""
    return PostgresStore(url) if is_postgresql(url) else SqliteStore(url)


class SqliteStore:
    """A file."""

    def __init__(self, url: str) -> None:
        self._url, self.path = url, sqlite_path(url)
        self.name = str(self.path)

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Hold the lock file."""
        return exclusive(self.path)

    def revision(self) -> str | None:
        """Return the revision, without Alembic."""
        return migrate.stored_revision(self.path)

    def upgrade(self) -> str:
        """Apply every missing migration."""
        return migrate.upgrade(self._url)

    def try_write(self) -> None:
        """Take the turn to write, beside a daemon if need be, and give it back."""
        import sqlite3

        try:
            connection = sqlite3.connect(f"file:{quote(str(self.path))}?mode=rw", uri=True, timeout=TRY_SECONDS)
            with contextlib.closing(connection):
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(_CHANGES_NOTHING)
                connection.rollback()
        except sqlite3.Error as error:
            raise NotifierError(f"{self.name} takes no writes: {error}") from error

    def back_up(self, target: Path) -> Copy:
        """Copy one snapshot of the file."""
        from notifier.storage.sqlite_backup import back_up

        return back_up(self.path, target)

    def note_copy(self, copy: Copy, *, now: datetime) -> None:
        """Take the turn to write once."""
        import sqlite3

        from notifier.storage.sqlite import SqliteTransaction

        try:
            connection = sqlite3.connect(f"file:{quote(str(self.path))}?mode=rw", uri=True, timeout=TRY_SECONDS)
            with contextlib.closing(connection), connection:
                connection.execute("BEGIN IMMEDIATE")
                note_copy(SqliteTransaction(connection), copy, now=now)
        except sqlite3.Error as error:
            raise NotifierError(f"{self.name} takes no writes: {error}") from error

    def restore(self, source: Path, *, now: datetime) -> Restored:
        """Put the copy in the place of the file."""
        from notifier.storage.sqlite_backup import restore

        with self.alone():
            return restore(source, self.path, now=now)

    @contextlib.contextmanager
    def daemon(self, *, migrate: bool) -> Iterator[Database]:
        """Lock, look at the schema, open."""
        from notifier.storage.sqlite import SqliteDatabase

        with self.alone():
            _bring_forward(self._url, self.name, self.revision(), may=migrate)
            database = SqliteDatabase(Path(self.path))
            try:
                yield database
            finally:
                database.close()


class PostgresStore:
    """A database of a PostgreSQL server."""

    def __init__(self, url: str) -> None:
        self._url, self.name = url, shown(url)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the advisory lock."""
        with self._open(sole=True):
            yield

    def revision(self) -> str | None:
        """Return the revision; raise `NotifierError` when the server cannot be asked."""
        with self._open(sole=False) as database:
            return database.read_now(migrate.revision_in)

    def upgrade(self) -> str:
        """Apply every missing migration."""
        return migrate.upgrade(self._url)

    def try_write(self) -> None:
        """Write nothing to a table; a server that only reads refuses that too."""
        with self._open(sole=False) as database:
            database.write_now(lambda tx: tx.run(_CHANGES_NOTHING))

    def back_up(self, target: Path) -> Copy:
        """Let pg_dump do it."""
        from notifier.storage.postgresql.dump import back_up

        return back_up(self._url, target)

    def note_copy(self, copy: Copy, *, now: datetime) -> None:
        """Write one row of the audit log."""
        with self._open(sole=False) as database:
            database.write_now(lambda tx: note_copy(tx, copy, now=now))

    def restore(self, source: Path, *, now: datetime) -> Restored:
        """Let pg_restore fill a new schema."""
        from notifier.storage.postgresql.dump import restore

        with self.alone(), self._open(sole=False) as database:
            return restore(source, self._url, database, now=now)

    @contextlib.contextmanager
    def daemon(self, *, migrate: bool) -> Iterator[Database]:
        """Connect, lock, look at the schema."""
        with self._open(sole=True) as database:
            _bring_forward(self._url, self.name, self.revision(), may=migrate)
            yield database

    @contextlib.contextmanager
    def _open(self, *, sole: bool) -> Iterator[Database]:
        from notifier.storage.postgresql.database import PostgresDatabase

        database = PostgresDatabase(self._url, sole=sole)
        try:
            database.open()
            yield database
        finally:
            database.close()


def _bring_forward(url: str, name: str, stored: str | None, *, may: bool) -> None:
    newest = migrate.revisions()[-1]
    if (stored or "") >= newest:
        return
    if not may:
        what = f"has schema {stored}, older than" if stored else "has no schema yet, and is not ready for"
        raise NotifierError(
            f"{name} {what} this program ({newest}); run `notifier db upgrade` or `notifier serve --migrate`"
        )
    upgrade_apart(url, name=name)
