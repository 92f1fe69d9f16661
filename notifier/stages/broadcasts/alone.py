"""An update goes to more customers than one person may tell, without a second one: who hears of that.

Comes in: an update that its first person sends alone. Goes out: an entry of the timeline, and a call of every manager
by their routes of on-call, stored with it in one transaction: it happens once, however often a process dies.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from notifier.config import Person
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.on_call import CallOutcome, CallReason, Route, Says
from notifier.domain.second_person import is_same
from notifier.storage.database import Transaction
from notifier.storage.repositories import call_routes, incidents, keys
from notifier.storage.repositories import on_call as calls
from notifier.storage.repositories.broadcasts import StoredBroadcast

EVENT = "sent_alone"


def stand(
    tx: Transaction,
    found: StoredBroadcast,
    actor: Actor,
    reason: str,
    *,
    customers: int,
    limit: int,
    people: Sequence[Person],
    now: datetime,
) -> None:
    """Note that an update was sent alone, and tell every manager."""
    incident = incidents.load(tx, found.incident_id)
    what = f"#{incident.id} {incident.service} {incident.place}: {actor.name} sends broadcast {found.id}"
    stand_together(tx, [found], what, actor, reason, customers=customers, limit=limit, people=people, now=now)


def stand_together(
    tx: Transaction,
    several: Sequence[StoredBroadcast],
    what: str,
    actor: Actor,
    reason: str,
    *,
    customers: int,
    limit: int,
    people: Sequence[Person],
    now: datetime,
) -> None:
    """Note that several updates were sent alone by one number, and tell every manager once.

    `what` says who sends what; `customers` counts each once.
    """
    text = f"{what} to {customers:,} customers alone, because no second person answered: {reason}"
    told = _tell_managers(tx, actor, text, people=people, now=now)
    for found in several:
        detail = {
            "broadcast": found.id,
            "reason": reason,
            "customers": customers,
            "limit": limit,
            "asked_at": f"{found.sent_at:%Y-%m-%dT%H:%M:%SZ}" if found.sent_at else None,
            "managers": told,
        }
        incidents.record(tx, found.incident_id, at=now, event=EVENT, actor=actor.name, detail=detail)


def _tell_managers(tx: Transaction, actor: Actor, text: str, *, people: Sequence[Person], now: datetime) -> list[str]:
    """Leave a call for every manager on call; where none is known as one, for everybody but the author."""
    by_name = {person.name: person.key for person in people}
    others = [person for person in people if not is_same(person.key or person.name, actor.name, by_name)]
    roles = {key.name.casefold(): key.role for key in keys.active(tx)}
    managers = [person for person in others if roles.get((person.key or person.name).casefold()) is KeyRole.MANAGER]
    for person in managers or others:
        _leave(tx, person, text, now=now)
    return [person.name for person in managers or others]


def _leave(tx: Transaction, person: Person, text: str, *, now: datetime) -> None:
    """Store a call that asks for no answer: nobody else is woken when there is none."""
    call_id = calls.place(
        tx,
        person=person.name,
        reason=CallReason.APPROVAL_WAITING,
        text=text,
        verbs=(),
        code_salt="",
        alarm_ids=(),
        now=now,
    )
    for route, address in _routes(person).items():
        if address:
            call_routes.to_hand_over(tx, call_id, route, Says.CALL, "", now=now)
    calls.settle(tx, call_id, CallOutcome.OVER)
    calls.finish(tx, call_id, now=now)


def _routes(person: Person) -> Mapping[Route, str]:
    return {Route.SMS: person.sms, Route.EMAIL: person.email, Route.WEBHOOK: person.webhook}
