"""One broadcast for people: what it says, how far it is, and what was promised with it."""

from collections.abc import Sequence
from datetime import datetime

import click

from notifier.cli import printing
from notifier.cli.preview import not_told
from notifier.cli.printing import BAD, GOOD, WARN, number, phrase, plural, words
from notifier.cli.times import Moment, instant
from notifier.storage.views import BroadcastView, Progress, Waiting

_OPEN = ("pending", "sending", "in_doubt")
_GONE = ("sent", "delivered", "undelivered", "in_doubt", "held")  # handed over, or nobody knows
_STYLES = {"sending": WARN, "paused": BAD, "awaiting_approval": WARN, "completed": GOOD, "cancelled": BAD}
_TIMES = (
    ("eta_at", "ETA told"),
    ("next_update_by", "next update by"),
    ("restored_at", "back since"),
)


def finished(view: BroadcastView) -> bool:
    """Tell whether nothing of it is still to leave, but what waits for the morning."""
    if view.state != "sending":
        return True
    return view.progress.planned and view.started_at is not None and _under_way(view.progress) <= 0


def require_by_itself(view: BroadcastView) -> None:
    """Say before a count is typed that a broadcast goes with others of a storm, by one number."""
    if view.round_id is not None:
        raise click.ClickException(
            f"broadcast {view.id} goes with others of a storm, in round {view.round_id}, by one number: see notifier"
            f" event tell and event approve; leave it out of them with: notifier broadcasts cancel {view.id}"
        )


def _under_way(progress: Progress) -> int:
    """Return how many messages may go now and have not."""
    waiting = sum(each.messages for each in progress.waiting)
    return sum(progress.states.get(state, 0) for state in _OPEN) - waiting


def held_back(waiting: Sequence[Waiting], moment: Moment) -> str:
    """Return what waits, and until when: "232 until 08:00 (quiet hours)"."""
    return ", ".join(
        f"{number(each.messages)} until {moment.short(each.until)} ({words(each.reason)})" for each in waiting
    )


def show_broadcast(view: BroadcastView, moment: Moment, *, all_paused: bool = False) -> None:
    """Print the card of one broadcast; `all_paused` while `pause-all` holds it."""
    printing.heading(
        f"Broadcast {view.id}, {words(view.kind)}, incident #{view.incident_id}",
        words(view.state),
        style=_STYLES.get(view.state),
    )
    promised = [
        (label if view.started_at else label.removesuffix(" told"), moment.short(at))
        for name, label in _TIMES
        if (at := instant(view.facts.get(name)))
    ]
    printing.fields(
        [
            ("made", _by(view.created_at, moment, "the daemon by itself" if view.automatic else view.created_by)),
            ("sent", _by(view.sent_at, moment, view.sent_by)),
            ("approved", f"by {view.approved_by}" if view.approved_by else ""),
            ("alone", view.alone_reason),
            ("goes with", f"others of a storm, round {view.round_id}" if view.round_id is not None else ""),
            ("begins", _begins(view, moment, all_paused=all_paused)),
            ("began", _by(view.started_at, moment)),
            ("finished", _by(view.finished_at, moment)),
            ("why", rejection(view) or ("" if view.state == "completed" else words(view.reason))),
            ("cause", phrase(str(view.facts.get("cause") or ""))),
            ("crew", phrase(str(view.facts.get("crew") or ""))),
            *promised,
            ("told", _customers(view)),
            ("not told", not_told(view.progress.customers_not_told)),
            ("messages", printing.counts(view.progress.states) or "none yet"),
            ("wait", held_back(view.progress.waiting, moment)),
            ("in doubt", f"{number(view.progress.in_doubt_ever)} at some time" if view.progress.in_doubt_ever else ""),
        ]
    )
    if all_paused:
        show_pause()


def show_outcome(view: BroadcastView, moment: Moment) -> None:
    """Print in a few lines what a broadcast has done so far and what it promised."""
    states = view.progress.states
    sent = sum(states.get(state, 0) for state in ("sent", "delivered", "undelivered"))
    failed = states.get("failed", 0)
    waiting = _under_way(view.progress)
    doubt = states.get("held", 0)
    is_done = finished(view) and view.state in ("sending", "completed")
    text = f"{'done' if is_done else words(view.state)}: sent {number(sent)}, failed {number(failed)}"
    text += f", waiting {number(waiting)}" if waiting else ""
    text += f", held in doubt {number(doubt)}" if doubt else ""
    text += "" if view.progress.planned or view.state != "sending" else ", still finding recipients"
    printing.line(text[0].upper() + text[1:] + ".", style=BAD if failed or doubt else GOOD)
    if held := held_back(view.progress.waiting, moment):
        printing.line(f"Waiting: {held}.", hang=9)
    for name, label in _TIMES[:2]:
        if at := instant(view.facts.get(name)):
            printing.line(f"Promise: {label} {moment.short(at)}.")
    if not finished(view):
        printing.line(f"It goes on by itself. See how far: notifier broadcasts show {view.id}", hang=4)


def rejection(view: BroadcastView) -> str:
    """Return who said no to a broadcast, and why; nothing when nobody did."""
    if not view.rejected_by:
        return ""
    return f"rejected by {view.rejected_by}" + (f": {view.rejected_because}" if view.rejected_because else "")


def told(progress: Progress) -> str:
    """Return how many customers have been told: `up to` while messages for them wait, or have not left at all."""
    gone = sum(progress.states.get(state, 0) for state in _GONE)
    most = number(progress.customers_told) if gone else "0"
    return most if gone in (0, sum(progress.states.values())) else f"up to {most}"


def _customers(view: BroadcastView) -> str:
    told_of = f"{told(view.progress)} of {plural(view.expected_customers, 'customer')}"
    return told_of + ("" if view.progress.planned or view.state != "sending" else ", still finding recipients")


def show_pause() -> None:
    """Say that nothing leaves, and how it goes on."""
    printing.line("PAUSED: no customer is written to until: notifier resume-all", hang=8, style=BAD)


def _begins(view: BroadcastView, moment: Moment, *, all_paused: bool) -> str:
    """Return when a broadcast begins that has not; a time that has passed is none, whatever holds it up."""
    if view.state != "sending" or view.started_at or view.not_before_at is None:
        return ""
    if view.not_before_at > moment.now:
        return moment.short(view.not_before_at)
    return "when everything is resumed" if all_paused else "now"


def _by(at: datetime | None, moment: Moment, who: str | None = "") -> str:
    if at is None:
        return ""
    return moment.short(at) + (f" by {who}" if who else "")
