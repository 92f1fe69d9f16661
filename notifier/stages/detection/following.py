"""Following: what begins in the place of a suspicion that has been quiet for hours is another outage.

A suspicion that was certain stays for a day until somebody judges it. What is complained about there hours later must
not be taken for it: customers would be told a wrong beginning, the place would be that of both outages, and whoever is
on call would hear of it late. It opens an incident of its own; where that lies in the old place, the old one is over.
"""

from datetime import timedelta

from notifier.domain.detection import Finding
from notifier.domain.incident import DismissReason
from notifier.stages.detection.placing import Placing
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.repositories import incidents
from notifier.storage.repositories.evidence import FOLLOWED, UNJUDGED, is_certain, last_evidence_us


def is_another(
    tx: Transaction, placing: Placing, incident_id: int, finding: Finding, *, subsides_after: timedelta
) -> bool:
    """Tell whether evidence began so long after the newest of a suspicion that it is of another outage."""
    last_us = last_evidence_us(tx, incident_id)
    return (
        last_us is not None
        and to_instant(finding.window.from_us) > to_instant(last_us) + subsides_after
        and placing.may_be_placed(incident_id)
    )


def give_way(tx: Transaction, placing: Placing, old: int, *, to: int, place: tuple[int, ...]) -> None:
    """Let a suspicion end that another one follows, where they share a place; what is a person's stays a person's."""
    if not placing.touches(old, place):
        return
    now = placing.now
    incidents.inherit_left(tx, old, to=to, now=now)
    if is_certain(tx, old):
        because = f"certain, and nobody judged it before #{to} began in its place"
        incidents.record(tx, old, at=now, event=UNJUDGED, actor="daemon", detail={"because": because})
    incidents.record(tx, old, at=now, event=FOLLOWED, actor="daemon", detail={"incident": to})
    incidents.dismiss(tx, old, now=now, reason=DismissReason.SUBSIDED, actor="daemon")
