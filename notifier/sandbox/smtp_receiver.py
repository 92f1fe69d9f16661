"""A real SMTP receiver for rehearsals: it takes mail, keeps it as files, and remembers every receipt.

In: SMTP on a loopback port. Out, in its folder: `mail/NNNNNN.eml` (as received, dots unstuffed), and `receipts.csv`, an
append-only list with one line per accepted mail: when, to whom, by which envelope sender, its Message-ID, its file. A
line is written before the mail is answered with 250, so whatever was accepted is listed, whoever dies afterwards.

On command it misbehaves: `faults.json` in its folder (written by `notifier sandbox fault`) makes it slow or makes it
refuse a share of the mails; it is read again whenever it changes. It never sends anything anywhere.
"""

import asyncio
import contextlib
import csv
import io
import json
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from notifier.domain.errors import InvalidInput

RECEIPT_COLUMNS = ("received_at", "recipient", "sender", "message_id", "file")
MAIL_BYTES_AT_MOST = 8 * 1024 * 1024
FAULTS_EVERY_SECONDS = 0.2  # how soon a change of faults.json is seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How the receiver misbehaves."""

    slow: float = 0.0  # seconds before each mail is answered
    refuse: float = 0.0  # share of the mails that are refused
    code: int = 451  # with which reply code
    text: str = "4.7.1 greylisted, please try again later"
    drop: float = 0.0  # share of the mails after which the connection is lost instead of answered, though kept

    def __post_init__(self) -> None:
        """Refuse values that could not be told over SMTP."""
        if not (0 <= self.refuse <= 1 and 0 <= self.drop <= 1 and self.slow >= 0):
            raise InvalidInput("a share lies between 0 and 1, and seconds are not negative", field="faults")
        if not 400 <= self.code <= 599:
            raise InvalidInput(f"{self.code} refuses nothing", field="code", value=self.code, expected="400 to 599")
        if not self.text.isascii() or not self.text.isprintable():
            raise InvalidInput("a reply is one line of ASCII", field="text", value=self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One accepted mail."""

    received_at: datetime
    recipient: str
    sender: str
    message_id: str
    file: str


def write_faults(folder: Path, faults: Faults) -> None:
    """Tell the receiver of a folder to misbehave from now on; `Faults()` makes it well again."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "faults.json.new"
    temporary.write_text(json.dumps(asdict(faults)) + "\n", encoding="utf-8")
    temporary.replace(folder / "faults.json")


def read_receipts(folder: Path) -> list[Receipt]:
    """Return every mail accepted so far, oldest first; a line that is being written is left for the next reading."""
    try:
        text = (folder / "receipts.csv").read_bytes().decode()
    except FileNotFoundError:
        return []
    whole = text[: text.rfind("\n") + 1]
    return [
        Receipt(received_at=datetime.fromisoformat(row.pop("received_at")), **row)
        for row in csv.DictReader(io.StringIO(whole))
    ]


class Receiver:
    """The folder of one receiver, and what it does with each mail."""

    def __init__(self, folder: Path, *, keep_mail: bool = True) -> None:
        self.folder = folder
        self._keep_mail = keep_mail
        (folder / "mail").mkdir(parents=True, exist_ok=True)
        receipts = folder / "receipts.csv"
        is_new = not receipts.exists() or not receipts.stat().st_size
        self._receipts = receipts.open("a", encoding="utf-8", buffering=1, newline="")
        self._writer = csv.writer(self._receipts, lineterminator="\n")
        if is_new:
            self._writer.writerow(RECEIPT_COLUMNS)
        self.accepted = sum(1 for _ in (folder / "mail").iterdir())
        self.refused = 0
        self._faults, self._faults_read_at, self._faults_changed = Faults(), 0.0, 0
        self._chance = Random(1)

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - theirs
        """Keep the mail and its receipt, then answer; aiosmtpd calls this once per mail."""
        faults = self._current_faults()
        if faults.slow:
            await asyncio.sleep(faults.slow)
        if faults.refuse and self._chance.random() < faults.refuse:
            self.refused += 1
            return f"{faults.code} {faults.text}"
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        name = self._keep(envelope, content)
        if faults.drop and self._chance.random() < faults.drop and server.transport is not None:
            cast("asyncio.Transport", server.transport).abort()  # uvloop's has it without being one
        return f"250 2.0.0 kept as {name}"

    def _keep(self, envelope: Envelope, content: bytes) -> str:
        self.accepted += 1
        name = f"{self.accepted:06d}.eml"
        if self._keep_mail:
            (self.folder / "mail" / name).write_bytes(content)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        message_id = _header(content, b"message-id")
        for recipient in envelope.rcpt_tos:
            self._writer.writerow((now, recipient, envelope.mail_from or "", message_id, name))
        return name

    def _current_faults(self) -> Faults:
        now = time.monotonic()
        if now - self._faults_read_at >= FAULTS_EVERY_SECONDS:
            self._faults_read_at = now
            self._read_faults()
        return self._faults

    def _read_faults(self) -> None:
        path = self.folder / "faults.json"
        try:
            changed = path.stat().st_mtime_ns
            if changed != self._faults_changed:
                self._faults_changed = changed
                self._faults = Faults(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            self._faults, self._faults_changed = Faults(), 0
        except (ValueError, TypeError, InvalidInput) as error:
            print(f"faults.json is not understood and ignored: {error}", flush=True)

    def close(self) -> None:
        """Close the list of receipts."""
        self._receipts.close()


def _header(content: bytes, name: bytes) -> str:
    """Return the value of a header of the raw mail, without unfolding more than one line; empty when it is missing."""
    head = content[: content.find(b"\r\n\r\n") + 2]
    position = (b"\r\n" + head.lower()).find(b"\r\n" + name + b":")
    if position < 0:
        return ""
    line = head[position + len(name) + 1 : head.find(b"\r\n", position)]
    if not line.strip():  # the value is on the continuation line
        start = head.find(b"\r\n", position) + 2
        line = head[start : head.find(b"\r\n", start)]
    return line.decode("ascii", "replace").strip()


class FastSMTP(SMTP):
    """aiosmtpd with the two steps that cost it most done in one go: reading a mail, and parsing an address.

    Upstream reads the data line by line and parses addresses with the header parser of the standard library; together
    they held it below what a receiver needs to keep up with the broadcast it is to witness.
    """

    line_length_limit = MAIL_BYTES_AT_MOST  # also the size of the reader's buffer

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        address, closing, rest = arg.lstrip().removeprefix("<").partition(">")
        if not arg.lstrip().startswith("<") or not closing or any(char.isspace() for char in address):
            return None, None
        return address, rest.lstrip() or ""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        """Read the mail up to the lone dot in one piece and hand it to the receiver."""
        if await self.check_helo_needed():
            return
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
            return
        if arg:
            await self.push("501 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await self._read_mail()
        if content is None:
            await self.push("552 Error: Too much mail data")
            self._set_post_data_state()  # type: ignore[no-untyped-call]
            return
        self.envelope.content = self.envelope.original_content = content
        status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(status)

    async def _read_mail(self) -> bytes | None:
        """Return the mail without its dot-stuffing, or None when it was too long and was thrown away."""
        try:
            first = await self._reader.readexactly(3)
            if first == b".\r\n":
                return b""
            rest: bytes = await self._reader.readuntil(b"\r\n.\r\n")
        except asyncio.LimitOverrunError:
            await self._skip_mail()
            return None
        mail = (first + rest)[:-3]
        mail = mail.removeprefix(b".") if mail.startswith(b"..") else mail
        return mail.replace(b"\r\n..", b"\r\n.")

    async def _skip_mail(self) -> None:
        tail = b""
        while not tail.endswith(b"\r\n.\r\n"):
            tail = tail[-4:] + await self._reader.read(65_536)


def run(folder: Path, host: str, port: int, *, keep_mail: bool = True) -> None:
    """Receive mail until SIGINT or SIGTERM, with uvloop where it is installed.

    Raises `OSError` when the port is taken.
    """
    try:
        import uvloop
    except ImportError:
        factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_run(folder, host, port, keep_mail=keep_mail))


async def _run(folder: Path, host: str, port: int, *, keep_mail: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    receiver = Receiver(folder, keep_mail=keep_mail)
    try:
        await serve(receiver, host, port, stop)
    finally:
        receiver.close()
        print(f"accepted {receiver.accepted:,} mails, refused {receiver.refused:,}", flush=True)


async def serve(receiver: Receiver, host: str, port: int, stop: asyncio.Event) -> None:
    """Receive mail on `host`:`port` until `stop` is set; raises `OSError` when the port is taken."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _session(receiver, loop), host, port, backlog=256)
    address, taken = server.sockets[0].getsockname()[:2]
    print(f"receiving mail on {address}:{taken}, keeping it in {receiver.folder}", flush=True)
    try:
        await stop.wait()
    finally:
        server.close()  # `async with server` waits, from Python 3.12 on, until every client has hung up


@contextlib.asynccontextmanager
async def receiving(folder: Path, *, keep_mail: bool = True) -> AsyncIterator[tuple[Receiver, int]]:
    """Run a receiver on a free loopback port for the length of the block; yields it and its port."""
    receiver = Receiver(folder, keep_mail=keep_mail)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _session(receiver, loop), "127.0.0.1", 0)
    try:
        yield receiver, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        receiver.close()


def _session(receiver: Receiver, loop: asyncio.AbstractEventLoop) -> FastSMTP:
    return FastSMTP(
        receiver,
        loop=loop,
        hostname="sandbox.invalid",
        ident="Notifier sandbox, nothing is delivered",
        data_size_limit=MAIL_BYTES_AT_MOST,
        enable_SMTPUTF8=False,
        timeout=600,
    )
