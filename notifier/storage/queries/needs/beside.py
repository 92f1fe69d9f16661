"""What stands beside a suspicion, in few words: where exactly it is, planned work there, and who has priority."""

from datetime import datetime

from notifier.storage.database import Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audience, incidents
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.incidents import StoredIncident

CODES_AT_MOST = 4  # of the place, and of what is attached to it


def where(tx: Transaction, incident: StoredIncident) -> str:
    """Return the place with its codes and what else complains: `Riverside (94110, 94112; OLT-7)`."""
    rows = tx.tuples(
        """SELECT ir.role, r.kind, r.code FROM incident_regions AS ir JOIN regions AS r ON r.id = ir.region_id
           WHERE ir.incident_id = :id ORDER BY r.kind DESC, r.code""",
        id=incident.id,
    )
    named = incident.place.split(", ")
    beside_it: dict[str, list[str]] = {}
    for role, kind, code in rows:
        if role != "place":
            beside_it.setdefault(kind, []).append(code)
    groups = [[code for role, _, code in rows if role == "place" and code not in named], *beside_it.values()]
    beside = "; ".join(_few(codes) for codes in groups if codes)
    return f"{incident.place} ({beside})" if beside else incident.place


def planned_work(tx: Transaction, incident: StoredIncident, now: datetime) -> str:
    """Return which announced work at these places may be the cause, or that there is none."""
    found = tx.tuples(
        """SELECT p.id FROM incidents AS p
           WHERE p.kind = 'planned' AND p.service = :service AND p.state IN ('scheduled', 'confirmed')
             AND p.window_from_at <= :now AND (p.state = 'confirmed' OR p.window_until_at >= :since)
             AND (EXISTS (SELECT 1 FROM incident_regions AS a JOIN incident_regions AS b ON b.region_id = a.region_id
                          WHERE a.incident_id = p.id AND b.incident_id = :id)
                  OR EXISTS (SELECT 1 FROM incident_sites AS l
                             WHERE l.incident_id = p.id
                               AND (EXISTS (SELECT 1 FROM site_regions AS s
                                            JOIN incident_regions AS c ON c.region_id = s.region_id
                                            WHERE s.site_id = l.site_id AND c.incident_id = :id)
                                    OR EXISTS (SELECT 1 FROM incident_sites AS m
                                               WHERE m.incident_id = :id AND m.site_id = l.site_id))))
           ORDER BY p.id""",
        id=incident.id,
        service=incident.service,
        now=to_micros(now),
        since=to_micros(incident.started_at),
    )
    return "planned work " + ", ".join(f"#{which}" for (which,) in found) if found else "no planned work"


def priority_sites(tx: Transaction, incident: StoredIncident) -> int:
    """Return how many of the affected sites have priority."""
    scope = Scope(
        incident_id=incident.id,
        service=incident.service,
        region_ids=tuple(incidents.place_regions(tx, incident.id)),
        channels=(),
    )
    return int(
        tx.scalar(
            f"""SELECT count(DISTINCT a.site_id) FROM ({audience.affected(scope)}) AS a
                JOIN sites AS s ON s.id = a.site_id WHERE s.priority = 1""",
            incident=incident.id,
            pattern=scope.pattern,
        )
    )


def _few(codes: list[str]) -> str:
    more = len(codes) - CODES_AT_MOST
    return ", ".join(codes[:CODES_AT_MOST]) + (f" and {more} more" if more > 0 else "")
