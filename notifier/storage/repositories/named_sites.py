"""Sites that a person names, by regions or in a list: which part they belong to, how many, what they are called.

Functions of an open transaction that walk sites; they read only.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from notifier.domain.incident import PartState
from notifier.storage.database import Transaction
from notifier.storage.repositories import audience, incidents, parts
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.repositories.incidents import PLACE_NAMES_AT_MOST, StoredIncident
from notifier.storage.repositories.parts import StoredPart

AT_ONCE = 1_000  # listed sites in one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How a person names sites of an incident: by regions, or in a list."""

    region_ids: tuple[int, ...] = ()
    site_ids: tuple[int, ...] = ()


def scope(tx: Transaction, incident: StoredIncident, part_id: int | None = None) -> Scope:
    """Return the sites of an incident, or of one of its parts, for walks that ask for no way to reach anybody."""
    return Scope(
        incident_id=incident.id,
        service=incident.service,
        region_ids=tuple(incidents.place_regions(tx, incident.id)),
        channels=(),
        part=parts.scope_of(tx, incident.id, part_id),
    )


def by_part(tx: Transaction, incident: StoredIncident, names: Names) -> dict[int, int]:
    """Return how many of the affected sites that are named belong to each part that stands by itself."""
    every = parts.of_incident(tx, incident.id)
    there, of_position = scope(tx, incident), parts.by_position(every)
    counted: Counter[int] = Counter()
    for walked in walks(names):
        named = f"""SELECT DISTINCT s.id AS site_id FROM {walked} AND s.status = 'active'
                      AND s.services LIKE :pattern AND {audience.in_place(there, "s.id")}"""
        for position, number in tx.tuples(
            f"SELECT each_one.position, count(*) FROM ({parts.owners(named)}) AS each_one GROUP BY each_one.position",
            pattern=there.pattern,
            incident=incident.id,
        ):
            counted[of_position[position]] += int(number)
    own = {part.id for part in every if part.is_own}
    return {part_id: number for part_id, number in counted.items() if part_id in own}


def customers_by_part(tx: Transaction, incident: StoredIncident) -> dict[int, int]:
    """Return how many customers each part of an incident has, where it has any: in one walk over all its sites."""
    there = scope(tx, incident)
    of_position = parts.by_position(parts.of_incident(tx, incident.id))
    rows = tx.tuples(
        f"""SELECT o.position, count(DISTINCT s.customer_id)
            FROM ({parts.owners(f"SELECT site_id FROM ({audience.affected(there)}) AS a")}) AS o
            JOIN sites AS s ON s.id = o.site_id GROUP BY o.position""",
        pattern=there.pattern,
        incident=incident.id,
    )
    return {of_position[position]: int(number) for position, number in rows}


def size(tx: Transaction, incident: StoredIncident, part: StoredPart) -> int:
    """Return how many affected sites a part has."""
    of_part = scope(tx, incident, part.id)
    return int(
        tx.scalar(
            f"SELECT count(DISTINCT site_id) FROM ({audience.affected(of_part)}) AS a",
            incident=incident.id,
            pattern=of_part.pattern,
        )
    )


def customers_of(tx: Transaction, part_id: int, found: StoredBroadcast) -> int:
    """Return how many customers of a part an update is for that was told to it: walks a part of several."""
    part = parts.load(tx, part_id)
    if not parts.are_several(tx, part.incident_id):
        return found.expected_customers
    return audience.customers(tx, scope(tx, incidents.load(tx, part.incident_id), part_id))


def is_all_of(tx: Transaction, incident_id: int, region_id: int, part: StoredPart) -> bool:
    """Tell whether complaints from a region speak of a part: it has sites there, and no other part that is out has."""
    own = parts.own(tx, incident_id)
    if len(own) == 1:
        return True
    incident = incidents.load(tx, incident_id)
    counted = by_part(tx, incident, Names(region_ids=(region_id,)))
    return part.id in counted and not any(
        each.id in counted and each.state is PartState.OUT for each in own if each.id != part.id
    )


def has_all_of(tx: Transaction, incident: StoredIncident, part: StoredPart, region_ids: Sequence[int]) -> bool:
    """Tell whether every affected site of some regions belongs to a part, and lies in no other region of the place."""
    counted = by_part(tx, incident, Names(region_ids=tuple(region_ids)))
    others = [region for region in incidents.place_regions(tx, incident.id) if region not in region_ids]
    if set(counted) != {part.id} or parts.listed_site_ids(tx, part.id):
        return False
    of_part = scope(tx, incident, part.id)
    return not others or (
        tx.scalar(
            f"""SELECT 1 FROM ({audience.affected(of_part)}) AS a JOIN site_regions AS r ON r.site_id = a.site_id
                WHERE r.region_id IN ({audience.numbers(others)}) LIMIT 1""",
            incident=incident.id,
            pattern=of_part.pattern,
        )
        is None
    )


def walks(names: Names) -> list[str]:
    """Return the SQL of the walks over named sites `s`, up to their first condition; lists piece by piece."""
    if names.region_ids:
        regions = audience.numbers(names.region_ids)
        return [f"site_regions AS sr CROSS JOIN sites AS s WHERE sr.region_id IN ({regions}) AND s.id = sr.site_id"]
    pieces = (names.site_ids[start : start + AT_ONCE] for start in range(0, len(names.site_ids), AT_ONCE))
    return [f"sites AS s WHERE s.id IN ({audience.numbers(piece)})" for piece in pieces]


def called_by(tx: Transaction, names: Names) -> str:
    """Return what named sites are called: the names or codes of the regions, or how many are listed."""
    if not names.region_ids:
        return sites_called(len(names.site_ids))
    rows = tx.rows(f"SELECT code, name FROM regions WHERE id IN ({audience.numbers(names.region_ids)}) ORDER BY code")
    called = [row["name"] or row["code"] for row in rows]
    more = len(called) - PLACE_NAMES_AT_MOST
    return ", ".join(called[:PLACE_NAMES_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def sites_called(number: int) -> str:
    """Return what a list of so many sites is called."""
    return "1 site" if number == 1 else f"{number:,} sites"
