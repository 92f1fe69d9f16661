"""Statistics while a database grows: a plan that was made for an empty table is a bad one for a full one.

The server keeps the plans of our statements until a table is analysed, and its own daemon looks once a minute at most:
too late when a directory is imported and a storm begins. So all is analysed when the changed rows have doubled, beside
the work, on a session of its own; a few times in the life of a database, and autovacuum does the rest.
"""

import asyncio
import time

import asyncpg
import structlog

from notifier.domain.errors import StoreUnavailable
from notifier.storage.postgresql.connection import Line
from notifier.storage.postgresql.faults import describe

FIRST_ROWS = 5_000  # changed since the daemon began

log = structlog.get_logger(__name__)


class Statistics:
    """When they are due, and their gathering."""

    def __init__(self, line: Line) -> None:
        """Keep the connection to gather them on."""
        self._line, self._due_at, self._is_busy = line, FIRST_ROWS, False
        self._gathering = asyncio.Lock()

    def are_due(self, changed: int) -> bool:
        """Tell, once, that so many rows have changed that the plans may be bad by now."""
        if changed < self._due_at or self._is_busy:
            return False
        self._due_at, self._is_busy = 2 * changed, True
        return True

    async def gather(self) -> None:
        """Analyse every table; nobody waits for it, and nothing is lost when it fails."""
        began = time.monotonic()
        async with self._gathering:
            try:
                await (await self._line.get()).execute("ANALYZE")
            except (StoreUnavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("statistics were not gathered", reason=describe(error))
            else:
                log.info("statistics gathered", seconds=round(time.monotonic() - began, 3))
            finally:
                await self._line.close()
                self._is_busy = False

    async def close(self) -> None:
        """Break off what is under way."""
        self._line.drop()
        async with self._gathering:
            await self._line.close()
