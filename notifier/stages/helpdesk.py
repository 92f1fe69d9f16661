"""What customers wrote and no rule could answer goes to a person: by mail, to the helpdesk.

In: replies that are to be forwarded. Out: a mail with up to fifty of them, on a connection of its own, and a row that
is not due any more. What cannot be handed over is tried again for a day; the same mail has the same Message-ID, so a
helpdesk drops a double. Nothing here writes to a customer, and nothing that came from the helpdesk goes back to it.
"""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from notifier.domain.delivery import Outcome, Result, retry_wait
from notifier.messages.helpdesk import Said, helpdesk_mail
from notifier.messages.mime import Mail
from notifier.providers import Provider, Recalled
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.repositories import replies
from notifier.storage.repositories.replies import StoredReply

AT_MOST = 50  # texts in one mail
HAND_OVER_SECONDS = 30.0
GIVE_UP_AFTER = timedelta(hours=24)
log = structlog.get_logger(__name__)


class Helpdesk:
    """Forwards what a person should read."""

    def __init__(self, around: Surroundings, provider: Provider | None) -> None:
        """Keep the parts; `provider` carries mail and is used by nobody else, None: there is none."""
        self._around, self._provider = around, provider
        self._address = around.config.inbound.helpdesk_address
        self._zone = ZoneInfo(around.config.regions.time_zone)
        self._is_open = False
        self._failures = 0

    async def step(self) -> bool:
        """Forward some texts; return whether there may be more."""
        if not self._address or self._provider is None:
            return False
        now = self._around.clock.now()
        found = await self._around.database.read(lambda tx: replies.to_forward(tx, now=now, at_most=AT_MOST))
        if not found:
            return False
        said = [_said(reply, customer) for reply, customer in found]
        mail = helpdesk_mail(said, self._around.config.sender, self._address, zone=self._zone, at=now)
        outcome = await self._hand_over(self._provider, mail)
        await self._record(found, outcome, now)
        return outcome.result is Result.ACCEPTED and len(found) == AT_MOST

    async def close(self) -> None:
        """Close the connection."""
        if self._provider is not None and self._is_open:
            await self._provider.close()
            self._is_open = False

    async def _hand_over(self, provider: Provider, mail: Mail) -> Outcome:
        try:
            async with asyncio.timeout(HAND_OVER_SECONDS):
                if not self._is_open:
                    await provider.open()
                    self._is_open = True
                return await provider.send(mail, asyncio.Event())
        except TimeoutError:
            return Outcome(result=Result.UNKNOWN, answer="no answer in time")
        except (OSError, Recalled) as error:
            return Outcome(result=Result.OURS, answer=type(error).__name__)

    async def _record(self, found: list[tuple[StoredReply, str]], outcome: Outcome, now: datetime) -> None:
        ids = [reply.id for reply, _ in found]
        if outcome.result is Result.ACCEPTED:
            self._failures = 0
            await self._around.database.write(lambda tx: replies.set_forward(tx, ids, None))
            return
        self._failures += 1
        gone = [reply.id for reply, _ in found if now - reply.received_at > GIVE_UP_AFTER]
        again = [id_ for id_ in ids if id_ not in gone]
        due_at = now + retry_wait(self._failures, 0.5)
        log.error("could not write to the helpdesk", result=outcome.result, code=outcome.code, given_up=len(gone))

        def put_off(tx: Transaction) -> None:
            replies.set_forward(tx, gone, None)
            replies.set_forward(tx, again, due_at)

        await self._around.database.write(put_off)


def _said(reply: StoredReply, customer: str) -> Said:
    return Said(
        id=reply.id,
        source=reply.source,
        sender=reply.sender,
        customer=customer,
        meaning=reply.meaning,
        text=reply.text,
        received_at=reply.received_at,
    )
