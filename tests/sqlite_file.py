"""An SQLite file for tests that end before a machine can crash: nobody waits until a commit is on the disk.

The server of PostgreSQL in the tests does the same. Tests of what a crash leaves use `SqliteDatabase` itself.
"""

from pathlib import Path

from notifier.storage.sqlite import SqliteDatabase


def sqlite_file(path: Path) -> SqliteDatabase:
    """Open a database that leaves it to the system when to write."""
    database = SqliteDatabase(path)
    database._connection.execute("PRAGMA synchronous = OFF")  # the one connection that writes; nobody uses it yet
    return database
