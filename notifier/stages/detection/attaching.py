"""Attaching: which incident the evidence of one complaint belongs to, or that it opens one.

In come the findings of one complaint, narrow before wide. Out go a suspected incident where none stands, its evidence,
and its place. Nobody is told anything from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from notifier.domain.any_service import ANY
from notifier.domain.cell import SPAN_US
from notifier.domain.detection import Finding
from notifier.domain.incident import Evidence, Impact, IncidentState
from notifier.domain.playbook import Mode, Playbook
from notifier.domain.surveillance import Surveillance
from notifier.stages.detection.any_service import (
    is_guessed,
    is_of_any,
    named_by,
    service_of,
    stands_of_one,
    take_over,
)
from notifier.stages.detection.following import give_way
from notifier.stages.detection.placing import Placing, Split
from notifier.stages.detection.surroundings import Surroundings, Suspicion
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.repositories import detector, incidents, surroundings, updates
from notifier.storage.repositories.evidence import attach_evidence

SPAN = timedelta(microseconds=SPAN_US)  # evidence may reach this far back, so what ended since then still counts
MINUTE_US = 60_000_000  # a place is chosen anew with the first evidence of a minute


class Group(NamedTuple):
    """The evidence that one complaint has brought."""

    findings: Sequence[Finding]  # narrow before wide
    correlation_id: str
    regions: Sequence[int]  # in which the complaint counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An incident that was opened, for the log and the metrics."""

    incident_id: int
    service: str
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attaching:
    """What all groups of a batch are decided with."""

    around: Surroundings
    surveillance: Surveillance  # what is expected
    playbook: Playbook
    likely: float  # the score from which something is evidence
    now: datetime


def attach_or_open(tx: Transaction, group: Group, attaching: Attaching) -> list[Opened]:
    """Give the evidence of one complaint's cells to an incident; the narrowest of them says which, or where."""
    findings = group.findings
    if attaching.playbook.mode is Mode.OBSERVE:
        for finding in findings:
            detector.record_evidence(tx, _evidence(finding))
        return []
    if findings[0].cell.service == ANY and _stands_of_one(tx, group, attaching):
        for finding in findings:
            detector.record_evidence(tx, _evidence(finding))
        return []
    standing, joins = _standing(tx, group, attaching)
    if standing is None:
        standing = _taken_over(tx, group, attaching)
    if standing is None:
        opened = _open(tx, group, attaching)
        _attach(tx, opened.incident_id, findings, attaching.now)
        return [opened]
    _follow_guess(tx, standing, findings[0], attaching)
    is_due = joins or _is_first_of_minute(tx, standing, findings[0].at_us)
    _attach(tx, standing, findings, attaching.now)
    if not is_due:
        return []
    placing = _placing(tx, findings, attaching, ANY if is_of_any(tx, standing) else None)
    placing.note_beside(standing, [finding.cell.region_id for finding in findings], likely=attaching.likely)
    splits = placing.place_anew(standing)
    if (began_us := placing.began_us(standing)) is not None:
        give_way(tx, placing, to=standing, place=incidents.place_regions(tx, standing), began_us=began_us)
    return [_open_second(tx, split, placing, attaching) for split in splits]


def _standing(tx: Transaction, group: Group, attaching: Attaching) -> tuple[int | None, bool]:
    """Return the incident that evidence belongs to, and whether it joins it from outside its place.

    It is one that shares a site with the narrowest cell. Else it is a suspected one that lies beside it and began or
    grew shortly before. A suspicion that had long been quiet when this began is of another outage.
    """
    finding, placing = group.findings[0], _placing(tx, group.findings, attaching)
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
    placings = (_placing(tx, group.findings, attaching, service) for service in attaching.surveillance.services)
    return stands_of_one(tx, placings, group.findings[0], path)


def _follow_guess(tx: Transaction, incident_id: int, finding: Finding, attaching: Attaching) -> None:
    """Let an incident whose service is a guess be about the one that more of its customers name by now."""
    guessed, named = incidents.load(tx, incident_id).service, service_of(finding)
    if finding.cell.service != ANY or named == guessed or not is_guessed(tx, incident_id):
        return
    placing = _placing(tx, [finding], attaching, ANY)
    if placing.may_be_placed(incident_id) and named_by(tx, finding, named) > named_by(tx, finding, guessed):
        take_over(tx, incident_id, service=named, playbook=attaching.playbook, now=attaching.now)


