"""`notifier db`: bring the database to the newest schema, or say how far it is. The daemon does not have to run."""

import os
from pathlib import Path

import click

CONFIG = click.option(
    "--config",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Configuration file; else NOTIFIER_CONFIG, else config/notifier.yaml.",
)


@click.group("db")
def db() -> None:
    """Upgrade or inspect the database."""


@db.command("upgrade")
@CONFIG
def upgrade(file: Path | None) -> None:
    """Bring the database to the newest schema.

    Refused while a daemon runs on it.
    """
    from notifier.domain.errors import NotifierError
    from notifier.storage import migrate
    from notifier.storage.sqlite_file import exclusive

    url, path = _database(file)
    try:
        with exclusive(path):
            before = migrate.stored_revision(path)
            after = migrate.upgrade(url)
    except NotifierError as error:
        raise click.ClickException(str(error)) from error
    done = "is already" if before == after else f"was upgraded from {before or 'nothing'}, and is now"
    click.echo(f"{path} {done} at schema {after}")


@db.command("current")
@CONFIG
def current(file: Path | None) -> None:
    """Say which schema the database has, and which it should have.

    The exit code is 1 when it is older than this program.
    """
    from notifier.storage import migrate

    _, path = _database(file)
    stored, newest = migrate.stored_revision(path), migrate.revisions()[-1]
    click.echo(f"{path} has schema {stored or 'none'}; this program needs {newest}")
    if (stored or "") < newest:
        click.echo("run: notifier db upgrade", err=True)
        raise SystemExit(1)


def _database(file: Path | None) -> tuple[str, Path]:
    """Return address and file of the database that is configured."""
    from notifier.domain.errors import ConfigError
    from notifier.settings import load
    from notifier.storage.sqlite_file import sqlite_path

    try:
        url = load(file, os.environ).storage.url
        return url, sqlite_path(url)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
