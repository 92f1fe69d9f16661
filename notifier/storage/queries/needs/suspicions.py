"""What customers say that nobody has answered: suspected incidents, and complaints after it was said to be over."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifier.domain.evidence_words import seen
from notifier.domain.incident import IncidentState, PartState
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.queries import heard
from notifier.storage.queries import incidents as shown
from notifier.storage.queries.needs import alarms, beside
from notifier.storage.queries.needs.subject import Subject, clock, customers, of_part
from notifier.storage.repositories import audience, events, incidents, named_sites, parts
from notifier.storage.repositories.incidents import StoredIncident, service_pattern
from notifier.storage.views import Need

AGAIN_WITHIN = timedelta(hours=24)  # after restoration, complaints are news
AGAIN_FROM = 3  # customers


def undecided(tx: Transaction) -> Iterator[StoredIncident]:
    """Return the suspected incidents that nobody has decided on; counts nothing."""
    for incident in incidents.with_state(tx, IncidentState.SUSPECTED):
        if not waits_for_approval(tx, incident.id):
            yield incident


def suspected(tx: Transaction, zone: ZoneInfo, now: datetime) -> Iterator[Need]:
    inside = events.by_incident(tx)
    for incident in undecided(tx):
        if incident.id in inside:  # its event has a need for all of them
            continue
        card = shown.card(tx, incident.id)
        evidence = shown.newest_evidence(tx, incident.id)
        parts = [f"#{incident.id} suspected {incident.service}, {beside.where(tx, incident)}"]
        parts.append(f"since about {clock(incident.started_at, zone)} - {beside.planned_work(tx, incident, now)}")
        if priority := beside.priority_sites(tx, incident):
            parts.append(f"- {priority:,} priority")
        if evidence:
            best = evidence[0]
            said = seen(best.observed, best.at - best.window_from, best.expected, best.grade)
            parts.append(f"- {said}, {best.verified} verified")
        else:
            parts.append(f"- opened by {incident.opened_by}")
        if alarm := alarms.of_incident(tx, incident.id, zone):
            parts.append(f"- {alarm}")
        parts.append(f"- {customers(card.customers)}, nobody told")
        yield Need(
            kind="suspected",
            incident_id=incident.id,
            broadcast_id=None,
            text=" ".join(parts),
            due_at=None,
            next=[
                f"notifier tell {incident.id}",
                f"notifier read {incident.id}",
                f"notifier dismiss {incident.id}",
            ],
        )


def waits_for_approval(tx: Transaction, incident_id: int) -> bool:
    """Tell whether a commander has confirmed it already, and another one is asked."""
    waiting = "SELECT 1 FROM broadcasts WHERE incident_id = :id AND state = 'awaiting_approval' LIMIT 1"
    return tx.scalar(waiting, id=incident_id) is not None


def looks_over(tx: Transaction, zone: ZoneInfo) -> Iterator[Need]:
    """Confirmed incidents that look over: a person may ask the crew, and say so."""
    rows = tx.rows(
        f"""SELECT i.id, i.service, i.place FROM incidents AS i
            WHERE i.state = 'confirmed' AND {parts.has_one("i.id", PartState.OUT)} ORDER BY i.id"""
    )
    for row in rows:
        seen = heard.standing(tx, row["id"])
        if seen is None:
            continue
        said = f"looks over since about {clock(seen.since, zone)} ({seen.chance:.0%}): {_complaints(seen.complaints)}"
        said += f" since, {seen.if_still_out:,.1f} were to come if it were still out"
        if seen.said_on or seen.said_out:
            said += f"; {seen.said_on:,} say ON, {seen.said_out:,} OUT"
        if seen.alarms_over:
            said += f"; alarm {', '.join(seen.alarms_over)} over"
        yield Subject.of(row).need("looks_over", said, f"restored {row['id']}", f"incidents show {row['id']}")


def _complaints(number: int) -> str:
    return "1 complaint" if number == 1 else f"{number:,} complaints" if number else "no complaint"


def complaints_again(tx: Transaction, now: datetime) -> Iterator[Need]:
    """Incidents, and parts of those that go on, said to be over whose customers go on complaining."""
    rows = [
        *tx.rows(_SAID_TO_BE_BACK.format(state="i.state = 'resolved' AND i.resolved_at >= :since"), since=_ago(now)),
        *tx.rows(_SAID_TO_BE_BACK.format(state="i.state = 'confirmed' AND p.restored_at >= :since"), since=_ago(now)),
    ]
    for row in rows:
        incident = incidents.load(tx, row["id"], row["part_id"])
        there = named_sites.scope(tx, incident, incident.part.id)
        complaining = tx.scalar(
            f"""SELECT count(DISTINCT c.customer_id) FROM complaints AS c
                WHERE c.effective_at > :since AND c.service = :service
                  AND EXISTS (SELECT 1 FROM sites AS s WHERE s.customer_id = c.customer_id
                                AND s.services LIKE :pattern AND {audience.in_place(there, "s.id")})""",
            since=row["restored_at"],
            service=row["service"],
            pattern=service_pattern(row["service"]),
            incident=row["id"],
        )
        if complaining >= AGAIN_FROM:
            part = of_part(parts.told_as(tx, row["id"], row["part_id"], ""))
            yield Subject.of_part(incident).need(
                "complaints_again",
                f"{complaining:,} customers complained after they were told that it is back",
                f"reopen {row['id']}{part}",
                f"incidents show {row['id']}",
            )


_SAID_TO_BE_BACK = f"""SELECT i.id, i.service, p.id AS part_id, p.restored_at
                       FROM incidents AS i JOIN parts AS p ON p.incident_id = i.id
                       WHERE {{state}} AND p.state = 'restored' AND p.restored_at IS NOT NULL AND {parts.is_own("p")}
                       ORDER BY i.id, p.position, p.id"""


def _ago(now: datetime) -> int:
    return to_micros(now - AGAIN_WITHIN)
