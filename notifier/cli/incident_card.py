"""Incidents for people: a line in a table, the card of one, and what explains it.

What is printed first is what a commander acts on: what, where, since when, how many, and what is owed by when.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from notifier.cli import parts, printing
from notifier.cli.broadcast_card import rejection, told
from notifier.cli.happenings import show_entry
from notifier.cli.place_doubts import show_doubts
from notifier.cli.printing import BAD, GOOD, WARN, Column, number, phrase, plural, words
from notifier.cli.signals import said as said_of_alarm
from notifier.cli.times import Moment
from notifier.domain.text import expectation
from notifier.storage.views import (
    BroadcastView,
    EvidenceView,
    IncidentCard,
    IncidentView,
    LooksOverView,
    PromiseView,
    RegionView,
    TimelineEntry,
)

EVENTS_SHOWN = 15
GROWN_SHOWN = 3
ALARMS_SHOWN = 3
GROWN = "now_also"  # in the timeline: a region that has begun to complain since

_STATE_STYLES = {"suspected": WARN, "confirmed": BAD, "resolved": GOOD, "closed": GOOD}
_OWING = ("scheduled", "suspected", "confirmed")  # of others nothing is promised any more
_REGIONS_SHOWN = 12


def list_cards(cards: Sequence[IncidentCard], moment: Moment) -> None:
    """Print a table of incidents with the next time each of them owes: an ETA, or the next update."""
    printing.table(
        [
            Column("ID", right=True),
            Column("STATE"),
            Column("WHAT", gives=True),
            Column("AFFECTED", right=True),
            Column("TOLD", right=True),
            Column("DUE"),
        ],
        [
            [
                str(card.id),
                card.state,
                f"{card.service}, {card.place}",
                number(card.customers),
                number(card.told),
                _due(card, moment),
            ]
            for card in cards
        ],
    )


def show_incident(view: IncidentView, moment: Moment) -> None:
    """Print the card of one incident: what, where, since when, how many, and what is owed."""
    card = view.card
    printing.heading(
        f"#{card.id} {card.service} {words(card.impact)}, {card.place}",
        card.state,
        style=_STATE_STYLES.get(card.state),
    )
    sites = plural(view.sites, "site") + (
        f", {number(view.priority_sites)} of them priority" if view.priority_sites else ""
    )
    printing.fields(
        [
            ("since", "" if card.window_from_at else moment.short(card.started_at)),
            ("planned", _window(card, moment)),
            ("opened", f"{moment.short(card.opened_at)} by {card.opened_by}"),
            ("confirmed", _when(view.confirmed_at, moment, view.confirmed_by)),
            ("resolved", _when(view.resolved_at, moment)),
            ("closed", _when(view.closed_at, moment)),
            ("dismissed", _when(view.dismissed_at, moment, *_dismissal(view))),
            ("merged", f"into #{view.merged_into}" if view.merged_into else ""),
            ("now also", _now_also(view.timeline)),
            ("assigned", card.assigned_to),
            ("affected", f"{plural(card.customers, 'customer')} at {sites}"),
            ("told", plural(card.told, "customer") if card.told else "nobody yet"),
            ("sent alone", _alone(view)),
            ("they wrote", _wrote(view.replies)),
            ("service", words(card.part_state)),
            *parts.rows(view.parts, moment),
            ("alarm", _alarms(view, moment)),
            ("looks over", _looks_over(view.looks_over, moment)),
            ("cause", phrase(view.cause) or "not known yet"),
            ("crew", phrase(view.crew)),
            ("ETA", _when(card.eta_at, moment) if card.state in _OWING else ""),
            ("update by", _when(card.next_update_by, moment) if card.state in _OWING else ""),
            ("playbook", f"{view.playbook}, mode {view.mode}"),
        ]
    )
    show_doubts(view.doubts)


def _alarms(view: IncidentView, moment: Moment) -> str:
    """Return the alarms that are evidence of it, beside how many people complain: `OLT-7 since 02:49; 3 people`."""
    shown = [said_of_alarm(each, moment) for each in view.signals[:ALARMS_SHOWN]]
    if len(view.signals) > ALARMS_SHOWN:
        shown.append(f"{number(len(view.signals) - ALARMS_SHOWN)} more: notifier signals list")
    people = max((each.distinct_customers for each in view.evidence), default=0)
    return "; ".join([*shown, plural(people, "person", "people")] if shown and people else shown)


def _alone(view: IncidentView) -> str:
    """Return which updates went without the second person they needed, by whom and why."""
    return "; ".join(
        f"broadcast {each.id} by {each.sent_by}, {plural(each.expected_customers, 'customer')}: {each.alone_reason}"
        for each in view.broadcasts
        if each.alone_reason
    )


def _looks_over(seen: LooksOverView | None, moment: Moment) -> str:
    """Return why it looks over, and that a person has to say so."""
    if seen is None:
        return ""
    said = f"; {number(seen.said_on)} say ON, {number(seen.said_out)} OUT" if seen.said_on or seen.said_out else ""
    if seen.alarms_over:
        said = f"{said}; alarm {', '.join(printing.safe(each) for each in seen.alarms_over)} over"
    return (
        f"{seen.chance:.0%}, since about {moment.clock(seen.since)}: {plural(seen.complaints, 'complaint')} since,"
        f" {number(seen.if_still_out)} were to come if it were still out{said}"
    )


def _wrote(replies: Mapping[str, int]) -> str:
    """Return how many people answered what: OUT and ON first, which say how it is."""
    first = [name for name in ("out", "on", "complaint") if name in replies]
    names = [*first, *sorted(set(replies) - set(first))]
    return ", ".join(f"{words(name).upper()} {number(replies[name])}" for name in names)


def show_rejections(view: IncidentView, reader: str) -> None:
    """Say to which updates a second person said no, until somebody has done something about it."""
    for each in view.broadcasts:
        if each.id in view.rejected:
            whose = "Your" if each.sent_by == reader else f"{each.sent_by}'s"
            said = f"{whose} broadcast {each.id} ({words(each.kind)}) was {rejection(each)}."
            printing.line(said.replace("..", "."), style=BAD)
            printing.line(f"Send another update, or let it rest: notifier broadcasts cancel {each.id}", hang=4)


def show_history(view: IncidentView, moment: Moment, *, events_at_most: int | None) -> None:
    """Print where it is, why it was opened, what was promised and told, and the end of its timeline (None = whole)."""
    _regions(view.regions)
    _evidence(view.evidence, moment)
    if view.evidence:
        printing.line(f"why: notifier detection explain {view.card.id}", indent=2, style=printing.DIM)
    show_promises(view.promises, moment)
    _broadcasts(view.broadcasts, moment)
    _timeline(view.timeline, moment, events_at_most, view.broadcasts)


def show_promises(promises: Sequence[PromiseView], moment: Moment) -> None:
    """Print what was promised and what became of it."""
    if not promises:
        return
    _title("Promises")
    printing.table(
        [Column("MADE"), Column("PROMISED"), Column("BY"), Column("OUTCOME", gives=True)],
        [
            [
                moment.clock(each.made_at),
                "service back" if each.kind == "eta" else words(each.kind),
                moment.short(each.due_at) if each.state == "open" else moment.clock(each.due_at),
                each.state
                + (f" {moment.clock(each.ended_at)}" if each.ended_at else "")
                + (f", {each.automatic_in_row} in a row by itself" if each.automatic_in_row else ""),
            ]
            for each in promises
        ],
        indent=2,
    )


def _regions(regions: Sequence[RegionView]) -> None:
    place = [each for each in regions if each.role == "place"]
    attached = [each for each in regions if each.role != "place"]
    if regions:
        _title("Regions")
        printing.fields([("place", _named(place)), ("evidence in", _named(attached))])


def _named(regions: Sequence[RegionView]) -> str:
    shown = [printing.region(f"{each.kind} {each.code}") + (f" ({each.name})" if each.name else "") for each in regions]
    more = len(shown) - _REGIONS_SHOWN
    return ", ".join(shown[:_REGIONS_SHOWN]) + (f" and {number(more)} more" if more > 0 else "")


def _evidence(evidence: Sequence[EvidenceView], moment: Moment) -> None:
    if not evidence:
        return
    _title("Evidence")
    printing.table(
        [
            Column("WHERE", gives=True),
            Column("SEEN", right=True),
            Column("USUAL", right=True),
            Column("SCORE", right=True),
            Column("PEOPLE", right=True),
            Column("GRADE"),
            Column("SINCE"),
        ],
        [
            [
                printing.region(each.region),
                number(each.observed),
                number(each.expected),
                number(round(each.score, 1)),
                f"{number(each.distinct_customers)} ({number(each.verified)})",
                each.grade,
                moment.clock(each.window_from),
            ]
            for each in evidence
        ],
        indent=2,
    )
    printing.line("people: distinct, verified in brackets", indent=2, style=printing.DIM)


def _broadcasts(broadcasts: Sequence[BroadcastView], moment: Moment) -> None:
    if not broadcasts:
        return
    _title("Broadcasts")
    printing.table(
        [
            Column("ID", right=True),
            Column("WHEN"),
            Column("SAYS", gives=True),
            Column("STATE"),
            Column("TOLD", right=True),
            Column("MESSAGES", gives=True),
        ],
        [
            [
                str(each.id),
                moment.clock(each.started_at or each.sent_at or each.created_at),
                words(each.kind) + (" (by itself)" if each.automatic else ""),
                words(each.state),
                told(each.progress),
                printing.counts(each.progress.states),
            ]
            for each in broadcasts
        ],
        indent=2,
    )


def _timeline(
    entries: Sequence[TimelineEntry], moment: Moment, at_most: int | None, broadcasts: Sequence[BroadcastView]
) -> None:
    if not entries:
        return
    shown = entries if at_most is None else entries[-at_most:]
    _title("Timeline")
    if len(shown) < len(entries):
        printing.line(f"... {number(len(entries) - len(shown))} earlier: --timeline", indent=2)
    for each in shown:
        show_entry(each, moment, indent=2, broadcasts=broadcasts)


def _now_also(timeline: Sequence[TimelineEntry]) -> str:
    return "; ".join([_grown(each) for each in timeline if each.event == GROWN][-GROWN_SHOWN:])


def _grown(entry: TimelineEntry) -> str:
    """Return which region has begun to complain, and what shows it: `94110: 6 distinct, 0.4 expected`."""
    detail: dict[str, Any] = entry.detail
    said = f"{detail['now_also']}: {detail['distinct']} distinct, {expectation(detail['expected'])} expected"
    return said + (f" (incident {detail['incident']})" if "incident" in detail else "")


def _window(card: IncidentCard, moment: Moment) -> str:
    """Return the time of planned work: `27 Jun 09:00 to 13:00, begins in 2 h`."""
    if card.window_from_at is None or card.window_until_at is None:
        return ""
    if card.state == "scheduled":
        said = f", begins {moment.distance(card.window_from_at)}"
    else:
        said = f", ends {moment.distance(card.window_until_at)}" if card.window_until_at > moment.now else ", over"
    return f"{moment.clock(card.window_from_at)} to {moment.clock(card.window_until_at)}{said}"


def _due(card: IncidentCard, moment: Moment) -> str:
    if card.state == "scheduled" and card.window_from_at is not None:
        return f"begins {moment.clock(card.window_from_at)}, {moment.distance(card.window_from_at)}"
    if card.part_state == "believed_back":
        return "believed back"
    due = min((at for at in (card.eta_at, card.next_update_by) if at), default=None)
    if due is None or card.state not in _OWING:
        return ""
    what = "ETA " if due == card.eta_at else ""
    return f"{what}{moment.clock(due)}, {moment.distance(due)}"


def _when(at: datetime | None, moment: Moment, who: str | None = "", why: str = "") -> str:
    if at is None:
        return ""
    return moment.short(at) + (f" by {who}" if who else "") + (f", {why}" if why else "")


def _dismissal(view: IncidentView) -> tuple[str | None, str]:
    """Return who dismissed it and, of the daemon, why: of a person the note in the timeline says it."""
    return view.dismissed_by, words(view.dismiss_reason or "") if view.dismiss_reason != "by_person" else ""


def _title(text: str) -> None:
    click.echo()
    printing.line(text, style=printing.STRONG)
