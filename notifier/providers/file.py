"""The file provider: a maildir, or a folder of texts, on this machine. Nothing leaves it.

Each message is written to tmp/, synced, and moved to new/ under a name made of its Message-ID or notification, so that
the same message handed over again takes its own place: this provider can never deliver twice.
"""

import asyncio
import os
from pathlib import Path

from notifier.config import Provider as ProviderSettings
from notifier.domain.delivery import Outcome, Result
from notifier.messages.mime import Mail
from notifier.providers.registry import Message, Recalled

GROUP_AT_MOST = 64  # messages in one trip to the disk


class FileProvider:
    """Writes messages into a maildir, those that wait together in one group."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self._root = Path(settings.directory)
        self._waiting: list[tuple[Message, asyncio.Event, asyncio.Future[Outcome]]] = []
        self._writer: asyncio.Task[None] | None = None

    @property
    def capacity(self) -> int:
        """Return how many messages may wait for the disk at once."""
        return self.settings.connections

    async def open(self) -> None:
        """Make the maildir."""
        await asyncio.to_thread(self._make)

    def _make(self) -> None:
        for name in ("tmp", "new", "cur"):
            (self._root / name).mkdir(parents=True, exist_ok=True)

    async def send(self, message: Message, recalled: asyncio.Event) -> Outcome:
        """Store one message and return after it is on the disk; raise `Recalled` when it is called back before."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, recalled, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_waiting(), name=f"provider {self.settings.name}")
        return await future

    async def try_login(self) -> Outcome:
        """Make the folders, and see that a file can be put there."""
        try:
            await self.open()
            return await asyncio.to_thread(self._try)
        except OSError as error:
            return _failed(error)

    def _try(self) -> Outcome:
        probe = self._root / "tmp" / f".probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
        return Outcome(result=Result.ACCEPTED, code="250")

    async def close(self) -> None:
        """Wait until everything begun is written."""
        if self._writer is not None:
            await self._writer

    async def _write_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:GROUP_AT_MOST], self._waiting[GROUP_AT_MOST:]
            going = [(message, future) for message, recalled, future in group if not recalled.is_set()]
            for _, recalled, future in group:
                if recalled.is_set() and not future.done():
                    future.set_exception(Recalled())
            outcomes = await asyncio.to_thread(self._write, [message for message, _ in going])
            for (_, future), outcome in zip(going, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)

    def _write(self, messages: list[Message]) -> list[Outcome]:
        outcomes = [self._write_one(*_as_file(message)) for message in messages]
        try:
            _sync(self._root / "new")
        except OSError as error:
            return [_failed(error)] * len(messages)
        return outcomes

    def _write_one(self, name: str, data: bytes) -> Outcome:
        written = self._root / "tmp" / name
        try:
            with written.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            written.rename(self._root / "new" / name)
        except OSError as error:
            return _failed(error)
        return Outcome(result=Result.ACCEPTED, code="250", provider_id=name, size=len(data))


def _as_file(message: Message) -> tuple[str, bytes]:
    """Return the name and the content of the file of a message."""
    if isinstance(message, Mail):
        envelope = f"Return-Path: <{message.sender}>\r\nDelivered-To: {message.recipient}\r\n"
        return f"{message.sender.partition('@')[0].rpartition('+')[2]}.eml", envelope.encode() + message.data
    head = f"To: {message.recipient}\nSegments: {message.segments}\n\n"
    return f"{message.notification_id}.txt", f"{head}{message.body}\n".encode()


def _failed(error: OSError) -> Outcome:
    return Outcome(result=Result.OURS, answer=error.strerror or type(error).__name__)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
