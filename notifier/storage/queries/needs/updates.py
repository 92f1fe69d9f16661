"""Updates that do not go on by themselves: unapproved, rejected, paused, cut short, held in doubt, or never sent."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.domain.broadcast import BroadcastKind
from notifier.domain.incident import IncidentKind, IncidentState
from notifier.domain.playbook import Playbook
from notifier.domain.second_person import alone_from
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.queries import rejections
from notifier.storage.queries.needs import together
from notifier.storage.queries.needs.subject import Subject, clock, customers, messages, of_part, waiting, words
from notifier.storage.queries.rejections import Rejection
from notifier.storage.repositories import broadcasts, incidents, late_joiners
from notifier.storage.views import Need

DRAFT_LEFT_AFTER = timedelta(minutes=5)  # younger ones are being looked at
_AGAIN = {BroadcastKind.RESTORED: "restored", BroadcastKind.REOPENED: "reopen", BroadcastKind.CORRECTION: "dismiss"}


def approvals(
    tx: Transaction, reader: str, now: datetime, zone: ZoneInfo, playbooks: Mapping[str, Playbook]
) -> Iterator[Need]:
    """Updates that wait for a second person; to who sent one it is said from when it may go alone."""
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, b.id AS broadcast_id, b.kind, b.expected_customers, b.sent_by, b.sent_at,
                  b.created_by
           FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id
           WHERE b.state = 'awaiting_approval' AND b.round_id IS NULL ORDER BY b.id"""
    )
    yield from together.approvals(tx, reader, now, zone, playbooks)
    for row in rows:
        which = row["broadcast_id"]
        own, drafted, playbook = row["sent_by"] == reader, row["created_by"] == reader, playbooks.get(row["service"])
        answers = ("cancel",) if own else ("reject",) if drafted else ("approve", "reject")
        alone, commands = "", [f"broadcasts {action} {which}" for action in ("preview", *answers)]
        if own and playbook is not None:
            at = alone_from(to_instant(row["sent_at"]), playbook.second_person_wait)
            alone = f"; you may send it alone {'now' if now >= at else f'from {clock(at, zone)}'}"
            commands += [f"broadcasts send {which} --alone REASON"] if now >= at else []
        yield Subject.of(row).need(
            "approval",
            f"{words(row['kind'])} to {customers(row['expected_customers'])}, sent by "
            f"{'you' if own else row['sent_by']}, waits for another key{alone}",
            *commands,
            broadcast_id=which,
        )


def rejected(tx: Transaction, reader: str) -> Iterator[Need]:
    """Updates to which a second person said no: whoever sent them has to know, and has gone on meanwhile."""
    unanswered = rejections.unanswered(tx)
    yield from together.rejected(tx, unanswered, reader)
    for found in (each for each in unanswered if each.round_id is None):
        whose = "your" if found.sent_by == reader else f"{found.sent_by}'s"
        yield Subject.of(found.incident).need(
            "rejected",
            f"{whose} broadcast {found.broadcast_id} ({words(found.kind)} to {customers(found.customers)}) "
            f"was rejected by {found.by}{f': {found.why}' if found.why else ''}",
            _sent_again(found),
            f"broadcasts cancel {found.broadcast_id}",
            broadcast_id=found.broadcast_id,
        )


def _sent_again(found: Rejection) -> str:
    """Return the command that makes another update in place of a rejected one."""
    which = found.incident["id"]
    if found.kind in _AGAIN:
        return f"{_AGAIN[found.kind]} {which}"
    return f"confirm {which}" if found.incident["state"] == IncidentState.SUSPECTED else f"eta {which} TIME"


def nobody_told(tx: Transaction) -> Iterator[Need]:
    """Confirmed incidents of which nobody was told and nothing is on its way."""
    for incident in incidents.with_state(tx, IncidentState.CONFIRMED):
        on_its_way = tx.scalar(
            """SELECT 1 FROM broadcasts WHERE incident_id = :id
               AND state IN ('sending', 'completed', 'awaiting_approval') LIMIT 1""",
            id=incident.id,
        )
        if on_its_way is None and not broadcasts.was_told(tx, incident.id):
            rest = f"restored {incident.id}" if incident.is_planned else f"dismiss {incident.id}"  # it does take place
            yield Subject.of_incident(incident).need(
                "nobody_told",
                "confirmed, and nobody has been told",
                f"tell {incident.id}",
                f"eta {incident.id} none",
                f"eta {incident.id} TIME",
                rest,
            )


