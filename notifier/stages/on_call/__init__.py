"""On-call: the company's own people are woken for what needs them, in order, until one answers.

Comes in: needs, stopped providers, silent sources; answers by text and by key. Goes out: calls by a route of their own,
and what one commander may do in the name of who answered. It is never stopped by `pause-all`, the hour, or a queue.
"""

from collections.abc import Callable, Mapping, Sequence
from secrets import token_hex
from zoneinfo import ZoneInfo

from notifier.domain.actor import Actor, KeyRole
from notifier.domain.errors import InvalidInput, Refused, nearest
from notifier.domain.notification import Channel
from notifier.domain.on_call import CallReason, Verb, alarm_key
from notifier.domain.receipt import ReceiptStatus
from notifier.domain.skew import Skew
from notifier.messages.on_call import trial_line
from notifier.providers import Provider
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.stages.on_call.answers import Answers, Deciding
from notifier.stages.on_call.calling import Calling
from notifier.stages.on_call.carriers import Carriers, own_providers
from notifier.stages.on_call.clocks import Clocks
from notifier.stages.on_call.handing_over import HandingOver
from notifier.stages.on_call.noticing import Noticing
from notifier.stages.on_call.people import People
from notifier.stages.on_call.sources import Silent, Sources
from notifier.stages.on_call.watch import Watch
from notifier.storage.database import Transaction
from notifier.storage.queries import on_call as shown
from notifier.storage.repositories import audit, call_routes
from notifier.storage.repositories import on_call as stored
from notifier.storage.views import CallView, OnCallPerson, OnCallView

__all__ = ["Deciding", "OnCall"]


class OnCall:
    """Everything that can be asked of on-call."""

    def __init__(
        self,
        around: Surroundings,
        deciding: Deciding,
        *,
        secret: str,
        provider_states: Callable[[], Mapping[str, str]],
        providers: Mapping[Channel, Provider] | None = None,
    ) -> None:
        """Build the parts; `secret` makes the codes, `providers` are those of people on call alone."""
        self._database, self._clock, self._queue = around.database, around.clock, around.queue
        self._zone = ZoneInfo(around.config.regions.time_zone)
        self._people = People(around.config)
        self._sources = Sources(around.database, around.config, around.clock)
        self._clocks = Clocks(around.database, around.config, around.clock, around.metrics)
        own = own_providers(around.config) if providers is None else providers
        self._carriers = Carriers(around.config, self._people, own)
        self._calling = Calling(around, self._people)
        self._watch = Watch(
            around.database,
            around.metrics,
            self._people,
            sources=self._sources,
            clocks=self._clocks,
            noticing=Noticing(around, self._people, self._sources, provider_states),
            calling=self._calling,
            handing_over=HandingOver(around, self._people, self._carriers, secret),
        )
        self._answers = Answers(around, self._people, deciding, secret=secret, count=self._watch.count)

    async def close(self) -> None:
        """Close the connections to people on call."""
        await self._carriers.close()

    async def watch(self) -> None:
        """Do what this moment asks for."""
        await self._watch.step()

    def knows(self, sender: str) -> bool:
        """Tell whether a number (E.164) is that of somebody on call."""
        return self._answers.knows(sender)

    async def answer(self, code: str, verb: str, sender: str) -> str:
        """Do what somebody on call answers by text, and return what they are told."""
        return await self._answers.answer(code, verb, sender)

    async def explain(self, codes: Sequence[str], sender: str) -> str | None:
        """Return what somebody on call is told who wrote a good code with other words; None when none is good."""
        return await self._answers.explain(codes, sender)

    async def acknowledge(self, call_id: int, actor: Actor) -> CallView:
        """Take a call at a keyboard."""
        await self._answers.acknowledge(call_id, actor)
        return await self.call(call_id)

    async def receive(self, route_id: int, status: ReceiptStatus) -> None:
        """Note what a provider says later of a text; when it came back, the next one is called at once."""
        if await self._database.write(lambda tx: call_routes.receive(tx, route_id, status)):
            self._queue.wake(Topic.ON_CALL)

    async def test(self, person: str, actor: Actor) -> list[CallView]:
        """Call one person, or everybody, for nothing; each answer ends its own call."""
        actor.require(KeyRole.COMMANDER)
        names = self._people.roster.people
        if not names:
            raise Refused("nobody is on call: name people in on_call.people")
        if person and person not in names:
            wrong = f"nobody on call is called '{person}'{nearest(person, names)}"
            raise InvalidInput(wrong, field="person", value=person, expected=" or ".join(names))

        def place(tx: Transaction) -> list[int]:
            now = self._clock.now()
            audit.record(tx, at=now, actor=actor, action="on-call.test", target=person or "everybody")
            return [self._place_test(tx, name) for name in names if person in ("", name)]

        ids = await self._database.write(place)
        self._queue.wake(Topic.ON_CALL)
        return await self._database.read(lambda tx: [shown.call(tx, call_id) for call_id in ids])

    def _place_test(self, tx: Transaction, name: str) -> int:
        now, key = self._clock.now(), alarm_key(CallReason.TEST, token_hex(8))
        alarm = stored.begin(tx, key=key, reason=CallReason.TEST, now=now)
        return self._calling.place(tx, person=name, alarms=[alarm], text=trial_line(name), verbs=(Verb.WAIT,), now=now)

    # --- looking ----------------------------------------------------------------------------------------------------

    async def call(self, call_id: int) -> CallView:
        """Return one call; raise `NotFound`."""
        return await self._database.read(lambda tx: shown.call(tx, call_id))

    async def view(self) -> OnCallView:
        """Return who is woken, and for what."""

        def look(tx: Transaction) -> OnCallView:
            return OnCallView(
                people=[
                    OnCallPerson(name=name, routes=self._people.masked(name)) for name in self._people.roster.people
                ],
                answer_within_seconds=self._people.roster.answer_within.total_seconds(),
                alarms=shown.alarms(tx),
                calls=shown.calls(tx),
                sources=sorted(self._sources.judged()),
            )

        return await self._database.read(look)

    async def called(self) -> dict[str, str]:
        """Return, by key of the alarm, who was called about it and what they answered."""
        return await self._database.read(lambda tx: shown.called(tx, self._zone, now=self._clock.now()))

    def wrong_clocks(self) -> Mapping[str, Skew]:
        """Return the intake sources whose clock is ahead or behind."""
        return self._clocks.wrong()

    def silent(self) -> list[Silent]:
        """Return the intake sources that are silent for too long."""
        return self._sources.silent()
