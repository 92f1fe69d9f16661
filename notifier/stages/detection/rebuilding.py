"""Rebuilding: the state in memory is made again from stored baselines and the complaints of the last 28 hours.

What was decided stays decided: nothing here finds, opens or stores anything.
"""

from notifier.domain.cell import KEEP_US, SPAN_US
from notifier.domain.surveillance import Surveillance
from notifier.stages.detection.counts import Regions, StoredCounts
from notifier.storage.database import Transaction
from notifier.storage.repositories import baselines, detector

AT_ONCE = 2_000  # complaints that are held at once; in the order of the stream, on which some decisions depend


def rebuild(tx: Transaction, surveillance: Surveillance, regions: Regions) -> int:
    """Give a surveillance that knows nothing the state of the stored position, and return that position."""
    row = detector.load(tx)
    surveillance.restore_baseline(row.baseline_day, row.state, baselines.shapes(tx))
    if not row.newest_us:
        return row.position
    counts = StoredCounts(tx, regions)
    positions = detector.decided_since(tx, row.newest_us - KEEP_US, row.position)
    for start in range(0, len(positions), AT_ONCE):
        complaints = detector.counted_at(tx, positions[start : start + AT_ONCE])
        regions.expect(tx, (region_id for complaint in complaints for region_id in complaint.regions))
        for complaint in complaints:
            surveillance.remember(counts, complaint)
    counts.expect(list(surveillance.detector.cells))
    surveillance.recall_levels(counts)
    # twice the span: a late complaint asks whether a service of its region had evidence in the span before it
    for key, at_us, grade in detector.newest_evidence(tx, row.newest_us - 2 * SPAN_US):
        surveillance.mark_recorded(key, at_us, grade)
    return row.position
