"""Backup and restore of a SQLite file.

The copy is one snapshot, taken through SQLite while the daemon goes on writing (its log keeps readers and the writer
apart), and is a single file without a log of its own.
"""

import contextlib
import os
import sqlite3
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from notifier.domain.errors import NotifierError
from notifier.storage import migrate
from notifier.storage.backup import Copy, Restored, mark_restored, new_file, sync, usable
from notifier.storage.sqlite import SqliteDatabase

BUSY_SECONDS = 30.0


def back_up(database: Path, target: Path) -> Copy:
    """Copy a database that may be in use into a new file, and check the copy; raise `NotifierError` otherwise."""
    if not database.exists():
        raise NotifierError(f"there is no database {database}")
    with new_file(target) as part:
        try:
            _copy(database, part)
            revision = usable(_checked(part), database)
        except (sqlite3.Error, OSError) as error:
            raise NotifierError(f"{database} could not be copied to {target}: {error}") from error
        size = part.stat().st_size
    return Copy(path=target, bytes=size, revision=revision)


def restore(source: Path, database: Path, *, now: datetime) -> Restored:
    """Put a copy in the place of a database that nobody uses, and keep what was there beside it.

    The caller holds the lock of the database. Until the last step the old one is in its place and whole.
    """
    if not source.exists():
        raise NotifierError(f"there is no file {source}")
    if database.exists() and database.samefile(source):
        raise NotifierError(f"{source} is the database itself")
    try:
        revision = usable(_checked(source), source)
    except sqlite3.Error as error:
        raise NotifierError(f"{source} is no whole database: {error}") from error
    kept = database.with_name(f"{database.name}.replaced-{now:%Y%m%dT%H%M%S}")
    coming = database.with_name(f"{database.name}.restoring")
    try:
        _copy(source, coming)
        _mark(coming, now=now, revision=revision)
        sync(coming)
        had = database.exists()
        if had:
            _keep(database, kept)
        coming.replace(database)
        sync(database.parent)
    except (sqlite3.Error, OSError) as error:
        raise NotifierError(f"{source} could not be restored, {database} is as it was: {error}") from error
    finally:
        coming.unlink(missing_ok=True)
    return Restored(revision=revision, kept=str(kept) if had else "")


def _keep(database: Path, kept: Path) -> None:
    """Give a database a second name; of a damaged one, whose log cannot be written back, also the log."""
    try:
        _write_log_back(database)
    except sqlite3.OperationalError:  # in use
        raise
    except sqlite3.DatabaseError:
        os.link(database, kept)
        for suffix in ("-wal", "-shm"):
            log = database.with_name(database.name + suffix)
            if log.exists():
                log.replace(kept.with_name(kept.name + suffix))
    else:
        os.link(database, kept)


def _copy(source: Path, target: Path) -> None:
    """Copy one snapshot: all pages within one read of the source, which keeps no writer waiting."""
    with contextlib.closing(_reading(source)) as old, contextlib.closing(sqlite3.connect(target)) as new:
        old.backup(new, pages=-1)
        new.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it


def _checked(path: Path) -> str | None:
    """Return the revision of a file after reading all of it; raise `sqlite3.Error` when it is damaged or none."""
    with contextlib.closing(_reading(path)) as connection:
        problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(10)")]
        if problems != ["ok"]:
            raise sqlite3.DatabaseError("; ".join(problems))
        broken = connection.execute("PRAGMA foreign_key_check").fetchmany(3)
        if broken:
            raise sqlite3.IntegrityError(f"rows of {', '.join(sorted({row[0] for row in broken}))} point nowhere")
    return migrate.stored_revision(path)


def _mark(path: Path, *, now: datetime, revision: str) -> None:
    database = SqliteDatabase(path)
    try:
        database.write_now(lambda tx: mark_restored(tx, now=now, revision=revision))
    finally:
        database.close()
    _write_log_back(path)


def _write_log_back(path: Path) -> None:
    """Bring everything into the file itself, so that it is whole without its log."""
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError(f"{path} is in use by another program")


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_SECONDS)
