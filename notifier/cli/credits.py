"""`notifier credits`: what customers are owed for outages; grants, decisions, and the way to billing."""

import sys
from itertools import chain
from pathlib import Path
from typing import IO

import click

from notifier.cli import printing, times
from notifier.cli.client import Client, Reply
from notifier.cli.options import Id, connect, incident_argument, json_option
from notifier.cli.printing import BAD, GOOD, WARN, Column, plural, safe, words
from notifier.cli.reconcile import reconcile
from notifier.domain.errors import InvalidInput
from notifier.domain.money import parse_amount
from notifier.storage.views import (
    CreditBatchView,
    CreditLineView,
    CreditsDecidedView,
    CreditsPreview,
    CreditsView,
)

_TITLES = (
    Column("ID", right=True),
    Column("CUSTOMER", gives=True),
    Column("TARIFF", gives=True),
    Column("AMOUNT", right=True),
    Column("STATE"),
    Column("BILL"),
)
_STATES = ("proposed", "approved", "rejected", "posting", "posted", "failed")
_reason = click.option("--reason", metavar="TEXT", required=True, help="Why; kept with it, customers never see it.")
_over = click.option("--over-budget", metavar="WHY", help="Go over the incident's budget, and say why.")
_TRIES = 3


@click.group(short_help="What customers are owed: list, grant, approve, post.")
def credits() -> None:  # noqa: A001 - the word that people type
    """What customers are owed for outages, and the way to their bills.

    Lines are made by tariffs when service is restored; within the
    baselines they are approved by rule, above them by a manager.
    """


credits.add_command(reconcile)


@credits.command("list")
@click.argument("incident_id", metavar="[INCIDENT]", type=Id, required=False)
@click.option("--customer", metavar="REFERENCE", help="Only of this customer.")
@click.option("--state", type=click.Choice(_STATES), multiple=True, help="Only in this state; may be repeated.")
@click.option("--before", type=Id, metavar="ID", help="Older lines than this one.")
@json_option
def list_(
    incident_id: int | None, customer: str | None, state: tuple[str, ...], before: int | None, as_json: bool
) -> None:
    """List credit lines, newest first; of an incident, its sums first.

    Example: notifier credits list 42 --state proposed
    """
    client = connect()
    reply = client.get(
        "/v1/credits", incident=incident_id, customer=customer, state=",".join(state) or None, before=before
    )
    if as_json:
        printing.answer(reply.body)
        return
    if incident_id is not None:
        _show_sums(client.get(f"/v1/incidents/{incident_id}/credits").read(CreditsView))
    lines = reply.read(list[CreditLineView])
    if not lines:
        printing.line("There are no such credits.", style=WARN)
        return
    printing.table(_TITLES, [_row(line) for line in lines])
    for line in lines:
        if line.problem:
            printing.line(f"{line.id}: {line.problem}", indent=2, hang=2, style=BAD)


@credits.command()
@incident_argument
@click.option("--at", metavar="TIME", help="As if service came back then: 6:30, +2h or ISO.")
@json_option
def preview(incident_id: int, at: str | None, as_json: bool) -> None:
    """Show what an incident would cost in credits; nothing is stored.

    Example: notifier credits preview 42 --at +6h
    """
    client = connect()
    try:
        instant = times.future(at, client.moment()).isoformat() if at else None
    except InvalidInput as error:
        raise click.UsageError(f"--at: {error}") from error
    reply = client.get(f"/v1/incidents/{incident_id}/credits/preview", at=instant)
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(CreditsPreview)
    printing.heading(f"#{incident_id} credits if service is back {client.moment().clock(view.at)}")
    held = ", ".join(f"{plural(number, 'line')} {words(reason)}" for reason, number in view.held.items())
    printing.fields(
        [
            ("customers", f"{view.customers:,}"),
            *((tariff, f"{amount} {view.currency}") for tariff, amount in view.by_tariff.items()),
            ("in all", f"{view.amount} {view.currency} in {plural(view.lines, 'line')}"),
            ("by rule", f"{view.by_rule} {view.currency}"),
            ("would wait", held),
        ]
    )


