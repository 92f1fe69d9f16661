"""An explanation for people: what it means in words, then a plot, windows with their scores, and who counted.

The first lines are for a commander who was woken: what was seen, where how much is normal, and what came since. What
follows is for whoever doubts it.
"""

import sys
from collections.abc import Sequence
from datetime import datetime

import click

from notifier.cli import plot, printing
from notifier.cli.counting import why_not
from notifier.cli.printing import Column, number, plural, safe, words
from notifier.cli.times import Moment
from notifier.domain.cell import SPAN_US
from notifier.storage.explained import (
    CallerView,
    CellExplained,
    Explanation,
    RegionExplained,
    WindowView,
)

CALLERS_SHOWN = 12
_ROOM_FOR_THEN, _ROOM_FOR_ALL = 58, 70  # columns of the terminal
_STATE_STYLES = {"suspected": printing.WARN, "confirmed": printing.BAD, "resolved": printing.GOOD}


def show_explanation(explained: Explanation, moment: Moment) -> None:
    """Print an explanation."""
    incident, cell = explained.incident, explained.cell
    if incident is not None:
        title = f"#{incident.id} {incident.service}, {incident.place}"
        printing.heading(safe(title), incident.state, style=_STATE_STYLES.get(incident.state))
    elif cell is not None:
        printing.heading(f"{cell.service}, {printing.region(cell.region)}", cell.grade or "nothing unusual")
    first, *rest = explained.words
    printing.line(moment.localised(first), style=printing.STRONG)
    for each in rest:
        printing.line(moment.localised(each))
    if cell is not None:
        _plot(cell, moment, until=moment.now if incident is not None else cell.at)
        _windows(cell, moment)
        _callers(cell, moment, named=explained.customers_named)
    if explained.regions:
        _regions(explained.regions, moment)
        if explained.regions_left_out:
            printing.line(f"... and {plural(explained.regions_left_out, 'more region')}", indent=2)
    if incident is not None and cell is not None:
        region = cell.region.replace(" ", ":", 1)
        typed = f"'{region}'" if " " in region else region
        printing.line(f"How it is now: notifier detection explain {safe(typed)} {cell.service}", hang=4)


# --- the plot -------------------------------------------------------------------------------------------------------


def _plot(cell: CellExplained, moment: Moment, *, until: datetime) -> None:
    buckets = cell.buckets
    if not buckets:
        return
    signs = plot.signs(sys.stdout.encoding)
    length = buckets[1].from_at - buckets[0].from_at if len(buckets) > 1 else cell.at - buckets[0].from_at
    length *= plot.merged(len(buckets), printing.columns())
    _title(f"Complaints in {printing.region(cell.region)}, by {_minutes(length.total_seconds())}")
    behind = [n for n, bucket in enumerate(buckets) if bucket.from_at <= cell.at]
    is_over = bool(behind) and behind[-1] < len(buckets) - 1  # the plot goes on after the moment explained
    drawn = plot.plot(
        [bucket.observed for bucket in buckets],
        [bucket.expected for bucket in buckets],
        ends=(moment.clock(buckets[0].from_at), moment.clock(max(until, buckets[-1].from_at))),
        mark=(behind[-1], f"{moment.clock(cell.at)}, opened") if is_over else None,
        width=printing.columns(),
        signs=signs,
    )
    for line in drawn:
        click.echo(line)
    printing.line(plot.legend(signs), indent=2, hang=2)


# --- windows --------------------------------------------------------------------------------------------------------


def _windows(cell: CellExplained, moment: Moment) -> None:
    _title(f"Windows up to {moment.clock(cell.at)}")
    printing.table(
        [
            Column("WINDOW", gives=True),
            Column("COUNTED", right=True),
            Column("NORMAL", right=True),
            Column("SCORE", right=True),
        ],
        [
            [
                _window(each),
                number(each.observed),
                _few(each.expected),
                f"{each.score:.1f}" if each.score else "-",
            ]
            for each in cell.windows
        ],
    )
    for each in cell.nothing_normal:
        printing.line(moment.localised(each), indent=2, hang=2)
    usual = f"{_few(cell.normal_per_day)} a day are normal here"
    printing.line(f"longer than {_minutes(SPAN_US / 1_000_000)} decides nothing", indent=2)
    printing.line(
        f"likely from {number(cell.likely)}, certain from {number(cell.certain)}; {usual}; it takes "
        f"{plural(cell.customers_at_least, 'customer')} on file",
        indent=2,
        hang=2,
    )


