"""Doubts about a place, for people: which regions of it have weak support, and which beside it may be out as well."""

from collections.abc import Collection

from notifier.storage.database import Transaction
from notifier.storage.views import DoubtView


def standing(tx: Transaction, incident_id: int, place: Collection[int]) -> list[DoubtView]:
    """Return the doubts that still matter to the place of a suspected incident; when it is confirmed, none do.

    What a person has left out of the place or taken into it is settled. Regions of the place come first, then those
    beside it, the largest first.
    """
    rows = tx.rows(
        """SELECT d.*, r.kind, r.code FROM place_doubts AS d
           JOIN incidents AS i ON i.id = d.incident_id AND i.state = 'suspected'
           JOIN regions AS r ON r.id = d.region_id
           WHERE d.incident_id = :id ORDER BY d.named DESC, d.sites DESC, d.region_id""",
        id=incident_id,
    )
    return [
        DoubtView(
            region=f"{row['kind']} {row['code']}",
            named=bool(row["named"]),
            callers=row["callers"],
            expected=row["expected"],
            sites=row["sites"],
            chance=row["chance"],
        )
        for row in rows
        if bool(row["named"]) == (row["region_id"] in place)
    ]
