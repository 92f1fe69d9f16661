"""Which needs wake people on call, and what is said of each: one plain line, without personal data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from notifier.domain import second_person
from notifier.domain.broadcast import Facts
from notifier.domain.evidence_words import seen
from notifier.domain.incident import IncidentState
from notifier.domain.on_call import CallReason, alarm_key, event_of, person_behind
from notifier.domain.playbook import Playbook
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_micros
from notifier.storage.queries import incidents as shown
from notifier.storage.queries import signals
from notifier.storage.queries.needs import alarms, promised, storms, suspicions, updates
from notifier.storage.queries.needs.subject import clock, customers
from notifier.storage.repositories import automatic, broadcasts, events, incidents, rounds
from notifier.storage.repositories.evidence import UNJUDGED
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.repositories.on_call import StoredAlarm
from notifier.storage.views import Need

_REASONS = {
    "suspected": CallReason.SUSPECTED,
    "approval": CallReason.APPROVAL_WAITING,
    "promise": CallReason.PROMISE_IN_DANGER,
    "promise_missed": CallReason.PROMISE_IN_DANGER,
}
"""The kinds of need that wake people; the rest waits until somebody looks."""

ALARMS_AT_MOST = 5_000  # machines' alarms that wake; far more than are shown: the newest is somebody's, too
NAMED_AT_MOST = 20  # needs in one line

_CALLED_ONCE = (CallReason.SUSPECTED, CallReason.PROMISE_IN_DANGER)
"""Of what in an event the commander is called once for all of its incidents."""

_DONE = {"confirm_sent": "confirmed", "telling": "customers told", "eta_sent": "a new time"}
"""Events of the timeline in the words of a text, where their own are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waking:
    """A need that wakes people."""

    key: str
    reason: CallReason
    text: str = ""  # "" = made when somebody is called: its figures move, and counting them takes time
    incident_id: int | None = None
    broadcast_id: int | None = None
    due_at: datetime | None = None
    event_id: int | None = None  # of which it is about several incidents
    person: str = ""  # who is called first; "" = the first of the list


def waking(tx: Transaction, now: datetime, zone: ZoneInfo, playbooks: Mapping[str, Playbook]) -> list[Waking]:
    """Return what wakes people, by what is stored. Called every few seconds: it counts no customers."""
    due = [*promised.missed(tx, zone), *promised.in_danger(tx, now, zone, playbooks)]
    found = [
        *(_waking(need) for need in due),
        *(_approval(tx, need, zone) for need in updates.approvals(tx, "", now, zone, playbooks)),
        *(
            Waking(
                key=alarm_key(CallReason.SUSPECTED, incident.id), reason=CallReason.SUSPECTED, incident_id=incident.id
            )
            for incident in suspicions.undecided(tx)
        ),
        *(
            Waking(
                key=alarm_key(CallReason.CONFIRMED_BY_ITSELF, incident_id),
                reason=CallReason.CONFIRMED_BY_ITSELF,
                incident_id=incident_id,
            )
            for incident_id in automatic.unattended(tx, now)
        ),
        *(
            Waking(key=key, reason=CallReason.ALARM, text=alarms.said(signal, now, zone))
            for key, signal in signals.unattended(tx, now, at_most=ALARMS_AT_MOST)
        ),
    ]
    return _once_per_event(tx, found, zone)


def _once_per_event(tx: Transaction, found: Sequence[Waking], zone: ZoneInfo) -> list[Waking]:
    """Return what wakes, with one call of the commander in the place of those about single incidents of an event."""
    inside = events.by_incident(tx)
    alone = [each for each in found if each.incident_id not in inside or each.reason not in _CALLED_ONCE]
    by_event: dict[tuple[int, CallReason], list[Waking]] = {}
    for each in found:
        if each.reason in _CALLED_ONCE and each.incident_id is not None and each.incident_id in inside:
            by_event.setdefault((inside[each.incident_id].id, each.reason), []).append(each)
    of_id = {event.id: event for event in inside.values()}
    for (which, reason), several in by_event.items():
        due_at = min((each.due_at for each in several if each.due_at is not None), default=None)
        once = Waking(
            key=alarm_key(CallReason.EVENT, which),
            reason=CallReason.EVENT,
            event_id=which,
            person=of_id[which].commander,
        )
        if reason is CallReason.PROMISE_IN_DANGER and due_at is not None:
            key = alarm_key(reason, "event", which, to_micros(due_at))
            text = storms.due(of_id[which], len({each.incident_id for each in several}), clock(due_at, zone))
            once = replace(once, key=key, reason=reason, text=text, due_at=due_at)
        alone.append(once)
    return alone


