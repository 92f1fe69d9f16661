"""Incidents and their parts: states, arrows, and the values that describe one disruption.

An incident is a disruption of a service at a set of sites (regions, or a list). It has one or more parts;
each part has its own cause, crew status, ETA and restoration.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, NewType

import msgspec

from notifier.domain.errors import Refused, TransitionRefused
from notifier.domain.lifecycle import Lifecycle

IncidentId = NewType("IncidentId", int)
PartId = NewType("PartId", int)
IncidentNumber = Annotated[int, msgspec.Meta(ge=1, le=10**18 - 1)]
"""The id of an incident as requests name it: no more digits than a path takes, and than a store can look up."""


class IncidentState(StrEnum):
    """Where an incident stands."""

    SCHEDULED = "scheduled"  # planned work that has not begun
    SUSPECTED = "suspected"  # the evidence is likely; nobody has been told
    CONFIRMED = "confirmed"  # a person (or the automatic mode) says it is real
    RESOLVED = "resolved"  # every part is restored
    CLOSED = "closed"  # nothing more is owed to anyone
    DISMISSED = "dismissed"  # it was nothing: by a person, or it subsided
    MERGED = "merged"  # its sites belong to another incident now


INCIDENT = Lifecycle(
    name="incident",
    arrows={
        IncidentState.SCHEDULED: frozenset({IncidentState.CONFIRMED, IncidentState.DISMISSED}),
        IncidentState.SUSPECTED: frozenset({IncidentState.CONFIRMED, IncidentState.DISMISSED, IncidentState.MERGED}),
        IncidentState.CONFIRMED: frozenset({IncidentState.RESOLVED, IncidentState.DISMISSED, IncidentState.MERGED}),
        IncidentState.RESOLVED: frozenset({IncidentState.CLOSED, IncidentState.CONFIRMED, IncidentState.MERGED}),
        IncidentState.CLOSED: frozenset({IncidentState.CONFIRMED}),
        IncidentState.DISMISSED: frozenset(),
        IncidentState.MERGED: frozenset(),
    },
)

OPEN_STATES = (IncidentState.SCHEDULED, IncidentState.SUSPECTED, IncidentState.CONFIRMED)


class PartState(StrEnum):
    """Where one part of an incident stands."""

    OUT = "out"  # service is not what it should be
    BELIEVED_BACK = "believed_back"  # reported back; held before anyone is told
    RESTORED = "restored"  # it has held, and those affected are being told


PART = Lifecycle(
    name="part",
    arrows={
        PartState.OUT: frozenset({PartState.BELIEVED_BACK}),
        PartState.BELIEVED_BACK: frozenset({PartState.RESTORED, PartState.OUT}),
        PartState.RESTORED: frozenset({PartState.OUT}),
    },
)


class Impact(StrEnum):
    """How bad the disruption is for a customer."""

    DOWN = "down"  # no service at all
    DEGRADED = "degraded"  # slow or weak
    INTERMITTENT = "intermittent"  # on and off


class IncidentKind(StrEnum):
    """Why service is disrupted."""

    UNPLANNED = "unplanned"  # an outage
    PLANNED = "planned"  # announced work


class DismissReason(StrEnum):
    """Why an incident was dismissed."""

    BY_PERSON = "by_person"  # a commander judged it to be nothing
    SUBSIDED = "subsided"  # complaints fell back and stayed low
    NEVER_SENT = "never_sent"  # planned work whose notice nobody had sent when it was to begin


class RegionRole(StrEnum):
    """What a region is to an incident."""

    PLACE = "place"  # its sites are affected
    ATTACHED = "attached"  # evidence from a wider cell that overlaps the place; its other sites are not affected


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a cell is anomalous; figures as they were at `at`."""

    region_id: int
    service: str
    at: datetime
    window_from: datetime
    observed: int  # counted complaints in the window
    expected: float  # by the baseline, in the same window
    score: float
    grade: str  # likely | certain
    distinct_customers: int
    verified: int  # of the distinct ones
    position: int  # of the complaint that brought the score to this


class Action(StrEnum):
    """What a person does with an incident."""

    CONFIRM = "confirm"  # also what a person opens by hand
    DISMISS = "dismiss"
    ETA = "eta"  # any update of the estimate, also that there is none
    RESTORED = "restored"
    REOPEN = "reopen"
    CLOSE = "close"
    EXTEND = "extend"  # sites join
    SPLIT = "split"  # sites leave, as an incident of their own
    MERGE = "merge"  # all of them go over to another incident
    ANNOUNCE = "announce"  # planned work: its notice
    CHANGE = "change"  # planned work that has not begun: another time


