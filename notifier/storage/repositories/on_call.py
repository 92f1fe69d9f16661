"""Alarms, and the calls they bring: one person woken about one or more alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.on_call import CallOutcome, CallReason, Turn, Verb
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros

_HOPES = """(SELECT count(*) FROM call_routes AS r WHERE r.call_id = c.id AND r.says = 'call'
             AND (r.state = 'handed_over' OR r.attempts = 0))"""
"""How many routes of a call `c` have taken it, or have not been tried yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAlarm:
    """An alarm as it is stored."""

    id: int
    key: str
    reason: CallReason
    incident_id: int | None
    broadcast_id: int | None
    opened_at: datetime
    answered_at: datetime | None
    answered_by: str
    answer: str
    rests_until: datetime | None
    ended_at: datetime | None

    @property
    def since(self) -> datetime:
        """Return when it began, or begins again after an answer."""
        return self.rests_until or self.opened_at

    @property
    def due_at(self) -> datetime | None:
        """Return when the promise falls due that it is about, where it is about one."""
        if self.reason is not CallReason.PROMISE_IN_DANGER:
            return None
        return to_instant(int(self.key.rpartition(" ")[2]))  # the promise is part of what makes it the same alarm


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCall:
    """A call as it is stored."""

    id: int
    person: str
    reason: CallReason
    text: str
    verbs: tuple[Verb, ...]
    code_salt: str
    code_tries: int
    called_at: datetime
    answered_at: datetime | None
    answered_by: str
    answer: str
    ended_at: datetime | None
    outcome: CallOutcome | None


# --- alarms ----------------------------------------------------------------------------------------------------------


def open_alarms(tx: Transaction) -> list[StoredAlarm]:
    """Return the alarms that stand, oldest first."""
    return [_alarm(row) for row in tx.rows("SELECT * FROM alarms WHERE ended_at IS NULL ORDER BY id")]


def begin(
    tx: Transaction,
    *,
    key: str,
    reason: CallReason,
    now: datetime,
    incident_id: int | None = None,
    broadcast_id: int | None = None,
) -> StoredAlarm:
    """Store an alarm and return it."""
    rows = tx.rows(
        """INSERT INTO alarms (key, reason, incident_id, broadcast_id, opened_at)
           VALUES (:key, :reason, :incident, :broadcast, :now) RETURNING *""",
        key=key,
        reason=reason,
        incident=incident_id,
        broadcast=broadcast_id,
        now=to_micros(now),
    )
    return _alarm(rows[0])


def end(tx: Transaction, alarm_id: int, *, now: datetime) -> None:
    """Note that a need is gone."""
    tx.run("UPDATE alarms SET ended_at = :now WHERE id = :id AND ended_at IS NULL", now=to_micros(now), id=alarm_id)


def answer(tx: Transaction, alarm_id: int, *, by: str, said: str, rests_until: datetime, now: datetime) -> None:
    """Note that somebody has an alarm, so that nobody is called about it for a while."""
    tx.run(
        """UPDATE alarms SET answered_at = :now, answered_by = :by, answer = :said, rests_until = :until
           WHERE id = :id AND ended_at IS NULL""",
        now=to_micros(now),
        by=by,
        said=said,
        until=to_micros(rests_until),
        id=alarm_id,
    )


def alarms_of(tx: Transaction, call_id: int) -> list[StoredAlarm]:
    """Return what a call is about, ended ones included."""
    rows = tx.rows(
        "SELECT a.* FROM alarms AS a JOIN call_alarms AS c ON c.alarm_id = a.id WHERE c.call_id = :id ORDER BY a.id",
        id=call_id,
    )
    return [_alarm(row) for row in rows]


def turns(tx: Transaction, alarm: StoredAlarm) -> list[Turn]:
    """Return who was called about an alarm since it began, or began again."""
    rows = tx.rows(
        f"""SELECT c.person, c.called_at, {_HOPES} AS hopes
           FROM calls AS c JOIN call_alarms AS l ON l.call_id = c.id
           WHERE l.alarm_id = :id AND c.called_at >= :since ORDER BY c.id""",
        id=alarm.id,
        since=to_micros(alarm.since),
    )
    return [
        Turn(person=row["person"], called_at=to_instant(row["called_at"]), is_lost=row["hopes"] == 0) for row in rows
    ]


# --- calls -----------------------------------------------------------------------------------------------------------


def last_called(tx: Transaction, *, since: datetime) -> dict[str, datetime]:
    """Return when each person was last called, where that was not before `since`; tests do not count."""
    rows = tx.rows(
        """SELECT person, MAX(called_at) AS at FROM calls WHERE called_at >= :since AND reason <> 'test'
           GROUP BY person""",
        since=to_micros(since),
    )
    return {row["person"]: to_instant(row["at"]) for row in rows}


