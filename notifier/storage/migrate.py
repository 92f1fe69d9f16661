"""Schema migrations: bring a database to the newest schema, or say how far it is. Uses Alembic; imported only then."""

import contextlib
import sqlite3
from pathlib import Path

from notifier.domain.errors import ConfigError
from notifier.storage.sqlite_file import sqlite_path

MIGRATIONS = Path(__file__).parent / "migrations"


def sqlalchemy_url(url: str) -> str:
    """Return the address in SQLAlchemy's form; PostgreSQL goes through psycopg."""
    if url.startswith("sqlite:"):
        path = sqlite_path(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{path}"
    for scheme in ("postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    raise ConfigError([f"storage.url: '{url}' is not usable; expected sqlite:///... or postgresql://..."])


def upgrade(url: str) -> str:
    """Apply every missing migration and return the revision the database has now."""
    from alembic import command

    command.upgrade(_config(url), "head")
    return newest()


def newest() -> str:
    """Return the newest revision this program knows."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


def current(url: str) -> str | None:
    """Return the revision of the database, or None when it has no schema yet."""
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import create_engine

    engine = create_engine(sqlalchemy_url(url))
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def _config(url: str):  # type: ignore[no-untyped-def]  # Alembic's Config is imported lazily
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("sqlalchemy.url", sqlalchemy_url(url).replace("%", "%%"))
    return config


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
