"""What people ask of credits: the bodies of requests."""

from msgspec import Struct


class Grant(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goodwill to one customer for one incident."""

    incident: int
    customer: str  # reference
    amount: str  # in credits.currency, such as 10.00
    reason: str


class Decide(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Approve one line, also over the budget when a reason says why."""

    over_budget: str = ""


class DecideAll(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Approve what waits of an incident; `total` is what it comes to, as it was shown."""

    total: str
    over_budget: str = ""


class Because(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reject or reverse a line."""

    reason: str


class Post(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hand approved lines to billing: of one incident, or all; with `failed`, also what billing did not take."""

    incident: int | None = None
    failed: bool = False


class Loaded(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Billing has all of a file; `total` is what it says it has."""

    total: str