def paused(tx: Transaction) -> Iterator[Need]:
    """Updates that a person stopped for now: nothing else goes on with them, nor with a restoration they announce."""
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, b.id AS broadcast_id, b.kind, b.planned_at,
                  (SELECT count(*) FROM notifications AS n
                   WHERE n.broadcast_id = b.id AND n.state = 'pending') AS waiting
           FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id
           WHERE b.state = 'paused' AND NOT EXISTS (
                 SELECT 1 FROM broadcasts AS c WHERE c.incident_id = b.incident_id AND c.id > b.id
                 AND (c.part_id = b.part_id OR c.kind = 'correction')
                 AND c.state = 'sending' AND c.started_at IS NULL)
           ORDER BY b.id"""
    )
    for row in rows:
        which = row["broadcast_id"]
        planned = row["planned_at"] is not None  # before, there are more than those
        who_waits = waiting(row["waiting"]) if planned else "customers wait for it"
        yield Subject.of(row).need(
            "paused",
            f"{words(row['kind'])} is paused, and {who_waits}",
            f"broadcasts resume {which}",
            f"broadcasts cancel {which}",
            broadcast_id=which,
        )


def cut_short(tx: Transaction) -> Iterator[Need]:
    """Incidents whose newest update was stopped on its way: some of the customers have it, others do not."""
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, i.kind AS of_kind, b.id AS broadcast_id, b.kind,
                  b.expected_customers AS expected,
                  (SELECT count(*) FROM audience AS a WHERE a.broadcast_id = b.id AND a.outcome <> 'told') AS unreached
           FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id AND i.state = 'confirmed'
           JOIN parts AS p ON p.id = b.part_id
           WHERE b.state = 'cancelled' AND b.started_at IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM broadcasts AS c WHERE c.incident_id = b.incident_id AND c.id <> b.id
                 AND (c.part_id = b.part_id OR c.kind = 'correction'
                      OR p.joined_at IS NOT NULL AND c.part_id = p.cut_from)
                 AND (c.started_at > b.started_at OR c.started_at = b.started_at AND c.id > b.id
                      OR c.started_at IS NULL AND c.state IN ('sending', 'paused', 'awaiting_approval')))
           ORDER BY b.id"""
    )
    for row in rows:
        told = broadcasts.customers_told(tx, row["broadcast_id"])
        reachable = row["expected"] - row["unreached"]
        if told >= reachable or not broadcasts.was_told(tx, row["id"]):  # then it is named as one nobody was told of
            continue
        which, is_work = row["id"], row["of_kind"] == IncidentKind.PLANNED
        said = (f"eta {which} TIME", f"restored {which}") if is_work else ()
        yield Subject.of(row).need(
            "cut_short",
            f"{words(row['kind'])} was cancelled on its way: {reachable - told:,} of {customers(reachable)} "
            "were not told",
            *(said or (f"tell {which}", f"eta {which} none", f"eta {which} TIME", f"dismiss {which}")),
            broadcast_id=row["broadcast_id"],
        )


