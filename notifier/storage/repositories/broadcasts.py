"""Broadcasts as they are stored: drafts, authorisation, start, progress of planning, and the end.

Functions of an open transaction. Every change of state goes along an arrow of `domain.broadcast.BROADCAST`.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import BROADCAST, BroadcastKind, BroadcastReason, BroadcastState, Facts
from notifier.domain.errors import NotFound
from notifier.domain.incident import Changes
from notifier.domain.notification import TOLD_STATES, NotificationReason, NotificationState
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant, to_json, to_micros
from notifier.storage.repositories import parts
from notifier.storage.repositories.planning import Cursor

_ENDS = {
    BroadcastState.SUPERSEDED: (NotificationState.SUPERSEDED, NotificationReason.NEWER_UPDATE),
    BroadcastState.CANCELLED: (NotificationState.CANCELLED, NotificationReason.BROADCAST_CANCELLED),
}


_TOLD = ", ".join(f"'{state}'" for state in TOLD_STATES)
_FOR_ITS_HOUR = f"'{NotificationReason.QUIET_HOURS}', '{NotificationReason.FREQUENCY_CAP}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBroadcast:
    """One broadcast, as decisions need it."""

    id: int
    incident_id: int
    part_id: int
    kind: BroadcastKind
    state: BroadcastState
    reason: BroadcastReason
    facts: Facts
    changes: Changes | None  # None: the daemon's own
    automatic: bool
    may_delay: bool
    expected_customers: int
    created_by: str
    sent_by: str | None
    sent_at: datetime | None
    not_before_at: datetime | None
    started_at: datetime | None
    planned_at: datetime | None
    plan_source: int
    plan_after: int
    correlation_id: str
    wake_reason: str  # why the night holds nobody up; "" = it does
    round_id: int | None = None  # the others with which it is sent by one number


# --- finding --------------------------------------------------------------------------------------------------------


def load(tx: Transaction, broadcast_id: int) -> StoredBroadcast:
    """Return a broadcast; raise `NotFound`."""
    row = tx.row("SELECT * FROM broadcasts WHERE id = :id", id=broadcast_id)
    if row is None:
        raise NotFound("broadcast", broadcast_id)
    return _broadcast(row)


def part_told_by(found: StoredBroadcast) -> int | None:
    """Return the part whose customers a broadcast is for; None: of every part, because all that was said is wrong."""
    return None if found.kind is BroadcastKind.CORRECTION else found.part_id


def noticed_since(found: StoredBroadcast) -> datetime | None:
    """Return since when somebody must have reported an outage to hear that it is over; None: everybody hears."""
    return found.facts.started_at if found.facts.blink else None


def to_plan(tx: Transaction) -> StoredBroadcast | None:
    """Return the oldest authorised broadcast whose audience is not complete, or None."""
    row = tx.row("SELECT * FROM broadcasts WHERE state = 'sending' AND planned_at IS NULL ORDER BY id LIMIT 1")
    return None if row is None else _broadcast(row)


def due(tx: Transaction, now: datetime) -> list[StoredBroadcast]:
    """Return the authorised broadcasts whose not-before time has passed and that have not started, oldest first."""
    rows = tx.rows(
        """SELECT * FROM broadcasts
           WHERE state = 'sending' AND started_at IS NULL AND not_before_at <= :now ORDER BY id""",
        now=to_micros(now),
    )
    return [_broadcast(row) for row in rows]


def of_part(tx: Transaction, part_id: int, incident_id: int, *states: BroadcastState) -> list[StoredBroadcast]:
    """Return the broadcasts of a part in these states, oldest first."""
    rows = tx.rows(
        "SELECT * FROM broadcasts WHERE incident_id = :incident AND part_id = :part ORDER BY id",
        incident=incident_id,
        part=part_id,
    )
    return [_broadcast(row) for row in rows if row["state"] in states]


def of_round(tx: Transaction, round_id: int, *states: BroadcastState) -> list[StoredBroadcast]:
    """Return the broadcasts of a round in these states, or all of them, oldest first."""
    rows = tx.rows("SELECT * FROM broadcasts WHERE round_id = :id ORDER BY id", id=round_id)
    return [_broadcast(row) for row in rows if not states or row["state"] in states]


def told_to(tx: Transaction, part_id: int, *states: BroadcastState) -> list[StoredBroadcast]:
    """Return the updates for the customers of a part in these states, in the order they were made.

    Those of the part, and what the part it was cut from had authorised before that.
    """
    found = []
    for incident_id, source, until in parts.lineage(tx, part_id):
        found += [
            each
            for each in of_part(tx, source, incident_id, *states)
            if until is None or source == part_id or (each.sent_at is not None and each.sent_at <= until)
        ]
    return sorted(found, key=lambda each: each.id)


def newest_told(tx: Transaction, part_id: int) -> StoredBroadcast | None:
    """Return the newest update that customers of a part are told, or None when nobody is told anything."""
    goes_on = (BroadcastState.SENDING, BroadcastState.PAUSED, BroadcastState.COMPLETED)
    started = [(each.started_at, each.id, each) for each in told_to(tx, part_id, *goes_on) if each.started_at]
    return max(started, key=lambda each: each[:2])[2] if started else None


def last_told_at(tx: Transaction, part_id: int, kind: BroadcastKind) -> datetime | None:
    """Return when customers of a part were last told an update of this kind; None when never."""
    told = told_to(tx, part_id, *BroadcastState)
    times = (each.started_at for each in told if each.kind is kind and each.started_at is not None)
    return max(times, default=None)


def first_told_at(tx: Transaction, incident_id: int) -> datetime | None:
    """Return when customers were first told of an incident; None when never."""
    found: int | None = tx.scalar("SELECT MIN(started_at) FROM broadcasts WHERE incident_id = :i", i=incident_id)
    return to_instant(found)


def was_told(tx: Transaction, incident_id: int) -> bool:
    """Tell whether a message of an incident, or of one whose sites are its now, was handed over, or may have been."""
    return any(
        was_told_by(tx, row[0])
        for which in (incident_id, *parts.kin(tx, incident_id))
        for row in tx.tuples("SELECT id FROM broadcasts WHERE incident_id = :i ORDER BY id", i=which)
    )


def was_told_by(tx: Transaction, broadcast_id: int) -> bool:
    """Tell whether a message of this broadcast was handed over, or may have been."""
    found = tx.scalar(
        f"""SELECT 1 FROM notifications WHERE broadcast_id = :id
            AND (state IN ({_TOLD}) OR in_doubt_at IS NOT NULL) LIMIT 1""",
        id=broadcast_id,
    )
    return found is not None


def customers_told(tx: Transaction, broadcast_id: int) -> int:
    """Return how many customers a message of this broadcast was handed over for, or may have been."""
    return int(
        tx.scalar(
            f"""SELECT count(DISTINCT a.customer_id) FROM notifications AS n
                JOIN audience_notifications AS a
                  ON a.broadcast_id = n.broadcast_id AND a.contact_point_id = n.contact_point_id
                WHERE n.broadcast_id = :id AND (n.state IN ({_TOLD}) OR n.in_doubt_at IS NOT NULL)""",
            id=broadcast_id,
        )
    )


def cut_short(tx: Transaction, part_id: int) -> StoredBroadcast | None:
    """Return the newest update to a part where it was stopped on its way, and some have it while others do not."""
    started = [(each.started_at, each.id, each) for each in told_to(tx, part_id, *BroadcastState) if each.started_at]
    newest = max(started, key=lambda each: each[:2])[2] if started else None
    if newest is None or newest.state is not BroadcastState.CANCELLED or not was_told_by(tx, newest.id):
        return None
    unreached = int(
        tx.scalar("SELECT count(*) FROM audience WHERE broadcast_id = :id AND outcome <> 'told'", id=newest.id)
    )
    return newest if customers_told(tx, newest.id) < newest.expected_customers - unreached else None


# --- drafts ---------------------------------------------------------------------------------------------------------


def create(
    tx: Transaction,
    *,
    incident_id: int,
    part_id: int,
    kind: BroadcastKind,
    facts: Facts,
    changes: Changes | None,
    now: datetime,
    by: str,
    correlation_id: str,
    may_delay: bool = False,
    automatic: bool = False,
    wake_reason: str = "",
    round_id: int | None = None,
) -> int:
    """Store a draft and return its id; an older draft of the part is superseded by it."""
    for older in of_part(tx, part_id, incident_id, BroadcastState.DRAFT, BroadcastState.AWAITING_APPROVAL):
        if not automatic:
            end(tx, older, BroadcastState.SUPERSEDED, BroadcastReason.NEWER_UPDATE, now=now)
    return int(
        tx.scalar(
            """INSERT INTO broadcasts (incident_id, part_id, kind, state, facts, changes, automatic, may_delay,
                                       wake_reason, created_at, created_by, correlation_id, round_id)
               VALUES (:incident, :part, :kind, :state, :facts, :changes, :automatic, :may_delay, :wake, :now, :by,
                       :corr, :round)
               RETURNING id""",
            incident=incident_id,
            part=part_id,
            kind=kind,
            state=BroadcastState.DRAFT,
            facts=to_json(facts),
            changes="{}" if changes is None else to_json(changes),
            automatic=int(automatic),
            may_delay=int(may_delay),
            wake=wake_reason,
            now=to_micros(now),
            by=by,
            corr=correlation_id,
            round=round_id,
        )
    )


def wake_everyone(tx: Transaction, broadcast_id: int, reason: str) -> None:
    """Keep why the night holds nobody up for this broadcast."""
    tx.run("UPDATE broadcasts SET wake_reason = :reason WHERE id = :id", reason=reason, id=broadcast_id)


def set_changes(tx: Transaction, broadcast_id: int, changes: Changes) -> None:
    """Keep what sending a draft does."""
    tx.run("UPDATE broadcasts SET changes = :changes WHERE id = :id", changes=to_json(changes), id=broadcast_id)


def set_expected(tx: Transaction, broadcast_id: int, customers: int) -> None:
    """Keep how many customers the preview counted."""
    tx.run("UPDATE broadcasts SET expected_customers = :n WHERE id = :id", n=customers, id=broadcast_id)


# --- from authorisation to the end ----------------------------------------------------------------------------------


def wait_for_approval(tx: Transaction, found: StoredBroadcast, *, customers: int, by: str, now: datetime) -> None:
    """Put a draft before a second person."""
    _move(tx, found, BroadcastState.AWAITING_APPROVAL, BroadcastReason.ABOVE_AUDIENCE_LIMIT)
    tx.run(
        "UPDATE broadcasts SET sent_at = :now, sent_by = :by, expected_customers = :n WHERE id = :id",
        now=to_micros(now),
        by=by,
        n=customers,
        id=found.id,
    )


def authorise(
    tx: Transaction,
    found: StoredBroadcast,
    *,
    facts: Facts,
    changes: Changes | None,
    customers: int,
    not_before_at: datetime,
    by: str | None,
    now: datetime,
    reason: BroadcastReason = BroadcastReason.BY_PERSON,
) -> None:
    """Let a broadcast send: planning may begin, nothing is claimed before it has started.

    `by` is None when nobody approves it: who sent it goes on alone.
    """
    _move(tx, found, BroadcastState.SENDING, reason)
    approved = found.state is BroadcastState.AWAITING_APPROVAL
    tx.run(
        f"""UPDATE broadcasts SET facts = :facts, changes = :changes, expected_customers = :n, not_before_at = :at,
                   {"approved_by = :by" if approved else "sent_by = :by, sent_at = :now"}
            WHERE id = :id""",
        facts=to_json(facts),
        changes="{}" if changes is None else to_json(changes),
        n=customers,
        at=to_micros(not_before_at),
        by=by,
        id=found.id,
        **({} if approved else {"now": to_micros(now)}),
    )


def mark_started(tx: Transaction, broadcast_id: int, now: datetime) -> None:
    """Let the messages of a broadcast be claimed from here on."""
    tx.run("UPDATE broadcasts SET started_at = :now WHERE id = :id", now=to_micros(now), id=broadcast_id)


def pause(tx: Transaction, found: StoredBroadcast, reason: BroadcastReason = BroadcastReason.BY_PERSON) -> None:
    """Stop a broadcast for now."""
    _move(tx, found, BroadcastState.PAUSED, reason)


def resume(tx: Transaction, found: StoredBroadcast, reason: BroadcastReason = BroadcastReason.BY_PERSON) -> None:
    """Let a paused broadcast go on."""
    _move(tx, found, BroadcastState.SENDING, reason)


def end(
    tx: Transaction, found: StoredBroadcast, state: BroadcastState, reason: BroadcastReason, *, now: datetime
) -> None:
    """Cancel or supersede a broadcast; what it had pending is swept afterwards, then it is finished."""
    _move(tx, found, state, reason)
    if found.state in (BroadcastState.DRAFT, BroadcastState.AWAITING_APPROVAL):
        tx.run("UPDATE broadcasts SET finished_at = :now WHERE id = :id", now=to_micros(now), id=found.id)


def save_progress(tx: Transaction, broadcast_id: int, upto: Cursor | None, *, now: datetime) -> None:
    """Keep how far planning has come; None = the audience is complete."""
    if upto is None:
        tx.run("UPDATE broadcasts SET planned_at = :now WHERE id = :id", now=to_micros(now), id=broadcast_id)
    else:
        tx.run(
            "UPDATE broadcasts SET plan_source = :source, plan_after = :after WHERE id = :id",
            source=upto.source,
            after=upto.after,
            id=broadcast_id,
        )


def plan_again(tx: Transaction, broadcast_id: int) -> None:
    """Walk the audience of a broadcast from the beginning once more; what is planned stays."""
    tx.run("UPDATE broadcasts SET plan_source = 0, plan_after = 0, planned_at = NULL WHERE id = :id", id=broadcast_id)


def send_again(tx: Transaction, found: StoredBroadcast) -> None:
    """Let a completed broadcast send again: to late joiners, or what was held."""
    _move(tx, found, BroadcastState.SENDING, BroadcastReason.EXTENDED)
    tx.run("UPDATE broadcasts SET finished_at = NULL WHERE id = :id", id=found.id)


def unfinished(tx: Transaction) -> list[StoredBroadcast]:
    """Return started or ended broadcasts that may still have notifications to settle, oldest first."""
    rows = tx.rows(
        """SELECT * FROM broadcasts WHERE finished_at IS NULL
             AND (state IN ('superseded', 'cancelled') OR (state = 'sending' AND started_at IS NOT NULL))
           ORDER BY id"""
    )
    return [_broadcast(row) for row in rows]


def sweep(tx: Transaction, found: StoredBroadcast, *, at_most: int, now: datetime) -> Counter[str]:
    """Bring pending notifications of an ended broadcast to their end state; return how many per channel."""
    state, reason = _ENDS[found.state]
    rows = tx.tuples(
        """UPDATE notifications SET state = :state, reason = :reason, ended_at = :now
           WHERE id IN (SELECT id FROM notifications WHERE broadcast_id = :broadcast AND state = 'pending'
                        ORDER BY channel, due_at, id LIMIT :most)
           RETURNING channel""",
        state=state,
        reason=reason,
        now=to_micros(now),
        broadcast=found.id,
        most=at_most,
    )
    return Counter(str(row[0]) for row in rows)


def is_settled(tx: Transaction, broadcast_id: int) -> bool:
    """Tell whether no notification is pending, sending or in doubt."""
    return all(
        tx.scalar(
            # the state is a constant, not a parameter: only so the partial indexes are used
            f"SELECT 1 FROM notifications WHERE broadcast_id = :id AND state = '{state}' LIMIT 1",
            id=broadcast_id,
        )
        is None
        for state in (NotificationState.PENDING, NotificationState.SENDING, NotificationState.IN_DOUBT)
    )


def is_handed_over(tx: Transaction, broadcast_id: int, now: datetime) -> bool:
    """Tell whether everyone has been told who is awake and may hear: what waits for its hour is pending still."""
    if is_settled(tx, broadcast_id):
        return True
    return (
        tx.scalar(
            f"""SELECT 1 FROM notifications WHERE broadcast_id = :id
                AND (state = '{NotificationState.PENDING}' AND NOT (due_at > :now AND reason IN ({_FOR_ITS_HOUR}))
                     OR state = '{NotificationState.SENDING}' OR state = '{NotificationState.IN_DOUBT}') LIMIT 1""",
            id=broadcast_id,
            now=to_micros(now),
        )
        is None
    )


def is_read_by_nobody(tx: Transaction, broadcast_id: int, now: datetime) -> bool:
    """Tell whether not one message has left because everyone it is for sleeps: nobody knows of what it promises."""
    waits = tx.scalar(
        f"""SELECT 1 FROM notifications WHERE broadcast_id = :id AND state = '{NotificationState.PENDING}'
            AND due_at > :now AND reason = '{NotificationReason.QUIET_HOURS}' LIMIT 1""",
        id=broadcast_id,
        now=to_micros(now),
    )
    return waits is not None and not was_told_by(tx, broadcast_id)


def handed_over_at(tx: Transaction, found: StoredBroadcast) -> datetime | None:
    """Return when the last message of a broadcast had its outcome; None when not one could be handed over.

    Walks all of its notifications. A broadcast that had nobody to write to, or nobody awake, was done when that was
    known.
    """
    row = tx.tuples(
        f"""SELECT count(*), MAX(ended_at), MAX(CASE WHEN state IN ({_TOLD}) THEN 1 ELSE 0 END),
                   MAX(CASE WHEN state = '{NotificationState.PENDING}' THEN 1 ELSE 0 END)
            FROM notifications WHERE broadcast_id = :id""",
        id=found.id,
    )[0]
    messages, last_at, any_told, any_waits = row
    done_at = found.planned_at if any_waits or not messages else None
    return to_instant(last_at) if any_told else done_at


def finish(tx: Transaction, found: StoredBroadcast, *, now: datetime) -> None:
    """Close the books of a broadcast that is settled: one that was sending is completed."""
    if found.state is BroadcastState.SENDING:
        _move(tx, found, BroadcastState.COMPLETED, BroadcastReason.FINISHED)
    tx.run("UPDATE broadcasts SET finished_at = :now WHERE id = :id", now=to_micros(now), id=found.id)


def _move(tx: Transaction, found: StoredBroadcast, wanted: BroadcastState, reason: BroadcastReason) -> None:
    BROADCAST.require(found.state, wanted, which=found.id)
    tx.run(
        "UPDATE broadcasts SET state = :state, reason = :reason WHERE id = :id",
        state=wanted,
        reason=reason,
        id=found.id,
    )


def _broadcast(row: Row) -> StoredBroadcast:
    return StoredBroadcast(
        id=row["id"],
        incident_id=row["incident_id"],
        part_id=row["part_id"],
        kind=BroadcastKind(row["kind"]),
        state=BroadcastState(row["state"]),
        reason=BroadcastReason(row["reason"]),
        facts=from_json(row["facts"], Facts),
        changes=None if row["changes"] == "{}" else from_json(row["changes"], Changes),
        automatic=bool(row["automatic"]),
        may_delay=bool(row["may_delay"]),
        expected_customers=row["expected_customers"],
        created_by=row["created_by"],
        sent_by=row["sent_by"],
        sent_at=to_instant(row["sent_at"]),
        not_before_at=to_instant(row["not_before_at"]),
        started_at=to_instant(row["started_at"]),
        planned_at=to_instant(row["planned_at"]),
        plan_source=row["plan_source"],
        plan_after=row["plan_after"],
        correlation_id=row["correlation_id"],
        wake_reason=row["wake_reason"],
        round_id=row["round_id"],
    )
