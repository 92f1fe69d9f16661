"""A way to a PostgreSQL that a test can cut: before a message reaches the server, or before its answer comes back."""

import asyncio
import contextlib
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

SOCKET = ".s.PGSQL.5432"


@dataclass
class Proxy:
    """What it does with what it carries."""

    url: str  # of this way
    target: str  # the server's socket
    loop: asyncio.AbstractEventLoop
    cut_before: bytes = b""  # of the message that has these bytes the server hears nothing
    cut_after: bytes = b""  # of the answer to the message that has these bytes the client hears nothing
    leave_open: bool = False  # a cut is not noticed by the server
    is_down: bool = False
    carried: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=list)

    def cut(self) -> None:
        """Cut every connection there is."""
        asyncio.run_coroutine_threadsafe(self._cut(), self.loop).result()

    async def _cut(self) -> None:
        for client, server in self.carried:
            client.transport.abort()
            if not self.leave_open:
                server.transport.abort()

    async def carry(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        """Carry what one client sends to the server, and back, until one of them or the test ends it."""
        if self.is_down:
            client_out.transport.abort()
            return
        server_in, server_out = await asyncio.open_unix_connection(self.target)
        self.carried.append((client_out, server_out))
        is_deaf = asyncio.Event()
        back = asyncio.create_task(_carry_back(server_in, client_out, is_deaf))
        with contextlib.suppress(OSError):
            while data := await client_in.read(1 << 16):
                if self.cut_before and self.cut_before in data:
                    self.cut_before = b""
                    break
                if self.cut_after and self.cut_after in data:
                    self.cut_after = b""
                    is_deaf.set()
                    server_out.write(data)
                    await asyncio.sleep(0.2)  # the server does it
                    break
                server_out.write(data)
        client_out.transport.abort()
        if not self.leave_open:
            server_out.close()
        await back


@contextlib.contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """Listen on a socket of its own, in a thread, and carry everything to the server at `url`."""
    parts = urlsplit(url)
    folder = Path(tempfile.mkdtemp(prefix="notifier-proxy-"))
    loop = asyncio.new_event_loop()
    proxy = Proxy(
        url=f"postgresql://postgres@{parts.path}?host={folder}",
        target=str(Path(dict(parse_qsl(parts.query))["host"]) / SOCKET),
        loop=loop,
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listener = asyncio.run_coroutine_threadsafe(asyncio.start_unix_server(proxy.carry, folder / SOCKET), loop).result()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(listener.close)
        proxy.leave_open = False
        proxy.cut()
        asyncio.run_coroutine_threadsafe(_end_of_all(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        shutil.rmtree(folder)


async def _end_of_all() -> None:
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)


async def _carry_back(server: asyncio.StreamReader, client: asyncio.StreamWriter, is_deaf: asyncio.Event) -> None:
    with contextlib.suppress(OSError):
        while data := await server.read(1 << 16):
            if not is_deaf.is_set():
                client.write(data)
    client.close()
