"""What lies around a suspicion: who has called, how many sites a region has, and how regions lie in one another.

Functions of an open transaction; they read only. They are asked when a cell is anomalous, at most once a minute for
each incident, never for every complaint.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.any_service import ANY
from notifier.domain.incident import IncidentState
from notifier.storage.database import Transaction
from notifier.storage.instants import from_json, to_instant, to_micros
from notifier.storage.repositories.incidents import service_pattern

SITES_LOOKED_AT = 500  # of a region, to estimate which share of them has a service, or lies in another region


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident:
    """A suspected or confirmed incident, or one resolved lately, as far as another one must know of it."""

    id: int
    place: tuple[int, ...]
    lists_sites: bool  # beside or instead of regions
    is_over: bool  # resolved
    may_be_placed: bool  # suspected, by the daemon, and without a draft: what people look at stays as it is
    began_at: datetime
    extended_at: datetime  # when its place grew last, or when it began
    evidence_at: datetime | None = None  # the newest


def callers_since(
    tx: Transaction, service: str, *, since_us: int, until_us: int, position: int
) -> dict[tuple[int, ...], int]:
    """Return how many verified complaints counted since a time, by the regions they count in.

    Strangers are left out: whoever may say of himself where he is cannot move an incident about. Of any service it is
    the regions in which their customers had not named another one before.
    """
    rows = tx.tuples(
        """SELECT counted_regions, CASE WHEN :service = :any THEN named_before END AS before, COUNT(*) FROM complaints
           WHERE effective_at >= :since AND effective_at <= :until AND (service = :service OR :service = :any)
             AND verified = 1 AND not_counted IS NULL AND id <= :position
           GROUP BY 1, 2""",
        since=since_us,
        until=until_us,
        service=service,
        any=ANY,
        position=position,
    )
    found: dict[tuple[int, ...], int] = {}
    for regions, named_before, number in rows:
        before = () if named_before is None else from_json(named_before, list[int])
        counted = tuple(each for each in from_json(regions, list[int]) if each not in before)
        found[counted] = found.get(counted, 0) + int(number)
    return found


def sites_with(tx: Transaction, service: str, region_id: int) -> int:
    """Return how many active sites of a region have a service; of a large one, what its first sites suggest."""
    looked_at, having = tx.tuples(
        """SELECT COUNT(*),
                  COALESCE(SUM(CASE WHEN s.status = 'active' AND s.services LIKE :pattern THEN 1 ELSE 0 END), 0)
           FROM (SELECT site_id FROM site_regions WHERE region_id = :region ORDER BY site_id LIMIT :most) AS a
           JOIN sites AS s ON s.id = a.site_id""",
        pattern=service_pattern(service),
        region=region_id,
        most=SITES_LOOKED_AT,
    )[0]
    if looked_at < SITES_LOOKED_AT:
        return int(having)
    every = tx.scalar("SELECT COUNT(*) FROM site_regions WHERE region_id = :region", region=region_id)
    return round(int(every) * int(having) / int(looked_at))


def share_of(tx: Transaction, service: str, narrow: int, wide: int) -> float:
    """Return which share of a region's active sites with a service lies in another region, by its first sites."""
    looked_at, inside = tx.tuples(
        """SELECT COUNT(*), COUNT(b.site_id)
           FROM (SELECT site_id FROM site_regions WHERE region_id = :narrow ORDER BY site_id LIMIT :most) AS a
           JOIN sites AS s ON s.id = a.site_id AND s.status = 'active' AND s.services LIKE :pattern
           LEFT JOIN site_regions AS b ON b.site_id = a.site_id AND b.region_id = :wide""",
        pattern=service_pattern(service),
        narrow=narrow,
        wide=wide,
        most=SITES_LOOKED_AT,
    )[0]
    return inside / looked_at if looked_at else 0.0


def parts_of(tx: Transaction, service: str, region_id: int, kind: str) -> dict[int, int]:
    """Return the regions of a kind that share active sites with a service with a region, and how many of them."""
    rows = tx.tuples(
        """SELECT b.region_id, COUNT(*)
           FROM site_regions AS a
           CROSS JOIN sites AS s CROSS JOIN site_regions AS b CROSS JOIN regions AS r
           WHERE a.region_id = :region
             AND s.id = a.site_id AND s.status = 'active' AND s.services LIKE :pattern
             AND b.site_id = a.site_id AND r.id = b.region_id AND r.kind = :kind
           GROUP BY b.region_id ORDER BY b.region_id""",
        region=region_id,
        pattern=service_pattern(service),
        kind=kind,
    )
    return {int(part): int(sites) for part, sites in rows}