def place(
    tx: Transaction,
    *,
    person: str,
    reason: CallReason,
    text: str,
    verbs: Sequence[Verb],
    code_salt: str,
    alarm_ids: Sequence[int],
    now: datetime,
) -> int:
    """Store a call and what it is about, and return its id."""
    call_id = int(
        tx.scalar(
            """INSERT INTO calls (person, reason, text, verbs, code_salt, called_at)
               VALUES (:person, :reason, :text, :verbs, :salt, :now) RETURNING id""",
            person=person,
            reason=reason,
            text=text,
            verbs="|".join(("", *verbs, "")),
            salt=code_salt,
            now=to_micros(now),
        )
    )
    tx.run_many(
        "INSERT INTO call_alarms (alarm_id, call_id) VALUES (:alarm, :call)",
        [{"alarm": alarm_id, "call": call_id} for alarm_id in alarm_ids],
    )
    return call_id


def load(tx: Transaction, call_id: int) -> StoredCall | None:
    """Return one call."""
    row = tx.row("SELECT * FROM calls WHERE id = :id", id=call_id)
    return None if row is None else call_of(row)


def unfinished(tx: Transaction) -> list[StoredCall]:
    """Return the calls of which something is open, or whose people have not been told that nothing is."""
    return [call_of(row) for row in tx.rows("SELECT * FROM calls WHERE ended_at IS NULL ORDER BY id")]


def ringing(tx: Transaction) -> int:
    """Return how many calls nobody has answered and nothing has ended."""
    return int(tx.scalar("SELECT count(*) FROM calls WHERE ended_at IS NULL AND outcome IS NULL"))


def is_lost(tx: Transaction, call_id: int) -> bool:
    """Tell whether every route of a call was tried, and none took it."""
    return bool(tx.scalar(f"SELECT {_HOPES} FROM calls AS c WHERE c.id = :id", id=call_id) == 0)


def newest(tx: Transaction, limit: int) -> list[StoredCall]:
    """Return the newest calls, newest first."""
    return [call_of(row) for row in tx.rows("SELECT * FROM calls ORDER BY id DESC LIMIT :most", most=limit)]


def decidable(tx: Transaction, people: Sequence[str], *, since: datetime) -> list[StoredCall]:
    """Return the calls of some people that have a code, not called before `since`; newest first."""
    return [
        call
        for call in (
            call_of(row)
            for row in tx.rows(
                "SELECT * FROM calls WHERE called_at >= :since AND code_salt <> '' ORDER BY id DESC",
                since=to_micros(since),
            )
        )
        if call.person in people
    ]


def count_wrong_code(tx: Transaction, call_ids: Sequence[int]) -> None:
    """Note that somebody sent a wrong code from the number of the person who was called."""
    tx.run_many("UPDATE calls SET code_tries = code_tries + 1 WHERE id = :id", [{"id": each} for each in call_ids])


def claim_answer(tx: Transaction, call_id: int, *, by: str, verb: str, now: datetime) -> bool:
    """Answer a call; tell whether nobody had answered it before. A code is used up by this."""
    return (
        tx.run(
            """UPDATE calls SET answered_at = :now, answered_by = :by, answer = :verb
               WHERE id = :id AND answered_at IS NULL""",
            now=to_micros(now),
            by=by,
            verb=verb,
            id=call_id,
        )
        > 0
    )


def release_answer(tx: Transaction, call_id: int) -> None:
    """Take an answer back that could not be carried out: the code is good again."""
    tx.run("UPDATE calls SET answered_at = NULL, answered_by = '', answer = '' WHERE id = :id", id=call_id)


def settle(tx: Transaction, call_id: int, outcome: CallOutcome) -> bool:
    """Note how a call ended, once; tell whether this was the first word about it."""
    return (
        tx.run("UPDATE calls SET outcome = :outcome WHERE id = :id AND outcome IS NULL", outcome=outcome, id=call_id)
        > 0
    )


def finish(tx: Transaction, call_id: int, *, now: datetime) -> None:
    """Note that nothing of a call is open any more."""
    tx.run("UPDATE calls SET ended_at = :now WHERE id = :id", now=to_micros(now), id=call_id)


def _alarm(row: Row) -> StoredAlarm:
    return StoredAlarm(
        id=row["id"],
        key=row["key"],
        reason=CallReason(row["reason"]),
        incident_id=row["incident_id"],
        broadcast_id=row["broadcast_id"],
        opened_at=to_instant(row["opened_at"]),
        answered_at=to_instant(row["answered_at"]),
        answered_by=row["answered_by"],
        answer=row["answer"],
        rests_until=to_instant(row["rests_until"]),
        ended_at=to_instant(row["ended_at"]),
    )


def call_of(row: Row) -> StoredCall:
    """Return the call that a row of `calls` is."""
    return StoredCall(
        id=row["id"],
        person=row["person"],
        reason=CallReason(row["reason"]),
        text=row["text"],
        verbs=tuple(Verb(word) for word in row["verbs"].split("|") if word),
        code_salt=row["code_salt"],
        code_tries=row["code_tries"],
        called_at=to_instant(row["called_at"]),
        answered_at=to_instant(row["answered_at"]),
        answered_by=row["answered_by"],
        answer=row["answer"],
        ended_at=to_instant(row["ended_at"]),
        outcome=None if row["outcome"] is None else CallOutcome(row["outcome"]),
    )
