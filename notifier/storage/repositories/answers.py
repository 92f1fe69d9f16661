"""Answers in the store: notifications without a broadcast, unique by what they answer and the contact point.

Whatever is replayed is answered once. An answer is claimed, leased and recorded as every notification is. Functions of
an open transaction; lists of ids come from the store itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from notifier.domain.answer import Answer, AnswerKind
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.consent import Purpose
from notifier.domain.errors import NotFound
from notifier.domain.notification import Channel, NotificationReason
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_json, to_micros
from notifier.storage.repositories import broadcasts, parts
from notifier.storage.repositories.audience import numbers
from notifier.storage.repositories.claims import AffectedSite

_CANDIDATE = f"""
    SELECT n.id, n.contact_point_id, n.attempts, n.due_at, n.planned_at, n.answer, c.address, c.locale,
           c.time_zone, c.suppressed, c.channels_off,
           (SELECT o.state FROM consents AS o WHERE o.contact_point_id = c.id AND o.purpose = '{Purpose.OUTAGE}')
    FROM notifications AS n JOIN contact_points AS c ON c.id = n.contact_point_id"""


class CauseKind(StrEnum):
    """What an answer answers."""

    REPLY = "reply"  # something they wrote
    COMPLAINT = "complaint"  # something they reported
    PREFERENCES = "preferences"  # something they changed on their page


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that is due, with its contact point as it is now."""

    id: int
    contact_point_id: int
    attempts: int
    due_at: int  # microseconds
    planned_at: int
    answer: str
    address: str
    locale: str
    time_zone: str
    suppressed: str | None
    channels_off: str
    consent: str | None  # what was said of messages about outages


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer that was given, or will be."""

    kind: AnswerKind
    incident_id: int | None
    at: datetime


def give(
    tx: Transaction,
    *,
    cause: CauseKind,
    cause_id: int,
    contact_point_id: int,
    channel: Channel,
    answer: Answer,
    now: datetime,
) -> bool:
    """Let a contact point be answered; return False when this cause was answered there before."""
    return (
        tx.run(
            f"""INSERT INTO notifications (contact_point_id, cause_kind, cause_id, channel, reason, answer, due_at,
                                           planned_at)
                VALUES (:point, :cause, :cause_id, :channel, '{NotificationReason.ANSWER}', :answer, :now, :now)
                ON CONFLICT (cause_kind, cause_id, contact_point_id) WHERE cause_kind IS NOT NULL DO NOTHING""",
            point=contact_point_id,
            cause=cause,
            cause_id=cause_id,
            channel=channel,
            answer=to_json(answer),
            now=to_micros(now),
        )
        > 0
    )


def given(tx: Transaction, contact_point_id: int, *, since: datetime) -> list[Given]:
    """Return the answers to a contact point since a time, newest first."""
    found = []
    for text, at in tx.tuples(
        """SELECT answer, planned_at FROM notifications
           WHERE contact_point_id = :id AND broadcast_id IS NULL AND planned_at > :since AND answer IS NOT NULL
           ORDER BY id DESC""",
        id=contact_point_id,
        since=to_micros(since),
    ):
        answer = from_json(text, Answer)
        found.append(Given(kind=answer.kind, incident_id=answer.incident_id, at=to_instant(at)))
    return found


def last_question(
    tx: Transaction, contact_point_id: int, *, within: timedelta, now: datetime
) -> tuple[int, Answer] | None:
    """Return the reply that was answered by the last question to a contact point, and that question."""
    row = tx.row(
        """SELECT cause_id, answer FROM notifications
           WHERE contact_point_id = :id AND broadcast_id IS NULL AND cause_kind = 'reply' AND planned_at > :since
             AND answer LIKE '%"which_site"%' ORDER BY id DESC LIMIT 1""",
        id=contact_point_id,
        since=to_micros(now - within),
    )
    return None if row is None else (int(row["cause_id"]), from_json(row["answer"], Answer))


# --- claims -----------------------------------------------------------------------------------------------------------


def candidates(tx: Transaction, channel: Channel, *, now: datetime, limit: int) -> list[Candidate]:
    """Return answers that are due, oldest first."""
    lock = "FOR UPDATE OF n SKIP LOCKED" if tx.dialect == "postgresql" else ""
    return [
        Candidate(*row)
        for row in tx.tuples(
            f"""{_CANDIDATE}
                WHERE n.broadcast_id IS NULL AND n.channel = :channel AND n.state = 'pending' AND n.due_at <= :now
                ORDER BY n.due_at, n.id LIMIT :limit {lock}""",
            channel=channel,
            now=to_micros(now),
            limit=limit,
        )
    ]


def as_candidate(tx: Transaction, notification_id: int) -> Candidate:
    """Return one answer as a claim would see it, whatever its state; raise `NotFound`."""
    found = tx.tuples(f"{_CANDIDATE} WHERE n.id = :id", id=notification_id)
    if not found:
        raise NotFound("notification", notification_id)
    return Candidate(*found[0])


def keep(tx: Transaction, answers: Mapping[int, Answer]) -> None:
    """Keep what answers say, with the facts of this minute, so that they can be shown again."""
    tx.run_many(
        "UPDATE notifications SET answer = :answer WHERE id = :id",
        [{"id": id_, "answer": to_json(answer)} for id_, answer in answers.items()],
    )


def sites(tx: Transaction, site_ids: Sequence[int]) -> dict[int, AffectedSite]:
    """Return some sites by id, as messages name them."""
    return {
        site: AffectedSite(id=site, address=address, label=label, time_zone=zone)
        for site, address, label, zone in tx.tuples(
            f"SELECT id, address, label, time_zone FROM sites WHERE id IN ({numbers(site_ids) or 'NULL'})"
        )
    }


def newest_update(
    tx: Transaction, incident_id: int, site_ids: Sequence[int] = ()
) -> tuple[BroadcastKind, Facts] | None:
    """Return the newest update that customers of an incident are told, or None when nobody is told anything.

    Where the incident has several parts: that of the part in which the first of the sites lies.
    """
    if site_ids and len(parts.own(tx, incident_id)) > 1:
        owner = parts.of_site(tx, incident_id, site_ids[:1]).get(site_ids[0])
        newest = None if owner is None else broadcasts.newest_told(tx, owner)
        return None if newest is None else (newest.kind, newest.facts)
    row = tx.row(
        """SELECT kind, facts FROM broadcasts
           WHERE incident_id = :id AND started_at IS NOT NULL AND state IN ('sending', 'paused', 'completed')
           ORDER BY started_at DESC, id DESC LIMIT 1""",
        id=incident_id,
    )
    return None if row is None else (BroadcastKind(row["kind"]), from_json(row["facts"], Facts))
