"""`notifier reload`: the running daemon takes up its files anew, or says what is wrong in them."""

import click

from notifier.cli import printing
from notifier.cli.options import connect, json_option
from notifier.cli.printing import GOOD, WARN
from notifier.storage.views import ReloadView


@click.command("reload")
@json_option
def reload(as_json: bool) -> None:
    """Let the daemon read its configuration, playbooks and texts anew.

    With one mistake anywhere nothing changes, and every mistake is
    said. Messages go on; what is being handed over is finished first.
    Keys that take a restart are named.

    Example: notifier reload
    """
    reply = connect().post("/-/reload")
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(ReloadView)
    for warning in view.warnings:
        printing.line(f"warning: {warning}", hang=2, style=WARN)
    if view.needs_restart:
        printing.line(f"These take a restart: {', '.join(view.needs_restart)}.", hang=2, style=WARN)
    if view.changed:
        printing.line(f"Reloaded: {', '.join(view.changed)}.", hang=2, style=GOOD)
    else:
        printing.line("Nothing else has changed." if view.needs_restart else "Nothing has changed.")
