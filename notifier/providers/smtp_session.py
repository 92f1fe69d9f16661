"""One SMTP connection after its greeting: hands over messages and reads the replies.

aiosmtplib opens a connection (TLS, AUTH, EHLO); then its transport is given to this protocol, which writes ready
bytes and awaits replies. Where the relay offers PIPELINING (RFC 2920) the envelope is one write, and the next message
may offer its envelope while the answer to the one before is still to come: replies belong to what was written, in
order. Elsewhere it goes in lock-step. A connection that was lost, or whose replies make no sense, is not used again.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from notifier.domain.delivery import Outcome, Result
from notifier.messages.mime import Mail
from notifier.providers.registry import Recalled
from notifier.providers.smtp_replies import Stage, masked, outcome_of

REPLY_BYTES_AT_MOST = 65_536
QUIT_SECONDS = 1.0
SERVICE_CLOSING = 421
GO_AHEAD = 354

Reply = tuple[int, str]
_NONE: Reply = (-1, "")  # the connection was lost before this reply


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

    def __init__(
        self, transport: asyncio.Transport, offer: Offer, *, reply_seconds: float, messages_at_most: int
    ) -> None:
        self.offer, self.is_usable = offer, True
        self._transport, self._reply_seconds, self._messages_left = transport, reply_seconds, messages_at_most
        self._loop = asyncio.get_running_loop()
        self._expected: deque[asyncio.Future[Reply]] = deque()  # one for each reply to come, in order
        self._turn = asyncio.Lock()  # held from the envelope to the dot; in lock-step to the answer
        self._buffer = b""
        self._lines: list[str] = []
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Collect reply lines; a reply to nothing means the relay is going away."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            text = line.rstrip(b"\r").decode("utf-8", "replace")
            self._lines.append(text)
            if text[3:4] != "-":
                self._take_reply()
        if len(self._buffer) > REPLY_BYTES_AT_MOST or len(self._lines) > REPLY_BYTES_AT_MOST // 16:
            self.abandon()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Note that nothing more will come."""
        self.is_usable = False
        while self._expected:
            _resolve(self._expected.popleft(), _NONE)

    async def hand_over(self, mail: Mail, recalled: asyncio.Event) -> Outcome:
        """Return what became of one message.

        Raises `ConnectionGone` when the connection was lost before the relay said anything: nothing was handed over.
        Raises `Recalled` when it was called back before its turn came.
        """
        async with self._turn:
            if recalled.is_set():
                raise Recalled
            if not self.is_usable or self._messages_left <= 0:
                raise ConnectionGone
            self._messages_left -= 1
            said = await self._offer_mail(mail)
            if isinstance(said, Outcome):
                return said
            if not self.offer.pipelining:
                return await self._answer(mail, said)
        return await self._answer(mail, said)

    @property
    def is_spent(self) -> bool:
        """Tell whether it has carried its share of messages."""
        return self._messages_left <= 0

    async def _offer_mail(self, mail: Mail) -> Outcome | asyncio.Future[Reply]:
        """Say the envelope and write the message; return the refusal, or the future of the answer to the dot."""
        said: list[tuple[Stage, int, str]] = []
        refused: Outcome | None = None
        try:
            async with asyncio.timeout(self._reply_seconds) as patience:
                await self._envelope(mail, patience, said)
                refused = self._refusal(said)
                if refused is None:
                    (dot,) = self._write(stuffed(mail.data) + b".\r\n")
                    return dot
                await self._forget(said, patience)
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
        size = f" SIZE={len(mail.data)}" if self.offer.size else ""
        commands = (
            (Stage.MAIL, f"MAIL FROM:<{mail.sender}>{size}\r\n"),
            (Stage.RCPT, f"RCPT TO:<{mail.recipient}>\r\n"),
            (Stage.DATA, "DATA\r\n"),
        )
        if self.offer.pipelining:
            text = "".join(command for _, command in commands)
            replies = self._write(text.encode("ascii"), replies=len(commands))
            for (stage, _), reply in zip(commands, replies, strict=True):
                said.append((stage, *await self._reply(reply, patience)))
            return
        for stage, command in commands:
            (reply,) = self._write(command.encode("ascii"))
            code, text = await self._reply(reply, patience)
            said.append((stage, code, text))
            if not _is_yes(stage, code):
                return

    def _refusal(self, said: list[tuple[Stage, int, str]]) -> Outcome | None:
        """Return what the first refusal means, or None when the relay wants the message."""
        for stage, code, text in said:
            if not _is_yes(stage, code):
                if code == SERVICE_CLOSING or (stage is Stage.MAIL and code < 500):
                    self.is_usable = False
                return outcome_of(code, text, stage)
        return None

    async def _forget(self, said: list[tuple[Stage, int, str]], patience: asyncio.Timeout) -> None:
        """Bring the connection back to where a new message can begin."""
        yes = [stage for stage, code, _ in said if _is_yes(stage, code)]
        if Stage.DATA in yes:  # pipelined: the relay refused the envelope, yet waits for content
            if Stage.RCPT in yes:  # an empty message must not reach anybody
                self.abandon()
                return
            (reply,) = self._write(b".\r\n")
            await self._reply(reply, patience)
        if self.is_usable:
            (reply,) = self._write(b"RSET\r\n")
            code, _ = await self._reply(reply, patience)
            self.is_usable = 200 <= code <= 299
        if not self.is_usable:
            self.abandon()

    async def _answer(self, mail: Mail, dot: asyncio.Future[Reply]) -> Outcome:
        """Return what the relay says to the message; without a word from it nobody knows."""
        try:
            async with asyncio.timeout(self._reply_seconds):
                code, text = await dot
        except TimeoutError:
            code, text = _NONE
            self.abandon()
        except asyncio.CancelledError:
            self.abandon()
            raise
        if code == _NONE[0]:
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
                    (reply,) = self._write(b"QUIT\r\n")
                    await self._reply(reply, patience)
            except (TimeoutError, ConnectionGone):
                pass
        self.abandon()

    def abandon(self) -> None:
        """Close the connection without another word."""
        self.is_usable = False
        self._transport.abort()  # close() would still send what is buffered

    def _write(self, data: bytes, *, replies: int = 1) -> list[asyncio.Future[Reply]]:
        """Write commands and return the futures of their replies."""
        futures = [self._loop.create_future() for _ in range(replies)]
        if self._transport.is_closing():
            for future in futures:
                future.set_result(_NONE)
            return futures
        self._expected.extend(futures)
        self._transport.write(data)
        return futures

    async def _reply(self, future: asyncio.Future[Reply], patience: asyncio.Timeout) -> Reply:
        if not future.done():
            patience.reschedule(self._loop.time() + self._reply_seconds)
        reply = await future
        if reply == _NONE:
            raise ConnectionGone
        return reply

    def _take_reply(self) -> None:
        lines, self._lines = self._lines, []
        if not self._expected:
            self.abandon()  # "421 idle for too long", or an answer to nothing
            return
        code = lines[0][:3]
        reply = (int(code) if code.isdecimal() else 0, "\n".join(line[4:] for line in lines))
        _resolve(self._expected.popleft(), reply)


def _resolve(future: asyncio.Future[Reply], reply: Reply) -> None:
    if not future.done():
        future.set_result(reply)


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
