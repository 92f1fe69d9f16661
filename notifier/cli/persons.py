"""`notifier customers export|forget|hold|release`: what a person may ask of us, and what the law may forbid.

Forgetting cannot be taken back: it shows what there is, and asks twice. `customers.py` adds these to its group.
"""

import os
import shlex
from pathlib import Path
from urllib.parse import quote

import click
import msgspec

from notifier.cli import printing
from notifier.cli.dialogue import typed
from notifier.cli.options import connect, json_option
from notifier.cli.printing import BAD, GOOD, plural
from notifier.storage.views import ForgottenView, HeldPersonView

CUSTOMER = click.argument("reference", metavar="CUSTOMER")
REASON = click.option("--reason", required=True, help="Why: who asked, or which case. It is in the audit log.")
_COUNTED = (
    ("sites", "site", "sites"),
    ("contact_points", "address", "addresses"),
    ("complaints", "complaint", "complaints"),
    ("replies", "reply", "replies"),
    ("notifications", "message", "messages"),
    ("credit_lines", "credit line", "credit lines"),
)


@click.command("export")
@CUSTOMER
@click.option(
    "--to", "file", metavar="FILE", type=click.Path(path_type=Path), help="A new file, for you alone to read."
)
def export(reference: str, file: Path | None) -> None:
    """Write everything kept about a CUSTOMER as JSON.

    Sites, addresses, consent, complaints, what they wrote and were
    written, credits. That you asked is in the audit log.

    Example: notifier customers export C-1001 --to C-1001.json
    """
    body = connect().get(f"/v1/customers/{quote(reference, safe='')}/export").body
    text = msgspec.json.format(body, indent=2)
    if file is None:
        click.echo(text.decode())
        return
    try:
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            out.write(text + b"\n")
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error
    click.echo(f"{file}: everything kept about {reference}", err=True)


@click.command("forget")
@CUSTOMER
@REASON
@click.option(
    "--confirm", metavar="CUSTOMER", default="", help="For programs: the reference again, instead of being asked."
)
@json_option
def forget(reference: str, reason: str, confirm: str, as_json: bool) -> None:
    """Forget a CUSTOMER for good: names, addresses, places, words.

    What was counted, told and owed stays under a number. Opt-outs stay
    as hashes, and hold again if the address ever comes back. Refused
    under a legal hold, while a message is under way, and while money is
    owed. Backups and the mail that was sent keep what they have.

    Example: notifier customers forget C-1001 --reason "their letter"
    """
    client = connect()
    path = f"/v1/customers/{quote(reference, safe='')}"
    if not confirm and as_json:
        raise click.UsageError(f"with --json nobody is asked: say --confirm {shlex.quote(reference)}")
    if not confirm:
        kept = msgspec.json.decode(client.get(f"{path}/export").body)
        counts = [plural(len(kept[table]), one, many) for table, one, many in _COUNTED if kept.get(table)]
        name = kept["customers"][0]["name"]
        printing.line(f"{reference} {name}: {', '.join(counts) or 'nothing but the name'}.", hang=2)
        printing.line("This cannot be taken back.", style=BAD)
        confirm = input_as_typed("Type the customer's reference to forget them: ")
        if confirm != reference or typed("Type forget: ") != "forget":
            raise click.ClickException(f"nothing was forgotten; for scripts: --confirm {shlex.quote(reference)}")
    reply = client.post(f"{path}/forget", {"confirm": confirm, "reason": reason})
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(ForgottenView)
    done = ", ".join(f"{count} {what}" for what, count in view.changed.items() if count)
    printing.line(f"Forgotten; from here on {view.pseudonym}. Changed: {done or 'the name'}.", hang=2, style=GOOD)


@click.command("hold")
@CUSTOMER
@REASON
@json_option
def hold(reference: str, reason: str, as_json: bool) -> None:
    """Keep everything about a CUSTOMER: a legal hold.

    Neither retention nor `customers forget` touches it until it is
    released.

    Example: notifier customers hold C-1001 --reason "case 12/2026"
    """
    _switch(reference, "hold", reason, as_json=as_json)


@click.command("release")
@CUSTOMER
@REASON
@json_option
def release(reference: str, reason: str, as_json: bool) -> None:
    """End the legal hold of a CUSTOMER.

    Example: notifier customers release C-1001 --reason "case closed"
    """
    _switch(reference, "release", reason, as_json=as_json)


def input_as_typed(question: str) -> str:
    """Return what was typed, as it was typed; the end of input is nothing."""
    try:
        return input(question).strip()
    except (EOFError, KeyboardInterrupt):
        click.echo()
        return ""


def _switch(reference: str, action: str, reason: str, *, as_json: bool) -> None:
    reply = connect().post(f"/v1/customers/{quote(reference, safe='')}/{action}", {"reason": reason})
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(HeldPersonView)
    if view.legal_hold:
        printing.line(f"{view.reference} is under a legal hold: {view.legal_hold}", hang=2, style=GOOD)
    else:
        printing.line(f"{view.reference} is under no legal hold any more.", style=GOOD)


COMMANDS = (export, forget, hold, release)
