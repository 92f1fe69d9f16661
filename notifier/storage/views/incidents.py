"""Incidents: a line of the list, one with all that belongs to it, and what somebody has drafted for it."""

from datetime import datetime

from msgspec import field

from notifier.storage.views.broadcasts import BroadcastView, Preview
from notifier.storage.views.evidence import DoubtView, EvidenceView, RegionView
from notifier.storage.views.promises import PromiseView
from notifier.storage.views.signals import SignalView
from notifier.storage.views.view import View


class TimelineEntry(View, frozen=True, kw_only=True):
    """One thing that happened to an incident."""

    at: datetime
    event: str
    actor: str
    detail: dict[str, object]


class IncidentCard(View, frozen=True, kw_only=True):
    """One incident in a list."""

    id: int
    service: str
    impact: str
    state: str
    place: str
    started_at: datetime
    opened_at: datetime
    opened_by: str
    customers: int  # affected now, by the directory
    told: int  # customers told by any broadcast
    eta_at: datetime | None
    next_update_by: datetime | None
    grade: str  # best evidence so far, or ""
    part_state: str
    assigned_to: str = ""  # who has it; "" = nobody was named
    kind: str = "unplanned"  # or planned: announced work
    window_from_at: datetime | None = None  # of planned work
    window_until_at: datetime | None = None


class PartView(View, frozen=True, kw_only=True):
    """One part of an incident: its own cause, crew, time, and whether it is back."""

    id: int
    name: str  # the regions or the list that it was cut off by; "rest" = what was not
    state: str
    customers: int  # affected now
    cause: str
    crew: str
    eta_at: datetime | None
    next_update_by: datetime | None
    believed_back_at: datetime | None
    restored_at: datetime | None


class LooksOverView(View, frozen=True, kw_only=True):
    """Why an incident looks over: a suggestion to whoever works on it."""

    since: datetime  # when service came back, most likely
    chance: float  # that it is over, from 0 to 1
    complaints: int  # from the place since then
    ordinary: float  # complaints that come in that time on an ordinary day
    if_still_out: float  # complaints that would have come, were it still out
    said_on: int  # people who answered ON since then
    said_out: int
    alarms_over: list[str] = field(default_factory=list)  # alarms of it that are over, when none is open any more


class IncidentView(View, frozen=True, kw_only=True):
    """One incident, whole."""

    card: IncidentCard
    playbook: str
    mode: str
    confirmed_at: datetime | None
    confirmed_by: str | None
    resolved_at: datetime | None
    closed_at: datetime | None
    dismissed_at: datetime | None
    dismiss_reason: str | None
    dismissed_by: str | None = None
    merged_into: int | None
    cause: str
    crew: str
    regions: list[RegionView]
    sites: int  # affected now
    priority_sites: int
    evidence: list[EvidenceView]  # newest per region
    promises: list[PromiseView]
    broadcasts: list[BroadcastView]
    timeline: list[TimelineEntry]
    # what customers wrote back (out, on, pause, ...) -> how many people did
    replies: dict[str, int] = field(default_factory=dict)
    looks_over: LooksOverView | None = None
    parts: list[PartView] = field(default_factory=list)  # where there are several, the rest first
    # broadcasts to which a second person said no, and nobody answered yet
    rejected: list[int] = field(default_factory=list)
    # of a suspected one: regions of its place, and beside it, that may or may not be out
    doubts: list[DoubtView] = field(default_factory=list)
    signals: list[SignalView] = field(default_factory=list)  # alarms that are evidence of it, the oldest first


class Draft(View, frozen=True, kw_only=True):
    """The answer to every action that tells: the incident, and the broadcast that waits to be sent, if any."""

    incident: IncidentView
    broadcast: BroadcastView | None
    preview: Preview | None
