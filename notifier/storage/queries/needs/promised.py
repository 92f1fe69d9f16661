"""Times that customers were given: missed ones, those about to be, and those that only the daemon has spoken of."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.incident import PartState
from notifier.domain.playbook import Playbook
from notifier.domain.promise import Answer, PromiseKind
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.queries.needs.subject import Subject, clock, of_part
from notifier.storage.repositories import control, incidents, parts, promises
from notifier.storage.repositories.incidents import StoredIncident
from notifier.storage.repositories.promises import Watched
from notifier.storage.views import Need

_PROMISES = {PromiseKind.ETA: "the ETA", PromiseKind.NEXT_UPDATE: "the next update"}


def missed(tx: Transaction, zone: ZoneInfo) -> Iterator[Need]:
    """Parts that are still out and whose newest promise was missed: customers wait for a word."""
    rows = tx.rows(
        f"""SELECT i.id, i.service, {_PLACE}, {_PART}, p.kind, p.due_at FROM promises AS p
           JOIN incidents AS i ON i.id = p.incident_id AND i.state = 'confirmed'
           JOIN parts AS t ON t.id = p.part_id AND t.state = 'out'
           WHERE p.state = 'missed'
             AND p.id = (SELECT MAX(n.id) FROM promises AS n WHERE n.part_id = p.part_id AND n.state <> 'void'
                         AND NOT (i.kind = 'planned' AND n.state = 'open' AND n.broadcast_id = p.broadcast_id))
           ORDER BY p.due_at"""
    )
    for row in rows:
        due_at = to_instant(row["due_at"])
        what = _PROMISES[PromiseKind(row["kind"])]
        subject = Subject.of(row)
        yield subject.need(
            "promise_missed",
            f"{what} by {clock(due_at, zone)} was missed, and customers have heard nothing since",
            *_speak(subject, of_part(row["part"])),
            due_at=due_at,
        )


def in_danger(tx: Transaction, now: datetime, zone: ZoneInfo, playbooks: Mapping[str, Playbook]) -> Iterator[Need]:
    """Promises that the watcher has warned about and that no authorised update will keep."""
    paused = control.is_paused(tx)  # then nothing that is authorised starts
    for watched in promises.open_ones(tx, now):
        promise = watched.promise
        starts_in_time = watched.update_at is not None and watched.update_at < promise.due_at
        coming = (starts_in_time or watched.answer in (Answer.GOING_OUT, Answer.HANDED_OVER)) and not paused
        if promise.warned_at is None or watched.part_state is not PartState.OUT or coming:
            continue
        incident = incidents.load(tx, promise.incident_id, promise.part_id)
        minutes = max(0, round((promise.due_at - now).total_seconds() / 60))
        limit = playbooks[incident.service].automatic_delays if incident.service in playbooks else 0
        subject, by = Subject.of_part(incident), clock(promise.due_at, zone)
        then = "everything is paused: nobody hears anything" if paused else _by_itself(watched, limit)
        yield subject.need(
            "promise",
            f"{_PROMISES[promise.kind]} by {by} is due in {minutes} min; {then}",
            *_speak(subject, of_part(incident.part.name or _is_rest(tx, incident))),
            broadcast_id=promise.broadcast_id,
            due_at=promise.due_at,
        )


def _speak(subject: Subject, part: str) -> tuple[str, ...]:
    """Return the commands that give customers a new word."""
    return f"eta {subject.id} TIME{part}", f"eta {subject.id} none{part}", f"restored {subject.id}{part}"


def _is_rest(tx: Transaction, incident: StoredIncident) -> str:
    return parts.REST if len(parts.own(tx, incident.id)) > 1 else ""


_PLACE = "CASE WHEN t.cut_from IS NULL THEN i.place ELSE t.name END AS place"
_PART = f"""CASE WHEN t.cut_from IS NOT NULL THEN t.name
                 WHEN EXISTS (SELECT 1 FROM parts AS o WHERE o.incident_id = i.id AND o.cut_at IS NOT NULL
                              AND {parts.is_own("o")}) THEN '{parts.REST}' ELSE '' END AS part"""


def _by_itself(watched: Watched, limit: int) -> str:
    """Say what the daemon does when nobody speaks before the promise lapses."""
    promise = watched.promise
    if watched.answer is Answer.PAUSED:
        return "its update is paused: only a person can go on"
    if watched.answer is Answer.IN_VAIN:
        return "what the daemon sent by itself was stopped or reached nobody: only a person can go on"
    if not promise.may_delay:
        return "the daemon may not go on by itself"
    if promise.automatic_in_row >= limit:
        return "the daemon has gone on by itself as often as it may: only a person can tell customers now"
    if promise.automatic_in_row == limit - 1:
        return "the daemon will say that it takes longer, for the last time"
    return "the daemon will say that it takes longer"


def delayed(tx: Transaction, zone: ZoneInfo) -> Iterator[Need]:
    """Parts that are still out and of which the daemon has spoken last: it can give no new time, a person can."""
    rows = tx.rows(
        f"""SELECT i.id, i.service, {_PLACE}, {_PART}, b.id AS broadcast_id, b.facts, t.next_update_by
           FROM broadcasts AS b
           JOIN incidents AS i ON i.id = b.incident_id AND i.state = 'confirmed'
           JOIN parts AS t ON t.id = b.part_id AND t.state = 'out'
           WHERE b.automatic = 1 AND b.kind <> '{BroadcastKind.PLANNED_REMINDER}' AND b.started_at IS NOT NULL
             AND NOT EXISTS (
                 SELECT 1 FROM broadcasts AS c WHERE c.part_id = b.part_id AND c.id <> b.id
                 AND (c.started_at > b.started_at OR c.started_at = b.started_at AND c.id > b.id
                      OR c.started_at IS NULL AND c.state IN ('sending', 'paused', 'awaiting_approval')))
           ORDER BY b.id"""
    )
    for row in rows:
        facts = from_json(row["facts"], Facts)
        if facts.eta_at is not None:  # it stands
            continue
        lapsed, gone = facts.previous_eta_at, facts.previous_update_by
        if lapsed is not None:
            said = f"the ETA by {clock(lapsed, zone)} has lapsed and customers have no new one"
        else:
            due = f" by {clock(gone, zone)}" if gone is not None else ""
            said = f"the daemon alone gave the update that was due{due}, and customers have no ETA"
        yield Subject.of(row).need(
            "delayed",
            said,
            f"eta {row['id']} TIME{of_part(row['part'])}",
            f"restored {row['id']}{of_part(row['part'])}",
            broadcast_id=row["broadcast_id"],
            due_at=to_instant(row["next_update_by"]),
        )
