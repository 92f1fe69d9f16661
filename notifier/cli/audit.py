"""`notifier audit list|export`: who did what, on what, when, why and from where.

In: filters. Out: lines for people, or a file for an auditor, whose cells no spreadsheet takes for formulas.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from notifier.cli import printing
from notifier.cli.client import Client
from notifier.cli.options import connect, json_option
from notifier.cli.printing import DIM
from notifier.cli.times import past
from notifier.domain.errors import InvalidInput
from notifier.domain.text import inert
from notifier.storage.views import AuditView

COLUMNS = ("id", "at", "actor", "action", "target", "origin", "detail")
PAGE = 1_000


def filters(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options by which entries are chosen."""
    for option in (
        click.option("--until", metavar="TIME", help="Before this: 6:30, an ISO time."),
        click.option("--since", metavar="TIME", help="From this on: 6:30, an ISO time."),
        click.option("--target", metavar="WHAT", help="On this alone: 'incident 42', 'customer 7', 'key 3'."),
        click.option("--action", metavar="ACTION", help="This alone: broadcasts.send, or all of broadcasts."),
        click.option("--actor", metavar="NAME", help="By this key alone; `daemon` is the daemon itself."),
    ):
        command = option(command)
    return command


@click.group(short_help="Who did what, when, why and from where.")
def audit() -> None:
    """Show or export the audit log; nothing in it is ever changed."""


@audit.command("list")
@filters
@click.option("--limit", type=click.IntRange(1, PAGE), default=50, show_default=True, help="Most entries.")
@json_option
def list_(limit: int, as_json: bool, **chosen: str | None) -> None:
    """List what was done, the newest first.

    Example: notifier audit list --action customers --since 2026-11-01
    """
    client = connect()
    reply = client.get("/v1/audit", limit=limit, **_query(client, chosen))
    if as_json:
        printing.answer(reply.body)
        return
    moment = client.moment()
    found = reply.read(list[AuditView])
    for entry in found:
        at = f"{moment.clock(entry.at)}  "
        where = f" from {entry.origin}" if entry.origin else ""
        said = f"{entry.actor}{where}: {entry.action} {entry.target}{_said(entry.detail)}"
        first, *rest = printing.wrap(printing.safe(said), width=printing.columns() - len(at))
        click.echo(printing.paint(at, DIM) + first)
        for each in rest:
            click.echo(" " * len(at) + each)
    if not found:
        printing.line("Nothing matches.")


@audit.command("export")
@filters
@click.option("--to", "file", metavar="FILE", type=click.Path(path_type=Path), help="A new file; else standard output.")
@click.option("--format", "kind", type=click.Choice(["csv", "ndjson"]), default="csv", show_default=True, help="How.")
def export(file: Path | None, kind: str, **chosen: str | None) -> None:
    """Write entries to a file, the oldest first.

    Example: notifier audit export --since 2026-11-01 --to november.csv
    """
    client = connect()
    query = _query(client, chosen)
    if file is None:
        _write(sys.stdout, kind, _every(client, query))
        return
    try:
        with file.open("x", encoding="utf-8", newline="") as out:
            count = _write(out, kind, _every(client, query))
    except FileExistsError as error:
        raise click.ClickException(f"{file} is there and is not overwritten; name a new file") from error
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from error
    click.echo(f"{file}: {printing.plural(count, 'entry', 'entries')}", err=True)


def _every(client: Client, query: dict[str, str]) -> Iterator[AuditView]:
    after = 0
    while True:
        found = client.get("/v1/audit", after=after, limit=PAGE, **query).read(list[AuditView])
        yield from found
        if len(found) < PAGE:
            return
        after = found[-1].id


def _write(out: IO[str], kind: str, entries: Iterator[AuditView]) -> int:
    count, rows = 0, csv.writer(out)
    if kind == "csv":
        rows.writerow(COLUMNS)
    for entry in entries:
        count += 1
        values = msgspec.to_builtins(entry)
        if kind == "csv":
            values["detail"] = json.dumps(values["detail"], ensure_ascii=False) if values["detail"] else ""
            rows.writerow([inert(str(values[name])) for name in COLUMNS])
        else:
            out.write(json.dumps(values, ensure_ascii=False) + "\n")
    return count


def _query(client: Client, chosen: dict[str, str | None]) -> dict[str, str]:
    """Return the filters as the API takes them."""
    query = {name: value for name, value in chosen.items() if value is not None}
    for name in ("since", "until"):
        if name in query:
            try:
                query[name] = past(query[name], client.moment()).isoformat()
            except InvalidInput as error:
                raise click.UsageError(f"--{name}: {error}") from error
    return query


def _said(detail: dict[str, Any]) -> str:
    """Return what is with an entry, in a line."""
    said = ", ".join(f"{name} {_plain(value)}" for name, value in detail.items() if value not in ("", None, [], {}))
    return f" ({said})" if said else ""


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
