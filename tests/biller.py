"""A biller for tests: an HTTP server on a free port of 127.0.0.1 that books each key once and can be told to fail."""

import asyncio
import hashlib
import hmac
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

SECRET = "a-secret-of-the-biller"


class Biller:
    """Books lines; `failing` are answers given first, by status, 0 = the connection breaks after it was booked."""

    def __init__(self) -> None:
        self.booked: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.failing: list[int | tuple[int, dict[str, str], bytes]] = []
        self.wrong: list[str] = []
        self.delay_seconds = 0.0
        app = web.Application()
        app.router.add_post("/credits", self._take)
        self._server = TestServer(app, host="127.0.0.1")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        return str(self._server.make_url("/credits"))

    def line(self, which: int) -> dict[str, Any]:
        """Return the line with this id, as it was booked."""
        (found,) = [each for each in self.booked.values() if each["id"] == which]
        return found

    def lines(self) -> list[int]:
        """Return the ids of what was booked."""
        return sorted(each["id"] for each in self.booked.values())

    def total(self) -> int:
        return sum(each["amount_minor"] for each in self.booked.values())

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        key = request.headers.get("Idempotency-Key", "")
        self._check(request.headers.get("Notifier-Signature", ""), body)
        line = msgspec.json.decode(body)
        self.asked.append((key, line))
        await asyncio.sleep(self.delay_seconds)
        fails = self.failing.pop(0) if self.failing else None
        if fails == 0:
            self.booked.setdefault(key, line)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(fails, tuple):
            status, headers, said = fails
            return web.Response(status=status, headers=headers, body=said)
        if fails is not None:
            return web.json_response({"detail": f"no: {fails}"}, status=fails)
        if key in self.booked and self.booked[key] != line:
            self.wrong.append(f"{key} is another line now")
        self.booked.setdefault(key, line)
        return web.json_response({"reference": f"inv-{line['id']}"}, status=201)

    def _check(self, signature: str, body: bytes) -> None:
        parts = dict(part.split("=", 1) for part in signature.split(","))
        expected = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, parts["v1"]):
            self.wrong.append("signature")
