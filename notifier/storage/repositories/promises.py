"""Promises as they are stored: made when a broadcast starts, ended when a newer one has been handed over, or lapsed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import BroadcastState, Facts, is_overtaken
from notifier.domain.errors import NotFound
from notifier.domain.incident import Action, PartState
from notifier.domain.promise import PROMISE, Answer, Promise, PromiseId, PromiseKind, PromiseState
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant, to_micros
from notifier.storage.repositories import broadcasts, parts
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import StoredIncident

STANDS_OR_MISSED = """(state = 'open' OR (state = 'missed' AND id = (
    SELECT MAX(n.id) FROM promises AS n WHERE n.part_id = :part AND n.state <> 'void')))"""
"""SQL of what goes along with sites: what they were promised, and what was missed last, for they wait for a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """An open promise with what the watcher must know of its incident."""

    promise: Promise
    service: str
    part_state: PartState
    update_at: datetime | None  # when an update that is authorised already starts
    answer: Answer  # how far one has come that has started since


def open_ones(tx: Transaction, now: datetime, *, only: int | None = None) -> list[Watched]:
    """Return every open promise, the next due first; not those of what a person has authorised to be corrected.

    `only` is the id of the one that is asked for.
    """
    rows = tx.rows(
        f"""SELECT p.*, i.service, t.state AS part_state,
                  u.id AS newest, u.state AS newest_state, u.planned_at AS newest_planned_at,
                  u.automatic AS newest_automatic,
                  EXISTS (SELECT 1 FROM broadcasts AS c WHERE c.incident_id = p.incident_id
                          AND c.part_id = p.part_id AND c.kind = 'correction' AND c.state = 'paused'
                          AND c.started_at IS NULL) AS correction_paused
           FROM promises AS p
           JOIN incidents AS i ON i.id = p.incident_id
           JOIN parts AS t ON t.id = p.part_id
           JOIN broadcasts AS u ON u.id =
                (SELECT n.id FROM broadcasts AS n
                 WHERE (n.id = p.broadcast_id OR (n.incident_id = p.incident_id AND n.part_id = p.part_id)
                        OR (p.part_id <> (SELECT b.part_id FROM broadcasts AS b WHERE b.id = p.broadcast_id)
                            AND t.joins = 0 AND n.changes NOT LIKE '%"action":"extend"%'
                            AND n.id IN (SELECT c.broadcast_id FROM promises AS c
                                         WHERE c.incident_id = p.incident_id AND c.part_id = p.part_id)))
                   AND n.started_at IS NOT NULL AND (n.id = p.broadcast_id OR n.facts NOT LIKE '%"rest_of":%')
                 ORDER BY n.started_at DESC, n.id DESC LIMIT 1)
           WHERE p.state = 'open' {"" if only is None else f"AND p.id = {int(only)}"} AND NOT EXISTS (
                 SELECT 1 FROM broadcasts AS c WHERE c.incident_id = p.incident_id AND c.part_id = p.part_id
                 AND c.kind = 'correction' AND c.state = 'sending' AND c.started_at IS NULL)
           ORDER BY p.due_at, p.id"""
    )
    return [
        Watched(
            promise=_promise(row),
            service=row["service"],
            part_state=PartState(row["part_state"]),
            update_at=_update_at(tx, row, now),
            answer=_answer(tx, row, now),
        )
        for row in rows
    ]


def load(tx: Transaction, promise_id: int) -> Promise:
    """Return a promise; raise `NotFound`."""
    row = tx.row("SELECT * FROM promises WHERE id = :id", id=promise_id)
    if row is None:
        raise NotFound("promise", promise_id)
    return _promise(row)


def of_part(tx: Transaction, incident_id: int, part_id: int) -> list[Promise]:
    """Return the promises of a part, oldest first."""
    rows = tx.rows(
        "SELECT * FROM promises WHERE incident_id = :incident AND part_id = :part ORDER BY id",
        incident=incident_id,
        part=part_id,
    )
    return [_promise(row) for row in rows]


def standing(tx: Transaction, incident: StoredIncident) -> list[Promise]:
    """Return the promises to the customers of a part, oldest first; where a draft names it, of where it comes from."""
    part_id = incident.part.id
    if incident.part.is_draft and incident.part.cut_from is not None:
        part_id = incident.part.cut_from
    return of_part(tx, incident.id, part_id)


def ever_given(tx: Transaction, part_id: int) -> list[Promise]:
    """Return every promise to customers of a part, also from before it was cut off."""
    found: dict[tuple[int, PromiseKind], Promise] = {}
    for incident_id, source, until in parts.lineage(tx, part_id):
        for row in tx.rows(
            "SELECT * FROM promises WHERE incident_id = :incident AND part_id = :part",
            incident=incident_id,
            part=source,
        ):
            if until is None or row["made_at"] <= to_micros(until):
                promise = _promise(row)
                found.setdefault((promise.broadcast_id, promise.kind), promise)  # the part's own copy comes first
    return sorted(found.values(), key=lambda promise: promise.id)


