"""Evidence of any service: whose it is, when customers of one place name several services.

It opens an incident only where none of a single service stands; beside one it is kept as evidence that belongs to
nobody, and opens nothing. What it opens takes the service that most of its customers name. That is a guess: the first
service there with evidence of its own takes the incident over, instead of opening another one.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from notifier.domain.any_service import ANY
from notifier.domain.detection import Finding
from notifier.domain.playbook import Playbook
from notifier.stages.detection.placing import Placing
from notifier.storage.database import Transaction
from notifier.storage.repositories import incidents, surroundings

SERVICE = "service"  # in the timeline: evidence of its own says which service it is


def apart(findings: Iterable[Finding]) -> Iterator[list[Finding]]:
    """Yield the findings of one complaint as they are attached: those of its service, then those of any service."""
    own: list[Finding] = []
    of_any: list[Finding] = []
    for finding in findings:
        (of_any if finding.cell.service == ANY else own).append(finding)
    yield from (group for group in (own, of_any) if group)


def service_of(finding: Finding) -> str:
    """Return the service that evidence is about."""
    return finding.named or finding.cell.service


def is_of_any(tx: Transaction, incident_id: int) -> bool:
    """Tell whether customers who name several services have brought evidence of an incident."""
    return _has_evidence(tx, incident_id, "service = :any")


def is_guessed(tx: Transaction, incident_id: int) -> bool:
    """Tell whether the service of an incident is only what most of its customers name."""
    return is_of_any(tx, incident_id) and not _has_evidence(tx, incident_id, "service <> :any")


def stands_of_one(tx: Transaction, placings: Iterable[Placing], finding: Finding, path: tuple[int, ...]) -> bool:
    """Tell whether an incident of a single service has a site of a region; one placing for each service.

    A suspicion that has long been quiet is of another outage, and stands in nobody's way.
    """
    standing = ((placing, placing.standing(finding.cell.region_id, path)) for placing in placings)
    return any(
        each is not None and not is_of_any(tx, each) and not placing.has_gone_quiet(each, finding.window.from_us)
        for placing, each in standing
    )


def named_by(tx: Transaction, finding: Finding, service: str) -> int:
    """Return how many customers of a window name a service."""
    callers = surroundings.callers_since(
        tx, service, since_us=finding.window.from_us, until_us=finding.at_us, position=finding.position
    )
    return sum(number for regions, number in callers.items() if finding.cell.region_id in regions)


def take_over(tx: Transaction, incident_id: int, *, service: str, playbook: Playbook, now: datetime) -> None:
    """Let an incident whose service was guessed be about the service that has evidence of its own there."""
    guessed = incidents.load(tx, incident_id).service
    tx.run(
        "UPDATE incidents SET service = :service, playbook = :playbook WHERE id = :id",
        service=service,
        playbook=playbook.name,
        id=incident_id,
    )
    detail: Mapping[str, object] = {"service": service, "before": guessed}
    incidents.record(tx, incident_id, at=now, event=SERVICE, actor="daemon", detail=detail)


def _has_evidence(tx: Transaction, incident_id: int, which: str) -> bool:
    found = tx.scalar(f"SELECT 1 FROM evidence WHERE incident_id = :id AND {which} LIMIT 1", id=incident_id, any=ANY)
    return found is not None
