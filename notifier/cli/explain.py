"""`notifier detection explain`: why an incident was opened, or why a cell is evidence or is none."""

from datetime import datetime

import click

from notifier.cli import printing, times
from notifier.cli.client import Client
from notifier.cli.explanation_card import show_explanation
from notifier.cli.options import connect, json_option
from notifier.domain.errors import InvalidInput
from notifier.storage.explained import Explanation


@click.command(short_help="Why an incident was opened, or why a cell is evidence or none.")
@click.argument("what", metavar="INCIDENT|REGION")
@click.argument("service", required=False)
@click.option("--at", metavar="TIME", help="How the cell was then, not now: 2:10, -5m or ISO.")
@json_option
def explain(what: str, service: str | None, at: str | None, as_json: bool) -> None:
    """Explain an incident by its number, or a cell by REGION and SERVICE.

    What was observed, how much is normal, the score by window, who
    counted and who did not, and why. An incident is explained as it was
    when it opened. A region is typed postal_code:94110, or 94110 where
    only one kind has it.

    \b
    Example: notifier detection explain postal_code:94110 power
    """
    query = _query(what, service)
    client = connect()
    if at is not None:
        if "incident" in query:
            raise click.UsageError("--at goes with a cell: an incident is explained as it was when it opened")
        query["at"] = _past(client, at).isoformat()
    reply = client.get("/v1/detection/explain", **query)
    if as_json:
        printing.answer(reply.body)
        return
    show_explanation(reply.read(Explanation), client.moment())


def _query(what: str, service: str | None) -> dict[str, str]:
    if service is not None:
        return {"region": what, "service": service}
    incident = what.removeprefix("#")
    if not (incident.isascii() and incident.isdecimal()):
        raise click.UsageError(f"'{what}' is no number of an incident; a cell is typed as REGION SERVICE")
    return {"incident": incident}


def _past(client: Client, text: str) -> datetime:
    try:
        return times.past(text, client.moment())
    except InvalidInput as error:
        raise click.UsageError(f"--at: {error}") from error
