"""What customers have agreed to, and what they and mail servers send us."""

# ruff: noqa: E501  # one description per key, beside it

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from notifier.config.settings import Settings
from notifier.domain.consent import Basis, OptOutScope, Purpose


class Inbound(Settings, frozen=True):
    """What customers and mail servers send us."""

    lmtp_listen: Annotated[
        str,
        Meta(
            description="Address and port for bounces and replies by LMTP; empty switches it off.",
            extra={"restart": True},
        ),
    ] = ""
    helpdesk_address: Annotated[
        str, Meta(description="Mail address that gets what customers write and no rule answers; empty = only stored.")
    ] = ""
    personal_every: Annotated[
        timedelta, Meta(description="Who writes again is told the newest facts at most this often.")
    ] = timedelta(minutes=30)
    wrote_within: Annotated[
        timedelta, Meta(description="Who wrote within this time is answered and told also at night.")
    ] = timedelta(minutes=60)


class Consent(Settings, frozen=True):
    """What customers have agreed to where nothing is stored for them."""

    outage: Annotated[
        bool, Meta(description="Whether the contract is the basis for messages about unplanned outages.")
    ] = True
    planned: Annotated[bool, Meta(description="Whether it is the basis for messages about planned work.")] = True
    survey: Annotated[bool, Meta(description="Whether it is the basis for asking if they are satisfied.")] = True
    offer: Annotated[bool, Meta(description="Whether it is the basis for offers.")] = False
    basis: Annotated[
        str, Meta(description="Name of that basis, as it is shown beside each decision.", min_length=1)
    ] = "service contract"
    optout_scope: Annotated[
        OptOutScope, Meta(description="What an opt-out stops: purpose (the kind of message it answers) or all.")
    ] = OptOutScope.PURPOSE
    optout_all_from: Annotated[
        str,
        Meta(
            description="Day (YYYY-MM-DD, local) from which an opt-out stops everything, whatever optout_scope says; empty = never. 47 CFR 64.1200(a)(10) names 2027-01-31.",
            pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        ),
    ] = ""

    def covers(self) -> Basis:
        """Return the purposes that the basis covers, as decisions need them."""
        return Basis(name=self.basis, purposes=frozenset(each for each in Purpose if getattr(self, each)))
