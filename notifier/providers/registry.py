"""The Protocol every provider keeps, and which class carries which kind. Adding one is a module and a line here."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Protocol, runtime_checkable

from notifier.config import Provider as ProviderSettings
from notifier.config import ProviderKind
from notifier.domain.delivery import Outcome
from notifier.domain.receipt import ReceiptStatus
from notifier.messages.mime import Mail
from notifier.messages.sms import Text

Message = Mail | Text
"""What is handed over: by e-mail a `Mail`, by SMS a `Text`."""

_MODULES = {  # imported only when configured
    ProviderKind.SMTP: ("notifier.providers.smtp", "SmtpProvider"),
    ProviderKind.TWILIO: ("notifier.providers.twilio", "TwilioProvider"),
    ProviderKind.FILE: ("notifier.providers.file", "FileProvider"),
}


class Recalled(Exception):
    """The message was called back before a word of it was said to the carrier."""


class CannotTell(Exception):
    """The provider cannot be asked now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A message that a provider has, and where it stands."""

    provider_id: str
    status: ReceiptStatus
    code: int = 0


@runtime_checkable
class Asked(Protocol):
    """A provider that can say whether it took a message."""

    async def ask(self, recipient: str, *, body: str, began_at: datetime, known: Collection[str]) -> Found | None:
        """Return the message of these words that a try since `began_at` (real time) made; None when there is none.

        `known` are the messages to that recipient which other tries made. Raises `CannotTell`.
        """
        ...


class Provider(Protocol):
    """A carrier of messages."""

    @property
    def settings(self) -> ProviderSettings:
        """Return how it is configured: name, channel, rate, connections."""
        ...

    @property
    def capacity(self) -> int:
        """Return how many messages may be with it at once."""
        ...

    async def open(self) -> None:
        """Make ready; cheap, and does not talk to the carrier yet."""
        ...

    async def send(self, message: Message, recalled: asyncio.Event) -> Outcome:
        """Hand one message over and return what became of it. At most `capacity` run at once.

        Raises `Recalled` when `recalled` is set before it begins; later it is too late, and the message goes on.
        When this is cancelled, whether the message was handed over is unknown.
        """
        ...

    async def try_login(self) -> Outcome:
        """Do all that comes before a message, and send none: connect, log in, see that it would be taken."""
        ...

    async def close(self) -> None:
        """Close every connection; nothing is being sent any more."""
        ...


def create(settings: ProviderSettings) -> Provider:
    """Return the provider for these settings."""
    module, name = _MODULES[settings.kind]
    provider: Provider = getattr(import_module(module), name)(settings)
    return provider
