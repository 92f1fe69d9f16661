"""Following: what begins in the place of a suspicion that has been quiet for hours is another outage.

A suspicion that was certain stays for a day until somebody judges it. What is complained about there hours later must
not be taken for it: customers would be told a wrong beginning, the place would be that of both outages, and whoever is
on call would hear of it late. It opens an incident of its own; where that lies in the old place, the old one is over.
"""

from collections.abc import Sequence

from notifier.domain.incident import DismissReason
from notifier.stages.detection.placing import Placing
from notifier.storage.database import Transaction
from notifier.storage.repositories import incidents
from notifier.storage.repositories.evidence import FOLLOWED, UNJUDGED, is_certain


def give_way(tx: Transaction, placing: Placing, *, to: int, place: Sequence[int], began_us: int) -> None:
    """Let suspicions end that another one follows in their place; what is a person's stays a person's."""
    now = placing.now
    for old in placing.gone_quiet_in(place, began_us):
        if old == to:
            continue
        incidents.inherit_left(tx, old, to=to, now=now)
        if is_certain(tx, old):
            because = f"certain, and nobody judged it before #{to} began in its place"
            incidents.record(tx, old, at=now, event=UNJUDGED, actor="daemon", detail={"because": because})
        incidents.record(tx, old, at=now, event=FOLLOWED, actor="daemon", detail={"incident": to})
        incidents.dismiss(tx, old, now=now, reason=DismissReason.SUBSIDED, actor="daemon")
