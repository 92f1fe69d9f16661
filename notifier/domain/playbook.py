"""Playbooks: the recovery plan for a service. Parsed from `config/playbooks/*.yaml`; every key is documented here."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, field

from notifier.domain.notification import Channel


class Mode(StrEnum):
    """How far the daemon goes by itself."""

    OBSERVE = "observe"  # evidence is recorded, no incident is opened
    PROPOSE = "propose"  # a suspected incident is opened and a person decides
    AUTOMATIC = "automatic"  # confirms by itself what is certain, once a backtest and judged proposals allow it


class NightRule(StrEnum):
    """What happens at night to a message that would wake somebody."""

    WAKE = "wake"  # it goes out
    HOLD = "hold"  # texts wait for the morning; mails go out
    EMAIL_ONLY = "email_only"  # who has a mail address gets a mail instead; texts to the others wait


class NightDecision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rule for one impact."""

    rule: Annotated[NightRule, Meta(description="wake, hold or email_only.")] = NightRule.HOLD
    safety: Annotated[
        bool, Meta(description="Life may depend on it: goes out at any hour, also in a contact's own quiet hours.")
    ] = False


class Night(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When it is night at a site, and what is done then."""

    begins: Annotated[
        str, Meta(description="Local time at which the night begins.", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")
    ] = "21:00"
    ends: Annotated[
        str,
        Meta(
            description="Local time at which it ends; the same as `begins` = there is no night.",
            pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$",
        ),
    ] = "08:00"
    down: Annotated[NightDecision, Meta(description="When the service is out.")] = field(default_factory=NightDecision)
    degraded: Annotated[NightDecision, Meta(description="When it works badly.")] = field(default_factory=NightDecision)
    intermittent: Annotated[NightDecision, Meta(description="When it comes and goes.")] = field(
        default_factory=NightDecision
    )


class Overnight(StrEnum):
    """What somebody hears in the morning of an outage that came and went while they were not woken."""

    NOTHING = "nothing"
    EMAIL = "email"  # one mail, where there is an address


class Playbook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The recovery plan for one or more services."""

    name: Annotated[
        str, Meta(description="Name of the playbook, shown with every incident that follows it.", min_length=1)
    ]
    services: Annotated[
        tuple[str, ...],
        Meta(description="Services it is for; each service belongs to exactly one playbook.", min_length=1),
    ]
    mode: Annotated[
        Mode,
        Meta(
            description="How far the daemon goes by itself: observe (records only), propose (opens a suspected incident; a person confirms) or automatic (confirms what is certain, once a backtest over 28 days of own complaints has run and 9 of the last 10 judged proposals were confirmed; until then as propose).",
        ),
    ] = Mode.PROPOSE
    minimum_customers: Annotated[
        int,
        Meta(
            description="Distinct verified customers that must have complained before an incident is suspected.", ge=1
        ),
    ] = 3
    audience_limit: Annotated[
        int,
        Meta(
            description="Most customers one commander may have told alone; above it the broadcast waits for approval by another key.",
            ge=1,
        ),
    ] = 20_000
    second_person_wait: Annotated[
        timedelta,
        Meta(
            description="Above `audience_limit`: how long a second person has to answer before whoever sent the broadcast may send it alone, with a reason that every manager is told."
        ),
    ] = timedelta(minutes=10)
    channels: Annotated[
        tuple[Channel, ...],
        Meta(
            description="Channels in order of preference; the first on which a customer can be reached is used.",
            min_length=1,
        ),
    ] = (Channel.EMAIL,)
    next_update_within: Annotated[
        timedelta,
        Meta(
            description="Longest silence customers are promised where no ETA is known: the next update comes within this time; with an ETA there is none until it changes."
        ),
    ] = timedelta(minutes=60)
    event_update_within: Annotated[
        timedelta,
        Meta(
            description="Longest silence in a storm (`event`) within the first 24 h of an outage: the next update, or the first estimate, comes within this time."
        ),
    ] = timedelta(hours=6)
    event_update_later_within: Annotated[
        timedelta, Meta(description="Longest silence in a storm (`event`) after the first 24 h of an outage.")
    ] = timedelta(hours=24)
    hold_before_restored: Annotated[
        timedelta, Meta(description="How long service must have been back before customers are told that it is.")
    ] = timedelta(minutes=10)
    tell_after: Annotated[
        timedelta,
        Meta(
            description="Of an outage that was shorter, only those hear who reported it or were told of it before: that it is over; 0 s = everybody hears of every outage."
        ),
    ] = timedelta()
    warn_before: Annotated[
        timedelta, Meta(description="How long before a promise falls due the commander is warned.")
    ] = timedelta(minutes=20)
    delay_before: Annotated[
        timedelta,
        Meta(
            description="How long before a promise falls due the authorised `delayed` is sent by itself; the time the broadcast takes is added."
        ),
    ] = timedelta(minutes=5)
    automatic_delays: Annotated[
        int,
        Meta(
            description="How many automatic `delayed` may follow each other before only a person can go on.", ge=0, le=2
        ),
    ] = 2
    planned_notice_lead: Annotated[
        timedelta,
        Meta(
            description="Planned work: how long before it begins the last customer must have its notice; a notice that cannot be done by then is refused."
        ),
    ] = timedelta(hours=72)
    planned_share: Annotated[
        float,
        Meta(
            description="Planned work: share of its sites up to which complaints from them are explained by the work; those of more customers count as always.",
            ge=0,
            le=1,
        ),
    ] = 0.1
    planned_reminder: Annotated[
        timedelta,
        Meta(
            description="Planned work: how long before it begins those who had the notice are reminded; 0 s = they are not."
        ),
    ] = timedelta(hours=24)
    eta_at_most: Annotated[
        timedelta, Meta(description="An ETA further away than this is refused as a slip of the hand.")
    ] = timedelta(hours=72)
    subsides_after: Annotated[
        timedelta,
        Meta(
            description="A suspected incident without new evidence for this time is dismissed by the daemon; one that was ever certain waits for a person and goes after 24 h, or after this time if longer."
        ),
    ] = timedelta(hours=2)
    stale_after: Annotated[
        timedelta,
        Meta(
            description="A message that could not be handed over for this long is given up as no longer news; up to this long after a promise lapsed while the daemon was down, the authorised `delayed` is sent late."
        ),
    ] = timedelta(hours=4)
    night: Annotated[Night, Meta(description="When texts wait for the morning.")] = field(default_factory=Night)
    overnight: Annotated[
        Overnight,
        Meta(description="What an outage that began and ended in the night is worth in the morning: nothing or email."),
    ] = Overnight.EMAIL
    received: Annotated[
        bool,
        Meta(
            description="Whether somebody who reports a problem before any incident is known gets `we have your report and are looking`."
        ),
    ] = False
    safety: Annotated[
        tuple[str, ...], Meta(description="Phrase codes of safety advice shown in the first message, in order.")
    ] = ()
    self_help: Annotated[
        tuple[str, ...],
        Meta(description="Phrase codes of what a customer can check, shown in first messages and after restoration."),
    ] = field(default=())
