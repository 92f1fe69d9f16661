"""On call: who is woken, how, and what came of it."""

from datetime import datetime

from notifier.storage.views.view import View


class CallRouteView(View, frozen=True, kw_only=True):
    """One way by which a person on call was, or is to be, reached."""

    route: str  # sms | email | webhook
    state: str  # waiting | handed_over | failed
    attempts: int
    handed_over_at: datetime | None
    problem: str  # what the last attempt said, without addresses
    receipt: str  # what the provider said later


class CallView(View, frozen=True, kw_only=True):
    """One person woken about one or more alarms."""

    id: int
    person: str
    reason: str  # the most urgent
    text: str
    incidents: list[int]
    called_at: datetime
    answered_at: datetime | None
    answered_by: str
    answer: str  # send | wait | no | ""
    outcome: str  # ringing | answered | elsewhere | over | unanswered | unreachable
    over: bool  # nothing it was about is open any more
    routes: list[CallRouteView]


class AlarmView(View, frozen=True, kw_only=True):
    """A need that wakes people on call."""

    id: int
    reason: str
    about: str
    incident_id: int | None
    broadcast_id: int | None
    opened_at: datetime
    answered_at: datetime | None
    answered_by: str
    answer: str
    rests_until: datetime | None  # nobody is called about it before
    assigned_to: str = ""  # who has its incident


class OnCallPerson(View, frozen=True, kw_only=True):
    """One person on call, in the order in which they are called."""

    name: str
    routes: dict[str, str]  # route -> where, masked


class OnCallView(View, frozen=True, kw_only=True):
    """Who is woken, what they are being woken for, and the newest calls."""

    people: list[OnCallPerson]
    answer_within_seconds: float
    alarms: list[AlarmView]
    calls: list[CallView]  # newest first
    sources: list[str]  # intake sources with enough history to notice their silence
