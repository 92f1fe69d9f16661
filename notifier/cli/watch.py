"""`notifier watch ID`: an incident as it goes on, on a screen that is drawn anew; one key leaves.

At a terminal the screen shows the card, what is being sent, what is owed and the last lines of the timeline. Without
one, each change is a plain line (with `--json` a document), until the incident is over or the command is stopped.
"""

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from datetime import datetime
from io import StringIO

import click

from notifier.cli import printing
from notifier.cli.broadcast_card import held_back, told
from notifier.cli.client import Client, Problem, Unreachable
from notifier.cli.happenings import sentence, show_entry
from notifier.cli.incident_card import show_incident
from notifier.cli.keyboard import Keyboard, is_terminal
from notifier.cli.options import connect, incident_argument, json_option
from notifier.cli.printing import BAD, DIM, STRONG, WARN, counts, paint, words
from notifier.cli.status import show_needs
from notifier.cli.times import Moment
from notifier.storage.views import BroadcastView, IncidentView, StatusView

_OVER = ("closed", "dismissed", "merged")
_ENTRIES = 6
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_OTHER_SCREEN, _FIRST_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


@click.command()
@incident_argument
@click.option(
    "--every",
    type=click.FloatRange(0.2, 3600),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often it is looked at.",
)
@json_option
def watch(incident_id: int, every: float, as_json: bool) -> None:
    """Watch an incident as it goes on; any key leaves.

    Without a terminal each change is a line, until it is over; with
    --json each state of it is one.

    Example: notifier watch 42
    """
    client = connect()
    client.get(f"/v1/incidents/{incident_id}").read(IncidentView)  # one that is none is said before the screen is taken
    if as_json or not is_terminal():
        _follow(client, incident_id, every, as_json=as_json)
        return
    click.get_current_context().color = True  # the page is made apart from the screen
    with _screen(), Keyboard() as keyboard:
        while True:
            _draw(_page(client, incident_id))
            if keyboard.pressed(every):
                return


# --- at a terminal ----------------------------------------------------------------------------------------------------


@contextmanager
def _screen() -> Iterator[None]:
    """Use a screen of its own, and give the one before back on every way out."""
    sys.stdout.write(_OTHER_SCREEN)
    try:
        yield
    finally:
        sys.stdout.write(_FIRST_SCREEN)
        sys.stdout.flush()


def _draw(page: str) -> None:
    """Draw a page over the last one; what does not fit is left out at its middle's end, never scrolled."""
    rows = shutil.get_terminal_size((printing.WIDEST, 24)).lines
    lines = page.splitlines()
    if len(lines) > rows:
        lines = [*lines[: rows - 1], paint("... more: notifier incidents show", DIM)]
    sys.stdout.write(_HOME + "".join(f"{line}{_CLEAR_LINE}\r\n" for line in lines[:-1]) + lines[-1] + _CLEAR_LINE)
    sys.stdout.write(_CLEAR_BELOW)
    sys.stdout.flush()


def _page(client: Client, incident_id: int) -> str:
    """Return the page of this moment, or why there is none: a daemon that restarts is waited for."""
    page = StringIO()
    with redirect_stdout(page):
        try:
            view = client.get(f"/v1/incidents/{incident_id}").read(IncidentView)
            status = client.get("/v1/status").read(StatusView)
        except (Problem, Unreachable) as error:
            printing.line(f"! {error.format_message()}", hang=2, style=BAD)
            printing.line("It is tried again. Any key leaves.", style=DIM)
        else:
            _show(view, status, client.moment())
    return page.getvalue().rstrip("\n")


def _show(view: IncidentView, status: StatusView, moment: Moment) -> None:
    clock = f"{moment.zone.show(moment.now):%H:%M:%S}"
    printing.line(f"{clock}  any key leaves" + ("  ALL PAUSED" if status.paused else ""), style=DIM)
    show_incident(view, moment)
    needs = [need for need in status.needs if need.incident_id == view.card.id]
    if needs:
        click.echo()
        show_needs(needs, moment)
    going = [each for each in view.broadcasts if each.state in ("sending", "paused", "awaiting_approval")]
    for each in going:
        click.echo()
        _sending(each, moment)
    if view.timeline:
        click.echo()
        for entry in view.timeline[-_ENTRIES:]:
            show_entry(entry, moment, broadcasts=view.broadcasts)


def _sending(view: BroadcastView, moment: Moment) -> None:
    said = f"Update {view.id} ({words(view.kind)}) is {words(view.state)}: told {told(view.progress)}"
    states = counts(view.progress.states)
    printing.line(said + (f"; messages: {states}" if states else ""), hang=4, style=STRONG)
    if view.started_at is None and view.not_before_at is not None and view.not_before_at > moment.now:
        printing.line(f"begins {moment.short(view.not_before_at)}", indent=4, style=WARN)
    if held := held_back(view.progress.waiting, moment):
        printing.line(f"wait: {held}", indent=4, hang=6)


# --- without one ------------------------------------------------------------------------------------------------------


def _follow(client: Client, incident_id: int, every: float, *, as_json: bool) -> None:
    """Print what changes, a line each, until the incident is over."""
    seen: tuple[object, ...] = ()
    entries: Sequence[tuple[datetime, str]] = ()
    while True:
        reply = client.get(f"/v1/incidents/{incident_id}")
        view = reply.read(IncidentView)
        now = (view.card.state, len(view.timeline), *(_state(each) for each in view.broadcasts))
        if as_json and now != seen:
            printing.answer(reply.body)
        elif not as_json:
            entries = _say_new(view, entries, seen, client.moment())
        seen = now
        sys.stdout.flush()
        if view.card.state in _OVER:
            return
        time.sleep(every)


def _say_new(
    view: IncidentView, before: Sequence[tuple[datetime, str]], seen: tuple[object, ...], moment: Moment
) -> Sequence[tuple[datetime, str]]:
    """Print the entries of the timeline that are new, and how far each update is that has moved on."""
    entries = [(each.at, sentence(each, moment)) for each in view.timeline]
    for at, said in entries:
        if (at, said) not in before:
            printing.line(f"{moment.clock(at)} #{view.card.id} {said}", hang=4)
    for each in view.broadcasts:
        if _state(each) not in seen and (each.started_at is not None or each.state != "draft"):
            states = counts(each.progress.states) or "none yet"
            printing.line(
                f"{moment.clock(moment.now)} #{view.card.id} update {each.id} {words(each.state)}: messages {states}",
                hang=4,
            )
    return entries


def _state(view: BroadcastView) -> tuple[object, ...]:
    return (view.id, view.state, *sorted(view.progress.states.items()))
