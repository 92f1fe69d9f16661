"""`notifier oops ID`: what was just sent is wrong. Stop what has not left, correct those who heard, or both.

Stopping tells nobody. A correction says that it was our mistake and ends the incident; it is a draft like any other,
with its number typed and time to take it back.
"""

from dataclasses import dataclass
from typing import Any

import click
import msgspec

from notifier.cli import drafting, printing
from notifier.cli.client import Client, Problem
from notifier.cli.dialogue import NotAsked, typed
from notifier.cli.keyboard import is_terminal
from notifier.cli.options import connect, incident_argument, json_option, sending_options
from notifier.cli.printing import GOOD, STRONG, WARN, number, plural, words
from notifier.cli.take_back import NotSent
from notifier.cli.times import Moment
from notifier.storage.views import BroadcastView, IncidentView

_UNDER_WAY = ("sending", "paused", "awaiting_approval")
_TRIES = 3
_CONFLICT = 409
_CHOICES = {"1": "stop", "2": "correct", "3": "both"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What of an incident can still be stopped, and who has heard."""

    view: IncidentView
    under_way: list[BroadcastView]
    unsent: int
    heard: int

    @property
    def may_correct(self) -> bool:
        """Tell whether somebody heard, and nobody has corrected it yet."""
        return self.heard > 0 and self.view.card.state != "dismissed"


@click.command()
@incident_argument
@click.option("--stop", "choice", flag_value="stop", help="Stop what is not sent; tells nobody.")
@click.option("--correct", "choice", flag_value="correct", help="Tell those who heard that it was a mistake.")
@click.option("--both", "choice", flag_value="both", help="Stop, then correct.")
@sending_options
@json_option
def oops(incident_id: int, choice: str | None, **options: Any) -> None:
    """Take back what was told by mistake: stop, correct, or both.

    1 stops what is not sent. 2 tells those who heard that it was our
    mistake, and ends the incident. 3 does both. If only a time or a
    cause was wrong: notifier tell ID.

    For scripts: --stop, --correct or --both, with --yes or --count N
    (of --stop the messages, else the customers).

    Example: notifier oops 42
    """
    client = connect()
    state = _state(client, incident_id)
    as_json = bool(options["as_json"])
    asks = not options["yes"] and options["count"] is None
    if not as_json:
        _show(state)
    _require_something(state, choice, client.moment())
    if asks and (as_json or not is_terminal()):
        how = "--stop, --correct or --both, and --yes or --count N" if choice is None else "--yes or --count N"
        raise NotAsked(f"nothing was done: the count must be typed at a terminal, or given with {how}")
    if choice is None:
        choice = _asked(state) if asks else None
    if choice is None:
        raise click.UsageError("say what is to be done: --stop, --correct or --both")
    if choice in ("stop", "both"):
        _stop(client, state, options, asks=asks, goes_on=choice == "both")
    if choice in ("correct", "both"):
        _correct(client, incident_id, options)


def _state(client: Client, incident_id: int) -> _State:
    view = client.get(f"/v1/incidents/{incident_id}").read(IncidentView)
    under_way = [each for each in view.broadcasts if each.state in _UNDER_WAY]
    return _State(view=view, under_way=under_way, unsent=sum(unsent(each) for each in under_way), heard=view.card.told)


def unsent(view: BroadcastView) -> int:
    """Return how many messages of a broadcast have not left, as far as that is known: before it begins, all."""
    if view.started_at is None:
        return view.expected_customers
    planned = sum(view.progress.states.values())
    to_come = 0 if view.progress.planned else max(0, view.expected_customers - planned)
    return view.progress.states.get("pending", 0) + to_come


def _show(state: _State) -> None:
    card = state.view.card
    printing.line(f"#{card.id} {card.service}, {card.place}", style=STRONG)
    for each in state.under_way:
        said = f"broadcast {each.id} ({words(each.kind)}, {words(each.state)}): {number(unsent(each))} not sent"
        printing.line(said, indent=2, hang=4)
    printing.line(f"{plural(state.heard, 'customer')} heard", indent=2)


def _require_something(state: _State, choice: str | None, moment: Moment) -> None:
    """Refuse what there is nothing of."""
    ident = state.view.card.id
    if state.view.card.state == "dismissed" and (choice in ("correct", "both") or not state.under_way):
        raise NotSent(f"#{ident} {_ended(state, moment)}: nothing to do.")
    if not state.under_way and not state.heard:
        raise click.ClickException(f"nothing of #{ident} is on its way, and nobody has heard of it")
    if choice in ("stop", "both") and not state.under_way:
        raise click.ClickException(f"nothing of #{ident} is on its way; correct those who heard: --correct")
    if choice in ("correct", "both") and not state.heard:
        raise click.ClickException(f"nobody has heard of #{ident}; stop what is not sent: --stop")


def _ended(state: _State, moment: Moment) -> str:
    """Say when those who heard were told that it was a mistake, or that there was nobody to tell."""
    corrections = [each.started_at for each in state.view.broadcasts if each.kind == "correction" and each.started_at]
    at, done = (corrections[-1], "corrected") if corrections else (state.view.dismissed_at, "dismissed")
    return f"was {done} at {moment.clock(at)}" if at else f"is {done}"


def _asked(state: _State) -> str:
    """Ask what is to be done, of what can be done."""
    offers = {}
    if state.under_way:
        offers["1"] = f"1) stop what is not sent ({number(state.unsent)})"
    if state.may_correct:
        offers["2"] = f"2) correct the {number(state.heard)} who heard"
    if len(offers) == len(("1", "2")):
        offers["3"] = "3) both"
    printing.line("  ".join(each.replace(" ", "\u00a0") for each in offers.values()))
    for _ in range(_TRIES):
        answer = typed(f"Which? {', '.join(offers)}, q to leave: ")
        if answer in offers:
            return _CHOICES[answer]
        if answer == "q":
            break
        if answer:
            printing.line(f"'{answer}' is not offered: type {' or '.join(offers)}, or q to leave.", style=WARN)
    raise NotSent("Nothing was done.")


def _stop(client: Client, state: _State, options: dict[str, Any], *, asks: bool, goes_on: bool) -> None:
    """Stop every update of the incident that is under way, after the number was typed."""
    count = options["count"]
    if asks:
        _confirm(state.unsent)
    elif not goes_on and count is not None and count != state.unsent:
        raise click.ClickException(f"nothing was stopped: {state.unsent} have not left, and --count says {count}")
    stopped = [_stopped(client, each) for each in state.under_way]
    if options["as_json"]:
        printing.answer(msgspec.json.encode(stopped))
        return
    for each in stopped:
        if each.state != "cancelled":
            printing.line(f"Broadcast {each.id} is {words(each.state)} already.", style=WARN)
        elif each.started_at is None:
            printing.line(f"Broadcast {each.id} is taken back. Nobody was told by it.", style=GOOD)
        else:
            left = number(unsent(each) + each.progress.states.get("cancelled", 0))
            printing.line(f"Broadcast {each.id} is stopped: {left} do not hear of it.", style=GOOD)
    if not goes_on and state.may_correct:
        ident = state.view.card.id
        printing.line(f"Who heard was promised the next word. Tell them: notifier tell {ident}")
        printing.line(f"If nothing of it is true: notifier oops {ident} --correct")


def _stopped(client: Client, view: BroadcastView) -> BroadcastView:
    """Stop one update; of one that has ended meanwhile return how it ended."""
    try:
        return client.post(f"/v1/broadcasts/{view.id}/cancel").read(BroadcastView)
    except Problem as problem:
        if problem.status != _CONFLICT:
            raise
        return client.get(f"/v1/broadcasts/{view.id}").read(BroadcastView)


def _confirm(unsent_now: int) -> None:
    for _ in range(_TRIES):
        answer = typed(f"Type {unsent_now} to stop, q to leave: ")
        if answer == "q":
            break
        if answer.replace(",", "") == str(unsent_now):
            return
        if answer:
            printing.line(f"That is not the count: it is {unsent_now}, you typed {answer}.", style=WARN)
    raise NotSent("Nothing was stopped.")


def _correct(client: Client, incident_id: int, options: dict[str, Any]) -> None:
    """Tell those who heard that it was a mistake."""
    if not options["as_json"]:
        printing.line("The correction says that it was our mistake, and ends the incident.")
    drafting.tell(client, f"/v1/incidents/{incident_id}/dismiss", {}, options)