def _taken_over(tx: Transaction, group: Group, attaching: Attaching) -> int | None:
    """Return the incident whose service was guessed and which this evidence has just named."""
    finding = group.findings[0]
    if finding.cell.service == ANY or len(attaching.surveillance.services) == 1:
        return None
    placing = _placing(tx, group.findings, attaching, ANY)
    standing = placing.standing(finding.cell.region_id, attaching.around.path(tx, group.regions))
    if standing is None or not placing.may_be_placed(standing) or not is_guessed(tx, standing):
        return None
    if placing.has_gone_quiet(standing, finding.window.from_us):
        return None
    take_over(tx, standing, service=finding.cell.service, playbook=attaching.playbook, now=attaching.now)
    place = incidents.place_regions(tx, standing)
    own = _placing(tx, group.findings, attaching)
    give_way(tx, own, to=standing, place=place, began_us=finding.window.from_us)
    return standing


def _attach(tx: Transaction, incident_id: int, findings: Sequence[Finding], now: datetime) -> None:
    for finding in findings:
        evidence = _evidence(finding)
        attach_evidence(tx, incident_id, evidence, now=now)
        updates.doubt_restoration(tx, incident_id, evidence, now=now)


def _open(tx: Transaction, group: Group, attaching: Attaching) -> Opened:
    """Open a suspected incident; one beside it whose place people have settled is told, a quiet one gives way."""
    narrowest = group.findings[0]
    placing = _placing(tx, group.findings, attaching)
    place = placing.first_place([finding.cell.region_id for finding in group.findings])
    opened = _open_suspected(
        tx,
        place,
        attaching,
        service=service_of(narrowest),
        began_at=to_instant(narrowest.window.from_us),
        correlation_id=group.correlation_id,
    )
    placing.note_doubts(opened.incident_id, place)
    give_way(tx, placing, to=opened.incident_id, place=place, began_us=narrowest.window.from_us)
    path = attaching.around.path(tx, group.regions)
    settled = placing.beside(path, narrowest.cell.region_id, narrowest.window.from_us, may_be_placed=False)
    if settled is not None:
        incidents.inherit_left(tx, settled.id, to=opened.incident_id, now=attaching.now)
        placing.note_growth(
            settled.id,
            narrowest.cell.region_id,
            distinct=narrowest.window.observed,
            expected=narrowest.window.expected,
            incident=opened.incident_id,
        )
    return opened


def _open_second(tx: Transaction, split: Split, placing: Placing, attaching: Attaching) -> Opened:
    """Open an incident for a second cause in the place of another one; its evidence goes over to it."""
    first = incidents.load(tx, split.incident_id)
    opened = _open_suspected(
        tx,
        split.region_ids,
        attaching,
        service=first.service,
        began_at=first.started_at,
        correlation_id=first.correlation_id,
    )
    placing.note_doubts(opened.incident_id, split.region_ids)
    surroundings.move_evidence(tx, source=first.id, target=opened.incident_id, region_ids=split.evidence)
    incidents.inherit_left(tx, first.id, to=opened.incident_id, now=attaching.now)
    return opened


def _open_suspected(
    tx: Transaction,
    region_ids: Sequence[int],
    attaching: Attaching,
    *,
    service: str,
    began_at: datetime,
    correlation_id: str,
) -> Opened:
    incident_id = incidents.open_incident(
        tx,
        service=service,
        impact=Impact.DOWN,
        playbook=attaching.playbook.name,
        state=IncidentState.SUSPECTED,
        region_ids=region_ids,
        started_at=began_at,
        now=attaching.now,
        by="daemon",
        correlation_id=correlation_id,
    )
    return Opened(incident_id=incident_id, service=service, correlation_id=correlation_id)


def _placing(tx: Transaction, findings: Sequence[Finding], attaching: Attaching, service: str | None = None) -> Placing:
    """Return the places of the incidents of a service, that of the findings when none is said."""
    narrowest = findings[0]
    suspicion = Suspicion(
        service=service or narrowest.cell.service,
        since_us=min(finding.window.from_us for finding in findings),
        until_us=max(finding.at_us for finding in findings),
        position=narrowest.position,
    )
    return Placing(
        tx,
        attaching.around,
        attaching.surveillance,
        suspicion,
        quiet_after=attaching.playbook.subsides_after,
        now=attaching.now,
    )


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
