"""What an open storm needs of its commander: one line about all of its incidents that nobody has decided on."""

from collections.abc import Iterator

from notifier.domain.event import OpenEvent
from notifier.storage.database import Transaction
from notifier.storage.queries import events as shown
from notifier.storage.queries.needs import suspicions
from notifier.storage.queries.needs.subject import customers
from notifier.storage.repositories import events
from notifier.storage.views import Need


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
        )


def _undecided(tx: Transaction, event: OpenEvent, which: list[int]) -> str:
    number = "1 incident" if len(which) == 1 else f"{len(which):,} incidents"
    out = customers(shown.customers(tx, which))
    return f"{_name(event)}: {number} suspected, {out}, nobody told. {event.commander} has it"


def _name(event: OpenEvent) -> str:
    return f"{event.kind} {event.id} {event.name} ({event.service})"
