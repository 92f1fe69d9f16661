"""What people are shown of the detector, and suspicions that went quiet."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from notifier.domain.detection import Detector, Thresholds
from notifier.domain.incident import DismissReason
from notifier.stages.detection.counts import Regions
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.repositories import detector, incidents
from notifier.storage.views import CellScore

BEHIND = timedelta(minutes=1)  # with older complaints to decide, nothing is said to have subsided


def highest(cells: Detector, regions: Regions, thresholds: Thresholds, *, now: datetime, limit: int) -> list[CellScore]:
    """Return the cells with the highest scores at an instant."""
    return [
        CellScore(
            region=regions.label(key.region_id),
            service=key.service,
            observed=window.observed,
            expected=window.expected,
            score=window.score,
            grade=thresholds.grade(window.score) or "",
            window_from=to_instant(window.from_us),
            verified=window.verified,
        )
        for key, window in cells.highest(to_micros(now), limit)
    ]


def dismiss_quiet(tx: Transaction, by_time: Mapping[timedelta, Sequence[str]], now: datetime) -> list[int]:
    """Dismiss the suspected incidents of services without new evidence for a time, and return them."""
    waiting = detector.waiting_since(tx)
    if waiting is not None and now - waiting > BEHIND:
        return []  # what has not been decided yet may be evidence
    dismissed = []
    for subsides_after, services in by_time.items():
        for incident_id in detector.quiet_since(tx, services, now - subsides_after):
            incidents.dismiss(tx, incident_id, now=now, reason=DismissReason.SUBSIDED, actor="daemon")
            dismissed.append(incident_id)
    return dismissed
