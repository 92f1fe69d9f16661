"""Connections to the server: made when first needed, and again when they are lost.

After a failure nobody tries for a while, longer each time: whoever needs the server meanwhile is told at once.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import msgspec
import structlog

from notifier.domain.errors import StoreUnavailable
from notifier.storage.postgresql.faults import describe, is_lost

CONNECT_SECONDS = 5.0
STATEMENT_SECONDS = 300.0  # the last resort: what takes longer is given up together with its connection
GOOD_BYE_SECONDS = 2.0
WAIT_SECONDS = 0.1  # after the first failure to connect; twice as long after each further one
WAIT_SECONDS_AT_MOST = 3.0
SILENCE_MILLISECONDS = 20_000  # for which the other side may leave what we sent unacknowledged
STATEMENTS_KEPT = 1_000  # prepared, for each connection
STATEMENT_CHARACTERS = 20_000  # longer ones are not kept
NAME_AT_MOST = 63  # bytes of application_name

_SETTINGS = {
    "synchronous_commit": "on",  # what was answered is on the disk
    "lock_timeout": "10s",  # the wait for another process that writes
    "client_min_messages": "warning",
    "jit": "off",  # compiling takes longer than any of our statements
    "timezone": "UTC",
    "client_connection_check_interval": "1s",  # a statement of a killed daemon ends, too, and gives its locks back
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}

log = structlog.get_logger(__name__)

Prepare = Callable[["asyncpg.Connection[Any]"], Awaitable[None]]


class Patience:
    """When the server may be asked for a connection again."""

    def __init__(self) -> None:
        self._until, self._seconds, self.reason = 0.0, 0.0, ""

    def failed(self, reason: str) -> None:
        """Wait longer than the last time."""
        if not self._seconds:
            log.error("no connection to PostgreSQL", reason=reason)
        self.reason = reason
        self._seconds = min(max(2 * self._seconds, WAIT_SECONDS), WAIT_SECONDS_AT_MOST)
        self._until = time.monotonic() + self._seconds

    def worked(self) -> None:
        """Begin with short waits again."""
        if self._seconds:
            log.warning("PostgreSQL answers again")
        self._until = self._seconds = 0.0

    def seconds(self) -> float:
        """Return how long to wait before the next try."""
        return max(0.0, self._until - time.monotonic())


class Line:
    """One connection at a time, and the next one when it was lost."""

    def __init__(self, url: str, name: str, patience: Patience, prepare: Prepare | None = None) -> None:
        """Keep the address; `name` is shown in pg_stat_activity, `prepare` is done first on each new connection."""
        self._url, self._name, self._patience, self._prepare = url, name[:NAME_AT_MOST], patience, prepare
        self._connection: asyncpg.Connection[Any] | None = None

    async def get(self) -> "asyncpg.Connection[Any]":
        """Return the connection, or a new one; raise `StoreUnavailable` while there is none to be had."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        if self._patience.seconds() > 0:
            raise StoreUnavailable(self._patience.reason)
        try:
            self._connection = await self._connect()
        except Exception as error:
            if not (is_lost(error) or isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError)):
                raise
            self._patience.failed(f"PostgreSQL: {describe(error)}")
            raise StoreUnavailable(self._patience.reason) from error
        self._patience.worked()
        return self._connection

    def drop(self) -> None:
        """Give the connection up without a word: it is lost, or nobody knows in which state it is."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Take leave of the server, if it answers."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await connection.close(timeout=GOOD_BYE_SECONDS)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()

    async def _connect(self) -> "asyncpg.Connection[Any]":
        connection = await asyncpg.connect(
            self._url,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            statement_cache_size=STATEMENTS_KEPT,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=STATEMENT_CHARACTERS,
            server_settings={**_SETTINGS, "application_name": self._name},
        )
        try:
            _notice_silence(connection)
            for kind, decode in (("json", msgspec.json.decode), ("numeric", _number)):
                await connection.set_type_codec(kind, schema="pg_catalog", encoder=str, decoder=decode, format="text")
            if self._prepare is not None:
                await self._prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection


def _number(text: str) -> int | float:
    """Return what SQLite gives for the sum or the mean of integers, which is a `numeric` here."""
    return float(text) if "." in text or not text.lstrip("-").isdigit() else int(text)


def _notice_silence(connection: "asyncpg.Connection[Any]") -> None:
    """Let the system give up a peer that is gone without a word; else a statement waits for it until its own end."""
    transport: asyncio.Transport = connection._transport  # type: ignore[attr-defined]  # noqa: SLF001 - nothing public leads to the socket
    line = transport.get_extra_info("socket")
    if line is None or line.family not in (socket.AF_INET, socket.AF_INET6):
        return
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 2)):
        if hasattr(socket, option):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MILLISECONDS)
