"""The history of a place: what the timeline of an incident says of the regions it is about, and why.

In come regions with what explains them, as `placing` chose them. Out go events: `place`, and `now_also` where it grew.
"""

from collections.abc import Sequence
from datetime import datetime

from notifier.domain.text import expectation
from notifier.domain.where import Explained
from notifier.stages.detection.surroundings import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.repositories import incidents

REASONS_KEPT = 4  # in the timeline; a storm may have hundreds of regions


class PlaceHistory:
    """Writes into timelines, within one transaction."""

    def __init__(self, tx: Transaction, around: Surroundings, *, now: datetime) -> None:
        """Keep what is written with."""
        self._tx, self._around, self._now = tx, around, now

    def record(self, incident_id: int, explained: Sequence[Explained]) -> None:
        """Write of which regions an incident is now, and why."""
        place = self._tx.scalar("SELECT place FROM incidents WHERE id = :id", id=incident_id)
        detail: dict[str, object] = {"place": place}
        detail["because"] = "; ".join(self._reason(each) for each in explained[:REASONS_KEPT])
        incidents.record(self._tx, incident_id, at=self._now, event="place", actor="daemon", detail=detail)

    def _reason(self, explained: Explained) -> str:
        if not explained.callers and explained.within is not None:
            where = self._around.label(self._tx, explained.within)
            return (
                f"{self._around.label(self._tx, explained.region_id)}: nobody of {explained.sites:,} sites, "
                f"too few to say so, and nearly all of {where} complains"
            )
        said = (
            f"{self._around.label(self._tx, explained.region_id)}: {explained.callers:,} distinct, "
            f"{expectation(explained.expected)} expected, {explained.sites:,} sites"
        )
        if explained.within is not None:
            return f"{said}, the rest of {self._around.label(self._tx, explained.within)} does not complain"
        return f"{said}, in {explained.parts:,} parts of it" if explained.parts > 1 else said

    def note_growth(
        self, incident_id: int, region_id: int, *, distinct: int, expected: float, incident: int | None = None
    ) -> None:
        """Write "now also" into the timeline of an incident; `incident` is the one that stands there."""
        detail: dict[str, object] = {
            "now_also": self._around.code(self._tx, region_id),
            "distinct": distinct,
            "expected": float(f"{expected:.2g}"),
        }
        if incident is not None:
            detail["incident"] = incident
        incidents.record(self._tx, incident_id, at=self._now, event="now_also", actor="daemon", detail=detail)