def open_incidents(tx: Transaction, service: str, *, resolved_since: datetime) -> list[OpenIncident]:
    """Return the suspected and confirmed incidents of a service, and those resolved since a time, oldest first.

    Of any service they are those with evidence of that.
    """
    of_service = "i.service = :service" if service != ANY else _WITH_EVIDENCE
    rows = tx.tuples(
        f"""SELECT i.id, i.state, i.opened_by, i.started_at,
                  COALESCE((SELECT MAX(t.at) FROM timeline AS t
                             WHERE t.incident_id = i.id AND t.event = 'now_also'), i.started_at),
                  (SELECT COUNT(*) FROM (SELECT 1 FROM incident_sites AS l WHERE l.incident_id = i.id LIMIT 1) AS a),
                  CASE WHEN EXISTS (SELECT 1 FROM broadcasts AS b WHERE b.incident_id = i.id
                                    AND b.state IN ('draft', 'awaiting_approval')) THEN 1 ELSE 0 END,
                  i.last_evidence_at
           FROM incidents AS i
           WHERE {of_service}
             AND (i.state IN ('suspected', 'confirmed') OR (i.state = 'resolved' AND i.resolved_at >= :since))
             AND i.kind = 'unplanned'
           ORDER BY i.id""",
        service=service,
        since=to_micros(resolved_since),
    )
    places: dict[int, list[int]] = {}
    for incident_id, region_id in tx.tuples(
        f"""SELECT r.incident_id, r.region_id FROM incidents AS i
           JOIN incident_regions AS r ON r.incident_id = i.id AND r.role = 'place'
           WHERE {of_service}
             AND (i.state IN ('suspected', 'confirmed') OR (i.state = 'resolved' AND i.resolved_at >= :since))
             AND i.kind = 'unplanned'
           ORDER BY r.incident_id, r.region_id""",
        service=service,
        since=to_micros(resolved_since),
    ):
        places.setdefault(incident_id, []).append(int(region_id))
    return [
        OpenIncident(
            id=incident_id,
            place=tuple(places.get(incident_id, ())),
            lists_sites=bool(listed),
            is_over=state == IncidentState.RESOLVED,
            may_be_placed=state == IncidentState.SUSPECTED and opened_by == "daemon" and not drafted,
            began_at=to_instant(began),
            extended_at=to_instant(extended),
            evidence_at=None if evidence is None else to_instant(evidence),
        )
        for incident_id, state, opened_by, began, extended, listed, drafted, evidence in rows
    ]


_WITH_EVIDENCE = "EXISTS (SELECT 1 FROM evidence AS e WHERE e.incident_id = i.id AND e.service = :service)"


def regions_with_evidence(tx: Transaction, incident_id: int) -> tuple[set[int], int]:
    """Return the regions that have shown evidence of an incident, and when the earliest window began (microseconds)."""
    rows = tx.tuples(
        "SELECT region_id, MIN(window_from_at) FROM evidence WHERE incident_id = :id GROUP BY region_id", id=incident_id
    )
    return {int(region) for region, _ in rows}, min((int(began) for _, began in rows), default=0)


def grown_by(tx: Transaction, incident_id: int) -> set[str]:
    """Return the codes of the regions that the timeline of an incident already says are out as well."""
    rows = tx.tuples("SELECT detail FROM timeline WHERE incident_id = :id AND event = 'now_also'", id=incident_id)
    return {str(from_json(detail, dict)["now_also"]) for (detail,) in rows}


def move_evidence(tx: Transaction, *, source: int, target: int, region_ids: Iterable[int]) -> None:
    """Let the evidence of some regions belong to another incident."""
    moved: Sequence[dict[str, int]] = [{"source": source, "target": target, "region": each} for each in region_ids]
    tx.run_many("UPDATE evidence SET incident_id = :target WHERE incident_id = :source AND region_id = :region", moved)
    tx.run_many(
        "DELETE FROM incident_regions WHERE incident_id = :source AND region_id = :region AND role = 'attached'",
        [{"source": source, "region": each["region"]} for each in moved],
    )
    tx.run_many(
        """INSERT INTO incident_regions (incident_id, region_id, role) VALUES (:target, :region, 'attached')
           ON CONFLICT (incident_id, region_id) DO NOTHING""",
        [{"target": target, "region": each["region"]} for each in moved],
    )
    tx.run(
        """UPDATE incidents SET last_evidence_at = (SELECT MAX(at) FROM evidence WHERE incident_id = :target)
           WHERE id = :target""",
        target=target,
    )
