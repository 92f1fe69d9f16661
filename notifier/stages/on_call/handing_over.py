"""Calls are handed over: every route that is due, beside each other, and again after a while where it failed.

Comes in: what is stored as due. Goes out: notices by the carriers, and their outcomes in the store. What cannot be
stored is handed over again: called twice is better than not called.
"""

import asyncio
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from notifier.domain.delivery import Outcome, Result
from notifier.domain.errors import NotifierError
from notifier.domain.on_call import RouteState, Says, tried_until, try_again_after
from notifier.domain.one_time_code import code_of
from notifier.messages.on_call import Notice
from notifier.stages import Surroundings
from notifier.stages.on_call.carriers import Carriers
from notifier.stages.on_call.people import People
from notifier.storage.repositories import call_routes
from notifier.storage.repositories import on_call as stored
from notifier.storage.repositories.call_routes import DueRoute, Tried

AT_ONCE = 16
FOLLOW_UPS_AT_MOST = 5  # tries to say that something is over

log = structlog.get_logger(__name__)


class HandingOver:
    """Hands calls over."""

    def __init__(self, around: Surroundings, people: People, carriers: Carriers, secret: str) -> None:
        self._database, self._clock = around.database, around.clock
        self._people, self._carriers, self._secret = people, carriers, secret

    async def hand_over_due(self) -> bool:
        """Hand over everything that is due, beside each other; tell whether somebody turned out to be out of reach."""
        now = self._clock.now()
        due = await self._database.read(lambda tx: call_routes.due(tx, now=now))
        room = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for each in due:
                tasks.create_task(self._hand_over(each, room), name=f"call {each.call.id} by {each.route}")
        calls = {each.call.id for each in due if each.says is Says.CALL}
        return await self._database.read(lambda tx: any(stored.is_lost(tx, call_id) for call_id in calls))

    async def _hand_over(self, due: DueRoute, room: asyncio.Semaphore) -> None:
        person = self._people.find(due.call.person)
        if person is None or due.route not in self._people.routes(due.call.person):
            outcome = Outcome(result=Result.PERMANENT, answer="this route is not configured any more")
        else:
            async with room:
                outcome = await self._carriers.hand_over(self._notice(due), person, due.route, attempt=due.attempts + 1)
        now = self._clock.now()
        tried = _judged(due, outcome, now=now, answer_within=self._people.roster.answer_within)
        try:
            await self._database.write(lambda tx: call_routes.record(tx, tried, now=now))
        except NotifierError:  # it is handed over again: twice is better than that the others are cut off
            log.exception("what became of an on-call notice could not be stored", call=due.call.id)
        say = log.info if tried.state is RouteState.HANDED_OVER else log.error
        say(
            "on-call notice",
            call=due.call.id,
            route=str(due.route),
            says=str(due.says),
            result=str(outcome.result),
            code=outcome.code,
            attempt=due.attempts + 1,
        )

    def _notice(self, due: DueRoute) -> Notice:
        call = due.call
        return Notice(
            id=call.id,
            route_id=due.id,
            says=due.says,
            reason=call.reason,
            text=due.text or call.text,
            verbs=call.verbs,
            code=code_of(self._secret, call.code_salt) if self._people.number(call.person) else "",
            answer_within=self._people.roster.answer_within,
            others=len(self._people.roster.people) - 1,
            at=call.called_at,
        )


def _judged(due: DueRoute, outcome: Outcome, *, now: datetime, answer_within: timedelta) -> Tried:
    """Decide whether a hand-over is tried again."""
    provider = str(due.route)
    match outcome.result:
        case Result.ACCEPTED:
            return Tried(
                route_id=due.id, state=RouteState.HANDED_OVER, provider=provider, provider_id=outcome.provider_id
            )
        case Result.PERMANENT | Result.RENDER_FAILED:
            again = None
        case Result.TEMPORARY | Result.OURS | Result.UNKNOWN:  # unknown too: called twice is better than not called
            wait = max(try_again_after(due.attempts + 1), outcome.retry_after or timedelta())
            is_call = due.says is Says.CALL
            late = now + wait > tried_until(due.call.called_at, answer_within)
            given_up = late if is_call else due.attempts + 1 >= FOLLOW_UPS_AT_MOST
            again = None if given_up else now + wait
        case _:
            assert_never(outcome.result)
    problem = f"{outcome.code} {outcome.answer}".strip() or str(outcome.result)
    state = RouteState.FAILED if again is None else RouteState.WAITING
    return Tried(route_id=due.id, state=state, provider=provider, problem=problem, due_at=again)
