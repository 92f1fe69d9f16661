"""The dialogue of everything that sends: look, type the count, take it back, see what happened.

In: the preview of a broadcast. The steps are the same for every kind of update: the preview is shown; the number of
customers must be typed (or given with `--yes` or `--count`); the daemon waits the take-back time, during which any key
takes it back; then it is shown what happened. A dialogue that ends without sending leaves its draft cancelled; without
a terminal it is left as it is, with the command that sends it.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any, NoReturn

import click

from notifier.cli import printing
from notifier.cli.broadcast_card import finished, show_outcome
from notifier.cli.client import Client, Problem, Unreachable
from notifier.cli.keyboard import Keyboard, is_terminal
from notifier.cli.preview import show_preview
from notifier.cli.printing import BAD, GOOD, WARN, number, plural
from notifier.storage.views import BroadcastView, Preview, StatusView

_TRIES = 3
_WATCHED_AT_MOST = timedelta(seconds=120)  # a longer hold is not waited for: no key may stop a person from leaving
_FOLLOW_SECONDS = 10.0
_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What was said about sending on the command line."""

    yes: bool = False
    count: int | None = None
    no_wait: bool = False
    as_json: bool = False

    @property
    def asks(self) -> bool:
        """Tell whether the count is still to be typed."""
        return not self.yes and self.count is None


def send(client: Client, preview: Preview, how: Sending, *, action: str = "send") -> None:
    """Run the dialogue for a draft that was just made, or for one that waits (`action` send or approve)."""
    ident = preview.broadcast_id
    if not how.as_json:
        show_preview(preview, client.moment())
    if how.asks and (how.as_json or not is_terminal()):
        raise _NotAsked(
            f"not sent: the count must be typed at a terminal. Broadcast {ident} waits;"
            f" send it with: notifier broadcasts {action} {ident} --count {preview.customers}"
        )
    view = _ask(client, preview, action) if how.asks else _send(client, preview, how, action)
    if how.as_json:
        printing.answer(client.get(f"/v1/broadcasts/{ident}").body)
        return
    if view.state == "awaiting_approval":
        _tell_who_approves(view, preview)
        return
    _tell_and_wait(client, view, watched=not how.no_wait and is_terminal())


class _NotAsked(click.ClickException):
    """Nobody was there to type the count."""

    exit_code = 2


class _NotSent(click.ClickException):
    """A person decided against sending; the answer is no."""

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002 - Click's signature
        """Say it without calling it an error."""
        printing.line(self.message, style=WARN)


def _send(client: Client, preview: Preview, how: Sending, action: str) -> BroadcastView:
    count = preview.customers if how.count is None else how.count
    return client.post(f"/v1/broadcasts/{preview.broadcast_id}/{action}", {"count": count}).read(BroadcastView)


def _ask(client: Client, preview: Preview, action: str) -> BroadcastView:
    """Ask for the count until it is right; `q`, the end of input, Ctrl-C and a third wrong number leave."""
    left, verb = _TRIES, "approve" if action == "approve" else "send"
    while left:
        typed = _typed(f"Type {preview.customers} to {verb}, q to leave: ")
        if typed == "q":
            break
        if not typed:
            continue
        if typed.replace(",", "") != str(preview.customers):
            left -= 1
            printing.line(f"That is not the count: it is {preview.customers}, you typed {typed}.", style=WARN)
            continue
        try:
            return client.post(f"/v1/broadcasts/{preview.broadcast_id}/{action}", {"count": preview.customers}).read(
                BroadcastView
            )
        except Problem as problem:
            preview = _changed(client, preview, problem)
            left -= 1
    if action == "approve":
        raise _NotSent(f"Not approved. Broadcast {preview.broadcast_id} still waits; nobody was told.")
    _cancel_draft(client, preview.broadcast_id)
    raise _NotSent("Not sent, nobody was told. The draft is cancelled.")


def _typed(question: str) -> str:
    """Return what was typed; the end of input and Ctrl-C mean `q`."""
    try:
        return input(question).strip().lower()
    except (EOFError, KeyboardInterrupt):
        click.echo()
        return "q"


