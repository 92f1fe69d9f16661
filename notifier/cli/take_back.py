"""From `send` to what happened: the countdown in which any key takes it back, then the messages leaving.

In: a broadcast that was authorised just now. Out: what became of it, on the terminal. A person who decides to take it
back is believed, whatever the connection does; a terminal that goes away decides nothing.
"""

import time
from contextlib import suppress
from datetime import timedelta
from typing import IO, Any, NoReturn

import click

from notifier.cli import countdown, printing
from notifier.cli.broadcast_card import finished, show_outcome, show_pause
from notifier.cli.client import Client, Problem
from notifier.cli.printing import BAD, GOOD, WARN
from notifier.storage.views import BroadcastView, IncidentView, StatusView

_WATCHED_AT_MOST = timedelta(seconds=120)  # a longer hold is not waited for: no key may stop a person from leaving
_FOLLOW_SECONDS = 10.0


class NotSent(click.ClickException):
    """A person decided against sending; the answer is no."""

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002 - Click's signature
        """Say it without calling it an error."""
        printing.line(self.message, style=WARN)


def tell_and_wait(client: Client, view: BroadcastView, *, watched: bool) -> BroadcastView:
    """Count down the time in which it can be taken back, or say until when and how; return how it stands then."""
    moment, begins = client.moment(), view.not_before_at
    wait = begins - moment.now if begins else timedelta()
    if view.state != "sending" or wait <= timedelta():
        show_outcome(view, moment)
    elif not watched or wait > _WATCHED_AT_MOST:
        why = "Held in case it drops again; sending" if view.kind == "restored" else "Sending"
        printing.line(f"{why} begins {moment.short(moment.now + wait)}.", style=GOOD)
        printing.line(f"Take it back until then: notifier broadcasts cancel {view.id}", hang=4)
        printing.line(f"See how it goes:         notifier broadcasts show {view.id}", hang=4)
    else:
        return _count_down(client, view)
    return view


def say_what_is_left(client: Client, view: BroadcastView) -> None:
    """Say what can be done about an incident that stays confirmed when its first message was taken back."""
    with suppress(Problem):  # it is taken back, whatever becomes of this question
        card = client.get(f"/v1/incidents/{view.incident_id}").read(IncidentView).card
        if card.state == "confirmed" and not card.told:
            printing.line(f"#{card.id} stays confirmed, and its customers have heard nothing. Next:")
            printing.line(f"notifier tell {card.id}       asks what to tell them", indent=4)
            printing.line(f"notifier eta {card.id} none   tells them, without an ETA", indent=4)
            printing.line(f"notifier eta {card.id} TIME   tells them, with one", indent=4)
            printing.line(f"notifier dismiss {card.id}    ends it; there is nobody to tell", indent=4)


def _count_down(client: Client, view: BroadcastView) -> BroadcastView:
    if countdown.is_stopped(client, view, lambda: _shown(client, view.id), key_does="takes it back"):
        _take_back(client, view.id)
    is_paused = client.get("/v1/status").read(StatusView).paused
    view = _shown(client, view.id) if is_paused else _followed(client, view.id)
    show_outcome(view, client.moment())
    if is_paused and not finished(view):
        show_pause()
    return view


def _take_back(client: Client, ident: int) -> NoReturn:
    view = countdown.cancelled(client, f"/v1/broadcasts/{ident}", BroadcastView)
    if view.started_at is None:
        printing.line("Taken back. Nobody was told.", style=WARN)
        say_what_is_left(client, view)
        raise click.exceptions.Exit(1)
    printing.line("Too late to take it back: it had begun. What had not left is stopped.", style=BAD)
    show_outcome(view, client.moment())
    raise click.exceptions.Exit(1)


def _followed(client: Client, ident: int) -> BroadcastView:
    """Watch the messages leave; Ctrl-C takes it back as long as it has not begun, later it only stops watching."""
    try:
        return _follow(client, ident)
    except KeyboardInterrupt:
        click.echo()
        view = _shown(client, ident)
        if view.started_at is None and view.state == "sending":
            _take_back(client, ident)
        return view


def _follow(client: Client, ident: int) -> BroadcastView:
    """Watch the messages leave for a few seconds; return how far it is then."""
    until = time.monotonic() + _FOLLOW_SECONDS
    while True:
        view = _shown(client, ident)
        if finished(view) or time.monotonic() >= until:
            return view
        time.sleep(countdown.POLL_SECONDS / 2)


def _shown(client: Client, ident: int) -> BroadcastView:
    return client.get(f"/v1/broadcasts/{ident}").read(BroadcastView)