_ALLOWED: Mapping[Action, Mapping[IncidentState, frozenset[PartState]]] = {
    Action.CONFIRM: {IncidentState.SUSPECTED: frozenset({PartState.OUT})},
    Action.DISMISS: {
        IncidentState.SUSPECTED: frozenset(PartState),
        IncidentState.CONFIRMED: frozenset(PartState),
        IncidentState.SCHEDULED: frozenset(PartState),  # planned work that is called off
    },
    Action.ETA: {IncidentState.CONFIRMED: frozenset({PartState.OUT})},
    Action.RESTORED: {
        IncidentState.SUSPECTED: frozenset({PartState.OUT}),  # only after a blink: then nobody else is told
        IncidentState.CONFIRMED: frozenset({PartState.OUT}),
    },
    Action.REOPEN: {
        IncidentState.CONFIRMED: frozenset({PartState.BELIEVED_BACK, PartState.RESTORED}),
        IncidentState.RESOLVED: frozenset(PartState),
        IncidentState.CLOSED: frozenset(PartState),
    },
    Action.CLOSE: {IncidentState.RESOLVED: frozenset(PartState)},
    Action.EXTEND: {IncidentState.CONFIRMED: frozenset({PartState.OUT})},
    Action.SPLIT: {IncidentState.CONFIRMED: frozenset({PartState.OUT})},
    Action.MERGE: {IncidentState.SUSPECTED: frozenset(PartState), IncidentState.CONFIRMED: frozenset(PartState)},
    Action.ANNOUNCE: {IncidentState.SCHEDULED: frozenset({PartState.OUT})},
    Action.CHANGE: {IncidentState.SCHEDULED: frozenset({PartState.OUT})},
}

_LEADS_TO: Mapping[Action, IncidentState] = {
    Action.CONFIRM: IncidentState.CONFIRMED,
    Action.DISMISS: IncidentState.DISMISSED,
    Action.REOPEN: IncidentState.CONFIRMED,
    Action.CLOSE: IncidentState.CLOSED,
    Action.MERGE: IncidentState.MERGED,
}


def may_act(action: Action, state: IncidentState, part: PartState) -> bool:
    """Tell whether a person may do this with an incident that stands here."""
    return part in _ALLOWED[action].get(state, frozenset())


def actions(state: IncidentState, part: PartState) -> tuple[Action, ...]:
    """Return what a person may do with an incident that stands here, in the order of its life."""
    return tuple(action for action in Action if may_act(action, state, part))


def require_action(action: Action, state: IncidentState, part: PartState, *, which: int) -> None:
    """Raise `TransitionRefused` or `Refused`, naming where the incident stands and what is possible there."""
    if may_act(action, state, part):
        return
    if state is IncidentState.SCHEDULED:
        raise Refused(
            f"incident {which} is planned work that has not begun: '{action}' is not possible now; possible is:"
            f" planned change {which}, planned cancel {which}"
        )
    possible = actions(state, part)
    instead = f"possible is: {', '.join(possible)}" if possible else ""
    wanted = _LEADS_TO.get(action)
    if wanted is not None and state not in _ALLOWED[action] and not INCIDENT.may(state, wanted):
        raise TransitionRefused(f"incident {which}", state, wanted, sorted(INCIDENT.arrows[state]), instead=instead)
    where = f"{state}, its service {_PART_WORDS[part]}"
    instead = instead or "nothing more can be done with it"
    raise Refused(f"incident {which} is {where}: '{action}' is not possible now; {instead}")


def may_start(action: Action | None, state: IncidentState) -> bool:
    """Tell whether what was authorised for an incident may still be told; None is an update of the daemon's own."""
    if action is Action.DISMISS:
        return INCIDENT.may(state, IncidentState.DISMISSED)
    if action in (Action.ANNOUNCE, Action.CHANGE):
        return state is IncidentState.SCHEDULED
    return state is IncidentState.CONFIRMED


_PART_WORDS: Mapping[PartState, str] = {
    PartState.OUT: "out",
    PartState.BELIEVED_BACK: "believed back",
    PartState.RESTORED: "restored",
}


class Before(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an incident stood when a broadcast was authorised: what taking it back brings back."""

    state: IncidentState
    part_state: PartState
    impact: Impact
    started_at: datetime
    cause: str = ""
    crew: str = ""
    eta_at: datetime | None = None
    next_update_by: datetime | None = None
    believed_back_at: datetime | None = None
    restored_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    paused: tuple[int, ...] = ()  # older broadcasts that a correction stopped


class Changes(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What sending a draft does to its incident; None and empty leave things as they are."""

    action: Action
    service: str = ""
    playbook: str = ""  # of the corrected service
    impact: Impact | None = None
    regions: tuple[int, ...] = ()
    started_at: datetime | None = None
    cause: str | None = None
    crew: str | None = None
    eta_at: datetime | None = None
    at: datetime | None = None  # restored, reopened: when service came back or failed again
    next_update_given: bool = False  # a person chose the time of the next update
    window_from_at: datetime | None = None  # planned work: its new time
    window_until_at: datetime | None = None
    unknown: tuple[str, ...] = ()  # lines of a site list that nobody knows; for the preview
    outside: int = 0  # listed sites that are no affected sites of the incident; for the preview
    elsewhere: int = 0  # named sites of a part with which this cannot be done any more; for the preview
    before: Before | None = None


def merged_by(covered: Iterable[tuple[int, IncidentState, int]]) -> list[int]:
    """Return the incidents that a confirmed one takes in: suspected ones none of whose sites lie outside its place.

    Each comes as (id, state, affected sites outside the place). A confirmed one never disappears into another by
    itself: its customers have been promised something.
    """
    return [which for which, state, outside in covered if state is IncidentState.SUSPECTED and outside == 0]
