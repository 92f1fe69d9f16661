"""What people are shown of the detector, and suspicions that went quiet.

What was only likely subsides by itself. What was certain needs a person: it stays, and calls who is on call, for a day
without new evidence. Then it is no news any more, and the timeline and whoever was called are told that nobody judged.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from notifier.domain.actor import DAEMON
from notifier.domain.detection import Thresholds
from notifier.domain.incident import DismissReason
from notifier.domain.surveillance import Surveillance
from notifier.stages.detection.counts import Regions, StoredCounts
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.queries.needs.suspicions import waits_for_approval
from notifier.storage.repositories import detector, incidents
from notifier.storage.repositories.evidence import UNJUDGED, is_certain
from notifier.storage.views import CellScore

UNJUDGED_AFTER = timedelta(hours=24)  # without new evidence: every shift has seen what was certain
BEHIND = timedelta(minutes=1)  # with older complaints to decide, nothing is said to have subsided


def highest(
    tx: Transaction, surveillance: Surveillance, regions: Regions, thresholds: Thresholds, *, now: datetime, limit: int
) -> list[CellScore]:
    """Return the cells with the highest scores at an instant."""
    counts = StoredCounts(tx, regions)
    counts.expect([key for key in surveillance.detector.recent(to_micros(now)) if surveillance.has_no_level(key)])
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
        for key, window in surveillance.highest(counts, to_micros(now), limit)
    ]


def dismiss_quiet(tx: Transaction, by_time: Mapping[timedelta, Sequence[str]], now: datetime) -> list[int]:
    """Dismiss the suspected incidents of services without new evidence for a time, and return them.

    One that has been certain is kept for a day; then the timeline says that nobody judged it. One that a person has
    confirmed, and another has to approve, waits for that.
    """
    waiting = detector.waiting_since(tx)
    if waiting is not None and now - waiting > BEHIND:
        return []  # what has not been decided yet may be evidence
    dismissed = []
    for subsides_after, services in by_time.items():
        kept_for = max(subsides_after, UNJUDGED_AFTER)
        long_quiet = set(detector.quiet_since(tx, services, now - kept_for))
        for incident_id in detector.quiet_since(tx, services, now - subsides_after):
            if waits_for_approval(tx, incident_id):
                continue  # somebody has judged it, and a second person is asked
            if is_certain(tx, incident_id):
                if incident_id not in long_quiet:
                    continue
                because = (
                    f"certain, and nobody judged it within {kept_for / timedelta(hours=1):g} h of its last evidence"
                )
                incidents.record(
                    tx, incident_id, at=now, event=UNJUDGED, actor=DAEMON.name, detail={"because": because}
                )
            incidents.dismiss(tx, incident_id, now=now, reason=DismissReason.SUBSIDED, actor=DAEMON.name)
            dismissed.append(incident_id)
    return dismissed
