"""Rows of the directory: one row is one site, with its customer and how to reach them.

`DirectoryRow` is a row as it was typed, all strings. `SiteEntry` is one that can be stored as it is, `RejectedRow` one
that cannot. Between them stand `directory_rules` and `directory_check`.
"""

import msgspec

from notifier.domain.consent import ConsentState, Purpose
from notifier.domain.customer import ContactKind, Role, SiteStatus
from notifier.domain.region import RegionKey


class DirectoryRow(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One row as it was given: the columns of `customers import`, and region codes by kind."""

    customer_id: str = ""
    site_id: str = ""
    name: str = ""
    label: str = ""
    address: str = ""
    services: str = ""
    status: str = ""
    account_type: str = ""
    priority: str = ""
    email: str = ""
    phone: str = ""
    phone2: str = ""
    phone2_role: str = ""
    phone_kind: str = ""
    locale: str = ""
    time_zone: str = ""
    plan: str = ""
    monthly_price: str = ""
    currency: str = ""
    quiet_from: str = ""
    quiet_until: str = ""
    consent_outage: str = msgspec.field(name="consent.outage", default="")
    consent_planned: str = msgspec.field(name="consent.planned", default="")
    consent_survey: str = msgspec.field(name="consent.survey", default="")
    consent_offer: str = msgspec.field(name="consent.offer", default="")
    consent_basis: str = msgspec.field(name="consent.basis", default="")
    consent_source: str = msgspec.field(name="consent.source", default="")
    regions: dict[str, str] = msgspec.field(default_factory=dict)


COLUMNS = tuple(name for name in DirectoryRow.__struct_encode_fields__ if name != "regions")
"""The columns of the file, besides `region.KIND`, in order."""

REGION_COLUMN = "region."
REQUIRED_COLUMNS = ("customer_id", "site_id", "services")


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that was not stored: its first mistake, and the others in the reason."""

    line: int
    column: str
    value: str
    reason: str


class RowWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a row that was stored in another way than it was given."""

    line: int
    column: str
    value: str
    reason: str


class ContactEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A contact point of a row."""

    address: str  # normalised
    kind: ContactKind
    is_kind_given: bool  # else what is stored of a known address stays: a landline may have been learnt
    role: Role
    position: int  # order in the row: email 0, phone 1, phone2 2


class WishEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a row says about how one of its contact points wants to be written to."""

    address: str
    consents: tuple[tuple[Purpose, ConsentState], ...] = ()
    basis: str = ""
    source: str = ""
    quiet: tuple[int, int] | None = None  # minutes after local midnight


class RegionEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A region of a row."""

    key: RegionKey
    name: str = ""
    time_zone: str = ""  # IANA; several joined by "|"
    derived: bool = False  # from a phone's area code, because the row gave no region


class SiteEntry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row that may be stored as it is."""

    line: int
    customer: str  # reference
    name: str
    account_type: str
    plan: str
    price_minor: int | None
    currency: str
    site: str  # reference, unique within the customer
    label: str
    address: str
    services: str  # "|internet|power|"
    status: SiteStatus
    priority: bool
    time_zone: str  # IANA; several joined by "|"; "" = the company's
    locale: str
    contacts: tuple[ContactEntry, ...]
    regions: tuple[RegionEntry, ...]
    wishes: tuple[WishEntry, ...] = ()
