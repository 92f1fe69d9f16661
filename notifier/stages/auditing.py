"""Entries of the audit log for what no single row of the store stands for, such as an import that took minutes."""

from notifier.clock import Clock
from notifier.domain.actor import Actor
from notifier.storage.database import Database
from notifier.storage.repositories import audit


class Auditing:
    """Appends to the audit log."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def note(self, actor: Actor, action: str, target: str, **detail: object) -> None:
        """Append one action; `detail` holds no address and no message."""
        now = self._clock.now()
        await self._database.write(
            lambda tx: audit.record(tx, at=now, actor=actor, action=action, target=target, detail=detail)
        )
