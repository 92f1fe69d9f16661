"""`notifier note` and `notifier assign`: what colleagues write down about an incident, and who has it."""

import click

from notifier.cli import printing
from notifier.cli.options import connect, incident_argument, json_option
from notifier.cli.printing import GOOD
from notifier.storage.views import AskerView, IncidentCard

ME = "me"


@click.command()
@incident_argument
@click.argument("text", metavar="TEXT", nargs=-1, required=True)
@json_option
def note(incident_id: int, text: tuple[str, ...], as_json: bool) -> None:
    """Write something down about an incident, for its timeline.

    Customers never see it. It keeps nobody from being woken.

    Example: notifier note 42 crew called from the substation
    """
    client = connect()
    reply = client.post(f"/v1/incidents/{incident_id}/notes", {"text": " ".join(text)})
    if as_json:
        printing.answer(reply.body)
        return
    printing.line(f"Noted: notifier timeline {incident_id}", style=GOOD)


@click.command()
@incident_argument
@click.argument("who", metavar="WHO", nargs=-1)
@click.option("--nobody", is_flag=True, help="Nobody has it any more.")
@json_option
def assign(incident_id: int, who: tuple[str, ...], nobody: bool, as_json: bool) -> None:
    """Say who has an incident: a name, or me.

    It stands on the incident's card, with what needs somebody, and with
    the alarms of people on call. Nobody is called because of it, and
    nobody stops being called.

    Example: notifier assign 42 Ann
    """
    if bool(who) == nobody:
        raise click.UsageError("say who has it: WHO or --nobody, one of them")
    name = " ".join(who).strip()
    if who and not name:
        raise click.UsageError("the name is empty; say who has it, or --nobody")
    client = connect()
    if name == ME:
        name = client.get("/v1/me").read(AskerView).name
    reply = client.post(f"/v1/incidents/{incident_id}/assign", {"to": name})
    if as_json:
        printing.answer(reply.body)
        return
    card = reply.read(IncidentCard)
    printing.line(f"#{card.id} is assigned to {card.assigned_to or 'nobody'}.", style=GOOD)
