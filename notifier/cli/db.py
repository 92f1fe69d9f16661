"""`notifier db`: bring the database to the newest schema, copy it, or make it a copy again.

The daemon does not have to run; a backup is made while it does.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from notifier.storage.opening import Store

CONFIG = click.option(
    "--config",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Configuration file; else NOTIFIER_CONFIG, else config/notifier.yaml.",
)


@click.group("db")
def db() -> None:
    """Upgrade, inspect, back up or restore the database."""


@db.command("upgrade")
@CONFIG
def upgrade(file: Path | None) -> None:
    """Bring the database to the newest schema.

    Refused while a daemon runs on it.
    """
    from notifier.domain.errors import NotifierError

    try:
        store = _store(file)
        with store.alone():
            before = store.revision()
            after = store.upgrade()
    except NotifierError as error:
        raise click.ClickException(str(error)) from error
    done = "is already" if before == after else f"was upgraded from {before or 'nothing'}, and is now"
    click.echo(f"{store.name} {done} at schema {after}")


@db.command("current")
@CONFIG
def current(file: Path | None) -> None:
    """Say which schema the database has, and which it should have.

    The exit code is 1 when it is older than this program.
    """
    from notifier.domain.errors import NotifierError
    from notifier.storage import migrate

    try:
        store = _store(file)
        stored, newest = store.revision(), migrate.revisions()[-1]
    except NotifierError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{store.name} has schema {stored or 'none'}; this program needs {newest}")
    if (stored or "") < newest:
        click.echo("run: notifier db upgrade", err=True)
        raise SystemExit(1)


@db.command("backup")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@CONFIG
def backup(target: Path, file: Path | None) -> None:
    """Copy the database into a new FILE, while the daemon goes on.

    The copy is one moment of the database, and it is read whole before
    it gets its name. It holds names, addresses and keys' hashes: only
    you may read it. On PostgreSQL it is pg_dump that does it.

    Example: notifier db backup /var/backups/notifier-monday
    """
    from notifier.cli import printing
    from notifier.domain.errors import NotifierError

    try:
        copy = _store(file).back_up(target)
    except NotifierError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{copy.path}: {printing.number(copy.bytes)} bytes, whole, schema {copy.revision}")


@db.command("restore")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@CONFIG
def restore(source: Path, file: Path | None) -> None:
    """Make the database what it was when FILE was made.

    Refused while a daemon runs on it, and for a FILE that is damaged,
    of another program or of a newer release. What is replaced is kept
    beside it. Everything is paused then: messages may have left after
    the copy was made. See `notifier status` before `resume-all`.

    Example: notifier db restore /var/backups/notifier-monday
    """
    from datetime import UTC, datetime

    from notifier.domain.errors import NotifierError
    from notifier.storage import migrate

    try:
        store = _store(file)
        done = store.restore(source, now=datetime.now(UTC))
    except NotifierError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{store.name} is {source} again, at schema {done.revision}")
    if done.kept:
        click.echo(f"what it was before is kept: {done.kept}")
    if done.revision < migrate.revisions()[-1]:
        click.echo("run: notifier db upgrade")
    click.echo(
        "everything is paused: what left after the copy was made may leave again. Go on with: notifier resume-all"
    )


def _store(file: Path | None) -> "Store":
    """Return the store that is configured."""
    from notifier.settings import load
    from notifier.storage.opening import store_at

    return store_at(load(file, os.environ).storage.url)
