"""Complaints: one report of a problem by one reporter, and whether it counts as evidence."""

from enum import StrEnum
from typing import NewType

ComplaintId = NewType("ComplaintId", int)


class NotCounted(StrEnum):
    """Why a complaint is no evidence in a cell."""

    HISTORY = "history"  # imported for the baseline only
    LATE = "late"  # more than 15 minutes old on arrival: baseline only
    REPEAT = "repeat"  # the same reporter counted there in the last 24 hours
    UNVERIFIED_CAP = "unverified_cap"  # strangers count only up to the cap
    NO_REGION = "no_region"  # neither the customer nor the request says where
    AMBIGUOUS_CUSTOMER = "ambiguous_customer"  # several customers share the address and it does not say which
