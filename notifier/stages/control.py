"""Switches of the whole daemon: pause and resume everything, and the secret that signs links.

A paused daemon claims nothing new, and gives back what it has not begun; what is being handed over is finished.
"""

import secrets

from notifier.clock import Clock
from notifier.config import Sender
from notifier.domain.actor import DAEMON, Actor
from notifier.queue.embedded import EmbeddedQueue, Topic
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import audit, control
from notifier.storage.views import PausedView


class Control:
    """The switches of one daemon."""

    def __init__(self, database: Database, clock: Clock, queue: EmbeddedQueue) -> None:
        self._database, self._clock, self._queue = database, clock, queue

    async def pause(self, actor: Actor) -> PausedView:
        """Let nothing new leave until `resume`."""
        view = await self._switch(actor, on=True)
        self._queue.recall()
        return view

    async def resume(self, actor: Actor) -> PausedView:
        """Let messages leave again."""
        view = await self._switch(actor, on=False)
        for topic in Topic:
            self._queue.wake(topic)
        return view

    async def _switch(self, actor: Actor, *, on: bool) -> PausedView:
        now = self._clock.now()

        def save(tx: Transaction) -> None:
            if control.is_paused(tx) == on:
                return
            if on:
                control.put(tx, control.PAUSED, "1", now=now, actor=actor)
            else:
                control.clear(tx, control.PAUSED)
            audit.record(tx, at=now, actor=actor, action="pause-all" if on else "resume-all", target="daemon")

        await self._database.write(save)
        return PausedView(paused=on, changed_at=now, changed_by=actor.name)

    async def is_paused(self) -> bool:
        """Tell whether pause-all is in force."""
        return await self._database.read(control.is_paused)

    async def link_secrets(self, sender: Sender) -> tuple[str, ...]:
        """Return the secrets whose links are good: the one that signs, then those before it.

        The one that was made at the first start stays good after the configuration has been given another.
        """
        made = await self._database.read(lambda tx: control.get(tx, control.LINK_SECRET))
        signing = sender.link_secret or made or await self.link_secret()
        return tuple(dict.fromkeys(each for each in (signing, sender.link_secret_previous, made) if each))

    async def link_secret(self) -> str:
        """Return the secret that signs links, made at the first start."""
        now = self._clock.now()

        def save(tx: Transaction) -> str:
            known = control.get(tx, control.LINK_SECRET)
            if known is not None:
                return known
            made = secrets.token_urlsafe(32)
            control.put(tx, control.LINK_SECRET, made, now=now, actor=DAEMON)
            return made

        return await self._database.write(save)
