"""What an open storm needs of its commander: one line about all of its incidents that nobody has decided on."""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from notifier.domain.event import OpenEvent
from notifier.storage.database import Transaction
from notifier.storage.queries import events as shown
from notifier.storage.queries.needs import suspicions
from notifier.storage.queries.needs.subject import clock, customers
from notifier.storage.repositories import events
from notifier.storage.views import Need

_SHARED = ("promise_missed", "promise", "nobody_told")
"""Kinds of need that a commander answers for all incidents of a storm at once."""


def undecided(tx: Transaction, event_id: int) -> str:
    """Return what its commander is told: how many incidents are suspected, and how many customers are out there."""
    event = events.load(tx, event_id)
    inside = set(events.incident_ids(tx, event_id))
    return _undecided(tx, event, [each.id for each in suspicions.undecided(tx) if each.id in inside])


def due(event: OpenEvent, number: int, first: str) -> str:
    """Return what its commander is told of promises that fall due."""
    of = "1 incident" if number == 1 else f"{number:,} incidents"
    look = f"Look: notifier event show {event.id}"
    return f"{_name(event)}: customers of {of} wait for a word, the first by {first}. {look}"


def needs(tx: Transaction) -> Iterator[Need]:
    """Yield a need per open storm with incidents that nobody has decided on."""
    inside = events.by_incident(tx)
    waiting: dict[int, list[int]] = {}
    for incident in suspicions.undecided(tx) if inside else ():
        if (event := inside.get(incident.id)) is not None:
            waiting.setdefault(event.id, []).append(incident.id)
    for event_id, which in waiting.items():
        yield Need(
            kind="event",
            incident_id=None,
            broadcast_id=None,
            text=_undecided(tx, events.load(tx, event_id), which),
            due_at=None,
            next=[f"notifier event show {event_id}", f"notifier event tell {event_id}"],
            event_id=event_id,
        )


def gathered(tx: Transaction, found: Sequence[Need], zone: ZoneInfo) -> list[Need]:
    """Return needs with one line in the place of those that several incidents of a storm share.

    Of one that has no other beside it, a time is not suggested while nobody has assessed it: it would be refused.
    """
    inside = events.by_incident(tx)
    shared: dict[tuple[int, str], list[Need]] = {}
    for each in found:
        if each.kind in _SHARED and each.incident_id in inside:
            shared.setdefault((inside[each.incident_id].id, each.kind), []).append(each)
    of_id, kept = {event.id: event for event in inside.values()}, list(found)
    for (event_id, kind), several in shared.items():
        which = sorted({each.incident_id for each in several if each.incident_id is not None})
        kept = [each for each in kept if each not in several]
        if len(which) > 1:
            kept.append(_of_several(tx, of_id[event_id], kind, several, which, zone))
        else:
            kept += [_of_one(tx, of_id[event_id], each, which[0]) for each in several]
    return kept


def _of_one(tx: Transaction, event: OpenEvent, need: Need, incident_id: int) -> Need:
    """Return the need of one incident of a storm with what can be done about it there."""
    commands = need.next
    if not events.is_assessed(tx, incident_id):
        commands = [each for each in commands if not each.startswith(f"notifier eta {incident_id} TIME")]
        commands.append(f"notifier event assessed {event.id} {incident_id}")
    return replace(need, next=commands, event_id=event.id)


def _of_several(
    tx: Transaction, event: OpenEvent, kind: str, several: Sequence[Need], which: Sequence[int], zone: ZoneInfo
) -> Need:
    """Return one need of several incidents, with the commands that speak to all of them."""
    due_at = min((each.due_at for each in several if each.due_at is not None), default=None)
    first, number = "" if due_at is None else clock(due_at, zone), f"{len(which):,} incidents"
    tails = {each.text.rpartition("; ")[2] for each in several}
    then = f"; {next(iter(tails))}" if kind == "promise" and len(tails) == 1 else ""
    said = {
        "promise": f"customers of {number} wait for a word, the first by {first}{then}",
        "promise_missed": f"customers of {number} were promised a word and heard nothing, the first by {first}",
        "nobody_told": f"{number} are confirmed, and nobody has been told",
    }[kind]
    again = "" if kind == "nobody_told" else " --again"
    assessed = {events.is_assessed(tx, each) for each in which}
    commands = [f"event show {event.id}"]
    commands += [f"event tell {event.id}{again}"] if False in assessed else []
    commands += [f"event tell {event.id} --eta TIME{again}"] if True in assessed else []
    return Need(
        kind=kind,
        incident_id=None,
        broadcast_id=None,
        text=f"{_name(event)}: {said}. {event.commander} has it",
        due_at=due_at,
        next=[f"notifier {command}" for command in commands],
        event_id=event.id,
    )


def _undecided(tx: Transaction, event: OpenEvent, which: list[int]) -> str:
    number = "1 incident" if len(which) == 1 else f"{len(which):,} incidents"
    out = customers(shown.customers(tx, which))
    return f"{_name(event)}: {number} suspected, {out}, nobody told. {event.commander} has it"


def _name(event: OpenEvent) -> str:
    return f"{event.kind} {event.id} {event.name} ({event.service})"
