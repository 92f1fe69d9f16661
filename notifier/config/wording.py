"""What messages say, and in whose name: playbooks, templates, languages, the alphabet of texts, the sender."""

# ruff: noqa: E501  # one description per key, beside it

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from notifier.config.settings import Settings


class Playbooks(Settings, frozen=True):
    """Where recovery plans are."""

    directory: Annotated[
        str,
        Meta(
            description="Folder of *.yaml playbooks, relative to the configuration file. Each takes the place of the shipped one of the same name; empty = those shipped.",
            extra={"folder": True},
        ),
    ] = ""


class Templates(Settings, frozen=True):
    """Where the wording of messages is."""

    directory: Annotated[
        str,
        Meta(
            description="Folder of templates, relative to the configuration file. Each takes the place of the shipped one of the same name; empty = those shipped.",
            extra={"folder": True},
        ),
    ] = ""
    phrases: Annotated[
        str,
        Meta(
            description="Folder of phrases (LOCALE.yaml), relative to the configuration file. Each takes the place of the shipped one of the same name; empty = those shipped.",
            extra={"folder": True},
        ),
    ] = ""


class Alphabet(StrEnum):
    """The alphabet of SMS."""

    GSM7 = "gsm7"  # 160 characters in one segment; letters that it lacks are written without their accents
    UNICODE = "unicode"  # every letter as it is; 70 characters in one segment as soon as one needs it


class Sms(Settings, frozen=True):
    """How texts are written."""

    alphabet: Annotated[
        Alphabet,
        Meta(
            description="gsm7 (accents that it lacks are dropped, 160 characters a segment) or unicode (70 as soon as one letter needs it)."
        ),
    ] = Alphabet.GSM7
    segments_at_most: Annotated[int, Meta(description="Most segments of one text.", ge=1, le=6)] = 2
    currency: Annotated[
        str, Meta(description="Currency of price_per_segment, three letters.", pattern="^[A-Z]{3}$")
    ] = "USD"
    registration: Annotated[
        str,
        Meta(
            description="What carriers know your number by: the id of its campaign or of its verification, or `exempt` where no registration is asked for. Empty = not said; `notifier go-live` asks for it.",
            pattern="^[A-Za-z0-9._:/-]{0,80}$",
        ),
    ] = ""


class Sender(Settings, frozen=True):
    """In whose name messages are sent."""

    company: Annotated[str, Meta(description="Name of the company, as customers know it.", min_length=1)] = (
        "Example Utility"
    )
    address: Annotated[str, Meta(description="From address of mails.")] = "outages@example.com"
    reply_to: Annotated[str, Meta(description="Where answers to mails go.")] = "help@example.com"
    bounce_domain: Annotated[
        str, Meta(description="Domain of envelope senders (bounces+TOKEN@DOMAIN); empty = the domain of `address`.")
    ] = ""
    dkim_selector: Annotated[
        str,
        Meta(description="Selector of the DKIM key that the relay signs with, for `check --online`; empty = unknown."),
    ] = ""
    postal_address: Annotated[str, Meta(description="Postal address in the footer of mails, on one line.")] = (
        "1 Example Plaza, Springfield"
    )
    phone: Annotated[str, Meta(description="Number for questions, as printed in messages.")] = "555-0100"
    public_url: Annotated[
        str,
        Meta(
            description="Where customers reach this daemon, for signed links, without a trailing slash; one-click opt-out needs https."
        ),
    ] = "http://127.0.0.1:8080"
    link_secret: Annotated[
        str,
        Meta(
            description="Secret that signs links; empty = made once and kept in the store. Better link_secret_file.",
            extra={"secret": True},
        ),
    ] = ""
    link_secret_previous: Annotated[
        str,
        Meta(
            description="The secret before link_secret: links made with it go on working. Keep it as long as mails that carry them may be opened.",
            extra={"secret": True},
        ),
    ] = ""


class Locales(Settings, frozen=True):
    """Languages of messages."""

    default: Annotated[str, Meta(description="Locale of contact points without one.")] = "en"
    available: Annotated[tuple[str, ...], Meta(description="Locales with templates and phrases.", min_length=1)] = (
        "en",
        "es",
        "fr",
    )
