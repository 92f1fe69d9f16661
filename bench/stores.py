"""The store at an address, opened as the daemon opens it."""

from notifier.storage.database import Database
from notifier.storage.postgresql.address import is_postgresql
from notifier.storage.sqlite import SqliteDatabase
from notifier.storage.sqlite_file import sqlite_path


def open_database(url: str) -> Database:
    """Return the open database of an address."""
    if not is_postgresql(url):
        return SqliteDatabase(sqlite_path(url))
    from notifier.storage.postgresql.database import PostgresDatabase

    database = PostgresDatabase(url, sole=True)
    database.open()
    return database
