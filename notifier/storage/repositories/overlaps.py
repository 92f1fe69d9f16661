"""Where incidents meet: which of them share an affected site with a region, or with one another.

Functions of an open transaction; they read only. Sites decide, not names: a city and a postal code meet when a site
with the service lies in both.
"""

from collections.abc import Collection, Sequence

from notifier.domain.incident import IncidentKind, IncidentState
from notifier.storage.database import Transaction
from notifier.storage.repositories.incidents import load, place_regions, service_pattern, with_state


def overlaps(tx: Transaction, incident_id: int, service: str, region_ids: Sequence[int]) -> bool:
    """Tell whether an incident shares an active site with one of the regions."""
    return any(_overlaps(tx, incident_id, service, region_id) for region_id in region_ids)


def may_share(tx: Transaction, service: str, region_ids: Sequence[int], state: IncidentState) -> list[int]:
    """Return the incidents of a service in a state that may share a site with these regions, ascending; no other does.

    One statement for all of them. A site has one region of each kind, so that regions of one kind share none.
    """
    ours = ", ".join(str(int(region_id)) for region_id in region_ids) or "NULL"
    rows = tx.tuples(
        f"""SELECT i.id FROM incidents AS i
            WHERE i.state = :state AND i.service = :service AND i.kind <> '{IncidentKind.PLANNED}' AND (
                EXISTS (SELECT 1 FROM incident_sites AS l WHERE l.incident_id = i.id)
                OR EXISTS (SELECT 1 FROM incident_regions AS r JOIN regions AS g ON g.id = r.region_id
                           WHERE r.incident_id = i.id AND r.role = 'place'
                             AND (r.region_id IN ({ours})
                                  OR EXISTS (SELECT 1 FROM regions AS o WHERE o.id IN ({ours}) AND o.kind <> g.kind))))
            ORDER BY i.id""",
        state=state,
        service=service,
    )
    return [int(which) for (which,) in rows]


def outside_of(tx: Transaction, incident_id: int) -> list[tuple[int, IncidentState, int]]:
    """Return the other suspected incidents of the service that overlap this one's place.

    Each comes as (id, state, 1 if it has an affected site outside the place, else 0).
    """
    incident, place = load(tx, incident_id), place_regions(tx, incident_id)
    pattern = service_pattern(incident.service)
    found = []
    for other in with_state(tx, IncidentState.SUSPECTED):
        if other.id == incident_id or other.service != incident.service:
            continue
        if any(_overlaps(tx, other.id, incident.service, region_id) for region_id in place):
            found.append((other.id, other.state, int(_reaches_outside(tx, other.id, set(place), pattern))))
    return found


def _overlaps(tx: Transaction, incident_id: int, service: str, region_id: int) -> bool:
    """Tell whether an active site with the service lies both in the region and in the incident's place."""
    places = place_regions(tx, incident_id)
    if region_id in places:
        return True
    pattern = service_pattern(service)
    return lists_any_of(tx, incident_id, region_id, pattern) or any(
        share_a_site(tx, region_id, place, pattern) for place in places
    )


def lists_any_of(tx: Transaction, incident_id: int, region_id: int, pattern: str) -> bool:
    """Tell whether an incident lists an active site of a region by name."""
    found = tx.scalar(
        """SELECT 1 FROM incident_sites AS l
           JOIN site_regions AS sr ON sr.site_id = l.site_id AND sr.region_id = :region
           JOIN sites AS s ON s.id = l.site_id AND s.status = 'active' AND s.services LIKE :pattern
           WHERE l.incident_id = :incident LIMIT 1""",
        incident=incident_id,
        region=region_id,
        pattern=pattern,
    )
    return found is not None


def share_a_site(tx: Transaction, one: int, other: int, pattern: str) -> bool:
    """Tell whether two different regions share an active site; the smaller one is walked."""
    kinds = {row[0] for row in tx.tuples("SELECT kind FROM regions WHERE id IN (:one, :other)", one=one, other=other)}
    if len(kinds) == 1:
        return False  # a site has one region of each kind
    small, large = sorted((one, other), key=lambda region_id: _size(tx, region_id))
    found = tx.scalar(
        """SELECT 1 FROM site_regions AS a
           CROSS JOIN site_regions AS b CROSS JOIN sites AS s
           WHERE a.region_id = :small AND b.region_id = :large AND b.site_id = a.site_id
             AND s.id = a.site_id AND s.status = 'active' AND s.services LIKE :pattern LIMIT 1""",
        small=small,
        large=large,
        pattern=pattern,
    )
    return found is not None


def _reaches_outside(tx: Transaction, incident_id: int, place: set[int], pattern: str) -> bool:
    """Tell whether an affected site of the incident lies in none of the regions of `place`."""
    inside = ", ".join(str(region_id) for region_id in place)
    uncovered = [region_id for region_id in place_regions(tx, incident_id) if region_id not in place]
    sources = [("site_regions", "region_id", region_id) for region_id in uncovered]
    return any(
        tx.scalar(
            f"""SELECT 1 FROM {table} AS w CROSS JOIN sites AS s
                WHERE w.{column} = :key AND s.id = w.site_id AND s.status = 'active' AND s.services LIKE :pattern
                  AND NOT EXISTS (SELECT 1 FROM site_regions AS r
                                  WHERE r.site_id = s.id AND r.region_id IN ({inside})) LIMIT 1""",
            key=key,
            pattern=pattern,
        )
        is not None
        for table, column, key in [*sources, ("incident_sites", "incident_id", incident_id)]
    )


def is_any_beyond(
    tx: Transaction,
    incident_id: int,
    place: Collection[int],
    service: str,
    *,
    region_id: int | None = None,
    site_ids: Sequence[int] = (),
) -> bool:
    """Tell whether an active site, of a region or a list, is neither in the regions of an incident nor listed by it."""
    inside = ", ".join(str(int(each)) for each in place) or "NULL"
    if region_id is None:
        found_in = f"FROM sites AS s WHERE s.id IN ({', '.join(str(int(each)) for each in site_ids) or 'NULL'})"
    else:
        found_in = "FROM site_regions AS w CROSS JOIN sites AS s WHERE w.region_id = :region AND s.id = w.site_id"
    found = tx.scalar(
        f"""SELECT 1 {found_in} AND s.status = 'active' AND s.services LIKE :pattern
              AND NOT EXISTS (SELECT 1 FROM site_regions AS r WHERE r.site_id = s.id AND r.region_id IN ({inside}))
              AND NOT EXISTS (SELECT 1 FROM incident_sites AS l WHERE l.incident_id = :incident AND l.site_id = s.id)
            LIMIT 1""",
        pattern=service_pattern(service),
        incident=incident_id,
        **({} if region_id is None else {"region": region_id}),
    )
    return found is not None


def _size(tx: Transaction, region_id: int) -> int:
    return int(
        tx.scalar(
            "SELECT count(*) FROM (SELECT 1 FROM site_regions WHERE region_id = :region LIMIT 200000) AS counted",
            region=region_id,
        )
    )
