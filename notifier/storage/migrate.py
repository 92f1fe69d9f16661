"""Schema migrations: bring a database to the newest schema, or say how far it is. Uses Alembic; imported only then."""

import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from notifier.domain.errors import ConfigError
from notifier.storage.database import Transaction
from notifier.storage.postgresql.address import is_postgresql
from notifier.storage.sqlite_file import sqlite_path

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> str:
    """Apply every missing migration and return the revision the database has now.

    In a thread of its own: migrations of PostgreSQL run on a loop, and the caller may have one.
    """
    if url.startswith("sqlite:"):
        path = sqlite_path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{path}"
    elif not is_postgresql(url):
        raise ConfigError([f"storage.url: '{url}' is not usable; expected sqlite:///... or postgresql://..."])
    with ThreadPoolExecutor(1, thread_name_prefix="migration") as thread:
        return thread.submit(_upgrade, url).result()


def _upgrade(url: str) -> str:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    command.upgrade(config, "head")
    return str(ScriptDirectory.from_config(config).get_current_head())


def revisions() -> tuple[str, ...]:
    """Return the revisions this program knows, oldest first, by the names of their files: without Alembic."""
    return tuple(sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")))


def stored_revision(path: Path) -> str | None:
    """Return the revision of a SQLite file without Alembic, or None when it is not there or has no schema yet."""
    if not path.exists():
        return None
    with contextlib.closing(sqlite3.connect(path)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            return None
    return None if row is None else str(row[0])


def revision_in(tx: Transaction) -> str | None:
    """Return the revision of a PostgreSQL database, or None when it has no schema yet."""
    if tx.scalar("SELECT to_regclass('alembic_version')::text") is None:
        return None
    found = tx.scalar("SELECT version_num FROM alembic_version")
    return None if found is None else str(found)
