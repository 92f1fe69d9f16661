"""Consent: what may be written to a contact point, and every word behind it."""

from datetime import datetime

from notifier.storage.views.view import View


class ConsentView(View, frozen=True, kw_only=True):
    """What may be written to one contact point for one purpose, and the word or basis behind it."""

    purpose: str
    allowed: bool
    reason: str
    explanation: str  # the reason for people
    basis: str
    source: str  # "" where nothing was said
    wording: str
    changed_at: datetime | None


class SaidView(View, frozen=True, kw_only=True):
    """One word of the log of consent."""

    at: datetime
    purpose: str
    state: str
    basis: str
    source: str
    wording: str
    actor: str


class SuppressionView(View, frozen=True, kw_only=True):
    """Why an address is not written to."""

    reason: str
    source: str
    wording: str
    actor: str
    since: datetime | None


class ConsentsView(View, frozen=True, kw_only=True):
    """What one contact point may be written to about, and what it chose for itself."""

    id: int
    kind: str
    contact_point: str  # masked
    locale: str
    suppression: SuppressionView | None
    consents: list[ConsentView]
    channels_off: list[str]
    quiet_from: str | None  # "22:00", local
    quiet_until: str | None
    muted_sites: list[str]  # CUSTOMER/SITE references
    paused_incidents: list[int]
    history: list[SaidView]  # the newest first, at most 100
