"""A listening socket with an aiohttp application behind it, started and stopped in order.

While it listens another application can take the place of the one behind it: no connection is refused, and what the
one before has begun to answer it ends.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiohttp import web

from notifier.domain.errors import ConfigError, NotifierError
from notifier.settings.addresses import split_listen

BACKLOG = 1_024  # connections the kernel holds until they are taken
KEEP_ALIVE_SECONDS = 75.0
SHUTDOWN_SECONDS = 5.0  # how long requests under way may take to end
FADE_SECONDS = 900.0  # how long they may after a switch: an import of many customers takes minutes
_LOOK_EVERY_SECONDS = 0.1

log = structlog.get_logger(__name__)


class Listener:
    """One address on which an application answers."""

    def __init__(self, app: web.Application, listen: str, key: str) -> None:
        found = split_listen(listen)
        if found is None:
            raise ConfigError([f"{key}: '{listen}' is no address; expected for example 127.0.0.1:8080"])
        (self._host, self._port), self._key = found, key
        self._sockets: list[socket.socket] = []
        self._behind = _Behind(app)
        self._fading: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Listen, and return the address with the real port."""
        try:
            self._sockets = await _bind(self._host.strip("[]"), self._port)
            await self._behind.answer(self._sockets)
        except OSError as error:
            await self.stop()
            where = f"{self._host}:{self._port}"
            raise NotifierError(f"{self._key}: cannot listen on {where}: {error.strerror or error}") from error
        host, port = self._sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def switch(self, app: web.Application, *, then: Callable[[], Awaitable[None]]) -> None:
        """Let another application answer from now on; call `then` when the one before has nothing left to answer."""
        behind = _Behind(app)
        await behind.answer(self._sockets)
        before, self._behind = self._behind, behind
        task = asyncio.create_task(before.fade(then), name=f"{self._key} before the switch")
        self._fading.add(task)
        task.add_done_callback(self._fading.discard)

    async def stop(self) -> None:
        """Accept nothing more, let requests under way end, and close."""
        for task in self._fading:
            task.cancel()
        await asyncio.gather(self._behind.runner.cleanup(), *self._fading, return_exceptions=True)
        for each in self._sockets:
            each.close()


class _Behind:
    """An application behind the sockets."""

    def __init__(self, app: web.Application) -> None:
        self._is_ending = False
        app.on_response_prepare.append(self._before_answer)
        self.runner = web.AppRunner(
            app,
            access_log=None,  # the edge writes its own, without personal data
            handle_signals=False,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )

    async def answer(self, sockets: Sequence[socket.socket]) -> None:
        """Take connections, beside whoever does."""
        await self.runner.setup()
        for each in sockets:
            await web.SockSite(self.runner, each.dup(), backlog=BACKLOG).start()

    async def fade(self, then: Callable[[], Awaitable[None]]) -> None:
        """Take no more connections, answer what comes on those there are once more, and end with the last of them."""
        server = self.runner.server
        assert server is not None, "it has been set up"  # noqa: S101
        self._is_ending = True
        try:
            for site in list(self.runner.sites):
                await site.stop()
            async with asyncio.timeout(FADE_SECONDS):
                while server.connections:  # noqa: ASYNC110 - it tells nobody when the last one has ended
                    await asyncio.sleep(_LOOK_EVERY_SECONDS)
        except TimeoutError:
            log.warning("requests were cut off: they had begun long before a reload", requests=len(server.connections))
        finally:
            await self.runner.cleanup()
            await then()

    async def _before_answer(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Close a connection with its next answer. Aiohttp's own way to end would read no more of a body under way."""
        if self._is_ending:
            response.force_close()
            response.headers["Connection"] = "close"


async def _bind(host: str, port: int) -> list[socket.socket]:
    """Return a bound socket for each address of a host; raise `OSError` when one of them is taken."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            each = socket.socket(family, kind, protocol)
            bound.append(each)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            each.setblocking(False)
            each.bind(address)
    except OSError:
        for each in bound:
            each.close()
        raise
    return bound