@credits.command()
@incident_argument
@click.argument("customer", metavar="CUSTOMER")
@click.argument("amount", metavar="AMOUNT")
@_reason
@click.option("--key", metavar="TEXT", help="Idempotency-Key: the same one again is the same grant.")
@json_option
def grant(incident_id: int, customer: str, amount: str, reason: str, key: str | None, as_json: bool) -> None:
    """Grant goodwill to one customer for one incident.

    Up to your baseline it is approved at once; above it another person,
    a manager, approves it.

    Example: notifier credits grant 42 C-1001 10.00 --reason "two days"
    """
    client = connect()
    body = {"incident": incident_id, "customer": customer, "amount": amount, "reason": reason}
    reply = client.post("/v1/credits", body, headers={"Idempotency-Key": key} if key else None)
    _show_line(reply, as_json=as_json)


@credits.command()
@click.argument("line_id", metavar="[ID]", type=Id, required=False)
@click.option("--incident", "incident_id", type=Id, metavar="ID", help="All that waits of an incident instead.")
@click.option("--total", metavar="AMOUNT", help="With --incident: what it comes to; else it is asked for.")
@_over
@json_option
def approve(
    line_id: int | None, incident_id: int | None, total: str | None, over_budget: str | None, as_json: bool
) -> None:
    """Approve a line, or what waits of an incident within its budget.

    Nobody approves what they granted themselves. For an incident the
    amount that is shown is typed, so that nothing else is approved.

    Example: notifier credits approve --incident 42
    """
    client = connect()
    if (line_id is None) == (incident_id is None):
        raise click.UsageError("name a line, or --incident")
    if over_budget is not None and not over_budget.strip():
        raise click.UsageError("--over-budget needs a reason: why this incident may cost more than its budget")
    over = {} if over_budget is None else {"over_budget": over_budget}
    if line_id is not None:
        _show_line(client.post(f"/v1/credits/{line_id}/approve", over), as_json=as_json)
        return
    if total is None:
        total = _typed_total(client, incident_id, goes_over=over_budget is not None)
    body = {"total": total, **over}
    _show_decided(client.post(f"/v1/incidents/{incident_id}/credits/approve", body), "approved", as_json=as_json)


@credits.command()
@click.argument("line_id", metavar="[ID]", type=Id, required=False)
@click.option("--incident", "incident_id", type=Id, metavar="ID", help="All that waits of an incident instead.")
@_reason
@json_option
def reject(line_id: int | None, incident_id: int | None, reason: str, as_json: bool) -> None:
    """Reject a line, or all that waits of an incident.

    Also what billing refused and nobody wants to post again.

    Example: notifier credits reject 7 --reason "the site was empty"
    """
    client = connect()
    if (line_id is None) == (incident_id is None):
        raise click.UsageError("name a line, or --incident")
    if line_id is not None:
        _show_line(client.post(f"/v1/credits/{line_id}/reject", {"reason": reason}), as_json=as_json)
        return
    reply = client.post(f"/v1/incidents/{incident_id}/credits/reject", {"reason": reason})
    _show_decided(reply, "rejected", as_json=as_json)


@credits.command()
@click.argument("line_id", metavar="ID", type=Id)
@_reason
@json_option
def reverse(line_id: int, reason: str, as_json: bool) -> None:
    """Take an approved or posted line back, by a negative one.

    What the customer was told stays said: tell them if it matters.

    Example: notifier credits reverse 7 --reason "another house"
    """
    _show_line(connect().post(f"/v1/credits/{line_id}/reverse", {"reason": reason}), as_json=as_json)


