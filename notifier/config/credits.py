"""What customers are owed, and how it reaches the biller."""

# ruff: noqa: E501  # one description per key, beside it

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, field

from notifier.config.settings import Settings


class PostingKind(StrEnum):
    """How approved credits reach the biller."""

    NONE = "none"  # they stay approved until somebody posts them otherwise
    WEBHOOK = "webhook"  # one signed POST per line
    CSV = "csv"  # a file per batch, confirmed by its control total


class Posting(Settings, frozen=True):
    """How approved credits reach the biller."""

    kind: Annotated[
        PostingKind, Meta(description="none, webhook (one signed POST per line) or csv (a file per batch).")
    ] = PostingKind.NONE
    by_itself: Annotated[
        bool, Meta(description="webhook: post what is approved without waiting for `notifier credits post`.")
    ] = False
    url: Annotated[
        str, Meta(description="webhook: address that is posted to; better url_file.", extra={"secret": True})
    ] = ""
    secret: Annotated[
        str,
        Meta(
            description="webhook: key of the HMAC-SHA256 signature, 16 characters or more; better secret_file.",
            extra={"secret": True},
        ),
    ] = ""
    timeout: Annotated[timedelta, Meta(description="webhook: longest wait for an answer.")] = timedelta(seconds=15)
    at_once: Annotated[int, Meta(description="webhook: most lines in flight.", ge=1, le=64)] = 8
    give_up_after: Annotated[
        timedelta,
        Meta(description="webhook: a line that could not be handed over for this long is `failed` and shown."),
    ] = timedelta(days=3)


class Credits(Settings, frozen=True):
    """What customers are owed for outages, by tariffs and by hand."""

    enabled: Annotated[
        bool,
        Meta(
            description="Whether credits are computed, granted and posted. What was restored before it was switched on gets none by itself."
        ),
    ] = False
    tariffs: Annotated[
        str,
        Meta(
            description="Folder of *.yaml tariffs, relative to the configuration file. Each takes the place of the shipped one of the same name; those shipped are examples and switched off.",
            extra={"folder": True},
        ),
    ] = ""
    currency: Annotated[
        str, Meta(description="Currency of every limit here and of every tariff that counts.", pattern="^[A-Z]{3}$")
    ] = "USD"
    customer_baseline: Annotated[
        str,
        Meta(
            description="Most that one customer gets for one incident without a manager; also what a manager may grant alone.",
            pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$",
        ),
    ] = "50"
    incident_baseline: Annotated[
        str,
        Meta(description="Most that one incident costs without a manager.", pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$"),
    ] = "5000"
    budget: Annotated[
        str,
        Meta(
            description="Most that one incident may cost; what is above waits until a manager goes over it by name.",
            pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$",
        ),
    ] = "25000"
    agent_baseline: Annotated[
        str,
        Meta(
            description="Most goodwill that agents and commanders may grant one customer for one incident.",
            pattern=r"^[0-9]{1,9}(\.[0-9]{1,3})?$",
        ),
    ] = "25"
    bill_after_months: Annotated[
        int, Meta(description="On which bill goodwill is: so many months after its approval.", ge=0, le=12)
    ] = 1
    mail_waits: Annotated[
        timedelta,
        Meta(description="How long mails that service is restored wait until credits are computed, to name them."),
    ] = timedelta(minutes=2)
    posting: Annotated[Posting, Meta(description="How approved credits reach the biller.")] = field(
        default_factory=Posting
    )
