"""Attaching: which incident the evidence of one complaint belongs to, or that it opens one.

In come the findings of one complaint, narrow before wide. Out go a suspected incident where none stands, its evidence,
and its place. Nobody is told anything from here.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from notifier.domain.any_service import ANY
from notifier.domain.cell import SPAN_US
from notifier.domain.detection import Finding
from notifier.domain.incident import Evidence
from notifier.domain.playbook import Mode
from notifier.stages.detection.any_service import (
    is_guessed,
    is_of_any,
    named_by,
    service_of,
    stands_of_one,
    take_over,
)
from notifier.stages.detection.following import give_way
from notifier.stages.detection.opening import Attaching, Group, Opened, open_first, open_second, placing_of
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.repositories import incidents, updates
from notifier.storage.repositories.evidence import attach_evidence, store_evidence

SPAN = timedelta(microseconds=SPAN_US)  # evidence may reach this far back, so what ended since then still counts
MINUTE_US = 60_000_000  # a place is chosen anew with the first evidence of a minute


def attach_or_open(tx: Transaction, group: Group, attaching: Attaching) -> list[Opened]:
    """Give the evidence of one complaint's cells to an incident; the narrowest of them says which, or where."""
    findings = group.findings
    if attaching.playbook.mode is Mode.OBSERVE:
        for finding in findings:
            store_evidence(tx, _evidence(finding))
        return []
    if findings[0].cell.service == ANY and _stands_of_one(tx, group, attaching):
        for finding in findings:
            store_evidence(tx, _evidence(finding))
        return []
    standing, joins = _standing(tx, group, attaching)
    if standing is None:
        standing = _taken_over(tx, group, attaching)
    if standing is None:
        opened = open_first(tx, group, attaching)
        _attach(tx, opened.incident_id, findings, attaching.now)
        return [opened]
    _follow_guess(tx, standing, findings[0], attaching)
    is_due = joins or _is_first_of_minute(tx, standing, findings[0].at_us)
    _attach(tx, standing, findings, attaching.now)
    if not is_due:
        return []
    placing = placing_of(tx, findings, attaching, ANY if is_of_any(tx, standing) else None)
    placing.note_beside(standing, [finding.cell.region_id for finding in findings], likely=attaching.likely)
    splits = placing.place_anew(standing)
    if (began_us := placing.began_us(standing)) is not None:
        give_way(tx, placing, to=standing, place=incidents.place_regions(tx, standing), began_us=began_us)
    return [open_second(tx, split, placing, attaching) for split in splits]


def _standing(tx: Transaction, group: Group, attaching: Attaching) -> tuple[int | None, bool]:
    """Return the incident that evidence belongs to, and whether it joins it from outside its place.

    It is one that shares a site with the narrowest cell. Else it is a suspected one that lies beside it and began or
    grew shortly before. A suspicion that had long been quiet when this began is of another outage.
    """
    finding, placing = group.findings[0], placing_of(tx, group.findings, attaching)
    region_id = finding.cell.region_id
    path = attaching.around.path(tx, group.regions)
    standing = placing.standing(region_id, path)
    if standing is not None and placing.has_gone_quiet(standing, finding.window.from_us):
        return None, False
    if standing is not None:
        return standing, False
    beside = placing.beside(path, region_id, finding.window.from_us, may_be_placed=True)
    return (None, False) if beside is None else (beside.id, True)


def _stands_of_one(tx: Transaction, group: Group, attaching: Attaching) -> bool:
    """Tell whether an incident of a single service stands where customers name several."""
    path = attaching.around.path(tx, group.regions)
    placings = (placing_of(tx, group.findings, attaching, service) for service in attaching.surveillance.services)
    return stands_of_one(tx, placings, group.findings[0], path)


def _follow_guess(tx: Transaction, incident_id: int, finding: Finding, attaching: Attaching) -> None:
    """Let an incident whose service is a guess be about the one that more of its customers name by now."""
    guessed, named = incidents.load(tx, incident_id).service, service_of(finding)
    if finding.cell.service != ANY or named == guessed or not is_guessed(tx, incident_id):
        return
    placing = placing_of(tx, [finding], attaching, ANY)
    if placing.may_be_placed(incident_id) and named_by(tx, finding, named) > named_by(tx, finding, guessed):
        take_over(tx, incident_id, service=named, playbook=attaching.playbook, now=attaching.now)


def _taken_over(tx: Transaction, group: Group, attaching: Attaching) -> int | None:
    """Return the incident whose service was guessed and which this evidence has just named."""
    finding = group.findings[0]
    if finding.cell.service == ANY or len(attaching.surveillance.services) == 1:
        return None
    placing = placing_of(tx, group.findings, attaching, ANY)
    standing = placing.standing(finding.cell.region_id, attaching.around.path(tx, group.regions))
    if standing is None or not placing.may_be_placed(standing) or not is_guessed(tx, standing):
        return None
    if placing.has_gone_quiet(standing, finding.window.from_us):
        return None
    take_over(tx, standing, service=finding.cell.service, playbook=attaching.playbook, now=attaching.now)
    place = incidents.place_regions(tx, standing)
    own = placing_of(tx, group.findings, attaching)
    give_way(tx, own, to=standing, place=place, began_us=finding.window.from_us)
    return standing


def _attach(tx: Transaction, incident_id: int, findings: Sequence[Finding], now: datetime) -> None:
    for finding in findings:
        evidence = _evidence(finding)
        attach_evidence(tx, incident_id, evidence, now=now)
        updates.doubt_restoration(tx, incident_id, evidence, now=now)


def _is_first_of_minute(tx: Transaction, incident_id: int, at_us: int) -> bool:
    """Tell whether an incident has no evidence from this minute yet."""
    last: int | None = tx.scalar("SELECT last_evidence_at FROM incidents WHERE id = :id", id=incident_id)
    return last is None or last // MINUTE_US < at_us // MINUTE_US


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
