"""Incidents and their parts: states, arrows, and the values that describe one disruption.

An incident is a disruption of a service at a set of sites (regions, or a list). It has one or more parts;
each part has its own cause, crew status, ETA and restoration.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from notifier.domain.lifecycle import Lifecycle

IncidentId = NewType("IncidentId", int)
PartId = NewType("PartId", int)


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