def cut_by_merge(tx: Transaction) -> Iterator[Need]:
    """Parts that came from a merged incident whose update was stopped by that: some of their customers lack it.

    Wherever they have gone since. Also word that service is back, which merges have not always waited for.
    """
    rows = tx.rows(
        """WITH RECURSIVE line (broadcast_id, part_id) AS (
               SELECT b.id, o.became FROM broadcasts AS b JOIN parts AS o ON o.id = b.part_id AND o.became IS NOT NULL
               WHERE b.state = 'cancelled' AND b.reason = 'incident_merged' AND b.sent_at IS NOT NULL
               UNION ALL
               SELECT l.broadcast_id, p.became FROM line AS l
               JOIN parts AS p ON p.id = l.part_id AND p.became IS NOT NULL)
           SELECT i.id, i.service, i.state, p.name AS place, p.name AS part, p.cut_from, b.id AS broadcast_id, b.kind,
                  b.incident_id AS merged, b.expected_customers AS expected,
                  (SELECT count(*) FROM audience AS a WHERE a.broadcast_id = b.id AND a.outcome <> 'told') AS unreached
           FROM line AS l JOIN broadcasts AS b ON b.id = l.broadcast_id
           JOIN parts AS p ON p.id = l.part_id AND p.became IS NULL
           JOIN incidents AS i ON i.id = p.incident_id
           WHERE (i.state = 'confirmed' AND p.state = 'out'
                  OR i.state IN ('confirmed', 'resolved') AND p.state <> 'out' AND b.kind = 'restored')
             AND NOT EXISTS (
                 SELECT 1 FROM broadcasts AS c JOIN line AS m ON m.part_id = c.part_id AND m.broadcast_id = b.id
                 WHERE c.id <> b.id
                 AND (c.started_at IS NOT NULL OR c.state IN ('sending', 'paused', 'awaiting_approval')))
           ORDER BY b.id"""
    )
    for row in rows:
        told, reachable = broadcasts.customers_told(tx, row["broadcast_id"]), row["expected"] - row["unreached"]
        if told >= reachable:
            continue
        which, part = row["id"], "" if row["cut_from"] is None else of_part(row["part"])
        is_back = row["kind"] == BroadcastKind.RESTORED
        commands = (f"eta {which} none{part}", f"eta {which} TIME{part}")
        if is_back:
            commands = (f"broadcasts show {row['broadcast_id']}", f"reopen {which}{part}")
        yield Subject.of(row).need(
            "cut_short",
            f"{words(row['kind'])} of #{row['merged']} was stopped by the merge: {reachable - told:,} of "
            f"{customers(reachable)} were not told{' that service is back' if is_back else ''}",
            *commands,
            *((f"close {which}",) if row["state"] == IncidentState.RESOLVED else ()),
            broadcast_id=row["broadcast_id"],
        )


def left_out(tx: Transaction) -> Iterator[Need]:
    """Incidents into whose place an import brought more customers than may hear its newest update by itself."""
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, MAX(b.id) AS broadcast_id FROM incidents AS i
           JOIN broadcasts AS b ON b.incident_id = i.id AND b.started_at IS NOT NULL
           WHERE i.state = 'confirmed' GROUP BY i.id, i.service, i.place ORDER BY i.id"""
    )
    for row in rows:
        last = incidents.last_event(tx, row["id"], late_joiners.LEFT_OUT)
        if last is None or last.get("broadcast") != row["broadcast_id"]:
            continue
        yield Subject.of(row).need(
            "late_joiners",
            "an import brought more customers into its place than may be told without a person; they hear from the "
            "next update",
            f"eta {row['id']} TIME",
            f"eta {row['id']} none",
            broadcast_id=row["broadcast_id"],
        )


def held(tx: Transaction) -> Iterator[Need]:
    rows = tx.rows(
        """SELECT b.id AS broadcast_id, b.incident_id AS id, i.service, i.place, count(*) AS held
           FROM notifications AS n JOIN broadcasts AS b ON b.id = n.broadcast_id
           JOIN incidents AS i ON i.id = b.incident_id
           WHERE n.state = 'held' GROUP BY b.id, b.incident_id, i.service, i.place ORDER BY b.id"""
    )
    for row in rows:
        which = row["broadcast_id"]
        yield Subject.of(row).need(
            "held",
            f"{messages(row['held'])} may or may not have arrived; a person decides",
            f"broadcasts show {which}",
            f"notifications resend --broadcast {which} --all",
            f"notifications abandon --broadcast {which} --all",
            broadcast_id=which,
        )


def drafts(tx: Transaction, now: datetime) -> Iterator[Need]:
    yield from together.drafts(tx, before=now - DRAFT_LEFT_AFTER)
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, b.id AS broadcast_id, b.kind, b.created_by
           FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id
           WHERE b.state = 'draft' AND b.round_id IS NULL AND b.created_at < :before ORDER BY b.id""",
        before=to_micros(now - DRAFT_LEFT_AFTER),
    )
    for row in rows:
        which = row["broadcast_id"]
        yield Subject.of(row).need(
            "draft",
            f"{words(row['kind'])} was drafted by {row['created_by']} and not sent",
            *(f"broadcasts {action} {which}" for action in ("preview", "send", "cancel")),
            broadcast_id=which,
        )
