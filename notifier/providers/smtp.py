"""The SMTP provider: kept connections to one mail relay.

aiosmtplib connects, upgrades to TLS and logs in; the rest is `smtp_session`. One object per connection: after a loss
it is thrown away. Whatever fails before a message can be offered is ours, never the recipient's.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from typing import cast

import aiosmtplib

from notifier.config import Provider as ProviderSettings
from notifier.config import Tls
from notifier.domain.delivery import Outcome, Result
from notifier.messages.mime import Mail
from notifier.providers.registry import Message
from notifier.providers.smtp_replies import Stage, masked, outcome_of
from notifier.providers.smtp_session import ConnectionGone, Offer, SmtpSession

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")


class _Unreachable(Exception):
    """The relay cannot be used now; carries the outcome to report."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.answer)
        self.outcome = outcome


class _Seat:
    """Place for one connection, and how many messages are waiting for it or on it."""

    def __init__(self) -> None:
        self.session: SmtpSession | None = None
        self.messages = 0
        self.connecting = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        return self.session is not None and self.session.is_usable and not self.session.is_spent


class SmtpProvider:
    """Hands mails to a relay over at most `connections` kept connections."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self._seconds = settings.timeout.total_seconds()
        self._seats = [_Seat() for _ in range(settings.connections)]
        self._greeting = ""  # of the relay, on the last connection

    @property
    def capacity(self) -> int:
        """Return twice the connections: while one message is being answered, the next offers its envelope."""
        return 2 * len(self._seats)

    async def open(self) -> None:
        """Do nothing: connections are made when there is something to send."""

    async def send(self, message: Message, recalled: asyncio.Event) -> Outcome:
        """Hand one mail over and return what became of it; raise `Recalled` when it is called back before its turn."""
        if not isinstance(message, Mail):
            raise TypeError("a mail relay carries mails only")
        seat = min(self._seats, key=lambda seat: (seat.messages, not seat.is_open))
        seat.messages += 1
        try:
            return await self._send(message, seat, recalled)
        except _Unreachable as error:
            return error.outcome
        finally:
            seat.messages -= 1

    async def _send(self, mail: Mail, seat: _Seat, recalled: asyncio.Event) -> Outcome:
        was_open = seat.is_open
        session = await self._session(seat)
        if 0 < session.offer.size_at_most < len(mail.data):
            size = f"the message has {len(mail.data)} bytes, the relay takes at most {session.offer.size_at_most}"
            return Outcome(result=Result.OURS, code="5.3.4", answer=size)
        try:
            return await session.hand_over(mail, recalled)
        except ConnectionGone:
            # a relay closes connections that were idle or have carried enough; only a new one tells about the message
            if was_open or session.is_spent:
                with contextlib.suppress(ConnectionGone):
                    return await (await self._session(seat)).hand_over(mail, recalled)
        return Outcome(result=Result.TEMPORARY, answer="the relay hung up before it answered")

    async def _session(self, seat: _Seat) -> SmtpSession:
        """Return the connection of a seat, a new one where there is none that can go on."""
        async with seat.connecting:
            if seat.session is not None and not seat.is_open:
                await seat.session.quit()
                seat.session = None
            if seat.session is None:
                seat.session = await self._connect()
            return seat.session

    async def try_login(self) -> Outcome:
        """Connect, upgrade to TLS and log in as for a mail, then say goodbye; the answer is the relay's greeting."""
        try:
            session = await self._connect()
        except _Unreachable as error:
            return error.outcome
        await session.quit()
        return Outcome(result=Result.ACCEPTED, code="250", answer=self._greeting)

    async def close(self) -> None:
        """Say goodbye on every connection."""
        sessions = [seat.session for seat in self._seats if seat.session is not None]
        for seat in self._seats:
            seat.session = None
        await asyncio.gather(*(session.quit() for session in sessions))

    async def _connect(self) -> SmtpSession:
        settings = self.settings
        host = socket.gethostname()
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            use_tls=settings.tls is Tls.IMPLICIT,
            start_tls=settings.tls is Tls.STARTTLS,
            validate_certs=settings.tls_verify,
            username=settings.username or None,
            password=settings.password or None,
            local_hostname=host if _HOST.fullmatch(host) else "localhost",
            timeout=self._seconds,
        )
        try:
            self._greeting = (await client.connect()).message
            if client.is_ehlo_or_helo_needed:
                await _greet(client)
        except aiosmtplib.SMTPResponseException as error:
            client.close()
            raise _Unreachable(outcome_of(error.code, error.message, Stage.CONNECT)) from error
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError, ValueError) as error:
            client.close()
            raise _Unreachable(Outcome(result=Result.OURS, answer=masked(str(error)))) from error
        transport = client.transport
        if transport is None or transport.is_closing():
            raise _Unreachable(Outcome(result=Result.OURS, answer="the relay hung up after its greeting"))
        return SmtpSession(
            cast("asyncio.Transport", transport),
            _offer(client),
            reply_seconds=self._seconds,
            messages_at_most=settings.messages_per_connection,
        )


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()


def _offer(client: aiosmtplib.SMTP) -> Offer:
    size_at_most = 0
    with contextlib.suppress(ValueError):
        size_at_most = int(client.esmtp_extensions.get("size", "0") or "0")
    return Offer(
        pipelining=client.supports_extension("pipelining"),
        size=client.supports_extension("size"),
        size_at_most=size_at_most,
    )