def key_of(need: Need) -> str | None:
    """Return the key of the alarm that a need is, or None when it wakes nobody."""
    reason = CallReason.EVENT if need.kind == "event" else _REASONS.get(need.kind)
    match reason:
        case None:
            return None
        case CallReason.EVENT:
            return alarm_key(reason, need.event_id)
        case CallReason.PROMISE_IN_DANGER if need.event_id is not None:
            return alarm_key(reason, "event", need.event_id, to_micros(need.due_at))
        case CallReason.PROMISE_IN_DANGER:
            return alarm_key(reason, need.incident_id, to_micros(need.due_at))
        case CallReason.APPROVAL_WAITING:
            return alarm_key(reason, need.broadcast_id)
        case _:
            return alarm_key(reason, need.incident_id)


def describe(tx: Transaction, found: Waking) -> str:
    """Return what is said of a need that somebody is called about now."""
    if found.event_id is not None:
        return found.text or storms.undecided(tx, found.event_id)
    if found.text or found.incident_id is None:
        return found.text
    if found.reason is CallReason.CONFIRMED_BY_ITSELF:
        return _by_itself(tx, incidents.load(tx, found.incident_id))
    return _suspected(tx, incidents.load(tx, found.incident_id))


def label(tx: Transaction, incident_id: int | None) -> str:
    """Return how an incident is named, or nothing where there is none."""
    return "" if incident_id is None else _label(incidents.load(tx, incident_id))


def event_label(tx: Transaction, event_id: int) -> str:
    """Return how an event is named, open or not."""
    row = tx.row("SELECT kind, name, service FROM events WHERE id = :id", id=event_id)
    return "" if row is None else f"{row['kind']} {event_id} {row['name']} ({row['service']})"


def authors(tx: Transaction, broadcast_id: int | None) -> tuple[str, ...]:
    """Return who sent and who drafted what waits for a second person, the sender first."""
    if broadcast_id is None:
        return ()
    found = broadcasts.load(tx, broadcast_id)
    return second_person.authors(found.created_by, found.sent_by)


def approved_by(tx: Transaction, broadcast_id: int) -> str:
    """Return the command that approves what waits for a second person: all of its round, where it goes with others."""
    round_id = broadcasts.load(tx, broadcast_id).round_id
    if round_id is None:
        return f"notifier broadcasts approve {broadcast_id}"
    return f"notifier event approve {rounds.load(tx, round_id).event_id} --round {round_id}"


def _approval(tx: Transaction, need: Need, zone: ZoneInfo) -> Waking:
    """Return what is asked of a second person: what the update says, and how it is answered at a keyboard."""
    asked, which = _waking(need), need.broadcast_id
    assert which is not None  # noqa: S101 - it waits
    facts = broadcasts.load(tx, which).facts
    says = (
        f"cause {facts.cause}" if facts.cause else "",
        f"back by {clock(facts.eta_at, zone)}" if facts.eta_at else "",
        f"next update by {clock(facts.next_update_by, zone)}" if facts.next_update_by else "",
    )
    said = ", ".join(filter(None, says))
    return replace(asked, text=f"{asked.text}{f' ({said})' if said else ''}: {approved_by(tx, which)}")


def epilogue(tx: Transaction, incident_id: int, zone: ZoneInfo) -> str:
    """Return in a few words what became of an incident's need."""
    incident = incidents.load(tx, incident_id)
    last = _acts(tx, incident_id)
    if incident.state is IncidentState.DISMISSED and (last is None or last.event != "dismissed"):
        unjudged = incidents.last_event(tx, incident_id, UNJUDGED) is not None
        return "it subsided; it was certain, and nobody judged it" if unjudged else "it subsided"
    if last is None:
        return str(incident.state)
    done = _DONE.get(last.event, last.event.removesuffix("_sent").replace("_", " "))
    if last.event == "eta_sent" and last.broadcast_id and broadcasts.load(tx, last.broadcast_id).facts.eta_at is None:
        done = "told without a time"
    return f"{done} by {person_behind(last.by) or last.by} at {clock(last.at, zone)}"


