"""Customers, sites and contact points: who has a contract, where they are served, how they are reached."""

from enum import StrEnum
from typing import NewType

CustomerId = NewType("CustomerId", int)
SiteId = NewType("SiteId", int)
ContactPointId = NewType("ContactPointId", int)


class ContactKind(StrEnum):
    """What an address is good for."""

    MOBILE = "mobile"  # SMS and voice
    LANDLINE = "landline"  # voice only
    EMAIL = "email"


class Role(StrEnum):
    """What a contact point is to a customer; each role is told on its own."""

    OWNER = "owner"
    HOUSEHOLD = "household"
    CARER = "carer"
    SITE_MANAGER = "site_manager"


class SiteStatus(StrEnum):
    """Whether a site is served."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class SuppressionReason(StrEnum):
    """Why a contact point must not be written to."""

    OPTED_OUT = "opted_out"  # unsubscribed by link, reply or call
    BAD_ADDRESS = "bad_address"  # the provider says there is no such address
    COMPLAINT = "complaint"  # reported us as spam
    BY_PERSON = "by_person"  # an agent stopped it