@credits.command()
@incident_argument
@json_option
def count(incident_id: int, as_json: bool) -> None:
    """Count an incident once more, for those who joined it since.

    Nobody gets a step twice.

    Example: notifier credits count 42
    """
    reply = connect().post(f"/v1/incidents/{incident_id}/credits/count")
    if as_json:
        printing.answer(reply.body)
        return
    printing.line(f"#{incident_id} is being counted; see `notifier credits list {incident_id}`.", style=GOOD)


@credits.command()
@click.option("--incident", "incident_id", type=Id, metavar="ID", help="Only of this incident.")
@click.option("--state", type=click.Choice(_STATES), multiple=True, help="Only in this state; may be repeated.")
@click.option("--batch", type=Id, metavar="ID", help="Only what is in this file for billing.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path), help="A new file; else to the screen.")
def export(incident_id: int | None, state: tuple[str, ...], batch: int | None, output: Path | None) -> None:
    """Write lines as CSV with a control total at the end.

    No cell is a formula of a spreadsheet. An existing file is not
    overwritten.

    Example: notifier credits export --batch 3 -o credits.csv
    """
    client = connect()
    query = {"incident": incident_id, "state": ",".join(state) or None, "batch": batch}
    pieces = client.lines("/v1/credits/export", query=query)
    first = next(pieces, b"")  # what is refused makes no file
    try:
        file: IO[bytes] = sys.stdout.buffer if output is None else output.open("xb")
    except FileExistsError:
        raise click.UsageError(f"{output} exists already; expected a new file") from None
    except OSError as error:
        raise click.UsageError(f"cannot write {output}: {error.strerror}") from error
    lines = 0
    totals: list[str] = []
    try:
        for piece in chain([first], pieces):
            file.write(piece.rstrip(b"\r\n") + b"\r\n")
            lines += piece.startswith(b"line,")
            if piece.startswith(b"total,"):
                cells = piece.decode().strip().split(",")
                totals.append(f"{cells[3]} {cells[4]}")
        file.flush()
    except BaseException:
        if output is not None:  # half a file is none
            output.unlink(missing_ok=True)
        raise
    finally:
        if output is not None:
            file.close()
    printing.note(f"{plural(lines, 'line')}, control total {' and '.join(totals) or '0'}.")


@credits.command()
@click.option("--incident", "incident_id", type=Id, metavar="ID", help="Only of this incident.")
@click.option("--failed", is_flag=True, help="Also what billing did not take.")
@click.option("--loaded", "batch", type=Id, metavar="BATCH", help="Billing has all of this file: its lines are posted.")
@click.option("--total", metavar="AMOUNT", help="With --loaded: the control total that billing says it has.")
@json_option
def post(incident_id: int | None, failed: bool, batch: int | None, total: str | None, as_json: bool) -> None:
    """Hand what is approved to billing: by webhook, or as a file.

    As a file: post makes it, export writes it, and when billing has
    loaded it, post --loaded with its control total closes it.

    Example: notifier credits post --incident 42
    """
    client = connect()
    if batch is not None:
        if total is None:
            raise click.UsageError("--loaded needs --total: the control total that billing says it has")
        reply = client.post(f"/v1/credits/batches/{batch}/loaded", {"total": total})
        if as_json:
            printing.answer(reply.body)
            return
        view = reply.read(CreditBatchView)
        printing.line(
            f"Batch {view.id}: {plural(view.lines, 'line')}, {view.total} {view.currency} posted.", style=GOOD
        )
        return
    reply = client.post("/v1/credits/post", {"incident": incident_id, "failed": failed})
    if as_json:
        printing.answer(reply.body)
    elif b'"decided":0,' in reply.body:
        printing.line("Nothing is left to post.", style=WARN)
    elif b'"loaded_by"' in reply.body:
        view = reply.read(CreditBatchView)
        printing.line(f"Batch {view.id}: {plural(view.lines, 'line')}, {view.total} {view.currency}.", style=GOOD)
        printing.line(f"Write it with: notifier credits export --batch {view.id} -o FILE")
    else:
        number = reply.read(CreditsDecidedView).decided
        printing.line(f"{plural(number, 'line is', 'lines are')} being posted.", style=GOOD)


def _typed_total(client: Client, incident_id: int | None, *, goes_over: bool) -> str:
    """Show what waits and what of it is approved, and let that total be typed."""
    view = client.get(f"/v1/incidents/{incident_id}/credits").read(CreditsView)
    if not view.waiting_lines:
        raise click.ClickException(f"nothing waits of incident {incident_id}")
    lines, total = (view.over_lines, view.over) if goes_over else (view.within_lines, view.within)
    stopped = 0 if goes_over else view.over_lines - view.within_lines
    _show_sums(view)
    left = [
        f"the budget stops {plural(stopped, 'line')} (--over-budget WHY)" if stopped else "",
        f"you granted {plural(view.own_lines, 'line')}; another manager approves" if view.own_lines else "",
    ]
    said = [each for each in left if each]
    if not lines:
        raise click.ClickException(f"nothing is approved: {'; '.join(said)}")
    for each in said:
        printing.line(f"! {each}", indent=2, hang=4, style=WARN)
    asked = f"Type {total} to approve {plural(lines, 'line')}, q to leave"
    try:
        for _ in range(_TRIES):
            typed = str(click.prompt(asked, err=True)).strip()
            if typed == "q":
                break
            if _is_amount(typed, total, view.currency):
                return total
            click.echo(f"That is not the amount: it is {total}, you typed {safe(typed)}.", err=True)
    except click.Abort:
        raise click.ClickException(f"nothing is approved; for scripts: --total {total}") from None
    raise click.ClickException("nothing is approved")


def _is_amount(typed: str, total: str, currency: str) -> bool:
    """Tell whether what was typed is the total, with a comma or without its zeros."""
    try:
        return parse_amount(typed, currency) == parse_amount(total, currency)
    except InvalidInput:
        return False


def _show_sums(view: CreditsView) -> None:
    printing.heading(f"#{view.incident_id} credits", "" if view.enabled else "SWITCHED OFF")
    waiting = f"{view.waiting} {view.currency} in {plural(view.waiting_lines, 'line')}" if view.waiting_lines else ""
    printing.fields(
        [
            ("owed", f"{view.owed} of {view.budget} {view.currency}"),
            ("waiting", waiting),
            ("", "" if view.counted else "still being counted"),
            *((f"{each.tariff} {each.state}", f"{each.amount} in {plural(each.lines, 'line')}") for each in view.sums),
        ]
    )


def _show_line(reply: Reply, *, as_json: bool) -> None:
    if as_json:
        printing.answer(reply.body)
        return
    line = reply.read(CreditLineView)
    waits = f": {words(line.reason)}; another manager approves it" if line.state == "proposed" else ""
    bill = f", on the bill of {line.bill_month}" if line.bill_month and line.state != "rejected" else ""
    text = f"Credit {line.id}: {line.amount} {line.currency} to {line.customer} is {line.state}{waits}{bill}."
    printing.line(text, hang=2, style=WARN if line.state == "proposed" else GOOD)


def _show_decided(reply: Reply, done: str, *, as_json: bool) -> None:
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(CreditsDecidedView)
    printing.line(f"{plural(view.decided, 'line')} {done}: {view.amount}.", style=GOOD if view.decided else WARN)
    if view.over_budget:
        printing.line(f"{plural(view.over_budget, 'line')} left: the budget stops them (--over-budget WHY).", style=BAD)
    if view.own:
        printing.line(f"{plural(view.own, 'line')} left: you granted them; another manager approves.", style=WARN)


def _row(line: CreditLineView) -> tuple[str, ...]:
    return (str(line.id), line.customer, line.tariff, f"{line.amount} {line.currency}", line.state, line.bill_month)
