"""Customers: whom we know, what they were told, and what they said."""

from datetime import datetime

from msgspec import field

from notifier.storage.views.consents import ConsentView, SuppressionView
from notifier.storage.views.promises import PromiseView
from notifier.storage.views.view import View


class ContactPointView(View, frozen=True, kw_only=True):
    """One way to reach a customer, in full: only for agents looking up this customer."""

    id: int
    kind: str
    address: str
    role: str
    locale: str
    suppressed: str | None
    sites: list[str]
    consents: list[ConsentView] = field(default_factory=list)  # per purpose
    suppression: SuppressionView | None = None
    channels_off: list[str] = field(default_factory=list)
    quiet_from: str | None = None  # "22:00", local
    quiet_until: str | None = None
    muted_sites: list[str] = field(default_factory=list)  # of `sites`
    paused_incidents: list[int] = field(default_factory=list)


class UnreachedView(View, frozen=True, kw_only=True):
    """One site whose customer a broadcast did not reach, for a person to call."""

    customer: str  # reference
    name: str
    site: str  # reference
    label: str
    address: str
    priority: bool
    call: list[str]  # telephone numbers on file
    why: list[str]  # per channel: "email: failed (permanent failure)"


class SiteView(View, frozen=True, kw_only=True):
    """One site of a customer."""

    id: int
    reference: str
    label: str
    address: str
    services: list[str]
    status: str
    priority: bool
    time_zone: str
    regions: list[str]  # "postal_code 94110", with " (from the phone number)" where derived


class ToldView(View, frozen=True, kw_only=True):
    """One message a customer was sent, or was to be sent."""

    notification_id: int
    incident_id: int | None
    kind: str
    channel: str
    address: str
    state: str
    reason: str
    at: datetime | None  # handed over, or its end state
    subject: str


class ComplaintView(View, frozen=True, kw_only=True):
    """One complaint."""

    id: int
    service: str
    source: str
    occurred_at: datetime
    received_at: datetime
    counted: bool
    not_counted: str | None
    text: str


class ReplyView(View, frozen=True, kw_only=True):
    """One text or mail that a customer wrote back."""

    id: int
    source: str  # sms | email
    sender: str
    meaning: str
    service: str
    text: str
    received_at: datetime
    incident_id: int | None


class CustomerCard(View, frozen=True, kw_only=True):
    """One customer in a list of those found."""

    id: int
    reference: str
    name: str
    sites: int
    address: str = ""  # of the first site


class CustomerView(View, frozen=True, kw_only=True):
    """One customer as a support agent needs them: what they have, said, were told and promised."""

    id: int
    reference: str
    name: str
    account_type: str
    plan: str
    sites: list[SiteView]
    contact_points: list[ContactPointView]
    complaints: list[ComplaintView]
    wrote: list[ReplyView] = field(default_factory=list)  # newest first
    told: list[ToldView]
    not_told: list[dict[str, object]]  # {"broadcast_id", "incident_id", "kind", "reason", "at"}
    promises: list[PromiseView]  # of the updates of which this customer was handed a message, or may have been


class HeldPersonView(View, frozen=True, kw_only=True):
    """A customer under a legal hold, or released from it."""

    id: int
    reference: str
    legal_hold: str  # the reason; "" = none


class ForgottenView(View, frozen=True, kw_only=True):
    """A customer that is a number from here on."""

    id: int
    pseudonym: str
    changed: dict[str, int]  # kind of row -> how many
