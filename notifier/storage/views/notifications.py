"""Notifications: what happened to one, attempt by attempt."""

from datetime import datetime

from msgspec import field

from notifier.storage.views.view import View


class AttemptView(View, frozen=True, kw_only=True):
    """One hand-over."""

    number: int
    provider: str
    began_at: datetime
    ended_at: datetime
    outcome: str
    code: str
    answer: str


class ReceiptView(View, frozen=True, kw_only=True):
    """What a provider reported about one try after it had taken the message."""

    attempt: int
    provider: str
    received_at: datetime
    status: str
    code: str


class NotificationView(View, frozen=True, kw_only=True):
    """One notification with everything that explains it."""

    id: int
    broadcast_id: int | None
    incident_id: int | None
    kind: str
    channel: str
    contact_point: str  # masked
    state: str
    reason: str
    due_at: datetime
    attempts: list[AttemptView]
    receipts: list[ReceiptView] = field(default_factory=list)
    provider: str | None
    provider_id: str | None
    template_version: str | None
    planned_at: datetime
    ended_at: datetime | None
    in_doubt_at: datetime | None
    customers: int
    subject: str  # rendered again from the frozen facts
    text: str
    html: str
