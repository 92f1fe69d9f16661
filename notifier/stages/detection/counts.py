"""What the store knows of the past, as decisions ask for it, within one transaction.

Regions are never renamed or removed under their id, so those seen are kept in memory over transactions.
"""

from collections.abc import Mapping

from notifier.domain.baseline import Level
from notifier.domain.detection import CellKey
from notifier.storage.database import Transaction
from notifier.storage.repositories import baselines, detector


class Regions:
    """The regions seen so far: what kind they are, and what people call them."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[str, str]] = {}  # id -> kind, code
        self._newest = 0

    def find(self, tx: Transaction, region_id: int) -> tuple[str, str]:
        """Return (kind, code) of a region; empty when there is none."""
        if region_id not in self._known:
            for known, kind, code in detector.regions(tx, self._newest):
                self._known[known] = (kind, code)
                self._newest = known
        return self._known.get(region_id, ("", ""))

    def label(self, region_id: int) -> str:
        """Return a region that was found before as people are shown it."""
        kind, code = self._known[region_id]
        return f"{kind} {code}"


class StoredCounts:
    """The counts in the store: `notifier.domain.surveillance.Counts`."""

    def __init__(self, tx: Transaction, regions: Regions) -> None:
        self._tx, self._regions = tx, regions

    def service_hours(self, service: str, before_hour: int) -> Mapping[int, int]:
        """Return the complaints of a service by local hour, before an hour."""
        return baselines.service_hours(self._tx, service, before_hour)

    def regions_by_kind(self) -> Mapping[str, int]:
        """Return how many regions there are of each kind."""
        return baselines.regions_by_kind(self._tx)

    def kind_of(self, region_id: int) -> str:
        """Return the kind of a region, or nothing when there is no such region."""
        return self._regions.find(self._tx, region_id)[0]

    def cell_days(self, key: CellKey, first_day: int, before_day: int) -> Mapping[int, int]:
        """Return the complaints of a cell by local day."""
        return baselines.cell_days(self._tx, key, first_day, before_day)

    def level(self, key: CellKey) -> Level | None:
        """Return the level of a cell that was last put into force and stored."""
        return baselines.level(self._tx, key)
