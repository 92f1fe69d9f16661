"""The time in which what was authorised can be taken back: it counts down, and any key stops it.

The same for one broadcast and for a round. A person who decides to take it back is believed, whatever the connection
does.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Protocol, TypeVar

import click

from notifier.cli.client import Client, Problem, Unreachable
from notifier.cli.keyboard import Keyboard

POLL_SECONDS = 1.0
_TRIES = 3


class Authorised(Protocol):
    """What a daemon says of something that is on its way out."""

    @property
    def state(self) -> str:
        """Where it is; only `sending` counts down."""
        ...

    @property
    def started_at(self) -> datetime | None:
        """When it began; then it is too late."""
        ...

    @property
    def not_before_at(self) -> datetime | None:
        """When it will begin."""
        ...


Something = TypeVar("Something", bound=Authorised)
View = TypeVar("View")


def is_stopped(client: Client, view: Something, look_again: Callable[[], Something], *, key_does: str) -> bool:
    """Count down until it begins; return whether a key was pressed, `key_does` says to what effect."""
    try:
        with Keyboard() as keyboard:
            return _watch(client, view, look_again, keyboard.pressed, key_does)
    except KeyboardInterrupt:  # sent by another process: Ctrl-C itself is a key here
        return True
    finally:
        click.echo()


def cancelled(client: Client, path: str, as_view: type[View]) -> View:
    """Cancel what is at a path, and insist: the person has decided, and cancelling twice does no harm."""
    for _ in range(_TRIES - 1):
        try:
            return client.post(f"{path}/cancel").read(as_view)
        except Unreachable:
            time.sleep(POLL_SECONDS / 4)
    return client.post(f"{path}/cancel").read(as_view)


def _watch(
    client: Client,
    view: Something,
    look_again: Callable[[], Something],
    pressed: Callable[[float], bool],
    key_does: str,
) -> bool:
    begins = view.not_before_at
    while view.state == "sending" and view.started_at is None and begins is not None:
        left = (begins - client.moment().now).total_seconds()
        click.echo(f"\r{max(0, round(left)):>3} s, any key {key_does} ... ", nl=False)
        if left <= 0:
            return False
        if pressed(min(POLL_SECONDS, left)):
            return True
        with suppress(Problem):  # a daemon that is busy for a second does not end the countdown
            view = look_again()
            begins = view.not_before_at
    return False
