"""What a person may ask of us: to see all that is kept about them, or to be forgotten; and what the law may forbid.

In: a customer's reference and who asks. Out: rows, or a customer that is a number from here on. What it does is in the
audit log, without the name: by the customer's number.
"""

from typing import Any

from notifier.clock import Clock
from notifier.domain.actor import Actor
from notifier.domain.errors import InvalidInput, NotFound, Refused
from notifier.domain.text import clean_line
from notifier.storage.database import Database, Transaction
from notifier.storage.queries.persons import everything
from notifier.storage.repositories import audit, persons
from notifier.storage.repositories.persons import Person
from notifier.storage.views import ForgottenView, HeldPersonView

REASON_AT_MOST = 200


class Persons:
    """Shows, holds, releases and forgets customers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def export(self, reference: str, actor: Actor) -> dict[str, Any]:
        """Return everything kept about a customer, by table; that it was asked for is noted first."""
        now = self._clock.now()

        def note(tx: Transaction) -> int:
            person = _require(tx, reference)
            _note(tx, person, actor, "customers.export", now=now)
            return person.id

        customer_id = await self._database.write(note)
        return await self._database.read(lambda tx: everything(tx, customer_id))  # large tables: nobody waits meanwhile

    async def hold(self, reference: str, reason: str, actor: Actor) -> HeldPersonView:
        """Keep everything about a customer, whatever retention says and whoever asks to forget them."""
        reason, now = _reason(reason), self._clock.now()

        def save(tx: Transaction) -> HeldPersonView:
            person = _require(tx, reference)
            persons.hold(tx, person.id, reason, now=now)
            _note(tx, person, actor, "customers.hold", now=now, reason=reason)
            return HeldPersonView(id=person.id, reference=person.reference, legal_hold=reason)

        return await self._database.write(save)

    async def release(self, reference: str, reason: str, actor: Actor) -> HeldPersonView:
        """End a hold."""
        reason, now = _reason(reason), self._clock.now()

        def save(tx: Transaction) -> HeldPersonView:
            person = _require(tx, reference)
            if not person.legal_hold:
                raise Refused(f"customer {person.reference} is under no legal hold")
            persons.hold(tx, person.id, "", now=now)
            _note(tx, person, actor, "customers.release", now=now, reason=reason)
            return HeldPersonView(id=person.id, reference=person.reference, legal_hold="")

        return await self._database.write(save)

    async def forget(self, reference: str, confirm: str, reason: str, actor: Actor) -> ForgottenView:
        """Forget a customer for good; `confirm` repeats the reference.

        Raises `Refused` under a legal hold, while a message is under way or in doubt, and while money is owed.
        """
        reason, now = _reason(reason), self._clock.now()

        def save(tx: Transaction) -> ForgottenView:
            person = _require(tx, reference)
            if confirm != person.reference:
                expected = "the customer's reference, exactly"
                raise InvalidInput("the confirmation is another one", field="confirm", value=confirm, expected=expected)
            if person.legal_hold:
                raise Refused(f"customer {person.reference} is under a legal hold: {person.legal_hold}")
            if (obstacle := persons.in_the_way(tx, person.id)) is not None:
                raise Refused(f"customer {person.reference} cannot be forgotten now: {obstacle}")
            changed = persons.forget(tx, person.id, now=now)
            _note(tx, person, actor, "customers.forget", now=now, reason=reason, changed=changed)
            return ForgottenView(id=person.id, pseudonym=f"{persons.FORGOTTEN}{person.id}", changed=changed)

        return await self._database.write(save)


def _require(tx: Transaction, reference: str) -> Person:
    person = persons.find(tx, clean_line(reference))
    if person is None:
        raise NotFound("customer", reference)
    return person


def _reason(text: str) -> str:
    """Return a reason as one line; raise `InvalidInput` when there is none."""
    reason = clean_line(text)
    if not reason or len(reason) > REASON_AT_MOST:
        expected = f"1 to {REASON_AT_MOST} characters: who asked, or which case"
        raise InvalidInput("the reason is missing or too long", field="reason", value=text, expected=expected)
    return reason


def _note(tx: Transaction, person: Person, actor: Actor, action: str, *, now: Any, **detail: object) -> None:
    audit.record(tx, at=now, actor=actor, action=action, target=f"customer {person.id}", detail=detail)
