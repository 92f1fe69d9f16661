"""`notifier pause-all` and `resume-all`: one command stops everything that is being sent."""

import click

from notifier.cli import printing
from notifier.cli.options import connect, json_option
from notifier.cli.printing import BAD, GOOD
from notifier.storage.views import PausedView


@click.command("pause-all")
@json_option
def pause_all(as_json: bool) -> None:
    """Stop everything that is being sent to customers, until `resume-all`.

    What is being handed over at this moment is finished. Intake and
    detection go on, people on call are called, and what customers answer
    in their own words still goes to your helpdesk.

    Example: notifier pause-all
    """
    _switch("/v1/pause-all", as_json=as_json)


@click.command("resume-all")
@json_option
def resume_all(as_json: bool) -> None:
    """Go on sending after `pause-all`.

    What is no longer true by then is not sent.

    Example: notifier resume-all
    """
    _switch("/v1/resume-all", as_json=as_json)


def _switch(path: str, *, as_json: bool) -> None:
    client = connect()
    reply = client.post(path)
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(PausedView)
    at = client.moment().clock(view.changed_at)
    if view.paused:
        printing.line(f"PAUSED at {at} by {view.changed_by}: no customer is written to.", style=BAD)
        printing.line("Your own people still hear: who is on call, and the helpdesk of what customers answer.")
        printing.line("Go on with: notifier resume-all")
    else:
        printing.line(f"Sending goes on since {at}, by {view.changed_by}.", style=GOOD)
