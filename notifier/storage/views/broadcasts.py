"""Broadcasts: how far one is, and what a draft would do."""

from datetime import datetime

from msgspec import field

from notifier.storage.views.evidence import DoubtView
from notifier.storage.views.view import View


class Waiting(View, frozen=True, kw_only=True):
    """Pending messages that must not go yet."""

    reason: str  # quiet_hours, frequency_cap
    messages: int
    until: datetime  # when the first of them may go


class Waits(View, frozen=True, kw_only=True):
    """Messages that would wait for their readers to wake."""

    until: datetime
    messages: int


class Progress(View, frozen=True, kw_only=True):
    """How far a broadcast is; the sum over `states` is what has been planned."""

    planned: bool  # the audience is complete
    customers_told: int
    customers_not_told: dict[str, int]  # reason -> customers
    states: dict[str, int]  # notification state -> notifications
    in_doubt_ever: int  # notifications that were in doubt at some time
    waiting: list[Waiting] = field(default_factory=list)  # of those pending: what the night or the cap holds back


class BroadcastView(View, frozen=True, kw_only=True):
    """One broadcast."""

    id: int
    incident_id: int
    kind: str
    state: str
    reason: str
    created_at: datetime
    created_by: str
    sent_at: datetime | None
    sent_by: str | None
    approved_by: str | None
    not_before_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    automatic: bool
    expected_customers: int
    facts: dict[str, object]
    progress: Progress
    rejected_by: str | None = None  # the second person who said no
    rejected_because: str = ""
    wake_reason: str = ""  # why the night holds nobody up; "" = it does
    part: str = ""  # the part it is for, where the incident has several; "" = everybody
    alone_reason: str = ""  # why it was sent without the second person it needed; "" = it was not
    round_id: int | None = None  # the others with which one number sends it


class Sample(View, frozen=True, kw_only=True):
    """A message as one recipient would see it."""

    contact_point: str  # masked
    channel: str
    locale: str
    subject: str
    text: str


class Preview(View, frozen=True, kw_only=True):
    """What a broadcast would do, before it does it."""

    broadcast_id: int
    kind: str
    customers: int  # the number to type
    notifications: int
    by_channel: dict[str, int]
    by_locale: dict[str, int]
    by_region: dict[str, int]  # "postal_code 94110" -> customers
    not_told: dict[str, int]  # reason -> customers
    first_contact: int  # notifications with the first-contact wording
    finishes_in_seconds: float  # at the configured rates, after the take-back time
    promise_due_at: datetime | None  # the open promise this must not miss
    fits: bool  # finishes before it
    done_at: datetime | None = None  # when its last message leaves, also of those that wait for the morning
    audience_limit: int
    needs_approval: bool
    warnings: list[str]  # for people, e.g. phrases without a wording
    samples: list[Sample]
    now: dict[str, int] = field(default_factory=dict)  # channel -> messages that go at once
    waits: list[Waits] = field(default_factory=list)  # texts that wait for the end of a night, the earliest first
    mail_instead: int = 0  # of those that go at once: mails in the place of texts, by night
    # channel -> messages that wait because their readers heard enough lately
    capped: dict[str, int] = field(default_factory=dict)
    segments: int = 0  # of all texts; as long as the longest of each kind of reader
    segments_now: int = 0
    cost: str | None = None  # of all texts, in `currency`; null: the price of a segment is not configured
    currency: str = ""
    texts_take_seconds: float = 0.0  # what one sender number needs for all segments
    wake_reason: str = ""  # why the night holds nobody up
    # of the first message: regions told, or not, that may or may not be out
    doubts: list[DoubtView] = field(default_factory=list)
    second_person: str = ""  # who on call is asked first for a second word; "" = there is nobody
    second_person_wait_seconds: float = 0.0  # how long that person has before it may be sent alone
    alone_from_at: datetime | None = None  # once somebody was asked: when it may be sent alone
    back_at: datetime | None = None  # of what says that service is back: since when, which the hold counts from
    hold_seconds: float = 0.0  # how long it has to hold before anybody is told
    begins_at: datetime | None = None  # with `back_at`: when the first message leaves, if it is sent now
