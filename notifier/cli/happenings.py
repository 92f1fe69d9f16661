"""What happened to an incident, as sentences: for its card, its timeline, and who watches it.

Every kind of entry that the daemon writes has a sentence here; one that is newer than this program is shown by its name
and what is with it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import click

from notifier.cli import printing
from notifier.cli.broadcast_card import told
from notifier.cli.printing import DIM, number, plural, words
from notifier.cli.times import Moment, instant
from notifier.domain.evidence_words import seen
from notifier.domain.on_call import person_behind
from notifier.domain.text import expectation
from notifier.storage.views import BroadcastView, TimelineEntry

_PROMISES = {"eta": "ETA", "next_update": "next update"}
_ENDED_EARLY = {"superseded": "a newer one took its place", "cancelled": "was stopped"}
Detail = Mapping[str, Any]


def show_entry(
    entry: TimelineEntry, moment: Moment, *, indent: int = 0, broadcasts: Sequence[BroadcastView] = ()
) -> None:
    """Print one entry: when, and the sentence; of the incident's `broadcasts` that began, those that told nobody."""
    at = f"{' ' * indent}{moment.clock(entry.at)}  "
    said = _told_nobody(entry, broadcasts) or sentence(entry, moment)
    first, *rest = printing.wrap(said, width=printing.columns() - len(at))
    click.echo(printing.paint(at, DIM) + first)
    for each in rest:
        click.echo(" " * len(at) + each)


def sentence(entry: TimelineEntry, moment: Moment) -> str:
    """Return an entry as a sentence."""
    say = SENTENCES.get(entry.event)
    who = _who(entry.actor)
    if say is None:
        return f"{who}: {words(entry.event)}{_detail(entry, moment)}"
    try:
        return say(who, entry.detail, moment)
    except (KeyError, TypeError, ValueError):  # written by another version
        return f"{who}: {words(entry.event)}{_detail(entry, moment)}"


def _told_nobody(entry: TimelineEntry, broadcasts: Sequence[BroadcastView]) -> str:
    """Return what to say of an update that began and was ended before anybody heard it; else nothing."""
    which = entry.detail.get("broadcast") if entry.event == "telling" else None
    found = next((each for each in broadcasts if each.id == which), None)
    if found is None or found.state not in _ENDED_EARLY or told(found.progress) != "0":
        return ""
    return f"{_update(entry.detail)} began, and {_ENDED_EARLY[found.state]}: nobody was told by it"


def _who(actor: str) -> str:
    person = person_behind(actor)
    return "the daemon" if actor in ("daemon", "promise-watcher") else f"{person}, by text," if person else actor


def _detail(entry: TimelineEntry, moment: Moment) -> str:
    said = [
        _value(value, moment) if name == entry.event else f"{words(name)} {_value(value, moment)}"
        for name, value in entry.detail.items()
        if value not in (None, "", [], {})
    ]
    return f": {', '.join(said)}" if said else ""


def _value(value: object, moment: Moment) -> str:
    if isinstance(value, list):
        return " ".join(_value(each, moment) for each in value)
    if (at := instant(value)) is not None and at.tzinfo is not None:
        return moment.clock(at)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int | float) else str(value)


def _update(detail: Detail) -> str:
    kind = f" ({words(detail['kind'])})" if "kind" in detail else ""
    part = f" of part {detail['part']}" if detail.get("part") else ""
    return f"update {detail['broadcast']}{kind}{part}"


def _evidence(_: str, detail: Detail, __: Moment) -> str:
    where, observed, expected, grade = (detail[key] for key in ("region", "observed", "expected", "grade"))
    if "seconds" in detail:
        said = seen(observed, timedelta(seconds=detail["seconds"]), expected, grade)
    else:
        said = f"{plural(observed, 'customer')}, {expectation(expected)} expected: {grade}"
    return f"{printing.region(where)}: {said}"


def _promise(said: str) -> Callable[[str, Detail, Moment], str]:
    def say(_: str, detail: Detail, moment: Moment) -> str:
        due_at = instant(detail["due_at"])
        by = f" by {moment.clock(due_at)}" if due_at else ""
        return f"the promise of {_PROMISES[detail['kind']]}{by} {said}"

    return say


def _alarm(_: str, detail: Detail, moment: Moment) -> str:
    since = instant(detail["since"])
    began = f" since {moment.clock(since)}" if since else ""
    beside = f", beside {plural(detail['people'], 'person', 'people')}" if detail["people"] else ""
    return f"alarm {detail['alarm']}{began} is evidence of it{beside}"


def _alarm_over(_: str, detail: Detail, moment: Moment) -> str:
    if detail["state"] != "resolved":
        return f"alarm {detail['alarm_over']} is not reported any more"
    since = instant(detail["since"])
    return f"alarm {detail['alarm_over']} is over" + (f" since {moment.clock(since)}" if since else "")


def _estimate_by(who: str, detail: Detail, moment: Moment) -> str:
    by = instant(detail["by"])
    when = f"by {moment.clock(by)}" if by else "at no known time"
    return f"{who}: storm {detail['number']} ({detail['name']}) promises a first estimate {when}"


