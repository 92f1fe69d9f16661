"""`notifier db`: bring the database to the newest schema, or say how far it is. The daemon does not have to run."""

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
    """Upgrade or inspect the database."""


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


def _store(file: Path | None) -> "Store":
    """Return the store that is configured."""
    from notifier.settings import load
    from notifier.storage.opening import store_at

    return store_at(load(file, os.environ).storage.url)
