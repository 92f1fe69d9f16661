# ruff: noqa: N802, ARG002  # aiosmtpd finds its hooks by these names and passes all of these
"""A real mail relay for tests: aiosmtpd on a free port, in the test's own loop, misbehaving on command."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

TLS = Path(__file__).parent / "tls"
HANG_UP = "hang up"  # instead of a reply: close the connection
SILENCE = "silence"  # instead of a reply: say nothing

Reply = Callable[[str], str | None]  # recipient -> reply, or None for yes


def nothing(_: str) -> str | None:
    """Misbehave in no way."""
    return None


@dataclass
class Relay:
    """What it does at each stage, and what it got."""

    mail: Reply = nothing
    rcpt: Reply = nothing
    dot: Reply = nothing
    pipelining: bool = False
    size: int | None = None
    port: int = 0
    connections: int = 0
    resets: int = 0
    received: list[tuple[str, bytes]] = field(default_factory=list)  # accepted: recipient, content
    offered: list[tuple[str, bytes]] = field(default_factory=list)  # content that came as far as the dot
    senders: list[str] = field(default_factory=list)
    transports: list[asyncio.Transport] = field(default_factory=list)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]] if self.pipelining else responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refused := await self._misbehave(self.mail, address, server):
            return refused
        envelope.mail_from = address
        self.senders.append(address)
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refused := await self._misbehave(self.rcpt, address, server):
            return refused
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.resets += 1
        return "250 2.0.0 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        recipient, content = envelope.rcpt_tos[0], bytes(envelope.content or b"")
        self.offered.append((recipient, content))
        if refused := await self._misbehave(self.dot, recipient, server):
            return refused
        self.received.append((recipient, content))
        return "250 2.0.0 Ok: queued as 4Bx9"

    async def _misbehave(self, rule: Reply, address: str, server: SMTP) -> str | None:
        reply = rule(address)
        if reply == SILENCE:
            await asyncio.sleep(30)
        if reply == HANG_UP:
            server.transport.abort()
            await asyncio.sleep(30)  # cancelled with the connection
        return reply


class _Protocol(SMTP):
    def __init__(self, relay: Relay, **options: object) -> None:
        super().__init__(relay, hostname="relay.test", **options)
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport) or transport.get_extra_info("sslcontext") is None:
            self._relay.connections += 1
        self._relay.transports.append(transport)  # type: ignore[arg-type]
        super().connection_made(transport)


@asynccontextmanager
async def running(
    relay: Relay, *, starttls: bool = False, implicit_tls: bool = False, password: str = ""
) -> AsyncIterator[Relay]:
    """Run a relay on a free port of this machine until the block ends."""
    loop = asyncio.get_running_loop()
    options: dict[str, object] = {"enable_SMTPUTF8": False, "loop": loop}
    if relay.size is not None:
        options["data_size_limit"] = relay.size
    if starttls:
        options |= {"tls_context": server_context(), "require_starttls": True}
    if password:
        options |= {"authenticator": _authenticator(password), "auth_required": True}  # only over TLS
    server = await loop.create_server(
        lambda: _Protocol(relay, **options), "127.0.0.1", 0, ssl=server_context() if implicit_tls else None
    )
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for transport in relay.transports:
            transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0.01)  # transports close in the next turns of the loop


def server_context() -> ssl.SSLContext:
    """Return the TLS context of a relay with a certificate for localhost that nobody has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    return context


def _authenticator(password: str) -> Callable[..., AuthResult]:
    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: object) -> AuthResult:
        fits = isinstance(login, LoginPassword) and login.password == password.encode()
        return AuthResult(success=fits, handled=False)

    return check
