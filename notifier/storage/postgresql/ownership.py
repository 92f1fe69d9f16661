"""One daemon owns a database: an advisory lock says who, a row of its own says which of its commits took place.

The lock belongs to the session that writes, so whoever lost it cannot write either: there is no moment in which two
daemons do. After a lost connection the daemon takes it again; if another one has been there meanwhile, what this one
has in memory is old, and it must stop. A commit whose answer was lost is looked up: the row is written with each.
"""

import asyncio
import os
import secrets
import socket
import time
from typing import Any

import asyncpg

from notifier.domain.errors import NotifierError

LOCK_SECONDS = 3.0  # for which the session of a daemon that was killed may still be at work
LOOK_EVERY_SECONDS = 0.1

KEY = "SELECT hashtextextended('notifier daemon in ' || current_schema(), 0)"
_HOLDER = """SELECT a.pid, a.application_name
             FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND l.classid::bigint = (($1::bigint >> 32) & 4294967295)
               AND l.objid::bigint = ($1::bigint & 4294967295)"""


class NotOwner(NotifierError):
    """This process may not be the daemon of the database, or no longer: the message says why."""


class Owner:
    """A process that may be the one daemon of a database."""

    def __init__(self, database: str) -> None:
        """Keep the name of the database, as it may be shown."""
        self._database = database
        self.name = secrets.token_hex(6)
        self._is_known = False  # to the database, by its row
        self._commits = 0  # the number of the last one that was tried
        self._confirmed = 0  # of the last one that is known to have taken place
        self.refused: NotOwner | None = None  # why it must stop

    def session_name(self, task: str) -> str:
        """Return the name of one of its sessions: for administrators, and for other daemons that are refused."""
        return f"notifier {task} {self.name} {os.getpid()}@{socket.gethostname()}"

    async def take(self, connection: "asyncpg.Connection[Any]") -> None:
        """Take the lock on the session that writes; raise `NotOwner` naming the process that has it."""
        key = await connection.fetchval(KEY)
        until = time.monotonic() + LOCK_SECONDS
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", key):
            holder = await connection.fetchrow(_HOLDER, key)
            name = str(holder["application_name"] or "") if holder else ""
            if holder and self.name in name:  # a session of ours whose end the server has not noticed yet
                await connection.fetchval("SELECT pg_terminate_backend($1)", holder["pid"])
            elif holder and time.monotonic() > until:
                raise self._refuse(f"is in use by another daemon ({_process(name)}); stop that one first")
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        if self._is_known:
            await self._look_for_others(connection)

    async def make_known(self, connection: "asyncpg.Connection[Any]") -> None:
        """Store the row of this owner in place of those of owners before it; once."""
        if self._is_known:
            return
        async with connection.transaction():
            await connection.execute("DELETE FROM writers")
            await connection.execute("INSERT INTO writers (owner, commits) VALUES ($1, 0)", self.name)
        self._is_known = True

    async def commit(self, connection: "asyncpg.Connection[Any]") -> None:
        """Commit, and number the commit in the same breath."""
        self._commits += 1
        await connection.execute(
            f"UPDATE writers SET commits = {self._commits} WHERE owner = '{self.name}'; COMMIT"  # one round trip
        )
        self._confirmed = self._commits

    def was_committed(self) -> bool:
        """Tell whether the last commit took place, after the lock was taken again on a new session."""
        return self._confirmed >= self._commits

    async def _look_for_others(self, connection: "asyncpg.Connection[Any]") -> None:
        stored = await connection.fetchval("SELECT commits FROM writers WHERE owner = $1", self.name)
        if stored is None:
            raise self._refuse("was used by another daemon while this one had no connection to it")
        if stored < self._confirmed:
            raise self._refuse("has lost what this daemon had stored: it was restored, or a standby took over")
        self._confirmed = stored

    def _refuse(self, reason: str) -> NotOwner:
        self.refused = NotOwner(f"{self._database} {reason}")
        return self.refused


def _process(session_name: str) -> str:
    pid, _, host = session_name.rpartition(" ")[2].partition("@")
    return f"process {pid} on {host}" if host else "a session of another user"
