"""What needs a person now, most urgent first, each with the commands to type next.

Texts are one line for people at three in the morning: no names, no addresses, no words of customers.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.incident import IncidentState, PartState
from notifier.domain.playbook import Playbook
from notifier.domain.promise import Answer, Promise, PromiseKind
from notifier.domain.text import figure
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant, to_micros
from notifier.storage.queries import incidents as shown
from notifier.storage.queries import rejections
from notifier.storage.queries.rejections import Rejection
from notifier.storage.repositories import broadcasts, control, incidents, late_joiners, promises
from notifier.storage.repositories.incidents import service_pattern
from notifier.storage.views import Need

DRAFT_LEFT_AFTER = timedelta(minutes=5)  # younger ones are being looked at
AGAIN_WITHIN = timedelta(hours=24)  # after restoration, complaints are news
AGAIN_FROM = 3  # customers
_PROMISES = {PromiseKind.ETA: "the ETA", PromiseKind.NEXT_UPDATE: "the next update"}
_AGAIN = {BroadcastKind.RESTORED: "restored", BroadcastKind.REOPENED: "reopen", BroadcastKind.CORRECTION: "dismiss"}
_URGENCY = (
    "paused_all",
    "promise_missed",
    "promise",
    "approval",
    "rejected",
    "nobody_told",
    "cut_short",
    "paused",
    "delayed",
    "late_joiners",
    "suspected",
    "complaints_again",
    "held",
    "draft",
)


def needs(
    tx: Transaction, now: datetime, playbooks: Mapping[str, Playbook], *, time_zone: str = "UTC", reader: str = ""
) -> list[Need]:
    """Return everything that waits for a person; times in the texts are in `time_zone`.

    `playbooks`, by service, say how often the daemon may go on by itself. `reader` is the name of the key that asks:
    what that key has sent is "yours".
    """
    zone = ZoneInfo(time_zone)
    promised = [*_missed(tx, zone), *_in_danger(tx, now, zone, playbooks)]
    named = {need.incident_id for need in promised}
    found = [
        *_paused_all(tx, zone),
        *promised,
        *_approvals(tx, reader),
        *_rejected(tx, reader),
        *_nobody_told(tx),
        *_cut_short(tx),
        *_paused(tx),
        *(need for need in _delayed(tx, zone) if need.incident_id not in named),
        *_left_out(tx),
        *_suspected(tx, zone),
        *_complaints_again(tx, now),
        *_held(tx),
        *_drafts(tx, now),
    ]
    return sorted(found, key=lambda need: (_URGENCY.index(need.kind), need.due_at or now))


def _paused_all(tx: Transaction, zone: ZoneInfo) -> Iterator[Need]:
    since = control.since(tx, control.PAUSED)
    if since is None:
        return
    waiting = tx.scalar(
        """SELECT count(*) FROM broadcasts AS b JOIN notifications AS n ON n.broadcast_id = b.id AND n.state = 'pending'
           WHERE b.state IN ('sending', 'paused')"""
    )
    yield Need(
        kind="paused_all",
        incident_id=None,
        broadcast_id=None,
        text=(
            f"everything is paused since {_clock(since.at, zone)} by {since.by}: nothing is sent to anyone, "
            f"{_waiting(waiting)}"
        ),
        due_at=None,
        next=["notifier resume-all"],
    )


def _missed(tx: Transaction, zone: ZoneInfo) -> Iterator[Need]:
    """Parts that are still out and whose newest promise was missed: customers wait for a word."""
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, p.kind, p.due_at FROM promises AS p
           JOIN incidents AS i ON i.id = p.incident_id AND i.state = 'confirmed'
           JOIN parts AS t ON t.id = p.part_id AND t.state = 'out'
           WHERE p.state = 'missed'
             AND p.id = (SELECT MAX(n.id) FROM promises AS n WHERE n.part_id = p.part_id)
           ORDER BY p.due_at"""
    )
    for row in rows:
        due_at = to_instant(row["due_at"])
        what = _PROMISES[PromiseKind(row["kind"])]
        yield Need(
            kind="promise_missed",
            incident_id=row["id"],
            broadcast_id=None,
            text=f"{_name(row)}: {what} by {_clock(due_at, zone)} was missed, and customers have heard nothing since",
            due_at=due_at,
            next=[f"notifier eta {row['id']} TIME", f"notifier eta {row['id']} none", f"notifier restored {row['id']}"],
        )


