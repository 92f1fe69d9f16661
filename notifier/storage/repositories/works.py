"""Planned work under way, as intake has to know it: whose complaints it explains, and how many have complained.

Read once for many batches; where there is none, this costs one look at the list of incidents.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from notifier.domain.complaint import NotCounted, Whereabouts
from notifier.domain.incident import PartState
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_micros
from notifier.storage.repositories import audience, incidents
from notifier.storage.repositories.audience import Scope

REMEMBERED = timedelta(hours=24)  # after it is done, for complaints that come late
NO_END = 2**62


@dataclass(slots=True, kw_only=True)
class Work:
    """One piece of planned work of which customers were told."""

    incident_id: int
    service: str
    from_us: int
    until_us: int
    region_ids: frozenset[int]
    site_ids: frozenset[int]  # where it is a list
    sites: int  # that it interrupts
    reporters: set[str] = field(default_factory=set)  # whose complaints were set aside

    def explains(self, service: str, where: Whereabouts, at_us: int) -> bool:
        """Tell whether a complaint comes from one of its sites, at its time."""
        if service != self.service or not self.from_us <= at_us < self.until_us:
            return False
        return not self.site_ids.isdisjoint(where.site_ids) or any(each.id in self.region_ids for each in where.regions)


def told(tx: Transaction, now: datetime) -> list[Work]:
    """Return the planned work, announced and not long done, the oldest first."""
    rows = tx.tuples(
        f"""SELECT i.id, i.service, i.window_from_at, p.state, p.restored_at
            FROM incidents AS i JOIN parts AS p ON p.incident_id = i.id AND p.cut_from IS NULL
            WHERE i.kind = 'planned' AND (i.state IN ('scheduled', 'confirmed') OR i.resolved_at >= :since)
              AND EXISTS (SELECT 1 FROM broadcasts AS b WHERE b.incident_id = i.id AND b.started_at IS NOT NULL)
              AND (p.state <> '{PartState.RESTORED}' OR p.restored_at IS NOT NULL)
            ORDER BY i.id""",
        since=to_micros(now - REMEMBERED),
    )
    found = []
    for incident_id, service, from_us, state, restored_us in rows:
        region_ids = tuple(incidents.place_regions(tx, incident_id))
        scope = Scope(incident_id=incident_id, service=service, region_ids=region_ids, channels=())
        work = Work(
            incident_id=incident_id,
            service=service,
            from_us=int(from_us),
            until_us=int(restored_us) if state == PartState.RESTORED else NO_END,
            region_ids=frozenset(region_ids),
            site_ids=frozenset(incidents.listed_site_ids(tx, incident_id)),
            sites=_sites(tx, scope),
        )
        _find_reporters(tx, work)
        found.append(work)
    return found


def _sites(tx: Transaction, scope: Scope) -> int:
    return int(
        tx.scalar(
            f"SELECT count(DISTINCT site_id) FROM ({audience.affected(scope)}) AS affected_ones",
            incident=scope.incident_id,
            pattern=scope.pattern,
        )
    )


def _find_reporters(tx: Transaction, work: Work) -> None:
    """Keep who has complained from its sites already."""
    customers: set[int] = set()
    rows = tx.tuples(
        "SELECT reporter, customer_id, regions FROM complaints WHERE not_counted = :why AND service = :service"
        " AND effective_at >= :since",
        why=NotCounted.PLANNED_WORK,
        service=work.service,
        since=work.from_us,
    )
    if rows and work.site_ids:
        customers = {
            int(row[0])
            for row in tx.tuples(
                """SELECT DISTINCT s.customer_id FROM incident_sites AS l JOIN sites AS s ON s.id = l.site_id
                   WHERE l.incident_id = :id""",
                id=work.incident_id,
            )
        }
    for reporter, customer_id, regions in rows:
        if customer_id in customers or not work.region_ids.isdisjoint(from_json(regions, tuple[int, ...])):
            work.reporters.add(reporter)
