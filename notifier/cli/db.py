"""`notifier db`: bring the database to the newest schema, copy it, make it a copy again, or rename a region in it.

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
    """Upgrade, inspect, back up or restore the database, or rename a region."""


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
    you may read it. On PostgreSQL it is pg_dump that does it. The
    database notes when it was copied: `notifier go-live` asks for that.

    Example: notifier db backup /var/backups/notifier-monday
    """
    from datetime import UTC, datetime

    from notifier.cli import printing
    from notifier.domain.errors import NotifierError
    from notifier.storage import migrate

    try:
        store = _store(file)
        copy = store.back_up(target)
    except NotifierError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{copy.path}: {printing.number(copy.bytes)} bytes, whole, schema {copy.revision}")
    if copy.revision != migrate.revisions()[-1]:
        return  # a store of another release is read, and not written to
    try:
        store.note_copy(copy, now=datetime.now(UTC))
    except NotifierError as error:
        click.echo(f"warning: the copy is made, but the database could not note it: {error}", err=True)


@db.command("restore")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@CONFIG
def restore(source: Path, file: Path | None) -> None:
    """Make the database what it was when FILE was made.

    Refused while a daemon runs on it, and for a FILE that is damaged,
    of another program or of a newer release. What is replaced is kept
    beside it. Everything is paused then: messages may have left after
    the copy was made. See `notifier status` before `resume-all`. No
    credit is posted until `credits reconcile`.

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
    click.echo("no credit is posted until billing's own list was compared: notifier credits reconcile FILE")


@db.command("rename-region")
@click.argument("old", metavar="KIND:OLD")
@click.argument("new", metavar="NEW")
@CONFIG
def rename_region(old: str, new: str, file: Path | None) -> None:
    """Give a region another code; it keeps its history and its sites.

    Refused while a daemon runs on the database. Do it before the import
    that brings the new code: an import makes a code it does not know a
    new region, and two regions cannot become one. A region that is named
    in the configuration (regions.named) is renamed there, too.

    Example: notifier db rename-region node:N-118 N-118A
    """
    from datetime import UTC, datetime

    from notifier.cli import printing
    from notifier.domain.actor import DAEMON
    from notifier.domain.errors import NotifierError
    from notifier.domain.numbering import NumberingPlan
    from notifier.domain.region import RegionKinds
    from notifier.settings import load
    from notifier.storage.opening import store_at
    from notifier.storage.repositories.renaming import rename

    try:
        config = load(file, os.environ)
        plan = NumberingPlan((overlay.name, overlay.codes) for overlay in config.regions.overlays)
        kinds = RegionKinds(config.regions.kinds, country=config.regions.country, plan=plan)
        before = kinds.parse(old)
        after = kinds.key(before.kind, new)
        with store_at(config.storage.url).daemon(migrate=False) as database:
            sites = database.write_now(lambda tx: rename(tx, before, after, now=datetime.now(UTC), actor=DAEMON))
    except NotifierError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{before} is {after} now, with {printing.plural(sites, 'site')} and its history")


def _store(file: Path | None) -> "Store":
    """Return the store that is configured."""
    from notifier.settings import load
    from notifier.storage.opening import store_at

    return store_at(load(file, os.environ).storage.url)
