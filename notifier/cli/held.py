"""The dialogue about all held messages of a broadcast: how many, what each decision risks, and their number typed.

In: a broadcast and what to do with what is held of it. A number that is another by now is refused by the daemon.
"""

from dataclasses import dataclass

import click

from notifier.cli import printing
from notifier.cli.client import Client
from notifier.cli.dialogue import NotAsked, typed
from notifier.cli.keyboard import is_terminal
from notifier.cli.printing import WARN, plural, words
from notifier.cli.take_back import NotSent
from notifier.storage.views import BroadcastView

_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is decided about held messages, in words."""

    action: str  # of the API
    verb: str  # Type 41 to ...
    risk: str
    done: str
    not_done: str


RESEND = Decision(
    action="resend",
    verb="send them again",
    risk="Sent again, perhaps they hear twice.",
    done="will be sent again",
    not_done="Not sent again",
)
ABANDON = Decision(
    action="abandon",
    verb="give them up",
    risk="Given up, perhaps they never hear.",
    done="will not be sent again",
    not_done="Not given up",
)


def settle_all(
    client: Client, broadcast_id: int, decision: Decision, *, yes: bool, count: int | None, as_json: bool
) -> None:
    """Show what is held of a broadcast, ask for the number unless it was given, and settle it."""
    view = client.get(f"/v1/broadcasts/{broadcast_id}").read(BroadcastView)
    held = view.progress.states.get("held", 0)
    if held == 0:
        raise click.ClickException(f"broadcast {broadcast_id} has no held messages")
    asks = not yes and count is None
    if not as_json:
        messages = plural(held, "message")
        printing.line(
            f"{messages} of broadcast {broadcast_id} ({words(view.kind)}, incident #{view.incident_id}) may or may not"
            f" have arrived. {decision.risk}"
        )
    if asks and (as_json or not is_terminal()):
        raise NotAsked(
            f"nothing was done: the count must be typed at a terminal. Or: notifier notifications {decision.action}"
            f" --broadcast {broadcast_id} --all --count {held}"
        )
    if asks:
        _ask(held, decision)
    reply = client.post(
        f"/v1/broadcasts/{broadcast_id}/held/{decision.action}", {"count": held if count is None else count}
    )
    if as_json:
        printing.answer(reply.body)
        return
    printing.line(f"{plural(held, 'message')} {decision.done}.")


def _ask(held: int, decision: Decision) -> None:
    """Ask for the number until it is right; `q`, the end of input, Ctrl-C and a third wrong number leave."""
    left = _TRIES
    while left:
        answer = typed(f"Type {held} to {decision.verb}, q to leave: ")
        if answer == "q":
            break
        if answer.replace(",", "") == str(held):
            return
        if answer:
            left -= 1
            printing.line(f"That is not the count: it is {held}, you typed {answer}.", style=WARN)
    raise NotSent(f"{decision.not_done}; they are still held.")