def _window(window: WindowView) -> str:
    lasted = _minutes((window.until_at - window.from_at).total_seconds())
    if window.kind == "companion":
        return "1 h, by time of day"
    if window.kind == "most_surprising":
        return f"{lasted}, which decides"
    return f"last {lasted}"


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes % 60 or not minutes else f"{minutes // 60} h"


def _few(expected: float) -> str:
    return number(round(expected, 1)) if expected >= 1 else f"{expected:.2g}" if expected >= 0.01 else "<0.01"


# --- who counted ----------------------------------------------------------------------------------------------------


def _callers(cell: CellExplained, moment: Moment, *, named: bool) -> None:
    period = f"{moment.clock(cell.period_from)} to {moment.clock(cell.at)}"
    _title(f"Who counted, {period}: {number(cell.counted)}")
    if named:
        _list([each for each in cell.callers if each.counted], cell.counted, moment)
        if any(each.in_window for each in cell.callers):
            printing.line("* in the window that decides", indent=2)
    _title(f"Who did not, {period}: {number(sum(cell.not_counted.values()))}")
    printing.fields([(number(n), why_not(why)) for why, n in _by_number(cell.not_counted)])
    if named:
        _list([each for each in cell.callers if not each.counted], sum(cell.not_counted.values()), moment)
    else:
        printing.line("Who they are is shown to keys that may read customers.", indent=2)
    if cell.without_place:
        printing.line(f"And of {cell.service}, wherever it is:", indent=2)
        printing.fields([(number(n), why_not(why)) for why, n in _by_number(cell.without_place)])


def _list(callers: Sequence[CallerView], total: int, moment: Moment) -> None:
    if not callers:
        return
    shown = callers[:CALLERS_SHOWN]
    printing.table(
        [Column("AT", gives=True), Column("CUSTOMER"), Column("NAME", gives=True), Column("")],
        [
            [
                ("*" if each.in_window else " ") + moment.clock(each.at),
                each.customer or "not on file",
                each.name,
                words(each.not_counted) if each.not_counted else "" if each.verified else "not verified",
            ]
            for each in shown
        ],
        indent=2,
    )
    if total > len(shown):
        more = " (--json shows the newest 100)" if len(callers) > len(shown) else ""
        printing.line(f"... and {number(total - len(shown))} more{more}", indent=2)


def _by_number(reasons: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))


# --- regions of an incident -----------------------------------------------------------------------------------------


def _regions(regions: Sequence[RegionExplained], moment: Moment) -> None:
    _title("Regions, when they came in, and how they are now")
    titles = [Column("REGION", gives=True), Column("NOW"), Column("THEN"), Column("IN"), Column("ROLE")]
    shown = 2 if printing.columns() < _ROOM_FOR_THEN else 3 if printing.columns() < _ROOM_FOR_ALL else len(titles)
    printing.table(titles[:shown], [_region(each, moment)[:shown] for each in regions])
    said = "THEN, NOW" if shown > 2 else "NOW"
    printing.line(f"{said}: counted / normal in the window that decides", indent=2, hang=2)


def _region(each: RegionExplained, moment: Moment) -> list[str]:
    opened, now = each.opened, each.now
    return [
        printing.region(each.region),
        "quiet" if now is None else _of(now.observed, now.expected, each.grade),
        "" if opened is None else _of(opened.observed, opened.expected, opened.grade),
        "" if opened is None else moment.clock(opened.at),
        words(each.role) or "left",
    ]


def _of(observed: int, expected: float, grade: str) -> str:
    normal = f"{expected:.1g}" if 0.01 <= expected < 0.95 else _few(expected)
    return f"{number(observed)} / {normal}" + (f" {grade}" if grade else "")


def _title(text: str) -> None:
    click.echo()
    printing.line(text, style=printing.STRONG)
