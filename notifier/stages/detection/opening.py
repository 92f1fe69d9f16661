"""Opening: a suspected incident where evidence finds none, or where a second cause shows itself in the place of one.

In come the findings of one complaint, or a split. Out goes the new incident with its first place. What had long been
quiet there gives way to it, and the commander of a settled one beside it is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from notifier.domain.detection import Finding
from notifier.domain.incident import Impact, IncidentState
from notifier.domain.playbook import Playbook
from notifier.domain.surveillance import Surveillance
from notifier.stages.detection.any_service import service_of
from notifier.stages.detection.following import give_way
from notifier.stages.detection.placing import Placing, Split
from notifier.stages.detection.surroundings import Surroundings, Suspicion
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.repositories import incidents, surroundings


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


def open_first(tx: Transaction, group: Group, attaching: Attaching) -> Opened:
    """Open a suspected incident; one beside it whose place people have settled is told, a quiet one gives way."""
    narrowest = group.findings[0]
    placing = placing_of(tx, group.findings, attaching)
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
        placing.history.note_growth(
            settled.id,
            narrowest.cell.region_id,
            distinct=narrowest.window.observed,
            expected=narrowest.window.expected,
            incident=opened.incident_id,
        )
    return opened


def open_second(tx: Transaction, split: Split, placing: Placing, attaching: Attaching) -> Opened:
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


def placing_of(
    tx: Transaction, findings: Sequence[Finding], attaching: Attaching, service: str | None = None
) -> Placing:
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
