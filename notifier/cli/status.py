"""`notifier` without arguments (what needs a person) and `notifier status` (the daemon at a glance)."""

import click

from notifier.cli import printing
from notifier.cli.broadcast_card import held_back
from notifier.cli.incident_card import list_cards
from notifier.cli.options import connect, json_option
from notifier.cli.printing import BAD, GOOD, STRONG, WARN, number, paint, plural
from notifier.cli.times import Moment
from notifier.storage.views import Need, StatusView

_LABELS = {
    "paused_all": ("ALL PAUSED", BAD),
    "promise_missed": ("MISSED", BAD),
    "promise": ("PROMISE", BAD),
    "nobody_told": ("NOT TOLD", BAD),
    "cut_short": ("CUT SHORT", BAD),
    "delayed": ("DELAYED", WARN),
    "late_joiners": ("NEWCOMERS", WARN),
    "provider": ("PROVIDER", BAD),
    "source": ("SILENT", BAD),
    "clock": ("CLOCK", WARN),
    "feed": ("FEED", WARN),
    "ledger": ("LEDGER", BAD),
    "approval": ("APPROVAL", WARN),
    "rejected": ("REJECTED", BAD),
    "event": ("STORM", WARN),
    "suspected": ("SUSPECTED", WARN),
    "held": ("IN DOUBT", WARN),
    "credits": ("CREDITS", WARN),
    "credits_over_budget": ("BUDGET", BAD),
    "credits_held": ("NOT BILLED", BAD),
    "credits_failed": ("NOT BILLED", BAD),
    "alarm": ("ALARM", WARN),
    "complaints_again": ("AGAIN OUT?", WARN),
    "looks_over": ("OVER?", GOOD),
    "paused": ("PAUSED", BAD),
    "draft": ("DRAFT", None),
    "automatic": ("NOT YET", None),
}
_LABEL_CELLS = 12


@click.command(short_help="What needs a person, most urgent first.")
@json_option
def needs(as_json: bool) -> None:
    """Show what needs a person, most urgent first, with the commands to type."""
    client = connect()
    if as_json:
        printing.answer(client.get("/v1/needs").body)
        return
    status = client.get("/v1/status").read(StatusView)
    moment = client.moment()
    if status.needs:
        show_needs(status.needs, moment)
        return
    told = sum(card.told for card in status.incidents)
    printing.line("Nothing needs you.", style=GOOD)
    if status.incidents:
        printing.line(
            f"{plural(len(status.incidents), 'open incident')}, {plural(told, 'customer')} told:"
            " notifier incidents list"
        )


@click.command(short_help="The daemon at a glance.")
@json_option
def status(as_json: bool) -> None:
    """Show the daemon at a glance.

    What needs a person, open incidents, what is being sent, and whether
    every provider works.

    Example: notifier status
    """
    client = connect()
    reply = client.get("/v1/status")
    if as_json:
        printing.answer(reply.body)
        return
    view = reply.read(StatusView)
    moment = client.moment()
    printing.heading(f"Notifier {view.version} at {client.url}", "paused" if view.paused else "up", style=_mark(view))
    printing.fields(
        [
            ("clock", Moment(view.now, moment.zone).in_full(view.now).removesuffix(" (now)")),
            ("complaints", f"{number(view.complaints_last_hour)} in the last hour{_lag(view.detector_lag)}"),
            ("messages", printing.counts(view.notifications) or "none waiting"),
            ("waiting", held_back(view.waiting, moment)),
            ("providers", "; ".join(f"{name}: {state}" for name, state in sorted(view.providers.items()))),
        ]
    )
    click.echo()
    if view.needs:
        show_needs(view.needs, moment)
    else:
        printing.line("Nothing needs you.", style=GOOD)
    if view.incidents:
        click.echo()
        list_cards(view.incidents, moment)


def show_needs(found: list[Need], moment: Moment) -> None:
    """Print each need: what it is, when it is due, and what to type."""
    printing.line(f"{plural(len(found), 'thing needs', 'things need')} you", style=STRONG)
    for need in found:
        label, style = _LABELS.get(need.kind, (need.kind.upper().replace("_", " "), None))
        room = printing.columns() - _LABEL_CELLS
        due = f"due {moment.short(need.due_at)}" if need.due_at else ""
        lines = printing.wrap(moment.localised(need.text), width=room)
        if due:
            lines.append(due)
        if need.called:
            lines += printing.wrap(f"on call: {moment.localised(need.called)}", width=room, hang=9)
        if need.assigned_to:
            lines += printing.wrap(f"assigned to {need.assigned_to}", width=room, hang=4)
        if need.next:
            lines += printing.wrap(f"next: {_together(need.next)}", width=room, hang=6)
        click.echo(paint(f"{label:<{_LABEL_CELLS}}", style) + lines[0])
        for each in lines[1:]:
            click.echo(" " * _LABEL_CELLS + each)


def _together(commands: list[str]) -> str:
    """Write commands on one line, none of them torn: `notifier tell 42 | read 42 (their words) | dismiss 42`."""
    first, *rest = commands
    short = [first, *(each.removeprefix("notifier ") for each in rest)]
    said = [f"{each} (their words)" if " read " in f" {each}" else each for each in short]
    return " | ".join(each.replace(" ", "\u00a0") for each in said)


def _mark(view: StatusView) -> str:
    return BAD if view.paused or any(state != "up" for state in view.providers.values()) else GOOD


def _lag(behind: int) -> str:
    return f"; the detector is {number(behind)} behind" if behind else ""
