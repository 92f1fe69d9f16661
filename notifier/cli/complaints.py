"""`notifier complaints import|add`: what customers report, from a file or one at a time."""

from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
import msgspec

from notifier.cli import complaint_file, places, printing, times
from notifier.cli.client import Client
from notifier.cli.counting import why_not
from notifier.cli.options import connect, json_option
from notifier.cli.printing import GOOD, WARN, number, plural
from notifier.cli.rejects import Rejects
from notifier.cli.upload import numbered, opened, progress
from notifier.domain.errors import InvalidInput


class _Accepted(msgspec.Struct, kw_only=True):
    """Answer of POST /v1/complaints."""

    id: int
    duplicate: bool
    customer: str | None
    verified: bool
    counted: bool
    not_counted: str | None
    regions: list[str]
    incident: int | None


class _Result(msgspec.Struct, kw_only=True):
    """One line of the answer of POST /v1/complaints/bulk."""

    line: int
    status: int
    duplicate: bool = False
    counted: bool = False
    not_counted: str | None = None
    incident: int | None = None
    title: str = ""
    detail: str = ""
    field: str = ""
    value: Any = None
    expected: str = ""


@click.group(short_help="Import or add complaints.")
def complaints() -> None:
    """Import complaints from a file, or add one."""


@complaints.command()
@click.option("--service", required=True, help="What does not work: one of the configured services.")
@click.option("--customer", metavar="ID", help="Who: the company's customer reference.")
@click.option("--reporter", metavar="PHONE|EMAIL", help="Who, when the reference is not known.")
@click.option("--region", metavar="KIND:CODE", help="Where, when it is not at the customer's sites.")
@click.option(
    "--at",
    metavar="TIME",
    help="When they told us, if not now: 2:10, -5m or ISO. Not since when it is out: late ones are no evidence.",
)
@click.argument("text", nargs=-1)
@json_option
def add(
    service: str,
    customer: str | None,
    reporter: str | None,
    region: str | None,
    at: str | None,
    text: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add one complaint, with what the customer said as TEXT.

    Example: notifier complaints add --service power --customer C-1 out since noon
    """
    if bool(customer) == bool(reporter):
        raise click.UsageError("say who by --customer or by --reporter: one of them")
    client = connect()
    said = {
        "service": service,
        "customer_id": customer,
        "reporter": reporter,
        "region": region,
        "occurred_at": _past(client, at) if at else None,
        "text": " ".join(text) or None,
        "source": "cli",
    }
    body = {name: value for name, value in said.items() if value is not None}
    reply = client.post("/v1/complaints", body, headers={"Idempotency-Key": str(uuid4())})
    if as_json:
        printing.answer(reply.body)
        return
    _show(reply.read(_Accepted))


@complaints.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--history", is_flag=True, help="Past complaints: they feed the baseline and nothing else.")
@json_option
def import_(file: Path, history: bool, as_json: bool) -> None:
    """Import complaints from a CSV or NDJSON FILE, '-' is standard input.

    CSV columns are the fields of POST /v1/complaints: reporter,
    customer_id, service, region, text, occurred_at, external_id,
    source, source_address. Refused lines go to FILE.rejected.csv with their numbers
    (from standard input: to standard error), the others load, and the
    exit code is 1. A source and an external_id make a repeat harmless.

    Example: notifier complaints import 2025.csv --history
    """
    client = connect()
    tally: Counter[str] = Counter()
    query = {"history": 1 if history else None}
    with opened(file) as (source, counted, size), Rejects(places.of_import(file)) as rejects:
        sent = numbered(rejects.sift(complaint_file.read(source)))
        with progress(size, "complaints") as show:
            for line in client.stream("/v1/complaints/bulk", sent, query=query):
                _tally(msgspec.json.decode(line, type=_Result), tally, rejects)
                show(counted.count, tally["loaded"], rejects.count)
    _end(tally, rejects, as_json=as_json)


def _tally(result: _Result, tally: Counter[str], rejects: Rejects) -> None:
    if result.status >= 300:
        reason = result.detail or result.title
        if result.expected and result.expected not in reason:
            reason += f"; expected {result.expected}"
        rejects.add(result.line, result.field, result.value, reason)
        return
    tally["loaded"] += 1
    if result.duplicate:
        tally["duplicate"] += 1
    elif result.counted:
        tally["counted"] += 1
    else:
        tally[f"not {result.not_counted or 'counted'}"] += 1


def _end(tally: Counter[str], rejects: Rejects, *, as_json: bool) -> None:
    not_counted = {name.removeprefix("not "): n for name, n in tally.items() if name.startswith("not ")}
    if as_json:
        summary = {
            "loaded": tally["loaded"],
            "counted": tally["counted"],
            "duplicates": tally["duplicate"],
            "not_counted": not_counted,
            "rejected": rejects.count,
            "rejected_file": str(rejects.path) if rejects.path and rejects.count else None,
        }
        printing.answer(msgspec.json.encode(summary))
    else:
        printing.line(f"{plural(tally['loaded'], 'complaint')} loaded.", style=GOOD)
        printing.fields(
            [
                ("evidence", number(tally["counted"]) if tally["counted"] else ""),
                *((why_not(why), number(n)) for why, n in sorted(not_counted.items())),
                ("known already", number(tally["duplicate"]) if tally["duplicate"] else ""),
            ]
        )
    if rejects.count:
        where = f"; see {rejects.path}" if rejects.path else ""
        raise click.ClickException(f"{plural(rejects.count, 'line was', 'lines were')} refused{where}")


def _show(accepted: _Accepted) -> None:
    known = "known already" if accepted.duplicate else "stored"
    who = f"customer {accepted.customer}" if accepted.customer else "nobody on file"
    printing.line(
        f"Complaint {accepted.id} is {known}: {who}, {'verified' if accepted.verified else 'not verified'}.",
        style=GOOD if not accepted.duplicate else WARN,
    )
    regions = ", ".join(printing.region(each) for each in accepted.regions)
    if accepted.counted:
        printing.line(f"It counts in {regions}.", hang=2)
    else:
        printing.line(f"It is no evidence: {why_not(accepted.not_counted)}.", hang=2)
    if accepted.incident is not None:
        printing.line(f"Open incident #{accepted.incident}: notifier incidents show {accepted.incident}")
    elif accepted.customer:
        printing.line("No open incident affects them yet.")


def _past(client: Client, text: str) -> object:
    try:
        return times.past(text, client.moment())
    except InvalidInput as error:
        raise click.UsageError(f"--at: {error}") from error