SENTENCES: Mapping[str, Callable[[str, Detail, Moment], str]] = {
    "opened": lambda who, d, _: f"{who} opened it: {d['place'] or 'no place yet'} ({d['state']})",
    "evidence": _evidence,
    "service": lambda _, d, __: f"it is {d['service']}, not {d['before']}: that has evidence of its own there",
    "place": lambda _, d, __: f"the place is {d['place']}" + (f", because {d['because']}" if d.get("because") else ""),
    "now_also": lambda _, d, __: (
        f"{d['now_also']} complains now, too: {plural(d['distinct'], 'customer')},"
        f" {expectation(d['expected'])} expected"
    ),
    "drafted": lambda who, d, _: f"{who} drafted {_update(d)}",
    "confirm_sent": lambda who, d, _: f"{who} confirmed it and sent {_update(d)}",
    "eta_sent": lambda who, d, _: f"{who} sent {_update(d)}",
    "restored_sent": lambda who, d, _: f"{who} says it is back; {_update(d)} is held in case it drops again",
    "reopen_sent": lambda who, d, _: f"{who} says it is out again and sent {_update(d)}",
    "dismiss_sent": lambda who, d, _: f"{who} says it was nothing and sent {_update(d)}",
    "announce_sent": lambda who, d, _: f"{who} announced it and sent {_update(d)}",
    "change_sent": lambda who, d, _: f"{who} gave it another time and sent {_update(d)}",
    "work_begun": lambda *_: "the planned work began",
    "extend_sent": lambda who, d, _: f"{who} added sites and sent {_update(d)}",
    "joined_event": lambda _, d, __: f"it is in storm {d['number']} ({d['name']}); {d['to']} has it",
    "left_event": lambda who, d, _: f"{who} took it out of storm {d['number']} ({d['name']})",
    "event_closed": lambda who, d, _: f"{who} closed storm {d['number']} ({d['name']}); what was promised stands",
    "assessed": lambda who, _, __: f"{who} says it is assessed: customers may be given a time",
    "estimate_by": _estimate_by,
    "split_off": lambda who, d, _: f"{who} let sites leave as #{d['incident']}",
    "split_from": lambda who, d, _: f"{who} let it leave from #{d['incident']}",
    "telling": lambda _, d, __: f"customers are being told: {_update(d)}",
    "taken_back": lambda who, d, _: f"{who} took {_update(d)} back; nobody was told by it",
    "cancelled": lambda who, d, _: f"{who} stopped {_update(d)}",
    "no_longer_true": lambda _, d, __: f"{_update(d)} was given up: {d['why']}",
    "out_again": lambda who, d, _: f"{who}: out again, {d['why']}; that it is back is not told",
    "approval_asked": lambda who, d, _: (
        f"{who} sent {_update(d)} to {plural(d['customers'], 'customer')}; above {number(d['limit'])}"
        " a second person has to say yes"
    ),
    "sent_alone": lambda who, d, _: (
        f"{who} sent {_update(d)} to {plural(d['customers'], 'customer')} alone, above {number(d['limit'])}, because"
        f" no second person answered: {d['reason']}; told: {', '.join(d['managers']) or 'nobody'}"
    ),
    "outgrown": lambda who, d, _: (
        f"{who} said yes to {_update(d)} for {number(d['before'])}; it is for"
        f" {plural(d['customers'], 'customer')} by now, so that it is asked again"
    ),
    "rejected": lambda who, d, _: f"{who} said no to {_update(d)}" + (f": {d['reason']}" if d.get("reason") else ""),
    "wakes_everyone": lambda who, d, _: f"{who} wakes everyone with {_update(d)}: {d['reason']}",
    "part_cut": lambda who, d, _: (
        f"{who} made {d['part']} a part of its own"
        + (f" ({plural(d['customers'], 'customer')})" if d.get("customers") else "")
        + f", out of {d['of']}"
    ),
    "note": lambda who, d, _: f"{who} notes: {d['note']}",
    "assigned": lambda who, d, _: f"{who} assigned it to {d['to']}" if d.get("to") else f"{who} assigned it to nobody",
    "called": lambda _, d, __: f"{d['person']} was called",
    "dismissed": lambda who, d, _: f"{who} dismissed it ({words(d['reason'])})",
    "unjudged": lambda _, d, __: f"it was never judged: {d['because']}",
    "followed": lambda _, d, __: f"hours after its last evidence #{d['incident']} began in its place",
    "closed": lambda who, *_: f"{who} closed it",
    "merged": lambda who, d, _: f"{who} merged it into #{d['into']}",
    "merged_in": lambda who, d, _: f"{who} took in #{d['incident']}",
    "left_to_a_person": lambda _, d, __: f"left to a person: {d['because']}",
    "confirmed_by_itself": lambda who, *_: f"{who} confirmed it by itself",
    "alarm": _alarm,
    "alarm_over": _alarm_over,
    "looks_over": lambda _, d, __: f"it looks over ({d['chance']:.0%})",
    "looks_over_withdrawn": lambda *_: "it does not look over any more",
    "tells_for_another": lambda _, d, __: f"who heard of #{d['incident']} hears from this one that it is back",
    "still_out": lambda _, d, __: f"{plural(d['people'], 'customer says', 'customers say')} that it is still out",
    "extended": lambda _, d, __: f"an import brought more customers into its place: {_update(d)} goes to them, too",
    "late_joiners_left_out": lambda _, d, __: (
        f"an import brought more customers here than may hear {_update(d)} without a person"
    ),
    "promise_due_soon": _promise("falls due soon"),
    "promise_needs_a_person": _promise("is about to lapse, and only a person can go on"),
    "promise_missed": _promise("was missed"),
}
