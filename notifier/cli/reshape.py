"""Which sites an incident is about, changed while it goes on: `extend`, `split`, `merge`.

Who joins is told by the dialogue of everything that sends. Leaving and going over tell nobody; what is shown afterwards
is the incident that the sites are in now.
"""

from pathlib import Path
from typing import Any

import click

from notifier.cli import drafting, printing
from notifier.cli.incident_card import show_incident
from notifier.cli.options import Id, connect, incident_argument, json_option, sending_options
from notifier.cli.site_list import read_sites
from notifier.storage.views import IncidentView

_sites_option = click.option(
    "--sites",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Which, as lines customer_id or customer_id,site_id; '-' reads standard input.",
)
_regions_option = click.option(
    "--regions", metavar="KIND:CODE,...", help="Which, such as postal_code:94115; may be repeated.", multiple=True
)


@click.command()
@incident_argument
@_regions_option
@_sites_option
@click.option(
    "--no-delay",
    is_flag=True,
    help="Never let the daemon say by itself that it takes longer, before the promise lapses.",
)
@sending_options
@json_option
def extend(incident_id: int, regions: tuple[str, ...], sites: Path | None, no_delay: bool, **options: Any) -> None:
    """Add sites to an incident, and tell their customers.

    They get the first message, with the cause and the times that the
    others were told. Who is affected already hears nothing.

    Example: notifier extend 42 --sites more.csv
    """
    body = _which(regions, sites, "regions", "sites") | ({"may_delay": False} if no_delay else {})
    drafting.tell(connect(), f"/v1/incidents/{incident_id}/extend", body, options)


@click.command()
@incident_argument
@_regions_option
@_sites_option
@json_option
def split(incident_id: int, regions: tuple[str, ...], sites: Path | None, as_json: bool) -> None:
    """Let sites leave as a confirmed incident of their own.

    They take along what they were told and promised. Nobody is told.

    \b
    Example: notifier split 42 --regions postal_code:94112
    """
    client = connect()
    reply = client.post(f"/v1/incidents/{incident_id}/split", _which(regions, sites, "part", "part_sites"))
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(IncidentView)
    printing.line(f"They are #{view.card.id} now; #{incident_id} goes on without them. Nobody was told.")
    show_incident(view, client.moment())


@click.command()
@incident_argument
@click.option("--into", metavar="N", type=Id, required=True, help="The incident that they go over to.")
@json_option
def merge(incident_id: int, into: int, as_json: bool) -> None:
    """Let all sites of an incident go over to another one.

    What they were told and promised goes along: they are a part of that
    one. What was not said yet is cancelled. Of a suspected incident only
    the evidence goes over. Nobody is told.

    Example: notifier merge 43 --into 42
    """
    client = connect()
    reply = client.post(f"/v1/incidents/{incident_id}/merge", {"into": into})
    if as_json:
        printing.answer(reply.body)
        return
    printing.line(f"#{incident_id} is merged into #{into}. Nobody was told.")
    show_incident(reply.read(IncidentView), client.moment())


def _which(regions: tuple[str, ...], sites: Path | None, by_regions: str, by_sites: str) -> dict[str, object]:
    if bool(regions) == bool(sites):
        raise click.UsageError("say which sites by --regions or by --sites: one of them")
    return {by_sites: read_sites(sites)} if sites else {by_regions: drafting.split_codes(regions)}
