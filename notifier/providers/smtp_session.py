"""One SMTP connection after its greeting: hands over one message at a time and reads the replies.

aiosmtplib opens a connection (TLS, AUTH, EHLO); then its transport is given to this protocol, which writes ready
bytes and awaits replies, four round trips a message, or two where the relay offers PIPELINING (RFC 2920).
A connection that was lost, or whose replies no longer match, is never used again.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from notifier.domain.delivery import Outcome, Result
from notifier.messages.mime import Mail
from notifier.providers.smtp_replies import Stage, masked, outcome_of

REPLY_BYTES_AT_MOST = 65_536
QUIT_SECONDS = 1.0
SERVICE_CLOSING = 421
GO_AHEAD = 354


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the relay said it can do."""

    pipelining: bool = False
    size: bool = False  # takes SIZE= with MAIL
    size_at_most: int = 0  # 0 = no limit given


class ConnectionGone(Exception):
    """The relay hung up, or what it says makes no sense."""


class SmtpSession(asyncio.Protocol):
    """A kept connection; `is_usable` tells whether it may carry another message."""

    def __init__(self, transport: asyncio.Transport, offer: Offer, *, reply_seconds: float) -> None:
        self._transport, self._offer, self._reply_seconds = transport, offer, reply_seconds
        self._loop = asyncio.get_running_loop()
        self._replies: deque[tuple[int, str]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._buffer = b""
        self._lines: list[str] = []
        self._owed = 0  # replies that are still to come
        self.is_usable = True
        self.carried = 0
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Collect reply lines; a reply nobody waits for means the relay is going away."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            text = line.rstrip(b"\r").decode("utf-8", "replace")
            self._lines.append(text)
            if text[3:4] != "-":
                self._take_reply()
        if len(self._buffer) > REPLY_BYTES_AT_MOST or len(self._lines) > REPLY_BYTES_AT_MOST // 16:
            self.abandon()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Note that nothing more will come."""
        self.is_usable = False
        self._wake()

    async def hand_over(self, mail: Mail) -> Outcome:
        """Return what became of one message.

        Raises `ConnectionGone` when the connection was lost before the relay said anything: nothing was handed over.
        """
        self.carried += 1
        said: list[tuple[Stage, int, str]] = []
        refused: Outcome | None = None
        try:
            async with asyncio.timeout(self._reply_seconds) as patience:
                await self._envelope(mail, patience, said)
                refused = self._refusal(said)
                if refused is None:
                    return await self._content(mail, patience)
                await self._forget(patience, awaits_content=said[-1][1] == GO_AHEAD)
        except TimeoutError:
            self.abandon()
            return refused or Outcome(result=Result.TEMPORARY, answer=f"no answer within {self._reply_seconds:g} s")
        except ConnectionGone:
            self.abandon()
            if not said:
                raise
            refused = refused or self._refusal(said)
        return refused or Outcome(
            result=Result.TEMPORARY, answer="the relay hung up before the message was handed over"
        )

    async def _envelope(self, mail: Mail, patience: asyncio.Timeout, said: list[tuple[Stage, int, str]]) -> None:
        """Say whom it is from and for; collect the replies, up to the first refusal when they come one by one."""
        size = f" SIZE={len(mail.data)}" if self._offer.size else ""
        commands = (
            (Stage.MAIL, f"MAIL FROM:<{mail.sender}>{size}\r\n"),
            (Stage.RCPT, f"RCPT TO:<{mail.recipient}>\r\n"),
            (Stage.DATA, "DATA\r\n"),
        )
        if self._offer.pipelining:
            self._write("".join(command for _, command in commands).encode("ascii"), replies=len(commands))
        for stage, command in commands:
            if not self._offer.pipelining:
                self._write(command.encode("ascii"))
            code, text = await self._reply(patience)
            said.append((stage, code, text))
            if not self._offer.pipelining and not _is_yes(stage, code):
                return

    def _refusal(self, said: list[tuple[Stage, int, str]]) -> Outcome | None:
        """Return what the first refusal means, or None when the relay wants the message."""
        for stage, code, text in said:
            if not _is_yes(stage, code):
                if code == SERVICE_CLOSING or (stage is Stage.MAIL and code < 500):
                    self.is_usable = False
                return outcome_of(code, text, stage)
        return None

    async def _forget(self, patience: asyncio.Timeout, *, awaits_content: bool) -> None:
        """Bring the connection back to where a new message can begin."""
        if awaits_content:  # pipelined: the relay refused the envelope, yet waits for content
            self._write(b".\r\n")
            await self._reply(patience)
        if self.is_usable:
            self._write(b"RSET\r\n")
            code, _ = await self._reply(patience)
            self.is_usable = 200 <= code <= 299
        if not self.is_usable:
            self.abandon()

    async def _content(self, mail: Mail, patience: asyncio.Timeout) -> Outcome:
        """Hand over the message itself. From here on a lost connection leaves the outcome unknown."""
        self._write(stuffed(mail.data) + b".\r\n")
        try:
            code, text = await self._reply(patience)
        except (ConnectionGone, TimeoutError, asyncio.CancelledError) as error:
            # what never left this process cannot have been handed over
            is_known = self._transport.get_write_buffer_size() > 0
            self.abandon()
            if isinstance(error, asyncio.CancelledError) and not patience.expired():
                raise
            if is_known:
                return Outcome(result=Result.TEMPORARY, answer="the relay hung up in the middle of the message")
            return Outcome(result=Result.UNKNOWN, answer="no answer after the message", size=len(mail.data))
        if 200 <= code <= 299:
            return Outcome(
                result=Result.ACCEPTED,
                code=str(code),
                answer=masked(text),
                provider_id=queue_id(text),
                size=len(mail.data),
            )
        if code == SERVICE_CLOSING:
            self.abandon()
        return outcome_of(code, text, Stage.DOT)

    async def quit(self) -> None:
        """Say goodbye and close; whatever happens then changes nothing."""
        if self.is_usable:
            try:
                async with asyncio.timeout(QUIT_SECONDS) as patience:
                    self._write(b"QUIT\r\n")
                    await self._reply(patience)
            except (TimeoutError, ConnectionGone):
                pass
        self.abandon()

    def abandon(self) -> None:
        """Close the connection without another word."""
        self.is_usable = False
        self._transport.abort()  # close() would still send what is buffered

    def _write(self, data: bytes, *, replies: int = 1) -> None:
        self._owed += replies
        self._transport.write(data)

    async def _reply(self, patience: asyncio.Timeout) -> tuple[int, str]:
        if not self._replies:
            patience.reschedule(self._loop.time() + self._reply_seconds)
            while not self._replies:
                if self._transport.is_closing() or not self.is_usable:
                    raise ConnectionGone
                self._waiter = self._loop.create_future()
                await self._waiter
        return self._replies.popleft()

    def _take_reply(self) -> None:
        lines, self._lines = self._lines, []
        if self._owed == 0:
            self.abandon()  # "421 idle for too long", or an answer to nothing
            return
        self._owed -= 1
        code = lines[0][:3]
        self._replies.append((int(code) if code.isdecimal() else 0, "\n".join(line[4:] for line in lines)))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _is_yes(stage: Stage, code: int) -> bool:
    return code == GO_AHEAD if stage is Stage.DATA else 200 <= code <= 299


def stuffed(data: bytes) -> bytes:
    """Return content with the dots doubled that begin a line (RFC 5321 4.5.2); it ends with CRLF."""
    data = data.replace(b"\r\n.", b"\r\n..")
    return b"." + data if data.startswith(b".") else data


def queue_id(text: str) -> str:
    """Return the relay's own id of a message it has taken, from replies such as `2.0.0 Ok: queued as 4Bx9`."""
    _, found, rest = text.partition("queued as ")
    return rest.split()[0][:64] if found and rest.split() else ""