def _in_danger(tx: Transaction, now: datetime, zone: ZoneInfo, playbooks: Mapping[str, Playbook]) -> Iterator[Need]:
    """Promises that the watcher has warned about and that no authorised update will keep."""
    paused = control.is_paused(tx)  # then nothing that is authorised starts
    for watched in promises.open_ones(tx):
        promise = watched.promise
        starts_in_time = watched.update_at is not None and watched.update_at < promise.due_at
        coming = (starts_in_time or watched.answer in (Answer.GOING_OUT, Answer.HANDED_OVER)) and not paused
        if promise.warned_at is None or watched.part_state is not PartState.OUT or coming:
            continue
        incident = incidents.load(tx, promise.incident_id)
        minutes = max(0, round((promise.due_at - now).total_seconds() / 60))
        limit = playbooks[incident.service].automatic_delays if incident.service in playbooks else 0
        yield Need(
            kind="promise",
            incident_id=incident.id,
            broadcast_id=promise.broadcast_id,
            text=(
                f"#{incident.id} {incident.service}, {incident.place}: {_PROMISES[promise.kind]} by "
                f"{_clock(promise.due_at, zone)} is due in {minutes} min; {_by_itself(promise, limit)}"
            ),
            due_at=promise.due_at,
            next=[
                f"notifier eta {incident.id} TIME",
                f"notifier eta {incident.id} none",
                f"notifier restored {incident.id}",
            ],
        )


def _by_itself(promise: Promise, limit: int) -> str:
    """Say what the daemon does when nobody speaks before the promise lapses."""
    if not promise.may_delay:
        return "the daemon may not go on by itself"
    if promise.automatic_in_row >= limit:
        return "the daemon has gone on by itself as often as it may: only a person can tell customers now"
    if promise.automatic_in_row == limit - 1:
        return "the daemon will say that it takes longer, for the last time"
    return "the daemon will say that it takes longer"


def _approvals(tx: Transaction, reader: str) -> Iterator[Need]:
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, b.id AS broadcast_id, b.kind, b.expected_customers, b.sent_by
           FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id
           WHERE b.state = 'awaiting_approval' ORDER BY b.id"""
    )
    for row in rows:
        which = row["broadcast_id"]
        own = row["sent_by"] == reader
        yield Need(
            kind="approval",
            incident_id=row["id"],
            broadcast_id=which,
            text=(
                f"{_name(row)}: {_words(row['kind'])} to {_customers(row['expected_customers'])}, sent by "
                f"{'you' if own else row['sent_by']}, waits for another key"
            ),
            due_at=None,
            next=[
                f"notifier broadcasts preview {which}",
                *(
                    [f"notifier broadcasts cancel {which}"]
                    if own
                    else [f"notifier broadcasts approve {which}", f"notifier broadcasts reject {which}"]
                ),
            ],
        )


def _rejected(tx: Transaction, reader: str) -> Iterator[Need]:
    """Updates to which a second person said no: whoever sent them has to know, and has gone on meanwhile."""
    for found in rejections.unanswered(tx):
        whose = "your" if found.sent_by == reader else f"{found.sent_by}'s"
        yield Need(
            kind="rejected",
            incident_id=found.incident["id"],
            broadcast_id=found.broadcast_id,
            text=(
                f"{_name(found.incident)}: {whose} broadcast {found.broadcast_id} ({_words(found.kind)} to "
                f"{_customers(found.customers)}) was rejected by {found.by}{f': {found.why}' if found.why else ''}"
            ),
            due_at=None,
            next=[
                f"notifier {_sent_again(found)}",
                f"notifier broadcasts cancel {found.broadcast_id}",
            ],
        )


def _sent_again(found: Rejection) -> str:
    """Return the command that makes another update in place of a rejected one."""
    which = found.incident["id"]
    if found.kind in _AGAIN:
        return f"{_AGAIN[found.kind]} {which}"
    return f"confirm {which}" if found.incident["state"] == IncidentState.SUSPECTED else f"eta {which} TIME"


def _nobody_told(tx: Transaction) -> Iterator[Need]:
    """Confirmed incidents of which nobody was told and nothing is on its way."""
    for incident in incidents.with_state(tx, IncidentState.CONFIRMED):
        on_its_way = tx.scalar(
            """SELECT 1 FROM broadcasts WHERE incident_id = :id
               AND state IN ('sending', 'completed', 'awaiting_approval') LIMIT 1""",
            id=incident.id,
        )
        if on_its_way is None and not broadcasts.was_told(tx, incident.id):
            yield Need(
                kind="nobody_told",
                incident_id=incident.id,
                broadcast_id=None,
                text=f"#{incident.id} {incident.service}, {incident.place}: confirmed, and nobody has been told",
                due_at=None,
                next=[
                    f"notifier eta {incident.id} none",
                    f"notifier eta {incident.id} TIME",
                    f"notifier dismiss {incident.id}",
                ],
            )


def _paused(tx: Transaction) -> Iterator[Need]:
    """Updates that a person stopped for now: nothing else goes on with them, nor with a restoration they announce."""
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, b.id AS broadcast_id, b.kind, b.planned_at,
                  (SELECT count(*) FROM notifications AS n
                   WHERE n.broadcast_id = b.id AND n.state = 'pending') AS waiting
           FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id
           WHERE b.state = 'paused' AND NOT EXISTS (
                 SELECT 1 FROM broadcasts AS c WHERE c.incident_id = b.incident_id AND c.id > b.id
                 AND c.state = 'sending' AND c.started_at IS NULL)
           ORDER BY b.id"""
    )
    for row in rows:
        which = row["broadcast_id"]
        planned = row["planned_at"] is not None  # before, there are more than those
        waiting = _waiting(row["waiting"]) if planned else "customers wait for it"
        yield Need(
            kind="paused",
            incident_id=row["id"],
            broadcast_id=which,
            text=f"{_name(row)}: {_words(row['kind'])} is paused, and {waiting}",
            due_at=None,
            next=[f"notifier broadcasts resume {which}", f"notifier broadcasts cancel {which}"],
        )


