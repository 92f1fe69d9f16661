"""Options and arguments that commands share, so that one thing is typed one way everywhere."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from notifier.cli import access
from notifier.cli.client import Client

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])


class _Id(click.IntRange):
    """The number of an incident, a broadcast or a message."""

    name = "number"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list["CompletionItem"]:
        """Offer the ids of what is open."""
        del ctx
        from notifier.cli.completion import ids

        return ids(param.name, incomplete)


Id = _Id(min=1)


def connect() -> Client:
    """Return a client of the daemon of this environment; it is closed with the command."""
    where = access.find()
    if where.warning:
        click.echo(f"Warning: {where.warning}.", err=True)
    client = Client(where)
    click.get_current_context().call_on_close(client.close)
    return client


def json_option(command: F) -> F:
    """Add `--json`; typed before the command (`notifier --json status`) it means the same."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        callback=_or_before,
        help="Print the API's JSON instead of text.",
    )(command)


def sending_options(command: F) -> F:
    """Add the options of everything that sends."""
    return click.option(
        "--wake",
        metavar="REASON",
        default="",
        help="Wake everyone at night, and say why; kept with the incident, customers never see it.",
    )(approving_options(command))


def alone_option(command: F) -> F:
    """Add how what waits for a second person goes without one."""
    return click.option(
        "--alone",
        metavar="REASON",
        help="Send what waits for a second person who had their time, and say why; every manager is told.",
    )(command)


def approving_options(command: F) -> F:
    """Add the options of a count that is typed."""
    for option in (
        click.option("--no-wait", is_flag=True, help="Do not count down the time in which it can be taken back."),
        click.option(
            "--count",
            type=click.IntRange(min=0),
            metavar="N",
            help="Send to N customers without asking; refused when the number is another by now.",
        ),
        click.option("--yes", is_flag=True, help="Send without asking for the count; for scripts."),
    ):
        command = option(command)
    return command


def incident_argument(command: F) -> F:
    """Add the id of an incident."""
    return click.argument("incident_id", metavar="ID", type=Id)(command)


def broadcast_argument(command: F) -> F:
    """Add the id of a broadcast."""
    return click.argument("broadcast_id", metavar="ID", type=Id)(command)


def _or_before(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    before = ctx.parent
    while before is not None and not value:
        value, before = bool(before.params.get("as_json")), before.parent
    return value
