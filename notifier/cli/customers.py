"""`notifier customers import|find|show`: the directory from a file, and one customer as a support agent needs them.

What a person may ask of us is in `persons`.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec

from notifier.cli import column_maps, mapping, persons, places, printing
from notifier.cli.csv_file import Row, Unreadable, read_rows
from notifier.cli.customer_card import show_customer
from notifier.cli.json_lines import is_ndjson, read_objects
from notifier.cli.options import connect, json_option
from notifier.cli.printing import BAD, GOOD, WARN, Column, number, plural
from notifier.cli.rejects import Numbered, Rejects
from notifier.cli.upload import numbered, opened, progress
from notifier.domain.column_map import ColumnMap, reader
from notifier.domain.errors import nearest
from notifier.storage.views import CustomerView

WARNINGS_SHOWN = 5
NAME_SHOWN = 24  # characters of a name in a list
_REGION = "region."
_COMPLETE = b'{"complete":true}\n'
_INCOMPLETE = {
    "many": "there are more; add a word, or a postal code",
    "time": "not everyone was looked at; add a postal code, or a whole number or reference",
}
_NOT_ENDED = {
    "dry_run": "nothing is stored (--dry-run)",
    "cut_off": "rows of the file could not be read, so that nobody knows whose they are; nothing ended",
    "unknown_rows": "rows of the file say no customer or site, so that nobody knows whose they are; nothing ended",
    "too_many": "more than one in twenty, so that nothing ended. Where that is right, repeat with --yes",
}


class _Reach(msgspec.Struct, kw_only=True):
    """Answer of GET /v1/reach."""

    customers: int
    email: int
    sms: int
    landline: int
    none: int
    suppressed: int


class _Absent(msgspec.Struct, kw_only=True):
    """What a full list did not have."""

    sites: int
    of: int
    ended: int
    not_ended: str = ""


class _Progress(msgspec.Struct, kw_only=True):
    """One line of the answer of POST /v1/customers/bulk: a refused row, totals so far, or the end."""

    line: int = 0
    column: str = ""
    value: Any = None
    reason: str = ""
    warning: str = ""  # the row was stored, but not quite as it was given
    loaded: int = 0
    rejected: int = 0
    done: bool = False
    reach: _Reach | None = None
    absent: _Absent | None = None


class _Found(msgspec.Struct, kw_only=True):
    """One line of the answer of GET /v1/customers."""

    id: int
    reference: str
    name: str
    sites: int
    address: str = ""


@click.group(short_help="Import, find or show customers.")
def customers() -> None:
    """Import the directory; find, show, export, hold or forget a customer."""


for _command in persons.COMMANDS:
    customers.add_command(_command)


@customers.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check every row and store nothing.")
@click.option(
    "--map",
    "named",
    metavar="FILE|NAME",
    default="",
    help="Columns by this file, which is made when it is not there; or a shipped one: cis, splynx, freshdesk.",
)
@click.option("--set", "set_", metavar="OURS=THEIRS", multiple=True, help="This column of ours is that of the file.")
@click.option("--same", metavar="OURS=VALUE", multiple=True, help="This column of ours has this value in every row.")
@click.option("--full", is_flag=True, help="The file is everything: sites that are not in it have ended.")
@click.option("--yes", is_flag=True, help="Take the columns as guessed; with --full: however many sites end.")
@json_option
def import_(
    file: Path,
    dry_run: bool,
    named: str,
    set_: tuple[str, ...],
    same: tuple[str, ...],
    full: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Import the directory from a CSV or NDJSON FILE: one row is one site.

    '-' is standard input. Rows are known by customer_id and site_id; a
    row that is there already is brought up to date. Refused rows go to
    FILE.rejected.csv (line, column, value, reason; from standard input:
    to standard error), the others load, and the exit code is 1.

    With --full, sites that are not in the file have ended; when that is
    more than one in twenty it takes --yes. --dry-run counts them.

    Columns: docs/DIRECTORY.md. Those of another program are guessed,
    shown with three rows, and used when you say so: docs/IMPORT.md.

    Example: notifier customers import customers.csv --dry-run
    """
    columns = mapping.Said(
        named=named, yes=yes, set=column_maps.pairs(set_, "--set"), same=column_maps.pairs(same, "--same")
    )
    client = connect()
    last = _Progress()
    changed: list[_Progress] = []  # the first few warnings; a large file may have one per row
    warnings = 0
    query: dict[str, str | int | None] = {"dry_run": 1 if dry_run else None}
    if full:
        query |= {"full": 1, "however_many": 1 if yes else None}
    with opened(file) as (source, counted, size), Rejects(places.of_import(file)) as rejects:
        sifted = rejects.sift(_lines(source, file, columns))
        sent = _and_complete(numbered(sifted), rejects) if full else numbered(sifted)
        with progress(size, "customers") as show:
            for line in client.stream("/v1/customers/bulk", sent, query=query):
                said = msgspec.json.decode(line, type=_Progress)
                if said.reason:
                    rejects.add(said.line, said.column, said.value, said.reason)
                elif said.warning:
                    warnings += 1
                    changed += [said] if warnings <= WARNINGS_SHOWN else []
                else:
                    last = said
                show(counted.count, last.loaded, rejects.count)
    _show_warnings(changed, warnings)
    _end(last, rejects, dry_run=dry_run, as_json=as_json)


