"""Words: what may be chosen, what is told to whom, and what every message says."""

from datetime import datetime

from notifier.storage.views.view import View


class PhraseView(View, frozen=True, kw_only=True):
    """A coded fact that may be told, and what customers read for it."""

    code: str
    text: str  # in the default locale; "" where only others have a wording


class ChoicesView(View, frozen=True, kw_only=True):
    """What a commander may say about an incident, and what follows from saying it."""

    impacts: list[str]
    causes: list[PhraseView]  # those that fit its service
    crews: list[PhraseView]
    next_update_within_seconds: float  # the longest silence, and what is promised when nothing is said
    eta_at_most_seconds: float
    take_back_seconds: float  # between the number that is typed and the first message
    warn_before_seconds: float  # before a promise falls due, people on call are called
    on_call: list[str]  # who, in order; empty: nobody


class BriefView(View, frozen=True, kw_only=True):
    """The facts of an incident for others than its customers."""

    incident_id: int
    reader: str  # agent, ivr, social, web, stakeholders
    made_at: datetime
    is_pending: bool  # the update that says so has not begun: customers have not heard it
    told: int  # customers told of the incident by any update
    texts: dict[str, str]  # locale -> text


class WordsGroup(View, frozen=True, kw_only=True):
    """The same words of one or several customers, without contacts in them."""

    text: str  # as they were said last; "" = reported without words
    times: int
    people: int
    newest_at: datetime
    oldest_at: datetime
    how: dict[str, int]  # complaint, or the meaning of a reply (out, on, status, ...) -> times


class WordsView(View, frozen=True, kw_only=True):
    """What customers said of an incident in their own words."""

    incident_id: int
    people: int
    complaints: int
    replies: int
    groups: list[WordsGroup]  # those said last first
    left_out: int  # older groups
