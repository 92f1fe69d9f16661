"""Backup and restore of a PostgreSQL database, by the server's own programs pg_dump and pg_restore.

They must be on the PATH, and not older than the server. A restore renames the schema that is there and fills a new one:
what was replaced stays in the same database under another name.
"""

import os
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from notifier.domain.errors import NotifierError
from notifier.storage.backup import Copy, Restored, mark_restored, new_file, usable
from notifier.storage.database import Database
from notifier.storage.postgresql.address import shown

PROGRAM_SECONDS = 6 * 3600.0
_REVISION = re.compile(r"^COPY [^\n]*alembic_version[^\n]*\n([0-9A-Za-z_]+)\n\\\.$", re.MULTILINE)


def back_up(url: str, target: Path) -> Copy:
    """Dump the database into a new file, and read the dump once; raise `NotifierError` with the command otherwise."""
    with new_file(target) as part:
        _run(url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={part}", "--dbname={}")
        revision = usable(_revision_in(part), shown(url))
        size = part.stat().st_size
    return Copy(path=target, bytes=size, revision=revision)


def restore(source: Path, url: str, database: Database, *, now: datetime) -> Restored:
    """Fill a new schema from a dump, and keep the one before under another name.

    The caller keeps daemons away; `database` is the same one, to be written to.
    """
    if not source.exists():
        raise NotifierError(f"there is no file {source}")
    revision = usable(_revision_in(source), source)
    schema = str(database.read_now(lambda tx: tx.scalar("SELECT current_schema()")))
    kept = f"replaced_{now:%Y%m%dt%H%M%S}"
    database.write_now(
        lambda tx: [tx.run(each) for each in (f"ALTER SCHEMA {schema} RENAME TO {kept}", f"CREATE SCHEMA {schema}")]
    )
    try:
        _run(
            url,
            "pg_restore",
            "--no-owner",
            "--no-privileges",
            "--single-transaction",
            f"--schema={schema}",
            "--dbname={}",
            str(source),
        )
        database.write_now(lambda tx: mark_restored(tx, now=now, revision=revision))
    except BaseException:
        back = (f"DROP SCHEMA {schema} CASCADE", f"ALTER SCHEMA {kept} RENAME TO {schema}")
        database.write_now(lambda tx: [tx.run(each) for each in back])
        raise
    return Restored(revision=revision, kept=f"schema {kept} of {shown(url)}")


def _revision_in(path: Path) -> str | None:
    """Return the schema revision that a dump holds, or None."""
    said = _call(["pg_restore", "--data-only", "--table=alembic_version", "--file=-", str(path)], os.environ, path)
    found = _REVISION.search(said)
    return found[1] if found else None


def _run(url: str, *command: str) -> None:
    """Run a program on the database; its password is not in the list of processes."""
    bare, password = _without_password(url)
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    _call([part.format(bare) if part == "--dbname={}" else part for part in command], environment, shown(url))


def _call(command: list[str], environment: "os._Environ[str] | dict[str, str]", what: object) -> str:
    if shutil.which(command[0], path=environment.get("PATH")) is None:
        raise NotifierError(
            f"{command[0]} is not on the PATH (PostgreSQL's client package has it); to be run: {' '.join(command)}"
        )
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program; nothing of its arguments is read by a shell
            command, env=dict(environment), capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotifierError(f"{command[0]} did not end within {PROGRAM_SECONDS / 3600:.0f} hours") from None
    if done.returncode:
        raise NotifierError(f"{what}: {command[0]} failed: {done.stderr.strip() or done.returncode}")
    return done.stdout


def _without_password(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    user, colon, password = login.partition(":")
    if not colon:
        return url, ""
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}")), unquote(password)
