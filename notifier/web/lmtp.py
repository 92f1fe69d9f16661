"""LMTP: the door by which a mail server hands over bounces and replies (RFC 2033).

In: mails, from a mail server that keeps each until it is told that it was taken. Out: one verdict per recipient: 250
when it is stored, 4xx when it should come again, 5xx when it will never be taken. It never sends anything, and it
keeps nothing that is not in the store.
"""

import asyncio
import contextlib
import logging
from typing import Any, cast

import structlog
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import Envelope, Session

from notifier.domain.errors import ConfigError, InvalidInput, NotifierError
from notifier.settings.addresses import split_listen
from notifier.stages.mail_reports import MAIL_AT_MOST, MailReports

SESSIONS_AT_MOST = 16  # each may hold a mail in memory
RECIPIENTS_AT_MOST = 50
SESSION_SECONDS = 300.0  # without a word
DRAIN_SECONDS = 5.0  # for mails that are just being stored when the daemon stops
LINE_AT_MOST = 1024 * 1024  # bytes; some mail systems break no lines
KEY = "inbound.lmtp_listen"

_TAKEN = "250 2.0.0 taken"
_NEVER = "554 5.6.0 this is no mail that can be read"
_AGAIN = "451 4.3.0 not now; keep it and come again"
_TOO_MANY = b"421 4.3.2 too many sessions; come again\r\n"
_OF_ALL = ("500 Line too long", "552 Error: Too much mail data")  # aiosmtpd's, to the data; given once

log = structlog.get_logger(__name__)
logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd's own log names addresses


class LmtpListener:
    """One address on which mails are taken."""

    def __init__(self, reports: MailReports, listen: str) -> None:
        found = split_listen(listen)
        if found is None:
            raise ConfigError([f"{KEY}: '{listen}' is no address; expected for example 127.0.0.1:2424"])
        (self._host, self._port), self.reports = found, reports  # a reload puts another in its place
        self._server: asyncio.Server | None = None
        self._sessions: set[_Session] = set()
        self._storing = 0
        self._nothing_stored, self._nobody_here = asyncio.Event(), asyncio.Event()
        self._nothing_stored.set()
        self._nobody_here.set()

    async def start(self) -> str:
        """Listen, and return the address with the real port."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._session, self._host.strip("[]") or None, self._port)
        except OSError as error:
            where = f"{self._host}:{self._port}"
            raise NotifierError(f"{KEY}: cannot listen on {where}: {error.strerror or error}") from error
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def stop(self) -> None:
        """Take no more sessions, let mails that are being stored be answered, and hang up."""
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._nothing_stored.wait()
        for session in list(self._sessions):
            session.hang_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._nobody_here.wait()

    def _session(self) -> "_Session":
        return _Session(self)

    def begin(self, session: "_Session") -> bool:
        """Count a session in; return False when there are too many."""
        if len(self._sessions) >= SESSIONS_AT_MOST:
            return False
        self._sessions.add(session)
        self._nobody_here.clear()
        return True

    def end(self, session: "_Session") -> None:
        """Count a session out."""
        self._sessions.discard(session)
        if not self._sessions:
            self._nobody_here.set()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: LMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take every recipient: whose mail it is says the token in it, not we."""
        if len(envelope.rcpt_tos) >= RECIPIENTS_AT_MOST:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: LMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Store the mail for each recipient; return as many verdicts as there are recipients."""
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        self._storing += 1
        self._nothing_stored.clear()
        try:
            sender = (envelope.mail_from or "").strip("<>")  # aiosmtpd calls the empty one `<>`
            verdicts = [await self._verdict(raw, each, sender) for each in envelope.rcpt_tos]
        finally:
            self._storing -= 1
            if not self._storing:
                self._nothing_stored.set()
        return "\r\n".join(verdicts)

    async def _verdict(self, raw: bytes, recipient: str, sender: str) -> str:
        try:
            await self.reports.take(raw, (recipient,), envelope_sender=sender)
        except InvalidInput:
            return _NEVER
        except NotifierError as error:
            log.warning("a mail must come again", reason=str(error))
            return _AGAIN
        except Exception:  # whatever it is, the mail is kept by whoever brought it
            log.exception("a mail could not be taken")
            return _AGAIN
        return _TAKEN


class _Session(LMTP):
    """One connection of a mail server."""

    line_length_limit = LINE_AT_MOST

    def __init__(self, listener: LmtpListener) -> None:
        super().__init__(
            listener,
            data_size_limit=MAIL_AT_MOST,
            enable_SMTPUTF8=True,
            hostname="notifier.invalid",
            ident="Notifier",
            timeout=SESSION_SECONDS,
            loop=asyncio.get_running_loop(),
        )
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or refuse when there are too many already."""
        super().connection_made(transport)
        if not self._listener.begin(self):
            writer = cast("asyncio.WriteTransport", transport)  # uvloop's is one without saying so
            writer.write(_TOO_MANY)
            writer.close()

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._listener.end(self)
        super().connection_lost(error)

    def hang_up(self) -> None:
        """Close the connection; what it had begun to say was not taken."""
        if self.transport is not None:
            self.transport.close()

    async def push(self, status: Any) -> None:
        """Answer; a refusal of the data is said once for each recipient, as LMTP wants it."""
        count = len(self.envelope.rcpt_tos) if self.envelope else 1
        is_of_all = isinstance(status, str) and status.startswith(_OF_ALL)
        await super().push("\r\n".join([status] * count) if is_of_all else status)
