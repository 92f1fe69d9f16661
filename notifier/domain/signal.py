"""Signals: what machines report about themselves. An alarm is evidence of an incident, never a complaint.

In come reports of an alarm: it goes off, it still does, it is over. The same report comes again at every repeat
interval and from each twin of a monitor, late ones too. Out comes what a report changes. An alarm by itself opens
nothing: it calls people, and together with customers who complain in its place it suspects an incident.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from notifier.domain.cell import SPAN_US
from notifier.domain.detection import EVIDENCE_EVERY_US, CellKey, Detector, Finding, Grade

LATE_TWIN = timedelta(minutes=2)  # after an alarm was over, a report that it goes off since the same time is a late one
SAME_START = timedelta(minutes=5)  # twins do not agree to the second on when it began
LEAD_US = 30 * 60_000_000  # customers may complain this long before a machine notices


class SignalState(StrEnum):
    """Where an alarm stands."""

    OPEN = "open"
    RESOLVED = "resolved"  # its source says that it is over
    LAPSED = "lapsed"  # its source says nothing any more


class SignalSource(StrEnum):
    """In which form an alarm was reported."""

    ALERTMANAGER = "alertmanager"
    JSON = "json"


class SignalResult(StrEnum):
    """What became of one report."""

    OPENED = "opened"  # an alarm has gone off
    REPEATED = "repeated"  # known already
    RESOLVED = "resolved"  # it is over
    LATE = "late"  # a twin says what was true before
    REFUSED = "refused"  # it can never be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One alarm as its source describes it, its place still in words."""

    source: str
    alarm: str
    name: str
    is_open: bool
    started_at: datetime | None  # None: since now
    ended_at: datetime | None = None  # of one that is over; None: by now
    service: str = ""
    regions: tuple[tuple[str, str], ...] = ()  # (kind or "", code or KIND:CODE)
    sites: tuple[tuple[str, ...], ...] = ()  # (customer,) or (customer, site)
    detail: Mapping[str, object] = field(default_factory=dict)
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An earlier time that the same alarm went off."""

    id: int
    state: SignalState
    started_at: datetime
    heard_at: datetime
    calls_from: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a report changes."""

    result: SignalResult
    known: Known | None = None  # the one it is about; None: a new one
    ends: Known | None = None  # an open one whose end nobody reported
    is_open: bool = True


def change(report: Report, known: tuple[Known, ...], now: datetime) -> Change:
    """Decide what a report changes; `known` are the times that its alarm went off, the newest first."""
    started_at = report.started_at or now
    opened = next((each for each in known if each.state is SignalState.OPEN), None)
    same = next((each for each in known if report.started_at == each.started_at), None)
    if not report.is_open:
        if report.started_at is None or (opened is not None and abs(opened.started_at - started_at) < SAME_START):
            same = opened or same
        if same is not None and same.state is not SignalState.RESOLVED:
            return Change(result=SignalResult.RESOLVED, known=same, is_open=False)
        if same is not None or (report.started_at is None and known):
            return Change(result=SignalResult.REPEATED, known=same or known[0], is_open=False)
        return Change(result=SignalResult.RESOLVED, is_open=False)
    if opened is not None:
        if report.started_at is None or abs(opened.started_at - started_at) < SAME_START:
            return Change(result=SignalResult.REPEATED, known=opened)
        if started_at < opened.started_at:
            return Change(result=SignalResult.LATE, known=opened)
        return Change(result=SignalResult.OPENED, ends=opened)
    if same is not None:
        if same.state is SignalState.RESOLVED and now - same.heard_at < LATE_TWIN:
            return Change(result=SignalResult.LATE, known=same, is_open=False)
        return Change(result=SignalResult.OPENED, known=same)
    if known and report.started_at is not None and started_at < known[0].started_at:
        return Change(result=SignalResult.LATE, known=known[0], is_open=False)
    return Change(result=SignalResult.OPENED)


def calls_from(known: tuple[Known, ...], now: datetime, *, every: timedelta) -> datetime:
    """Return from when an alarm that goes off now calls people: one that comes and goes once in a while only.

    What waits for its time to call hands that time on: of an alarm that flaps each second, the time that did call is
    soon beyond what is looked at.
    """
    called = [
        each.calls_from
        for each in known
        if each.calls_from is not None and each.calls_from <= now and (each.ended_at or now) >= each.calls_from
    ]
    waits = [each.calls_from for each in known if each.calls_from is not None and each.calls_from > now]
    return max([now, *(at + every for at in called), *waits])


def supported(
    detector: Detector, key: CellKey, since_us: int, *, reports: int, position: int, customers: int | None = None
) -> Finding | None:
    """Return the evidence of a cell in which an alarm is open since a time, when it has something new to tell.

    It takes `reports` verified customers beyond those that are normal there. `customers` counts those of listed sites.
    """
    cell = detector.cells.get(key)
    if cell is None or not cell.times:
        return None
    at_us = cell.times[-1]
    if cell.recorded_grade and at_us - cell.recorded_us < EVIDENCE_EVERY_US:
        return None
    times = cell.customers(begins_us(detector, key, since_us, at_us))
    found = len(times) if customers is None else customers
    if not times or found < reports:
        return None
    window = cell.window(times[0], at_us)
    if found - window.expected <= reports - 1:
        return None
    return Finding(cell=key, at_us=at_us, window=window, grade=Grade.LIKELY, position=position)


def begins_us(detector: Detector, key: CellKey, since_us: int, at_us: int) -> int:
    """Return since when complaints count beside an alarm: not what was before an incident there ended."""
    return max(since_us - LEAD_US, at_us - SPAN_US, detector.ended_us(key))
