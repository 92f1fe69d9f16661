"""Rebuilding: the state in memory is made again from stored baselines and the complaints of the last 28 hours.

What was decided stays decided: nothing here finds, opens or stores anything.
"""

from notifier.domain.baseline import US_PER_HOUR
from notifier.domain.cell import KEEP_US, SPAN_US
from notifier.domain.surveillance import Surveillance
from notifier.stages.detection.counts import Regions, StoredCounts
from notifier.storage.database import Transaction
from notifier.storage.repositories import baselines, detector

SLICE_US = US_PER_HOUR  # of complaints that are held at once: a cell does not care in which order they come


def rebuild(tx: Transaction, surveillance: Surveillance, regions: Regions) -> int:
    """Give a surveillance that knows nothing the state of the stored position, and return that position."""
    row = detector.load(tx)
    surveillance.restore_baseline(row.baseline_day, row.state, baselines.shapes(tx))
    if not row.newest_us:
        return row.position
    counts = StoredCounts(tx, regions)
    for after_us in range(row.newest_us - KEEP_US, row.newest_us, SLICE_US):
        complaints = detector.counted_between(tx, after_us, min(after_us + SLICE_US, row.newest_us), row.position)
        regions.expect(tx, (region_id for complaint in complaints for region_id in complaint.regions))
        for complaint in complaints:
            surveillance.remember(counts, complaint)
    counts.expect(list(surveillance.detector.cells))
    surveillance.recall_levels(counts)
    for key, at_us, grade in detector.newest_evidence(tx, row.newest_us - SPAN_US):
        if key.service in surveillance.services:
            surveillance.detector.mark_recorded(key, at_us, grade)
    return row.position