@customers.command()
@click.argument("wanted", metavar="PHONE|EMAIL|ID|WORDS", nargs=-1, required=True)
@json_option
def find(wanted: tuple[str, ...], as_json: bool) -> None:
    """Find customers by number, mail address, reference or words.

    Words are parts of a name or an address, in any order and case; a
    postal code or city with them makes it quick. Without an exact
    match, a part of a telephone number or mail address will do.

    Example: notifier customers find "12 oak st" 94110
    """
    client = connect()
    asked = " ".join(wanted)
    reply = client.get("/v1/customers", q=asked)
    if as_json:
        printing.answer(reply.body)
        return
    found = reply.read(list[_Found])
    if not found:
        cut = f"; {_INCOMPLETE['time']}" if reply.incomplete == "time" else ""
        raise click.ClickException(f"nobody is found by '{printing.safe(asked)}'{cut}")
    printing.table(
        [Column("CUSTOMER"), Column("NAME"), Column("ADDRESS", gives=True), Column("SITES", right=True)],
        [[each.reference, _short(each.name), each.address, number(each.sites)] for each in found],
    )
    if reply.incomplete:
        printing.line(f"{_INCOMPLETE.get(reply.incomplete, reply.incomplete)}.".capitalize(), hang=2, style=WARN)
    printing.line(f"See one: notifier customers show {found[0].reference}", hang=4)


@customers.command()
@click.argument("reference", metavar="ID")
@json_option
def show(reference: str, as_json: bool) -> None:
    """Show a customer: what they have, said, were told and promised.

    Example: notifier customers show C-1001
    """
    client = connect()
    reply = client.get(f"/v1/customers/{quote(reference, safe='')}")
    if as_json:
        printing.answer(reply.body)
        return
    show_customer(reply.read(CustomerView), client.moment())


def _short(name: str) -> str:
    return name if len(name) <= NAME_SHOWN else f"{name[: NAME_SHOWN - 3]}..."


def _lines(source: io.BufferedReader, file: Path, said: mapping.Said) -> Iterator[Numbered | Unreadable]:
    """Return the rows to send; what is wrong with the file as a whole is raised here, before anything is sent."""
    if is_ndjson(source):
        if said.named or said.set or said.same:
            raise click.UsageError("the file is NDJSON, whose fields have our names; columns are for CSV")
        return read_objects(source)
    columns = mapping.choose(source, file, said, _wrong_header)
    return _own(source) if columns is None else _mapped(source, columns)


def _and_complete(sent: Iterator[bytes], rejects: Rejects) -> Iterator[bytes]:
    """Say at the end that this was everything, unless a row could not be sent: nobody knows whose it was."""
    yield from sent
    if not rejects.unsent:
        yield _COMPLETE


def _own(source: io.BufferedReader) -> Iterator[Numbered | Unreadable]:
    for row in read_rows(source, _wrong_header):
        yield row if isinstance(row, Unreadable) else (row.line, _encoded(row))


