"""What people on call answer: by text with a one-time code, or by key at a keyboard.

Comes in: a code, a verb and the number it came from. Goes out: one line for that person. A number proves nothing, and a
code is good for the person and the call it was made for, once. What is done with it is what the playbook lets one
commander do, under the name of that person, and it is audited.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo

import structlog

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.answering import ANSWERS_AN_HOUR
from notifier.domain.automatic import FRESH_FOR
from notifier.domain.broadcast import BroadcastState
from notifier.domain.contact import mask
from notifier.domain.errors import NotFound, NotifierError, Refused
from notifier.domain.on_call import (
    DECIDES_FOR,
    CallReason,
    Verb,
    actor_name,
    asked_again_at,
    identity,
    person_behind,
)
from notifier.domain.one_time_code import TRIES_AT_MOST, is_code
from notifier.messages.on_call import one_text, words_to_answer
from notifier.stages import Surroundings
from notifier.stages.on_call.ending import Settled, sweep
from notifier.stages.on_call.people import People
from notifier.storage.database import Transaction
from notifier.storage.queries.needs import waking
from notifier.storage.repositories import audit, automatic, keys
from notifier.storage.repositories import on_call as stored
from notifier.storage.repositories.on_call import StoredAlarm, StoredCall
from notifier.storage.views import BroadcastView, Draft, Preview

UNKNOWN_CODE = "This code is not valid (any more). Nothing was done. See: notifier on-call"
COUNTS_AGAIN = 2  # tries, when the number of customers moves while it is sent

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What commanders can do, as other stages offer it."""

    confirm: Callable[[int, Actor], Awaitable[Draft]]
    dismiss: Callable[[int, Actor], Awaitable[Draft]]
    preview: Callable[[int], Awaitable[Preview]]
    send: Callable[[int, int, Actor], Awaitable[BroadcastView]]
    approve: Callable[[int, Actor], Awaitable[BroadcastView]]  # for the number that was shown
    reject: Callable[[int, str, Actor], Awaitable[BroadcastView]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """A code that was good: whose, for what."""

    call: StoredCall
    alarms: tuple[StoredAlarm, ...]
    verb: Verb
    actor: Actor


class Answers:
    """Takes the answers of people on call."""

    def __init__(
        self,
        around: Surroundings,
        people: People,
        deciding: Deciding,
        *,
        secret: str,
        count: Callable[[tuple[Settled, ...]], None],
    ) -> None:
        self._database, self._clock = around.database, around.clock
        self._certain = around.config.detection.certain
        self._zone = ZoneInfo(around.config.regions.time_zone)
        self._people, self._deciding, self._secret, self._count = people, deciding, secret, count
        self._explained: dict[str, list[datetime]] = {}  # by number of somebody on call, within the last hour

    def knows(self, sender: str) -> bool:
        """Tell whether a number is that of somebody on call."""
        return bool(self._people.with_number(sender))

    async def answer(self, code: str, verb: str, sender: str) -> str:
        """Do what a text from `sender` (E.164) asks for, and return what they are told, fit for a text."""
        return one_text(await self._answer(code, verb, sender))

    async def _answer(self, code: str, verb: str, sender: str) -> str:
        people = self._people.with_number(sender)
        if not people:
            log.info("a code came from a number that is nobody's on call", sender=mask(sender))
            return UNKNOWN_CODE
        taken = await self._database.write(lambda tx: self._take(tx, people, code, verb, sender))
        if isinstance(taken, str):
            return taken
        try:
            said = await self._carry_out(taken)
        except NotifierError as error:
            await self._database.write(lambda tx: stored.release_answer(tx, taken.call.id))
            log.info("an answer of on-call was refused", call=taken.call.id, verb=str(taken.verb))
            return f"Not done: {error}"
        await self._rest(taken)
        return said

    async def explain(self, codes: Sequence[str], sender: str) -> str | None:
        """Return what the author of a text hears whose code is good and whose word is none of ours, fit for a text.

        None: no code of it is good, so it is a text like any other. "": it is, and was explained often enough for now.
        Nothing is done, no code is used up, and whoever is called next still is.
        """
        people = self._people.with_number(sender)
        said = await self._database.read(lambda tx: self._explained_of(tx, people, codes))
        if said is None:
            return None
        now = self._clock.now()
        lately = [at for at in self._explained.get(sender, ()) if at > now - timedelta(hours=1)]
        if len(lately) >= ANSWERS_AN_HOUR:
            log.warning("somebody on call gets no more explanations for now", sender=mask(sender))
            return ""
        self._explained[sender] = [*lately, now]
        return one_text(said)

    async def acknowledge(self, call_id: int, actor: Actor) -> None:
        """Take a call at a keyboard, for oneself or for the person who was called; nothing is told to customers."""
        actor.require(KeyRole.COMMANDER)

        def take(tx: Transaction) -> tuple[Settled, ...]:
            now, call = self._clock.now(), stored.load(tx, call_id)
            if call is None:
                raise NotFound("call", call_id)
            alarms = [alarm for alarm in stored.alarms_of(tx, call_id) if alarm.ended_at is None]
            if not alarms:
                raise Refused(f"what call {call_id} was about is over")
            if not stored.claim_answer(tx, call_id, by=actor.name, verb=Verb.WAIT, now=now):
                raise Refused(f"call {call_id} was answered by {call.answered_by} already")
            audit.record(tx, at=now, actor=actor, action="on-call.ack", target=f"call {call_id}")
            return self._let_rest(tx, alarms, actor.name, Verb.WAIT, now)

        self._count(await self._database.write(take))

    # --- a code -----------------------------------------------------------------------------------------------------

    def _take(self, tx: Transaction, people: list[str], code: str, verb: str, sender: str) -> _Taken | str:
        """Find the call that a code is for and use the code up; return what is said when there is nothing to do."""
        now = self._clock.now()
        calls = stored.decidable(tx, people, since=now - DECIDES_FOR)
        right = self._with_code(calls, code)
        if not right:
            stored.count_wrong_code(tx, [call.id for call in calls])
            actor = Actor(name=actor_name(people[0]), role=KeyRole.COMMANDER, origin="sms")
            detail = {"from": mask(sender), "verb": verb[:8]}
            audit.record(tx, at=now, actor=actor, action="on-call.wrong_code", target="on-call", detail=detail)
            return UNKNOWN_CODE
        call = right[0]
        alarms = _standing(tx, call)
        if (nothing := self._nothing_to_do(call, alarms, code)) is not None:
            return nothing
        if verb not in list(Verb):
            return _not_understood(call, code)
        wanted = Verb(verb)
        if wanted is Verb.SEND and Verb.YES in call.verbs:
            wanted = Verb.YES
        if wanted is Verb.YES and Verb.SEND in call.verbs:
            return _not_understood(call, code)
        if wanted in (Verb.SEND, Verb.YES) and wanted not in call.verbs:
            return (
                f"This cannot be sent by text; use: notifier. If you have it, reply {code.upper()} WAIT."
                " Until then the next on call is woken."
            )
        actor = Actor(name=actor_name(call.person), role=KeyRole.COMMANDER, origin="sms")
        stored.claim_answer(tx, call.id, by=actor.name, verb=wanted, now=now)
        audit.record(
            tx,
            at=now,
            actor=actor,
            action=f"on-call.{wanted}",
            target=f"call {call.id}",
            detail={"about": [alarm.key for alarm in alarms]},
        )
        return _Taken(call=call, alarms=alarms, verb=wanted, actor=actor)

    def _with_code(self, calls: Sequence[StoredCall], code: str) -> list[StoredCall]:
        """Return the calls that a code is good for; every one is compared."""
        usable = [call for call in calls if call.code_tries < TRIES_AT_MOST]
        return [call for call in usable if is_code(self._secret, call.code_salt, code)]

    def _nothing_to_do(self, call: StoredCall, alarms: Sequence[StoredAlarm], code: str) -> str | None:
        """Say that a call is answered or over; None when it waits for an answer."""
        if call.answered_at is not None:
            return (
                f"{code.upper()} was used at {self._time(call.answered_at)}: {call.answer.upper()}. Nothing more done."
            )
        return None if alarms else "This is over. Nothing was done."

    def _explained_of(self, tx: Transaction, people: list[str], codes: Sequence[str]) -> str | None:
        calls = stored.decidable(tx, people, since=self._clock.now() - DECIDES_FOR)
        for code in codes:
            for call in self._with_code(calls, code):
                return self._nothing_to_do(call, _standing(tx, call), code) or _not_understood(call, code)
        return None

    # --- what it does -----------------------------------------------------------------------------------------------

    async def _carry_out(self, taken: _Taken) -> str:
        alarm = taken.alarms[0]
        is_one = len(taken.alarms) == 1
        match taken.verb:
            case Verb.SEND if is_one and alarm.reason is CallReason.SUSPECTED and alarm.incident_id is not None:
                return await self._send_first(alarm.incident_id, taken.actor)
            case Verb.YES if is_one and alarm.broadcast_id is not None:
                return await self._approve(alarm.broadcast_id, taken)
            case Verb.NO if is_one and alarm.broadcast_id is not None and Verb.NO in taken.call.verbs:
                view = await self._deciding.reject(alarm.broadcast_id, "answered NO by text", taken.actor)
                what = f"Broadcast {view.id}" if view.round_id is None else f"Round {view.round_id}"
                return f"{what} is rejected. Nobody is told; who sent it sees that."
            case Verb.NO if is_one and alarm.reason is CallReason.SUSPECTED and alarm.incident_id is not None:
                await self._deciding.dismiss(alarm.incident_id, taken.actor)
                return f"#{alarm.incident_id} is dismissed. Nobody was told."
            case Verb.SEND | Verb.YES:
                raise Refused("there is more than one thing now; use: notifier")
            case Verb.WAIT | Verb.NO:
                again = min(asked_again_at(self._clock.now(), each.due_at) for each in taken.alarms)
                return f"You have it. If it is still open at {self._time(again)}, you are asked again."
        assert_never(taken.verb)

    async def _send_first(self, incident_id: int, actor: Actor) -> str:
        """Confirm an incident and send the plain first message, or put it before a second person where it is large."""
        if not await self._database.read(lambda tx: self._is_as_offered(tx, incident_id)):
            raise Refused(f"where #{incident_id} is has become uncertain; look first: notifier tell {incident_id}")
        draft = await self._deciding.confirm(incident_id, actor)
        if draft.broadcast is None:
            raise Refused("there is nothing to send")
        view = await self._send(draft.broadcast.id, actor)
        if view.state == BroadcastState.AWAITING_APPROVAL:
            return (
                f"#{incident_id}: {view.expected_customers:,} customers are more than one person may have told."
                " A second person is called to approve it."
            )
        by = view.facts.get("next_update_by")
        then = f" Next update by {self._time(datetime.fromisoformat(str(by)))}: you are called before it." if by else ""
        return f"#{incident_id} is confirmed; {view.expected_customers:,} customers are told.{then}"

    def _is_as_offered(self, tx: Transaction, incident_id: int) -> bool:
        """Tell whether its place is still one that is told unseen: it may have grown since the text."""
        return automatic.is_place_settled(
            tx, incident_id, now=self._clock.now(), certain=self._certain, within=FRESH_FOR + DECIDES_FOR
        )

    async def _send(self, broadcast_id: int, actor: Actor) -> BroadcastView:
        """Send to as many as there are: no number is typed by text, and it may move between two looks."""
        for tries_left in reversed(range(COUNTS_AGAIN)):
            counted = (await self._deciding.preview(broadcast_id)).customers
            try:
                return await self._deciding.send(broadcast_id, counted, actor)
            except Refused:
                if not tries_left:
                    raise
        raise AssertionError  # the loop returns or raises

    async def _approve(self, broadcast_id: int, taken: _Taken) -> str:
        await self._database.read(lambda tx: self._require_somebody_else(tx, broadcast_id, taken.call.person))
        view = await self._deciding.approve(broadcast_id, taken.actor)
        if view.state == BroadcastState.AWAITING_APPROVAL:
            await self._database.write(lambda tx: self._ask_again(tx, taken))
            return (
                f"Not approved: it is for {view.expected_customers:,} customers by now, more than you were asked about."
                " You are asked again in 2 min."
            )
        what = f"broadcast {broadcast_id}" if view.round_id is None else f"round {view.round_id}"
        return f"Approved: {what} goes to {view.expected_customers:,} customers."

    def _ask_again(self, tx: Transaction, taken: _Taken) -> None:
        """End what everybody was asked and begin it anew with the number of now, this person first."""
        now = self._clock.now()
        for alarm in taken.alarms:
            stored.end(tx, alarm.id, now=now)
            again = stored.begin(
                tx,
                key=alarm.key,
                reason=alarm.reason,
                now=now,
                incident_id=alarm.incident_id,
                broadcast_id=alarm.broadcast_id,
            )
            stored.answer(tx, again.id, by=taken.actor.name, said=Verb.YES, rests_until=now, now=now)
        self._count(sweep(tx, self._people, self._zone, now=now))

    def _require_somebody_else(self, tx: Transaction, broadcast_id: int, person: str) -> None:
        """Raise `Refused` unless it is known that this person is not the one who sent it, and may approve by key."""
        authors = waking.authors(tx, broadcast_id)
        if any(self._people.is_same(person, author) for author in authors):
            raise Refused("you drafted or sent it yourself; another person has to approve it")
        known = [
            key for key in keys.active(tx) if key.name.casefold() == identity(actor_name(person), self._people.keys)
        ]
        if known and not any(key.role in (KeyRole.COMMANDER, KeyRole.MANAGER) for key in known):
            raise Refused(
                f"your key is one of a {known[0].role}: it approves nothing, and neither does a text of yours"
            )
        if all(person_behind(author) is not None for author in authors):
            return
        if not known:
            raise Refused(
                "nobody can tell that you are not who sent it: your key is not named in on_call.people[].key."
                f" Use: {waking.approved_by(tx, broadcast_id)}"
            )

    # --- then it rests ----------------------------------------------------------------------------------------------

    async def _rest(self, taken: _Taken) -> None:
        def let_rest(tx: Transaction) -> tuple[Settled, ...]:
            return self._let_rest(tx, taken.alarms, taken.actor.name, taken.verb, self._clock.now())

        self._count(await self._database.write(let_rest))

    def _let_rest(
        self, tx: Transaction, alarms: "list[StoredAlarm] | tuple[StoredAlarm, ...]", by: str, verb: Verb, now: datetime
    ) -> tuple[Settled, ...]:
        for alarm in alarms:
            if alarm.reason is CallReason.TEST:
                stored.end(tx, alarm.id, now=now)
                continue
            until = asked_again_at(now, alarm.due_at)
            stored.answer(tx, alarm.id, by=by, said=verb, rests_until=until, now=now)
        return sweep(tx, self._people, self._zone, now=now)

    def _time(self, instant: datetime) -> str:
        return f"{instant.astimezone(self._zone):%H:%M %Z}"


def _standing(tx: Transaction, call: StoredCall) -> tuple[StoredAlarm, ...]:
    return tuple(alarm for alarm in stored.alarms_of(tx, call.id) if alarm.ended_at is None)


def _not_understood(call: StoredCall, code: str) -> str:
    return (
        f"That was not understood, nothing was done. {words_to_answer(code.upper(), call.verbs)}"
        " Until then the next on call is woken."
    )
