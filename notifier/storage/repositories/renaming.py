"""Renaming a region: a code that the company has changed, and everything that was known under the old one.

The region keeps its id, and with it its counts and levels, complaints, sites and incidents. Nobody may have regions in
memory meanwhile: the daemon does not run.
"""

import json
from datetime import datetime

from notifier.domain.actor import Actor
from notifier.domain.errors import InvalidInput
from notifier.domain.incident import IncidentState
from notifier.domain.region import RegionKey
from notifier.storage.database import Transaction
from notifier.storage.repositories import audit, directory, incidents

ACTION = "regions.rename"


def rename(tx: Transaction, old: RegionKey, new: RegionKey, *, now: datetime, actor: Actor) -> int:
    """Give a region another code, and return how many sites lie in it.

    Raises `InvalidInput` when there is no such region, and when the code is that of another one.
    """
    region_id, taken = directory.region_id(tx, old.kind, old.code), directory.region_id(tx, new.kind, new.code)
    if region_id is None:
        raise InvalidInput(f"{old} is not a region", field="region", value=str(old), expected="one of the directory")
    if taken is not None and taken != region_id:
        raise InvalidInput(
            f"{new} is a region already, with what was counted there: two cannot become one",
            field="region",
            value=str(new),
            expected="a code that no import has brought yet",
        )
    tx.run("UPDATE regions SET code = :code WHERE id = :id", code=new.code, id=region_id)
    for (incident_id,) in tx.tuples(
        """SELECT r.incident_id FROM incident_regions AS r JOIN incidents AS i ON i.id = r.incident_id
           WHERE r.region_id = :region AND r.role = 'place' AND i.state IN (:suspected, :confirmed)
           ORDER BY r.incident_id""",
        region=region_id,
        suspected=IncidentState.SUSPECTED,
        confirmed=IncidentState.CONFIRMED,
    ):
        incidents.set_place(tx, incident_id, incidents.place_regions(tx, incident_id))
    audit.record(tx, at=now, actor=actor, action=ACTION, target=str(old), detail={"to": str(new)})
    return int(tx.scalar("SELECT COUNT(*) FROM site_regions WHERE region_id = :region", region=region_id))


def renamed(tx: Transaction) -> dict[RegionKey, RegionKey]:
    """Return the codes that were given up, each with the one its region has now."""
    found: dict[RegionKey, RegionKey] = {}
    rows = tx.rows("SELECT target, detail FROM audit WHERE action = :action ORDER BY id", action=ACTION)
    for row in rows:
        old, new = _key(row["target"]), _key(json.loads(row["detail"])["to"])
        found = {each: new if now == old else now for each, now in found.items()}
        found[old] = new
        found.pop(new, None)  # in use again
    return found


def _key(text: str) -> RegionKey:
    kind, _, code = text.partition(":")
    return RegionKey(kind, code)
