"""Late joiners: sites that come to lie in the place of an incident after its update was planned.

Comes in: the sites that a directory import has just stored, in its transaction. Goes out: their customers in the
audience of what customers of the incident are being told, by the same path as everybody else. Because it is one
transaction with the site itself, nothing has to be remembered; because only the sites of the batch are looked at, an
import of any size costs no walk of a place. Must never tell more people than somebody has answered for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.broadcast import (
    ONLY_TO_TOLD,
    SAYS_BACK,
    BroadcastState,
    is_overtaken,
    may_be_joined_by,
)
from notifier.domain.consent import CONTRACT, Basis, purpose_of
from notifier.domain.incident import PartState
from notifier.domain.playbook import Playbook
from notifier.storage.database import Transaction
from notifier.storage.repositories import audience, broadcasts, credit_runs, incidents, neighbours, parts, planning
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import StoredIncident

LEFT_OUT = "late_joiners_left_out"  # in the timeline: they hear from the next update, for which a person answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """What late joiners changed in one broadcast."""

    incident_id: int
    broadcast_id: int
    notifications: int
    left_out: int  # customers that would have been too many without another word of a person


def is_any_incident_told(tx: Transaction) -> bool:
    """Tell whether there is an incident at all that somebody could join."""
    return tx.scalar("SELECT 1 FROM incidents WHERE state IN ('confirmed', 'scheduled') LIMIT 1") is not None


def join(
    tx: Transaction,
    site_ids: Sequence[int],
    playbooks: Mapping[str, Playbook],
    *,
    now: datetime,
    basis: Basis = CONTRACT,
) -> list[Joined]:
    """Add the customers of these sites to what is told where they lie; `playbooks` are by service.

    Sites that are carried already, are not active, or lack the service change nothing.
    """
    joined = []
    for incident_id in _touched(tx, site_ids):
        incident = incidents.load(tx, incident_id)
        playbook = playbooks.get(incident.service)
        if playbook is None:
            continue
        theirs = set(parts.of_site(tx, incident_id, site_ids).values())
        for part in parts.own(tx, incident_id):
            if part.id not in theirs:
                continue
            of_part = incidents.load(tx, incident_id, part.id)
            for found in _told_now(tx, of_part, now):
                each = add(tx, of_part, found, site_ids, playbook, now, basis)
                if each is not None:
                    joined.append(each)
    return joined


def _touched(tx: Transaction, site_ids: Sequence[int]) -> list[int]:
    """Return the confirmed incidents and the planned work in whose place some of the sites lie."""
    if not site_ids:
        return []
    ids = audience.numbers(site_ids)
    rows = tx.tuples(
        f"""SELECT i.id FROM site_regions AS sr CROSS JOIN incident_regions AS ir CROSS JOIN incidents AS i
            WHERE sr.site_id IN ({ids}) AND ir.region_id = sr.region_id AND ir.role = 'place'
              AND i.id = ir.incident_id AND i.state IN ('confirmed', 'scheduled')
            UNION
            SELECT i.id FROM incident_sites AS t CROSS JOIN incidents AS i
            WHERE t.site_id IN ({ids}) AND i.id = t.incident_id AND i.state IN ('confirmed', 'scheduled') ORDER BY 1"""
    )
    return [int(row[0]) for row in rows]


def _told_now(tx: Transaction, incident: StoredIncident, now: datetime) -> list[StoredBroadcast]:
    """Return what customers are being told now, and what they are about to be told.

    That is the newest update that has started, unless it was stopped, a time that it gives has passed, or service is
    believed back; and what is authorised and has not started.
    """
    every = [
        each for each in broadcasts.told_to(tx, incident.part.id, *BroadcastState) if each.kind not in ONLY_TO_TOLD
    ]
    started = sorted(
        (each for each in every if each.started_at is not None), key=lambda each: (each.started_at, each.id)
    )
    is_out = incident.part.state is PartState.OUT
    newest = [
        each
        for each in started[-1:]
        if is_out
        and each.kind not in SAYS_BACK
        and not is_overtaken(each.facts, now)
        and each.state in (BroadcastState.SENDING, BroadcastState.PAUSED, BroadcastState.COMPLETED)
    ]
    authorised = (BroadcastState.SENDING, BroadcastState.PAUSED)
    return newest + [each for each in every if each.started_at is None and each.state in authorised]


def add(
    tx: Transaction,
    incident: StoredIncident,
    found: StoredBroadcast,
    site_ids: Sequence[int],
    playbook: Playbook,
    now: datetime,
    basis: Basis,
) -> Joined | None:
    """Add the customers of affected ones among some sites to one update; None when that told nobody more."""
    scope = Scope(
        incident_id=incident.id,
        service=incident.service,
        region_ids=tuple(incidents.place_regions(tx, incident.id)),
        channels=playbook.channels,
        but=found.id,
        purpose=purpose_of(found.kind),
        basis=basis,
        neighbours=neighbours.of(tx, incident, found.kind),
        part=parts.scope_of(tx, incident.id, incident.part.id),
    )
    new = _new_customers(tx, scope, found.id, site_ids)
    told = max(audience.size(tx, found.id), found.expected_customers)
    if not may_be_joined_by(new, told=told, answered_for=found.expected_customers, limit=playbook.audience_limit):
        _record_once(tx, found, LEFT_OUT, now)
        return Joined(incident_id=incident.id, broadcast_id=found.id, notifications=0, left_out=new)
    due_at = max(now, found.not_before_at or now)
    chunk = planning.plan_sites(tx, found.id, scope, site_ids, due_at=due_at, now=now)
    credit_runs.again_for(tx, found.id)  # an audience that was counted for credits has grown
    if not chunk.notifications:
        return None
    if found.state is BroadcastState.COMPLETED:
        broadcasts.send_again(tx, found)
        _record_once(tx, found, "extended", now)
    return Joined(incident_id=incident.id, broadcast_id=found.id, notifications=chunk.notifications, left_out=0)


def _new_customers(tx: Transaction, scope: Scope, broadcast_id: int, site_ids: Sequence[int]) -> int:
    """Return how many customers of affected ones among these sites the audience does not hold yet."""
    return int(
        tx.scalar(
            f"""SELECT count(DISTINCT s.customer_id) FROM sites AS s
                WHERE s.id IN ({audience.numbers(site_ids)}) AND s.status = 'active' AND s.services LIKE :pattern
                  AND {audience.in_place(scope, "s.id")}
                  AND NOT EXISTS (SELECT 1 FROM audience AS a
                                  WHERE a.broadcast_id = :broadcast AND a.customer_id = s.customer_id)""",
            pattern=scope.pattern,
            incident=scope.incident_id,
            broadcast=broadcast_id,
        )
    )


def _record_once(tx: Transaction, found: StoredBroadcast, event: str, now: datetime) -> None:
    """Record for each broadcast once, however many batches an import has."""
    last = incidents.last_event(tx, found.incident_id, event)
    if last is None or last.get("broadcast") != found.id:
        detail = {"broadcast": found.id}
        incidents.record(tx, found.incident_id, at=now, event=event, actor="daemon", detail=detail)
