"""`notifier signals list`: the alarms of machines, what they are evidence of, and which are evidence nowhere."""

import click

from notifier.cli import printing
from notifier.cli.options import connect, json_option
from notifier.cli.printing import BAD, DIM, GOOD, WARN, number, plural
from notifier.cli.times import Moment
from notifier.storage.views import SignalView

_STYLES = {"open": BAD, "resolved": GOOD, "lapsed": WARN}
_LABELS_SHOWN = 12


@click.group(short_help="Alarms of machines: open ones, and where they are.")
def signals() -> None:
    """Show what machines report: device alarms, Alertmanager's alerts.

    They come by POST /v1/signals; docs/SIGNALS.md says how.
    """


@signals.command("list")
@click.option("--all", "ended", is_flag=True, help="Also those that are over.")
@click.option("--before", type=click.IntRange(1), metavar="ID", help="Only older ones than this.")
@json_option
def list_(ended: bool, before: int | None, as_json: bool) -> None:
    """List alarms, the newest first.

    Example: notifier signals list --all
    """
    client = connect()
    reply = client.get("/v1/signals", all=1 if ended else None, before=before)
    if as_json:
        printing.answer(reply.body)
        return
    moment, found = client.moment(), reply.read(list[SignalView])
    for signal in found:
        _show(signal, moment)
    if not found:
        printing.line("No alarm." if ended else "No alarm is open.", style=GOOD)


def said(signal: SignalView, moment: Moment) -> str:
    """Return an alarm in a few words: `OLT-7 since 02:49`, and when it was over."""
    text = f"{printing.safe(signal.name)} since {moment.clock(signal.started_at)}"
    if signal.ended_at is None:
        return text
    over = "over" if signal.state == "resolved" else "not reported any more,"
    return f"{text}, {over} {moment.clock(signal.ended_at)}"


def _show(signal: SignalView, moment: Moment) -> None:
    printing.heading(f"{signal.id} {printing.safe(signal.name)}", signal.state, style=_STYLES.get(signal.state))
    where = [printing.region(each) for each in signal.regions]
    if signal.sites:
        where.append(plural(signal.sites, "site"))
    labels = [f"{printing.safe(name)}={printing.safe(value)}" for name, value in sorted(signal.labels.items())]
    printing.fields(
        [
            ("since", moment.short(signal.started_at)),
            ("over", moment.short(signal.ended_at) if signal.ended_at else ""),
            ("service", printing.safe(signal.service)),
            ("where", ", ".join(where)),
            ("evidence of", ", ".join(f"#{each}" for each in signal.incidents)),
            ("nowhere", f"no evidence: {printing.safe(signal.why_not)}" if signal.why_not else ""),
            ("says", printing.safe(signal.summary)),
            ("labels", ", ".join(labels[:_LABELS_SHOWN])),
            ("reported", f"{plural(signal.times, 'time')}, last {moment.clock(signal.heard_at)}, {signal.source}"),
        ]
    )
    if signal.left_out:
        printing.line(
            f"Its sender cut off {number(signal.left_out)} alerts behind it: raise max_alerts.", indent=2, style=DIM
        )
