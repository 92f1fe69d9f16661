"""A round for people: the check page of several incidents that one number tells, and what became of them.

One line per incident, then what is to be known of all of them together: each customer counted once, every message
counted as it leaves.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import click

from notifier.cli import check_page, printing
from notifier.cli.broadcast_card import held_back
from notifier.cli.client import Client
from notifier.cli.printing import BAD, GOOD, STRONG, WARN, Column, number, plural, safe, words
from notifier.cli.times import Moment
from notifier.cli.unreached import joined, save_unreached
from notifier.storage.views import LeftOut, Preview, RoundLine, RoundPreview, RoundView

_KEYS = "p all texts   x ID leaves an incident out"
_GONE = ("sent", "delivered", "undelivered")
_OPEN = ("pending", "sending", "in_doubt")


def show_round(client: Client, seen: RoundPreview, moment: Moment) -> None:
    """Print the check page of a round."""
    title = f"{safe(seen.event)}: {plural(len(seen.lines), 'incident')}, {plural(seen.customers, 'customer')}"
    printing.heading(title, style=STRONG)
    printing.table(
        [
            Column("id", right=True),
            Column("place", gives=True),
            Column("says"),
            Column("customers", right=True),
            Column("no way", right=True),
            Column("next word"),
        ],
        [
            [
                f"#{line.incident_id}",
                safe(line.place),
                words(line.kind),
                number(line.customers),
                number(line.no_way) if line.no_way else "",
                "" if line.promised_by is None else moment.clock(line.promised_by),
            ]
            for line in seen.lines
        ],
    )
    show_left_out(seen.left_out, seen.more)
    if seen.in_several:
        printing.line(
            f"{plural(seen.in_several, 'customer is', 'customers are')} in several of them: counted once, and told of"
            " each; the second message waits where they were told enough lately.",
            hang=4,
        )
    checked = check_page.Checked(
        take_back=timedelta(seconds=seen.take_back_seconds),
        promise=min((line.promised_by for line in seen.lines if line.promised_by is not None), default=None),
        save=lambda preview: _save(client, seen, preview),
    )
    check_page.show_check(seen, moment, checked, label="Check", keys=_KEYS)


def show_left_out(left_out: list[LeftOut], more: int = 0) -> None:
    """Say which incidents are not in it, and why."""
    for each in left_out:
        printing.line(f"! #{each.incident_id} is left out: {safe(each.why)}", hang=4, style=WARN)
    if more:
        printing.line(f"! {plural(more, 'more incident')} for the next round: there is no room in one", style=WARN)


def show_done(view: RoundView, moment: Moment) -> None:
    """Print in a few lines what a round has done so far, what it promised, and what of it was stopped."""
    sent = sum(view.states.get(state, 0) for state in _GONE)
    failed, held = view.states.get("failed", 0), view.states.get("held", 0)
    left = under_way(view)
    what = "done" if view.state in ("sending", "completed") and is_finished(view) else words(view.state)
    text = f"{what}: {plural(len(going(view)), 'incident')}, sent {number(sent)}, failed {number(failed)}"
    text += f", waiting {number(left)}" if left > 0 else ""
    text += f", held in doubt {number(held)}" if held else ""
    text += "" if view.planned or view.state != "sending" else ", still finding recipients"
    printing.line(text[0].upper() + text[1:] + ".", style=BAD if failed or held else GOOD)
    if view.waits:
        printing.line(f"Waiting: {held_back(view.waits, moment)}.", hang=9)
    by = min((line.promised_by for line in view.lines if line.promised_by is not None), default=None)
    if going(view) and by is not None:
        printing.line(f"Promise: the next word by {moment.short(by)}.")
    if not is_finished(view):
        printing.line(f"It goes on by itself. See how far: notifier event show {view.event_id}", hang=4)


def show_stopped(view: RoundView) -> None:
    """Say what was taken back before anybody heard, and what had begun."""
    back = [line for line in view.lines if line.reason == "taken_back"]
    begun = [line for line in view.lines if line.started_at is not None and line.state == "cancelled"]
    over = [line for line in view.lines if line.state == "completed"]
    if not begun and not over:
        printing.line("Taken back. Nobody was told.", style=WARN)
    elif back:
        printing.line(f"Taken back, nobody was told: {_named(back)}.", hang=4, style=WARN)
    if begun:
        printing.line(f"Too late, it had begun; what had not left is stopped: {_named(begun)}.", hang=4, style=BAD)
    if over:
        printing.line(f"Told before it could be stopped: {_named(over)}.", hang=4, style=BAD)
    if back:
        stay = "stays" if len(back) == 1 else "stay"
        printing.line(f"{_named(back)} {stay} confirmed. Next: notifier event tell {view.event_id}", hang=4)


def is_finished(view: RoundView) -> bool:
    """Tell whether nothing of it is still to leave, but what waits for its hour."""
    if view.state != "sending":
        return True
    return view.planned and view.started_at is not None and under_way(view) <= 0


def under_way(view: RoundView) -> int:
    """Return how many messages may go now and have not."""
    return sum(view.states.get(state, 0) for state in _OPEN) - sum(each.messages for each in view.waits)


def going(view: RoundView) -> list[int]:
    """Return the incidents of a round that are told."""
    return [line.incident_id for line in view.lines if line.state in ("sending", "paused", "completed")]


def _named(lines: Sequence[RoundLine]) -> str:
    return ", ".join(f"#{line.incident_id}" for line in lines)


def _save(client: Client, seen: RoundPreview, preview: Preview) -> str:
    """Keep the list of those with no way to be reached in a file that only its owner may read; return its name."""
    del preview
    path = Path(f"unreachable-round-{seen.round_id}.csv")
    try:
        short = [line.broadcast_id for line in seen.lines if line.no_way]
        save_unreached(joined(client.lines(f"/v1/broadcasts/{which}/unreached") for which in short), path)
    except (OSError, click.ClickException) as error:
        reason = error.format_message() if isinstance(error, click.ClickException) else error.strerror or str(error)
        see = "notifier broadcasts unreached " + str(seen.broadcast_id)
        printing.note(f"who cannot be reached is not saved: {reason}; see it per incident, such as: {see}")
        return ""
    return str(path)
