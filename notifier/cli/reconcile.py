"""`notifier credits reconcile`: billing's own list, a CSV file, held against the credits here.

In: a file with a line of column names. Out: what it came to, row by row where nobody can tell. What changes anything is
confirmed by the control total: the last row of the file, what was typed, or `--total`.
"""

import io
from pathlib import Path
from typing import Any

import click

from notifier.cli import access, printing, times
from notifier.cli.client import Client
from notifier.cli.csv_file import Row, read_rows
from notifier.cli.options import connect, json_option
from notifier.cli.printing import BAD, GOOD, WARN, plural
from notifier.domain.errors import InvalidInput, nearest
from notifier.storage.views import ReconciledSum, ReconciledView

ANSWER_WITHIN_SECONDS = 600.0  # a list of 50,000 rows on a busy machine
SHOWN = 20  # rows that were refused
_COLUMNS = {
    "key": "key",
    "idempotency_key": "key",
    "idempotency-key": "key",
    "id": "id",
    "line": "id",
    "line_id": "id",
    "customer": "customer",
    "incident": "incident",
    "amount": "amount",
    "currency": "currency",
    "tariff": "tariff",
    "reverses": "reverses",
    "reference": "reference",
    "bill_month": "bill_month",
}
_NUMBERS = ("id", "incident", "reverses")
_KIND = "record"  # of our own files: line or total
_STATE = "state"
_NOT_BOOKED = ("proposed", "approved", "rejected", "failed")
_EXPECTED = "columns key or id, or customer, incident and amount; best all of them, and tariff"


