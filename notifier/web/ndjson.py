"""Lists as a stream of lines, in and out, with bounded memory.

Lines come as they arrive from the network, a chunk at a time. A line over the limit is skipped and named, never
gathered. What is answered is awaited, so that a client that does not read makes us stop reading.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol, Self

import msgspec
import structlog
from aiohttp import web

from notifier.logs import correlation_id
from notifier.web.problem import Rejected
from notifier.web.route import Call, wrong_type
from notifier.web.wire import BODY_AT_MOST, NDJSON

IDLE_SECONDS = 60.0  # a client that neither sends nor reads for this long is given up
_TYPES = (NDJSON, "application/ndjson", "application/jsonl")

log = structlog.get_logger(__name__)


class Line(msgspec.Struct, frozen=True):
    """One line that was not empty; `body` is None when it was over the limit."""

    number: int  # from 1, empty ones counted
    body: bytes | None


class Chunks(Protocol):
    """A body that arrives."""

    async def readany(self) -> bytes:
        """Return what has arrived; nothing at the end."""
        ...


async def lines(content: Chunks) -> AsyncIterator[list[Line]]:
    """Yield the lines of a request as they arrive: those of one chunk at a time."""
    number, rest, skipping = 0, b"", False
    while True:
        chunk = await _read(content)
        *whole, rest = (rest + chunk).split(b"\n")
        if not chunk and rest:  # the last line needs no newline
            whole, rest = [*whole, rest], b""
        found: list[Line] = []
        for body in whole:
            number += 1
            if skipping or len(body) > BODY_AT_MOST:
                found.append(Line(number, None))
                skipping = False
            elif body.strip():
                found.append(Line(number, body))
        if len(rest) > BODY_AT_MOST:
            skipping, rest = True, b""
        if not chunk and skipping:  # it ended within the line that is too long
            found.append(Line(number + 1, None))
        if found:
            yield found
        if not chunk:
            return


async def _read(content: Chunks) -> bytes:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            return await content.readany()
    except TimeoutError:
        raise ConnectionResetError("the client stopped sending") from None
    except RuntimeError as error:  # how aiohttp says that the connection is closed
        raise ConnectionResetError("the client is gone") from error


def too_long() -> Rejected:
    """Return the refusal of a line over the limit."""
    return Rejected(413, f"the line is over {BODY_AT_MOST // 1024} KiB")


class Answers:
    """The answer to a list: one object a line, written as results come.

    A context: what fails within it, after the head was sent, breaks the connection off, so that a client never takes
    half an answer for a whole one.
    """

    def __init__(self, call: Call, *, to_lines: bool = True) -> None:
        """Answer a request that is a list itself, or with `to_lines` off one that has no body."""
        given = call.request.headers.get("Content-Type", "")
        if to_lines and given.split(";")[0].strip().lower() not in _TYPES:
            raise wrong_type(given, NDJSON)
        self._request = call.request
        self.response = web.StreamResponse(
            headers={"Content-Type": NDJSON, "X-Request-Id": correlation_id(), "Cache-Control": "no-store"}
        )

    async def __aenter__(self) -> Self:
        await self.response.prepare(self._request)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if error is None:
            await self.response.write_eof()
            return
        if self._request.transport is not None:
            self._request.transport.abort()
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            log.error("answer broken off", exc_info=error)
            raise ConnectionResetError("the answer was broken off") from error

    async def write(self, *rows: bytes) -> None:
        """Send some lines; raise `ConnectionError` when nobody reads them."""
        if not rows:
            return
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                await self.response.write(b"\n".join(rows) + b"\n")
        except TimeoutError:
            raise ConnectionResetError("the client stopped reading") from None
