"""Doubts about the place of a suspected incident, as the daemon wrote them when it chose the place last.

Functions of an open transaction. In: regions of the place whose callers hardly show that they are out, and siblings
of them that may be out as well. Read for people by `notifier.storage.queries.place_doubts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from notifier.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A region of which one cannot tell well whether it is out."""

    region_id: int
    named: bool  # it is part of the place
    callers: int
    expected: float  # if nothing were wrong
    sites: int
    chance: float  # that it is out


def save(tx: Transaction, incident_id: int, doubts: Sequence[Doubt]) -> None:
    """Make these the doubts about the place of an incident."""
    if sorted(doubts, key=lambda each: each.region_id) == of(tx, incident_id):
        return
    tx.run("DELETE FROM place_doubts WHERE incident_id = :id", id=incident_id)
    columns = ("incident_id", "region_id", "named", "callers", "expected", "sites", "chance")
    rows = [
        (incident_id, each.region_id, int(each.named), each.callers, each.expected, each.sites, each.chance)
        for each in doubts
    ]
    tx.insert_many("place_doubts", columns, rows)


def of(tx: Transaction, incident_id: int) -> list[Doubt]:
    """Return the doubts about the place of an incident, by region."""
    rows = tx.tuples(
        """SELECT region_id, named, callers, expected, sites, chance FROM place_doubts
           WHERE incident_id = :id ORDER BY region_id""",
        id=incident_id,
    )
    return [
        Doubt(region_id=region, named=bool(named), callers=callers, expected=expected, sites=sites, chance=chance)
        for region, named, callers, expected, sites, chance in rows
    ]
