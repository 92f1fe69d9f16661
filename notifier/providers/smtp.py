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
from notifier.providers.smtp_replies import Stage, masked, outcome_of
from notifier.providers.smtp_session import ConnectionGone, Offer, SmtpSession

_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}")


class _Unreachable(Exception):
    """The relay cannot be used now; carries the outcome to report."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.answer)
        self.outcome = outcome


class SmtpProvider:
    """Hands mails to a relay over at most `connections` kept connections."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self._seconds = settings.timeout.total_seconds()
        self._idle: list[SmtpSession] = []
        self._offer = Offer()

    async def open(self) -> None:
        """Do nothing: connections are made when there is something to send."""

    async def send(self, mail: Mail) -> Outcome:
        """Hand one mail over and return what became of it."""
        try:
            return await self._send(mail)
        except _Unreachable as error:
            return error.outcome

    async def _send(self, mail: Mail) -> Outcome:
        kept = self._kept()
        session = kept or await self._connect()
        if 0 < self._offer.size_at_most < len(mail.data):
            self._idle.append(session)
            size = f"the message has {len(mail.data)} bytes, the relay takes at most {self._offer.size_at_most}"
            return Outcome(result=Result.OURS, code="5.3.4", answer=size)
        try:
            outcome = await session.hand_over(mail)
        except ConnectionGone:
            if kept is None:
                return Outcome(result=Result.TEMPORARY, answer="the relay hung up before it answered")
            # a relay closes connections that were idle; only a fresh one tells about the message
            session = await self._connect()
            try:
                outcome = await session.hand_over(mail)
            except ConnectionGone:
                return Outcome(result=Result.TEMPORARY, answer="the relay hung up before it answered")
        if session.carried >= self.settings.messages_per_connection:
            await session.quit()
        elif session.is_usable:
            self._idle.append(session)
        return outcome

    def _kept(self) -> SmtpSession | None:
        while self._idle:
            session = self._idle.pop()
            if session.is_usable:
                return session
        return None

    async def close(self) -> None:
        """Say goodbye on every connection."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*(session.quit() for session in idle))

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
            await client.connect()
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
        self._offer = _offer(client)
        return SmtpSession(cast("asyncio.Transport", transport), self._offer, reply_seconds=self._seconds)


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
