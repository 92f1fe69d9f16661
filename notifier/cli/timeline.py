"""`notifier timeline ID`: what happened to an incident, a sentence each, in the reader's time."""

import click
import msgspec

from notifier.cli import printing
from notifier.cli.happenings import show_entry
from notifier.cli.options import connect, incident_argument, json_option
from notifier.storage.views import IncidentView


@click.command()
@incident_argument
@json_option
def timeline(incident_id: int, as_json: bool) -> None:
    """Tell what happened to an incident, in plain words and your time.

    Example: notifier timeline 42
    """
    client = connect()
    view = client.get(f"/v1/incidents/{incident_id}").read(IncidentView)
    if as_json:
        printing.answer(msgspec.json.encode(view.timeline))
        return
    moment = client.moment()
    printing.heading(f"#{view.card.id} {view.card.service}, {view.card.place}", view.card.state)
    if not view.timeline:
        printing.line("Nothing has happened.")
    for entry in view.timeline:
        show_entry(entry, moment, broadcasts=view.broadcasts)