@click.command(short_help="Hold billing's own list against the credits here.")
@click.argument("file", metavar="[FILE]", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--total", metavar="AMOUNT", help="What the list comes to, as billing says; else it is asked for.")
@click.option("--since", metavar="TIME", help="The list begins here; else it is everything that billing has.")
@click.option(
    "--incident",
    "renamed",
    metavar="OLD=NEW",
    multiple=True,
    help="Incident OLD of the list is NEW here; may be repeated.",
)
@click.option("--gone", metavar="ID", type=int, multiple=True, help="Nobody opens this incident of the list again.")
@click.option("--dry-run", is_flag=True, help="Only show what it would come to.")
@click.option("--none-lost", metavar="REASON", help="Without a list: post again, and answer for it.")
@json_option
def reconcile(
    file: Path | None,
    total: str | None,
    since: str | None,
    renamed: tuple[str, ...],
    gone: tuple[int, ...],
    dry_run: bool,
    none_lost: str | None,
    as_json: bool,
) -> None:
    """Hold billing's own list against the credits here.

    After `db restore` nothing is posted until then: billing may have
    what the copy knows nothing of. What it has is posted here, too, and
    is never paid again. A row that may mean two things is refused.

    FILE is CSV with columns key or id, or customer, incident and amount;
    best all of them and tariff, as `credits export` writes them.

    Example: notifier credits reconcile billing.csv --total 1250.00
    """
    if (file is None) == (none_lost is None):
        raise click.UsageError("name a FILE, or --none-lost with the reason")
    client = connect()
    if none_lost is not None:
        reply = client.post("/v1/credits/none-lost", {"reason": none_lost})
        if as_json:
            printing.answer(reply.body)
        else:
            printing.line("Credits are posted again.", style=GOOD)
        return
    assert file is not None  # noqa: S101 - one of them is there
    lines, last = _read(file)
    body = {"lines": lines, "incidents": _renamed(renamed), "gone": list(gone), "since": _since(since, client)}
    patient = Client(access.find(), timeout=ANSWER_WITHIN_SECONDS)
    try:
        reply = patient.post("/v1/credits/reconcile", body)
        if not dry_run:
            if total is None and last is None:
                _show(reply.read(ReconciledView))
            reply = patient.post("/v1/credits/reconcile", body | {"total": total or last or _typed()})
    finally:
        patient.close()
    view = reply.read(ReconciledView)
    if as_json:
        printing.answer(reply.body)
    else:
        _show(view)
    if view.refused.lines or view.held:
        raise SystemExit(1)


def _read(file: Path) -> tuple[list[dict[str, Any]], str | None]:
    """Return the rows of a file as the daemon takes them, and its control total where the last row is one."""
    lines: list[dict[str, Any]] = []
    total: str | None = None
    for row in read_rows(io.BytesIO(file.read_bytes()), _wrong_header):
        if not isinstance(row, Row):
            raise click.UsageError(f"line {row.line} of {file} cannot be read: {row.column} {row.reason}".strip())
        if total is not None:
            raise click.UsageError(f"line {row.line} of {file} stands behind the control total")
        if (state := row.cells.get(_STATE, "").strip().lower()) in _NOT_BOOKED:
            raise click.UsageError(
                f"line {row.line} of {file} is {state}, so that billing does not have it: name billing's own list"
            )
        if row.cells.get(_KIND, "").strip().lower() == "total":
            total = row.cells.get("amount", "")
            said = row.cells.get("id", "")
            if said and said != str(len(lines)):
                raise click.UsageError(f"{file} has {plural(len(lines), 'row')} and says {said}: is it whole?")
        else:
            lines.append(_line(row, file))
    return lines, total


def _line(row: Row, file: Path) -> dict[str, Any]:
    line: dict[str, Any] = {"row": row.line}
    for column, cell in row.cells.items():
        name = _COLUMNS.get(column)
        if name is None:
            continue
        if name in _NUMBERS:
            if not (cell.isascii() and cell.isdecimal() and len(cell) <= 18):
                raise click.UsageError(f"line {row.line} of {file}: {column} '{cell[:20]}' is no number")
            line[name] = int(cell)
        else:
            line[name] = cell
    return line


def _wrong_header(names: Any) -> str:
    says = [_COLUMNS[name] for name in names if name in _COLUMNS]
    known = set(says)
    if (twice := next((name for name in says if says.count(name) > 1), None)) is not None:
        columns = ", ".join(name for name in names if _COLUMNS.get(name) == twice)
        return f"the columns {columns} are all taken for {twice}; leave one"
    if "key" in known or "id" in known or {"customer", "incident", "amount"} <= known:
        return ""
    first = next((name for name in names if name not in _COLUMNS), "")
    return f"the list does not say which credits it is about{nearest(first, list(_COLUMNS))}; expected {_EXPECTED}"


def _renamed(given: tuple[str, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in given:
        old, _, new = each.partition("=")
        if not (old.isdecimal() and new.isdecimal() and each.isascii() and len(each) <= 36):
            raise click.UsageError(f"--incident {each[:40]}: expected two ids such as 57=58")
        if found.setdefault(old, int(new)) != int(new):
            raise click.UsageError(f"--incident names {old} twice")
    return found


def _since(given: str | None, client: Client) -> str | None:
    if given is None:
        return None
    try:
        return times.past(given, client.moment()).isoformat()
    except InvalidInput as error:
        raise click.UsageError(f"--since: {error}") from error


def _typed() -> str:
    try:
        return str(click.prompt("Type what billing says the list comes to", err=True)).strip()
    except click.Abort:
        raise click.ClickException("nothing is changed; for scripts: --total AMOUNT") from None


def _show(view: ReconciledView) -> None:
    printing.heading("Credits and billing's own list", "" if view.applied else "NOTHING IS CHANGED YET")

    def of(found: ReconciledSum) -> str:
        return f"{plural(found.lines, 'line')}, {found.amount} {view.currency}" if found.lines else ""

    printing.fields(
        [
            ("the list", of(view.rows) or "empty"),
            ("both have", of(view.agreed)),
            ("posted now", of(view.noted)),
            ("were lost", of(view.recovered)),
            ("left out", of(view.left_out)),
            ("refused", of(view.refused)),
            ("not in it", of(view.not_there)),
        ]
    )
    for each in view.refusals[:SHOWN]:
        printing.line(f"line {each.row}: {each.why}", indent=2, hang=2, style=BAD)
    if view.refused.lines > SHOWN:
        printing.line(f"and {view.refused.lines - SHOWN:,} more (--json).", indent=2)
    if view.not_there_ids:
        ids = ", ".join(str(id_) for id_ in view.not_there_ids[:SHOWN])
        printing.line(f"posted here and not in the list: {ids}", indent=2, hang=2, style=WARN)
        printing.line("Ask for a whole list, or say --since.", indent=2)
    if view.held:
        printing.line("Nothing is posted until a list agrees.", style=WARN)
    elif view.applied:
        printing.line("Credits are posted as before.", style=GOOD)