def _mapped(source: io.BufferedReader, columns: ColumnMap) -> Iterator[Numbered | Unreadable]:
    read = reader(columns)
    for row in read_rows(source, lambda _names: "", mapping.written(columns)):
        yield row if isinstance(row, Unreadable) else (row.line, _encoded(Row(row.line, read(row.cells))))


def _encoded(row: Row) -> bytes:
    said: dict[str, object] = {}
    regions: dict[str, str] = {}
    for name, cell in row.cells.items():
        if name.startswith(_REGION):
            regions[name.removeprefix(_REGION)] = cell
        else:
            said[name] = cell
    return msgspec.json.encode({**said, "regions": regions} if regions else said)


def _wrong_header(names: Sequence[str]) -> str:
    from notifier.domain.directory import COLUMNS, REQUIRED_COLUMNS

    for name in names:
        if name not in COLUMNS and not (name.startswith(_REGION) and name != _REGION):
            hint = nearest(
                name, [*COLUMNS, *(f"{_REGION}{kind}" for kind in ("postal_code", "city", "area_code", "node"))]
            )
            return f"column '{name}' is unknown{hint}; expected {', '.join(COLUMNS)} and {_REGION}KIND"
    missing = [name for name in REQUIRED_COLUMNS if name not in names]
    return f"there is no column '{missing[0]}'; a row needs {', '.join(REQUIRED_COLUMNS)}" if missing else ""


def _show_warnings(changed: Sequence[_Progress], count: int) -> None:
    """Say on standard error what was stored differently from how it was given: never the value, which is personal."""
    for said in changed:
        click.echo(f"warning: line {said.line}, {said.column}: {printing.safe(said.warning)}", err=True)
    if count > len(changed):
        click.echo(f"warning: {number(count - len(changed))} more rows were stored not quite as given", err=True)


def _end(last: _Progress, rejects: Rejects, *, dry_run: bool, as_json: bool) -> None:
    where = str(rejects.path) if rejects.path and rejects.count else None
    if as_json:
        summary: dict[str, object] = {
            "loaded": last.loaded,
            "rejected": rejects.count,
            "rejected_file": where,
            "reach": last.reach,
        }
        if last.absent is not None:
            summary["absent"] = last.absent
        printing.answer(msgspec.json.encode(summary))
    else:
        done = "would load; nothing is stored (--dry-run)" if dry_run else "loaded"
        printing.line(f"{plural(last.loaded, 'row')} {done}.", style=GOOD)
        if last.absent is not None:
            _show_absent(last.absent)
        if last.reach is not None and not dry_run:
            _show_reach(last.reach)
    if not last.done:
        raise click.ClickException("the answer broke off before its end; repeat the import, that is harmless")
    if last.absent is not None and last.absent.not_ended not in ("", "dry_run") and last.absent.sites:
        raise click.ClickException(
            f"{plural(last.absent.sites, 'site')} that the file does not have: " + _NOT_ENDED[last.absent.not_ended]
        )
    if rejects.count:
        raise click.ClickException(
            f"{plural(rejects.count, 'row was', 'rows were')} refused" + (f"; see {where}" if where else "")
        )


def _show_absent(absent: _Absent) -> None:
    share = f" ({absent.sites / absent.of:.1%})" if absent.of else ""
    count = f"{number(absent.sites)} of {plural(absent.of, 'site')}{share}"
    printing.line(f"{count} are not in the file" + (f"; {number(absent.ended)} ended." if absent.ended else "."))


def _show_reach(reach: _Reach) -> None:
    blocked = f", of whom {number(reach.suppressed)} with a blocked address"
    printing.line(f"Reach of {plural(reach.customers, 'customer')} with an active site")
    printing.fields(
        [
            ("e-mail", number(reach.email)),
            ("SMS", number(reach.sms)),
            ("landline only", number(reach.landline)),
            ("by none", number(reach.none) + (blocked if reach.suppressed else "")),
        ]
    )
    if reach.none:
        printing.line(f"{plural(reach.none, 'customer')} would never hear from us.", style=BAD)
