"""What a round needs of people: one line for all of its incidents, which one number sends and one yes approves."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from notifier.domain.broadcast import BroadcastState
from notifier.domain.playbook import Playbook
from notifier.domain.second_person import alone_from
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.queries.needs.subject import clock, customers, words
from notifier.storage.queries.rejections import Rejection
from notifier.storage.views import Need


def approvals(
    tx: Transaction, reader: str, now: datetime, zone: ZoneInfo, playbooks: Mapping[str, Playbook]
) -> Iterator[Need]:
    """Rounds that wait for a second person; to who sent one it is said from when it may go alone."""
    for row in _rounds(tx, BroadcastState.AWAITING_APPROVAL):
        event = row["event_id"]
        own, drafted, playbook = row["sent_by"] == reader, row["created_by"] == reader, playbooks.get(row["service"])
        alone, answers = "", ("take-back",) if own else ("reject",) if drafted else ("approve", "reject")
        which = f" --round {row['id']}" if own else _which(tx, row)  # one that leaves may have been told later
        commands = [f"event {action} {event}{which}" for action in answers]
        if own and playbook is not None:
            at = alone_from(to_instant(row["sent_at"]), playbook.second_person_wait)
            alone = f"; you may send it alone {'now' if now >= at else f'from {clock(at, zone)}'}"
            commands += [f"event tell {event} --alone REASON"] if now >= at else []
        by = "you" if own else row["sent_by"]
        said = f"{words(row['kind'])} to {customers(row['expected'])}, sent by {by}, waits for another key{alone}"
        yield _need("approval", row, said, commands)


def rejected(tx: Transaction, unanswered: Iterable[Rejection], reader: str) -> Iterator[Need]:
    """Rounds to which a second person said no, while any incident of one still needs its sender."""
    seen: set[int] = set()
    for found in unanswered:
        if found.round_id is None or found.round_id in seen:
            continue
        seen.add(found.round_id)
        (row,) = _rounds(tx, BroadcastState.CANCELLED, round_id=found.round_id)
        whose = "your" if found.sent_by == reader else f"{found.sent_by}'s"
        why = f": {found.why}" if found.why else ""
        said = f"{whose} round {found.round_id} ({words(row['kind'])} to {customers(row['expected'])}) was rejected"
        event = row["event_id"]
        commands = [f"event tell {event}", f"event take-back {event} --round {found.round_id}"]
        yield _need("rejected", row, f"{said} by {found.by}{why}", commands)


def drafts(tx: Transaction, *, before: datetime) -> Iterator[Need]:
    """Rounds that were drafted and left."""
    for row in _rounds(tx, BroadcastState.DRAFT):
        if row["created_at"] < to_micros(before):
            event = row["event_id"]
            said = f"{words(row['kind'])} was drafted by {row['created_by']} and not sent"
            yield _need("draft", row, said, [f"event tell {event}", f"event take-back {event} --round {row['id']}"])


def _rounds(tx: Transaction, state: BroadcastState, *, round_id: int | None = None) -> list[Row]:
    """Return the rounds with broadcasts in a state, with the first of these and how many they are."""
    return tx.rows(
        """SELECT r.id, r.event_id, r.expected_customers AS expected, r.created_at, r.created_by, e.kind AS event_kind,
                  e.name, e.service, b.number, b.first_id, f.incident_id, f.kind, f.sent_by, f.sent_at
           FROM (SELECT round_id, count(*) AS number, MIN(id) AS first_id FROM broadcasts
                 WHERE state = :state AND round_id IS NOT NULL
                   AND (CAST(:round AS BIGINT) IS NULL OR round_id = :round) GROUP BY round_id) AS b
           JOIN rounds AS r ON r.id = b.round_id JOIN events AS e ON e.id = r.event_id
           JOIN broadcasts AS f ON f.id = b.first_id ORDER BY r.id""",
        state=state,
        round=round_id,
    )


def _which(tx: Transaction, row: Row) -> str:
    """Return the option that names a round, where several of its event wait."""
    waiting = tx.scalar(
        """SELECT count(DISTINCT b.round_id) FROM broadcasts AS b JOIN rounds AS r ON r.id = b.round_id
           WHERE r.event_id = :event AND b.state = 'awaiting_approval'""",
        event=row["event_id"],
    )
    return f" --round {row['id']}" if waiting > 1 else ""


def _need(kind: str, row: Row, said: str, commands: Iterable[str]) -> Need:
    number = "1 incident" if row["number"] == 1 else f"{row['number']:,} incidents"
    return Need(
        kind=kind,
        incident_id=row["incident_id"],
        broadcast_id=row["first_id"],
        text=f"{row['event_kind']} {row['event_id']} {row['name']} ({row['service']}), {number}: {said}",
        due_at=None,
        next=[f"notifier {command}" for command in commands],
    )