def _delayed(tx: Transaction, zone: ZoneInfo) -> Iterator[Need]:
    """Parts that are still out and of which the daemon has spoken last: it can give no new time, a person can."""
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, b.id AS broadcast_id, b.facts, p.next_update_by FROM broadcasts AS b
           JOIN incidents AS i ON i.id = b.incident_id AND i.state = 'confirmed'
           JOIN parts AS p ON p.id = b.part_id AND p.state = 'out'
           WHERE b.automatic = 1 AND b.started_at IS NOT NULL AND NOT EXISTS (
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
            said = f"the ETA by {_clock(lapsed, zone)} has lapsed and customers have no new one"
        else:
            due = f" by {_clock(gone, zone)}" if gone is not None else ""
            said = f"the daemon alone gave the update that was due{due}, and customers have no ETA"
        yield Need(
            kind="delayed",
            incident_id=row["id"],
            broadcast_id=row["broadcast_id"],
            text=f"{_name(row)}: {said}",
            due_at=to_instant(row["next_update_by"]),
            next=[f"notifier eta {row['id']} TIME", f"notifier restored {row['id']}"],
        )


def _cut_short(tx: Transaction) -> Iterator[Need]:
    """Incidents whose newest update was stopped on its way: some of the customers have it, others do not."""
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, b.id AS broadcast_id, b.kind, b.expected_customers AS expected,
                  (SELECT count(*) FROM audience AS a WHERE a.broadcast_id = b.id AND a.outcome <> 'told') AS unreached
           FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id AND i.state = 'confirmed'
           WHERE b.state = 'cancelled' AND b.started_at IS NOT NULL AND NOT EXISTS (
                 SELECT 1 FROM broadcasts AS c WHERE c.incident_id = b.incident_id AND c.id <> b.id
                 AND (c.started_at > b.started_at OR c.started_at = b.started_at AND c.id > b.id
                      OR c.started_at IS NULL AND c.state IN ('sending', 'paused', 'awaiting_approval')))
           ORDER BY b.id"""
    )
    for row in rows:
        told = broadcasts.customers_told(tx, row["broadcast_id"])
        reachable = row["expected"] - row["unreached"]
        if told >= reachable or not broadcasts.was_told(tx, row["id"]):  # then it is named as one nobody was told of
            continue
        yield Need(
            kind="cut_short",
            incident_id=row["id"],
            broadcast_id=row["broadcast_id"],
            text=(
                f"{_name(row)}: {_words(row['kind'])} was cancelled on its way: {reachable - told:,} of "
                f"{_customers(reachable)} were not told"
            ),
            due_at=None,
            next=[f"notifier eta {row['id']} none", f"notifier eta {row['id']} TIME", f"notifier dismiss {row['id']}"],
        )


def _left_out(tx: Transaction) -> Iterator[Need]:
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
        yield Need(
            kind="late_joiners",
            incident_id=row["id"],
            broadcast_id=row["broadcast_id"],
            text=(
                f"{_name(row)}: an import brought more customers into its place than may be told without a person; "
                "they hear from the next update"
            ),
            due_at=None,
            next=[f"notifier eta {row['id']} TIME", f"notifier eta {row['id']} none"],
        )


def _suspected(tx: Transaction, zone: ZoneInfo) -> Iterator[Need]:
    for incident in incidents.with_state(tx, IncidentState.SUSPECTED):
        if _waits_for_approval(tx, incident.id):
            continue
        card = shown.card(tx, incident.id)
        evidence = shown.newest_evidence(tx, incident.id)
        parts = [f"#{incident.id} suspected  {incident.service}, {incident.place}"]
        parts.append(f"since about {_clock(incident.started_at, zone)}")
        if evidence:
            best = evidence[0]
            minutes = max(1, round((best.at - best.window_from).total_seconds() / 60))
            parts.append(
                f"- {best.grade}: {best.observed} complaints in {minutes} min ({figure(best.expected)} expected), "
                f"{best.verified} verified"
            )
        else:
            parts.append(f"- opened by {incident.opened_by}")
        parts.append(f"- {_customers(card.customers)}, nobody told")
        yield Need(
            kind="suspected",
            incident_id=incident.id,
            broadcast_id=None,
            text=" ".join(parts),
            due_at=None,
            next=[
                f"notifier confirm {incident.id}",
                f"notifier incidents show {incident.id}",
                f"notifier dismiss {incident.id}",
            ],
        )


def _waits_for_approval(tx: Transaction, incident_id: int) -> bool:
    """Tell whether a commander has confirmed it already, and another one is asked."""
    waiting = "SELECT 1 FROM broadcasts WHERE incident_id = :id AND state = 'awaiting_approval' LIMIT 1"
    return tx.scalar(waiting, id=incident_id) is not None


def _complaints_again(tx: Transaction, now: datetime) -> Iterator[Need]:
    """Incidents said to be over whose customers go on complaining."""
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, p.restored_at FROM incidents AS i JOIN parts AS p ON p.incident_id = i.id
           WHERE i.state = 'resolved' AND i.resolved_at >= :since AND p.restored_at IS NOT NULL ORDER BY i.id""",
        since=to_micros(now - AGAIN_WITHIN),
    )
    for row in rows:
        customers = tx.scalar(
            """SELECT count(DISTINCT c.customer_id) FROM complaints AS c
               WHERE c.effective_at > :since AND c.service = :service
                 AND EXISTS (SELECT 1 FROM sites AS s
                             WHERE s.customer_id = c.customer_id AND s.services LIKE :pattern
                               AND (EXISTS (SELECT 1 FROM site_regions AS r JOIN incident_regions AS ir
                                              ON ir.region_id = r.region_id AND ir.incident_id = :incident
                                             AND ir.role = 'place'
                                            WHERE r.site_id = s.id)
                                    OR EXISTS (SELECT 1 FROM incident_sites AS l
                                               WHERE l.incident_id = :incident AND l.site_id = s.id)))""",
            since=row["restored_at"],
            service=row["service"],
            pattern=service_pattern(row["service"]),
            incident=row["id"],
        )
        if customers >= AGAIN_FROM:
            yield Need(
                kind="complaints_again",
                incident_id=row["id"],
                broadcast_id=None,
                text=f"{_name(row)}: {customers:,} customers complained after they were told that it is back",
                due_at=None,
                next=[f"notifier reopen {row['id']}", f"notifier incidents show {row['id']}"],
            )


