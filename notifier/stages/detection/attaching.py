"""Attaching: which incident the evidence of one complaint belongs to, or that it opens one.

In come the findings of one complaint, narrow before wide. Out go a suspected incident where none stands, its evidence,
and its place. Nobody is told anything from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.domain.cell import SPAN_US
from notifier.domain.detection import Finding
from notifier.domain.incident import Evidence, Impact, IncidentState
from notifier.domain.playbook import Mode, Playbook
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.repositories import detector, incidents, overlaps, updates
from notifier.storage.repositories.evidence import attach_evidence, narrow

SPAN = timedelta(microseconds=SPAN_US)  # evidence may reach this far back, so what ended since then still counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An incident that was opened, for the log and the metrics."""

    incident_id: int
    service: str
    correlation_id: str


def attach_or_open(
    tx: Transaction,
    findings: Sequence[Finding],
    *,
    playbook: Playbook,
    kinds: Sequence[str],
    correlation_id: str,
    now: datetime,
) -> Opened | None:
    """Give the evidence of one complaint's cells to an incident; the narrowest of them says which, or where."""
    narrowest = findings[0]
    service = narrowest.cell.service
    if playbook.mode is Mode.OBSERVE:
        for finding in findings:
            detector.record_evidence(tx, _evidence(finding))
        return None
    incident_id = _standing(tx, narrowest, now)
    opened = None
    if incident_id is None:
        incident_id = incidents.open_incident(
            tx,
            service=service,
            impact=Impact.DOWN,
            playbook=playbook.name,
            state=IncidentState.SUSPECTED,
            region_ids=[narrowest.cell.region_id],
            started_at=to_instant(narrowest.window.from_us),
            now=now,
            by="daemon",
            correlation_id=correlation_id,
        )
        opened = Opened(incident_id=incident_id, service=service, correlation_id=correlation_id)
    for finding in findings:
        evidence = _evidence(finding)
        attach_evidence(tx, incident_id, evidence, now=now)
        updates.doubt_restoration(tx, incident_id, evidence, now=now)
    narrow(tx, incident_id, kinds=tuple(kinds), now=now)
    return opened


def _standing(tx: Transaction, finding: Finding, now: datetime) -> int | None:
    """Return the incident that evidence belongs to.

    The one that has its region, else the newest that overlaps it, else a suspected one that a wider cell
    around it has opened.
    """
    cell = finding.cell
    known = detector.incident_of_region(tx, cell.service, cell.region_id, now - SPAN)
    if known is not None:
        return known
    overlapping = overlaps.overlapping(
        tx, service=cell.service, region_ids=[cell.region_id], now=now, resolved_within=SPAN
    )
    if overlapping:
        return overlapping[-1]
    return overlaps.suspected_around(tx, service=cell.service, region_id=cell.region_id)


def _evidence(finding: Finding) -> Evidence:
    window = finding.window
    return Evidence(
        region_id=finding.cell.region_id,
        service=finding.cell.service,
        at=to_instant(finding.at_us),
        window_from=to_instant(window.from_us),
        observed=window.observed,
        expected=window.expected,
        score=window.score,
        grade=finding.grade,
        distinct_customers=window.observed,
        verified=window.verified,
        position=finding.position,
    )
