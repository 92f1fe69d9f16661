"""Those who complained by the API hear back: the newest facts, or that we have their report.

In: complaints, in the order in which they were stored, from a position that is stored too, so that none is forgotten
and none is answered twice, whatever ends the daemon. Lists, history and strangers are passed over. What is done here
is bounded, because complaints come in storms: intake must not wait for it.
"""

from collections import Counter
from datetime import datetime

import structlog

from notifier.domain.actor import DAEMON
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.stages.replies.personal import About, Personal, Told
from notifier.storage.database import Transaction
from notifier.storage.repositories import control, personal, replies
from notifier.storage.repositories.answers import CauseKind
from notifier.storage.repositories.personal import Reporter

READ_AT_MOST = 2_000  # complaints looked at in one step
ANSWERED_AT_MOST = 100  # of them: about 25 ms
POSITION = "reporters_position"
log = structlog.get_logger(__name__)


class Reporters:
    """Tells those who complained."""

    def __init__(self, around: Surroundings, personal: Personal) -> None:
        self._around, self._personal = around, personal
        self._any_received = any(playbook.received for playbook in around.playbooks.values())
        self._late_after = around.config.inbound.personal_every

    async def step(self) -> None:
        """Look at the complaints since the last step; those that are too many wait for the next one."""
        found = await self._around.database.read(self._read)
        if found is None:
            return
        told = await self._around.database.write(lambda tx: self._tell(tx, *found))
        if told:
            log.info("told those who complained", **told)
            self._around.queue.wake(Topic.NOTIFICATIONS)
            self._around.queue.wake(Topic.BROADCASTS)

    def _read(self, tx: Transaction) -> tuple[list[Reporter], int] | None:
        """Return those to tell and the position after them; None when nothing is new."""
        newest = personal.newest_complaint(tx)
        stored = control.get(tx, POSITION)
        if stored is None:  # from the first start on; nobody hears of what they reported before
            return [], newest
        position = int(stored)
        if newest <= position:
            return None
        if not self._any_received and not personal.is_anybody_told(tx):
            return [], newest  # nothing is known that could be told
        return personal.reporters(tx, after=position, read=READ_AT_MOST, at_most=ANSWERED_AT_MOST)

    def _tell(self, tx: Transaction, found: list[Reporter], position: int) -> dict[str, int]:
        now = self._around.clock.now()
        told = Counter(self._tell_one(tx, one, now) for one in found)
        control.put(tx, POSITION, str(position), now=now, actor=DAEMON)
        return {str(what): number for what, number in told.items() if what is not Told.NOTHING}

    def _tell_one(self, tx: Transaction, one: Reporter, now: datetime) -> Told:
        if now - one.received_at > self._late_after:
            return Told.NOTHING  # the daemon was away; by now they have heard, or called
        about = About(
            cause=CauseKind.COMPLAINT,
            cause_id=one.complaint_id,
            customer_id=one.customer_id,
            service=one.service,
            site_ids=personal.site_ids_of(tx, one.customer_id, one.service),
            contact_point_id=replies.contact_point_of(tx, one.address) if one.address else None,
        )
        return self._personal.tell(tx, about, now)