def _held(tx: Transaction) -> Iterator[Need]:
    rows = tx.rows(
        """SELECT b.id AS broadcast_id, b.incident_id AS id, i.service, i.place, count(*) AS held
           FROM notifications AS n JOIN broadcasts AS b ON b.id = n.broadcast_id
           JOIN incidents AS i ON i.id = b.incident_id
           WHERE n.state = 'held' GROUP BY b.id, b.incident_id, i.service, i.place ORDER BY b.id"""
    )
    for row in rows:
        yield Need(
            kind="held",
            incident_id=row["id"],
            broadcast_id=row["broadcast_id"],
            text=f"{_name(row)}: {_messages(row['held'])} may or may not have arrived; a person decides",
            due_at=None,
            next=[
                f"notifier broadcasts show {row['broadcast_id']}",
                f"notifier notifications resend --broadcast {row['broadcast_id']} --all",
                f"notifier notifications abandon --broadcast {row['broadcast_id']} --all",
            ],
        )


def _drafts(tx: Transaction, now: datetime) -> Iterator[Need]:
    rows = tx.rows(
        """SELECT i.id, i.service, i.place, b.id AS broadcast_id, b.kind, b.created_by
           FROM broadcasts AS b JOIN incidents AS i ON i.id = b.incident_id
           WHERE b.state = 'draft' AND b.created_at < :before ORDER BY b.id""",
        before=to_micros(now - DRAFT_LEFT_AFTER),
    )
    for row in rows:
        which = row["broadcast_id"]
        yield Need(
            kind="draft",
            incident_id=row["id"],
            broadcast_id=which,
            text=f"{_name(row)}: {_words(row['kind'])} was drafted by {row['created_by']} and not sent",
            due_at=None,
            next=[
                f"notifier broadcasts preview {which}",
                f"notifier broadcasts send {which}",
                f"notifier broadcasts cancel {which}",
            ],
        )


def _name(row: Row) -> str:
    return f"#{row['id']} {row['service']}, {row['place']}"


def _customers(number: int) -> str:
    return "1 customer" if number == 1 else f"{number:,} customers"


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number:,} messages"


def _waiting(number: int) -> str:
    return f"{_messages(number)} {'waits' if number == 1 else 'wait'}"


def _words(kind: str) -> str:
    return f"`{kind}`"


def _clock(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%H:%M %Z}"
