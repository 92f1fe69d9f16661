"""Moments: a cell as it was at an instant, made again from what is stored, by the code that decides.

In come a cell, an instant and the position up to which the stream had been decided. Out comes the cell with the
baseline of that day and its counted complaints, and how surprising it was. The levels of days that are over are made
again from the counts as they are now: what was imported since then is in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from notifier.config import Config
from notifier.domain import explanation
from notifier.domain.baseline import US_PER_HOUR, LocalTime
from notifier.domain.cell import BEGINNING_US, KEEP_US, SPAN_US, Cell
from notifier.domain.detection import CellKey, Thresholds
from notifier.domain.explanation import Needed, Surprise
from notifier.domain.playbook import Playbook
from notifier.domain.surge import BONUS_AT_MOST, SURGE_US
from notifier.domain.surveillance import Surveillance, ranks
from notifier.stages.detection.counts import Regions, StoredCounts
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.queries import explain
from notifier.storage.queries.explain import Stretch
from notifier.storage.repositories import baselines, detector


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A cell at an instant, when the stream had been decided up to a position."""

    key: CellKey
    label: str  # of its region
    at_us: int
    position: int
    cell: Cell
    per_hour: float  # expected complaints per hour of average weight
    needed: Needed
    found: Surprise


class Moments:
    """Makes cells again."""

    def __init__(self, config: Config, playbooks: Mapping[str, Playbook]) -> None:
        self._playbooks = playbooks
        self._watched = ranks(config.regions.kinds, config.regions.watched)
        self._thresholds = Thresholds(likely=config.detection.likely, certain=config.detection.certain)
        self._local = LocalTime(config.regions.time_zone)

    def at(self, tx: Transaction, key: CellKey, label: str, at_us: int, position: int) -> Moment:
        """Return a cell as it was; `label` is its region as people are shown it."""
        day = self._local.day(at_us)
        surveillance = self._surveillance(tx, key.service, day)
        level = surveillance.level(StoredCounts(tx, Regions()), key)
        cell = Cell(surveillance.detector.shape(key.service))
        cell.set_level(day, level.per_hour, level.daily_mean)
        stretch = Stretch(since_us=at_us - KEEP_US, until_us=at_us, position=position)
        for effective_us, verified in explain.counted(tx, key, stretch):
            cell.add(effective_us, verified=verified)
        ended_us = detector.ended_since(tx, to_instant(at_us - SPAN_US)).get(key, BEGINNING_US)
        needed = Needed(
            thresholds=self._thresholds,
            customers_at_least=self._wanted(key.service),
            since_us=ended_us if ended_us <= at_us else BEGINNING_US,
        )
        found = explanation.surprise(cell, at_us, needed)
        if found.best is not None and found.best.score >= self._thresholds.likely - BONUS_AT_MOST:
            needed = replace(needed, bonus=_bonus(tx, surveillance, key.service, at_us, position))
            found = explanation.surprise(cell, at_us, needed)
        return Moment(
            key=key,
            label=label,
            at_us=at_us,
            position=position,
            cell=cell,
            per_hour=level.per_hour,
            needed=needed,
            found=found,
        )

    def _wanted(self, service: str) -> int:
        """Return how many verified customers a service needs; one that is not configured any more needs one."""
        return self._playbooks[service].minimum_customers if service in self._playbooks else 1

    def _surveillance(self, tx: Transaction, service: str, day: int) -> Surveillance:
        surveillance = Surveillance(self._local, self._thresholds, {service: self._wanted(service)}, self._watched)
        row = detector.load(tx)
        if row.baseline_day == day:
            surveillance.restore_baseline(day, row.state, baselines.shapes(tx))
        else:  # a day that is over, or one that has seen no complaint yet
            surveillance.begin_day(StoredCounts(tx, Regions()), day)
        return surveillance


def _bonus(tx: Transaction, surveillance: Surveillance, service: str, at_us: int, position: int) -> float:
    """Return what a surge of the service added to the score of a cell then."""
    counts = StoredCounts(tx, Regions())
    for complaint in detector.counted_since(tx, at_us - SURGE_US - US_PER_HOUR, position):
        if complaint.service == service and complaint.at_us <= at_us:
            surveillance.remember(counts, complaint)
    return surveillance.detector.bonus(service, at_us)
