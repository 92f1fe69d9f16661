"""The LMTP door, spoken to over a real socket: a verdict per recipient, and nothing is lost when the store is away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from notifier.domain.errors import InvalidInput, NotifierError, StoreUnavailable
from notifier.stages.mail_reports import MAIL_AT_MOST
from notifier.web import lmtp
from notifier.web.lmtp import LmtpListener
from tests.bounces import TOKEN, bounce

MINE, OTHER = f"bounces+{TOKEN}@example.com", "bounces+x@example.com"


class Reports:
    """Keeps what it is given, or fails as it is told to."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, tuple[str, ...], str | None]] = []
        self.fails: dict[str, Exception] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def take(self, raw: bytes, recipients: Sequence[str] = (), *, envelope_sender: str | None = None) -> None:
        self.asked.set()
        await self.gate.wait()
        if error := self.fails.get(recipients[0]):
            raise error
        self.taken.append((raw, tuple(recipients), envelope_sender))


class MailServer:
    """A client of the door."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def line(self) -> str:
        async with asyncio.timeout(10):
            return (await self.reader.readline()).decode().rstrip("\r\n")

    async def say(self, command: str) -> str:
        self.writer.write(f"{command}\r\n".encode())
        answer = await self.line()
        while answer[3:4] == "-":
            answer = await self.line()
        return answer

    async def begin(self, *recipients: str) -> None:
        assert (await self.say("LHLO mx.example.net"))[:3] == "250"
        assert (await self.say("MAIL FROM:<>"))[:3] == "250"
        for each in recipients:
            assert (await self.say(f"RCPT TO:<{each}>"))[:3] == "250"

    async def data(self, raw: bytes, verdicts: int = 1) -> list[str]:
        assert (await self.say("DATA"))[:3] == "354"
        self.writer.write(raw.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
        return [await self.line() for _ in range(verdicts)]


Connect = Callable[[], Awaitable[tuple[MailServer, str]]]


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
async def door(reports: Any) -> AsyncIterator[tuple[LmtpListener, str]]:
    listener = LmtpListener(reports, "127.0.0.1:0")
    address = await listener.start()
    yield listener, address
    await listener.stop()


@pytest.fixture
async def connect(door: tuple[LmtpListener, str]) -> AsyncIterator[Connect]:
    """Return a function that connects and returns the client with the first line it is told."""
    host, _, port = door[1].rpartition(":")
    clients: list[MailServer] = []

    async def open_() -> tuple[MailServer, str]:
        clients.append(MailServer(*await asyncio.open_connection(host, int(port))))
        return clients[-1], await clients[-1].line()

    yield open_
    for each in clients:
        each.writer.close()
        with contextlib.suppress(ConnectionError):
            await each.writer.wait_closed()


async def test_a_bounce_is_taken_with_its_envelope(connect: Connect, reports: Reports) -> None:
    client, _ = await connect()
    await client.begin(MINE)
    raw = bounce()
    assert (await client.data(raw))[0][:3] == "250"
    ((taken, recipients, sender),) = reports.taken
    assert (taken.strip(), recipients, sender) == (raw.strip(), (MINE,), "")
    assert (await client.say("QUIT"))[:3] == "221"


async def test_each_recipient_has_a_verdict_of_its_own(connect: Connect, reports: Reports) -> None:
    reports.fails[OTHER] = StoreUnavailable("the disk is full")
    client, _ = await connect()
    await client.begin(MINE, OTHER, "bounces+third@example.com")
    verdicts = await client.data(bounce(), verdicts=3)
    assert [each[:3] for each in verdicts] == ["250", "451", "250"]
    assert (await client.say("NOOP"))[:3] == "250"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreUnavailable("busy"), "451"),
        (NotifierError("anything of ours"), "451"),
        (RuntimeError("a defect"), "451"),
        (InvalidInput("the mail is empty"), "554"),
    ],
)
async def test_what_cannot_be_stored_now_must_come_again_and_what_never_can_is_refused(
    connect: Connect, reports: Reports, error: Exception, code: str
) -> None:
    reports.fails[MINE] = error
    client, _ = await connect()
    await client.begin(MINE)
    assert (await client.data(bounce()))[0][:3] == code


async def test_a_mail_over_the_limit_is_refused_for_every_recipient(connect: Connect, reports: Reports) -> None:
    client, _ = await connect()
    await client.begin(MINE, OTHER)
    line = b"x" * 998 + b"\r\n"
    assert [each[:3] for each in await client.data(line * (MAIL_AT_MOST // 1000 + 2), verdicts=2)] == ["552", "552"]
    assert reports.taken == []
    assert (await client.say("NOOP"))[:3] == "250"


async def test_smtp_is_told_that_this_is_lmtp(connect: Connect) -> None:
    client, _ = await connect()
    assert (await client.say("EHLO mx.example.net"))[:3] == "500"


async def test_one_session_too_many_is_told_to_come_again(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lmtp, "SESSIONS_AT_MOST", 1)
    first, _ = await connect()
    _, told = await connect()
    assert told[:3] == "421"
    assert (await first.say("NOOP"))[:3] == "250"


async def test_a_mail_that_is_being_stored_is_answered_before_the_door_closes(
    door: tuple[LmtpListener, str], connect: Connect, reports: Reports
) -> None:
    listener, _ = door
    client, _ = await connect()
    await client.begin(MINE)
    reports.gate.clear()
    answer = asyncio.create_task(client.data(bounce()))
    await reports.asked.wait()
    stopping = asyncio.create_task(listener.stop())
    await asyncio.sleep(0.05)
    reports.gate.set()
    assert (await answer)[0][:3] == "250"
    await stopping
    assert await client.line() == ""


async def test_a_port_that_is_taken_is_named(door: tuple[LmtpListener, str], reports: Any) -> None:
    with pytest.raises(NotifierError, match=r"inbound\.lmtp_listen: cannot listen"):
        await LmtpListener(reports, door[1]).start()
