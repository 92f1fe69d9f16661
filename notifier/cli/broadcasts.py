"""`notifier broadcasts ...`: look at one update, send or approve it by its count, pause it, stop it."""

import click

from notifier.cli import alone as going_alone
from notifier.cli import dialogue, printing
from notifier.cli.broadcast_card import finished, require_by_itself, show_broadcast
from notifier.cli.client import Client
from notifier.cli.options import (
    alone_option,
    approving_options,
    broadcast_argument,
    connect,
    json_option,
    sending_options,
)
from notifier.cli.preview import show_preview
from notifier.cli.take_back import say_what_is_left
from notifier.cli.unreached import show_unreached
from notifier.domain.actor import KeyRole
from notifier.domain.broadcast import BroadcastState, not_possible
from notifier.storage.views import AskerView, BroadcastView, Preview, StatusView

_MAY_SEND = (KeyRole.COMMANDER, KeyRole.MANAGER)
_WANTED = {"send": ("draft", "sent"), "approve": ("awaiting_approval", "approved")}


@click.group(short_help="Preview, send, approve, pause or cancel an update.")
def broadcasts() -> None:
    """Look at one update, send or approve it, pause it, stop it."""


@broadcasts.command()
@broadcast_argument
@json_option
def show(broadcast_id: int, as_json: bool) -> None:
    """Show a broadcast: what it says and how far it is.

    Example: notifier broadcasts show 17
    """
    _show(broadcast_id, None, as_json=as_json)


@broadcasts.command()
@broadcast_argument
@json_option
def preview(broadcast_id: int, as_json: bool) -> None:
    """Show what a broadcast would do: who hears what, who does not.

    Example: notifier broadcasts preview 17
    """
    client = connect()
    reply = client.get(f"/v1/broadcasts/{broadcast_id}/preview")
    if as_json:
        printing.answer(reply.body)
        return
    show_preview(reply.read(Preview), client.moment(), whole=True)


@broadcasts.command()
@broadcast_argument
@alone_option
@sending_options
@json_option
def send(
    broadcast_id: int, alone: str | None, yes: bool, count: int | None, no_wait: bool, wake: str, as_json: bool
) -> None:
    """Send a draft, after its count was typed.

    With --alone, what waits for a second person who did not answer.

    Example: notifier broadcasts send 17 --count 1214
    """
    how = dialogue.Sending(yes=yes, count=count, no_wait=no_wait, wake=wake, alone=alone, as_json=as_json)
    if alone is not None:
        going_alone.send(connect(), broadcast_id, how)
    else:
        _send(broadcast_id, how, "send")


@broadcasts.command()
@broadcast_argument
@approving_options
@json_option
def approve(broadcast_id: int, yes: bool, count: int | None, no_wait: bool, as_json: bool) -> None:
    """Approve what another key has sent, after its count was typed.

    Example: notifier broadcasts approve 17
    """
    _send(broadcast_id, dialogue.Sending(yes=yes, count=count, no_wait=no_wait, as_json=as_json), "approve")


@broadcasts.command()
@broadcast_argument
@click.option("--reason", default="", metavar="TEXT", help="Why, for the other commander.")
@json_option
def reject(broadcast_id: int, reason: str, as_json: bool) -> None:
    """Say no to what another key has sent; nobody is told.

    Example: notifier broadcasts reject 17 --reason "wrong town"
    """
    _show(broadcast_id, "reject", {"reason": reason}, as_json=as_json)


@broadcasts.command()
@broadcast_argument
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for a spreadsheet or a dialer.")
@json_option
def unreached(broadcast_id: int, as_csv: bool, as_json: bool) -> None:
    """List who was not reached, for a person to call.

    Those with no way to be reached, and those all of whose messages
    failed: priority sites first, then by street. With --json one
    object a line.

    Example: notifier broadcasts unreached 17 --csv
    """
    show_unreached(connect().lines(f"/v1/broadcasts/{broadcast_id}/unreached"), as_csv=as_csv, as_json=as_json)


@broadcasts.command()
@broadcast_argument
@json_option
def pause(broadcast_id: int, as_json: bool) -> None:
    """Stop a broadcast for now; what has left has left.

    Example: notifier broadcasts pause 17
    """
    _show(broadcast_id, "pause", as_json=as_json)


@broadcasts.command()
@broadcast_argument
@json_option
def resume(broadcast_id: int, as_json: bool) -> None:
    """Let a paused broadcast go on.

    Example: notifier broadcasts resume 17
    """
    _show(broadcast_id, "resume", as_json=as_json)


@broadcasts.command()
@broadcast_argument
@json_option
def cancel(broadcast_id: int, as_json: bool) -> None:
    """Take a broadcast back, or stop what has not left yet.

    Before it begins, nobody is told. Later, those who were told stay
    told; a correction is a matter of `notifier dismiss`. One that was
    rejected is let rest: nothing reminds of it any more.

    Example: notifier broadcasts cancel 17
    """
    client, view = _show(broadcast_id, "cancel", as_json=as_json)
    if view is not None and view.reason == "taken_back":
        say_what_is_left(client, view)
    elif view is not None and view.rejected_by:
        printing.line("It was rejected; nothing reminds of that any more.")


def _send(broadcast_id: int, how: dialogue.Sending, action: str) -> None:
    client = connect()
    view = client.get(f"/v1/broadcasts/{broadcast_id}").read(BroadcastView)
    wanted, done = _WANTED[action]
    if view.state != wanted:  # said before anybody reads a preview and types its count
        raise click.ClickException(not_possible(view.id, BroadcastState(view.state), done))
    require_by_itself(view)
    _require_may(client, view, action)
    reply = client.get(f"/v1/broadcasts/{broadcast_id}/preview")
    dialogue.send(client, reply.read(Preview), how, action=action)


def _require_may(client: Client, view: BroadcastView, action: str) -> None:
    """Say before the count is typed that this key may not do it."""
    asker = client.get("/v1/me").read(AskerView)
    if asker.role not in _MAY_SEND:
        expected = " or ".join(_MAY_SEND)
        raise click.ClickException(f"key '{asker.name}' has the role {asker.role}; to {action} needs {expected}")
    done = {view.created_by.casefold(): "drafted", (view.sent_by or "").casefold(): "sent"}.get(asker.name.casefold())
    if action == "approve" and done:
        raise click.ClickException(
            f"broadcast {view.id} was {done} by '{asker.name}', your own key; another one has to approve it"
        )


def _show(
    broadcast_id: int, action: str | None, body: object = None, *, as_json: bool
) -> tuple[Client, BroadcastView | None]:
    """Print a broadcast, after something was done about it; return it unless JSON was asked for."""
    client, path = connect(), f"/v1/broadcasts/{broadcast_id}"
    reply = client.post(f"{path}/{action}", body) if action else client.get(path)
    if as_json:
        printing.answer(reply.body)
        return client, None
    view = reply.read(BroadcastView)
    waits = view.state == "sending" and not finished(view)
    all_paused = waits and client.get("/v1/status").read(StatusView).paused
    show_broadcast(view, client.moment(), all_paused=all_paused)
    return client, view