def _changed(client: Client, before: Preview, problem: Problem) -> Preview:
    """Show the new preview when the count is another by now; raise the problem when it is something else."""
    if problem.status != 409:
        raise problem
    with suppress(Problem):
        preview = client.get(f"/v1/broadcasts/{before.broadcast_id}/preview").read(Preview)
        if preview.customers != before.customers:
            printing.line(
                f"The number has changed meanwhile: {number(before.customers)} then, {number(preview.customers)} now.",
                style=WARN,
            )
            show_preview(preview, client.moment())
            return preview
    raise problem


def _cancel_draft(client: Client, ident: int) -> None:
    try:
        client.post(f"/v1/broadcasts/{ident}/cancel")
    except Problem as problem:
        raise _NotSent(
            f"Not sent, nobody was told; but draft {ident} could not be cancelled: {problem.format_message()}"
        ) from problem


def _tell_who_approves(view: BroadcastView, preview: Preview) -> None:
    printing.line(
        f"WAITS FOR APPROVAL: {plural(preview.customers, 'customer')} are more than the"
        f" {number(preview.audience_limit)} that one commander may have told alone. Nobody is told yet.",
        style=WARN,
    )
    printing.line(
        f"Who: anyone else with a key of role commander or manager, not {view.sent_by or 'the key that sent it'}."
    )
    printing.line(f"How: notifier broadcasts approve {view.id}", hang=5)
    printing.line(f"     notifier broadcasts reject {view.id} --reason TEXT", hang=5)


def _tell_and_wait(client: Client, view: BroadcastView, *, watched: bool) -> None:
    """Count down the time in which it can be taken back, or say until when and how."""
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
        _count_down(client, view)


def _count_down(client: Client, view: BroadcastView) -> None:
    pressed = False
    try:
        with Keyboard() as keyboard:
            pressed = _watch(client, view, keyboard.pressed)
    except KeyboardInterrupt:  # sent by another process: Ctrl-C itself is a key here
        pressed = True
    finally:
        click.echo()
    if pressed:
        _take_back(client, view.id)
    is_paused = client.get("/v1/status").read(StatusView).paused
    view = _shown(client, view.id) if is_paused else _followed(client, view.id)
    show_outcome(view, client.moment())
    if is_paused and not finished(view):
        printing.line("PAUSED: nothing is sent to anyone until: notifier resume-all", hang=8, style=BAD)


def _watch(client: Client, view: BroadcastView, pressed: Callable[[float], bool]) -> bool:
    """Count down until it begins; return whether a key was pressed."""
    begins: datetime | None = view.not_before_at
    while view.state == "sending" and view.started_at is None and begins is not None:
        left = (begins - client.moment().now).total_seconds()
        click.echo(f"\r{max(0, round(left)):>3} s, any key takes it back ... ", nl=False)
        if left <= 0:
            return False
        if pressed(min(_POLL_SECONDS, left)):
            return True
        with suppress(Problem):  # a daemon that is busy for a second does not end the countdown
            view = _shown(client, view.id)
            begins = view.not_before_at
    return False


def _take_back(client: Client, ident: int) -> NoReturn:
    view = _cancelled(client, ident)
    if view.started_at is None:
        raise _NotSent("Taken back. Nobody was told.")
    printing.line("Too late to take it back: it had begun. What had not left is stopped.", style=BAD)
    show_outcome(view, client.moment())
    raise click.exceptions.Exit(1)


def _cancelled(client: Client, ident: int) -> BroadcastView:
    """Cancel, and insist: the person has decided, and cancelling twice does no harm."""
    for _ in range(_TRIES - 1):
        try:
            return client.post(f"/v1/broadcasts/{ident}/cancel").read(BroadcastView)
        except Unreachable:
            time.sleep(_POLL_SECONDS / 4)
    return client.post(f"/v1/broadcasts/{ident}/cancel").read(BroadcastView)


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
        time.sleep(_POLL_SECONDS / 2)


def _shown(client: Client, ident: int) -> BroadcastView:
    return client.get(f"/v1/broadcasts/{ident}").read(BroadcastView)
