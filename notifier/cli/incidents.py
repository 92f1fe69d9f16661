"""`notifier incidents list|show`: every incident on a line, or one of them whole."""

import click

from notifier.cli import printing
from notifier.cli.incident_card import EVENTS_SHOWN, list_cards, show_history, show_incident, show_rejections
from notifier.cli.options import connect, incident_argument, json_option
from notifier.storage.views import AskerView, IncidentCard, IncidentView

_STATES = ("scheduled", "suspected", "confirmed", "resolved", "closed", "dismissed", "merged")
_OPEN = "scheduled,suspected,confirmed"
CARDS_AT_MOST = 200  # what the daemon lists at once


class _Incidents(click.Group):
    """A group that takes the number of an incident for `show` and that number."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed."""
        number = args[0].removeprefix("#")
        is_number = number.isascii() and number.isdecimal()
        return super().resolve_command(ctx, ["show", number, *args[1:]] if is_number else args)


@click.group(cls=_Incidents, invoke_without_command=True, short_help="List incidents, or show one whole.")
@json_option
@click.pass_context
def incidents(ctx: click.Context, /, *, as_json: bool) -> None:
    """List incidents, or show one whole.

    Alone it lists those that are open; with a number it shows that one.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_, as_json=as_json)


@incidents.command("list")
@click.option("--state", multiple=True, type=click.Choice(_STATES), help="Only those in this state; may be repeated.")
@click.option("--all", "every", is_flag=True, help="Those that are over, too.")
@click.option("--before", type=click.IntRange(min=1), metavar="ID", help="Only older ones than this incident.")
@json_option
def list_(state: tuple[str, ...] = (), every: bool = False, before: int | None = None, as_json: bool = False) -> None:
    """List incidents, newest first: those that are open, unless said otherwise.

    Example: notifier incidents list --state resolved
    """
    client = connect()
    reply = client.get("/v1/incidents", state=None if every else ",".join(state) or _OPEN, before=before)
    if as_json:
        printing.answer(reply.body)
        return
    cards = reply.read(list[IncidentCard])
    if not cards:
        printing.line("No incident" + (" yet." if every else f" is {' or '.join(state) or 'open'}."))
        return
    list_cards(cards, client.moment())
    if len(cards) == CARDS_AT_MOST:
        printing.line(f"Older ones: notifier incidents list --before {cards[-1].id}", hang=4)


@incidents.command("show")
@incident_argument
@click.option("--timeline", is_flag=True, help=f"The whole timeline, not only its last {EVENTS_SHOWN} entries.")
@json_option
def show(incident_id: int, timeline: bool, as_json: bool) -> None:
    """Show one incident whole.

    Evidence, promises, what was told to how many, and what happened
    when.

    Example: notifier incidents show 42
    """
    client = connect()
    reply = client.get(f"/v1/incidents/{incident_id}")
    if as_json:
        printing.answer(reply.body)
        return
    view, moment = reply.read(IncidentView), client.moment()
    show_incident(view, moment)
    if view.rejected:
        show_rejections(view, client.get("/v1/me").read(AskerView).name)
    show_history(view, moment, events_at_most=None if timeline else EVENTS_SHOWN)