def carry_over(tx: Transaction, incident_id: int, part_id: int, *, to_incident: int, to_part: int) -> None:
    """Let a part carry, too, what stands of the promises of another one, or was missed last: they were its sites'."""
    tx.run(
        """INSERT INTO promises (incident_id, part_id, broadcast_id, kind, due_at, made_at, automatic_in_row, may_delay,
                                 warned_at, state, ended_at)
           SELECT CAST(:to_incident AS BIGINT), CAST(:to_part AS BIGINT), broadcast_id, kind, due_at, made_at,
                  automatic_in_row, may_delay, warned_at, state, ended_at
           FROM promises WHERE incident_id = :incident AND part_id = :part AND """
        + STANDS_OR_MISSED
        + """ ORDER BY id
           ON CONFLICT (broadcast_id, part_id, kind) DO NOTHING""",
        incident=incident_id,
        part=part_id,
        to_incident=to_incident,
        to_part=to_part,
    )


def answered_by(tx: Transaction, found: StoredBroadcast) -> list[Promise]:
    """Return the promises that an update answers: those of its part, and older ones where its own was carried over."""
    if found.changes is not None and found.changes.action is Action.EXTEND:
        return []  # it was the first message of those who joined
    if found.facts.rest_of:
        return []  # who was given those did not hear this one
    made = of_broadcast(tx, found.id)
    carried = dict.fromkeys((each.incident_id, each.part_id) for each in made if each.part_id != found.part_id)
    rows = [each for incident_id, part_id in carried for each in of_part(tx, incident_id, part_id)]
    return of_part(tx, found.incident_id, found.part_id) + [each for each in rows if each.broadcast_id < found.id]


def of_broadcast(tx: Transaction, broadcast_id: int) -> list[Promise]:
    """Return the promises that a broadcast has made."""
    return [_promise(row) for row in tx.rows("SELECT * FROM promises WHERE broadcast_id = :id", id=broadcast_id)]


def make(
    tx: Transaction,
    *,
    incident_id: int,
    part_id: int,
    broadcast_id: int,
    kind: PromiseKind,
    due_at: datetime,
    now: datetime,
    automatic_in_row: int,
    may_delay: bool,
) -> None:
    """Store an open promise; a broadcast makes one of each kind at most."""
    tx.run(
        """INSERT INTO promises (incident_id, part_id, broadcast_id, kind, due_at, made_at, automatic_in_row, may_delay)
           VALUES (:incident, :part, :broadcast, :kind, :due, :now, :row, :may)
           ON CONFLICT (broadcast_id, part_id, kind) DO NOTHING""",
        incident=incident_id,
        part=part_id,
        broadcast=broadcast_id,
        kind=kind,
        due=to_micros(due_at),
        now=to_micros(now),
        row=automatic_in_row,
        may=int(may_delay),
    )


def end(tx: Transaction, promise: Promise, state: PromiseState, *, now: datetime) -> None:
    """End an open promise."""
    PROMISE.require(promise.state, state, which=promise.id)
    tx.run(
        "UPDATE promises SET state = :state, ended_at = :now WHERE id = :id",
        state=state,
        now=to_micros(now),
        id=promise.id,
    )


def mark_warned(tx: Transaction, promise_id: int, now: datetime) -> None:
    """Keep when a person was last told that a promise is in danger."""
    tx.run("UPDATE promises SET warned_at = :now WHERE id = :id", now=to_micros(now), id=promise_id)


def open_in(promises: list[Promise]) -> Iterator[Promise]:
    """Yield those that are open."""
    return (promise for promise in promises if promise.state is PromiseState.OPEN)


def _update_at(tx: Transaction, row: Row, now: datetime) -> datetime | None:
    """Return when the next authorised update starts; not one that will be given up, because its time has passed."""
    waiting = tx.tuples(
        """SELECT not_before_at, facts FROM broadcasts
           WHERE incident_id = :incident AND part_id = :part AND state = 'sending' AND started_at IS NULL""",
        incident=row["incident_id"],
        part=row["part_id"],
    )
    starts = (to_instant(at) for at, facts in waiting if not is_overtaken(from_json(facts, Facts), now))
    return min(starts, default=None)


def _answer(tx: Transaction, row: Row, now: datetime) -> Answer:
    state = BroadcastState(row["newest_state"])
    if state is BroadcastState.PAUSED or row["correction_paused"]:
        return Answer.PAUSED
    if row["newest"] == row["broadcast_id"]:
        return Answer.NONE
    if state is BroadcastState.SENDING:
        is_done = row["newest_planned_at"] is not None and broadcasts.is_handed_over(tx, row["newest"], now)
        return Answer.HANDED_OVER if is_done else Answer.GOING_OUT
    # cancelled on its way; or completed, though not one message of it was handed over
    return Answer.IN_VAIN if row["newest_automatic"] else Answer.NONE


def _promise(row: Row) -> Promise:
    return Promise(
        id=PromiseId(row["id"]),
        incident_id=row["incident_id"],
        part_id=row["part_id"],
        broadcast_id=row["broadcast_id"],
        kind=PromiseKind(row["kind"]),
        due_at=to_instant(row["due_at"]),
        state=PromiseState(row["state"]),
        automatic_in_row=row["automatic_in_row"],
        may_delay=bool(row["may_delay"]),
        warned_at=to_instant(row["warned_at"]),
    )
