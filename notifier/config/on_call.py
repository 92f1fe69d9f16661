"""Who is woken, in order."""

# ruff: noqa: E501  # one description per key, beside it

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from notifier.config.settings import Settings


class WebhookKind(StrEnum):
    """What a webhook of a person on call understands."""

    PAGERDUTY = "pagerduty"  # Events API v2
    SLACK = "slack"  # {"text": ...}; Mattermost and others take the same
    TEAMS = "teams"  # an Adaptive Card


class Person(Settings, frozen=True):
    """One person on call."""

    name: Annotated[str, Meta(description="Name, as shown to the others.", min_length=1)]
    sms: Annotated[str, Meta(description="Mobile number.")] = ""
    email: Annotated[str, Meta(description="Mail address.")] = ""
    key: Annotated[
        str,
        Meta(
            description="Name of this person's API key, so that nobody approves by text what they sent by key; empty = the same as `name`."
        ),
    ] = ""
    webhook: Annotated[str, Meta(description="Address that is posted to.", extra={"secret": True})] = ""
    webhook_kind: Annotated[WebhookKind, Meta(description="What it understands: pagerduty, slack or teams.")] = (
        WebhookKind.SLACK
    )
    webhook_key: Annotated[
        str, Meta(description="pagerduty: the routing key; better webhook_key_file.", extra={"secret": True})
    ] = ""


class OnCall(Settings, frozen=True):
    """Who is woken, in order."""

    answer_within: Annotated[
        timedelta, Meta(description="How long one person has to answer before the next one is called.")
    ] = timedelta(minutes=10)
    people: Annotated[tuple[Person, ...], Meta(description="People of the company, the first one first.")] = ()
