"""`notifier completion SHELL`: the script by which a shell completes commands, options, and the ids of what is open.

The script runs `notifier` with a variable of Click's set, which then prints what fits. Ids are asked of the daemon, for
a second at most; where none answers, nothing is offered.
"""

import click
from click.shell_completion import CompletionItem, get_completion_class

from notifier.cli import access
from notifier.cli.client import OPEN, Client
from notifier.cli.printing import safe, words
from notifier.storage.views import IncidentCard, Need

VARIABLE = "_NOTIFIER_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
_PATIENCE_SECONDS = 1.0


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), metavar="bash|zsh|fish")
def completion(shell: str) -> None:
    """Print the script that completes notifier's commands in your shell.

    Commands, options, and the ids of open incidents. Load it with
    source <(notifier completion bash), in your .bashrc or .zshrc; in
    fish: notifier completion fish | source

    Example: notifier completion bash
    """
    from notifier.cli import main

    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - Click knows all three
    click.echo(found(main, {}, "notifier", VARIABLE).source())


def ids(parameter: str | None, incomplete: str) -> list[CompletionItem]:
    """Return the ids that may be typed for a parameter, each with what it is; none when no daemon answers."""
    try:
        client = Client(access.find(), timeout=_PATIENCE_SECONDS)
        try:
            found = _incidents(client) if parameter == "incident_id" else _broadcasts(client, parameter)
        finally:
            client.close()
    except (click.ClickException, OSError):
        return []
    return [CompletionItem(str(which), help=said) for which, said in found if str(which).startswith(incomplete)]


def _incidents(client: Client) -> list[tuple[int, str]]:
    cards = client.get("/v1/incidents", state=OPEN).read(list[IncidentCard])
    return [(card.id, safe(f"{card.state} {card.service}, {card.place}")) for card in cards]


def _broadcasts(client: Client, parameter: str | None) -> list[tuple[int, str]]:
    """Return the updates that wait for somebody."""
    if parameter != "broadcast_id":
        return []
    needs = client.get("/v1/needs").read(list[Need])
    return [
        (need.broadcast_id, f"{words(need.kind)} of #{need.incident_id}")
        for need in needs
        if need.broadcast_id is not None
    ]
