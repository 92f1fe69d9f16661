"""The evidence of incidents: kept with what it opened, attached where it comes from a wider cell.

Functions of an open transaction, for the detector.
"""

from datetime import datetime

from notifier.domain.any_service import shown
from notifier.domain.detection import Grade
from notifier.domain.incident import Evidence, RegionRole
from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories.incidents import record

UNJUDGED = "unjudged"  # in the timeline: it was certain, and subsided because nobody ever looked
FOLLOWED = "followed"  # in the timeline: another outage began in its place, hours after its newest evidence


def attach_evidence(tx: Transaction, incident_id: int, evidence: Evidence, *, now: datetime) -> None:
    """Store evidence for an incident; its region attaches when it is not part of the place.

    The timeline is written only when the region or the grade is new to the incident.
    """
    known = tx.scalar(
        "SELECT 1 FROM evidence WHERE incident_id = :id AND region_id = :region AND grade = :grade LIMIT 1",
        id=incident_id,
        region=evidence.region_id,
        grade=evidence.grade,
    )
    store_evidence(tx, evidence, incident_id)
    tx.run(
        """INSERT INTO incident_regions (incident_id, region_id, role) VALUES (:incident, :region, :role)
           ON CONFLICT (incident_id, region_id) DO NOTHING""",
        incident=incident_id,
        region=evidence.region_id,
        role=RegionRole.ATTACHED,
    )
    tx.run("UPDATE incidents SET last_evidence_at = :at WHERE id = :id", at=to_micros(evidence.at), id=incident_id)
    if known is None:
        detail = {
            "region": shown(_region_label(tx, evidence.region_id), evidence.service),
            "grade": evidence.grade,
            "score": round(evidence.score, 2),
            "observed": evidence.observed,
            "expected": float(f"{evidence.expected:.2g}"),
            "seconds": round((evidence.at - evidence.window_from).total_seconds()),
            "customers": evidence.distinct_customers,
        }
        record(tx, incident_id, at=now, event="evidence", actor="daemon", detail=detail)


def is_certain(tx: Transaction, incident_id: int) -> bool:
    """Tell whether evidence of an incident has ever been certain."""
    certain = "SELECT 1 FROM evidence WHERE incident_id = :id AND grade = :grade LIMIT 1"
    return tx.scalar(certain, id=incident_id, grade=Grade.CERTAIN) is not None


def store_evidence(tx: Transaction, evidence: Evidence, incident_id: int | None = None) -> None:
    """Store evidence, of an incident or of none."""
    tx.run(
        """INSERT INTO evidence (incident_id, region_id, service, at, window_from_at, observed, expected, score, grade,
                                 distinct_customers, verified, position)
           VALUES (:incident, :region, :service, :at, :window_from, :observed, :expected, :score, :grade,
                   :distinct_customers, :verified, :position)""",
        incident=incident_id,
        region=evidence.region_id,
        service=evidence.service,
        at=to_micros(evidence.at),
        window_from=to_micros(evidence.window_from),
        observed=evidence.observed,
        expected=evidence.expected,
        score=evidence.score,
        grade=evidence.grade,
        distinct_customers=evidence.distinct_customers,
        verified=evidence.verified,
        position=evidence.position,
    )


def _region_label(tx: Transaction, region_id: int) -> str:
    """Return a region as people are shown it: kind and code."""
    row = tx.row("SELECT kind, code FROM regions WHERE id = :id", id=region_id)
    return "" if row is None else f"{row['kind']} {row['code']}"
