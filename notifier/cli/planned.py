"""Planned work: `planned open`, `change`, `cancel`. It begins by itself; `eta` and `restored` are those of an outage.

Each asks the daemon for a draft and hands it to the dialogue; nothing happens to anyone before the count was typed.
"""

from pathlib import Path
from typing import Any

import click

from notifier.cli import drafting
from notifier.cli.options import connect, incident_argument, json_option, sending_options

_from_option = click.option(
    "--from", "from_", metavar="TIME", required=True, help="When it begins: 'tomorrow 9:00', +5d or ISO."
)
_until_option = click.option("--until", metavar="TIME", required=True, help="When service is back at the latest.")
_no_delay_option = click.option(
    "--no-delay", is_flag=True, help="Never let the daemon say by itself that it takes longer."
)


@click.group()
def planned() -> None:
    """Announce planned work, move it, or call it off.

    The notice has to be there the playbook's planned_notice_lead before
    it begins. The reminder goes out by itself; so does the word that it
    takes longer. It begins by itself; say 'restored' when it is done.
    """


@planned.command("open")
@click.option("--service", required=True, help="What is interrupted: one of the configured services.")
@drafting.where_options
@_from_option
@_until_option
@click.option("--impact", type=click.Choice(drafting.IMPACTS), help="How bad it is for a customer.")
@click.option("--cause", metavar="CODE", help="Why, such as maintenance; a wrong code lists all of them.")
@_no_delay_option
@sending_options
@json_option
def open_(service: str, regions: tuple[str, ...], sites: Path | None, **options: Any) -> None:
    """Announce planned work to those it interrupts.

    Where it cannot be announced in time it is refused, with the time
    at which it could begin.

    Example: notifier planned open --service power --sites s.csv --from 2026-06-30T09:00 --until 2026-06-30T13:00
    """
    where = drafting.where(regions, sites)
    client = connect()
    words = {name: options[name] for name in ("impact", "cause") if options[name] is not None}
    body = {"service": service, **where, **words, **drafting.window(client, options)}
    drafting.tell(client, "/v1/planned", body, options)


@planned.command()
@incident_argument
@_from_option
@_until_option
@click.option("--cause", metavar="CODE", help="Another reason; as it was announced otherwise.")
@_no_delay_option
@sending_options
@json_option
def change(incident_id: int, **options: Any) -> None:
    """Give planned work another time, and tell those who know of it.

    A time inside the one that was announced needs no further lead.

    Example: notifier planned change 42 --from 2026-07-01T09:00 --until 2026-07-01T13:00
    """
    client = connect()
    words = {} if options["cause"] is None else {"cause": options["cause"]}
    body = {**words, **drafting.window(client, options)}
    drafting.tell(client, f"/v1/planned/{incident_id}/change", body, options)


@planned.command()
@incident_argument
@click.option("--note", metavar="TEXT", help="Why, for the timeline; customers never see it.")
@sending_options
@json_option
def cancel(incident_id: int, note: str | None, **options: Any) -> None:
    """Call planned work off, before it begins.

    Those who were told hear that it will not take place, and nobody
    else. Where nobody was told it is called off at once. Once it has
    begun, say 'restored', or 'eta' when it takes longer.

    Example: notifier planned cancel 42
    """
    drafting.tell(connect(), f"/v1/planned/{incident_id}/cancel", {"note": note} if note else {}, options)
