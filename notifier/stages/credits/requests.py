"""What people ask of credits: the bodies of requests."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from notifier.domain.incident import IncidentNumber


class Grant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goodwill to one customer for one incident."""

    incident: IncidentNumber
    customer: str  # reference
    amount: str  # in credits.currency, such as 10.00
    reason: str


class Decide(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Approve one line, also over the budget when a reason says why."""

    over_budget: str | None = None


class DecideAll(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Approve what waits of an incident; `total` is what will be approved, as it was shown: `within` or `over`."""

    total: str
    over_budget: str | None = None


class Because(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reject or reverse a line."""

    reason: str


class Post(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hand approved lines to billing: of one incident, or all; with `failed`, also what billing did not take."""

    incident: IncidentNumber | None = None
    failed: bool = False


class Loaded(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Billing has all of a file; `total` is what it says it has."""

    total: str


class BilledLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the biller's own list: the key or id of a line, or customer, incident and amount; best all of them."""

    row: int  # in the list
    key: str = ""  # the Idempotency-Key
    id: int | None = None
    customer: str = ""  # reference
    incident: int | None = None
    amount: str = ""  # such as 25.00, or -25.00 of what was taken back
    currency: str = ""  # "": credits.currency
    tariff: str = ""
    reverses: int | None = None  # the id of the line that it takes back
    reference: str = ""  # of billing
    bill_month: str = ""  # such as 2026-12


class Reconcile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hold the biller's list against what there is; without `total` nothing is changed."""

    lines: list[BilledLine]
    total: str = ""  # what the list comes to, as the biller says
    since: Annotated[datetime, Meta(tz=True)] | None = (
        None  # the list begins here; None: it is everything that the biller has
    )
    incidents: dict[str, int] = {}  # an incident of the list -> which it is here
    gone: list[int] = []  # incidents of the list that nobody opens again
