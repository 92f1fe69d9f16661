"""What needs a person, and how the daemon is."""

from datetime import datetime

from msgspec import field

from notifier.storage.views.broadcasts import Waiting
from notifier.storage.views.incidents import IncidentCard
from notifier.storage.views.view import View


class Need(View, frozen=True, kw_only=True):
    """One thing that needs a person, most urgent first."""

    # provider | source | ledger | paused_all | promise_missed | promise | approval | rejected | nobody_told |
    # cut_short | paused | delayed | suspected | complaints_again | held | draft
    kind: str
    incident_id: int | None
    broadcast_id: int | None
    text: str  # one line for people, without personal data
    due_at: datetime | None
    next: list[str]  # commands to type
    called: str = ""  # who on call was woken for it, and what they answered
    assigned_to: str = ""  # who has its incident
    event_id: int | None = None  # of a storm, for all of its incidents in one line


class StatusView(View, frozen=True, kw_only=True):
    """The daemon at a glance."""

    version: str
    now: datetime  # the daemon's wall clock, rehearsed or not
    paused: bool
    needs: list[Need]
    incidents: list[IncidentCard]
    complaints_last_hour: int
    detector_lag: int
    notifications: dict[str, int]  # state -> count, of broadcasts that are not finished
    waiting: list[Waiting] = field(default_factory=list)  # of those pending: what the night or the cap holds back
    providers: dict[str, str]  # name -> "up", or why it is stopped


class PausedView(View, frozen=True, kw_only=True):
    """Whether pause-all is in force, and the change that made it so."""

    paused: bool
    changed_at: datetime
    changed_by: str


class ReloadView(View, frozen=True, kw_only=True):
    """What a reload took up, and what it left to a restart."""

    changed: list[str]  # keys, playbooks, "phrases and templates", "tariffs"
    needs_restart: list[str]  # keys that differ on disk and keep their old value
    warnings: list[str]
    reloaded_at: datetime


class Ready(View, frozen=True, kw_only=True):
    """Whether the daemon can work, and why not."""

    status: str  # ready | not ready
    reasons: list[str]
