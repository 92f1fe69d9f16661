"""What carries messages, how they are handed over, and how many one reader may get."""

# ruff: noqa: E501  # one description per key, beside it

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, field

from notifier.config.settings import Settings
from notifier.domain.notification import Channel


class ProviderKind(StrEnum):
    """What carries messages."""

    SMTP = "smtp"  # a mail relay
    TWILIO = "twilio"  # SMS by Twilio's API
    FILE = "file"  # a folder on this machine: nothing leaves it


class Tls(StrEnum):
    """How the connection to a relay is protected."""

    NONE = "none"  # plain text
    STARTTLS = "starttls"  # upgraded before anything is said; refused when the relay cannot
    IMPLICIT = "implicit"  # TLS from the first byte


class Provider(Settings, frozen=True):
    """A carrier for one channel."""

    name: Annotated[str, Meta(description="Name in the ledger and in metrics.", min_length=1)]
    kind: Annotated[
        ProviderKind,
        Meta(
            description="smtp (a mail relay), twilio (SMS) or file (a maildir, or a folder of texts, on this machine: nothing leaves it)."
        ),
    ]
    channel: Annotated[Channel, Meta(description="What it carries.")] = Channel.EMAIL
    rate: Annotated[float, Meta(description="Most messages per second; 0 = as fast as it takes them.", ge=0)] = 0
    connections: Annotated[int, Meta(description="Most connections, and messages in flight.", ge=1, le=64)] = 8
    timeout: Annotated[timedelta, Meta(description="Longest wait for any answer of it.")] = timedelta(seconds=60)
    directory: Annotated[str, Meta(description="file: the maildir, or the folder of texts.")] = "var/outbox"
    host: Annotated[str, Meta(description="smtp: name or address of the relay.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="smtp: its port.", ge=1, le=65535)] = 25
    tls: Annotated[Tls, Meta(description="smtp: none, starttls or implicit.")] = Tls.NONE
    tls_verify: Annotated[bool, Meta(description="smtp: check the relay's certificate.")] = True
    username: Annotated[str, Meta(description="smtp: login, when the relay asks for one.")] = ""
    password: Annotated[str, Meta(description="smtp: its password; better password_file.", extra={"secret": True})] = ""
    messages_per_connection: Annotated[
        int, Meta(description="smtp: a connection is closed after this many messages.", ge=1)
    ] = 10_000
    base_url: Annotated[str, Meta(description="twilio: address of its API.")] = "https://api.twilio.com"
    account_sid: Annotated[str, Meta(description="twilio: the account, `AC` and 32 hexadecimal digits.")] = ""
    auth_token: Annotated[
        str,
        Meta(
            description="twilio: its token, which also signs what Twilio sends us; better auth_token_file.",
            extra={"secret": True},
        ),
    ] = ""
    auth_token_secondary: Annotated[
        str,
        Meta(
            description="twilio: a second token that signatures may be made with, while tokens are changed.",
            extra={"secret": True},
        ),
    ] = ""
    sender: Annotated[
        str, Meta(description="twilio: the number that sends, such as +14155550100; or give messaging_service_sid.")
    ] = ""
    messaging_service_sid: Annotated[
        str, Meta(description="twilio: the Messaging Service that sends, `MG` and 32 hexadecimal digits.")
    ] = ""
    segments_per_second: Annotated[
        float,
        Meta(
            description="twilio: most segments per second; 0 = by the sender: 1 for a long code, 3 for toll-free, 100 for a short code.",
            ge=0,
        ),
    ] = 0
    price_per_segment: Annotated[
        str,
        Meta(
            description="What one segment costs, in sms.currency, for previews; such as 0.0079. Empty = not known.",
            pattern=r"^([0-9]{1,4}(\.[0-9]{1,6})?)?$",
        ),
    ] = ""
    risk_check: Annotated[
        bool,
        Meta(
            description="twilio: let its protection against SMS pumping judge each message; a burst to one area code can trip it."
        ),
    ] = False


class Caps(Settings, frozen=True):
    """How often one contact point may hear from us, over all incidents."""

    every: Annotated[
        timedelta, Meta(description="At most one message in this time; what would exceed is merged into the next.")
    ] = timedelta(minutes=20)
    sms_per_day: Annotated[
        int, Meta(description="Most texts in 24 hours; restored, corrections and safety are exempt.", ge=1)
    ] = 6


class InDoubt(StrEnum):
    """What happens to a message of which nobody knows whether it was handed over."""

    RESEND = "resend"  # nobody is missed; a double is possible
    HOLD = "hold"  # nobody is told twice; a person decides


class InDoubtPolicy(Settings, frozen=True):
    """The policy per channel."""

    email: Annotated[InDoubt, Meta(description="E-mail whose hand-over is in doubt.")] = InDoubt.RESEND
    sms: Annotated[InDoubt, Meta(description="SMS whose hand-over is in doubt.")] = InDoubt.HOLD


class Delivery(Settings, frozen=True):
    """How messages are handed over."""

    in_doubt: Annotated[
        InDoubtPolicy, Meta(description="resend (nobody missed) or hold (nobody twice), per channel.")
    ] = field(default_factory=InDoubtPolicy)
    take_back: Annotated[
        timedelta, Meta(description="How long after `send` nothing leaves, so that it can be taken back.")
    ] = timedelta(seconds=30)
    only_to: Annotated[
        tuple[str, ...],
        Meta(
            description="Guest list, for trying out real providers: mail addresses and numbers that may be written to; everyone else is recorded as not_on_guest_list. Empty = everyone. People on call are not bound by it."
        ),
    ] = ()
    lease: Annotated[
        timedelta,
        Meta(
            description="How long a worker may hold a claimed message unless it renews; real time, also in rehearsals."
        ),
    ] = timedelta(minutes=5)