def takes_longer(tx: Transaction, alarm: StoredAlarm, zone: ZoneInfo) -> str:
    """Return what customers were told by the daemon alone, where that ended a need about a promise; else nothing.

    A time that lapsed and was put off is no end: somebody who was called has to know that a new one is still missing.
    """
    if alarm.reason is not CallReason.PROMISE_IN_DANGER or alarm.due_at is None:
        return ""
    rows = tx.rows(
        """SELECT DISTINCT b.id, b.incident_id, b.facts FROM broadcasts AS b
           JOIN parts AS t ON t.id = b.part_id AND t.state = 'out'
           JOIN incidents AS i ON i.id = b.incident_id AND i.state = 'confirmed'
           JOIN promises AS p ON p.incident_id = b.incident_id AND p.part_id = b.part_id AND p.due_at = :due
           WHERE (i.id = :incident OR i.event_id = :event)
             AND b.automatic = 1 AND b.kind IN ('delayed', 'planned_overrun') AND b.created_at >= :since
             AND NOT EXISTS (
                 SELECT 1 FROM broadcasts AS c WHERE c.part_id = b.part_id AND c.id > b.id
                 AND c.state IN ('sending', 'completed', 'paused', 'awaiting_approval'))
           ORDER BY b.id DESC""",
        due=to_micros(alarm.due_at),
        incident=alarm.incident_id or 0,
        event=event_of(alarm.key) or 0,
        since=to_micros(alarm.opened_at),
    )
    if not rows:
        return ""
    facts = from_json(rows[0]["facts"], Facts)
    then = f", next update by {clock(facts.next_update_by, zone)}" if facts.next_update_by else ""
    known = f"back by {clock(facts.eta_at, zone)} stands" if facts.eta_at else "they have no new time"
    command = f"notifier eta {rows[0]['incident_id']} TIME"
    return f"it takes longer: the daemon alone told customers so{then}; {known}: {command}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a person did last with an incident."""

    event: str
    by: str
    at: datetime
    broadcast_id: int | None = None


def acted(tx: Transaction, incident_id: int, *, since: datetime) -> Act | None:
    """Return what a person did last with an incident, when that was not before `since`."""
    last = _acts(tx, incident_id)
    return last if last is not None and last.at >= since else None


def acted_in_event(tx: Transaction, event_id: int, *, since: datetime) -> Act | None:
    """Return what a person did last with an incident of an event, when that was not before `since`."""
    row = tx.row(
        """SELECT t.event, t.actor, t.at FROM timeline AS t JOIN incidents AS i ON i.id = t.incident_id
           WHERE i.event_id = :event AND t.actor <> 'daemon' AND t.event NOT IN ('note', 'assigned') AND t.at >= :since
           ORDER BY t.id DESC LIMIT 1""",
        event=event_id,
        since=to_micros(since),
    )
    return None if row is None else Act(event=row["event"], by=row["actor"], at=to_instant(row["at"]))


def _acts(tx: Transaction, incident_id: int) -> Act | None:
    row = tx.row(
        """SELECT event, actor, at, detail FROM timeline
           WHERE incident_id = :id AND actor <> 'daemon' AND event NOT IN ('note', 'assigned')
           ORDER BY id DESC LIMIT 1""",
        id=incident_id,
    )
    if row is None:
        return None
    which = from_json(row["detail"], dict[str, Any]).get("broadcast")
    return Act(event=row["event"], by=row["actor"], at=to_instant(row["at"]), broadcast_id=which)


def _waking(need: Need) -> Waking:
    key = key_of(need)
    assert key is not None  # noqa: S101 - these kinds wake
    return Waking(
        key=key,
        reason=_REASONS[need.kind],
        text=need.text.replace("`", "").replace(", ", " ", 1),  # "#42 internet, Riverside" -> "#42 internet Riverside"
        incident_id=need.incident_id,
        broadcast_id=need.broadcast_id,
        due_at=need.due_at,
    )


def _label(incident: StoredIncident) -> str:
    return f"#{incident.id} {incident.service} {incident.place}"


def _suspected(tx: Transaction, incident: StoredIncident) -> str:
    card = shown.card(tx, incident.id)
    parts = [*_evidence(tx, incident), customers(card.customers)]
    return f"{_label(incident)}: {', '.join(parts)}, nobody told"


def _by_itself(tx: Transaction, incident: StoredIncident) -> str:
    told = customers(shown.card(tx, incident.id).customers)
    return f"{_label(incident)}: confirmed by itself: {', '.join(_evidence(tx, incident))}; {told} hear of it"


def _evidence(tx: Transaction, incident: StoredIncident) -> Iterator[str]:
    found = shown.newest_evidence(tx, incident.id)
    if not found:
        yield f"opened by {incident.opened_by}"
        return
    best = found[0]
    yield seen(best.observed, best.at - best.window_from, best.expected, best.grade)
    yield f"{best.verified:,} verified"
    if alarm := next((each for each in signals.of_incident(tx, incident.id) if each.state == "open"), None):
        yield f"alarm {alarm.name}"


def together(texts: Sequence[str]) -> str:
    """Return one line about several needs: how many, and which incidents, as far as they can be named."""
    named = list(dict.fromkeys(text.partition(":")[0] for text in texts if text.startswith("#")))
    others = [text for text in texts if not text.startswith("#")]
    said = [*named, *others]
    more = [f"and {len(said) - NAMED_AT_MOST} more"] if len(said) > NAMED_AT_MOST else []
    return f"{len(texts)} things need you: {'; '.join([*said[:NAMED_AT_MOST], *more])}"
