"""Storms: events with their incidents, and one word to all of them."""

from datetime import datetime

from msgspec import field

from notifier.storage.views.broadcasts import Preview, Waiting
from notifier.storage.views.incidents import IncidentCard
from notifier.storage.views.view import View


class EventCard(View, frozen=True, kw_only=True):
    """One event: incidents under one commander."""

    id: int
    kind: str  # storm
    name: str
    service: str
    regions: list[str]  # "postal_code 94110"; nothing = everywhere
    commander: str
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    closed_by: str | None
    estimate_by: datetime | None  # by when customers are promised a first estimate
    incidents: dict[str, int]  # state -> how many
    not_assessed: int  # of those that are out: nobody may give them a time
    customers: int  # out now, each once
    told: int  # of them: told of one of its incidents, or may have been
    next_promise_at: datetime | None  # the first open one
    next_promise_of: int | None  # of this incident


class EventView(View, frozen=True, kw_only=True):
    """One event, whole."""

    card: EventCard
    incidents: list[IncidentCard]  # oldest first
    assessed: list[int]  # those of them that may be given a time
    waiting: list[int] = field(default_factory=list)  # rounds that wait for a second person, oldest first
    newest_round: int | None = None


class RoundLine(View, frozen=True, kw_only=True):
    """One incident of a round."""

    incident_id: int
    broadcast_id: int
    place: str
    kind: str
    state: str  # of its broadcast
    reason: str
    customers: int
    no_way: int = 0  # of them cannot be reached; before it is sent
    promised_by: datetime | None = None  # the first time that it gives
    started_at: datetime | None = None


class LeftOut(View, frozen=True, kw_only=True):
    """One incident that is not in a round."""

    incident_id: int
    why: str


class RoundPreview(Preview, frozen=True, kw_only=True):
    """What a round would do: the fields of a preview count all of its messages, and each customer once."""

    round_id: int
    event_id: int
    event: str  # "storm 3 Ada (power)"
    in_several: int  # customers in more than one of its incidents: a message for each
    take_back_seconds: float
    sent_by: str | None = None  # who waits for a second person with it
    drafted_by: str = ""
    lines: list[RoundLine]
    left_out: list[LeftOut]
    more: int  # incidents that are to be told by the next round


class RoundView(View, frozen=True, kw_only=True):
    """One word to several incidents of an event."""

    id: int
    event_id: int
    event: str  # "storm 3 Ada (power)"
    state: str  # as a broadcast's: that of its incidents which is furthest from done
    created_at: datetime
    created_by: str
    sent_at: datetime | None
    sent_by: str | None
    approved_by: str | None
    not_before_at: datetime | None
    started_at: datetime | None  # when the first of them began
    expected_customers: int  # each once
    planned: bool  # all of its audiences are complete
    states: dict[str, int]  # of messages
    waits: list[Waiting]  # of them: what must not go yet, the earliest first
    lines: list[RoundLine]
    left_out: list[LeftOut]
    wake_reason: str = ""
    alone_reason: str = ""
